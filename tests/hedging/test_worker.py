"""The worker looks at a desk as soon as something moves, and at no other."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.events import PositionChanged, PricesUpdated
from engine.units import PRICE_SCALE, AccountId
from gateway.codec import encode
from gateway.feed import FeedBatch, FeedItem, FeedSnapshot
from hedging.cycle import Outcome
from hedging.decision import Exposure, Reason, Rest
from hedging.worker import Worker

MARKET = "SOL_USDC_PERP"
DESKS = {11: (MARKET, Decimal(1_000))}
SNAPSHOT = FeedSnapshot(sequence=1, at_ns=1, assets=(), markets=(), index_e8={})


def position(account: int, market: str = MARKET) -> FeedBatch:
    changed = PositionChanged(
        account=AccountId(account),
        market=market,
        position_id=1,
        lots=1,
        quote_atoms=0,
        entry_quote_atoms=0,
        realized_atoms=0,
        fees_atoms=0,
        interest_atoms=0,
        opened_at_ns=0,
    )
    accounts = (AccountId(account),)
    return FeedBatch(items=(FeedItem(1, 1, (), accounts=accounts, private=encode([changed])),))


def mark(dollars: int) -> FeedBatch:
    event = PricesUpdated(index_e8={}, mark_e8={MARKET: dollars * PRICE_SCALE})
    return FeedBatch(items=(FeedItem(1, 1, (event,)),))


def rested(residual: int = 0, *, waits: bool = False) -> Outcome:
    exposure = Exposure(
        inventory=Decimal(-residual),
        position=Decimal(0),
        explained=Decimal(0),
        mark=Decimal(100),
        mark_at=None,
    )
    return Outcome(act=Rest(Reason.WITHIN_LIMIT), waits=waits, exposure=exposure)


def looks(tell: Callable[[Worker], None], outcomes: list[Any], *, seconds: float = 0.2) -> int:
    """Return how often the desk was looked at after it was looked at first."""

    async def live() -> int:
        seen = 0
        results = list(outcomes)

        async def look(market: str) -> Outcome | None:
            nonlocal seen
            assert market == MARKET
            seen += 1
            result = results.pop(0) if results else rested()
            if isinstance(result, Exception):
                raise result
            return result

        worker, stop = Worker(look), asyncio.Event()
        worker.set_desks(DESKS)
        running = asyncio.ensure_future(worker.run(stop))
        await asyncio.sleep(0.05)
        assert seen == 1
        tell(worker)
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.wait_for(running, 2)
        return seen - 1

    return asyncio.run(live())


def test_a_position_of_a_desk_is_looked_at_at_once() -> None:
    assert looks(lambda worker: worker.take(position(11)), [rested()]) == 1


def test_those_of_others_and_in_other_markets_are_not() -> None:
    assert looks(lambda worker: worker.take(position(12)), [rested()]) == 0
    assert looks(lambda worker: worker.take(position(11, "BTC_USDC_PERP")), [rested()]) == 0


def test_a_mark_that_makes_the_residual_too_large_is_looked_at() -> None:
    assert looks(lambda worker: worker.take(mark(101)), [rested(10)]) == 1
    assert looks(lambda worker: worker.take(mark(100)), [rested(10)]) == 0
    assert looks(lambda worker: worker.take(mark(101)), [rested(0)]) == 0


def test_after_a_gap_in_the_feed_every_desk_is_looked_at() -> None:
    assert looks(lambda worker: worker.take(SNAPSHOT), [rested()]) == 1


def test_a_desk_that_waits_is_looked_at_again_in_a_second() -> None:
    for first in (rested(waits=True), None):
        assert looks(lambda worker: None, [first], seconds=0.5) == 0
        assert looks(lambda worker: None, [first], seconds=1.3) == 1


def test_a_look_that_fails_ends_nothing() -> None:
    tell = [position(11)]
    assert looks(lambda worker: worker.take(tell[0]), [RuntimeError("a bug"), rested()]) == 1
