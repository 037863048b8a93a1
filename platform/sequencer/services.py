"""What may be asked of the sequencer from outside its own process."""

from django.db.models import Max

from sequencer import snapshots
from sequencer.database import connect
from sequencer.models import JournalEntry, Snapshot
from sequencer.replica import Replica


def write_snapshot() -> int:
    """Write a snapshot of the latest committed state and return its sequence.

    It is made by replaying in this process, from the snapshot before: the writer never stalls.
    """
    with connect("snapshot") as connection:
        replica = Replica.from_snapshot(connection)
        if replica.catch_up(connection):
            snapshots.write(connection, replica)
        return replica.engine.state.sequence


def commands_to_replay() -> int:
    """Return how many commands a recovery would replay now."""
    last = JournalEntry.objects.aggregate(last=Max("sequence"))["last"] or 0
    written = Snapshot.objects.aggregate(last=Max("sequence"))["last"] or 0
    return int(last - written)
