"""Hours of candles, made from their minutes: long spans are read without going through minutes.

An hour is made once it is over, and made again by the next runs for as long as a late commit might
still add to it. Whoever reads takes hours as far as there are any, and minutes from there on.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

# A commit which is later than this would be missing in an hour that is never made again.
MADE_AGAIN: Final = timedelta(hours=3)
# The last trades of an hour are in the tables by then.
COMMITTED_AFTER: Final = timedelta(minutes=2)
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)

_TRADES: Final = """
    INSERT INTO trading_hourcandle
        (market, start, open_ticks, high_ticks, low_ticks, close_ticks, lots, quote_atoms, trades)
    SELECT market, date_trunc('hour', start, 'UTC'),
        (array_agg(open_ticks ORDER BY start))[1], max(high_ticks), min(low_ticks),
        (array_agg(close_ticks ORDER BY start DESC))[1],
        sum(lots), sum(quote_atoms), sum(trades)
    FROM trading_candle
    WHERE market = %(name)s AND start >= %(since)s AND start < %(until)s
    GROUP BY 1, 2
    ON CONFLICT (market, start) DO UPDATE SET
        open_ticks = excluded.open_ticks, high_ticks = excluded.high_ticks,
        low_ticks = excluded.low_ticks, close_ticks = excluded.close_ticks,
        lots = excluded.lots, quote_atoms = excluded.quote_atoms, trades = excluded.trades
"""
_PRICES: Final = """
    INSERT INTO trading_hourpricecandle
        (symbol, kind, start, open_e8, high_e8, low_e8, close_e8)
    SELECT symbol, kind, date_trunc('hour', start, 'UTC'),
        (array_agg(open_e8 ORDER BY start))[1], max(high_e8), min(low_e8),
        (array_agg(close_e8 ORDER BY start DESC))[1]
    FROM trading_pricecandle
    WHERE symbol = %(name)s AND kind = %(kind)s AND start >= %(since)s AND start < %(until)s
    GROUP BY 1, 2, 3
    ON CONFLICT (symbol, kind, start) DO UPDATE SET
        open_e8 = excluded.open_e8, high_e8 = excluded.high_e8,
        low_e8 = excluded.low_e8, close_e8 = excluded.close_e8
"""
_MARKETS: Final = """
    SELECT listed.symbol, NULL, (
        SELECT max(start) FROM trading_hourcandle AS hour WHERE hour.market = listed.symbol
    )
    FROM trading_market AS listed
"""
_POINTS: Final = """
    SELECT point.symbol, point.kind, (
        SELECT max(start) FROM trading_hourpricecandle AS hour
        WHERE hour.symbol = point.symbol AND hour.kind = point.kind
    )
    FROM trading_pricepoint AS point
"""


def make_hours(now: datetime | None = None) -> int:
    """Make the hours which are over, and return how many were written."""
    moment = (now or timezone.now()) - COMMITTED_AFTER
    until = moment.replace(minute=0, second=0, microsecond=0)
    written = 0
    with connection.cursor() as cursor:
        for known, make in ((_MARKETS, _TRADES), (_POINTS, _PRICES)):
            cursor.execute(known)
            for name, kind, latest in cursor.fetchall():
                since = latest - MADE_AGAIN if latest else _BEFORE_ALL
                names = {"name": name, "kind": kind, "since": since, "until": until}
                cursor.execute(make, names)
                written += cursor.rowcount
    return written
