"""A private copy of the live exchange: the latest snapshot and the journal after it, read only.

The live engine is not asked and does not notice; PostgreSQL serves one read of the journal.
"""

from engine.engine import Engine
from sequencer.database import Connection
from sequencer.replica import Replica


def copy_exchange(connection: Connection) -> Engine:
    """Return an engine in the latest committed state. Raises psycopg.Error and Diverged.

    `connection` may write nothing from now on.
    """
    connection.execute("SET default_transaction_read_only = on")
    replica = Replica.from_snapshot(connection)
    replica.catch_up(connection)
    return replica.engine
