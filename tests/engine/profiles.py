"""Hypothesis profiles: `dev` by default, `ci` repeatable, `nightly` long. HYPOTHESIS_PROFILE chooses."""

import os

from hypothesis import HealthCheck, settings

SLOW_OK = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("dev", max_examples=30, deadline=None, suppress_health_check=SLOW_OK)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=SLOW_OK
)
settings.register_profile(
    "nightly",
    max_examples=5_000,
    stateful_step_count=100,
    deadline=None,
    suppress_health_check=SLOW_OK,
)


def load() -> None:
    """Load the profile that the environment names."""
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
