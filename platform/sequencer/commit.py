"""One transaction a batch: the journal and every app's rows, in one statement.

One thread commits; it takes everything that has been applied the moment the commit before returns.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

import logging
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, NoReturn

import psycopg

from gateway.tables import Table
from sequencer.batch import Batch
from sequencer.database import Connection
from sequencer.journal import JOURNAL, Written, chain_after
from sequencer.leadership import FENCE_SQL

# A leader that has nothing to commit still asks whether its connection, and so its lock, lives.
HEARTBEAT_SECONDS = 1.0
_log = logging.getLogger(__name__)


def stop_process(reason: str) -> NoReturn:
    """End this process now, without a further commit: the next one recovers from disk."""
    _log.critical("the engine stops: %s", reason)
    logging.shutdown()
    os._exit(1)


@lru_cache(maxsize=1000)
def commit_sql(tables: tuple[Table, ...]) -> str:
    """Return the statement for a batch with rows for exactly these tables.

    Its parameters: the epoch, the columns of each table, the columns of the journal.
    """
    writes = "".join(f", w{i} AS ({table.write_sql()})" for i, table in enumerate(tables))
    journal = JOURNAL.write_sql()
    return f"WITH {FENCE_SQL}{writes} {journal} WHERE (SELECT open FROM fence) = 1"


@lru_cache(maxsize=1000)
def _numbered(tables: tuple[Table, ...]) -> str:
    """Return the statement with $1, $2, …: psycopg would parse a long text anew each time."""
    first, *rest = commit_sql(tables).split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


def commit_parameters(
    batch: Batch, *, epoch: int, chain: bytes
) -> tuple[tuple[Table, ...], list[Any], bytes]:
    """Return the tables of a batch, the statement's parameters, and the chain after it."""
    tables, parameters = batch.write_down()
    written = []
    for entry in batch.entries:
        sealed = Written(
            entry.sequence,
            entry.at_ns,
            epoch,
            entry.command_id,
            entry.command,
            entry.answer,
            b"",
        )
        chain = chain_after(chain, sealed)
        written.append(sealed._replace(chain=chain))
    return tables, [epoch, *parameters, *JOURNAL.parameters(written)], chain


class Committer(threading.Thread):
    """Commits batch after batch until the last one is taken.

    Args:
        take: waits up to so many seconds for a batch; None means there was none.
        committed: called in this thread after each commit.
        quiet: held while a statement is written down. PostgreSQL waits for nothing else then, and
            whoever applies commands under the same lock does not fight for the interpreter.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        epoch: int,
        chain: bytes,
        take: Callable[[float], Batch | None],
        committed: Callable[[Batch], None],
        quiet: AbstractContextManager[object] | None = None,
    ) -> None:
        super().__init__(name="committer", daemon=True)
        self.chain = chain
        self._connection = connection
        self._cursor = psycopg.RawCursor(connection)
        self._epoch = epoch
        self._take = take
        self._committed = committed
        self._quiet = quiet or nullcontext()
        self._last = threading.Event()

    def finish(self) -> None:
        """Commit what has been applied, then end."""
        self._last.set()

    def run(self) -> None:
        try:
            while True:
                # Asked before taking: what was applied until then is in this batch.
                last = self._last.is_set()
                batch = self._take(0 if last else HEARTBEAT_SECONDS)
                if batch is not None:
                    self._commit(batch)
                    self._committed(batch)
                elif last:
                    return
                else:
                    self._connection.execute("SELECT 1")
        except psycopg.Error as error:
            stop_process(f"a commit failed or is unsure ({error}); nothing was answered")
        except BaseException as error:  # noqa: BLE001 -- whatever it is, nothing may be written after it
            stop_process(f"the committer failed ({error!r})")

    def _commit(self, batch: Batch) -> None:
        with self._quiet:
            written = commit_parameters(batch, epoch=self._epoch, chain=self.chain)
        tables, parameters, chain = written
        cursor = self._cursor.execute(_numbered(tables), parameters, prepare=True)
        assert cursor.rowcount == len(batch.entries), "the journal did not take every command"
        self.chain = chain
