"""One index out of several venues' quotes: stale and crossed ones left out, outliers refused.

    p_s   = median(bid, ask, last)              of a venue whose quote is fresh and not too wide
    m     = median of p_s
    keep  p_s with |p_s / m − 1| ≤ 1 %
    index = median of those kept                3 or more
            mean of two                         if they are within 0.5 % of each other
            the one left                        if within 0.5 % of the last index
            none (the last index is held)       otherwise

All prices are integers in USD × 1e8.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

import msgspec

from engine.units import PRICE_SCALE

QUOTE_AGE_LIMIT_MS = 10_000
SPREAD_LIMIT_PPM = 10_000
OUTLIER_LIMIT_PPM = 10_000
PAIR_LIMIT_PPM = 5_000


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue shows for one asset, in USD × 1e8; `at_ms` is when it was read."""

    venue: str
    bid_e8: int
    ask_e8: int
    last_e8: int
    at_ms: int


def price_e8(text: object) -> int | None:
    """Return a venue's number in units of 1e-8, or None for what is no price (NaN, 0, below 0)."""
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    if not number.is_finite() or not 0 < number < PRICE_SCALE**2:
        return None
    return int((number * PRICE_SCALE).to_integral_value(ROUND_HALF_EVEN)) or None


def index_of(quotes: Sequence[Quote], *, now_ms: int, last_e8: int | None) -> int | None:
    """Return the index which the quotes agree on, or None: then the last one is held."""
    prices = [median((q.bid_e8, q.ask_e8, q.last_e8)) for q in quotes if is_usable(q, now_ms)]
    if not prices:
        return None
    middle = median(prices)
    kept = [price for price in prices if _within(price, middle, OUTLIER_LIMIT_PPM)]
    if len(kept) >= 3:
        return median(kept)
    if len(kept) == 2:
        return median(kept) if _within(kept[0], kept[1], PAIR_LIMIT_PPM) else None
    if len(kept) == 1 and (last_e8 is None or _within(kept[0], last_e8, PAIR_LIMIT_PPM)):
        return kept[0]
    return None


def is_usable(quote: Quote, now_ms: int) -> bool:
    """Tell whether a quote is fresh, not crossed and not too wide to mean anything."""
    return (
        0 <= now_ms - quote.at_ms <= QUOTE_AGE_LIMIT_MS
        and 0 < quote.bid_e8 < quote.ask_e8
        and _within(quote.bid_e8, quote.ask_e8, SPREAD_LIMIT_PPM)
    )


def median(values: Sequence[int]) -> int:
    """Return the middle value, or the mean of the two middle ones rounded half to even.

    >>> median((3, 1, 2)), median((1, 2)), median((3, 4))
    (2, 2, 4)
    """
    ordered = sorted(values)
    half, odd = divmod(len(ordered), 2)
    if odd:
        return ordered[half]
    doubled = ordered[half - 1] + ordered[half]
    return doubled // 2 + (doubled % 4 == 3)


def _within(value: int, reference: int, limit_ppm: int) -> bool:
    return abs(value - reference) * 1_000_000 <= reference * limit_ppm
