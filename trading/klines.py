"""Candles: the sixteen intervals, where their buckets begin, and history read from PostgreSQL.

Of trades, and of index and mark prices. The minute that is running is in the tables too: its row is
committed with the event that the feed tells. Hours are made of minutes by a job (trading.candles):
what is not made yet is read by the minute.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from trading.reads import Row, rows

DAY: Final = 86_400
MINUTE: Final = 60
HOUR: Final = 3_600
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
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": _WEEK,
}
INTERVALS: Final = (*SECONDS, MONTH)

_TRADE_COLUMNS: Final = (
    "start, open_ticks, high_ticks, low_ticks, close_ticks, lots, quote_atoms, trades"
)
_TRADE_SUMS: Final = (
    "(array_agg(open_ticks ORDER BY start))[1], max(high_ticks), min(low_ticks),"
    " (array_agg(close_ticks ORDER BY start DESC))[1],"
    " sum(lots)::bigint, sum(quote_atoms)::numeric(38, 0), sum(trades)::bigint"
)
_PRICE_COLUMNS: Final = "start, open_e8, high_e8, low_e8, close_e8"
_PRICE_SUMS: Final = (
    "(array_agg(open_e8 ORDER BY start))[1], max(high_e8), min(low_e8),"
    " (array_agg(close_e8 ORDER BY start DESC))[1], 0, 0, 0"
)
# Seconds are not stored: they are built from the trades themselves.
_SECONDS_OF_TRADES: Final = """
    WITH asked AS (SELECT %s AS market, to_timestamp(%s) AS first, to_timestamp(%s) AS last)
    SELECT extract(epoch FROM date_trunc('second', at))::bigint,
        (array_agg(price_ticks ORDER BY trade_id))[1], max(price_ticks), min(price_ticks),
        (array_agg(price_ticks ORDER BY trade_id DESC))[1],
        sum(lots)::bigint, sum(quote_atoms)::numeric(38, 0), count(*)
    FROM trading_trade AS one, asked
    WHERE one.market = asked.market AND at >= first AND at < last
    GROUP BY 1 ORDER BY 1
"""
_BIN: Final = "date_bin(make_interval(secs => %s), start, to_timestamp(%s))"
_CALENDAR_MONTH: Final = "date_trunc('month', start, 'UTC')"


class _Source(NamedTuple):
    """Where candles of one kind are, and by which columns they are asked for."""

    table: str
    hours: str
    keys: tuple[str, ...]
    columns: str
    sums: str

    def minutes_query(self) -> str:
        """Return the SELECT of intervals below an hour: keys, first, last, interval, origin."""
        asked, same = self._asked()
        return f"""
            {asked}, parts AS (
                SELECT {self.columns} FROM {self.table} AS one, asked
                WHERE {same} AND start >= first AND start < last
            )
            SELECT extract(epoch FROM {_BIN})::bigint, {self.sums}
            FROM parts GROUP BY 1 ORDER BY 1
        """  # noqa: S608 -- constants only

    def hours_query(self, bucket: str) -> str:
        """Return the SELECT of hours and longer: hours as far as they are made, minutes then."""
        asked, same = self._asked()
        return f"""
            {asked}, made AS (
                SELECT max(start) + interval '1 hour' AS until
                FROM {self.hours} AS one, asked WHERE {same}
            ), parts AS (
                SELECT {self.columns} FROM {self.hours} AS one, asked
                WHERE {same} AND start >= first AND start < last
                UNION ALL
                SELECT {self.columns} FROM {self.table} AS one, asked, made
                WHERE {same} AND start >= greatest(first, until) AND start < last
            )
            SELECT extract(epoch FROM {bucket})::bigint, {self.sums}
            FROM parts GROUP BY 1 ORDER BY 1
        """  # noqa: S608 -- constants only

    def _asked(self) -> tuple[str, str]:
        keys = ", ".join(f"%s AS {key}" for key in self.keys)
        same = " AND ".join(f"one.{key} = asked.{key}" for key in self.keys)
        span = "to_timestamp(%s) AS first, to_timestamp(%s) AS last"
        return f"WITH asked AS (SELECT {keys}, {span})", same


class _Queries(NamedTuple):
    short: str
    long: str
    monthly: str


def _queries(source: _Source) -> _Queries:
    return _Queries(
        source.minutes_query(), source.hours_query(_BIN), source.hours_query(_CALENDAR_MONTH)
    )


_OF_TRADES: Final = _queries(
    _Source("trading_candle", "trading_hourcandle", ("market",), _TRADE_COLUMNS, _TRADE_SUMS)
)
_OF_PRICES: Final = _queries(
    _Source(
        "trading_pricecandle",
        "trading_hourpricecandle",
        ("kind", "symbol"),
        _PRICE_COLUMNS,
        _PRICE_SUMS,
    )
)


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
    names = (market, bucket_start(interval, start), end)
    if interval == "1s":
        return _SECONDS_OF_TRADES, names
    return _chosen(_OF_TRADES, interval, names)


def _chosen(
    queries: _Queries, interval: str, names: tuple[object, ...]
) -> tuple[str, tuple[object, ...]]:
    """Return the query which reads the fewest rows for an interval, with its parameters."""
    if interval == MONTH:
        return queries.monthly, names
    query = queries.long if SECONDS[interval] >= HOUR else queries.short
    return query, (*names, SECONDS[interval], _origin(interval))


async def price_history(
    *, kind: str, symbol: str, interval: str, start: int, end: int
) -> dict[int, Candle]:
    """Return the candles of a price by bucket start, of buckets which begin in [start, end).

    Args:
        kind: "index" of an asset or "mark" of a perpetual market.
        interval: a minute or longer.
    """
    names = (kind, symbol, bucket_start(interval, start), end)
    query, parameters = _chosen(_OF_PRICES, interval, names)
    return {row[0]: candle_of(row) for row in await rows(query, *parameters)}


def candle_of(row: Row) -> Candle:
    """Return the candle which a row of `history_query` holds."""
    return Candle(*(int(number) for number in row))


def _origin(interval: str) -> int:
    return _MONDAY if interval == "1w" else 0
