"""An engine brought up from disk: the latest snapshot, then the journal after it.

Recovery, a stand-by, snapshots and `verify_journal` all come through here.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

import zlib

from engine.engine import Engine
from engine.snapshot import load_state
from gateway import codec
from sequencer.database import Connection
from sequencer.journal import CHAIN_START, Written, chain_after, entries_after
from sequencer.models import Snapshot


class Diverged(Exception):
    """The journal and the engine disagree: going on would make two truths."""


class Replica:
    """An engine which has applied the journal up to `engine.state.sequence`, and its chain."""

    def __init__(self, engine: Engine | None = None, chain: bytes = CHAIN_START) -> None:
        self.engine = engine or Engine()
        self.chain = chain

    @classmethod
    def from_snapshot(cls, connection: Connection) -> "Replica":
        """Load the latest snapshot, or begin with nothing."""
        table = Snapshot._meta.db_table
        sql = f"SELECT state, chain FROM {table} ORDER BY sequence DESC LIMIT 1"
        row = connection.execute(sql, binary=True).fetchone()
        if row is None:
            return cls()
        return cls(Engine(load_state(zlib.decompress(row[0]))), row[1])

    def catch_up(self, connection: Connection) -> int:
        """Apply what the journal holds beyond this replica; return how many entries that was."""
        before = self.engine.state.sequence
        for entry in entries_after(connection, before):
            self.apply(entry)
        return self.engine.state.sequence - before

    def apply(self, entry: Written) -> None:
        """Apply one entry. Raises Diverged if it is not the next, was altered, or answers anew."""
        expected = self.engine.state.sequence + 1
        if entry.sequence != expected:
            raise Diverged(f"the journal lacks entry {expected}: {entry.sequence} follows")
        if chain_after(self.chain, entry) != entry.chain:
            raise Diverged(f"entry {entry.sequence} is not what was committed: its chain differs")
        events = self.engine.apply(
            sequence=entry.sequence,
            at_ns=entry.at_ns,
            command_id=entry.command_id,
            command=codec.decode_command(entry.command),
        )
        # Fields which a later version added have defaults: what was said then must still hold.
        if codec.encode(events[0]) != entry.answer and events[0] != codec.decode_event(
            entry.answer
        ):
            raise Diverged(f"entry {entry.sequence} was answered differently when it was committed")
        self.chain = entry.chain
