"""A book so simple that it is plainly right: the oracle for the real one."""

from dataclasses import dataclass

from engine.vocabulary import Side


@dataclass
class Resting:
    order_id: int
    side: Side
    price_ticks: int
    lots: int


class NaiveBook:
    """A list of orders in the order of their arrival; every match looks at all of them."""

    def __init__(self) -> None:
        self.resting: list[Resting] = []

    def place(
        self, *, order_id: int, side: Side, price_ticks: int, lots: int, rest: bool = True
    ) -> list[tuple[int, int, int, int]]:
        """Match, then rest; return the trades as (taker, maker, price_ticks, lots)."""
        trades = []
        sign = 1 if side is Side.BID else -1
        while lots:
            offers = [
                order
                for order in self.resting
                if order.side is not side and sign * order.price_ticks <= sign * price_ticks
            ]
            if not offers:
                break
            # min() keeps the first of equals: the earliest of the best price.
            best = min(offers, key=lambda order: sign * order.price_ticks)
            filled = min(lots, best.lots)
            trades.append((order_id, best.order_id, best.price_ticks, filled))
            lots -= filled
            best.lots -= filled
            if not best.lots:
                self.resting.remove(best)
        if lots and rest:
            self.resting.append(Resting(order_id, side, price_ticks, lots))
        return trades

    def cancel(self, order_id: int) -> None:
        """Take an order out, if it rests."""
        self.resting = [order for order in self.resting if order.order_id != order_id]

    def levels(self, side: Side) -> tuple[tuple[int, int], ...]:
        """Return (price_ticks, lots), best first."""
        sums: dict[int, int] = {}
        for order in self.resting:
            if order.side is side:
                sums[order.price_ticks] = sums.get(order.price_ticks, 0) + order.lots
        return tuple(sorted(sums.items(), reverse=side is Side.BID))
