"""Quotes out of a file, second by second: for tests and demos, and to see again what has happened.

A tape is text, one JSON object a line. The first says which venues it holds; each further one is a
second and holds what was heard in it, as text and unjudged:

    {"tape": 1, "venues": [{"name": "kraken", "quote": "USD", "weight": 3}]}
    {"s": 0, "spot": {"kraken": {"BTC": ["86699.5", "86700.5", "86700"]}}}
    {"s": 1, "spot": {"kraken": {"BTC": ["NaN", "86700.5", "86700", -4000]}},
     "perps": {"kraken": {"BTC": ["86690", "86695", "86691"]}}}

A quote is bid, ask and last and, if the venue's time was not the second's, how many milliseconds
it was off: below 0 old, above 0 out of the future. A second without a quote of a venue heard none:
the one before grows old, as it does live. After the last second nothing is heard any more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from prices.quotes import Quote, read_quote
from prices.sources import Quotes
from prices.terms import Venue

FORMAT = 1


class Words(msgspec.Struct, frozen=True, array_like=True):
    """A quote as it was told."""

    bid: str
    ask: str
    last: str
    off_ms: int = 0


Heard = dict[str, dict[str, Words]]


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    tape: int
    venues: tuple[Venue, ...]


class Second(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A further line: what was heard in second `s` of the tape, by venue and asset."""

    s: int
    spot: Heard = {}
    perps: Heard = {}


class TapeSource:
    """Play a tape from its beginning, at the speed at which it was recorded."""

    def __init__(self, lines: Iterable[str], *, name: str = "a tape") -> None:
        self.name = name
        self._lines = _seconds(lines)
        head = next(self._lines)
        assert isinstance(head, Head), "the first line is the head"
        self._venues = {venue.called: venue for venue in head.venues}
        self._next: Second | None = None
        self._began: int | None = None
        self._spot: dict[str, dict[str, Quote]] = {}
        self._perps: dict[str, dict[str, Quote]] = {}

    async def quotes(
        self, *, now_ms: int, listed: Sequence[str], last_e8: Mapping[str, int]
    ) -> Quotes:
        """Return the last quote of each venue as of now. Raises ValueError for a broken line."""
        second = now_ms // 1_000
        if self._began is None:
            self._began = second
        while (line := self._due(second - self._began)) is not None:
            at_ms = (self._began + line.s) * 1_000
            for name, assets in line.spot.items():
                self._take(self._spot, self._venue(name), assets, at_ms=at_ms)
            for name, assets in line.perps.items():
                self._take(self._perps, self._venue(name), assets, at_ms=at_ms)
        return Quotes(spot=_listed(self._spot, listed), perps=_listed(self._perps, listed))

    async def close(self) -> None:
        """Do nothing: the file is read line by line, and closed with its iterator."""

    def _due(self, second: int) -> Second | None:
        if self._next is None:
            line = next(self._lines, None)
            assert not isinstance(line, Head), "a tape has one head"
            self._next = line
        if self._next is None or self._next.s > second:
            return None
        due, self._next = self._next, None
        return due

    def _venue(self, name: str) -> Venue:
        if name not in self._venues:
            raise ValueError(f"the tape has no venue {name!r} in its first line")
        return self._venues[name]

    def _take(
        self,
        into: dict[str, dict[str, Quote]],
        venue: Venue,
        assets: Mapping[str, Words],
        *,
        at_ms: int,
    ) -> None:
        currency = venue.perp_currency if into is self._perps else venue.quote
        for symbol, told in assets.items():
            words = {
                "bid": told.bid,
                "ask": told.ask,
                "last": told.last,
                "timestamp": at_ms + told.off_ms,
            }
            into.setdefault(symbol, {})[venue.called] = read_quote(
                words, venue=venue, heard_ms=at_ms, currency=currency
            )


def open_tape(path: str) -> TapeSource:
    """Return the source which plays a file. Raises ValueError if it is no tape."""
    try:
        return TapeSource(_lines_of(path), name=f"the tape {path}")
    except OSError as error:
        raise ValueError(f"FEED_TAPE={path!r}: {error}") from error


def write_head(tape: IO[str], venues: Iterable[Venue]) -> None:
    """Write the first line."""
    _write(tape, Head(tape=FORMAT, venues=tuple(venues)))


def write_second(tape: IO[str], second: Second) -> None:
    """Write a further line."""
    _write(tape, second)


def _write(tape: IO[str], line: Head | Second) -> None:
    tape.write(msgspec.json.encode(line).decode() + "\n")


def _lines_of(path: str) -> Iterator[str]:
    with Path(path).open(encoding="utf-8") as tape:
        yield from tape


def _seconds(lines: Iterable[str]) -> Iterator[Head | Second]:
    """Yield the head, then the seconds. Raises ValueError with the number of a broken line."""
    kind: type[Head | Second] = Head
    last = -1
    for number, line in enumerate(lines, start=1):
        try:
            told = msgspec.json.decode(line, type=kind)
        except msgspec.DecodeError as error:
            raise ValueError(f"line {number} of the tape: {error}") from error
        if isinstance(told, Second):
            if told.s <= last:
                raise ValueError(f"line {number} of the tape: seconds must ascend")
            last = told.s
        elif told.tape != FORMAT:
            raise ValueError(f"line {number} of the tape: format {told.tape} is not known")
        yield told
        kind = Second
    if kind is Head:
        raise ValueError("the tape is empty")


def _listed(
    quotes: Mapping[str, Mapping[str, Quote]], listed: Sequence[str]
) -> dict[str, list[Quote]]:
    return {symbol: list(quotes[symbol].values()) for symbol in listed if symbol in quotes}
