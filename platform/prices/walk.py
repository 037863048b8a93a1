"""Demo prices: a random walk, and nothing else. No venue is asked; the log and every page say so.

A step is a function of the seed, the second and the prices before it, in integers. So the walk goes
on from the last committed price after a restart, and the same seed shows the same market again.
"""

import random
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.units import PPB, PRICE_SCALE

USDC: Final = "USDC"


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
    """Walk each asset one step a second."""

    name = "a seeded random walk (demo prices; no venue is asked)"

    def __init__(self, seed: str, paths: Mapping[str, Path] = PATHS) -> None:
        self._seed = seed
        self._paths = paths

    async def quote(self, *, second: int, last_e8: Mapping[str, int]) -> dict[str, int]:
        """Return each walked asset's price in USD × 1e8, one step on from `last_e8`."""
        return step(self._paths, seed=self._seed, second=second, last_e8=last_e8)

    async def close(self) -> None:
        """Do nothing: a walk holds nothing open."""


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
