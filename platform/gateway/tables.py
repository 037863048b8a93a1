"""How projections say which rows a batch of commands leaves in the tables.

A Table is taken from its model, so that a renamed column fails at import and not at a commit. Rows
are tuples in the order of the table's columns; they travel to PostgreSQL as one array a column,
bytes as they are and all else as ready-made text: the cheapest way measured (docs/architecture.md).
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import models

from engine.events import Event

Row = tuple[Any, ...]
# Adds the rows of one event: (rows, event, sequence, at_ns).
Handler = Callable[["Rows", Any, int, int], None]
Handlers = Mapping[type[Event], Handler]


class ByteArray(NamedTuple):
    """A column of bytes, for the connection's own encoding: as text it would be twice as long."""

    values: Sequence[bytes]


class Table:
    """A table as projections write it.

    Args:
        columns: in the order in which rows give them.
        key: the unique columns by which an existing row is found; none for tables that only grow.
        change: SQL for columns which are not simply replaced when the row exists.
        keep: columns which stay as they are when the row exists.
        existing: write only rows which exist already.
    """

    def __init__(
        self,
        model: type[models.Model],
        columns: Sequence[str],
        *,
        key: Sequence[str] = (),
        change: Mapping[str, str] | None = None,
        keep: Sequence[str] = (),
        existing: bool = False,
    ) -> None:
        fields = {name: model._meta.get_field(name) for name in columns}
        self.model = model
        self.name = model._meta.db_table
        self.key = tuple(key)
        self.columns = tuple(columns)
        self.literals = tuple(_LITERALS[_kind(field)](field.null) for field in fields.values())
        self._kinds = {name: _kind(field) for name, field in fields.items()}
        self._change = dict(change or {})
        self._keep = {*key, *keep}
        self._existing = existing

    def write_sql(self) -> str:
        """Return the statement which writes all rows, with one `%s` a column."""
        names = ", ".join(f'"{name}"' for name in self.columns)
        arrays = ", ".join(f"%s::{_CASTS[self._kinds[name]]}[]" for name in self.columns)
        values = {name: _VALUES[kind].format(f'r."{name}"') for name, kind in self._kinds.items()}
        rows = f"unnest({arrays}) AS r({names})"
        if self._existing:
            found = " AND ".join(f't."{name}" = r."{name}"' for name in self.key)
            changes = ", ".join(
                f'"{name}" = {value}' for name, value in values.items() if name not in self._keep
            )
            return f'UPDATE "{self.name}" AS t SET {changes} FROM {rows} WHERE {found}'
        selected = ", ".join(values.values())
        insert = f'INSERT INTO "{self.name}" AS t ({names}) SELECT {selected} FROM {rows}'
        return insert + self._conflict_sql()

    def _conflict_sql(self) -> str:
        if not self.key:
            return ""
        target = ", ".join(f'"{name}"' for name in self.key)
        changes = ", ".join(
            f'"{name}" = ' + self._change.get(name, f'excluded."{name}"')
            for name in self.columns
            if name not in self._keep
        )
        return f" ON CONFLICT ({target}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")

    def parameters(self, rows: Iterable[Row]) -> list[str | ByteArray]:
        """Return the rows as one array a column."""
        columns = zip(*rows, strict=True)
        return [literal(column) for literal, column in zip(self.literals, columns, strict=True)]


class Rows:
    """The rows of one batch, by table. For a table with a key the last row of each key wins."""

    __slots__ = ("by_key", "grown", "notes")

    def __init__(self) -> None:
        self.by_key: dict[Table, dict[Any, Row]] = {}
        self.grown: dict[Table, list[Row]] = {}
        # What one event of a command leaves for a later one of the same batch.
        self.notes: dict[Any, Any] = {}

    def put(self, table: Table, key: Any, row: Row) -> None:
        """Set the row of `key`."""
        rows = self.by_key.get(table)
        if rows is None:
            self.by_key[table] = {key: row}
        else:
            rows[key] = row

    def found(self, table: Table, key: Any) -> Row | None:
        """Return the row which this batch has already set for `key`."""
        rows = self.by_key.get(table)
        return None if rows is None else rows.get(key)

    def drop(self, table: Table, key: Any) -> None:
        """Forget the row of `key`, if this batch has set one."""
        rows = self.by_key.get(table)
        if rows is not None and rows.pop(key, None) is not None and not rows:
            del self.by_key[table]

    def add(self, table: Table, row: Row) -> None:
        """Append a row to a table that only grows."""
        rows = self.grown.get(table)
        if rows is None:
            self.grown[table] = [row]
        else:
            rows.append(row)

    def tables(self) -> dict[Table, Iterable[Row]]:
        """Return every table that has rows."""
        return {**{table: rows.values() for table, rows in self.by_key.items()}, **self.grown}


_CASTS = {
    "integer": "numeric",
    "bigint": "bigint",
    "boolean": "boolean",
    "time": "bigint",
    "text": "text",
    "json": "text",
    "bytes": "bytea",
}
_VALUES = {
    "integer": "{}",
    "bigint": "{}",
    "boolean": "{}",
    # Rows give nanoseconds; PostgreSQL keeps microseconds.
    "time": "timestamptz 'epoch' + ({} / 1000) * interval '1 microsecond'",
    "text": "{}",
    "json": "{}::jsonb",
    "bytes": "{}",
}
_KINDS: dict[type[models.Field[Any, Any]], str] = {
    models.BigIntegerField: "bigint",
    models.SmallIntegerField: "bigint",
    models.DecimalField: "integer",
    models.BooleanField: "boolean",
    models.DateTimeField: "time",
    models.TextField: "text",
    models.CharField: "text",
    models.JSONField: "json",
    models.BinaryField: "bytes",
}


def _kind(field: Any) -> str:
    for cls, kind in _KINDS.items():
        if isinstance(field, cls):
            return kind
    raise TypeError(f"no projection writes a {type(field).__name__} ({field.name})")


def _numbers(null: bool) -> Callable[[Sequence[Any]], str]:
    if null:
        return lambda column: (
            "{" + ",".join(["NULL" if value is None else str(value) for value in column]) + "}"
        )
    return lambda column: "{" + ",".join(map(str, column)) + "}"


def _booleans(null: bool) -> Callable[[Sequence[Any]], str]:
    assert not null, "a switch is on or off"
    return lambda column: "{" + ",".join(["t" if value else "f" for value in column]) + "}"


def _texts(null: bool) -> Callable[[Sequence[Any]], str]:
    return _nullable_text_array if null else _text_array


def _bytes(null: bool) -> Callable[[Sequence[Any]], ByteArray]:
    assert not null, "bytes are never null here"
    return ByteArray


def _text_array(column: Sequence[str]) -> str:
    joined = "".join(column)
    # Names made by the engine need no escape; looking once is cheaper than escaping each.
    if '"' in joined or "\\" in joined:
        column = [_escaped(value) for value in column]
    return '{"' + '","'.join(column) + '"}'


def _nullable_text_array(column: Sequence[str | None]) -> str:
    values = ["NULL" if value is None else f'"{_escaped(value)}"' for value in column]
    return "{" + ",".join(values) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


_LITERALS: dict[str, Callable[[bool], Callable[[Sequence[Any]], str | ByteArray]]] = {
    "integer": _numbers,
    "bigint": _numbers,
    "boolean": _booleans,
    "time": _numbers,
    "text": _texts,
    "json": _texts,
    "bytes": _bytes,
}
