"""Connections of the sequencer's own, outside Django's: one of them is the right to write."""

import struct
from typing import Any

import psycopg
from django.db import connections
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

from gateway.tables import ByteArray

# A host that vanished without a word is noticed, and its lock freed, within these seconds.
_KEEPALIVE = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
# The statements of commits are fixed texts over arrays: planning them again never pays.
# They find rows by key; a plan made while a table was small must not read all of it later.
_PLANS = (
    "-c plan_cache_mode=force_generic_plan "
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
)
_BYTEA = psycopg.adapters.types["bytea"]
_ARRAY_HEAD = struct.Struct(">5i")

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(name: str) -> Connection:
    """Open an autocommit connection to the database of the settings. Raises psycopg.Error."""
    parameters = connections["default"].get_connection_params()
    for unwanted in ("context", "cursor_factory", "prepare_threshold"):
        parameters.pop(unwanted, None)
    parameters["options"] = f"{parameters.get('options', '')} {_KEEPALIVE} {_PLANS}".strip()
    connection = psycopg.connect(
        **parameters, autocommit=True, application_name=f"satchel-{name}", keepalives_idle=5
    )
    # One text for each set of tables that commands touch together; all of them stay prepared.
    connection.prepared_max = 1000
    send_byte_arrays(connection)
    return connection


def send_byte_arrays(context: AdaptContext) -> None:
    """Teach a connection or a cursor to send a ByteArray: as bytes if it can, else as text."""
    context.adapters.register_dumper(ByteArray, _TextDumper)
    context.adapters.register_dumper(ByteArray, _BytesDumper)


class _TextDumper(Dumper):
    """Writes a bytea[] literal, for cursors which put values into the statement themselves."""

    oid = _BYTEA.array_oid

    def dump(self, obj: ByteArray) -> bytes:
        return ("{" + ",".join([rf'"\\x{value.hex()}"' for value in obj.values]) + "}").encode()


class _BytesDumper(Dumper):
    """Writes a bytea[] in PostgreSQL's binary form (array_recv), which it copies unparsed."""

    format = Format.BINARY
    oid = _BYTEA.array_oid

    def dump(self, obj: ByteArray) -> bytes:
        # One dimension, no nulls, the type of the elements, how many of them from index 1 on.
        parts = [_ARRAY_HEAD.pack(1, 0, _BYTEA.oid, len(obj.values), 1)]
        for value in obj.values:
            parts += (len(value).to_bytes(4, "big"), value)
        return b"".join(parts)
