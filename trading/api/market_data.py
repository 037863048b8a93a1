"""The hot public endpoints: what the markets show, from memory where it is live.

Older trades come from PostgreSQL. Every number is text, prices in whole units.
"""

import time
from collections.abc import Mapping
from typing import Final

from engine.catalog import MarketKind, MarketState
from gateway.decimals import format_decimal
from trading import klines
from trading.api.answers import Answer, answer, refused, text
from trading.catalog import ListedMarket
from trading.klines import Candle
from trading.live import LIVE, LiveMarket, merge
from trading.market_states import state_fields
from trading.reads import rows
from trading.refusals import (
    ENGINE_AWAY,
    INVALID_MARKET,
    Refusal,
    Refused,
    invalid_request,
)

Words = Mapping[str, str]

DEPTH_LIMITS: Final = {str(limit): limit for limit in (5, 10, 20, 50, 100, 500, 1000)}
MAX_ROWS: Final = 1_000
# How long a shared cache on the way may keep an answer, in seconds.
TICKER_CACHE: Final = 20
TRADES_CACHE: Final = 5
MAX_OFFSET: Final = 10**9
_WEEK_SECONDS: Final = 7 * klines.DAY
_HOUR_MS: Final = 3_600_000
_CHANGE_DECIMALS: Final = 6
_NOT_FOUND: Final = Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
# Clients know the first sentence; the second says what to do.
_WRONG_LIMIT: Final = invalid_request(
    'failed to parse parameter `limit`: failed to parse "DepthLimit": Expect a valid enumeration '
    f"value. It must be one of {', '.join(DEPTH_LIMITS)}"
)
_NO_SYMBOL: Final = invalid_request("Symbol not found")
_weeks: dict[str, tuple[int, Candle | None]] = {}


async def get_depth(words: Words) -> Answer:
    """Show a book: both sides by ascending price, so the best bid stands last."""
    market = market_named(words)
    limit = DEPTH_LIMITS.get(words.get("limit", "1000"))
    if limit is None:
        raise Refused(_WRONG_LIMIT)
    listed, book = market.listed, market.book
    if listed.state is MarketState.CLOSED:
        return refused(_NOT_FOUND)
    bids, asks = book.best(limit)
    return answer(
        {
            "asks": [[listed.price_text(p), listed.quantity_text(q)] for p, q in asks],
            "bids": [[listed.price_text(p), listed.quantity_text(q)] for p, q in bids],
            "lastUpdateId": str(book.update_id),
            "timestamp": book.changed_at_ns // 1_000,
        }
    )


async def get_trades(words: Words) -> Answer:
    """Show the latest trades, newest first."""
    market = market_named(words)
    limit = whole_number(words, "limit", default=100, least=1, most=MAX_ROWS)
    found = [
        trade_fields(
            market.listed,
            trade_id=trade.trade_id,
            amounts=(trade.price_ticks, trade.lots, trade.quote_atoms),
            at_ms=trade.at_ns // 1_000_000,
            buyer_is_maker=trade.buyer_is_maker,
        )
        for _, trade in zip(range(limit), reversed(market.trades), strict=False)
    ]
    return answer(found, cache_seconds=TRADES_CACHE)


async def get_trades_history(words: Words) -> Answer:
    """Show older trades, newest first, from `offset`."""
    market = market_named(words)
    limit = whole_number(words, "limit", default=100, least=1, most=MAX_ROWS)
    offset = whole_number(words, "offset", default=0, most=MAX_OFFSET)
    # Trades are numbered without a gap: nothing has to be walked over to come to the offset.
    found = await rows(
        "SELECT trade_id, price_ticks, lots, quote_atoms, buyer_is_maker,"
        " floor(extract(epoch FROM at) * 1000)::bigint"
        " FROM trading_trade WHERE market = %s AND trade_id <="
        " (SELECT max(trade_id) FROM trading_trade WHERE market = %s) - %s"
        " ORDER BY trade_id DESC LIMIT %s",
        market.listed.symbol,
        market.listed.symbol,
        offset,
        limit,
    )
    return answer(
        [
            trade_fields(
                market.listed,
                trade_id=row[0],
                amounts=(row[1], row[2], int(row[3])),
                at_ms=row[5],
                buyer_is_maker=row[4],
            )
            for row in found
        ],
        cache_seconds=TRADES_CACHE,
    )


async def get_ticker(words: Words) -> Answer:
    """Show the rolling statistics of one market; 204 if it has never traded."""
    market = market_named(words)
    stats = await _statistics(market, _ticker_interval(words))
    if stats is None:
        return Answer(204, b"")
    return answer(ticker_fields(market.listed, stats), cache_seconds=TICKER_CACHE)


async def get_tickers(words: Words) -> Answer:
    """Show the rolling statistics of every market that has traded."""
    interval = _ticker_interval(words)
    found = [(market.listed, await _statistics(market, interval)) for market in _markets().values()]
    told = [ticker_fields(listed, stats) for listed, stats in found if stats is not None]
    return answer(told, cache_seconds=TICKER_CACHE)


async def get_mark_prices(words: Words) -> Answer:
    """Show mark and index prices: of perpetuals, unless a spot market is asked for."""
    symbol, kind = words.get("symbol"), words.get("marketType")
    markets = _markets()
    if symbol is not None and symbol not in markets:
        raise Refused(_NO_SYMBOL)
    if symbol is not None:
        chosen = [markets[symbol]]
    else:
        wanted = MarketKind.SPOT if kind == "SPOT" else MarketKind.PERP
        chosen = [m for m in markets.values() if m.listed.market.kind is wanted]
    if kind not in (None, "SPOT", "PERP"):
        chosen = []
    shown = (mark_fields(market, now_ms=time.time_ns() // 1_000_000) for market in chosen)
    return answer([fields for fields in shown if fields is not None], cache_seconds=1)


async def get_market_states(words: Words) -> Answer:
    """Show what markets take now, who ordered that, and what one can still do."""
    symbol, markets = words.get("symbol"), _markets()
    if symbol is not None and symbol not in markets:
        raise Refused(_NO_SYMBOL)
    chosen = list(markets.values()) if symbol is None else [markets[symbol]]
    return answer([state_fields(LIVE, market) for market in chosen], cache_seconds=1)


async def get_status(words: Words) -> Answer:
    """Say whether orders are taken: Maintenance while the engine is away."""
    if LIVE.connected:
        return answer({"message": None, "status": "Ok"})
    return answer({"message": "The exchange is restarting", "status": "Maintenance"})


async def get_ping(words: Words) -> Answer:
    """Answer pong."""
    return text("pong")


async def get_time(words: Words) -> Answer:
    """Tell the time of this server in Unix milliseconds."""
    return text(str(time.time_ns() // 1_000_000))


def trade_fields(
    listed: ListedMarket,
    *,
    trade_id: int,
    amounts: tuple[int, int, int],
    at_ms: int,
    buyer_is_maker: bool,
) -> dict[str, object]:
    """Return a public trade; `amounts` are price in ticks, lots, and quote atoms."""
    price_ticks, lots, quote_atoms = amounts
    return {
        "id": trade_id,
        "isBuyerMaker": buyer_is_maker,
        "price": listed.price_text(price_ticks),
        "quantity": listed.quantity_text(lots),
        "quoteQuantity": listed.quote_text(quote_atoms),
        "timestamp": at_ms,
    }


def ticker_fields(listed: ListedMarket, stats: Candle) -> dict[str, object]:
    """Return rolling statistics; the change in percent is a fraction (0.01 is 1 %)."""
    change = stats.close_ticks - stats.open_ticks
    fraction = change * 10**_CHANGE_DECIMALS // stats.open_ticks
    return {
        "firstPrice": listed.price_text(stats.open_ticks),
        "high": listed.price_text(stats.high_ticks),
        "lastPrice": listed.price_text(stats.close_ticks),
        "low": listed.price_text(stats.low_ticks),
        "priceChange": listed.price_text(change),
        "priceChangePercent": format_decimal(fraction, _CHANGE_DECIMALS),
        "quoteVolume": listed.quote_text(stats.quote_atoms),
        "symbol": listed.symbol,
        "trades": str(stats.trades),
        "volume": listed.quantity_text(stats.lots),
    }


def mark_fields(market: LiveMarket, *, now_ms: int) -> dict[str, object] | None:
    """Return the mark price of a market, or None before its first price."""
    listed = market.listed
    index = LIVE.index_e8.get(listed.market.base)
    mark = market.mark_e8 if listed.is_perp else index
    if mark is None:
        return None
    return {
        # What the running hour comes to if it goes on so.
        "fundingRate": listed.rate_text(market.funding_ppb) if listed.is_perp else None,
        "indexPrice": None if index is None else listed.mark_text(index),
        "markPrice": listed.mark_text(mark),
        "nextFundingTimestamp": next_funding_ms(now_ms) if listed.is_perp else None,
        "symbol": listed.symbol,
    }


def next_funding_ms(now_ms: int) -> int:
    """Return the next full hour, in Unix milliseconds."""
    return now_ms - now_ms % _HOUR_MS + _HOUR_MS


async def _statistics(market: LiveMarket, interval: str) -> Candle | None:
    now = int(time.time())
    day = market.day(now)
    if interval == "1d" or day is None:
        return day
    hour = now - now % 3_600
    symbol = market.listed.symbol
    kept = _weeks.get(symbol)
    if kept is None or kept[0] != hour:
        # Hours which have ended do not change: they are read once an hour.
        found = await klines.history(
            market=symbol, interval="1h", start=now - _WEEK_SECONDS, end=hour
        )
        kept = (hour, merge(hour, found.values()) if found else None)
        _weeks[symbol] = kept
    parts = [] if kept[1] is None else [kept[1]]
    parts += [minute for minute in market.minutes if minute.start >= hour]
    return merge(now - _WEEK_SECONDS, parts) if parts else day


def market_named(words: Words) -> LiveMarket:
    """Return the market which `symbol` names. Raises Refused."""
    symbol = words.get("symbol")
    if not symbol:
        raise Refused(invalid_request("`symbol` is required"))
    market = _markets().get(symbol)
    if market is None:
        raise Refused(INVALID_MARKET)
    return market


def _markets() -> dict[str, LiveMarket]:
    """Return the markets. Raises Refused before the first word from the engine."""
    if not LIVE.markets and not LIVE.connected:
        raise Refused(ENGINE_AWAY)
    return LIVE.markets


def _ticker_interval(words: Words) -> str:
    interval = words.get("interval", "1d")
    if interval not in ("1d", "1w"):
        raise Refused(invalid_request("`interval` must be 1d or 1w"))
    return interval


def whole_number(words: Words, name: str, *, default: int, most: int, least: int = 0) -> int:
    """Return a whole number from `least` to `most`. Raises Refused."""
    value = words.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise Refused(invalid_request(f"`{name}` must be a whole number"))
    number = int(value)
    if not least <= number <= most:
        raise Refused(invalid_request(f"`{name}` must be at least {least} and at most {most}"))
    return number
