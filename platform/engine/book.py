"""One market's order book: price-time priority, levels as linked lists of orders."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from msgspec.structs import replace

from engine.commands import PlaceOrder
from engine.kinds import OrderTerms
from engine.record import Record
from engine.units import AccountId, OrderId
from engine.vocabulary import BID, LIMIT, Trigger


class Order:
    """An order while it is alive. `terms` is what was asked; the rest is how far it has come."""

    __slots__ = (
        "borrow",
        "executed_lots",
        "executed_quote",
        "flags",
        "is_bid",
        "level",
        "links",
        "locked",
        "loss_micros",
        "lots_open",
        "may_borrow",
        "may_redeem",
        "next",
        "owner",
        "previous",
        "price",
        "reach",
        "slips",
        "terms",
    )

    def __init__(self, terms: OrderTerms, *, owner: AccountId, price: int, lots_open: int) -> None:
        self.terms = terms
        # The main account of who placed it: orders of one owner do not trade with each other.
        self.owner = owner
        self.is_bid = terms.side is BID
        self.price = price
        # The worst price at which it may take now: a band may be nearer than its own price.
        self.reach = price
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
        self.links: Links | None = None
        # Whether its slippage tolerance, not the market's band, is its worst price.
        self.slips = False
        self.level: Level | None = None
        self.previous: Order | None = None
        self.next: Order | None = None


class ConditionalOrder:
    """An order that waits for its price.

    `command` is what is placed then, `terms` what is told of it until then.
    """

    __slots__ = (
        "command",
        "fires_above",
        "is_bid",
        "is_due",
        "lots_open",
        "owner",
        "partner",
        "terms",
    )

    def __init__(
        self, terms: OrderTerms, command: PlaceOrder, *, owner: AccountId, fires_above: bool
    ) -> None:
        self.terms = terms
        self.command = command
        self.owner = owner
        self.is_bid = command.side is BID
        self.fires_above = fires_above
        # For a share of the position: what that came to when it was placed.
        self.lots_open = command.lots or 0
        # Its price was met: it will be placed with the next advance of time.
        self.is_due = False
        # The other exit, also once that is an order in the book: what one fills, the other loses.
        self.partner: ConditionalOrder | Order | None = None

    @property
    def trigger(self) -> Trigger:
        conditions = self.terms.conditions
        assert conditions is not None, f"order {self.terms.order_id} waits for nothing"
        assert conditions.trigger is not None, f"order {self.terms.order_id} waits for nothing"
        return conditions.trigger

    @property
    def is_limit(self) -> bool:
        return self.command.type is LIMIT


class Links:
    """What an order does to others as it fills: it opens its exits, and its partner shrinks."""

    __slots__ = ("partner", "stop_loss", "take_profit")

    def __init__(self, partner: ConditionalOrder | Order | None = None) -> None:
        self.take_profit: ConditionalOrder | None = None
        self.stop_loss: ConditionalOrder | None = None
        self.partner = partner


def terms_of(
    command: PlaceOrder,
    *,
    order_id: OrderId,
    at_ns: int,
    lots: int | None,
) -> OrderTerms:
    """Return what is told of the order which `command` asks for."""
    terms = OrderTerms(
        order_id=order_id,
        account=command.account,
        market=command.market,
        side=command.side,
        type=command.type,
        price_ticks=command.price_ticks,
        lots=lots,
        quote_atoms=command.quote_atoms,
        time_in_force=command.time_in_force,
        self_trade_prevention=command.self_trade_prevention,
        post_only=command.post_only,
        reduce_only=command.reduce_only,
        client_id=command.client_id,
        created_at_ns=at_ns,
        conditions=command.conditions,
    )
    # Python calls with more names than these by a dictionary, which would cost each order 5 %.
    return replace(terms, actor=command.actor) if command.actor else terms


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
