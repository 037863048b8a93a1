"""Quotes for tests, in whole dollars, and a second in which they are looked at."""

from prices.quotes import Quote

E8 = 10**8
SECOND = 1_795_352_700
NOW = SECOND * 1_000


def quote(
    price: float,
    venue: str = "a",
    *,
    weight: int = 1,
    now_ms: int = NOW,
    age_ms: int = 0,
    silent_ms: int = 0,
    half_ppm: int = 50,
    currency: str = "USD",
) -> Quote:
    """Return a venue's quote around a price, as old as is said."""
    middle = round(price * E8)
    half = middle * half_ppm // 10**6
    return Quote(
        venue=venue,
        weight=weight,
        currency=currency,
        bid_e8=middle - half,
        ask_e8=middle + half,
        last_e8=middle,
        at_ms=now_ms - age_ms,
        heard_ms=now_ms - silent_ms,
    )


def quotes(*prices: float, now_ms: int = NOW) -> list[Quote]:
    """Return one quote a price, of venues a, b, c and so on."""
    return [quote(price, "abcdefgh"[n], now_ms=now_ms) for n, price in enumerate(prices)]
