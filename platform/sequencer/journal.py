"""The journal: every numbered command, the answer it got, and the chain that seals both."""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from gateway.tables import Table
from sequencer.database import Connection
from sequencer.models import JournalEntry

CHAIN_START = bytes(32)
_PAGE = 5_000

JOURNAL = Table(
    JournalEntry, ("sequence", "at_ns", "epoch", "command_id", "command", "answer", "chain")
)
_TABLE = JournalEntry._meta.db_table


class Written(NamedTuple):
    """An entry as it stands in the journal."""

    sequence: int
    at_ns: int
    epoch: int
    command_id: str
    command: bytes
    answer: bytes
    chain: bytes


def chain_after(chain: bytes, entry: Written) -> bytes:
    """Return the SHA-256 over the chain so far and everything the entry says."""
    name = entry.command_id.encode()
    sizes = f"{entry.sequence} {entry.at_ns} {entry.epoch} {len(name)} {len(entry.command)} "
    return hashlib.sha256(chain + sizes.encode() + name + entry.command + entry.answer).digest()


def entries_after(connection: Connection, sequence: int) -> Iterator[Written]:
    """Yield the entries after `sequence` in order, as many as there are."""
    columns = ", ".join(Written._fields)
    sql = f"SELECT {columns} FROM {_TABLE} WHERE sequence > %s ORDER BY sequence LIMIT {_PAGE}"
    while True:
        rows = connection.execute(sql, [sequence], binary=True).fetchall()
        for row in rows:
            yield Written(*row)
        if len(rows) < _PAGE:
            return
        sequence = rows[-1][0]


def answer_of(connection: Connection, sequence: int) -> tuple[int, bytes]:
    """Return the time and the encoded answer of a committed entry."""
    sql = f"SELECT at_ns, answer FROM {_TABLE} WHERE sequence = %s"
    row = connection.execute(sql, [sequence], binary=True).fetchone()
    assert row is not None, f"entry {sequence} was committed but is not in the journal"
    return row[0], row[1]
