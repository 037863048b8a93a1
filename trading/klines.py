"""Candles: the sixteen intervals, where their buckets begin, and history read from PostgreSQL.

Of trades, and of index and mark prices. The minute that is running is in the tables too: its row is
committed with the event that the feed tells.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from trading.reads import Row, rows

DAY: Final = 86_400
MINUTE: Final = 60
_WEEK: Final = 7 * DAY
# The first Monday after the Unix epoch, which was a Thursday: weeks begin on Mondays.
_MONDAY: Final = 4 * DAY
MONTH: Final = "1month"
SECONDS: Final = {
    "1s": 1,
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": 3_600,
    "2h": 2 * 3_600,
    "4h": 4 * 3_600,
    "6h": 6 * 3_600,
    "8h": 8 * 3_600,
    "12h": 12 * 3_600,
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": _WEEK,
}
INTERVALS: Final = (*SECONDS, MONTH)

_CANDLES: Final = (
    " (array_agg(open_ticks ORDER BY start))[1], max(high_ticks), min(low_ticks),"
    " (array_agg(close_ticks ORDER BY start DESC))[1],"
    " sum(lots)::bigint, sum(quote_atoms)::numeric(38, 0), sum(trades)::bigint"
    " FROM trading_candle WHERE market = %s AND start >= to_timestamp(%s)"
    " AND start < to_timestamp(%s) GROUP BY 1 ORDER BY 1"
)
_PRICES: Final = (
    " (array_agg(open_e8 ORDER BY start))[1], max(high_e8), min(low_e8),"
    " (array_agg(close_e8 ORDER BY start DESC))[1], 0, 0, 0"
    " FROM trading_pricecandle WHERE kind = %s AND symbol = %s AND start >= to_timestamp(%s)"
    " AND start < to_timestamp(%s) GROUP BY 1 ORDER BY 1"
)
# Seconds are not stored: they are built from the trades themselves.
_TRADES: Final = (
    " (array_agg(price_ticks ORDER BY trade_id))[1], max(price_ticks), min(price_ticks),"
    " (array_agg(price_ticks ORDER BY trade_id DESC))[1],"
    " sum(lots)::bigint, sum(quote_atoms)::numeric(38, 0), count(*)"
    " FROM trading_trade WHERE market = %s AND at >= to_timestamp(%s)"
    " AND at < to_timestamp(%s) GROUP BY 1 ORDER BY 1"
)


def _query(bucket: str, rest: str) -> str:
    return f"SELECT extract(epoch FROM {bucket})::bigint," + rest  # noqa: S608 -- constants only


_BIN: Final = "date_bin(make_interval(secs => %s), start, to_timestamp(%s))"
_CALENDAR_MONTH: Final = "date_trunc('month', start, 'UTC')"
_BINNED: Final = _query(_BIN, _CANDLES)
_MONTHLY: Final = _query(_CALENDAR_MONTH, _CANDLES)
_BINNED_PRICES: Final = _query(_BIN, _PRICES)
_MONTHLY_PRICES: Final = _query(_CALENDAR_MONTH, _PRICES)
_SECONDLY: Final = _query("date_trunc('second', at)", _TRADES)


class Candle(msgspec.Struct):
    """The trades of one bucket; `start` in Unix seconds.

    Of an index or mark price the four prices are in USD × 1e8 instead of ticks, and nothing is
    counted.
    """

    start: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    lots: int
    quote_atoms: int
    trades: int

    def add(self, *, price_ticks: int, lots: int, quote_atoms: int) -> None:
        """Count a trade which follows all trades in the bucket."""
        if price_ticks > self.high_ticks:
            self.high_ticks = price_ticks
        elif price_ticks < self.low_ticks:
            self.low_ticks = price_ticks
        self.close_ticks = price_ticks
        self.lots += lots
        self.quote_atoms += quote_atoms
        self.trades += 1


def first_of(start: int, *, price_ticks: int, lots: int, quote_atoms: int) -> Candle:
    """Return the candle of a bucket with one trade."""
    return Candle(start, price_ticks, price_ticks, price_ticks, price_ticks, lots, quote_atoms, 1)


def bucket_start(interval: str, at: int) -> int:
    """Return when the bucket which holds `at` begins (Unix seconds).

    >>> bucket_start("1w", 1_795_392_000), bucket_start("1month", 1_795_392_000)
    (1795392000, 1793491200)
    """
    if interval == MONTH:
        moment = datetime.fromtimestamp(at, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp())
    seconds = SECONDS[interval]
    return at - (at - _origin(interval)) % seconds


def bucket_end(interval: str, start: int) -> int:
    """Return when the bucket which begins at `start` ends, and the next begins."""
    if interval == MONTH:
        moment = datetime.fromtimestamp(start, UTC)
        year, month = divmod(moment.year * 12 + moment.month, 12)
        return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp())
    return start + SECONDS[interval]


async def history(*, market: str, interval: str, start: int, end: int) -> dict[int, Candle]:
    """Return the candles with trades, by bucket start, of buckets which begin in [start, end)."""
    query, parameters = history_query(market=market, interval=interval, start=start, end=end)
    return {row[0]: candle_of(row) for row in await rows(query, *parameters)}


def history_query(
    *, market: str, interval: str, start: int, end: int
) -> tuple[str, tuple[object, ...]]:
    """Return the SELECT for `history` and its parameters; its rows are for `candle_of`."""
    first = bucket_start(interval, start)
    if interval == MONTH:
        return _MONTHLY, (market, first, end)
    if interval == "1s":
        return _SECONDLY, (market, first, end)
    return _BINNED, (SECONDS[interval], _origin(interval), market, first, end)


async def price_history(
    *, kind: str, symbol: str, interval: str, start: int, end: int
) -> dict[int, Candle]:
    """Return the candles of a price by bucket start, of buckets which begin in [start, end).

    Args:
        kind: "index" of an asset or "mark" of a perpetual market.
        interval: a minute or longer.
    """
    first = bucket_start(interval, start)
    names = (kind, symbol, first, end)
    if interval == MONTH:
        found = await rows(_MONTHLY_PRICES, *names)
    else:
        found = await rows(_BINNED_PRICES, SECONDS[interval], _origin(interval), *names)
    return {row[0]: candle_of(row) for row in found}


def candle_of(row: Row) -> Candle:
    """Return the candle which a row of `history_query` holds."""
    return Candle(*(int(number) for number in row))


def _origin(interval: str) -> int:
    return _MONDAY if interval == "1w" else 0
