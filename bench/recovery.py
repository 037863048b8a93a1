"""How long an engine takes to come up with a million open orders."""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

import gc
import random

from bench.engine import Run
from bench.report import line, timed
from bench.workload import FIRST_ACCOUNT, MID_TICKS, listings, setup
from engine import commands as c
from engine import order_events as oe
from engine import vocabulary as v
from engine.snapshot import digest
from engine.units import AccountId
from sequencer import snapshots
from sequencer.database import connect
from sequencer.models import Checkpoint, Snapshot
from sequencer.replica import Replica

ORDERS = 1_000_000
ACCOUNTS = 2_000
MARKETS = 6
PORTION = 10_000


def measure() -> None:
    """Print the line of recovery."""
    gc.disable()
    run = Run()
    run.feed(setup(accounts=ACCOUNTS, markets=MARKETS))
    rng = random.Random(ORDERS)
    symbols = [market.symbol for market in listings(MARKETS)]
    for start in range(0, ORDERS, PORTION):
        outcomes = run.feed([_order(rng, symbols, start + n) for n in range(PORTION)])
        assert all(isinstance(outcome[0], oe.OrderPlaced) for outcome in outcomes)
    written = digest(run.engine.state)
    with connect("bench") as connection:
        assert snapshots.write(connection, Replica(run.engine))
        del run, outcomes
        with timed() as timing:
            replica = Replica.from_snapshot(connection)
        # The other parts expect an empty database.
        for model in (Snapshot, Checkpoint):
            connection.execute(f"DELETE FROM {model._meta.db_table}")
    assert len(replica.engine.state.orders) == ORDERS
    assert digest(replica.engine.state) == written
    line(
        f"recovery of {ORDERS:,} open orders",
        rate=ORDERS / timing.wall,
        cpu_us=timing.cpu / ORDERS * 1e6,
        latency=f"{timing.wall:.1f} s",
        includes=(
            "the snapshot read from PostgreSQL and unpacked, books and sums of accounts rebuilt to "
            "the same digest; no journal after it, not the start of the process"
        ),
    )
    del replica
    gc.enable()
    gc.collect()


def _order(rng: random.Random, symbols: list[str], number: int) -> c.PlaceOrder:
    """Return an order that rests, somewhere in the thousand ticks beside the middle."""
    is_bid = rng.random() < 0.5
    away = 1 + rng.randrange(1_000)
    return c.PlaceOrder(
        account=AccountId(FIRST_ACCOUNT + number % ACCOUNTS),
        market=rng.choice(symbols),
        side=v.Side.BID if is_bid else v.Side.ASK,
        price_ticks=MID_TICKS - away if is_bid else MID_TICKS + away,
        lots=rng.randint(1, 100),
    )
