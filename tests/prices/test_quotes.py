"""How a venue's words are read, and which quotes mean nothing."""

import pytest

from gateway.explained import Exclusion
from prices.quotes import exclusion, in_dollars, median, price_e8, read_quote, weighted_median
from prices.terms import MAJOR, OTHER, Venue
from tests.prices.made import E8, NOW, quote

KRAKEN = Venue(name="kraken", quote="USD", weight=3)
TICKER = {"bid": "99", "ask": "99.5", "last": "99.25", "timestamp": NOW - 700}


@pytest.mark.parametrize(
    "nothing", ["NaN", "nan", "sNaN", "Infinity", "-1", "0", "", None, "x", "1e30", "1e-9", [], {}]
)
def test_nonsense_of_a_venue_is_no_price(nothing: object) -> None:
    assert price_e8(nothing) == 0
    for side in ("bid", "ask", "last"):
        told = read_quote({**TICKER, side: nothing}, venue=KRAKEN, heard_ms=NOW)
        assert exclusion(told, MAJOR, now_ms=NOW) is Exclusion.NO_PRICE


def test_a_decimal_text_is_read_exactly() -> None:
    assert price_e8("86700.123456785") == 8670012345678
    assert price_e8("0.1") == 10_000_000


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(quote(100), None, id="well"),
        pytest.param(quote(100, age_ms=10_000), None, id="just young enough"),
        pytest.param(quote(100, age_ms=10_001), Exclusion.OLD, id="old"),
        pytest.param(quote(100, age_ms=-1_000), None, id="a clock a second ahead"),
        pytest.param(quote(100, age_ms=-1_001), Exclusion.FROM_THE_FUTURE, id="future"),
        pytest.param(quote(100, silent_ms=10_001), Exclusion.SILENT, id="no heartbeat"),
        pytest.param(quote(100, half_ppm=0), Exclusion.CROSSED, id="bid equals ask"),
        pytest.param(quote(100, half_ppm=-50), Exclusion.CROSSED, id="bid above ask"),
        pytest.param(quote(100, half_ppm=5_200), Exclusion.WIDE, id="wider than 1 %"),
        pytest.param(in_dollars(quote(100), None), Exclusion.NO_RATE, id="no rate of its coin"),
    ],
)
def test_a_quote_that_means_nothing_is_left_out(told: object, expected: object) -> None:
    assert exclusion(told, MAJOR, now_ms=NOW) is expected  # type: ignore[arg-type]


def test_smaller_coins_may_be_quoted_less_often() -> None:
    assert exclusion(quote(100, age_ms=30_000), OTHER, now_ms=NOW) is None


def test_a_ticker_carries_the_venues_own_time_where_it_tells_it() -> None:
    told = read_quote(TICKER, venue=KRAKEN, heard_ms=NOW)
    assert (told.at_ms, told.heard_ms, told.weight) == (NOW - 700, NOW, 3)
    assert told.price_e8 == 9925 * E8 // 100
    without = read_quote({**TICKER, "timestamp": None}, venue=KRAKEN, heard_ms=NOW)
    assert without.at_ms == NOW


def test_a_quote_in_a_coin_is_turned_into_dollars() -> None:
    assert in_dollars(quote(1000), 99_900_000).last_e8 == 999 * E8


def test_one_wrong_number_of_three_moves_no_venue() -> None:
    # Vector D1, venue 5: a last price 7 % off, inside a sane book.
    assert median((100_000, 100_020, 107_000)) == 100_020


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # Vector D2: seven venues of which two are 20 % off.
        pytest.param(
            ((10000, 3), (10002, 2), (9998, 2), (10010, 1), (9990, 1), (12000, 1), (8000, 1)),
            10000,
            id="D2",
        ),
        pytest.param(((7, 1),), 7, id="one"),
        pytest.param(((10, 1), (13, 1)), 12, id="exactly half: the mean, half to even"),
        pytest.param(((10, 2), (11, 1), (13, 1)), 10, id="exactly half at the first: the mean"),
        pytest.param(((10, 2), (13, 1)), 10, id="the heavier of two"),
    ],
)
def test_the_weighted_median(pairs: tuple[tuple[int, int], ...], expected: int) -> None:
    assert weighted_median(pairs) == expected
    assert weighted_median(pairs[::-1]) == expected
