"""The rate curve, and what interest does to the indexes of a pool. Pure arithmetic."""

from typing import NamedTuple

from engine.catalog import RateCurve
from engine.units import PPB, PPM, RAY, YEAR_NS, div_ceil

RAY_PER_PPB = RAY // PPB
HOURS_A_YEAR = 8_760


def borrow_rate(curve: RateCurve, utilization_ray: int) -> int:
    """Return what borrowers pay per year, in ray, rounded up.

    base + slope1 × U / U*                               up to the kink U*
    base + slope1 + slope2 × (U − U*) / (1 − U*)         beyond it; U counts at most 1

    >>> borrow_rate(RateCurve(800_000_000, 50_000_000, 750_000_000), 9 * RAY // 10) * 1000 // RAY
    425
    """
    used = min(utilization_ray, RAY)
    optimal = curve.optimal_ppb * RAY_PER_PPB
    if used <= optimal:
        return curve.base_ppb * RAY_PER_PPB + div_ceil(curve.slope1_ppb * used, curve.optimal_ppb)
    beyond = div_ceil(curve.slope2_ppb * (used - optimal), PPB - curve.optimal_ppb)
    return (curve.base_ppb + curve.slope1_ppb) * RAY_PER_PPB + beyond


def lend_rate(borrow_rate_ppb: int, utilization_ppb: int, fee_ppm: int) -> int:
    """Return what lenders earn per year, in ppb, rounded down: borrow rate × U × (1 − fee)."""
    gross = borrow_rate_ppb * min(utilization_ppb, PPB) * (PPM - fee_ppm)
    return gross // (PPB * PPM)


def opening_utilization(curve: RateCurve, fee_ppm: int, lend_rate_ppb: int) -> int | None:
    """Return the least utilization, in ppb, at which lenders earn `lend_rate_ppb`; None if never.

    borrow rate(U) × U × (1 − fee) never falls with U, so it is found by halving.

    >>> opening_utilization(RateCurve(800_000_000, 50_000_000, 750_000_000), 0, 40_000_000)
    800000000
    """

    def earns(used_ppb: int) -> bool:
        rate = borrow_rate(curve, used_ppb * RAY_PER_PPB)
        return rate * used_ppb * (PPM - fee_ppm) >= lend_rate_ppb * RAY * PPM

    if not earns(PPB):
        return None
    low, high = 0, PPB
    while low < high:
        middle = (low + high) // 2
        if earns(middle):
            high = middle
        else:
            low = middle + 1
    return low


def apy_ppb(rate_ppb: int) -> int:
    """Return the yield of a year at a yearly rate that compounds by the hour, rounded down.

    (1 + rate / 8760)^8760 − 1

    >>> apy_ppb(50_000_000), apy_ppb(0)
    (51270946, 0)
    """
    power, growth_ray, hours = RAY + rate_ppb * RAY_PER_PPB // HOURS_A_YEAR, RAY, HOURS_A_YEAR
    while hours:
        if hours % 2:
            growth_ray = growth_ray * power // RAY
        power = power * power // RAY
        hours //= 2
    return (growth_ray - RAY) // RAY_PER_PPB


class Growth(NamedTuple):
    """How much the indexes and the reserve grow, all in ray (the reserve in atoms × ray)."""

    debt_index: int
    lend_indexes: tuple[int, ...]
    reserve: int


class Share(NamedTuple):
    """Lends of one minimum rate: all of them, scaled, and the part at work, in atoms × ray."""

    lend_scaled: int
    active_ray: int


class Base(NamedTuple):
    """The pool from which growth is counted."""

    debt_scaled: int
    debt_index: int
    shares: tuple[Share, ...]
    active_ray: int
    rate_ray: int
    fee_ppm: int


def growth(base: Base, elapsed_ns: int) -> Growth:
    """Return the growth of a pool over `elapsed_ns` at a constant rate, counted from `base`.

    The lend indexes follow from the debt index, never from a second rate: what borrowers are
    charged and lenders do not get is the reserve's, to the last remainder. So
    cash × ray + S_b × I_b == Σ S_l × I_l + R goes on to hold exactly. Lends earn in proportion to
    their part at work.
    """
    debt_growth = div_ceil(base.debt_index * base.rate_ray * elapsed_ns, RAY * YEAR_NS)
    charged = base.debt_scaled * debt_growth
    if base.active_ray == 0:
        return Growth(debt_growth, (0,) * len(base.shares), charged)
    earned = reserve = charged - div_ceil(charged * base.fee_ppm, PPM)
    grown = []
    for scaled, active_ray in base.shares:
        lend_growth = earned * active_ray // (base.active_ray * scaled)
        reserve -= lend_growth * scaled
        grown.append(lend_growth)
    return Growth(debt_growth, tuple(grown), charged - earned + reserve)
