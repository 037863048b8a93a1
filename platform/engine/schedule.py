"""What the engine has yet to do by itself: by time, and at one time in the order of entry."""

from enum import StrEnum
from heapq import heappop, heappush
from typing import NamedTuple


class Work(StrEnum):
    """What kind of thing is due; `clock.RUNNERS` says who does it."""

    TRIGGER = "Trigger"
    RFQ = "Rfq"


class Due(NamedTuple):
    """Something to do at `at_ns`. `number` counts entries, `subject` is what it is about."""

    at_ns: int
    number: int
    work: Work
    subject: int


class Schedule:
    """The queue. Nothing is taken out before its time: whoever does it looks whether it stands."""

    __slots__ = ("entered", "entries", "next_ns")

    def __init__(self) -> None:
        self.entries: list[Due] = []
        self.entered = 0
        # When the first of them is due; None while there is nothing to do.
        self.next_ns: int | None = None

    def add(self, at_ns: int, work: Work, subject: int) -> None:
        """Enter something to be done at `at_ns` or soon after."""
        self.entered += 1
        heappush(self.entries, Due(at_ns, self.entered, work, subject))
        self.next_ns = self.entries[0].at_ns

    def take(self, now_ns: int) -> Due | None:
        """Return what is due next by `now_ns`, and forget it; None if nothing is."""
        if self.next_ns is None or self.next_ns > now_ns:
            return None
        due = heappop(self.entries)
        self.next_ns = self.entries[0].at_ns if self.entries else None
        return due
