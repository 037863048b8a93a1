"""Prices of real venues through ccxt: polled each second, one index out of all that answer.

A silent network is said once, and the last prices are held. It never falls back to the walk.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from prices.median import Quote, index_of, price_e8

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 5_000
# One poll a venue in this time: within every venue's public limits.
POLL_SECONDS = 2.0
# What parsing an unexpected answer can raise: that venue is left out, the others go on.
MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Venue(msgspec.Struct, frozen=True):
    """A ccxt exchange and what it quotes the assets in: "USD", or "USDT" to be converted."""

    name: str
    quote: str


# Venues whose one call for all tickers tells bid, ask and last.
VENUES: Final = (
    Venue("kraken", "USD"),
    Venue("bitstamp", "USD"),
    Venue("bitfinex", "USD"),
    Venue("cryptocom", "USD"),
    Venue("okx", "USDT"),
    Venue("kucoin", "USDT"),
)
# Only venues with real dollars say what a USDT is worth.
ASSETS: Final = ("BTC", "ETH", "SOL", "USDT")


class VenueSource:
    """Follow several venues at once."""

    def __init__(self, venues: Sequence[Venue] = VENUES, assets: Sequence[str] = ASSETS) -> None:
        self.name = f"the median of {', '.join(venue.name for venue in venues)}, through ccxt"
        self._assets = assets
        self._quotes: dict[tuple[str, str], tuple[Venue, Quote]] = {}
        self._silent: set[str] = set()
        self._heard = False
        self._venues = venues
        self._tasks: list[asyncio.Task[None]] = []

    async def quote(self, *, second: int, last_e8: Mapping[str, int]) -> dict[str, int]:
        """Return the index of each asset on which enough venues agree, in USD × 1e8."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._follow(venue)) for venue in self._venues]
        now_ms = time.time_ns() // 1_000_000
        agreed: dict[str, int] = {}
        # USDT first: the venues which quote in it need its price.
        for asset in sorted(self._assets, key=lambda symbol: symbol != "USDT"):
            quotes = [
                in_dollars(quote, venue.quote, agreed.get("USDT") or last_e8.get("USDT"))
                for (_, symbol), (venue, quote) in self._quotes.items()
                if symbol == asset
            ]
            usable = [quote for quote in quotes if quote is not None]
            index = index_of(usable, now_ms=now_ms, last_e8=last_e8.get(asset))
            if index is not None:
                agreed[asset] = index
        return agreed

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, venue: Venue) -> None:
        import ccxt.async_support as ccxt  # noqa: PLC0415 - heavy, and needed for FEED=ccxt only

        exchange = getattr(ccxt, venue.name)({"timeout": REQUEST_TIMEOUT_MS})
        # Decimal text instead of floats.
        exchange.number = str
        try:
            while True:
                await self._poll(exchange, venue, ccxt.BaseError)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await exchange.close()

    async def _poll(self, exchange: Any, venue: Venue, failure: type[Exception]) -> None:
        symbols = [f"{asset}/{venue.quote}" for asset in self._assets if asset != venue.quote]
        try:
            await exchange.load_markets()
            listed = [symbol for symbol in symbols if symbol in exchange.markets]
            tickers = await exchange.fetch_tickers(listed)
        except (failure, OSError, TimeoutError, *MALFORMED) as error:
            if venue.name not in self._silent:
                self._silent.add(venue.name)
                self._say_silence(venue, error)
            return
        self._heard = True
        if venue.name in self._silent:
            self._silent.discard(venue.name)
            log.info("%s answers again.", venue.name)
        for symbol, ticker in tickers.items():
            quote = read_ticker(venue.name, ticker, now_ms=time.time_ns() // 1_000_000)
            if quote is not None:
                self._quotes[venue.name, symbol.split("/")[0]] = (venue, quote)

    def _say_silence(self, venue: Venue, error: Exception) -> None:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        if len(self._silent) == len(self._venues):
            log.warning("No venue answers (%s): the last prices hold until one does.", reason)
        elif self._heard:
            log.warning("%s does not answer (%s); it is left out.", venue.name, reason)


def read_ticker(venue: str, ticker: Mapping[str, Any], *, now_ms: int) -> Quote | None:
    """Return a ccxt ticker as a Quote, or None if a price in it is missing or none at all."""
    bid, ask = price_e8(ticker.get("bid")), price_e8(ticker.get("ask"))
    last = price_e8(ticker.get("last"))
    if bid is None or ask is None or last is None:
        return None
    # The venue's own time, where it tells it: an old answer from a cache must not look fresh.
    at_ms = ticker.get("timestamp")
    read_ms = min(now_ms, at_ms) if isinstance(at_ms, int) else now_ms
    return Quote(venue=venue, bid_e8=bid, ask_e8=ask, last_e8=last, at_ms=read_ms)


def in_dollars(quote: Quote, currency: str, usdt_e8: int | None) -> Quote | None:
    """Return the quote in USD: as it is, or times the price of USDT, or None if that is unknown."""
    if currency == "USD":
        return quote
    if usdt_e8 is None:
        return None
    return msgspec.structs.replace(
        quote,
        bid_e8=quote.bid_e8 * usdt_e8 // 10**8,
        ask_e8=quote.ask_e8 * usdt_e8 // 10**8,
        last_e8=quote.last_e8 * usdt_e8 // 10**8,
    )
