"""Numbers as staff read them."""

from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


def plain(value: Decimal) -> str:
    """Return a number without trailing zeros.

    >>> plain(Decimal("1500.000")), plain(Decimal("0E-12"))
    ('1500', '0')
    """
    return f"{value.normalize():f}"


def dollars(value: Decimal | None) -> str:
    """Return an amount of USD with cents, rounded half to even; a dash where there is none.

    >>> dollars(Decimal("-1234.565")), dollars(None)
    ('-1,234.56', '-')
    """
    return "-" if value is None else f"{value.quantize(CENT, ROUND_HALF_EVEN):,f}"
