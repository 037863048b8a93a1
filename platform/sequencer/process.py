"""The engine's process: stand by, take over, serve, and leave in good order."""

import asyncio
import gc
import logging
import signal
import sys
import time

import uvloop

from gateway.transport import Address
from sequencer import snapshots
from sequencer.commit import Committer
from sequencer.database import Connection, connect
from sequencer.leadership import begin_epoch, try_to_lead
from sequencer.loop import Sequencer
from sequencer.publish import Feed
from sequencer.repeats import Repeats
from sequencer.replica import Replica
from sequencer.server import Connection as CallerConnection
from sequencer.server import Hub, listening_socket

# How often a stand-by follows the journal and looks whether the lock is free.
STANDBY_SECONDS = 0.1
# The committer would wait this long for the interpreter's lock; Python's own 5 ms is too long.
SWITCH_SECONDS = 0.0005
_log = logging.getLogger(__name__)


def stand_by(connection: Connection) -> Replica:
    """Follow the journal until the right to write is free; return with it, fully caught up."""
    leading = try_to_lead(connection)
    replica = Replica.from_snapshot(connection)
    if not leading:
        _log.info("another engine is writing; standing by")
    while not leading:
        replica.catch_up(connection)
        time.sleep(STANDBY_SECONDS)
        leading = try_to_lead(connection)
    return replica


async def lead(connection: Connection, replica: Replica, address: Address) -> None:
    """Serve until SIGTERM or SIGINT, then commit what was applied and write a snapshot."""
    epoch = begin_epoch(connection, str(address))
    # Only now: the epoch waited for what its predecessor still had in flight.
    replica.catch_up(connection)
    hub = Hub()
    sequencer = Sequencer(replica.engine, committed=hub.committed, repeated=Repeats().ask)
    hub.sequencer = sequencer
    hub.feed = Feed(replica.engine)
    committer = Committer(
        connection,
        epoch=epoch,
        chain=replica.chain,
        take=sequencer.take,
        committed=sequencer.batch_committed,
        quiet=sequencer.ready,
    )
    _settle_memory()
    committer.start()
    _log.info("epoch %d leads from %d at %s", epoch, sequencer.applied, address)
    await _serve(hub, address)
    sequencer.stop()
    committer.finish()
    await asyncio.to_thread(committer.join)
    while not sequencer.idle:
        await asyncio.sleep(0)
    for caller in list(hub.connections):
        caller.close()
    replica.chain = committer.chain
    snapshots.write(connection, replica)
    _log.info("stopped after %d, with a snapshot", sequencer.applied)


async def _serve(hub: Hub, address: Address) -> None:
    """Take connections until the process is asked to end."""
    loop = asyncio.get_running_loop()
    asked_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    listening = listening_socket(address)
    if address.path is None:
        server = await loop.create_server(lambda: CallerConnection(hub), sock=listening)
    else:
        server = await loop.create_unix_server(lambda: CallerConnection(hub), sock=listening)
    await asked_to_end.wait()
    server.close()


def _settle_memory() -> None:
    """Keep the collector from stopping the writer: what is loaded stays, and cycles are rare."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.disable()


def run(address: Address) -> None:
    """Be the engine: stand by until leading, then lead until asked to end.

    Raises psycopg.Error if the database cannot be reached, Diverged if its journal cannot be
    followed, OSError if the address cannot be listened on.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Recovery makes much and drops little: the collector would only go over it again and again.
    gc.disable()
    with connect("engine") as connection:
        replica = stand_by(connection)
        uvloop.run(lead(connection, replica, address))
