"""Proof that the exchange is what its journal says: replay all of it, and compare.

Everything is read in one transaction, so that the engine may go on writing meanwhile.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

import hashlib
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from engine.snapshot import digest
from sequencer import verify_money, verify_risk, verify_trading
from sequencer.database import Connection
from sequencer.journal import entries_after
from sequencer.models import Checkpoint, Snapshot
from sequencer.replica import Diverged, Replica
from sequencer.verify_facts import Facts, Table, name, rows

TABLES: tuple[Table, ...] = (*verify_money.TABLES, *verify_trading.TABLES, *verify_risk.TABLES)


class Check(NamedTuple):
    """One line of the proof."""

    passed: bool
    text: str


def verify(connection: Connection) -> Iterator[Check]:
    """Yield one check after the other; the replay comes first and ends the proof if it fails."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        replica = Replica()
        try:
            yield from _replay(connection, replica)
        except Diverged as error:
            yield Check(False, str(error))
            return
        yield from _snapshots(connection)
        state = replica.engine.state
        for table, read, expected in TABLES:
            yield compare(table, read(connection), expected(state))


def _replay(connection: Connection, replica: Replica) -> Iterator[Check]:
    checkpoints = dict(rows(connection, f"SELECT sequence, digest FROM {name(Checkpoint)}"))
    for entry in entries_after(connection, 0):
        replica.apply(entry)
        promised = checkpoints.pop(entry.sequence, None)
        if promised is not None:
            same = digest(replica.engine.state) == promised
            yield Check(same, f"checkpoint {entry.sequence}: the digest of the replayed state")
    last = replica.engine.state.sequence
    yield Check(True, f"journal 1 to {last}: no gap, chain unbroken, every answer given again")
    for sequence in checkpoints:
        yield Check(False, f"checkpoint {sequence}: the journal does not reach it")


def _snapshots(connection: Connection) -> Iterator[Check]:
    sql = f"SELECT sequence, digest, state FROM {name(Snapshot)} ORDER BY sequence"
    for sequence, promised, state in rows(connection, sql):
        found = hashlib.sha256(zlib.decompress(state)).hexdigest()
        yield Check(found == promised, f"snapshot {sequence}: the digest of what is stored")


def compare(table: str, found: Facts, expected: Facts) -> Check:
    """Return whether a table has what a replayed state has, and the first row that differs."""
    wrong = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
    if not wrong:
        return Check(True, f"{table}: {len(expected)} rows as replayed")
    first = wrong[0]
    return Check(
        False,
        f"{table}: {len(wrong)} of {len(expected)} differ, the first is {first}: "
        f"{found.get(first)} instead of {expected.get(first)}",
    )
