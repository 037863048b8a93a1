"""Quotes of real venues through ccxt: each is asked by a task of its own, so none waits for others.

What a venue answers is taken as it is; prices.agreement decides what it is worth. A venue that does
not answer is said once; its quotes grow old by themselves.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.decimals import format_decimal
from prices.quotes import Quote, price_e8, read_quote, unheard
from prices.sources import Quotes
from prices.terms import USDC, Plan, Venue

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 5_000
# A round of several requests that takes longer is given up: the venue hangs.
ROUND_SECONDS = 15.0
# One round a venue in this time: within every venue's public limits.
POLL_SECONDS = 2.0
BOOK_LEVELS = 5

Connect = Callable[[Venue], Any]


class VenueSource:
    """Follow several venues at once."""

    def __init__(self, plan: Plan, *, connect: Connect | None = None) -> None:
        self.name = f"{', '.join(venue.called for venue in plan.venues)}, through ccxt"
        self._venues = plan.venues
        self._connect = connect or through_ccxt
        self._spot: dict[str, dict[str, Quote]] = {}
        self._perps: dict[str, dict[str, Quote]] = {}
        self._listed: tuple[str, ...] = ()
        self._silent: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def quotes(
        self, *, now_ms: int, listed: Sequence[str], last_e8: Mapping[str, int]
    ) -> Quotes:
        """Return the last quote of each venue, however old."""
        self._listed = tuple(symbol for symbol in listed if symbol != USDC)
        if not self._tasks:
            for venue in self._venues:
                # Until it answers, it is shown for everything: what it lists is not known.
                silent = {
                    symbol: unheard(venue) for symbol in self._listed if symbol != venue.quote
                }
                self._spot[venue.called] = silent
                self._perps[venue.called] = {}
                self._tasks.append(asyncio.create_task(self._follow(venue)))
        return Quotes(spot=_by_asset(self._spot), perps=_by_asset(self._perps))

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, venue: Venue) -> None:
        exchange = None
        asks = [(venue.called, self._ask_spot)]
        if venue.perp:
            asks.append((f"{venue.called} (perpetuals)", self._ask_perps))
        try:
            while True:
                for subject, ask in asks:
                    try:
                        exchange = exchange or self._connect(venue)
                        async with asyncio.timeout(ROUND_SECONDS):
                            await ask(exchange, venue)
                    # Whatever an outside library makes of whatever an outside venue says: the venue
                    # is left out, and asked again.
                    except Exception as error:  # noqa: BLE001
                        self._say_silence(subject, error)
                    else:
                        self._say_answer(subject)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            if exchange is not None:
                await exchange.close()

    async def _ask_spot(self, exchange: Any, venue: Venue) -> None:
        await exchange.load_markets()
        found = await _ask(exchange, venue, self._listed, end=venue.quote)
        known = self._spot[venue.called]
        known.update(found)
        # What it has never told and does not list is not silent, but no source at all.
        for symbol in set(known) - set(found):
            if f"{symbol}/{venue.quote}" not in exchange.markets:
                del known[symbol]

    async def _ask_perps(self, exchange: Any, venue: Venue) -> None:
        await exchange.load_markets()
        found = await _ask(exchange, venue, self._listed, end=venue.perp)
        self._perps[venue.called].update(found)

    def _say_silence(self, subject: str, error: Exception) -> None:
        if subject not in self._silent:
            self._silent.add(subject)
            words = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            log.warning("%s does not answer (%s); it is left out.", subject, words)

    def _say_answer(self, subject: str) -> None:
        if subject in self._silent:
            self._silent.discard(subject)
            log.info("%s answers again.", subject)


def through_ccxt(venue: Venue) -> Any:
    """Return ccxt's client of a venue, which reads numbers as text."""
    import ccxt.async_support as ccxt  # noqa: PLC0415 - heavy, and needed for FEED=ccxt only

    exchange = getattr(ccxt, venue.name)({"timeout": REQUEST_TIMEOUT_MS})
    # Decimal text instead of floats.
    exchange.number = str
    if venue.url:
        exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], venue.url)
    return exchange


async def _ask(exchange: Any, venue: Venue, listed: Sequence[str], *, end: str) -> dict[str, Quote]:
    """Return the quotes of the assets against `end`: "USD", or "USDT:USDT" for perpetuals."""
    currency = end.split(":", maxsplit=1)[0]
    names = {f"{symbol}/{end}": symbol for symbol in listed if symbol != currency}
    wanted = [name for name in names if name in exchange.markets]
    if not wanted:
        return {}
    tickers = await exchange.fetch_tickers(wanted)
    told = {}
    for name in wanted:
        words = tickers.get(name)
        if venue.books:
            words = _of_book(await exchange.fetch_order_book(name, BOOK_LEVELS), words)
        if words is not None:
            heard_ms = time.time_ns() // 1_000_000
            told[names[name]] = read_quote(words, venue=venue, heard_ms=heard_ms, currency=currency)
    return told


def _of_book(book: Mapping[str, Any], ticker: Mapping[str, Any] | None) -> dict[str, object]:
    """Return the top of a book; a market without a last trade has its bid for that.

    Numbers are text here, so that the order in which ccxt has sorted them is not that of prices.
    A book tells when it changed last, not how old the answer is: what counts is that it was told.
    """
    bid = max((price_e8(level[0]) for level in book["bids"]), default=0)
    ask = min((price_e8(level[0]) for level in book["asks"]), default=0)
    told = {side: format_decimal(price, 8) for side, price in (("bid", bid), ("ask", ask))}
    return {**told, "last": told["bid"] if ticker is None else ticker.get("last")}


def _by_asset(venues: Mapping[str, Mapping[str, Quote]]) -> dict[str, list[Quote]]:
    assets: dict[str, list[Quote]] = {}
    for quotes in venues.values():
        for symbol, quote in quotes.items():
            assets.setdefault(symbol, []).append(quote)
    return assets
