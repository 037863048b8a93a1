"""The engine's words and amounts as people read and type them."""

from gateway.decimals import format_decimal

MICROS_DECIMALS = 6


def sentence(words: str) -> str:
    """Return words as a sentence.

    >>> sentence("the amount must be above zero")
    'The amount must be above zero.'
    """
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"


def usd_text(micros: int | None) -> str:
    """Return an amount as it is typed; empty for no limit."""
    return "" if micros is None else format_decimal(micros, MICROS_DECIMALS)
