"""What several sources agree on in one second: a function of their quotes, and nothing else.

    p_s       median(bid, ask, last) of a source whose quote means something (prices.quotes)
    m         weighted median of p_s
    survivors p_s with |p_s / m − 1| ≤ outlier limit
    raw       weighted median of the survivors      3 or more of them
              the same                              2, if they are near to each other
              the one                               1, if it is near to the last index
              none                                  otherwise, and if those who survive do not carry
                                                    more than half of the weight: contradiction

The middle is weighted as well: whoever carries more than half of the weight lies around it, so that
no number of light sources can throw out the heavy ones.
"""

from collections.abc import Collection, Sequence

import msgspec

from gateway.explained import Exclusion, SourcePrice
from prices.quotes import Quote, exclusion, is_within, weighted_median
from prices.terms import Terms

ENOUGH = 3


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """What came out. `price_e8` is None if the last index is to be held."""

    price_e8: int | None
    survivors: int
    is_contradiction: bool
    sources: tuple[SourcePrice, ...]


def agree(
    quotes: Sequence[Quote],
    terms: Terms,
    *,
    now_ms: int,
    last_e8: int | None,
    quarantined: Collection[str] = (),
) -> Agreement:
    """Return what the quotes agree on, and what has become of each of them."""
    excluded = {
        quote.venue: exclusion(quote, terms, now_ms=now_ms)
        or (Exclusion.QUARANTINED if quote.venue in quarantined else None)
        for quote in quotes
    }
    usable = _priced([quote for quote in quotes if excluded[quote.venue] is None])
    kept = _near_the_middle(usable, terms.outlier_ppm)
    for venue in usable.keys() - kept.keys():
        excluded[venue] = Exclusion.OUTLIER
    contradiction = _weight(kept) * 2 <= _weight(usable) if usable else False
    price = None if contradiction else _price_of(list(kept.values()), terms, last_e8)
    return Agreement(
        price_e8=price,
        survivors=len(kept),
        is_contradiction=contradiction,
        sources=tuple(_told(quote, excluded[quote.venue]) for quote in quotes),
    )


def agree_on_perps(quotes: Sequence[Quote], terms: Terms, *, now_ms: int) -> int | None:
    """Return what venues' perpetuals trade at, or None if too few of them tell the same."""
    usable = _priced([quote for quote in quotes if exclusion(quote, terms, now_ms=now_ms) is None])
    kept = _near_the_middle(usable, terms.outlier_ppm)
    if len(kept) < terms.perp_sources or _weight(kept) * 2 <= _weight(usable):
        return None
    return weighted_median(list(kept.values()))


def _priced(quotes: Sequence[Quote]) -> dict[str, tuple[int, int]]:
    return {
        quote.venue: (quote.price_e8, quote.weight)
        for quote in quotes
        if quote.price_e8 is not None
    }


def _near_the_middle(
    pairs: dict[str, tuple[int, int]], limit_ppm: int
) -> dict[str, tuple[int, int]]:
    if not pairs:
        return {}
    middle = weighted_median(list(pairs.values()))
    return {venue: pair for venue, pair in pairs.items() if is_within(pair[0], middle, limit_ppm)}


def _weight(pairs: dict[str, tuple[int, int]]) -> int:
    return sum(weight for _, weight in pairs.values())


def _price_of(pairs: list[tuple[int, int]], terms: Terms, last_e8: int | None) -> int | None:
    prices = [price for price, _ in pairs]
    if len(prices) >= ENOUGH:
        return weighted_median(pairs)
    if len(prices) == 2 and is_within(prices[0], prices[1], terms.pair_ppm):
        return weighted_median(pairs)
    # One alone never makes a first price: there is nothing to hold it against.
    if len(prices) == 1 and last_e8 is not None and is_within(prices[0], last_e8, terms.pair_ppm):
        return prices[0]
    return None


def _told(quote: Quote, excluded: Exclusion | None) -> SourcePrice:
    weight = quote.weight if excluded is None else 0
    # What has never been heard has no price; what is out of date had one, and it is shown.
    return SourcePrice(quote.venue, quote.price_e8, weight, excluded)
