"""A driver for tests: one engine, a clock, plain verbs. It also keeps the books a second time."""

from typing import Any

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine.catalog import Asset, Market
from engine.engine import Engine
from engine.rejects import Reject
from engine.schedule import Work
from engine.units import RAY, SECOND_NS, AccountId, OrderId, div_ceil
from engine.vocabulary import OrderType, Side
from tests.engine import listings
from tests.engine.mirror import Mirror

START_NS = 1_790_000_000 * SECOND_NS

ALICE, BOB, CAROL, DAVE = (AccountId(number) for number in (1001, 1002, 1003, 1004))
BID, ASK = Side.BID, Side.ASK


class Exchange:
    """An engine with the test listings, prices and four accounts without money."""

    def __init__(
        self,
        *,
        assets: tuple[Asset, ...] = listings.ASSETS,
        markets: tuple[Market, ...] = listings.MARKETS,
        accounts: tuple[AccountId, ...] = (ALICE, BOB, CAROL, DAVE),
        index_e8: dict[str, int] | None = None,
    ) -> None:
        self.engine = Engine()
        self.mirror = Mirror()
        self.sequence = 0
        self.at_ns = START_NS
        self.journal: list[tuple[int, int, str, c.AnyCommand]] = []
        for asset in assets:
            self.accept(c.ListAsset(asset=asset))
        self.accept(c.UpdatePrices(prices_e8=listings.INDEX_E8 if index_e8 is None else index_e8))
        for market in markets:
            self.accept(c.ListMarket(market=market))
        for account in accounts:
            self.accept(c.OpenAccount(account=account, owner=account))

    def apply(self, command: c.AnyCommand, *, command_id: str | None = None) -> tuple[e.Event, ...]:
        """Apply a command as the sequencer would; a repeated one takes no number.

        Time stands still between commands, so that amounts can be told to the atom; see `wait`.
        """
        sequence = self.sequence + 1
        command_id = command_id or f"test:{sequence}"
        events = self.engine.apply(
            sequence=sequence, at_ns=self.at_ns, command_id=command_id, command=command
        )
        if not isinstance(events[0], e.CommandRepeated):
            self.sequence = sequence
            self.journal.append((sequence, self.at_ns, command_id, command))
        self.mirror.read(events)
        return events

    def accept(self, command: c.AnyCommand) -> Any:
        """Apply a command that must be accepted; return the event which answers it."""
        answer = self.apply(command)[0]
        assert not isinstance(answer, e.CommandRejected), answer
        return answer

    def refuse(self, command: c.AnyCommand) -> Reject:
        """Apply a command that must be refused and change nothing; return the code."""
        events = self.apply(command)
        assert isinstance(events[0], e.CommandRejected), events[0]
        # Interest which was due is all that a refused command may have brought about.
        due = (e.PoolChanged, e.PoolHourClosed)
        assert all(isinstance(event, due) for event in events[1:]), events
        assert events[0].message.strip(), "a refusal explains itself"
        return events[0].code

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.at_ns += seconds * SECOND_NS

    def advance(self) -> list[e.Event]:
        """Do what is due by now, as the sequencer does after each command; return all events."""
        events: list[e.Event] = []
        while self.engine.due_ns is not None and self.engine.due_ns <= self.at_ns:
            events += self.apply(c.AdvanceTime())[1:]
        return events

    @property
    def is_idle(self) -> bool:
        """Whether the engine has nothing to do by itself before the hour ends."""
        return all(due.work is Work.FUNDING for due in self.engine.state.schedule.live())

    def deposit(self, account: AccountId, asset: str, atoms: int) -> None:
        """Credit money from outside."""
        self.accept(c.CreditDeposit(account=account, asset=asset, amount_atoms=atoms))

    def prices(self, **prices_e8: int) -> None:
        """Set index prices, in USD × 1e8."""
        self.accept(c.UpdatePrices(prices_e8=prices_e8))

    def limit(
        self,
        account: AccountId,
        side: Side,
        lots: int,
        price_ticks: int,
        market: str = "SOL_USDC",
        **terms: Any,
    ) -> oe.OrderPlaced:
        """Place a limit order that must be accepted."""
        placed = self.accept(
            limit(account, side, lots=lots, price_ticks=price_ticks, market=market, **terms)
        )
        assert isinstance(placed, oe.OrderPlaced)
        return placed

    def market(
        self, account: AccountId, side: Side, market: str = "SOL_USDC", **terms: Any
    ) -> oe.OrderPlaced:
        """Place a market order (by `lots` or `quote_atoms`) that must be accepted."""
        placed = self.accept(
            c.PlaceOrder(account=account, market=market, side=side, type=OrderType.MARKET, **terms)
        )
        assert isinstance(placed, oe.OrderPlaced)
        return placed

    def cancel(
        self, account: AccountId, order_id: OrderId, market: str = "SOL_USDC"
    ) -> oe.OrderCancelled:
        """Cancel an order that must be there."""
        cancelled = self.accept(c.CancelOrder(account=account, market=market, order_id=order_id))
        assert isinstance(cancelled, oe.OrderCancelled)
        return cancelled

    def available(self, account: AccountId, asset: str) -> int:
        """Return what the account may spend at once, in atoms."""
        return self.mirror.balance(account, asset).available_atoms

    def locked(self, account: AccountId, asset: str) -> int:
        """Return what open orders hold, in atoms."""
        return self.mirror.balance(account, asset).locked_atoms

    def lent(self, account: AccountId, asset: str) -> int:
        """Return the lend with interest as of the last accrual, rounded down, in atoms."""
        held = self.mirror.balance(account, asset)
        if not held.lend_scaled:
            return 0
        lends = {lends.bucket: lends for lends in self.mirror.pools[asset].lends}
        return held.lend_scaled * lends[held.bucket].lend_index_ray // RAY

    def owed(self, account: AccountId, asset: str) -> int:
        """Return the debt with interest as of the last accrual, rounded up, in atoms."""
        scaled = self.mirror.balance(account, asset).debt_scaled
        return div_ceil(scaled * self.mirror.pools[asset].debt_index_ray, RAY) if scaled else 0

    def position(self, account: AccountId, market: str = "SOL_USDC_PERP") -> tuple[int, int]:
        """Return (lots, quote_atoms) of a perpetual position."""
        position = self.mirror.positions.get((account, market))
        return (position.lots, position.quote_atoms) if position else (0, 0)


def limit(
    account: AccountId, side: Side, *, lots: int | None, price_ticks: int | None, **terms: Any
) -> c.PlaceOrder:
    """Return the command for a limit order, by default on SOL_USDC."""
    terms.setdefault("market", "SOL_USDC")
    return c.PlaceOrder(account=account, side=side, lots=lots, price_ticks=price_ticks, **terms)
