"""A tape of prices that fall so slowly that no breaker trips: a liquidation one can wait for."""

from pathlib import Path
from typing import Final

from gateway.decimals import format_decimal
from prices.stories import HOME_E8
from prices.tape import Second, Words, write_head, write_second
from prices.terms import Venue

VENUES: Final = tuple(Venue(name=name, quote="USD", weight=1) for name in ("one", "two", "three"))
FALLING: Final = "SOL"
SECONDS: Final = 1_800
# Of the price, in each second, in parts of a million.
FALL_PPM: Final = 280


def write_falling_tape(path: Path) -> None:
    """Write a tape on which one coin loses 1.7 % a minute, and the others nothing."""
    price = HOME_E8[FALLING]
    with path.open("x", encoding="utf-8") as tape:
        write_head(tape, VENUES)
        for second in range(SECONDS):
            told = {
                symbol: _words(price if symbol == FALLING else home)
                for symbol, home in HOME_E8.items()
            }
            write_second(tape, Second(s=second, spot={venue.name: told for venue in VENUES}))
            price -= price * FALL_PPM // 10**6


def _words(price_e8: int) -> Words:
    half = max(1, price_e8 // 10_000)
    bid, ask, last = (
        format_decimal(one, 8) for one in (price_e8 - half, price_e8 + half, price_e8)
    )
    return Words(bid, ask, last)
