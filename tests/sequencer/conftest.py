"""Fixtures of engine processes on a real, committed database."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.client import submit
from tests.sequencer.engines import EngineProcess
from tests.sequencer.market import set_up

StartEngine = Callable[[], EngineProcess]


@pytest.fixture
def start_engine(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[StartEngine]:
    """Start engine processes which all want to lead the test's database; kill them afterwards."""
    settings.ENGINE_ADDRESS = f"unix:{tmp_path}/engine.sock"
    started: list[EngineProcess] = []

    def start() -> EngineProcess:
        engine = EngineProcess(settings.ENGINE_ADDRESS, tmp_path / f"engine{len(started)}.log")
        started.append(engine)
        return engine.start()

    yield start
    for engine in started:
        engine.kill()


@pytest.fixture
def engine(start_engine: StartEngine) -> EngineProcess:
    """A leading engine with a small exchange in it."""
    process = start_engine().wait_until_leading()
    set_up(submit)
    return process
