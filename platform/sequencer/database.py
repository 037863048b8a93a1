"""Connections of the sequencer's own, outside Django's: one of them is the right to write."""

from typing import Any

import psycopg
from django.db import connections

# A host that vanished without a word is noticed, and its lock freed, within these seconds.
_KEEPALIVE = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
# The statements of commits are fixed texts over arrays: planning them again never pays.
_PLANS = "-c plan_cache_mode=force_generic_plan"

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
    return connection
