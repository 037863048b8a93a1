"""One market's waiting orders, found by the price that fires them, from below or from above."""

from bisect import bisect_left, insort

from engine.book import ConditionalOrder
from engine.units import OrderId
from engine.vocabulary import TriggerBy


class _Ladder:
    """Waiting orders of one reference and one direction: (signed price, order id), next one first.

    Prices of what fires below are negative, so that both directions ascend.
    """

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[tuple[int, OrderId]] = []

    def add(self, price: int, order_id: OrderId) -> None:
        insort(self.entries, (price, order_id))

    def remove(self, price: int, order_id: OrderId) -> None:
        at = bisect_left(self.entries, (price, order_id))
        assert self.entries[at] == (price, order_id), f"order {order_id} is not watched"
        del self.entries[at]

    def take_met(self, price: int) -> list[OrderId]:
        """Take out and return what fires at `price`, the nearest first."""
        count = 0
        while count < len(self.entries) and self.entries[count][0] <= price:
            count += 1
        met = [order_id for _, order_id in self.entries[:count]]
        del self.entries[:count]
        return met


class Watch:
    """The waiting orders of one market, by reference and direction."""

    __slots__ = ("_above", "_below", "has_last")

    def __init__(self) -> None:
        self._above: dict[TriggerBy, _Ladder] = {}
        self._below: dict[TriggerBy, _Ladder] = {}
        # Whether any waits for the last price: each trade asks.
        self.has_last = False

    def add(self, order: ConditionalOrder) -> None:
        """Watch for an order's price."""
        trigger = order.trigger
        ladders = self._above if order.fires_above else self._below
        ladder = ladders.setdefault(trigger.by, _Ladder())
        ladder.add(_signed(order), order.terms.order_id)
        self.has_last = self.watches(TriggerBy.LAST)

    def remove(self, order: ConditionalOrder) -> None:
        """Watch no more for an order's price."""
        ladders = self._above if order.fires_above else self._below
        ladder = ladders[order.trigger.by]
        ladder.remove(_signed(order), order.terms.order_id)
        if not ladder.entries:
            del ladders[order.trigger.by]
        self.has_last = self.watches(TriggerBy.LAST)

    def watches(self, by: TriggerBy) -> bool:
        """Tell whether anything waits for this reference."""
        return by in self._above or by in self._below

    def take_met(self, by: TriggerBy, *, highest: int, lowest: int) -> list[OrderId]:
        """Take out and return the orders that fire: in ticks, at or below `highest` going up, at or
        above `lowest` going down."""
        met: list[OrderId] = []
        for ladders, price in ((self._above, highest), (self._below, -lowest)):
            ladder = ladders.get(by)
            if ladder is not None:
                met += ladder.take_met(price)
                if not ladder.entries:
                    del ladders[by]
        self.has_last = self.watches(TriggerBy.LAST)
        return met

    def ids(self) -> set[OrderId]:
        """Return the ids of all orders that wait here."""
        ladders = (*self._above.values(), *self._below.values())
        return {order_id for ladder in ladders for _, order_id in ladder.entries}


def _signed(order: ConditionalOrder) -> int:
    price = order.trigger.price_ticks
    return price if order.fires_above else -price
