"""Units and exact integer arithmetic. Every division names the side it rounds to.

Amounts are integers in the smallest unit of what they measure; the name of a variable says which:

    *_atoms   the asset's smallest unit (USDC 1e-6, BTC 1e-8); decimals are fixed at listing
    *_ticks   a price as a number of the market's tick
    *_lots    a quantity as a number of the market's step
    *_e8      a price in USD (or quote) times 1e8, for valuation
    *_micros  a value in USD times 1e6: equity, margin, notional
    *_ppb     a fraction or a yearly rate times 1e9; *_ppm times 1e6
    *_ray     an interest index times 1e27
    *_ns      nanoseconds since the Unix epoch, as the sequencer stamped them
"""

from math import isqrt
from typing import NewType

AccountId = NewType("AccountId", int)
OrderId = NewType("OrderId", int)

RAY = 10**27
PPB = 10**9
PPM = 10**6
PRICE_SCALE = 10**8
SECOND_NS = 10**9
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
YEAR_NS = 31_536_000 * SECOND_NS

MICROS = 10**6
# √USD is carried with six decimals.
ROOT_SCALE = 10**6

# The most that one command can name: what travels is 64 bits wide.
MAX_ATOMS = 2**63 - 1


def div_floor(numerator: int, denominator: int) -> int:
    """Divide, rounding down: what an account gets."""
    return numerator // denominator


def div_ceil(numerator: int, denominator: int) -> int:
    """Divide, rounding up: what an account owes.

    >>> div_ceil(7, 2), div_ceil(-7, 2)
    (4, -3)
    """
    return -(-numerator // denominator)


def div_to_zero(numerator: int, denominator: int) -> int:
    """Divide by a positive number, rounding towards zero.

    >>> div_to_zero(7, 2), div_to_zero(-7, 2)
    (3, -3)
    """
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def sqrt_ceil(value: int) -> int:
    """Return the smallest integer whose square is not below `value`."""
    return isqrt(value - 1) + 1 if value else 0
