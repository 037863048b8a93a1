"""A perpetual position, kept as two signed numbers: lots and quote.

    trade of q lots at price P:  lots += q;  quote −= q × P        (mirrored for the other side)
    unrealized profit at mark:   lots × mark + quote

Per market Σ lots = 0, and the quotes mirror what the market's clearing account has settled.
Settlement and funding move quote against it; lots and the entry price shown stay.

A position also keeps the sums of the account's open orders, so that margin never rescans orders.
"""

from bisect import bisect_left, insort

from engine.book import Order
from engine.units import AccountId, OrderId


class OpenSide:
    """The sums of one side's resting orders which could increase risk: lots, and lots by price."""

    __slots__ = ("by_price", "lots", "prices")

    def __init__(self) -> None:
        self.lots = 0
        self.prices: list[int] = []
        self.by_price: dict[int, int] = {}

    def add(self, price_ticks: int, lots: int) -> None:
        self.lots += lots
        if price_ticks in self.by_price:
            self.by_price[price_ticks] += lots
        else:
            self.by_price[price_ticks] = lots
            insort(self.prices, price_ticks)

    def remove(self, price_ticks: int, lots: int) -> None:
        self.lots -= lots
        left = self.by_price[price_ticks] - lots
        if left:
            assert left > 0, f"open side at {price_ticks} below zero"
            self.by_price[price_ticks] = left
        else:
            del self.by_price[price_ticks]
            del self.prices[bisect_left(self.prices, price_ticks)]


class Position:
    """One account's position and open orders in one perpetual market."""

    __slots__ = (
        "account_id",
        "asks",
        "bids",
        "closed_lots",
        "closed_quote",
        "due",
        "entry_quote",
        "fees",
        "funded_hour",
        "funding",
        "funding_due",
        "interest",
        "interest_ray",
        "lots",
        "market",
        "opened_at_ns",
        "order_ticks",
        "part",
        "position_id",
        "posted_hour",
        "quote",
        "realized",
        "reduce_lots",
        "reduce_orders",
        "sample",
        "stale",
    )

    def __init__(self, account_id: AccountId, market: str, stale: dict[object, None]) -> None:
        self.account_id = account_id
        # Where margin looks for what changed since it last asked, and what it found then;
        # see margin.standing.
        self.stale = stale
        self.part = (0, 0)
        self.market = market
        self.lots = 0
        self.quote = 0
        # The cost of what is open, at the trader's own prices; signed as lots.
        self.entry_quote = 0
        self.realized = 0
        self.fees = 0
        # What has been closed since the position was opened, and what for; both without a sign.
        self.closed_lots = 0
        self.closed_quote = 0
        # What reducing the position and funding have realized, until it is settled.
        self.due = 0
        # What it has got of funding (negative: paid) since it was opened, and the part of it that
        # is not settled; the last hour of which it has paid or got its funding.
        self.funding = 0
        self.funding_due = 0
        self.funded_hour = 0
        # The profit (scaled as a lend) or loss (negative, scaled as a debt) that bears interest
        # until the market's next cycle; the interest not yet posted, in atoms × ray; what was
        # posted since the position was opened; the hour of the last posting.
        self.sample = 0
        self.interest_ray = 0
        self.interest = 0
        self.posted_hour = 0
        self.position_id = 0
        self.opened_at_ns = 0
        self.bids = OpenSide()
        self.asks = OpenSide()
        # Σ open lots × limit price in ticks, of both sides, for the fee reserve.
        self.order_ticks = 0
        # Resting reduce-only orders, oldest first; all are on the closing side.
        self.reduce_orders: dict[OrderId, Order] = {}
        self.reduce_lots = 0

    @property
    def idle(self) -> bool:
        return not (
            self.lots or self.quote or self.bids.lots or self.asks.lots or self.reduce_orders
        )

    def worst_lots(self) -> int:
        """Return the largest size, either way, that open orders could make of the position."""
        longest, shortest = self.lots + self.bids.lots, self.asks.lots - self.lots
        return longest if longest > shortest else shortest

    def trade(self, lots: int, quote_atoms: int, *, position_id: int, at_ns: int) -> None:
        """Add `lots` (negative: sold) for `quote_atoms` ≥ 0, keeping entry, realized and due.

        Due is counted from the mark at which profit was last realized whole, not from the entry:
        what was paid then is not due again. A trade may close the position, but not turn it.
        """
        self.stale[self] = None
        before = self.lots
        cost = quote_atoms if lots > 0 else -quote_atoms
        # What the open lots have cost, as far as it is not settled.
        basis = self.due - self.quote
        self.lots += lots
        self.quote -= cost
        if before == 0:
            self.due -= basis
            self._open(position_id, at_ns, cost)
        elif (before > 0) == (lots > 0):
            self.entry_quote += cost
        else:
            assert abs(lots) <= abs(before), f"{lots} lots turn a position of {before}"
            # The closed part leaves at its share of the cost, rounded towards zero profit shown.
            part = self.entry_quote * abs(lots) // abs(before)
            self.realized -= part + cost
            self.due -= basis * abs(lots) // abs(before) + cost
            self.entry_quote -= part
            self.closed_lots += abs(lots)
            self.closed_quote += quote_atoms

    def add_order(self, order: Order, lots: int) -> None:
        """Count `lots` of a resting order (negative: fewer of them) into the sums."""
        self.stale[self] = None
        price = order.price
        if order.terms.reduce_only:
            self.reduce_lots += lots
            if order.lots_open:
                self.reduce_orders[order.terms.order_id] = order
            else:
                del self.reduce_orders[order.terms.order_id]
            return
        self.order_ticks += lots * price
        side = self.bids if order.is_bid else self.asks
        if lots > 0:
            side.add(price, lots)
        else:
            side.remove(price, -lots)

    def move_quote(self, amount_atoms: int) -> None:
        """Settle `amount_atoms` into the position's quote; negative takes from it."""
        self.stale[self] = None
        self.quote += amount_atoms

    def fund(self, amount_atoms: int) -> None:
        """Take funding of `amount_atoms` into the quote; negative pays. It is realized at once."""
        self.move_quote(amount_atoms)
        self.funding += amount_atoms
        self.funding_due += amount_atoms
        self.due += amount_atoms

    def _open(self, position_id: int, at_ns: int, cost: int) -> None:
        self.position_id = position_id
        self.opened_at_ns = at_ns
        self.entry_quote = cost
        self.realized = 0
        self.fees = 0
        self.interest = 0
        self.funding = 0
        self.closed_lots = 0
        self.closed_quote = 0
