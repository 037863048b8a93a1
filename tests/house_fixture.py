"""Alice and bob on a live engine, with money and markets, for tests of the API and the pages."""

import pytest

from sequencer.inline import InlineEngine
from tests.api.house import Trader, open_house


@pytest.fixture
def house(live_engine: InlineEngine) -> tuple[Trader, Trader]:
    """Return alice and bob, each with 100,000 USDC and 100 SOL."""
    return open_house()


@pytest.fixture
def alice(house: tuple[Trader, Trader]) -> Trader:
    return house[0]


@pytest.fixture
def bob(house: tuple[Trader, Trader]) -> Trader:
    return house[1]
