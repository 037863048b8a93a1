"""Which accounts wait for which price to leave their bounds, and which must be looked at anyway.

Each account that owes anything or holds a position is watched between two bounds of each price
that it hangs on. While all stay inside, its status cannot have become worse, so it is not looked
at: an update of prices costs by the accounts near their bounds, not by all that there are.
"""

from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Protocol

from engine.units import AccountId

NO_BOUND = 1 << 200

# By key of a price: its lowest and highest value.
Bounds = dict[str, tuple[int, int]]


class Guarded(Protocol):
    """An account, as far as it is watched."""

    guards: Bounds


class Watchers:
    """Who waits for one price. An entry whose bound is no longer its account's is void."""

    __slots__ = ("highs", "lows")

    def __init__(self) -> None:
        self.lows: list[tuple[int, AccountId]] = []
        self.highs: list[tuple[int, AccountId]] = []

    def add(self, account: AccountId, bounds: tuple[int, int]) -> None:
        """Have an account wait for the price to leave its bounds."""
        lowest, highest = bounds
        if lowest:
            heappush(self.lows, (-lowest, account))
        if highest < NO_BOUND:
            heappush(self.highs, (highest, account))

    def take_left(
        self, key: str, price: int, accounts: Mapping[AccountId, Guarded]
    ) -> list[AccountId]:
        """Take out and return the accounts whose bounds the price has left."""
        left = []
        while self.lows and -self.lows[0][0] > price:
            bound, number = heappop(self.lows)
            if accounts[number].guards.get(key, (0, 0))[0] == -bound:
                left.append(number)
        while self.highs and self.highs[0][0] < price:
            bound, number = heappop(self.highs)
            if accounts[number].guards.get(key, (0, 0))[1] == bound:
                left.append(number)
        return left


class Guards:
    """All watchers by key of a price, and the accounts to look at whatever prices do."""

    __slots__ = ("changed", "is_due", "suspects", "urgent", "watchers")

    def __init__(self) -> None:
        self.watchers: dict[str, Watchers] = {}
        # To be looked at: those near their bounds first, then those whose holdings have changed.
        self.urgent: dict[AccountId, None] = {}
        self.changed: dict[AccountId, None] = {}
        # Found below their margin once, and when.
        self.suspects: dict[AccountId, int] = {}
        # Whether the schedule has the rest of a look.
        self.is_due = False

    def watch(self, number: AccountId, account: Guarded, bounds: Bounds) -> None:
        """Have an account wait between new bounds."""
        account.guards = bounds
        for key, bound in bounds.items():
            watchers = self.watchers.get(key)
            if watchers is None:
                watchers = self.watchers[key] = Watchers()
            watchers.add(number, bound)
