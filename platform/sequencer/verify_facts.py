"""What `verify` compares: facts by key, as the tables have them and as a replayed state does."""

from collections.abc import Callable
from typing import Any

from engine.state import State
from sequencer.database import Connection

Facts = dict[Any, tuple[Any, ...]]
# What it is called, how it is read, and what it must be.
Table = tuple[str, Callable[[Connection], Facts], Callable[[State], Facts]]


def rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """Return all rows of a statement."""
    return connection.execute(sql, binary=True).fetchall()


def whole(amounts: tuple[Any, ...]) -> tuple[int, ...]:
    """Return NUMERICs, which are whole, as integers."""
    return tuple(int(amount) for amount in amounts)


def name(model: Any) -> str:
    """Return the name of a model's table."""
    found: str = model._meta.db_table
    return found
