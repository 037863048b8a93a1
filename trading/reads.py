"""Read committed rows from the event loop, without a thread: a few connections for all requests.

Writes nothing: each connection is read-only.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connections

# Each query takes well under a millisecond; more connections would only queue in PostgreSQL.
CONNECTIONS = 6

Row = tuple[Any, ...]


class Reader:
    """Lends out connections of one event loop; a broken one is replaced once, silently."""

    def __init__(self) -> None:
        self._idle: list[psycopg.AsyncConnection[Row]] = []
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def rows(self, query: str, parameters: Sequence[object]) -> list[Row]:
        """Return the rows of a SELECT. Raises psycopg.OperationalError if PostgreSQL is away."""
        async with self._room:
            try:
                return await self._rows(query, parameters)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                # PostgreSQL was restarted: every idle connection is as dead as this one.
                await self.close()
                return await self._rows(query, parameters)

    async def snapshot(self, queries: Sequence[tuple[str, Sequence[object]]]) -> list[list[Row]]:
        """Return the rows of several SELECTs which all see the same moment."""
        connection = await _connect()
        try:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return [
                await (await connection.execute(query, parameters)).fetchall()
                for query, parameters in queries
            ]
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def _rows(self, query: str, parameters: Sequence[object]) -> list[Row]:
        connection = self._idle.pop() if self._idle else await _connect()
        try:
            cursor = await connection.execute(query, parameters)
            rows = await cursor.fetchall()
        except BaseException:
            # A cancelled request leaves its query behind: the connection is not lent out again.
            await connection.close()
            raise
        self._idle.append(connection)
        return rows


_readers: WeakKeyDictionary[asyncio.AbstractEventLoop, Reader] = WeakKeyDictionary()


async def rows(query: str, *parameters: object) -> list[Row]:
    """Return the rows of a SELECT, read after everything that was acknowledged before this call."""
    return await reader().rows(query, parameters)


def reader() -> Reader:
    """Return the reader of the running event loop."""
    return _readers.setdefault(asyncio.get_running_loop(), Reader())


async def close_readers() -> None:
    """Close what the event loops of this process have kept open."""
    for one in list(_readers.values()):
        await one.close()


async def _connect() -> psycopg.AsyncConnection[Row]:
    database = connections["default"].settings_dict
    connection = await psycopg.AsyncConnection.connect(
        host=database["HOST"] or None,
        port=database["PORT"] or None,
        dbname=database["NAME"],
        user=database["USER"] or None,
        password=database["PASSWORD"] or None,
        application_name="satchel edge",
        options="-c default_transaction_read_only=on -c statement_timeout=10000",
        autocommit=True,
        connect_timeout=5,
    )
    return connection
