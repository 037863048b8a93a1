"""An exchange on which settlement can be checked by hand, and by every truth after each command.

One SOL perpetual without fees; 1 SOL is 100 lots, so 100 SOL lose 100 dollars a dollar of price.
Borrowers pay 6 % a year at every utilization; lenders get it times utilization, without a fee.
"""

from typing import Any

from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import settlement_events as se
from engine import vocabulary as v
from engine.catalog import PoolLimits, RateCurve
from engine.invariants import check
from engine.units import PPB, RAY, AccountId
from tests.engine.driver import ALICE, BOB, CAROL, DAVE, START_NS, Exchange
from tests.engine.interest_books import InterestBooks
from tests.engine.listings import ASSETS, BTC_USDC, SOL_PERP, SOL_USDC, USDC

USD = 10**6
# Two more than the driver has: a lender and a borrower, who make the rates.
LENDER, BORROWER = AccountId(1_100), AccountId(1_101)
FLAT = RateCurve(optimal_ppb=850_000_000, slope1_ppb=0, slope2_ppb=0, base_ppb=60_000_000)
FREE = PoolLimits(max_utilization_ppb=PPB, throttle_threshold_ppb=PPB, throttle_bound_ppb=PPB)
DOLLAR = replace(USDC, curve=FLAT, fee_ppm=0, limits=FREE)
PERP = replace(SOL_PERP, maker_fee_ppm=0, taker_fee_ppm=0)
ON, OFF = True, False


class Settled(Exchange):
    """Carries the perpetual at 100 dollars; checks every truth after each command."""

    def __init__(self, *, lent: int = 150_000, borrowed: int = 100_000, **market: Any) -> None:
        self.books = InterestBooks()
        self.events: list[e.Event] = []
        super().__init__(
            assets=(DOLLAR, *ASSETS[1:]),
            markets=(replace(PERP, **market), SOL_USDC, BTC_USDC),
            accounts=(ALICE, BOB, CAROL, DAVE, LENDER, BORROWER),
        )
        # A whole hour, at which interest compounds.
        self.at_ns = START_NS // (3_600 * 10**9) * 3_600 * 10**9 + 3_600 * 10**9
        self.deposit(LENDER, "USDC", lent * USD)
        self.accept(c.Lend(account=LENDER, asset="USDC", amount_atoms=lent * USD))
        self.deposit(BORROWER, "BTC", 1_000 * 10**8)
        if borrowed:
            loan = c.Borrow(account=BORROWER, asset="USDC", amount_atoms=borrowed * USD)
            self.accept(loan)

    def apply(self, command: c.AnyCommand, *, command_id: str | None = None) -> Any:
        events = super().apply(command, command_id=command_id)
        check(self.engine.state)
        self.books.read(events)
        self.events += events
        return events

    def told(self, kind: type[Any]) -> list[Any]:
        """Return the events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def settings(self, account: AccountId, **settings: Any) -> None:
        self.accept(c.UpdateAccount(account=account, **settings))

    def trade(self, buyer: AccountId, seller: AccountId, sol: int, price: int) -> None:
        self.limit(seller, v.Side.ASK, sol * 100, price * 100, PERP.symbol)
        self.limit(buyer, v.Side.BID, sol * 100, price * 100, PERP.symbol)

    def realize(self, most: int = 500) -> se.MarketRealized:
        """Run one cycle to its end, in steps of `most`, and return the last answer."""
        while True:
            answer = self.accept(c.AutoRealize(market=PERP.symbol, positions_max=most))
            assert isinstance(answer, se.MarketRealized)
            if answer.done:
                return answer

    def profit(self, account: AccountId) -> int:
        lots, quote = self.position(account)
        return lots * self.mirror.mark_e8[PERP.symbol] // 10**4 + quote

    def interest(self, account: AccountId) -> int:
        """Return what has been posted and what still waits, in atoms × ray."""
        position = self.engine.state.accounts[account].positions[PERP.symbol]
        return position.interest * RAY + position.interest_ray

    @property
    def clearing(self) -> Any:
        return self.engine.state.markets[PERP.symbol].perp_clearing()

    @property
    def advanced(self) -> int:
        return self.engine.state.pools["USDC"].debt_atoms(self.clearing.debt_scaled)

    @property
    def surplus_ray(self) -> int:
        return int(self.clearing.house_ray(self.engine.state.pools["USDC"]))

    def grown(self) -> tuple[int, int]:
        """Return the indexes of debts and lends now."""
        self.accept(c.AccrueInterest(asset="USDC"))
        pool = self.engine.state.pools["USDC"]
        return pool.debt_index, pool.buckets[0].index


def positioned(*modes: bool, sizes: tuple[int, ...], rich: int = 100_000, **terms: Any) -> Settled:
    """Return an exchange on which Alice, Bob, ... hold so many SOL, bought and sold at 100."""
    exchange = Settled(**terms)
    names = (ALICE, BOB, CAROL, DAVE)
    for account, mode in zip(names, modes, strict=False):
        exchange.deposit(account, "USDC", rich * USD)
        exchange.settings(account, auto_realize_pnl=mode)
    shorts = [[account, -size] for account, size in zip(names, sizes, strict=False) if size < 0]
    for account, size in zip(names, sizes, strict=False):
        bought = 0
        while bought < size:
            seller, left = shorts[0]
            part = min(size - bought, left)
            exchange.trade(account, AccountId(seller), part, 100)
            bought += part
            shorts[0][1] -= part
            if part == left:
                shorts.pop(0)
    return exchange
