"""Hand explanations over to the tables, beside the feed: what is slow there holds up no price.

Also where the feed hears what staff have halted. While the tables are away the last word of staff
holds, and the oldest explanations that wait are lost at last, never a price.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from gateway.explained import Explanation

log = logging.getLogger(__name__)

WAITING_SECONDS = 3_600
ROUND_SECONDS = 1.0


class Records(Protocol):
    """The tables, as the feed knows them. Both may raise anything, and may take long."""

    def keep(self, explanations: Sequence[Explanation]) -> None: ...

    def halted(self) -> frozenset[str]: ...


class Recorder:
    """Keep what waits for the tables."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._waiting: deque[Explanation] = deque(maxlen=WAITING_SECONDS)
        self._is_away = False
        self.halted: frozenset[str] = frozenset()
        # Set once the tables have said what is halted: before, no price may be told.
        self.heard = asyncio.Event()

    def note(self, explanation: Explanation) -> None:
        """Take the explanation of a second; never waits."""
        self._waiting.append(explanation)

    async def run(self) -> None:
        """Hand over what waits, once a second, until cancelled; what is left then as well."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(ROUND_SECONDS)
        finally:
            await self.round()

    async def round(self) -> None:
        """Hand over what waits and hear what is halted; say it once if that fails."""
        batch = list(self._waiting)
        try:
            await asyncio.to_thread(self._records.keep, batch)
            self.halted = await asyncio.to_thread(self._records.halted)
        # A database can fail in any way: prices go on without it.
        except Exception as error:  # noqa: BLE001
            if not self._is_away:
                words = str(error).splitlines()[0] if str(error) else type(error).__name__
                log.warning("Explanations of prices wait, their tables are away: %s", words)
            self._is_away = True
            return
        self.heard.set()
        if self._is_away:
            log.info("Explanations of prices are kept again.")
        self._is_away = False
        kept = {explanation.second for explanation in batch}
        while self._waiting and self._waiting[0].second in kept:
            self._waiting.popleft()
