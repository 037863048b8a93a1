"""Who may write: an advisory lock, held by the very connection that commits, and an epoch.

The lock ends with its connection, so a dead leader frees it by itself. The epoch is the fence for
one that does not know yet: every commit checks it, and a take-over waits for commits in flight.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from sequencer.database import Connection
from sequencer.models import Leader

# Any fixed number, the same for every engine of a database.
_LOCK = 0x5A7C4E1
_TABLE = Leader._meta.db_table

# Joined into each commit: division by zero, and so no commit, unless the epoch still stands.
FENCE_SQL = (
    "fence AS MATERIALIZED (SELECT 1 / (SELECT count(*)::int FROM "
    f"(SELECT 1 FROM {_TABLE} WHERE epoch = %s FOR SHARE) AS held) AS open)"
)


def try_to_lead(connection: Connection) -> bool:
    """Take the lock if it is free."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    return row is not None and bool(row[0])


def begin_epoch(connection: Connection, address: str) -> int:
    """Count the epoch up and say where the leader listens. Only for the holder of the lock."""
    sql = (
        f"INSERT INTO {_TABLE} AS t (id, epoch, address, since) VALUES (1, 1, %s, now()) "
        "ON CONFLICT (id) DO UPDATE SET epoch = t.epoch + 1, "
        "address = excluded.address, since = excluded.since RETURNING epoch"
    )
    row = connection.execute(sql, [address]).fetchone()
    assert row is not None
    return int(row[0])
