"""Alice and bob on a live engine, for the tests of the REST API."""

from tests.house_fixture import alice, bob, house

__all__ = ["alice", "bob", "house"]
