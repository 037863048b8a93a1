"""What must hold of weights and fractions at every size."""

from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import Fraction, Haircut
from engine.margin import fraction_ppb, weight_ppb
from engine.units import MICROS, PPB

MICRO_VALUES = st.integers(min_value=0, max_value=10**12 * MICROS)
WEIGHTS = st.integers(min_value=0, max_value=PPB)
FACTORS = st.integers(min_value=0, max_value=10**7)


@given(weight=WEIGHTS, factor=FACTORS, value=MICRO_VALUES, more=MICRO_VALUES)
def test_more_collateral_never_counts_for_less(
    weight: int, factor: int, value: int, more: int
) -> None:
    haircut = Haircut(weight_ppb=weight, factor_ppb=factor)
    larger = value + more
    # Weights are floored at 1e-9: so much may be lost to rounding, and no more.
    rounding = larger // PPB + 1
    assert larger * weight_ppb(haircut, larger) // PPB + rounding >= (
        value * weight_ppb(haircut, value) // PPB
    )


@given(base=WEIGHTS, factor=FACTORS, notional=MICRO_VALUES, more=MICRO_VALUES)
def test_a_larger_position_never_needs_less(
    base: int, factor: int, notional: int, more: int
) -> None:
    fraction = Fraction(base_ppb=base, factor_ppb=factor)
    assert fraction_ppb(fraction, notional + more) >= fraction_ppb(fraction, notional) >= base
