"""The rate curve, and what interest does to the indexes of a pool. Pure arithmetic."""

from typing import NamedTuple

from engine.catalog import RateCurve
from engine.units import PPB, PPM, RAY, YEAR_NS, div_ceil

RAY_PER_PPB = RAY // PPB


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


class Growth(NamedTuple):
    """How much the indexes and the reserve grow, all in ray (the reserve in atoms × ray)."""

    debt_index: int
    lend_index: int
    reserve: int


class Base(NamedTuple):
    """The pool from which growth is counted."""

    debt_scaled: int
    debt_index: int
    lend_scaled: int
    rate_ray: int
    fee_ppm: int


def growth(base: Base, elapsed_ns: int) -> Growth:
    """Return the growth of a pool over `elapsed_ns` at a constant rate, counted from `base`.

    The lend index follows from the debt index, never from a second rate: what borrowers are
    charged and lenders do not get is the reserve's, to the last remainder. So
    cash × ray + S_b × I_b == S_l × I_l + R goes on to hold exactly.
    """
    debt_growth = div_ceil(base.debt_index * base.rate_ray * elapsed_ns, RAY * YEAR_NS)
    charged = base.debt_scaled * debt_growth
    if base.lend_scaled == 0:
        return Growth(debt_growth, 0, charged)
    fee = div_ceil(charged * base.fee_ppm, PPM)
    lend_growth = (charged - fee) // base.lend_scaled
    return Growth(debt_growth, lend_growth, charged - base.lend_scaled * lend_growth)
