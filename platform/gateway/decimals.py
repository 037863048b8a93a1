"""Decimal text to and from scaled integers: the only two conversions at the edge of the house.

No float and no rounding: a text with more digits than the scale holds is refused.
"""

import re
from decimal import Context, Decimal

# Longer texts are refused before any arithmetic: nothing listed needs more digits.
MAX_DIGITS = 40
_PATTERN = re.compile(r"([0-9]+)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,2}))?")


class DecimalError(ValueError):
    """The text is not a plain non-negative decimal, or has too many digits."""


class TooPrecise(DecimalError):
    """The number has more decimals than the scale holds."""


def parse_decimal(text: str, decimals: int) -> int:
    """Return the number that `text` says, times 10^decimals.

    Raises DecimalError for signs, NaN, spaces or over 40 digits, TooPrecise for lost digits.

    >>> parse_decimal("1.50", 6), parse_decimal("1e-05", 6)
    (1500000, 10)
    """
    whole, _, fraction = text.partition(".")
    plain = whole + fraction
    if whole and plain.isdigit() and plain.isascii() and len(plain) <= MAX_DIGITS:
        missing = decimals - len(fraction)
        if missing >= 0:
            # As nearly everybody writes it; the rest is looked at closely.
            return int(plain + "0" * missing)
    match = _PATTERN.fullmatch(text) if len(text) <= MAX_DIGITS + 5 else None
    if match is None:
        raise DecimalError(f"not a decimal number: {text[:50]!r}")
    whole, fraction, exponent = match[1], match[2] or "", int(match[3] or 0)
    if len(whole) + len(fraction) > MAX_DIGITS:
        raise DecimalError(f"more than {MAX_DIGITS} digits")
    shift = decimals - len(fraction) + exponent
    digits = int(whole + fraction)
    power: int = 10 ** abs(shift)
    if shift >= 0:
        return digits * power
    scaled, lost = divmod(digits, power)
    if lost:
        raise TooPrecise(f"more than {decimals} decimals")
    return scaled


def format_decimal(value: int, decimals: int) -> str:
    """Return value / 10^decimals as a plain decimal without trailing zeros.

    >>> format_decimal(1500000, 6), format_decimal(-5, 3), format_decimal(0, 8)
    ('1.5', '-0.005', '0')
    """
    if not decimals:
        return str(value)
    digits = str(abs(value)).rjust(decimals + 1, "0")
    fraction = digits[-decimals:].rstrip("0")
    text = f"{digits[:-decimals]}.{fraction}" if fraction else digits[:-decimals]
    return f"-{text}" if value < 0 else text


def group_digits(text: str) -> str:
    """Return decimal text with commas between the thousands of its whole part, for people.

    >>> group_digits("1234567.00012"), group_digits("-1000")
    ('1,234,567.00012', '-1,000')
    """
    whole, point, fraction = text.partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole != "-0" else text


def format_padded(value: int, decimals: int) -> str:
    """Return value / 10^decimals with all its decimals, as the streams write prices.

    >>> format_padded(867000, 1)
    '86700.0'
    """
    if not decimals:
        return str(value)
    digits = str(abs(value)).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}"
    return f"-{text}" if value < 0 else text


def format_ratio(numerator: int, denominator: int, *, digits: int = 28) -> str:
    """Return numerator / denominator as a plain decimal of at most `digits` significant digits.

    For figures to look at, such as average prices: the last digit is rounded half to even.

    >>> format_ratio(137768, 36), format_ratio(-1, 8), format_ratio(5, 1)
    ('3826.888888888888888888888889', '-0.125', '5')
    """
    quotient = Context(prec=digits).divide(Decimal(numerator), Decimal(denominator))
    text = f"{quotient:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
