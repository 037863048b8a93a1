"""Demo prices: a random walk, and nothing else. No venue is asked; the log and every page say so.

A step is a function of the seed, the second and the prices before it, in integers. So the walk goes
on from the last committed price after a restart, and the same seed shows the same market again.

Made-up venues quote around it, each a little beside it, so that the demo's index comes about and is
explained as a real one is. Now and then one of them is silent or far off.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from engine.units import PPB, PRICE_SCALE
from prices.quotes import Quote
from prices.sources import Quotes
from prices.terms import USDC

__all__ = ["PATHS", "USDC", "WALKERS", "Path", "WalkSource", "step"]

# The made-up venues, with their weights.
WALKERS: Final = {"walk-north": 3, "walk-east": 2, "walk-south": 2, "walk-west": 1}
# Each is beside the walk by a bell of this width, far below a step of a coin, and half as far
# spreads its book.
ASIDE_PPB = 20_000
# One of them, the lightest, is wrong in so many of a thousand seconds.
WRONG_PER_MILLE = 4


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """How one asset walks. Steps are parts of 1e9 of the price, each second.

    `shared_ppb` scales the step which all assets take together, `own_ppb` the asset's own;
    `pull_ppb` of the distance from `home_e8` is walked back each second.
    """

    home_e8: int
    shared_ppb: int = 0
    own_ppb: int = 0
    pull_ppb: int = 20_000


# One second's step has a standard deviation of 1.15 × √(shared² + own²): for BTC about 0.012 %,
# some 70 % a year, as real ones have. The pull keeps the walk within a few percent of home.
PATHS: Final[Mapping[str, Path]] = {
    "BTC": Path(home_e8=86_700 * PRICE_SCALE, shared_ppb=90_000, own_ppb=50_000),
    "ETH": Path(home_e8=2_850 * PRICE_SCALE, shared_ppb=110_000, own_ppb=70_000),
    "SOL": Path(home_e8=132 * PRICE_SCALE, shared_ppb=120_000, own_ppb=90_000),
    "USDT": Path(home_e8=99_960_000, own_ppb=3_000, pull_ppb=2_000_000),
}


class WalkSource:
    """Walk each asset one step a second, and have every made-up venue quote it."""

    name = "a seeded random walk (demo prices; no venue is asked)"

    def __init__(self, seed: str, paths: Mapping[str, Path] = PATHS) -> None:
        self._seed = seed
        self._paths = paths
        # The walk itself: what venues say beside it must not add up.
        self._walked: dict[str, int] = {}

    async def quotes(
        self, *, now_ms: int, listed: Sequence[str], last_e8: Mapping[str, int]
    ) -> Quotes:
        """Return each venue's quotes, one step on; after a start, from `last_e8`."""
        second = now_ms // 1_000
        before = {**last_e8, **self._walked}
        self._walked = step(self._paths, seed=self._seed, second=second, last_e8=before)
        chance = random.Random(f"{self._seed}:venues:{second}")  # noqa: S311 - as below
        return Quotes(
            spot={
                symbol: [_beside(price, chance, venue=venue, now_ms=now_ms) for venue in WALKERS]
                for symbol, price in self._walked.items()
                if symbol in listed
            }
        )

    async def close(self) -> None:
        """Do nothing: a walk holds nothing open."""


def _beside(price: int, chance: random.Random, *, venue: str, now_ms: int) -> Quote:
    middle = max(1, price + price * _bell(chance) // PPB * ASIDE_PPB // PPB)
    age_ms = 0
    if venue == "walk-west" and chance.randrange(1_000) < WRONG_PER_MILLE:
        # Half of the time its book is a needle, half of the time it has not moved for a minute.
        middle, age_ms = (middle * 9 // 10, 0) if chance.randrange(2) else (middle, 60_000)
    half = max(1, middle * ASIDE_PPB // PPB // 2)
    return Quote(
        venue=venue,
        weight=WALKERS[venue],
        bid_e8=middle - half,
        ask_e8=middle + half,
        last_e8=middle,
        at_ms=now_ms - age_ms,
        heard_ms=now_ms,
    )


def step(
    paths: Mapping[str, Path], *, seed: str, second: int, last_e8: Mapping[str, int]
) -> dict[str, int]:
    """Return the prices one second on from `last_e8`; an asset without a price starts at home."""
    chance = random.Random(f"{seed}:{second}")  # noqa: S311 - prices to look at, not secrets
    shared = _bell(chance)
    moved = {}
    for symbol, path in paths.items():
        own = _bell(chance)
        last = last_e8.get(symbol) or path.home_e8
        shock_ppb = (shared * path.shared_ppb + own * path.own_ppb) // PPB
        pull = (path.home_e8 - last) * path.pull_ppb // PPB
        moved[symbol] = max(1, last + last * shock_ppb // PPB + pull)
    return moved


def _bell(chance: random.Random) -> int:
    # Four even draws added are close enough to a bell: mean 0, standard deviation 1.15e9.
    return sum(chance.randint(-PPB, PPB) for _ in range(4))
