"""Whatever is commanded in whatever order, the exchange adds up (tests/engine/invariants.py)."""

from tests.engine.machine import ExchangeMachine

TestExchange = ExchangeMachine.TestCase
