"""The engine of these tests."""

from tests.engine_fixture import live_engine

__all__ = ["live_engine"]
