"""A thousand liquidations within a minute, committed, beside order entry at a steady rate.

The price falls all the minute, a maker follows it, and the engine does what becomes due as the
sequencer has it do. What an order waits then, beside what it waits when nobody is liquidated, is
what the cascade costs everybody else.
"""

import time

from bench.commit import Feeder
from bench.database import empty
from bench.looks import FIRST, MAKER, PERP, PRICE, funded, limit, listed, traded
from bench.report import line, percentiles
from engine import commands as c
from engine import risk_events as r
from engine import vocabulary as v
from engine.units import PRICE_SCALE, AccountId
from sequencer.batch import Batch
from sequencer.database import Connection, connect

ORDERS_PER_SECOND = 500
LOSERS = 1_000
SECONDS = 60
# What the price loses in that time; accounts of 10,000 USD are at their margin all along the way.
FALL_PPM = 70_000
LOTS = 10_000


def measure() -> None:
    """Print what orders wait while a thousand accounts are liquidated within a minute."""
    with connect("bench") as connection:
        feeder = _Cascade(connection)
        feeder.feed(listed())
        feeder.feed(_losers())
        feeder.keep()
        quiet = feeder.order_entry(seconds=3.0, falls_ppm=0)
        busy = feeder.order_entry(seconds=SECONDS + 5.0, falls_ppm=FALL_PPM)
        begun, losers, steps = feeder.begun, len(feeder.losers), feeder.steps
        feeder.finish()
    empty()
    assert losers == LOSERS, f"{losers} accounts were liquidated"
    line(
        f"an order, {ORDERS_PER_SECOND} a second, nobody liquidated",
        latency=percentiles(quiet),
        includes="applied and committed, no HTTP",
    )
    line(
        f"the same while {losers:,} accounts are liquidated in {SECONDS} s",
        latency=percentiles(busy),
        includes=f"{begun:,} liquidations, {steps:,} forced trades; p99 is to be below 250 ms",
    )


class _Cascade(Feeder):
    """A feeder which lets the price fall, has a maker follow it, and does what becomes due."""

    def __init__(self, connection: Connection) -> None:
        self.begun = self.steps = 0
        self.losers: set[AccountId] = set()
        self._waits: list[float] = []
        self._asked: dict[str, float] = {}
        super().__init__(connection)

    def order_entry(self, *, seconds: float, falls_ppm: int) -> list[float]:
        """Place orders at the steady rate, with new prices each second; return their waits."""
        self._waits = []
        began = time.perf_counter()
        for number in range(int(seconds * ORDERS_PER_SECOND)):
            due = began + number / ORDERS_PER_SECOND
            if number % ORDERS_PER_SECOND == 0:
                second = min(number // ORDERS_PER_SECOND, SECONDS)
                self._move_to(PRICE * (10**6 - falls_ppm * second // SECONDS) // 10**4)
            self._advance_until(due)
            self._apply("order", _order(number), asked=due)
        return self._waits

    def _move_to(self, price_ticks: int) -> None:
        """Set the price, in cents, and have the maker quote around it."""
        prices = {symbol: price.now_e8 for symbol, price in self.engine.state.prices.items()}
        prices["SOL"] = price_ticks * PRICE_SCALE // 100
        self._apply("maker", c.CancelAllOrders(account=MAKER, market=PERP))
        for level in range(1, 6):
            for side, price in (
                (v.Side.BID, price_ticks - level),
                (v.Side.ASK, price_ticks + level),
            ):
                self._apply("maker", limit(MAKER, side, PERP, price=price, lots=100_000))
        self._apply("price", c.UpdatePrices(prices_e8=prices))

    def _advance_until(self, due: float) -> None:
        """Do what the engine has to do by itself, until the next order is due."""
        while (left := due - time.perf_counter()) > 0:
            due_ns = self.engine.due_ns
            if due_ns is not None and due_ns <= time.time_ns():
                self._apply("time", c.AdvanceTime())
            else:
                time.sleep(min(left, 0.001))

    def _apply(self, kind: str, command: c.AnyCommand, *, asked: float | None = None) -> None:
        command_id = f"{kind}:{time.perf_counter_ns()}"
        if asked is not None:
            # Late orders are not forgotten: they have waited since they were due.
            self._asked[command_id] = asked
        self.apply_one(command, command_id)

    def _committed(self, batch: Batch) -> None:
        now = time.perf_counter()
        for entry in batch.entries:
            asked = self._asked.pop(entry.command_id, None)
            if asked is not None:
                self._waits.append(now - asked)
            for event in entry.events:
                if isinstance(event, r.LiquidationStarted):
                    self.begun += 1
                    self.losers.add(event.account)
                self.steps += isinstance(event, r.LiquidationFeeCharged)
        super()._committed(batch)


def _order(number: int) -> c.PlaceOrder:
    return c.PlaceOrder(
        account=MAKER,
        market="BTC_USDC",
        side=v.Side.BID,
        price_ticks=400_000 + number % 1_000,
        lots=10,
        time_in_force=v.IOC,
    )


def _losers() -> list[c.AnyCommand]:
    """Return accounts of 10,000 USD of SOL each, of which the falling price takes one by one."""
    commands: list[c.AnyCommand] = []
    for number in range(LOSERS):
        account, usd = AccountId(FIRST + number), 230 + 600 * number // LOSERS
        commands += funded(account, usd=usd)
        commands += traded(account, PERP, price=PRICE * 100, lots=LOTS)
    return commands
