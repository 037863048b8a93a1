"""The stream of what is open in each perpetual: once a minute, and once to who has just come.

The sum over all positions is the database's; it is read at most once a minute, however many ask.
"""

import asyncio
import time
from typing import Final

from edge.topics import Listener, Topics, message, now_us
from trading.live import LiveMarkets
from trading.reads import rows

KIND: Final = "openInterest"
EVERY_SECONDS: Final = 60
_OPEN: Final = "SELECT market, sum(lots) FROM trading_position WHERE lots > 0 GROUP BY market"


class OpenInterest:
    """Tells the listeners of one process."""

    def __init__(self, topics: Topics, live: LiveMarkets) -> None:
        self.topics = topics
        self.live = live
        self._lots: dict[str, int] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def tell_all(self) -> None:
        """Read the sums and tell everybody who listens."""
        if not self.topics.of_kind(KIND):
            return
        await self._read(older_than_seconds=EVERY_SECONDS / 2)
        for topic in self.topics.of_kind(KIND):
            fields = self._fields(topic.parts.symbol)
            if fields is not None:
                topic.send_latest(fields)

    async def tell(self, listener: Listener, name: str) -> None:
        """Tell a newcomer, whose message looks like any other."""
        await self._read(older_than_seconds=EVERY_SECONDS)
        fields = self._fields(name.removeprefix(f"{KIND}."))
        if fields is not None:
            listener.push(message(name, fields))

    async def _read(self, *, older_than_seconds: float) -> None:
        async with self._reading:
            if time.monotonic() - self._read_at >= older_than_seconds:
                self._lots = {row[0]: int(row[1]) for row in await rows(_OPEN)}
                self._read_at = time.monotonic()

    def _fields(self, symbol: str) -> dict[str, object] | None:
        market = self.live.markets.get(symbol)
        if market is None or not market.listed.is_perp:
            return None
        held = market.listed.padded_quantity(self._lots.get(symbol, 0))
        return {"e": KIND, "E": now_us(), "s": symbol, "o": held}
