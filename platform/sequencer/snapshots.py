"""Writing down the engine's state, so that recovery need not replay the whole journal."""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

import zlib

from engine.snapshot import digest, dump_state
from sequencer.database import Connection
from sequencer.models import Checkpoint, Snapshot
from sequencer.replica import Replica

# More than one, in case the latest cannot be read; the journal alone would do, but slowly.
KEPT = 3
# The state is mostly small numbers: the fastest level takes it to a third.
_COMPRESSION = 1
_SNAPSHOTS = Snapshot._meta.db_table
_CHECKPOINTS = Checkpoint._meta.db_table


def write(connection: Connection, replica: Replica) -> bool:
    """Write a snapshot and its checkpoint, and drop the oldest; False if there is nothing new."""
    state = replica.engine.state
    if not state.sequence:
        return False
    with connection.transaction():
        written = connection.execute(
            f"INSERT INTO {_SNAPSHOTS} (sequence, at_ns, digest, chain, state, created_at) "
            "VALUES (%s, %s, %s, %b, %b, now()) ON CONFLICT (sequence) DO NOTHING",
            [
                state.sequence,
                state.at_ns,
                digest(state),
                replica.chain,
                zlib.compress(dump_state(state), _COMPRESSION),
            ],
        )
        if not written.rowcount:
            return False
        connection.execute(
            f"INSERT INTO {_CHECKPOINTS} (sequence, digest, created_at) "
            f"SELECT sequence, digest, now() FROM {_SNAPSHOTS} WHERE sequence = %s "
            "ON CONFLICT (sequence) DO NOTHING",
            [state.sequence],
        )
        connection.execute(
            f"DELETE FROM {_SNAPSHOTS} WHERE sequence NOT IN "
            f"(SELECT sequence FROM {_SNAPSHOTS} ORDER BY sequence DESC LIMIT {KEPT})"
        )
    return True
