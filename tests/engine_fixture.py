"""A live engine for tests: gateway → sequencer → projections, in the test's own transaction."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.transport import INLINE, install_inline
from sequencer.inline import InlineEngine


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
