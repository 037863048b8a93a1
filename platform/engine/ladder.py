"""What an order takes from the book, for orders of every size: one walk instead of one for each."""

from bisect import bisect_right
from collections.abc import Iterator

from engine.book import Order
from engine.listed_market import ListedMarket
from engine.matching import Sweep, can_pay, meets
from engine.state import State


class Ladder:
    """Answers as `matching.sweep` does for a quantity of `order`, which stops at its owner's own.

    It walks only as far as the largest quantity it was asked about. The book may not change.
    """

    __slots__ = (
        *("_before", "_cut", "_ended", "_listed", "_makers", "_order", "_peaks", "_rungs"),
        "_state",
    )

    def __init__(self, state: State, listed: ListedMarket, order: Order) -> None:
        self._state = state
        self._listed = listed
        self._order = order
        self._makers = _from_best(listed, order)
        # Whether a band cuts off what the order's price would still take.
        self._cut = _is_cut(listed, order)
        self._rungs: list[Order] = []
        # What all makers before a rung give, if there is enough left for each: (lots, quote atoms).
        self._before: list[tuple[int, int]] = [(0, 0)]
        # The least quantity that leaves nothing open up to and including a rung, so far.
        self._peaks: list[int] = []
        # Once there are no more: whether an order of the same owner is next.
        self._ended: bool | None = None

    def taken(self, lots: int) -> Sweep:
        """Return what an order of `lots` would take now."""
        while self._ended is None and (not self._peaks or self._peaks[-1] <= lots):
            self._climb()
        # All makers before this one give all that they have, or cannot pay for that.
        at = bisect_right(self._peaks, lots)
        took, cost = self._before[at]
        while True:
            while self._ended is None and at == len(self._rungs):
                self._climb()
            if at == len(self._rungs):
                cut = self._cut and took < lots
                return Sweep(took, cost, stopped=self._ended is True or cut)
            maker = self._rungs[at]
            take = min(lots - took, maker.lots_open)
            if self._pays(maker, take):
                took += take
                cost += self._listed.quote_atoms(maker.price, take)
                if take < maker.lots_open:
                    return Sweep(took, cost, stopped=False)
            at += 1

    def _climb(self) -> None:
        """Look at the next maker."""
        maker = next(self._makers, None)
        if maker is None or maker.owner == self._order.owner:
            self._ended = maker is not None
            return
        lots, cost = self._before[-1]
        most = lots + maker.lots_open
        self._rungs.append(maker)
        self._peaks.append(max(self._peaks[-1], most) if self._peaks else most)
        if self._pays(maker, maker.lots_open):
            lots, cost = most, cost + self._listed.quote_atoms(maker.price, maker.lots_open)
        self._before.append((lots, cost))

    def _pays(self, maker: Order, lots: int) -> bool:
        return not maker.borrow or can_pay(self._state, self._listed, maker, lots, maker.price)


def _from_best(listed: ListedMarket, order: Order) -> Iterator[Order]:
    """Yield the resting orders which `order` meets up to its reach, best first."""
    for level in listed.book.side(not order.is_bid).from_best():
        if level.price > order.reach if order.is_bid else level.price < order.reach:
            return
        yield from level


def _is_cut(listed: ListedMarket, order: Order) -> bool:
    if order.reach == order.price:
        return False
    for level in listed.book.side(not order.is_bid).from_best():
        if level.price > order.reach if order.is_bid else level.price < order.reach:
            return meets(order, level)
    return False
