"""The price feed: once a second, one UpdatePrices command with the index of every listed asset.

It reads what is listed and what was committed last from the engine's own feed, and keeps nothing
that matters: after any restart it goes on from there. Sources that are silent, tables and an engine
that are away cost one line in the log each, and the last prices hold.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import aclosing

from django.conf import settings

from engine.catalog import MarketKind
from engine.events import CommandRejected, PricesUpdated
from gateway.client import submit_async
from gateway.errors import GatewayError
from gateway.explained import Explained, Explanation
from gateway.feed import FeedSnapshot, follow
from prices.alarms import Alarms
from prices.indexes import Indexes, command_for
from prices.recorder import Recorder
from prices.sources import Source
from prices.tape import open_tape
from prices.terms import Plan
from prices.venues import VenueSource
from prices.walk import WalkSource

log = logging.getLogger(__name__)

# Ticks between two looks at what is listed: a new asset has its price within so many seconds.
LISTED_EVERY_TICKS = 30
SUBMIT_TIMEOUT_SECONDS = 5.0
# The engine shows everything in less; while it is away, what is known is gone on from.
LOOK_SECONDS = 2.0


def chosen_source(plan: Plan) -> Source:
    """Return the source which settings.FEED names. Raises ValueError for any other word."""
    if settings.FEED == "walk":
        return WalkSource(settings.FEED_SEED)
    if settings.FEED == "ccxt":
        return VenueSource(plan)
    if settings.FEED == "tape":
        return open_tape(settings.FEED_TAPE)
    raise ValueError(f"FEED={settings.FEED!r} is not known; say FEED=walk, FEED=ccxt or FEED=tape.")


class Feed:
    """Ask the source each second, submit what its quotes come to, and explain it."""

    def __init__(self, source: Source, *, plan: Plan, recorder: Recorder) -> None:
        self._source = source
        self._recorder = recorder
        self._indexes = Indexes(plan)
        self._alarms = Alarms()
        self._listed: tuple[str, ...] = ()
        self._perps: dict[str, str] = {}
        self._committed_e8: dict[str, int] = {}
        # Whether the last second may have been committed by others, or without our knowing.
        self._is_unsure = False

    async def run(self, stop: asyncio.Event) -> None:
        """Tick once a second until `stop` is set."""
        log.info("Index prices come from %s.", self._source.name)
        ticks = 0
        while not stop.is_set():
            if not self._listed or self._is_unsure or ticks % LISTED_EVERY_TICKS == 0:
                await self._look()
            if self._listed:
                await self.tick(time.time_ns() // 1_000_000)
            ticks += 1
            await _next_second(stop)

    async def tick(self, now_ms: int) -> None:
        """Submit the prices of one second, and note how they came about."""
        second = now_ms // 1_000
        quotes = await self._source.quotes(
            now_ms=now_ms, listed=self._listed, last_e8=self._committed_e8
        )
        told = self._indexes.take(
            quotes,
            now_ms=now_ms,
            listed=self._listed,
            last_e8=self._committed_e8,
            halted=self._recorder.halted,
        )
        self._alarms.look(told, second)
        sequence = await self._submit(told, second)
        self._recorder.note(Explanation(second=second, sequence=sequence, assets=told))

    def begin_with(self, snapshot: FeedSnapshot) -> None:
        """Take over what is listed, and the prices to go on from."""
        self._listed = tuple(listed.asset.symbol for listed in snapshot.assets)
        markets = [shown.listed.market for shown in snapshot.markets]
        self._perps = {one.symbol: one.base for one in markets if one.kind is MarketKind.PERP}
        self._committed_e8 = {
            symbol: price for symbol, price in snapshot.index_e8.items() if price > 0
        }

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS), aclosing(follow()) as feed:  # type: ignore[type-var]
                async for message in feed:
                    if isinstance(message, FeedSnapshot):
                        self.begin_with(message)
                        self._is_unsure = False
                        return
        except TimeoutError:
            return

    async def _submit(self, told: Mapping[str, Explained], second: int) -> int | None:
        """Return the number of the command; None if the engine did not take it."""
        command = command_for(told, perps=self._perps, priced=self._committed_e8.keys())
        if not command.prices_e8 and not command.states:
            return None
        self._is_unsure = True
        try:
            outcome = await submit_async(
                command, command_id=f"prices:{second}", timeout=SUBMIT_TIMEOUT_SECONDS
            )
        except GatewayError as error:
            self._alarms.trouble("engine", f"Prices are held: {error}.")
            return None
        if isinstance(outcome.answer, CommandRejected):
            words = f"The engine refused the prices: {outcome.answer.message}"
            self._alarms.trouble("engine", words)
            return None
        self._is_unsure = False
        self._alarms.trouble("engine", "")
        if isinstance(outcome.answer, PricesUpdated):
            self._committed_e8.update(outcome.answer.index_e8)
        return outcome.sequence


async def _next_second(stop: asyncio.Event) -> None:
    now = time.time()
    try:
        await asyncio.wait_for(stop.wait(), timeout=max(0.01, int(now) + 1 - now))
    except TimeoutError:
        return
