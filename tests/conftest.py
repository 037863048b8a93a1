"""Fixtures for all tests: a live exchange, a browser, an engine with tables behind it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, Phase, settings

from tests.engine_fixture import live_engine
from tests.live import LiveExchange, running

__all__ = ["chromium", "exchange", "live_engine"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Without explaining which parts of a failing example matter: traced, that takes all memory.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
settings.register_profile(
    "ci",
    phases=PHASES,
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", max_examples=30, deadline=None)
settings.register_profile("nightly", max_examples=5000, deadline=None, phases=PHASES)
settings.load_profile("ci")


def pytest_configure() -> None:
    """Have what is slow by design, or done once in a process, not be done in each test.

    Passwords are hashed a thousand times less hard, and the front looks for a static file when it
    is asked for it: each test client would list all of them. Live exchanges do as in production.
    """
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django_settings.WHITENOISE_AUTOREFRESH = True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave nightly tests out unless the marker expression names them."""
    if "nightly" in config.option.markexpr:
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    items[:] = [item for item in items if item not in nightly]
    config.hook.pytest_deselected(items=nightly)


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveExchange]:
    """Yield a live demo exchange, started once: its markets are quoted and have traded."""
    with running(tmp_path_factory.mktemp("exchange")) as live:
        yield live


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return Debian's Chromium, or skip with the command which installs it."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return Path(found)
    pytest.skip("no Chromium here; run the browser tests with: apt install chromium && make test")
