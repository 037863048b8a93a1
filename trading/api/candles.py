"""Candles of trades, and of index and mark prices, in all intervals. Public; served by the edge."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from trading import klines
from trading.api.answers import Answer, answer
from trading.api.market_data import Words, market_named, whole_number
from trading.candle_models import PricePoint
from trading.catalog import ListedMarket
from trading.klines import Candle
from trading.live import LIVE
from trading.refusals import Refusal, Refused, invalid_request

MAX_KLINES: Final = 1_500
PRICE_TYPES: Final = ("Last", "Index", "Mark")
# The latest year that a time stamp can mean; later ones are a mistake of unit.
_MAX_SECONDS: Final = 253_402_300_799


async def get_klines(words: Words) -> Answer:
    """Show candles from `startTime` (seconds) on, at most 1,500; empty buckets carry nulls."""
    listed = market_named(words).listed
    interval = _one_of(klines.INTERVALS, words, "interval", default="")
    price_type = _one_of(PRICE_TYPES, words, "priceType", default="Last")
    if "startTime" not in words:
        raise Refused(invalid_request("`startTime` is required, in Unix seconds"))
    now = int(time.time())
    start = whole_number(words, "startTime", default=0, most=_MAX_SECONDS)
    end = min(whole_number(words, "endTime", default=now, most=_MAX_SECONDS), now)
    if start > end:
        raise Refused(Refusal(400, "INVALID_RANGE", "`startTime` must not be after `endTime`"))
    starts = _buckets(interval, start, end)
    price_text: Callable[[int], str] = listed.price_text
    first, last = starts[0], klines.bucket_end(interval, starts[-1])
    if price_type == "Last":
        found = await klines.history(market=listed.symbol, interval=interval, start=first, end=last)
    else:
        is_mark = price_type == "Mark" and listed.is_perp
        found = await _prices(listed, is_mark=is_mark, interval=interval, start=first, end=last)
        price_text = listed.mark_text
    return answer([_kline(listed, interval, at, found.get(at), price_text) for at in starts])


async def _prices(
    listed: ListedMarket, *, is_mark: bool, interval: str, start: int, end: int
) -> dict[int, Candle]:
    """Return the candles of a perpetual's mark, or of the index of what a market trades."""
    symbol = listed.symbol if is_mark else listed.market.base
    if interval == "1s":
        return LIVE.price_seconds[symbol].between(start, end)
    kind = PricePoint.Kind.MARK if is_mark else PricePoint.Kind.INDEX
    return await klines.price_history(
        kind=kind, symbol=symbol, interval=interval, start=start, end=end
    )


def _one_of(allowed: tuple[str, ...], words: Words, name: str, *, default: str) -> str:
    value = words.get(name, default)
    if value not in allowed:
        raise Refused(invalid_request(f"`{name}` must be one of {', '.join(allowed)}"))
    return value


def _buckets(interval: str, start: int, end: int) -> list[int]:
    """Return the starts of the buckets which touch [start, end], the first 1,500 of them."""
    at = klines.bucket_start(interval, start)
    starts: list[int] = []
    while at <= end and len(starts) < MAX_KLINES:
        starts.append(at)
        at = klines.bucket_end(interval, at)
    return starts


def _kline(
    listed: ListedMarket,
    interval: str,
    start: int,
    candle: Candle | None,
    price_text: Callable[[int], str],
) -> dict[str, object]:
    return {
        "close": price_text(candle.close_ticks) if candle else None,
        "end": _moment(klines.bucket_end(interval, start)),
        "high": price_text(candle.high_ticks) if candle else None,
        "low": price_text(candle.low_ticks) if candle else None,
        "open": price_text(candle.open_ticks) if candle else None,
        "quoteVolume": listed.quote_text(candle.quote_atoms if candle else 0),
        "start": _moment(start),
        "trades": str(candle.trades if candle else 0),
        "volume": listed.quantity_text(candle.lots if candle else 0),
    }


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
