"""A settlement cycle of a market with ten thousand positions, committed, beside order entry.

Orders come in at a steady rate; the cycle's next command is given when the one before is committed,
as its job does. What an order waits then, beside what it waits when nothing is settled, is what
the cycle costs everybody else.
"""

import threading
import time

from bench.commit import Feeder
from bench.database import empty
from bench.report import line, percentiles
from engine import commands as c
from engine import settlement_events as se
from engine import vocabulary as v
from engine.units import PRICE_SCALE, AccountId
from launcher.demo_listing import ASSETS, MARKETS
from sequencer.batch import Batch, Entry
from sequencer.database import Connection, connect

ACCOUNTS = 10_000
PERP = "SOL_USDC_PERP"
MAKER = AccountId(1)
FIRST = 2
PRICE = 100
ORDERS_PER_SECOND = 500
# Up and down, so that every position wins and loses in turn; the first cycle warms up.
MOVES = (101, 99, 102, 98)


def measure() -> None:
    """Print the lines of settlement."""
    with connect("bench") as connection:
        feeder = _Watched(connection)
        feeder.feed(_setup())
        feeder.keep()
        quiet = feeder.order_entry(seconds=3.0)
        cycles, busy = [], []
        for price in MOVES:
            began = time.perf_counter()
            busy += feeder.settle(price)
            cycles.append(time.perf_counter() - began)
        realized = feeder.realized
        feeder.finish()
    empty()
    assert realized == ACCOUNTS * len(MOVES), f"{realized} positions were settled"
    slowest = max(cycles[1:])
    line(
        f"auto-realize over {ACCOUNTS:,} positions",
        rate=ACCOUNTS / slowest,
        latency=f"{slowest * 1000:,.0f} all",
        includes="every account wins or loses: collected, paid and lent on, all rows committed",
    )
    line(
        f"an order, {ORDERS_PER_SECOND} a second, nothing settled",
        latency=percentiles(quiet),
        includes="applied and committed, no HTTP",
    )
    line(
        "the same while a cycle runs",
        latency=percentiles(busy),
        includes="p99 may be 50 ms above the line before",
    )


class _Watched(Feeder):
    """A feeder which knows how long each order waits for its commit."""

    def __init__(self, connection: Connection) -> None:
        self.waits: list[float] = []
        self.realized = 0
        self.done = threading.Event()
        self._asked: dict[str, float] = {}
        super().__init__(connection)

    def order_entry(self, *, seconds: float) -> list[float]:
        """Place orders at the steady rate and nothing else; return what each waited."""
        self.done.clear()
        timer = threading.Timer(seconds, self.done.set)
        timer.start()
        return self._place_until_done()

    def settle(self, price: int) -> list[float]:
        """Move the price and run one whole cycle beside the orders; return what each waited."""
        self.done.clear()
        self._apply("price", c.UpdatePrices(prices_e8={"SOL": price * PRICE_SCALE}))
        self._apply("cycle", c.AutoRealize(market=PERP))
        return self._place_until_done()

    def _place_until_done(self) -> list[float]:
        self.waits = []
        due, number = time.perf_counter(), 0
        while not self.done.is_set():
            pause = due - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            # Late orders are not forgotten: they have waited since they were due.
            order = c.PlaceOrder(
                account=MAKER,
                market="BTC_USDC",
                side=v.Side.BID,
                price_ticks=400_000 + number % 1_000,
                lots=10,
                time_in_force=v.IOC,
            )
            self._apply("order", order, asked=due)
            number += 1
            due += 1 / ORDERS_PER_SECOND
        return self.waits

    def _apply(self, kind: str, command: c.AnyCommand, *, asked: float | None = None) -> None:
        command_id = f"{kind}:{time.perf_counter_ns()}"
        self._asked[command_id] = asked or time.perf_counter()
        self.apply_one(command, command_id)

    def _committed(self, batch: Batch) -> None:
        now = time.perf_counter()
        for entry in batch.entries:
            asked = self._asked.pop(entry.command_id, None)
            if asked is not None and entry.command_id.startswith("order:"):
                self.waits.append(now - asked)
        super()._committed(batch)
        for entry in batch.entries:
            if entry.command_id.startswith("cycle:"):
                self._go_on(entry)

    def _go_on(self, entry: Entry) -> None:
        self.realized += sum(isinstance(event, se.ProfitRealized) for event in entry.events)
        answer = entry.events[0]
        assert isinstance(answer, se.MarketRealized), answer
        if answer.done:
            self.done.set()
        else:
            self._apply("cycle", c.AutoRealize(market=PERP))


def _setup() -> list[c.AnyCommand]:
    """Return what gives each of the accounts a position of 10 SOL, long or short, at 100."""
    commands: list[c.AnyCommand] = [c.ListAsset(asset=asset) for asset in ASSETS]
    prices = {"USDC": 1, "USDT": 1, "BTC": 50_000, "ETH": 2_500, "SOL": PRICE}
    commands.append(c.UpdatePrices(prices_e8={s: p * PRICE_SCALE for s, p in prices.items()}))
    commands += [c.ListMarket(market=market) for market in MARKETS]
    for number in range(ACCOUNTS + 1):
        account = AccountId(MAKER + number)
        commands += [
            c.OpenAccount(account=account, owner=account),
            c.UpdateAccount(account=account, auto_lend=account != MAKER),
            c.CreditDeposit(account=account, asset="USDC", amount_atoms=10_000 * 10**6),
        ]
    for number in range(ACCOUNTS):
        commands.append(
            c.PlaceOrder(
                account=AccountId(FIRST + number),
                market=PERP,
                side=v.Side.ASK if number % 2 else v.Side.BID,
                price_ticks=PRICE * 100,
                lots=1_000,
            )
        )
    return commands
