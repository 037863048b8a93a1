"""Index prices and what is said of them, as people read them."""

from typing import Final

from engine.catalog import PriceState
from gateway.decimals import format_decimal, group_digits
from gateway.explained import Exclusion, Why

UNIT_OF_ACCOUNT: Final = "USDC"
PRICE_DECIMALS: Final = 8
BASIS_POINT_DECIMALS: Final = 1

EXCLUDED: Final = {
    Exclusion.SILENT: "Not heard from",
    Exclusion.NO_PRICE: "Told no price",
    Exclusion.FROM_THE_FUTURE: "Dated in the future",
    Exclusion.OLD: "Too old",
    Exclusion.CROSSED: "Bid not below ask",
    Exclusion.WIDE: "Bid and ask too far apart",
    Exclusion.NO_RATE: "Quoted in a coin that has no trusted price",
    Exclusion.OUTLIER: "Too far from the others",
    Exclusion.QUARANTINED: "Left out for five minutes: too often far from the others",
}
WHY: Final = {
    Why.AGREED: "Three or more sources agree.",
    Why.UNIT_OF_ACCOUNT: "It is the unit of account: every price is in it, so its own is one.",
    Why.FEW_SOURCES: "Only one or two sources count.",
    Why.FAR_FROM_AVERAGE: "It is far from its own five-minute average.",
    Why.RECOVERING: "The sources agree again, but not yet for long enough.",
    Why.NO_AGREEMENT: "The sources tell no price to rely on: the last one holds.",
    Why.CONTRADICTION: "The sources contradict each other: the last price holds.",
    Why.STAFF: "Staff have halted it: the last price holds.",
}
STATES: Final = {
    PriceState.OK: "Ok",
    PriceState.DEGRADED: "Degraded",
    PriceState.STALE: "Stale",
    PriceState.HALT: "Halted",
}


def price_text(price_e8: int | None) -> str:
    """Return a price in USD in full, or a dash."""
    return "–" if price_e8 is None else format_decimal(price_e8, PRICE_DECIMALS)


def shown_price(price_e8: int | None) -> str:
    """Return a price with about seven digits and its thousands apart, or a dash.

    >>> shown_price(8_670_012_345_678), shown_price(13_201_234_567), shown_price(99_961_234)
    ('86,700.12', '132.0123', '0.999612')
    """
    if price_e8 is None:
        return "–"
    whole = len(str(price_e8 // 10**PRICE_DECIMALS)) if price_e8 >= 10**PRICE_DECIMALS else 0
    decimals = max(2, min(PRICE_DECIMALS, 7 - whole if whole else 6))
    unit = 10 ** (PRICE_DECIMALS - decimals)
    whole_part, fraction = divmod((price_e8 + unit // 2) // unit, 10**decimals)
    return f"{group_digits(str(whole_part))}.{fraction:0{decimals}d}"


def basis_points(price_e8: int | None, index_e8: int | None) -> str:
    """Return how far a price is from the index, signed, in hundredths of a per cent.

    >>> basis_points(10_010, 10_000), basis_points(9_995, 10_000), basis_points(None, 1)
    ('+10.0', '−5.0', '–')
    """
    if price_e8 is None or not index_e8:
        return "–"
    tenths = (abs(price_e8 - index_e8) * 200_000 + index_e8) // (2 * index_e8)
    sign = "" if not tenths else "+" if price_e8 > index_e8 else "−"
    return f"{sign}{tenths // 10:,}.{tenths % 10}"
