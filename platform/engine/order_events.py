"""What has happened to orders, requests for quote, strategies and books; events as the others."""

from engine.events import Event
from engine.kinds import (
    OrderStatus,
    OrderTerms,
    QuoteEnd,
    QuoteTerms,
    RfqTerms,
    StrategyStatus,
    StrategyTerms,
)
from engine.rejects import ExpiryReason
from engine.units import OrderId
from engine.vocabulary import Side


class OrderPlaced(Event, frozen=True, kw_only=True):
    """Accepted. The quantities are those after all that happened in the same command."""

    terms: OrderTerms
    status: OrderStatus
    executed_lots: int
    executed_quote_atoms: int
    reason: ExpiryReason | None = None


class TriggerPlaced(Event, frozen=True, kw_only=True):
    """A conditional order was accepted: it waits. Of a share, `lots_open` is what it is now.

    `fires_above`: at its price and above; else at its price and below.
    """

    terms: OrderTerms
    lots_open: int
    fires_above: bool | None = None


class OrderTriggered(Event, frozen=True, kw_only=True):
    """A conditional order met its price and was placed; quantities as in OrderPlaced."""

    terms: OrderTerms
    status: OrderStatus
    executed_lots: int
    executed_quote_atoms: int
    at_ns: int
    reason: ExpiryReason | None = None


class TriggerFailed(Event, frozen=True, kw_only=True):
    """A conditional order met its price, but could not be placed, for `reason`."""

    terms: OrderTerms
    reason: ExpiryReason
    at_ns: int


class OrderFilled(Event, frozen=True, kw_only=True):
    """One order's side of a trade. Executed amounts include this fill.

    `fee_owed_atoms` is what of the fee could not be paid and is owed in the position.
    """

    terms: OrderTerms
    status: OrderStatus
    lots_open: int
    executed_lots: int
    executed_quote_atoms: int
    trade_id: int
    price_ticks: int
    lots: int
    quote_atoms: int
    fee_atoms: int
    fee_asset: str
    is_maker: bool
    at_ns: int
    fee_owed_atoms: int = 0


class OrderCancelled(Event, frozen=True, kw_only=True):
    terms: OrderTerms
    executed_lots: int
    executed_quote_atoms: int


class OrderExpired(Event, frozen=True, kw_only=True):
    terms: OrderTerms
    executed_lots: int
    executed_quote_atoms: int
    reason: ExpiryReason


class OrderModified(Event, frozen=True, kw_only=True):
    """An open order has another size: it shrank to what it can still reduce, or covers more."""

    terms: OrderTerms
    status: OrderStatus
    lots_open: int
    executed_lots: int
    executed_quote_atoms: int


class OrdersCancelled(Event, frozen=True, kw_only=True):
    """The answer to CancelAllOrders; each order's own OrderCancelled follows."""

    orders: tuple[OrderCancelled, ...]


class StrategyCreated(Event, frozen=True, kw_only=True):
    """A strategy runs; its first order follows with the next advance of time."""

    terms: StrategyTerms


class StrategyChanged(Event, frozen=True, kw_only=True):
    """How far a strategy has come, over all of its orders; once it has ended, the last of them.

    `reason` is why an order of it was refused, which terminates it.
    """

    terms: StrategyTerms
    status: StrategyStatus
    executed_lots: int
    executed_quote_atoms: int
    reason: ExpiryReason | None = None


class StrategiesCancelled(Event, frozen=True, kw_only=True):
    """The answer to CancelAllStrategies; each strategy's own StrategyChanged follows."""

    strategies: tuple[StrategyChanged, ...]


class RfqAnnounced(Event, frozen=True, kw_only=True):
    """What makers are told of a new or refreshed request: neither who asks nor which side."""

    rfq: int
    market: str
    lots: int | None
    quote_atoms: int | None
    submission_ns: int
    expires_ns: int


class RfqSubmitted(Event, frozen=True, kw_only=True):
    """A request for quote is open: makers may quote until `submission_ns`."""

    terms: RfqTerms
    submission_ns: int
    expires_ns: int


class RfqRefreshed(Event, frozen=True, kw_only=True):
    terms: RfqTerms
    submission_ns: int
    expires_ns: int


class RfqCancelled(Event, frozen=True, kw_only=True):
    terms: RfqTerms
    submission_ns: int
    expires_ns: int


class RfqExpired(Event, frozen=True, kw_only=True):
    """A request has ended by its time or, for `reason`, because it could not be filled at once."""

    terms: RfqTerms
    submission_ns: int
    expires_ns: int
    reason: ExpiryReason | None = None


class RfqFilled(Event, frozen=True, kw_only=True):
    """The requester's side of a trade with a quote, which happened off the book."""

    terms: RfqTerms
    submission_ns: int
    expires_ns: int
    quote: int
    price_ticks: int
    lots: int
    quote_atoms: int
    fee_atoms: int
    fee_asset: str
    at_ns: int
    fee_owed_atoms: int = 0


class QuoteSubmitted(Event, frozen=True, kw_only=True):
    """A quote stands, or was traded with at once. `rfq` is the request as its own account knows it.

    The price in `side_ticks` is the one for the requester's side.
    """

    terms: QuoteTerms
    status: OrderStatus
    rfq: RfqTerms
    side_ticks: int
    submission_ns: int
    expires_ns: int


class QuoteFilled(Event, frozen=True, kw_only=True):
    """The maker's side of a trade with its quote; `side` is the maker's."""

    terms: QuoteTerms
    side: Side
    price_ticks: int
    lots: int
    quote_atoms: int
    fee_atoms: int
    fee_asset: str
    at_ns: int
    fee_owed_atoms: int = 0


class QuoteCancelled(Event, frozen=True, kw_only=True):
    terms: QuoteTerms
    reason: QuoteEnd


class TradeExecuted(Event, frozen=True, kw_only=True):
    """A trade as the public sees it. Trade ids count from 1 in each market."""

    market: str
    trade_id: int
    price_ticks: int
    lots: int
    quote_atoms: int
    buyer_order: OrderId
    seller_order: OrderId
    buyer_is_maker: bool
    at_ns: int


class BookChanged(Event, frozen=True, kw_only=True):
    """Levels of one book after a command: (price_ticks, lots), 0 lots where a level is gone.

    `update_id` counts from 1 in each market, without gaps.
    """

    market: str
    update_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
