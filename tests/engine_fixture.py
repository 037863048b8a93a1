"""A live engine for tests: gateway → sequencer → projections, in the test's own transaction."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.db import connection

from gateway.transport import INLINE, install_inline
from sequencer.database import Connection
from sequencer.inline import InlineEngine
from sequencer.verify import TABLES, compare


@pytest.fixture
def live_engine(db: None, settings: Any) -> Iterator[InlineEngine]:
    """Answer `gateway.client.submit` by a fresh engine, which commits into the test's database.

    `live_engine.engine` is the engine itself: its state, and `depth`.
    """
    settings.ENGINE_ADDRESS = INLINE
    engine = InlineEngine()
    install_inline(engine)
    yield engine
    install_inline(None)


class _Cursor:
    """Reads through the test's own transaction, as `verify` does through its connection."""

    def execute(self, sql: str, **options: object) -> "_Cursor":
        with connection.cursor() as cursor:
            cursor.execute(sql)
            self.rows = cursor.fetchall()
        return self

    def fetchall(self) -> Any:
        return self.rows


def assert_tables_agree(engine: InlineEngine) -> None:
    """Assert that every table which `verify_journal` compares has what the engine has."""
    for table, read, expected in TABLES:
        check = compare(table, read(cast(Connection, _Cursor())), expected(engine.engine.state))
        assert check.passed, check.text
