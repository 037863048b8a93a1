"""One index out of several venues."""

import asyncio

import pytest

from prices.median import Quote, index_of, is_usable, price_e8
from prices.venues import Venue, VenueSource, in_dollars, read_ticker

NOW = 1_795_352_700_000
E8 = 10**8


def quote(price: int, *, venue: str = "a", age_ms: int = 0, half_spread: int = 5) -> Quote:
    return Quote(
        venue=venue,
        bid_e8=(price - half_spread) * E8,
        ask_e8=(price + half_spread) * E8,
        last_e8=price * E8,
        at_ms=NOW - age_ms,
    )


@pytest.mark.parametrize(
    ("prices", "last", "expected"),
    [
        pytest.param((86700, 86710, 86720), None, 86710, id="three agree: the middle one"),
        pytest.param((86700, 86710, 86720, 86730), None, 86715, id="four: between the middle two"),
        pytest.param((86700, 86710, 86720, 80600), None, 86710, id="one 7 % off changes nothing"),
        pytest.param((86700, 86720), None, 86710, id="two within half a percent: the mean"),
        pytest.param((86700, 87300), None, None, id="two apart: hold"),
        pytest.param((86700,), 86600, 86700, id="one near the last index"),
        pytest.param((86700,), 80000, None, id="one far from the last index: hold"),
        pytest.param((), 86700, None, id="none: hold"),
    ],
)
def test_the_index_is_what_the_venues_agree_on(
    prices: tuple[int, ...], last: int | None, expected: int | None
) -> None:
    index = index_of(
        [quote(price) for price in prices], now_ms=NOW, last_e8=last * E8 if last else None
    )
    assert index == (expected * E8 if expected else None)


def test_stale_future_crossed_and_wide_quotes_are_left_out() -> None:
    assert is_usable(quote(86700), NOW)
    assert not is_usable(quote(86700, age_ms=10_001), NOW)
    assert not is_usable(quote(86700, age_ms=-5), NOW)
    assert not is_usable(quote(86700, half_spread=-1), NOW)
    assert not is_usable(quote(86700, half_spread=900), NOW)


@pytest.mark.parametrize("nothing", ["NaN", "nan", "Infinity", "-1", "0", "", None, "x", "1e30"])
def test_nonsense_of_a_venue_is_no_price(nothing: object) -> None:
    assert price_e8(nothing) is None


def test_a_decimal_text_is_read_exactly() -> None:
    assert price_e8("86700.123456785") == 8670012345678
    assert price_e8("0.1") == 10_000_000


def test_a_quote_in_tether_is_turned_into_dollars_or_left_out() -> None:
    assert in_dollars(quote(1000), "USD", None) == quote(1000)
    assert in_dollars(quote(1000), "USDT", None) is None
    converted = in_dollars(quote(1000), "USDT", 99_900_000)
    assert converted is not None
    assert converted.last_e8 == 999 * E8


def test_a_ticker_carries_the_venues_own_time_but_never_a_later_one_than_ours() -> None:
    ticker = {"bid": "1", "ask": "2", "last": "1.5", "timestamp": NOW - 700}
    assert read_ticker("a", ticker, now_ms=NOW) == Quote(
        venue="a", bid_e8=E8, ask_e8=2 * E8, last_e8=3 * E8 // 2, at_ms=NOW - 700
    )
    ahead = read_ticker("a", {**ticker, "timestamp": NOW + 60_000}, now_ms=NOW)
    assert ahead is not None
    assert ahead.at_ms == NOW
    assert read_ticker("a", {**ticker, "bid": None}, now_ms=NOW) is None


def test_a_venue_that_does_not_answer_is_said_once_and_no_price_is_made_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Silent:
        async def load_markets(self) -> None:
            raise ConnectionError("no route")

    async def ask() -> dict[str, int]:
        source = VenueSource((Venue("kraken", "USD"),))
        for _ in range(3):
            await source._poll(Silent(), Venue("kraken", "USD"), ValueError)
        source._tasks = [asyncio.create_task(asyncio.sleep(0))]
        try:
            return await source.quote(second=1, last_e8={"BTC": 1})
        finally:
            await source.close()

    assert asyncio.run(ask()) == {}
    assert [record.message for record in caplog.records] == [
        "No venue answers (no route): the last prices hold until one does."
    ]
