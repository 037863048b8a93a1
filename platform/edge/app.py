"""The ASGI application: sockets, hot paths, and Django for everything else, on one port.

Run: python -m edge
"""

import asyncio
import gc
import logging
import os
from collections.abc import Coroutine
from typing import Any

import psycopg
from asgiref.sync import sync_to_async
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Loads the apps: the imports below need their models.
django_pages = get_wsgi_application()

from accounts import acts  # noqa: E402
from accounts.access_book import AccessBook  # noqa: E402
from edge.clients import Client  # noqa: E402
from edge.entry import Entry  # noqa: E402
from edge.feeds import Feeds  # noqa: E402
from edge.http import HotPath, Receive, Scope, Send, send_answer, wrong_method  # noqa: E402
from edge.market import MarketKeeper  # noqa: E402
from edge.open_interest import EVERY_SECONDS, KIND, OpenInterest  # noqa: E402
from edge.pages import Pages  # noqa: E402
from edge.positions import held_positions  # noqa: E402
from edge.routes import METHODS, ROUTES  # noqa: E402
from edge.standing import Standing  # noqa: E402
from edge.streams import Streams, welcome_position  # noqa: E402
from edge.topics import DEPTH_WINDOWS_MS, POSITIONS, Topics  # noqa: E402
from trading.live import LIVE  # noqa: E402
from trading.reads import close_readers  # noqa: E402

RETRY_SECONDS = 0.5
TICK_SECONDS = 0.2
# Most of what a request makes is gone with it, without the collector.
COLLECT_AFTER = (10_000, 20, 50)
_TICK_MS = 200
_SECOND_MS = 1_000
_log = logging.getLogger(__name__)


class Edge:
    """One process of the front."""

    def __init__(self) -> None:
        self.keys = AccessBook()
        self.topics = Topics()
        self.streams = Streams(self.topics, LIVE)
        self.markets = MarketKeeper(LIVE, self.streams)
        self.open_interest = OpenInterest(self.topics, LIVE)
        self.standing = Standing(self.topics)
        self.hot = HotPath(self.keys)
        # Whoever uses both doors has one limit.
        entry = Entry(self.keys, signed=self.hot.signed, unsigned=self.hot.unsigned)
        self.feeds = Feeds(self.keys, self.topics, self._welcome, entry)
        self.keys.changed = self.feeds.drop_revoked
        self.pages = Pages(django_pages)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one socket, or the process's own life."""
        if scope["type"] == "http":
            route = ROUTES.get((scope["method"], scope["path"]))
            if route is not None:
                await self.hot.serve(route, scope, receive, send)
            elif scope["path"] in METHODS:
                await send_answer(send, wrong_method(scope["path"]))
            else:
                await self.pages(scope, receive, send)
        elif scope["type"] == "websocket":
            await self.feeds.serve(scope, receive, send)
        else:
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._load_keys()
        for work in (self.keys.follow, self.markets.follow, self.standing.follow, self._tick):
            self._start(work())
        _settle_memory()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await close_readers()
        await send({"type": "lifespan.shutdown.complete"})

    async def _load_keys(self) -> None:
        """Read the keys before the first request: an edge without them would refuse everybody."""
        while True:
            try:
                await self.keys.load()
            except (psycopg.OperationalError, OperationalError) as error:
                _log.warning("PostgreSQL is away (%s); reading the keys again", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Without its feed or its keys an edge would show and believe old things.
            _log.critical("a part of the edge has ended; the process stops", exc_info=error)
            os._exit(1)

    async def _tick(self) -> None:
        """Send what goes out by the clock: merged depth, tickers, marks, candles."""
        elapsed_ms = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            elapsed_ms += _TICK_MS
            for window, length_ms in DEPTH_WINDOWS_MS.items():
                if elapsed_ms % length_ms == 0:
                    self.streams.flush_depth(window)
            if elapsed_ms % _SECOND_MS == 0:
                self.streams.every_second()
                self.feeds.drop_revoked()
                if acts.something_noted():
                    self._start(_if_possible(sync_to_async(acts.write_denials_in_a_thread)()))
            if elapsed_ms % (EVERY_SECONDS * _SECOND_MS) == 0:
                self._start(_if_possible(self.open_interest.tell_all()))

    def _welcome(self, client: Client, name: str, account: int) -> None:
        self.standing.welcome(client, name, account)
        if name.startswith(POSITIONS):
            self._start(_if_possible(self._tell_positions(client, name, account)))
        elif name.startswith(KIND):
            self._start(_if_possible(self.open_interest.tell(client, name)))

    async def _tell_positions(self, client: Client, name: str, account: int) -> None:
        for position in await held_positions(account):
            names = (POSITIONS, f"{POSITIONS}.{position.market}")
            market = LIVE.markets.get(position.market)
            if market is not None and name in names:
                welcome_position(client, name, position, market)


async def _if_possible(work: Coroutine[Any, Any, None]) -> None:
    """Tell what stands in the database; without it, what comes next is told all the same."""
    try:
        await work
    except (psycopg.OperationalError, OperationalError) as error:
        _log.warning("PostgreSQL is away (%s); something is not told, or not written down", error)


def _settle_memory() -> None:
    """Keep the collector away from what stays: it looked at all of Django time and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


application = Edge()
