"""What happens to prices in a stress test, and to the books: data, and what it comes to by second.

A path is what a price has moved by, in parts of a million of where it began, at some seconds:
straight in between, from nothing at second 0, and at rest after the last.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

import msgspec

from engine.units import PPM
from prices.terms import USDC

Path = tuple[tuple[int, int], ...]

# A price may lose all but nothing, and become eleven times what it was.
LEAST_PPM: Final = -PPM
MOST_PPM: Final = 10 * PPM
MOST_SECONDS: Final = 86_400
MOST_POINTS: Final = 500
MOST_PATIENCE: Final = 7_200
MOST_FOLLOW_USD: Final = 100_000_000
# Assets that stand for a dollar: what moves "all others" leaves them where they are.
DOLLARS: Final = frozenset(
    {USDC, "USDT", "DAI", "USDS", "USDE", "FDUSD", "PYUSD", "TUSD", "RLUSD", "USDP", "USD1"}
)


class ScenarioError(ValueError):
    """The scenario cannot be run; the message says what to change."""


class Books(StrEnum):
    """What becomes of the order books of the copy."""

    # Orders stay as they are, also where they are out of date: that flatters.
    KEPT = "kept"
    # All is cancelled at once and nothing comes back: nobody trades.
    EMPTIED = "emptied"
    # Orders at rest are cancelled, and one market maker quotes around each mark.
    FOLLOWED = "followed"


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done to the copy.

    Args:
        name: of a built-in scenario; "" for one of the caller's own.
        paths: by asset; `others` is that of all which are not named here, but dollars.
        follow_usd: what the market maker quotes on each side within 1 % of each mark.
        patience_seconds: how long it goes on after the last point, while liquidations are open.
    """

    name: str = ""
    paths: dict[str, Path] = {}
    others: Path = ()
    books: Books = Books.KEPT
    follow_usd: int = 0
    patience_seconds: int = 900

    @property
    def seconds(self) -> int:
        """How long prices move."""
        return max((path[-1][0] for path in (*self.paths.values(), self.others) if path), default=0)

    def path_of(self, asset: str) -> Path:
        """Return the path of an asset; () if it stays where it is."""
        if asset in self.paths:
            return self.paths[asset]
        return () if asset in DOLLARS else self.others


def straight(moved_ppm: int, seconds: int) -> Path:
    """Return the path that leads to `moved_ppm` at one speed."""
    return ((seconds, moved_ppm),)


def moved_ppm(path: Path, second: int) -> int:
    """Return what a price has moved by in a second, rounded down, in parts of a million.

    >>> path = ((100, -300_000), (200, -200_000))
    >>> [moved_ppm(path, second) for second in (0, 50, 100, 150, 200, 999)]
    [0, -150000, -300000, -250000, -200000, -200000]
    """
    start, before = 0, 0
    for end, after in path:
        if second < end:
            return before + (after - before) * (second - start) // (end - start)
        start, before = end, after
    return before


def check(scenario: Scenario, *, priced: Collection[str]) -> None:
    """Raise ScenarioError if it cannot be run on an exchange with prices of these assets."""
    for asset, path in scenario.paths.items():
        if asset == USDC:
            raise ScenarioError(f"{USDC} is the unit of account: its price cannot be shocked")
        if asset not in priced and scenario.name:
            # What is built in names more than every exchange has.
            continue
        if asset not in priced:
            known = ", ".join(sorted(set(priced) - {USDC}))
            raise ScenarioError(f"there is no asset {asset} with a price; there are {known}")
        _check_path(asset, path)
    if scenario.others:
        _check_path("all", scenario.others)
    moved = [asset for asset in priced if any(ppm for _, ppm in scenario.path_of(asset))]
    if not moved:
        raise ScenarioError("no price moves: shock at least one asset, such as SOL=-30")
    if not 0 <= scenario.patience_seconds <= MOST_PATIENCE:
        raise ScenarioError(f"the patience is 0 to {MOST_PATIENCE} seconds")
    is_followed = scenario.books is Books.FOLLOWED
    if is_followed and not 0 < scenario.follow_usd <= MOST_FOLLOW_USD:
        raise ScenarioError(f"a market maker quotes 1 to {MOST_FOLLOW_USD} USD a side")
    if not is_followed and scenario.follow_usd:
        raise ScenarioError("only books that are followed have a market maker")


def _check_path(name: str, path: Path) -> None:
    if not 0 < len(path) <= MOST_POINTS:
        raise ScenarioError(f"{name}: a path has 1 to {MOST_POINTS} points")
    before = 0
    for second, ppm in path:
        if not before < second <= MOST_SECONDS:
            raise ScenarioError(f"{name}: seconds ascend, from 1 to {MOST_SECONDS:,}")
        if not LEAST_PPM < ppm <= MOST_PPM:
            raise ScenarioError(f"{name}: a price moves by more than -100 % and at most +1000 %")
        before = second
