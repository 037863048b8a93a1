"""Candles over the hot path: of trades, of index and of mark prices, in all intervals."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from engine.commands import UpdatePrices
from tests.api.front import Front, front
from tests.api.test_orders import committed
from trading import candles
from trading.api.candles import MAX_KLINES
from trading.candle_models import Candle, PriceCandle, PricePoint
from trading.klines import DAY, HOUR, INTERVALS, SECONDS, bucket_end, bucket_start
from trading.live import PRICE_SECONDS, PriceSeconds
from trading.models import Market, Trade

__all__ = ["committed", "front"]
HOT = "/api/v1/"
SOL = "SOL_USDC"


@pytest.mark.parametrize(
    ("interval", "at", "start", "end"),
    [
        ("1s", "2026-11-23 05:31:07", "2026-11-23 05:31:07", "2026-11-23 05:31:08"),
        ("3m", "2026-11-23 05:31:07", "2026-11-23 05:30:00", "2026-11-23 05:33:00"),
        ("12h", "2026-11-23 05:31:07", "2026-11-23 00:00:00", "2026-11-23 12:00:00"),
        ("1w", "2026-11-25 05:31:07", "2026-11-23 00:00:00", "2026-11-30 00:00:00"),
        ("1month", "2026-12-31 23:59:59", "2026-12-01 00:00:00", "2027-01-01 00:00:00"),
    ],
)
def test_buckets_begin_where_the_calendar_says(
    interval: str, at: str, start: str, end: str
) -> None:
    begins = bucket_start(interval, seconds_of(at))
    assert (begins, bucket_end(interval, begins)) == (seconds_of(start), seconds_of(end))


def seconds_of(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("interval", INTERVALS)
def test_candles_of_every_interval_add_up(front: Front, interval: str) -> None:
    last = datetime(2026, 10, 5, 14, 30, tzinfo=UTC)
    moments = [last - timedelta(minutes=minutes) for minutes in (47, 46, 1, 0)]
    for number, at in enumerate(moments, start=1):
        ticks = 10_000 + 100 * number
        store_trade(number, at, ticks)
    start = int(moments[0].timestamp())
    rows = front.get(
        f"{HOT}klines",
        symbol=SOL,
        interval=interval,
        startTime=start,
        endTime=int(last.timestamp()),
    ).json
    assert list(rows[0]) == [
        "close",
        "end",
        "high",
        "low",
        "open",
        "quoteVolume",
        "start",
        "trades",
        "volume",
    ]
    assert rows[0]["start"] == text_of(bucket_start(interval, start))
    assert all(one["end"] == two["start"] for one, two in pairwise(rows))
    traded = [row for row in rows if row["open"] is not None]
    assert (traded[0]["open"], rows[0]["open"]) == ("101", "101")
    if interval == "1s":
        # The first 1,500 seconds are told: the other two trades come later.
        assert (len(rows), len(traded)) == (MAX_KLINES, 2)
        return
    assert traded[-1]["close"] == "104"
    assert sum(int(row["trades"]) for row in rows) == 4
    assert sum(float(row["volume"]) for row in rows) == 4
    empty = [row for row in rows if row["open"] is None]
    assert all((row["volume"], row["high"], row["trades"]) == ("0", None, "0") for row in empty)


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("interval", [one for one in INTERVALS if one != "1s"])
@pytest.mark.parametrize(
    ("price_type", "market", "kind", "symbol"),
    [
        ("Index", "SOL_USDC_PERP", "index", "SOL"),
        ("Index", SOL, "index", "SOL"),
        ("Mark", "SOL_USDC_PERP", "mark", "SOL_USDC_PERP"),
        # A spot market's mark is its index.
        ("Mark", SOL, "index", "SOL"),
    ],
)
def test_price_candles_of_every_interval_add_up(
    front: Front, interval: str, price_type: str, market: str, kind: str, symbol: str
) -> None:
    last = datetime(2026, 10, 5, 14, 30, tzinfo=UTC)
    moments = [last - timedelta(minutes=minutes) for minutes in (47, 46, 1, 0)]
    for number, at in enumerate(moments, start=1):
        store_price(kind, symbol, at, 100 + number)
        store_price("index", "BTC", at, 50_000)
    start = int(moments[0].timestamp())
    rows = front.get(
        f"{HOT}klines",
        symbol=market,
        interval=interval,
        startTime=start,
        endTime=int(last.timestamp()),
        priceType=price_type,
    ).json
    assert list(rows[0]) == sorted(rows[0])
    assert rows[0]["start"] == text_of(bucket_start(interval, start))
    assert all(one["end"] == two["start"] for one, two in pairwise(rows))
    priced = [row for row in rows if row["open"] is not None]
    assert (rows[0]["open"], priced[-1]["close"]) == ("100.5", "104.25")
    assert max(float(row["high"]) for row in priced) == 106
    assert min(float(row["low"]) for row in priced) == 99.12345678
    assert {(row["volume"], row["quoteVolume"], row["trades"]) for row in rows} == {("0", "0", "0")}
    assert [row["open"] for row in rows if row["close"] is None] == [None] * (
        len(rows) - len(priced)
    )


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("interval", [one for one in INTERVALS if SECONDS.get(one, DAY) >= HOUR])
def test_long_intervals_are_read_from_the_hours_which_are_made(front: Front, interval: str) -> None:
    last = datetime(2026, 10, 5, 14, 30, tzinfo=UTC)
    Market.objects.create(symbol=SOL, spec={}, quote_atoms_per_tick=Decimal(1), listed_at=last)
    PricePoint.objects.create(symbol="SOL", kind="index", price_e8=Decimal(1), at=last)
    moments = [last - timedelta(minutes=minutes) for minutes in (107, 47, 46, 1, 0)]
    for number, at in enumerate(moments, start=1):
        store_trade(number, at, 10_000 + 100 * number)
        store_price("index", "SOL", at, 100 + number)

    def read() -> list[Any]:
        span = {"startTime": int(moments[0].timestamp()), "endTime": int(last.timestamp())}
        kinds = ("Last", "Index")
        words: dict[str, Any] = {"symbol": SOL, "interval": interval, **span}
        return [front.get(f"{HOT}klines", priceType=kind, **words).json for kind in kinds]

    before = read()
    # 12:43 and 13:43 are over, 14:29 is not; what is late by hours is taken in by a later run.
    assert candles.make_hours(last) == 4
    assert read() == before
    hour = last.replace(minute=0)
    assert Candle.objects.filter(start__lt=hour).delete()[0] == 3
    assert PriceCandle.objects.filter(start__lt=hour).delete()[0] == 3
    assert read() == before
    assert candles.make_hours(last + timedelta(hours=1)) == 2
    assert read() == before
    store_trade(6, last + timedelta(minutes=1), 20_000)
    assert candles.make_hours(last + timedelta(hours=1)) == 2
    assert read()[0][-1]["close"] == "200"


def store_price(kind: str, symbol: str, start: datetime, dollars: int) -> None:
    """Store a minute which opens half a dollar below, and closes a quarter above."""
    e8 = 10**8
    PriceCandle.objects.create(
        kind=kind,
        symbol=symbol,
        start=start,
        open_e8=Decimal(dollars * e8 - e8 // 2),
        high_e8=Decimal((dollars + 2) * e8),
        low_e8=Decimal((dollars - 2) * e8 + 12_345_678),
        close_e8=Decimal(dollars * e8 + e8 // 4),
    )


@pytest.mark.usefixtures("committed")
def test_seconds_of_prices_are_in_memory(front: Front) -> None:
    begins = int(time.time())
    for price in (101, 99, 102):
        front.accepted(UpdatePrices(prices_e8={"SOL": price * 10**8}))
    for price_type in ("Index", "Mark"):
        rows = front.get(
            f"{HOT}klines",
            symbol="SOL_USDC_PERP",
            interval="1s",
            startTime=begins - 5,
            priceType=price_type,
        ).json
        assert [row["open"] for row in rows[:4]] == [None] * 4
        told = [row for row in rows if row["open"] is not None]
        assert told[-1]["close"] == "102"
        assert min(float(row["low"]) for row in told) == 99
        assert {row["trades"] for row in rows} == {"0"}


def test_an_hour_of_seconds_is_kept() -> None:
    seconds = PriceSeconds()
    for at in range(1_000, 1_000 + 2 * PRICE_SECONDS):
        seconds.add(at, at)
        seconds.add(at - 5, at)
    last = 1_000 + 2 * PRICE_SECONDS - 1
    kept = seconds.between(0, 10**9)
    assert (len(kept), min(kept), max(kept)) == (PRICE_SECONDS, last - PRICE_SECONDS + 1, last)
    newest = kept[last]
    assert (newest.open_ticks, newest.high_ticks, newest.low_ticks, newest.close_ticks) == (
        last,
        last,
        last - 5,
        last - 5,
    )
    assert list(seconds.between(last - 1, last)) == [last - 1]


def text_of(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def store_trade(number: int, at: datetime, ticks: int) -> None:
    quote = Decimal(100 * ticks * 100)
    Trade.objects.create(
        market=SOL,
        trade_id=number,
        sequence=number,
        at=at,
        price_ticks=ticks,
        lots=100,
        quote_atoms=quote,
        buyer_order_id=1,
        seller_order_id=2,
        buyer_is_maker=False,
    )
    Candle.objects.create(
        market=SOL,
        start=at.replace(second=0),
        open_ticks=ticks,
        high_ticks=ticks,
        low_ticks=ticks,
        close_ticks=ticks,
        lots=Decimal(100),
        quote_atoms=quote,
        trades=1,
    )
