"""What is asked of prices, asset by asset, and which venues are asked: data, with defaults.

An operator replaces them with a file in JSON which settings.PRICES_FILE names:

    {"venues": [{"name": "kraken", "quote": "USD", "weight": 3},
                {"name": "backpack", "quote": "USDC", "books": true, "url": "https://other.example"}],
     "assets": {"BTC": {}, "DOGE": {"age_ms": 30000, "outlier_ppm": 20000, "cap_ppm": 5000}}}

Everything that is left out keeps its default. A word that is not known is refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

# The unit of account: every price is in it, so its own is one.
USDC: Final = "USDC"


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one asset's index asks of its sources; the defaults are those of the largest coins.

    Args:
        age_ms: a quote, and the last word of its venue, may be so old.
        ahead_ms: a venue's clock may be ahead of ours by so much.
        spread_ppm: the widest spread, as a part of the bid.
        outlier_ppm: who is further from the middle of all does not count in this second.
        pair_ppm: two sources which are all must be so near to each other; one, to the last index.
        cap_ppm: the most by which the index moves in one second.
        strikes: so many outliers within `strike_seconds`, and the source is left out for
            `quarantine_seconds`.
        far_ppm: further from its own average over `average_seconds`, the index is DEGRADED.
        stale_seconds: STALE after so long without a price which the sources agree on.
        contradiction_seconds: HALT after so long without a majority which agrees.
        good_ticks: so many good seconds in a row lead back to OK.
        perp_sources: so many venues' perpetuals must agree.
    """

    age_ms: int = 10_000
    ahead_ms: int = 1_000
    spread_ppm: int = 10_000
    outlier_ppm: int = 10_000
    pair_ppm: int = 5_000
    cap_ppm: int = 2_500
    strikes: int = 3
    strike_seconds: int = 60
    quarantine_seconds: int = 300
    far_ppm: int = 50_000
    average_seconds: int = 300
    stale_seconds: int = 30
    contradiction_seconds: int = 10
    good_ticks: int = 10
    perp_sources: int = 2


MAJOR: Final = Terms()
OTHER: Final = Terms(age_ms=30_000, outlier_ppm=20_000, cap_ppm=5_000)
# Rarely traded, and hardly ever moving: old quotes are true, large steps are not.
DOLLAR: Final = Terms(age_ms=30_000)
ASSETS: Final[Mapping[str, Terms]] = {
    "USDT": DOLLAR,
    "BTC": MAJOR,
    "ETH": MAJOR,
    "SOL": MAJOR,
}


class Venue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source: an exchange as ccxt names it, and what it quotes the assets in.

    Args:
        quote: "USD", "USDC", or a coin with an index of its own, by which is multiplied.
        perp: how ccxt ends the names of its perpetuals ("USDT:USDT" for BTC/USDT:USDT); "": none.
        books: its tickers tell no bid and ask: each book is asked for.
        url: where it answers, if not where ccxt knows it: another instance of this exchange.
        label: its name here, if several venues are of one ccxt class.
    """

    name: str
    quote: str
    weight: int = 1
    perp: str = ""
    books: bool = False
    url: str = ""
    label: str = ""

    @property
    def called(self) -> str:
        """The name under which its prices are shown."""
        return self.label or self.name

    @property
    def perp_currency(self) -> str:
        """What its perpetuals are quoted in."""
        return self.perp.split(":", maxsplit=1)[0]


# Venues whose one call for all tickers tells bid, ask and last. Only those with real dollars say
# what a USDT is worth; they carry more than half of the weight.
VENUES: Final = (
    Venue(name="kraken", quote="USD", weight=3),
    Venue(name="bitstamp", quote="USD", weight=2),
    Venue(name="bitfinex", quote="USD", weight=2, perp="USDT:USDT"),
    Venue(name="cryptocom", quote="USD", weight=2, perp="USD:USD"),
    Venue(name="okx", quote="USDT", weight=3, perp="USDT:USDT"),
    Venue(name="kucoin", quote="USDT", weight=1),
)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which venues are asked, and the terms of each asset that is followed."""

    venues: tuple[Venue, ...] = VENUES
    assets: dict[str, Terms] = msgspec.field(default_factory=lambda: dict(ASSETS))

    def terms_of(self, symbol: str) -> Terms:
        """Return an asset's terms; one that is not named has those of smaller coins."""
        return self.assets.get(symbol, OTHER)


def read_plan(path: str) -> Plan:
    """Return the plan of a file, or the defaults for "". Raises ValueError with what is wrong."""
    if not path:
        return Plan()
    try:
        plan = msgspec.json.decode(Path(path).read_bytes(), type=Plan)
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"PRICES_FILE={path}: {error}") from error
    names = [venue.called for venue in plan.venues]
    if len(set(names)) < len(names):
        raise ValueError(f"PRICES_FILE={path}: two venues have one name; give one a `label`")
    if any(venue.weight < 1 for venue in plan.venues):
        raise ValueError(f"PRICES_FILE={path}: a weight must be at least 1")
    if any(least < 1 for terms in plan.assets.values() for least in msgspec.structs.astuple(terms)):
        raise ValueError(f"PRICES_FILE={path}: terms must be at least 1")
    return plan
