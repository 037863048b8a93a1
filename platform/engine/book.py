"""One market's order book: price-time priority, levels as linked lists of orders."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from engine.commands import BID
from engine.kinds import OrderTerms
from engine.record import Record
from engine.units import AccountId


class Order:
    """An order while it is alive. `terms` is what was asked; the rest is how far it has come."""

    __slots__ = (
        "borrow",
        "executed_lots",
        "executed_quote",
        "flags",
        "is_bid",
        "level",
        "locked",
        "loss_micros",
        "lots_open",
        "may_borrow",
        "may_redeem",
        "next",
        "owner",
        "previous",
        "price",
        "terms",
    )

    def __init__(self, terms: OrderTerms, *, owner: AccountId, price: int, lots_open: int) -> None:
        self.terms = terms
        # The main account of who placed it: orders of one owner do not trade with each other.
        self.owner = owner
        self.is_bid = terms.side is BID
        self.price = price
        self.lots_open = lots_open
        self.executed_lots = 0
        self.executed_quote = 0
        # In atoms of what it pays: own money held for it, and what it would still borrow.
        self.locked = 0
        self.borrow = 0
        # What collateral value is lost at most when a spot order fills, in micros.
        self.loss_micros = 0
        # Whether its owner allows it to borrow what is short, and to redeem what is lent.
        self.may_borrow = False
        self.may_redeem = True
        # (auto-repay, auto-lend) of the proceeds; None follows the account's settings.
        self.flags: tuple[bool | None, bool | None] = (None, None)
        self.level: Level | None = None
        self.previous: Order | None = None
        self.next: Order | None = None


class Level:
    """All orders at one price, oldest first."""

    __slots__ = ("head", "lots", "price", "tail")

    def __init__(self, price: int) -> None:
        self.price = price
        self.lots = 0
        self.head: Order | None = None
        self.tail: Order | None = None

    def __iter__(self) -> Iterator[Order]:
        order = self.head
        while order is not None:
            following = order.next
            yield order
            order = following


class BookSide:
    """One side of a book. `keys` ascend to the best price: bids by price, asks by minus price."""

    __slots__ = ("is_bid", "keys", "levels", "market", "record")

    def __init__(self, market: str, record: Record, *, is_bid: bool) -> None:
        self.market = market
        self.record = record
        self.is_bid = is_bid
        self.levels: dict[int, Level] = {}
        self.keys: list[int] = []

    def best(self) -> Level | None:
        if not self.keys:
            return None
        key = self.keys[-1]
        return self.levels[key if self.is_bid else -key]

    def from_best(self) -> Iterator[Level]:
        """Yield the levels, best first. The side may not change meanwhile."""
        for key in reversed(self.keys):
            yield self.levels[key if self.is_bid else -key]

    def add(self, order: Order) -> None:
        """Put an order behind those at its price."""
        price = order.price
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level(price)
            insort(self.keys, price if self.is_bid else -price)
        tail = level.tail
        order.level = level
        order.previous = tail
        order.next = None
        if tail is None:
            level.head = order
        else:
            tail.next = order
        level.tail = order
        level.lots += order.lots_open
        self.record.levels[(self.market, self.is_bid, price)] = level

    def remove(self, order: Order) -> None:
        """Take an order out, and its level with it if it was the last."""
        level = order.level
        assert level is not None, f"order {order.terms.order_id} is not in the book"
        previous, following = order.previous, order.next
        if previous is None:
            level.head = following
        else:
            previous.next = following
        if following is None:
            level.tail = previous
        else:
            following.previous = previous
        order.level = order.previous = order.next = None
        price = level.price
        level.lots -= order.lots_open
        self.record.levels[(self.market, self.is_bid, price)] = level
        if level.head is None:
            del self.levels[price]
            key = price if self.is_bid else -price
            if self.keys[-1] == key:
                self.keys.pop()
            else:
                del self.keys[bisect_left(self.keys, key)]

    def reduce(self, order: Order, lots: int) -> None:
        """Note that a resting order has `lots` fewer; the caller changes the order itself."""
        level = order.level
        assert level is not None, f"order {order.terms.order_id} is not in the book"
        level.lots -= lots
        self.record.levels[(self.market, self.is_bid, level.price)] = level


class Book:
    """The two sides of a market, its counters and its last price."""

    __slots__ = ("asks", "bids", "last_price", "trade_id", "update_id")

    def __init__(self, market: str, record: Record) -> None:
        self.bids = BookSide(market, record, is_bid=True)
        self.asks = BookSide(market, record, is_bid=False)
        self.trade_id = 0
        self.update_id = 0
        self.last_price: int | None = None

    def side(self, is_bid: bool) -> BookSide:
        return self.bids if is_bid else self.asks

    def crosses(self, price: int, *, is_bid: bool) -> bool:
        """Tell whether an order at `price` would meet the other side."""
        if is_bid:
            keys = self.asks.keys
            return bool(keys) and -keys[-1] <= price
        keys = self.bids.keys
        return bool(keys) and keys[-1] >= price
