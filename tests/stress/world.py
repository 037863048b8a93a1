"""A small exchange on which each stage of a liquidation is met by one account, by construction.

    market           who is long      what meets them when prices fall
    SOL_USDC_PERP    booked           bids of a trader, to 96
    ETH_USDC_PERP    backed           no bids; a backstop
    BTC_USDC_PERP    ruined           no bids, no backstop: insurance as far as it goes, then ADL
    SOL_USDC         borrower         owes dollars; one bid takes his SOL, too low: lenders lose

On the other side of all of them is `winner`; `lender` lends the dollars.
"""

from typing import Any

from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine.engine import Engine
from engine.snapshot import dump_state, load_state
from engine.state import State
from engine.units import AccountId
from stress.scenario import Scenario, straight
from tests.engine.driver import ASK, BID, Exchange
from tests.engine.listings import ASSETS, BTC_PERP, INDEX_E8, MARKETS, SOL, SOL_PERP

USD = 10**6
E8 = 10**8
BOOKED, BACKED, RUINED, BORROWER, WINNER, LENDER, BIDDER, BACKSTOP = (
    AccountId(number) for number in range(2_001, 2_009)
)
ETH = replace(SOL, symbol="ETH", name="Ether")
ETH_PERP = replace(SOL_PERP, symbol="ETH_USDC_PERP", base="ETH")
# Slow enough for prices to be relied on all the way: two hours.
SLOW = Scenario(others=straight(-400_000, 7_200))
SOL_BOOK, ETH_BOOK, BTC_BOOK = SOL_PERP.symbol, ETH_PERP.symbol, BTC_PERP.symbol


class Recorded(Engine):
    """An engine which keeps what it has said; the copy that a test shocks."""

    def __init__(self, data: bytes) -> None:
        super().__init__(load_state(data))
        self.said: list[e.Event] = []

    @classmethod
    def of(cls, state: State) -> "Recorded":
        """Return a private copy of a state."""
        return cls(dump_state(state))

    def apply(self, **words: Any) -> tuple[e.Event, ...]:
        events = super().apply(**words)
        self.said += events
        return events

    def told(self, *kinds: type[Any]) -> list[Any]:
        """Return the events of some kinds."""
        return [event for event in self.said if isinstance(event, kinds)]

    def moved(self, debit: str, credit: str, kind: str) -> int:
        """Return what the ledger moved from accounts to accounts whose names begin so, in atoms."""
        return sum(
            posted.amount_atoms
            for posted in self.told(e.LedgerPosted)
            if posted.debit.startswith(debit)
            and posted.credit.startswith(credit)
            and posted.kind == kind
        )


class World(Exchange):
    """The exchange before anything is shocked."""

    def __init__(self, *, insurance: int = 0) -> None:
        super().__init__(
            assets=(*ASSETS, ETH),
            markets=(*MARKETS, ETH_PERP),
            accounts=(BOOKED, BACKED, RUINED, BORROWER, WINNER, LENDER, BIDDER, BACKSTOP),
            index_e8={**INDEX_E8, "ETH": 100 * E8},
        )
        for rich in (WINNER, BIDDER, BACKSTOP):
            self.deposit(rich, "USDC", 1_000_000 * USD)
        self.long(BOOKED, SOL_BOOK, lots=10_000, ticks=10_000, cash=1_000)
        self.limit(BIDDER, BID, 20_000, 9_600, SOL_BOOK)
        self.long(BACKED, ETH_BOOK, lots=10_000, ticks=10_000, cash=1_000)
        room = 50_000 * USD
        self.accept(
            c.SetBackstop(account=BACKSTOP, market=ETH_BOOK, minute_micros=room, hour_micros=room)
        )
        self.long(RUINED, BTC_BOOK, lots=20_000, ticks=500_000, cash=1_000)
        self.deposit(LENDER, "USDC", 100_000 * USD)
        self.accept(c.Lend(account=LENDER, asset="USDC", amount_atoms=100_000 * USD))
        self.deposit(BORROWER, "SOL", 100 * 10**9)
        self.accept(c.Borrow(account=BORROWER, asset="USDC", amount_atoms=7_000 * USD))
        self.accept(
            c.RequestWithdrawal(
                account=BORROWER, asset="USDC", amount_atoms=7_000 * USD, withdrawal=1
            )
        )
        self.accept(c.SettleWithdrawal(withdrawal=1))
        self.limit(BIDDER, BID, 20_000, 6_750, "SOL_USDC")
        if insurance:
            self.accept(c.FundInsurance(asset="USDC", amount_atoms=insurance * USD))

    def long(self, account: AccountId, market: str, *, lots: int, ticks: int, cash: int) -> None:
        """Have an account go long against the winner."""
        self.deposit(account, "USDC", cash * USD)
        self.limit(WINNER, ASK, lots, ticks, market)
        self.limit(account, BID, lots, ticks, market)

    def copy(self) -> Recorded:
        """Return a private copy of it."""
        return Recorded.of(self.engine.state)
