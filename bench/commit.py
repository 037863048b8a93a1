"""The engine with its group commit into PostgreSQL, and what PostgreSQL can do at best.

The loop and the committer's thread are the sequencer's own; only the sockets are missing. The limit
is the raw rate at which the very rows that were committed can be COPYed into empty tables with the
same indexes, a transaction a batch, in the same run.
"""

import gc
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from bench.engine import fills_of
from bench.report import line, percentiles
from bench.workload import Workload, build, checksum
from engine import commands as c
from engine.engine import Engine
from gateway import codec
from gateway.tables import Row, Table
from sequencer.batch import Batch, apply
from sequencer.commit import Committer
from sequencer.database import Connection, connect
from sequencer.journal import CHAIN_START, JOURNAL, Written
from sequencer.leadership import begin_epoch, try_to_lead
from trading.order_projections import ORDER_CHANGES, ORDERS

# Orders by id, as they were last written.
_Known = dict[Any, Row]

OPERATIONS = 40_000
BATCH = 500
SWITCH_SECONDS = 0.0005


def measure() -> None:
    """Print the commit's lines."""
    work = build(operations=OPERATIONS)
    with connect("bench") as connection:
        feeder = Feeder(connection)
        feeder.feed(work.setup)
        feeder.keep()
        cpu = _backend_cpu(connection)
        began, own = time.perf_counter(), time.process_time()
        feeder.feed(work.operations)
        wall, own = time.perf_counter() - began, time.process_time() - own
        cpu = _backend_cpu(connection) - cpu
        feeder.finish()
    _verify(work, feeder)
    rate = OPERATIONS / wall
    line(
        "engine + group commit",
        rate=rate,
        cpu_us=(own + cpu) / OPERATIONS * 1e6,
        latency=percentiles(feeder.commit_seconds),
        includes=(
            f"margin, journal and all tables in PostgreSQL, fsync on, batches of up to {BATCH}; "
            f"CPU: engine {own / OPERATIONS * 1e6:.0f} + PostgreSQL {cpu / OPERATIONS * 1e6:.0f}; "
            "latency is of one commit"
        ),
    )
    _measure_limit(feeder, rate)


class Feeder:
    """Applies commands in this thread while the sequencer's committer commits in its own."""

    def __init__(self, connection: Connection) -> None:
        assert try_to_lead(connection), "another engine leads this database"
        self.engine = Engine()
        self.batches: list[Batch] = []
        self.commit_seconds: list[float] = []
        self.keeping = False
        self._open = Batch()
        self._ready = threading.Condition()
        self._taken_at = 0.0
        self._committer = Committer(
            connection,
            epoch=begin_epoch(connection, "bench"),
            chain=CHAIN_START,
            take=self._take,
            committed=self._committed,
            quiet=self._ready,
        )
        sys.setswitchinterval(SWITCH_SECONDS)
        self._committer.start()

    def keep(self) -> None:
        """Keep batches and times from now on, and freeze what stands, as the engine does."""
        self.keeping = True
        gc.collect()
        gc.freeze()
        gc.disable()

    def feed(self, commands: list[c.AnyCommand]) -> None:
        """Apply all commands and wait until they are committed."""

        for number, command in enumerate(commands):
            self.apply_one(command, f"{self.engine.state.sequence}:{number}")
        with self._ready:
            while self._open.entries or self._taken_at:
                self._ready.wait()

    def apply_one(self, command: c.AnyCommand, command_id: str) -> None:
        """Apply one command; it is committed with what comes beside it."""
        raw = codec.encode(command)
        with self._ready:
            while len(self._open.entries) >= BATCH:
                self._ready.wait()
            apply(
                self.engine,
                self._open,
                at_ns=max(time.time_ns(), self.engine.state.at_ns),
                command_id=command_id,
                command=command,
                raw=raw,
            )
            if len(self._open.entries) == BATCH:
                self._open.write_down()
            self._ready.notify_all()

    def finish(self) -> None:
        """End the committer."""
        self._committer.finish()
        self._committer.join()
        gc.enable()

    def _take(self, timeout_seconds: float) -> Batch | None:
        with self._ready:
            self._ready.wait_for(lambda: bool(self._open.entries), timeout_seconds)
            if not self._open.entries:
                return None
            batch, self._open = self._open, Batch()
            self._taken_at = time.perf_counter()
            self._ready.notify_all()
            return batch

    def _committed(self, batch: Batch) -> None:
        with self._ready:
            if self.keeping:
                self.commit_seconds.append(time.perf_counter() - self._taken_at)
                self.batches.append(batch)
            self._taken_at = 0.0
            self._ready.notify_all()


def _verify(work: Workload, feeder: Feeder) -> None:
    fills = fills_of([entry.events for batch in feeder.batches for entry in batch.entries])
    assert checksum(fills) == work.checksum, "the fills differ from the reference"


def _backend_cpu(connection: Connection) -> float:
    """Return the CPU seconds which this connection's backend has used so far."""
    try:
        with open(f"/proc/{connection.info.backend_pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        # A server on another host: only our own side can be told.
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- the limit --------------------------------------------------------------------------------


def _measure_limit(feeder: Feeder, rate: float) -> None:
    known: _Known = {}
    payloads = [_payload(batch, known) for batch in feeder.batches]
    tables = {name for payload in payloads for name, _ in payload}
    rows = sum(text.count(b"\n") for payload in payloads for _, text in payload.values())
    with connect("bench-limit") as connection:
        for name in tables:
            _empty_twin(connection, name)
        began = time.perf_counter()
        for payload in payloads:
            with connection.transaction():
                for (name, _), (columns, text) in payload.items():
                    _copy(connection, name, columns, text)
        wall = time.perf_counter() - began
        for name in tables:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(_twin(name))))
    limit = OPERATIONS / wall
    line(
        "raw COPY of the same rows: the limit",
        rate=limit,
        includes=f"{rows / OPERATIONS:.1f} rows an operation, same indexes, a transaction a batch",
    )
    line(
        "engine + group commit, part of the limit",
        latency=f"{rate / limit:.0%}",
        includes="the two lines above",
    )


def _payload(
    batch: Batch, known: _Known
) -> dict[tuple[str, tuple[str, ...]], tuple[tuple[str, ...], bytes]]:
    """Return what COPY needs for a batch: table and columns → text."""

    journal = [
        Written(e.sequence, e.at_ns, 1, e.command_id, e.command, e.answer, bytes(32))
        for e in batch.entries
    ]
    tables = _whole({**batch.rows.tables(), JOURNAL: journal}, known)
    payload = {}
    for table, rows in tables.items():
        times = [table.model._meta.get_field(n).get_internal_type() for n in table.columns]
        lines = [
            "\t".join(_cell(value, kind) for value, kind in zip(row, times, strict=True))
            for row in rows
        ]
        text = "".join(text + "\n" for text in lines).encode()
        payload[table.name, table.columns] = (table.columns, text)
    return payload


def _whole(tables: Mapping[Table, Iterable[Row]], known: _Known) -> dict[Table, list[Row]]:
    """Return the rows with those orders whole of which the batch writes only what has changed.

    PostgreSQL writes the whole row again when it changes a part.
    """
    whole = {table: list(rows) for table, rows in tables.items() if table is not ORDER_CHANGES}
    for order in whole.get(ORDERS, ()):
        known[order[0]] = order
    kept = len(ORDERS.columns) - len(ORDER_CHANGES.columns) + 1
    for order_id, *progress in tables.get(ORDER_CHANGES, ()):
        known[order_id] = (*known[order_id][:kept], *progress)
        whole.setdefault(ORDERS, []).append(known[order_id])
    return whole


def _cell(value: Any, kind: str) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return r"\\x" + value.hex()
    if kind == "DateTimeField":
        return datetime.fromtimestamp(value // 10**9, tz=UTC).isoformat()
    return str(value).replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n")


def _twin(name: str) -> str:
    return f"bench_{name}"


def _empty_twin(connection: Connection, name: str) -> None:
    """Make an empty table with the columns and indexes of another, but nothing unique.

    A row which was updated many times in the run comes as many times here.
    """
    twin = sql.Identifier(_twin(name))
    connection.execute(
        sql.SQL(
            "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING STORAGE)"
        ).format(twin, sql.Identifier(name))
    )
    found = connection.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND schemaname = 'public'", [name]
    )
    for (definition,) in found.fetchall():
        _, _, how = definition.partition(" USING ")
        connection.execute(sql.SQL("CREATE INDEX ON {} USING ").format(twin) + sql.SQL(how))


def _copy(connection: Connection, name: str, columns: tuple[str, ...], text: bytes) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(_twin(name)), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    cursor: psycopg.Cursor[Any] = connection.cursor()
    with cursor.copy(statement) as copy:
        copy.write(text)
