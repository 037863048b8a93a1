"""Scenarios as people write them, on a command line and in a form: texts in per cent.

shocks   SOL=-30 BTC=-15                 in per cent, at the end of the path
all      -20                             all but dollars; betas ETH=1.2 multiply it
path     60:50 300:120 600:100           after 60 s half of the shock, then more, then all of it
books    kept, emptied, followed:50000   the last: USD that a market maker quotes on each side
"""

import re
from decimal import Decimal

import msgspec

from engine.units import PPM
from stress.named import SCENARIOS
from stress.scenario import (
    MOST_FOLLOW_USD,
    MOST_SECONDS,
    Books,
    Path,
    Scenario,
    ScenarioError,
)

# A shock in per cent, and the share of it at a point of its path, in parts of a million.
_PERCENT = PPM // 100
_NUMBER = re.compile(r"[+-]?[0-9]{1,5}(\.[0-9]{1,4})?")


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote; "" for what was left out."""

    scenario: str = ""
    shocks: str = ""
    all: str = ""
    betas: str = ""
    seconds: str = ""
    path: str = ""
    books: str = Books.KEPT


def scenario_of(spoken: Spoken) -> Scenario:
    """Return the scenario, not yet checked. Raises ScenarioError with what to write instead."""
    books, follow_usd = read_books(spoken.books)
    if spoken.scenario:
        known = SCENARIOS.get(spoken.scenario)
        if known is None:
            names = ", ".join(sorted(SCENARIOS))
            raise ScenarioError(f"there is no scenario {spoken.scenario!r}; there are {names}")
        if spoken.shocks or spoken.all or spoken.betas or spoken.path or spoken.seconds:
            raise ScenarioError("a scenario with a name has its own shocks, seconds and path")
        return msgspec.structs.replace(known, books=books, follow_usd=follow_usd)
    path = read_path(spoken.path, seconds=read_seconds(spoken.seconds))
    all_ppm = read_percent("all", spoken.all) if spoken.all else 0
    paths = {
        asset: _scaled(path, _percent_of(asset, text))
        for asset, text in _pairs(spoken.shocks, "a shock is ASSET=PERCENT, such as SOL=-30")
    }
    for asset, text in _pairs(spoken.betas, "a beta is ASSET=FACTOR, such as ETH=1.2"):
        if not spoken.all:
            raise ScenarioError("a beta multiplies the shock of all assets: say that, too")
        if asset in paths:
            raise ScenarioError(f"{asset} has a shock of its own: leave its beta out")
        factor = read_percent(asset, text, unit=PPM)
        paths[asset] = _scaled(path, all_ppm * factor // PPM)
    return Scenario(
        paths=paths,
        others=_scaled(path, all_ppm) if all_ppm else (),
        books=books,
        follow_usd=follow_usd,
    )


def read_percent(name: str, text: str, *, unit: int = _PERCENT) -> int:
    """Return a signed decimal number times `unit`, by default per cent as parts of a million."""
    if not _NUMBER.fullmatch(text):
        raise ScenarioError(f"{name}: {text[:30]!r} is no number such as -30 or 12.5")
    return int(Decimal(text) * unit)


def read_seconds(text: str) -> int:
    """Return for how long prices move; ten minutes, if nothing is said."""
    if not text:
        return 600
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:9]) <= MOST_SECONDS:
        raise ScenarioError(f"seconds: say a whole number from 1 to {MOST_SECONDS:,}")
    return int(text)


def read_books(text: str) -> tuple[Books, int]:
    """Return what becomes of the books, and the USD that a market maker quotes on each side."""
    word, colon, usd = text.strip().partition(":")
    if word not in set(Books) or bool(colon) != (word == Books.FOLLOWED):
        raise ScenarioError("books: say kept, emptied, or followed:USD such as followed:50000")
    if not colon:
        return Books(word), 0
    usd = usd.replace("_", "").replace(",", "")
    if not (usd.isascii() and usd.isdigit()) or not 0 < int(usd[:12]) <= MOST_FOLLOW_USD:
        raise ScenarioError(f"books: a market maker quotes 1 to {MOST_FOLLOW_USD:,} USD a side")
    return Books(word), int(usd)


def read_path(text: str, *, seconds: int) -> Path:
    """Return at which second which part of the shock is reached; straight, if nothing is said."""
    if not text.strip():
        return ((seconds, PPM),)
    points = []
    for point in text.replace(",", " ").split():
        at, colon, share = point.partition(":")
        if not colon or not (at.isascii() and at.isdigit()):
            raise ScenarioError(
                f"path: {point[:30]!r} is no SECOND:PERCENT such as 60:50 (of the shock)"
            )
        points.append((int(at[:9]), read_percent("path", share)))
    return tuple(points)


def _percent_of(asset: str, text: str) -> int:
    return read_percent(asset, text.removesuffix("%"))


def _pairs(text: str, form: str) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for word in text.replace(",", " ").split():
        asset, equals, number = word.partition("=")
        if not equals or not asset or not number:
            raise ScenarioError(f"{word[:30]!r}: {form}")
        if asset in found:
            raise ScenarioError(f"{asset} is there twice")
        found[asset] = number
    return list(found.items())


def _scaled(path: Path, shock_ppm: int) -> Path:
    return tuple((second, shock_ppm * share // PPM) for second, share in path)


def say(scenario: Scenario) -> str:
    """Return a scenario in one line: its name or shocks, its length, its books."""
    shocks = {asset: _furthest(path) for asset, path in scenario.paths.items()}
    words = [f"{asset} {percent(ppm)}" for asset, ppm in shocks.items()]
    if scenario.others:
        whom = "others" if words else "all but dollars"
        words.append(f"{whom} {percent(_furthest(scenario.others))}")
    books = scenario.books.value
    if scenario.books is Books.FOLLOWED:
        books = f"followed with {scenario.follow_usd:,} USD a side"
    name = f"{scenario.name}: " if scenario.name else ""
    return f"{name}{', '.join(words)} in {scenario.seconds:,} s, books {books}"


def _furthest(path: Path) -> int:
    return max((ppm for _, ppm in path), key=abs)


def percent(ppm: int) -> str:
    """Return parts of a million as per cent, with a sign.

    >>> percent(-300_000), percent(1_250), percent(0)
    ('−30 %', '+0.125 %', '0 %')
    """
    sign = "−" if ppm < 0 else "+" if ppm > 0 else ""
    whole, rest = divmod(abs(ppm), _PERCENT)
    fraction = f".{rest:04d}".rstrip("0").rstrip(".")
    return f"{sign}{whole}{fraction} %"
