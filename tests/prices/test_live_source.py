"""This exchange as a source of another one's prices, asked through ccxt as any venue is."""

import asyncio
import time

import pytest

from gateway.explained import Explained
from prices.indexes import Indexes
from prices.terms import Plan, Venue
from prices.venues import VenueSource
from tests.live import LiveExchange

LISTED = ("USDC", "SOL", "BTC")


@pytest.mark.live
def test_another_instance_of_this_exchange_is_a_source_as_any_venue(exchange: LiveExchange) -> None:
    others = tuple(
        Venue(
            name="backpack",
            label=f"satchel-{number}",
            quote="USDC",
            perp="USDC:USDC",
            books=True,
            url=exchange["web"],
        )
        for number in range(3)
    )
    told = asyncio.run(_asked(Plan(venues=others)))
    for symbol in ("SOL", "BTC"):
        one = told[symbol]
        assert [source.excluded for source in one.sources] == [None] * 3, one
        assert one.index_e8 is not None
        assert one.perp_e8 is not None
        assert abs(one.perp_e8 - one.index_e8) * 20 < one.index_e8


async def _asked(plan: Plan) -> dict[str, Explained]:
    source, indexes = VenueSource(plan), Indexes(plan)
    try:
        for _ in range(30):
            now_ms = time.time_ns() // 1_000_000
            quotes = await source.quotes(now_ms=now_ms, listed=LISTED, last_e8={})
            told = indexes.take(quotes, now_ms=now_ms, listed=LISTED, last_e8={})
            if all(one.index_e8 and (one.perp_e8 or s == "USDC") for s, one in told.items()):
                return told
            await asyncio.sleep(1)
        raise AssertionError(f"no index within 30 seconds: {told}")
    finally:
        await source.close()
