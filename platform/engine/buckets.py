"""Lends by the least rate that their lenders ask for, and which of them are at work."""

from functools import lru_cache

from engine.catalog import Asset, RateCurve
from engine.interest import opening_utilization
from engine.units import PPB, RAY, div_ceil


class Bucket:
    """All lends of one pool that ask for the same rate: scaled, with an index of their own."""

    __slots__ = (
        "active_ray",
        "anchor_index",
        "index",
        "lent_ray",
        "opens_ppb",
        "rate_ppb",
        "scaled",
        "used",
    )

    def __init__(self, rate_ppb: int, opens_ppb: int | None) -> None:
        self.rate_ppb = rate_ppb
        # The utilization from which lenders earn that rate; None if the curve never gives it.
        self.opens_ppb = opens_ppb
        self.scaled = 0
        # Whether anything was ever lent here: then it is told of, empty or not.
        self.used = False
        self.index = self.anchor_index = RAY
        # At the last anchor: all that is lent, and the part of it at work.
        self.lent_ray = 0
        self.active_ray = 0

    def opened(self, utilization_ppb: int) -> bool:
        """Tell whether lends at work earn the rate at this utilization."""
        return self.opens_ppb is not None and utilization_ppb >= self.opens_ppb


@lru_cache(maxsize=1000)
def _openings(curve: RateCurve, fee_ppm: int, rates_ppb: tuple[int, ...]) -> tuple[int | None, ...]:
    return tuple(opening_utilization(curve, fee_ppm, rate) for rate in rates_ppb)


def buckets_of(asset: Asset) -> tuple[Bucket, ...]:
    """Return an empty bucket for each rate that lenders of the asset may ask for."""
    rates = asset.lend_rates_ppb
    openings = _openings(asset.curve, asset.fee_ppm, rates)
    return tuple(Bucket(rate, opens) for rate, opens in zip(rates, openings, strict=True))


def activate(live: list[Bucket], borrowed_ray: int) -> int:
    """Put lends to work from the lowest rate up, and return how much is, in atoms × ray.

    A bucket works whole if the loans keep utilization at its opening or above even with all of it;
    in part, so that utilization is exactly its opening, if only with less; else not at all.
    """
    below = 0
    for bucket in live:
        lent = bucket.lent_ray = bucket.scaled * bucket.index
        opens = bucket.opens_ppb
        if opens == 0:
            active = lent
        elif opens is None or borrowed_ray * PPB <= opens * below:
            active = 0
        else:
            active = min(lent, borrowed_ray * PPB // opens - below)
        bucket.active_ray = active
        below += active
    return below


def burned(amount_atoms: int, index: int, of_scaled: int) -> int:
    """Return the scaled lend that pays `amount_atoms`, rounded up; all of it if that takes all."""
    if amount_atoms >= of_scaled * index // RAY:
        return of_scaled
    return div_ceil(amount_atoms * RAY, index)
