"""What the engine has yet to do by itself: by time, and at one time in the order of entry."""

from enum import StrEnum
from heapq import heappop, heappush
from typing import NamedTuple


class Work(StrEnum):
    """What kind of thing is due; `clock.RUNNERS` says who does it."""

    TRIGGER = "Trigger"
    STRATEGY = "Strategy"
    RFQ = "Rfq"
    # Looking at accounts, and the next step of one's liquidation.
    HEALTH = "Health"
    LIQUIDATION = "Liquidation"
    # The end of what a breaker has ordered, of an auction; an index that may have grown old.
    BREAKER = "Breaker"
    AUCTION = "Auction"
    PRICE_AGE = "PriceAge"
    FUNDING = "Funding"
    # The beginning of a UTC day, for an account with loss limits.
    DAY = "Day"


class Due(NamedTuple):
    """Something to do at `at_ns`. `number` counts entries, `subject` is what it is about."""

    at_ns: int
    number: int
    work: Work
    subject: int


class Schedule:
    """The queue. What is dropped before its time stays in it until it is mostly that."""

    __slots__ = ("_dropped", "entered", "entries", "next_ns")

    def __init__(self) -> None:
        self.entries: list[Due] = []
        self.entered = 0
        # When the first of them is due; None while there is nothing to do.
        self.next_ns: int | None = None
        # Numbers of entries that nobody waits for; never the first of them.
        self._dropped: set[int] = set()

    def add(self, at_ns: int, work: Work, subject: int) -> int:
        """Enter something to be done at `at_ns` or soon after; return the entry's number."""
        self.entered += 1
        heappush(self.entries, Due(at_ns, self.entered, work, subject))
        self.next_ns = self.entries[0].at_ns
        return self.entered

    def take(self, now_ns: int) -> Due | None:
        """Return what is due next by `now_ns`, and forget it; None if nothing is."""
        if self.next_ns is None or self.next_ns > now_ns:
            return None
        due = heappop(self.entries)
        self._settle()
        return due

    def drop(self, number: int) -> None:
        """Forget an entry that was not taken yet."""
        self._dropped.add(number)
        if 2 * len(self._dropped) > len(self.entries):
            # A sorted list is a heap, too.
            self.entries = self.live()
            self._dropped.clear()
        self._settle()

    def live(self) -> list[Due]:
        """Return what is to be done, in order."""
        return sorted(due for due in self.entries if due.number not in self._dropped)

    def _settle(self) -> None:
        while self.entries and self.entries[0].number in self._dropped:
            self._dropped.remove(heappop(self.entries).number)
        self.next_ns = self.entries[0].at_ns if self.entries else None
