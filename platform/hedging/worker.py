"""The desk's worker: follows the engine's feed and looks at a desk as soon as something moves.

    a desk account's position changed     look at once
    the mark moved beyond the limit       look at once
    the last look must be gone on with    look again in a second
    nothing at all                        the job of the beat looks

It keeps nothing that matters: a look reads committed rows, and may be repeated at any time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from django.db import Error as DatabaseError
from django.db import close_old_connections

from engine.events import PositionChanged, PricesUpdated
from gateway.feed import FeedBatch, FeedSnapshot, decode_events, follow
from hedging import services
from hedging.cycle import Outcome
from hedging.inventory import PRICE_DECIMALS
from hedging.models import Desk

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
# Staff may have set up a desk meanwhile.
DESKS_EVERY_SECONDS = 15.0
# After a look which failed for a reason of our own, such as a database that is away.
FAILED_SECONDS = 5.0

Look = Callable[[str], Awaitable[Outcome | None]]


class Worker:
    """Which desks are to be looked at, and since when."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._accounts: dict[int, str] = {}
        self._limits: dict[str, Decimal] = {}
        self._residuals: dict[str, Decimal] = {}
        self._due: dict[str, float] = {}
        self._woken = asyncio.Event()

    def set_desks(self, desks: dict[int, tuple[str, Decimal]]) -> None:
        """Take over which accounts are desks: account → (market, limit in USD)."""
        self._accounts = {account: market for account, (market, _) in desks.items()}
        self._limits = dict(desks.values())
        for market in self._limits:
            if market not in self._residuals:
                self.wake(market)

    def wake(self, market: str, *, after_seconds: float = 0) -> None:
        """Have a desk looked at, at the latest then."""
        at = asyncio.get_running_loop().time() + after_seconds
        self._due[market] = min(at, self._due.get(market, at))
        self._woken.set()

    def take(self, message: FeedSnapshot | FeedBatch) -> None:
        """See what a message of the feed means for the desks."""
        if isinstance(message, FeedSnapshot):
            # What has happened before it is not told.
            for market in self._limits:
                self.wake(market)
            return
        for item in message.items:
            for event in item.events:
                if isinstance(event, PricesUpdated):
                    self._take_marks(event.mark_e8)
            if self._accounts.keys() & set(item.accounts):
                self._take_positions(item.private)

    def _take_positions(self, private: bytes) -> None:
        for event in decode_events(private):
            if isinstance(event, PositionChanged):
                market = self._accounts.get(event.account)
                if market == event.market:
                    self.wake(market)

    def _take_marks(self, mark_e8: dict[str, int]) -> None:
        for market, limit in self._limits.items():
            mark = Decimal(mark_e8.get(market, 0)).scaleb(-PRICE_DECIMALS)
            if abs(self._residuals.get(market, Decimal(0)) * mark) > limit:
                self.wake(market)

    async def run(self, stop: asyncio.Event) -> None:
        """Look at the desks that are due, one after the other, until told to stop."""
        while not stop.is_set():
            now = asyncio.get_running_loop().time()
            for market in [market for market, at in self._due.items() if at <= now]:
                del self._due[market]
                await self._look_at(market)
            self._woken.clear()
            waits = [at - now for at in self._due.values()]
            await _first(stop, self._woken, seconds=max(0.0, min([AGAIN_SECONDS, *waits])))

    async def _look_at(self, market: str) -> None:
        try:
            outcome = await self._look(market)
        except Exception:
            log.exception("the desk of %s failed; it is looked at again", market)
            self.wake(market, after_seconds=FAILED_SECONDS)
            return
        if outcome is None or outcome.waits:
            self.wake(market, after_seconds=AGAIN_SECONDS)
        if outcome is not None and outcome.exposure is not None:
            self._residuals[market] = outcome.exposure.residual


async def run(stop: asyncio.Event) -> None:
    """Follow the feed and look at desks until `stop` is set."""
    worker = Worker(_look_in_thread)
    tasks = [
        asyncio.ensure_future(work)
        for work in (_follow(worker), _read_desks(worker), worker.run(stop))
    ]
    ended: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    running: tuple[asyncio.Future[Any], ...] = (*tasks, ended)
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for finished in done - {ended}:
        finished.result()


async def _follow(worker: Worker) -> None:
    async for message in follow():
        worker.take(message)


async def _read_desks(worker: Worker) -> None:
    while True:
        try:
            worker.set_desks(await asyncio.to_thread(_desks))
        except DatabaseError as error:
            log.warning("the desks cannot be read (%s); trying again", error)
        await asyncio.sleep(DESKS_EVERY_SECONDS)


def _desks() -> dict[int, tuple[str, Decimal]]:
    close_old_connections()
    rows = Desk.objects.values_list("account_id", "market", "limit_usd")
    return {account: (market, limit) for account, market, limit in rows}


async def _look_in_thread(market: str) -> Outcome | None:
    return await asyncio.to_thread(_look, market)


def _look(market: str) -> Outcome | None:
    close_old_connections()
    return services.hedge(market)


async def _first(stop: asyncio.Event, woken: asyncio.Event, *, seconds: float) -> None:
    """Wait until one of the two is set, or for so long."""
    waiting = [asyncio.ensure_future(event.wait()) for event in (stop, woken)]
    await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
