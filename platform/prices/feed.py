"""The price feed: once a second, one UpdatePrices command with the index of every listed asset.

It reads what is listed and what was committed last from the engine's own feed, and keeps nothing:
after any restart it goes on from there. A source that is silent, and an engine that is away, cost
one line in the log, and the last prices hold.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Protocol

from django.conf import settings

from engine.commands import UpdatePrices
from engine.events import CommandRejected, PricesUpdated
from engine.units import PRICE_SCALE
from gateway.client import submit_async
from gateway.errors import GatewayError
from gateway.feed import FeedSnapshot, follow
from prices.gate import Gate
from prices.venues import VenueSource
from prices.walk import USDC, WalkSource

log = logging.getLogger(__name__)

# Ticks between two looks at what is listed: a new asset has its price within so many seconds.
LISTED_EVERY_TICKS = 30
SUBMIT_TIMEOUT_SECONDS = 5.0
# A source which is silent for so long is said to be; at the start it needs a few seconds.
MISSING_TICKS = 10


class Source(Protocol):
    """Where prices come from. An asset left out of the answer is held."""

    name: str

    async def quote(self, *, second: int, last_e8: Mapping[str, int]) -> dict[str, int]: ...

    async def close(self) -> None: ...


def chosen_source() -> Source:
    """Return the source which settings.FEED names. Raises ValueError for any other word."""
    if settings.FEED == "walk":
        return WalkSource(settings.FEED_SEED)
    if settings.FEED == "ccxt":
        return VenueSource()
    raise ValueError(f"FEED={settings.FEED!r} is not known; say FEED=walk or FEED=ccxt.")


class Feed:
    """Ask the source each second and submit what passes the gate."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._listed: tuple[str, ...] = ()
        self._committed_e8: dict[str, int] = {}
        self._gate = Gate({})
        self._troubles: dict[str, str] = {}
        self._missing_ticks = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Tick once a second until `stop` is set."""
        log.info("Index prices come from %s.", self._source.name)
        ticks = 0
        while not stop.is_set():
            if not self._listed or ticks % LISTED_EVERY_TICKS == 0:
                await self._look(first=ticks == 0)
            if self._listed:
                await self.tick(int(time.time()))
            ticks += 1
            await _next_second(stop)

    async def tick(self, second: int) -> None:
        """Submit the prices of one second. Whatever is refused or missing holds its last price."""
        proposed = await self._source.quote(second=second, last_e8=self._committed_e8)
        prices = self._admitted(proposed)
        if not prices:
            return
        try:
            outcome = await submit_async(
                UpdatePrices(prices_e8=prices),
                command_id=f"prices:{second}",
                timeout=SUBMIT_TIMEOUT_SECONDS,
            )
        except GatewayError as error:
            self._say("engine", f"Prices are held: {error}.")
            return
        if isinstance(outcome.answer, CommandRejected):
            self._say("engine", f"The engine refused the prices: {outcome.answer.message}")
            return
        self._say("engine", "")
        if isinstance(outcome.answer, PricesUpdated):
            self._committed_e8.update(outcome.answer.index_e8)

    def begin_with(self, snapshot: FeedSnapshot, *, first: bool) -> None:
        """Take over what is listed and, at the start, the prices to go on from."""
        self._listed = tuple(listed.asset.symbol for listed in snapshot.assets)
        self._committed_e8 = dict(snapshot.index_e8)
        if first:
            self._gate = Gate(snapshot.index_e8)

    async def _look(self, *, first: bool) -> None:
        async with aclosing(follow()) as feed:  # type: ignore[type-var]
            async for message in feed:
                if isinstance(message, FeedSnapshot):
                    self.begin_with(message, first=first)
                    return

    def _admitted(self, proposed: Mapping[str, int]) -> dict[str, int]:
        prices = {USDC: PRICE_SCALE} if USDC in self._listed else {}
        missing: list[str] = []
        for symbol in self._listed:
            if symbol == USDC:
                continue
            if symbol not in proposed:
                missing.append(symbol)
                continue
            refusal = self._gate.admit(symbol, proposed[symbol])
            self._say(symbol, refusal or "")
            if refusal is None:
                prices[symbol] = proposed[symbol]
        self._missing_ticks = self._missing_ticks + 1 if missing else 0
        if not missing or self._missing_ticks > MISSING_TICKS:
            names = ", ".join(missing)
            self._say(
                "source", f"No agreed price of {names}: the last ones hold." if missing else ""
            )
        return prices

    def _say(self, subject: str, trouble: str) -> None:
        """Log a trouble when it begins and when it ends, not each second."""
        known = self._troubles.get(subject, "")
        if trouble and not known:
            log.warning("%s", trouble)
        elif known and not trouble:
            log.info("Prices move again: %s.", subject)
        self._troubles[subject] = trouble


async def _next_second(stop: asyncio.Event) -> None:
    now = time.time()
    try:
        await asyncio.wait_for(stop.wait(), timeout=max(0.01, int(now) + 1 - now))
    except TimeoutError:
        return
