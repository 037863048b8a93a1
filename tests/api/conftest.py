"""Alice and bob on a live engine, for the tests of the REST API."""

import pytest

from sequencer.inline import InlineEngine
from tests.api.house import Trader, open_house


@pytest.fixture
def house(live_engine: InlineEngine) -> tuple[Trader, Trader]:
    """Return alice and bob, with money and markets."""
    return open_house()


@pytest.fixture
def alice(house: tuple[Trader, Trader]) -> Trader:
    return house[0]


@pytest.fixture
def bob(house: tuple[Trader, Trader]) -> Trader:
    return house[1]
