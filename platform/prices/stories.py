"""Tapes which are made up: what happened to prices on a bad day, in shape, for tests and demos.

Nothing here is a quote of anybody. The venues are named after what becomes of them.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from engine.units import PPM, PRICE_SCALE
from gateway.decimals import format_decimal
from prices.tape import Second, Words
from prices.terms import Venue
from prices.walk import PATHS

# Two venues with dollars and nothing wrong with them; one whose books empty; one which prints a
# stablecoin at 0.65; one which quotes in that stablecoin.
VENUES: Final = (
    Venue(name="steady", quote="USD", weight=3, perp="USD:USD"),
    Venue(name="calm", quote="USD", weight=2, perp="USD:USD"),
    Venue(name="emptied", quote="USD", weight=2),
    Venue(name="misprint", quote="USD", weight=2),
    Venue(name="coined", quote="USDT", weight=2),
)
DOLLARS: Final = frozenset(venue.name for venue in VENUES if venue.quote == "USD")
# Where the walk is at home: a demo can go over from one to the other without a jump.
HOME_E8: Final = {
    **{symbol: path.home_e8 for symbol, path in PATHS.items()},
    "ATOM": 4 * PRICE_SCALE,
}
ALTS: Final = frozenset({"ATOM"})
CRASH_SECONDS = 1_500
EMPTIED: Final = range(420, 900)
MISPRINTED: Final = range(500, 620)

# (second, what is left of the price in parts of a million); straight in between.
MAJORS_LEFT: Final = (
    *((0, 1_000_000), (300, 995_000), (480, 970_000)),
    *((660, 860_000), (780, 830_000), (1_200, 850_000), (1_500, 865_000)),
)
ALTS_LEFT: Final = (
    *((0, 1_000_000), (300, 990_000), (480, 900_000)),
    *((660, 430_000), (780, 330_000), (1_200, 400_000), (1_500, 420_000)),
)


def quiet(seconds: int) -> Iterator[Second]:
    """Yield seconds in which prices stand still and every venue is well, but for one needle.

    In second 5 `emptied` says a thousandth of each price; in second 7 `misprint` says no number.
    """
    for second in range(seconds):
        spot = {
            venue.name: {
                symbol: _words(_seen(venue, symbol, price), aside_ppm=20 * number)
                for symbol, price in HOME_E8.items()
                if symbol != venue.quote
            }
            for number, venue in enumerate(VENUES)
        }
        if second == 5:
            spot["emptied"] = {symbol: _words(price // 1_000) for symbol, price in HOME_E8.items()}
        if second == 7:
            spot["misprint"] = {symbol: Words("NaN", "-1", "0") for symbol in HOME_E8}
        yield Second(s=second, spot=spot)


def crash() -> Iterator[Second]:
    """Yield a day such as 10 October 2025, in shape.

    Majors lose 15 % within 20 minutes and alts 60 %, most of it in three. Meanwhile the books of
    one venue empty: its bids lie a third lower, its last trades anywhere. Another prints the
    stablecoin at 0.65. Perpetuals trade below the coins.
    """
    for second in range(CRASH_SECONDS):
        left = {
            symbol: left_at(second, ALTS_LEFT if symbol in ALTS else MAJORS_LEFT)
            for symbol in HOME_E8
        }
        prices = {
            symbol: price if symbol == "USDT" else price * left[symbol] // PPM
            for symbol, price in HOME_E8.items()
        }
        yield Second(
            s=second,
            spot={
                venue.name: {
                    symbol: _crashed(venue, symbol, price, second=second)
                    for symbol, price in prices.items()
                    if symbol != venue.quote
                }
                for venue in VENUES
            },
            perps={
                venue.name: {
                    symbol: _words(price * 998 // 1_000)
                    for symbol, price in prices.items()
                    if symbol != "USDT"
                }
                for venue in VENUES
                if venue.perp
            },
        )


def true_price_e8(symbol: str, second: int) -> int:
    """Return what a coin is worth in a second of the crash, before any venue's own error."""
    if symbol == "USDT":
        return HOME_E8[symbol]
    return HOME_E8[symbol] * left_at(second, ALTS_LEFT if symbol in ALTS else MAJORS_LEFT) // PPM


def left_at(second: int, points: tuple[tuple[int, int], ...]) -> int:
    """Return what is left in a second, in parts of a million, straight between the points.

    >>> left_at(150, ((0, 1_000_000), (300, 995_000)))
    997500
    """
    for (start, before), (end, after) in pairwise(points):
        if start <= second < end:
            return before + (after - before) * (second - start) // (end - start)
    return points[-1][1]


def _crashed(venue: Venue, symbol: str, price_e8: int, *, second: int) -> Words:
    price = _seen(venue, symbol, price_e8)
    if venue.name == "emptied" and second in EMPTIED and symbol != "USDT":
        # Nobody bids; whoever must sell hits what is left.
        last = price * (400 + second * 37 % 500) // 1_000
        return Words(_text(price * 2 // 3), _text(price * 101 // 100), _text(last))
    if venue.name == "misprint" and second in MISPRINTED and symbol == "USDT":
        return _words(65_000_000)
    return _words(price, aside_ppm=_ASIDE[venue.name](second))


# How each venue stands beside the price in a second: less than 0.1 %.
_ASIDE: Final[Mapping[str, Callable[[int], int]]] = {
    "steady": lambda second: second * 13 % 400 - 200,
    "calm": lambda second: second * 29 % 600 - 300,
    "emptied": lambda second: second * 53 % 800 - 400,
    "misprint": lambda second: second * 7 % 1_000 - 500,
    "coined": lambda second: second * 17 % 1_200 - 600,
}


def _seen(venue: Venue, symbol: str, price_e8: int) -> int:
    """Return a price in the coin in which the venue quotes."""
    return price_e8 if venue.name in DOLLARS else price_e8 * PRICE_SCALE // HOME_E8["USDT"]


def _words(price_e8: int, *, aside_ppm: int = 0) -> Words:
    middle = price_e8 + price_e8 * aside_ppm // PPM
    half = max(1, middle // 10_000)
    return Words(_text(middle - half), _text(middle + half), _text(middle))


def _text(price_e8: int) -> str:
    return format_decimal(price_e8, 8)
