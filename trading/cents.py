"""Changes of worth in cents that add up as shown: in rows, in columns, and from table to table.

Micros are exact; rounded one by one their cents would not add up. So a column is rounded down with
what was cut off carried to its next row, and of each row profit and trading are what is left:

    opening + inflow + moved + result = closing        result = trading + fees + funding + interest

A figure is less than two cents off the exact one. Those stand in the CSV and in the API.
"""

from collections.abc import Sequence

from trading.equity_history import Change

MICROS_OF_CENT = 10_000


def cents(micros: int) -> int:
    """Return an amount of USD × 1e6 in cents, rounded down."""
    return micros // MICROS_OF_CENT


def carried(micros: Sequence[int]) -> list[int]:
    """Return amounts in cents whose sum is that of the amounts, rounded down.

    >>> carried([16_000, 16_000, -2_000])
    [1, 2, 0]
    """
    shown, exact, found = 0, 0, []
    for amount in micros:
        exact += amount
        found.append(cents(exact) - shown)
        shown = cents(exact)
    return found


def cents_of(changes: Sequence[Change]) -> list[Change]:
    """Return changes of different things in cents; they add up to those of their sum."""
    columns = zip(*changes, strict=True)
    return [Change(*row) for row in zip(*map(carried, columns), strict=True)]


def cents_of_days(changes: Sequence[Change]) -> list[Change]:
    """Return changes one after the other in cents: each opens with what the last closed with."""
    return [
        row._replace(opening=cents(exact.opening), closing=cents(exact.closing))
        for row, exact in zip(cents_of(changes), changes, strict=True)
    ]
