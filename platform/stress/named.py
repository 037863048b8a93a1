"""Crashes with a name, as data: shapes of days that have been, and a fast one.

Nothing here is a quote of anybody; `prices.stories` plays the same day through venues.
"""

from collections.abc import Mapping
from typing import Final

from engine.units import PPM
from prices.stories import ALTS_LEFT, MAJORS_LEFT
from stress.scenario import Path, Scenario, straight


def _moved(left: tuple[tuple[int, int], ...]) -> Path:
    return tuple((second, ppm - PPM) for second, ppm in left if second)


_MAJORS: Final = _moved(MAJORS_LEFT)

# What each is called, and what it is; books are the caller's choice.
TITLES: Final[Mapping[str, str]] = {
    "october": "10 October 2025 in shape: majors −15 % within 20 minutes, others −60 %",
    "fast": "Fast: all but dollars −30 % in ten minutes",
}
SCENARIOS: Final[Mapping[str, Scenario]] = {
    "october": Scenario(
        name="october",
        paths={"BTC": _MAJORS, "ETH": _MAJORS, "SOL": _MAJORS},
        others=_moved(ALTS_LEFT),
    ),
    "fast": Scenario(name="fast", others=straight(-300_000, 600)),
}
