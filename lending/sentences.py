"""What a refusal of the engine says to a person: its words as a sentence, with the numbers."""

from typing import Final

from engine.catalog import Asset
from engine.events import CommandRejected
from engine.rejects import Reject
from gateway.decimals import format_decimal, group_digits

# What is said of each detail of a refusal; those that are not here repeat what was asked.
_ATOMS: Final = {
    "available": "at most {}",
    "borrowable": "at most {}",
    "lent": "you lend {}",
    "redeemable": "at most {}",
    "room": "at most {}",
}
_MICROS: Final = {
    "equity_micros": "your equity would be {}",
    "needed_micros": "{} would be needed",
    "owed_micros": "you owe {}",
    "limit_micros": "your limit is {}",
}
_INSTEAD: Final = {
    Reject.DUPLICATE_ID_WITH_OTHER_TERMS: "this form has been sent already, with other words; "
    "look at what it did, and send it again if that is what you want",
}


def sentence_of(rejected: CommandRejected, asset: Asset | None) -> str:
    """Return the refusal as one sentence which ends with its numbers.

    Args:
        asset: the one that was asked about; None if the refusal names no amount of one.
    """
    numbers = []
    for name, value in rejected.details.items():
        if name in _ATOMS and asset is not None:
            amount = group_digits(format_decimal(int(value), asset.decimals))
            numbers.append(_ATOMS[name].format(f"{amount} {asset.symbol}"))
        elif name in _MICROS:
            numbers.append(_MICROS[name].format(dollars(int(value))))
    words = _INSTEAD.get(rejected.code, rejected.message)
    said = words[:1].upper() + words[1:]
    return f"{said}: {', '.join(numbers)}." if numbers else f"{said}."


def dollars(micros: int) -> str:
    """Return an amount of USD × 1e6 to the cent, rounded down.

    >>> dollars(1_234_567_890), dollars(-1)
    ('$1,234.56', '-$0.01')
    """
    cents = micros // 10_000
    text = f"{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
    return f"-${text}" if cents < 0 else f"${text}"
