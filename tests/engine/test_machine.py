"""Whatever is commanded in whatever order, the exchange adds up (tests/engine/invariants.py)."""

import pytest

from tests.engine.machine import ExchangeMachine

# What the handlers' tests cover is covered; counting doubles the time of many thousand commands.
pytestmark = pytest.mark.no_cover
TestExchange = ExchangeMachine.TestCase
