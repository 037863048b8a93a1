"""What a venue shows for one asset, how its numbers are read, and when they mean nothing.

All prices are integers in USD × 1e8.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

import msgspec

from engine.units import PRICE_SCALE
from gateway.explained import Exclusion
from prices.terms import Terms, Venue

# Above any price that can be meant: 1e9 USD for one whole unit.
PRICE_LIMIT_E8 = 10**17


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Bid, ask and last of a venue, 0 for what is no price.

    Args:
        currency: what the three are in, until `in_dollars`.
        at_ms: the venue's own time of it; 0 if it has never been heard.
        heard_ms: when we heard it.
        has_rate: False if the coin in which the venue quotes has no price to be trusted.
    """

    venue: str
    weight: int
    currency: str = "USD"
    bid_e8: int
    ask_e8: int
    last_e8: int
    at_ms: int
    heard_ms: int
    has_rate: bool = True

    @property
    def price_e8(self) -> int | None:
        """The middle of bid, ask and last, or None if one of them is no price."""
        three = (self.bid_e8, self.ask_e8, self.last_e8)
        return median(three) if min(three) > 0 else None


def unheard(venue: Venue) -> Quote:
    """Return the quote of a venue which has not answered yet: it is shown as silent."""
    return read_quote({"timestamp": 0}, venue=venue, heard_ms=0)


def exclusion(quote: Quote, terms: Terms, *, now_ms: int) -> Exclusion | None:
    """Return why a quote means nothing by itself, or None; others are not looked at."""
    if not 0 <= now_ms - quote.heard_ms <= terms.age_ms:
        return Exclusion.SILENT
    if quote.price_e8 is None:
        return Exclusion.NO_PRICE
    if quote.at_ms > now_ms + terms.ahead_ms:
        return Exclusion.FROM_THE_FUTURE
    if now_ms - quote.at_ms > terms.age_ms:
        return Exclusion.OLD
    if quote.bid_e8 >= quote.ask_e8:
        return Exclusion.CROSSED
    if not is_within(quote.ask_e8, quote.bid_e8, terms.spread_ppm):
        return Exclusion.WIDE
    if not quote.has_rate:
        return Exclusion.NO_RATE
    return None


def price_e8(text: object) -> int:
    """Return a venue's number in units of 1e-8; 0 for what is no price: NaN, 0, below 0, absurd."""
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return 0
    if not number.is_finite() or not 0 < number * PRICE_SCALE < PRICE_LIMIT_E8:
        return 0
    return int((number * PRICE_SCALE).to_integral_value(ROUND_HALF_EVEN))


def read_quote(
    words: Mapping[str, object], *, venue: Venue, heard_ms: int, currency: str = ""
) -> Quote:
    """Return the quote which a ticker in ccxt's words tells.

    Args:
        words: `bid`, `ask`, `last`, and `timestamp`, the venue's own time, where it tells it: an
            old answer out of a cache must not look fresh.
        currency: what it is in, if not in what the venue quotes usually.
    """
    at_ms = words.get("timestamp")
    return Quote(
        venue=venue.called,
        weight=venue.weight,
        currency=currency or venue.quote,
        bid_e8=price_e8(words.get("bid")),
        ask_e8=price_e8(words.get("ask")),
        last_e8=price_e8(words.get("last")),
        at_ms=at_ms if type(at_ms) is int else heard_ms,
        heard_ms=heard_ms,
    )


def in_dollars(quote: Quote, rate_e8: int | None) -> Quote:
    """Return a quote in another coin times that coin's price; None means that it has none."""
    if rate_e8 is None:
        return msgspec.structs.replace(quote, has_rate=False)
    return msgspec.structs.replace(
        quote,
        bid_e8=quote.bid_e8 * rate_e8 // PRICE_SCALE,
        ask_e8=quote.ask_e8 * rate_e8 // PRICE_SCALE,
        last_e8=quote.last_e8 * rate_e8 // PRICE_SCALE,
    )


def median(values: Sequence[int]) -> int:
    """Return the middle value, or the mean of the two middle ones rounded half to even.

    >>> median((3, 1, 2)), median((1, 2)), median((3, 4))
    (2, 2, 4)
    """
    ordered = sorted(values)
    half, odd = divmod(len(ordered), 2)
    return ordered[half] if odd else mean(ordered[half - 1], ordered[half])


def weighted_median(pairs: Sequence[tuple[int, int]]) -> int:
    """Return the smallest of (price, weight) at which more than half of all weight is reached.

    If exactly half is reached there, the mean with the next price. So the side which has more than
    half of the weight decides, whatever the others say.

    >>> weighted_median(((10, 3), (12, 2), (9, 2))), weighted_median(((10, 1), (13, 1)))
    (10, 12)
    """
    ordered = sorted(pairs)
    total = sum(weight for _, weight in ordered)
    reached = 0
    for number, (price, weight) in enumerate(ordered):
        reached += weight
        if reached * 2 > total:
            return price
        if reached * 2 == total:
            return mean(price, ordered[number + 1][0])
    raise AssertionError("there is no median of nothing")


def mean(one: int, other: int) -> int:
    """Return the mean of two, rounded half to even."""
    doubled = one + other
    return doubled // 2 + (doubled % 4 == 3)


def is_within(value: int, reference: int, limit_ppm: int) -> bool:
    """Tell whether `value` is no further from `reference` than this part of it."""
    return abs(value - reference) * 1_000_000 <= reference * limit_ppm
