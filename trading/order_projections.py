"""Orders and their fills, as rows from the engine's events."""

import msgspec

from engine import order_events
from engine.kinds import OrderStatus, OrderTerms
from gateway.tables import Handlers, Rows, Table
from trading.models import OPEN_STATUSES, Fill, Order

# What an order asked for, which never changes, and how far it has come.
_TERMS = (
    "id",
    "account_id",
    "market",
    "side",
    "type",
    "price_ticks",
    "lots",
    "quote_atoms",
    "time_in_force",
    "self_trade_prevention",
    "post_only",
    "reduce_only",
    "client_id",
    "system",
    "conditions",
    "related_id",
    "strategy_id",
    "triggered_at",
    "created_at",
    "fires_above",
)
# Of these, a trigger which turns a share into lots changes two.
_LOTS, _TRIGGERED_AT = _TERMS.index("lots"), _TERMS.index("triggered_at")
_PROGRESS = (
    "status",
    "lots_open",
    "executed_lots",
    "executed_quote_atoms",
    "reason",
    "updated_sequence",
)
# Orders placed in this batch are new, all others exist: no row has to be looked for before it is
# written, which costs PostgreSQL a third less than one INSERT ... ON CONFLICT for both.
ORDERS = Table(Order, (*_TERMS, *_PROGRESS))
ORDER_CHANGES = Table(Order, ("id", *_PROGRESS), key=("id",), existing=True)
TRIGGERED = Table(Order, ("id", "lots", "triggered_at", *_PROGRESS), key=("id",), existing=True)
FILLS = Table(
    Fill,
    (
        *("sequence", "at", "order_id", "account_id", "market", "trade_id"),
        *("side", "is_maker"),
        *("price_ticks", "lots", "quote_atoms"),
        *("fee_atoms", "fee_asset", "fee_owed_atoms", "client_id"),
    ),
)


def order_placed(rows: Rows, event: order_events.OrderPlaced, sequence: int, at_ns: int) -> None:
    """Add the order as it stands after the whole command."""
    terms = event.terms
    open_lots = 0
    if event.status in OPEN_STATUSES:
        assert terms.lots is not None, "an order that rests has a quantity"
        open_lots = terms.lots - event.executed_lots
    progress = (
        event.status,
        open_lots,
        event.executed_lots,
        event.executed_quote_atoms,
        event.reason,
        sequence,
    )
    rows.notes["placed"] = terms.order_id
    rows.put(ORDERS, terms.order_id, (*_terms(terms), *progress))


def trigger_placed(
    rows: Rows, event: order_events.TriggerPlaced, sequence: int, at_ns: int
) -> None:
    """Add the order, which waits."""
    progress = (OrderStatus.TRIGGER_PENDING, event.lots_open, 0, 0, None, sequence)
    told = _terms(event.terms, fires_above=event.fires_above)
    rows.put(ORDERS, event.terms.order_id, (*told, *progress))


def order_triggered(
    rows: Rows, event: order_events.OrderTriggered, sequence: int, at_ns: int
) -> None:
    """Bring the order up to what it is after the whole command."""
    terms = event.terms
    assert terms.lots is not None, "an order is placed with a quantity"
    is_open = event.status in OPEN_STATUSES
    progress = (
        event.status,
        terms.lots - event.executed_lots if is_open else 0,
        event.executed_lots,
        event.executed_quote_atoms,
        event.reason,
        sequence,
    )
    rows.notes["placed"] = terms.order_id
    _trigger(rows, terms, at_ns=event.at_ns, progress=progress)


def trigger_failed(
    rows: Rows, event: order_events.TriggerFailed, sequence: int, at_ns: int
) -> None:
    """Close the order and say why it could not be placed."""
    progress = (OrderStatus.TRIGGER_FAILED, 0, 0, 0, event.reason, sequence)
    _trigger(rows, event.terms, at_ns=event.at_ns, progress=progress)


def _trigger(rows: Rows, terms: OrderTerms, *, at_ns: int, progress: tuple[object, ...]) -> None:
    order_id = terms.order_id
    placed = rows.found(ORDERS, order_id)
    if placed is None:
        # One statement writes one row once.
        rows.drop(ORDER_CHANGES, order_id)
        rows.put(TRIGGERED, order_id, (order_id, terms.lots, at_ns, *progress))
        return
    told = list(placed[: len(_TERMS)])
    told[_LOTS], told[_TRIGGERED_AT] = terms.lots, at_ns
    rows.put(ORDERS, order_id, (*told, *progress))


def _terms(terms: OrderTerms, *, fires_above: bool | None = None) -> tuple[object, ...]:
    conditions = terms.conditions
    return (
        terms.order_id,
        terms.account,
        terms.market,
        terms.side,
        terms.type,
        terms.price_ticks,
        terms.lots,
        terms.quote_atoms,
        terms.time_in_force,
        terms.self_trade_prevention,
        terms.post_only,
        terms.reduce_only,
        terms.client_id,
        terms.system,
        None if conditions is None else msgspec.json.encode(conditions).decode(),
        terms.related,
        terms.strategy,
        None,
        terms.created_at_ns,
        fires_above,
    )


def order_filled(rows: Rows, event: order_events.OrderFilled, sequence: int, at_ns: int) -> None:
    """Append the fill, and bring its order up to it."""
    terms = event.terms
    rows.add(
        FILLS,
        (
            sequence,
            event.at_ns,
            terms.order_id,
            terms.account,
            terms.market,
            event.trade_id,
            terms.side,
            event.is_maker,
            event.price_ticks,
            event.lots,
            event.quote_atoms,
            event.fee_atoms,
            event.fee_asset,
            event.fee_owed_atoms,
            terms.client_id,
        ),
    )
    if rows.notes.get("placed") == terms.order_id:
        placed = rows.found(ORDERS, terms.order_id) or rows.found(TRIGGERED, terms.order_id)
        if placed is not None and placed[-1] == sequence:
            # OrderPlaced or OrderTriggered came first and says what holds after all fills.
            return
    progress = (
        event.status,
        event.lots_open,
        event.executed_lots,
        event.executed_quote_atoms,
        None,
        sequence,
    )
    _change_order(rows, terms, progress)


def order_cancelled(
    rows: Rows, event: order_events.OrderCancelled, sequence: int, at_ns: int
) -> None:
    """Close the order."""
    done = (event.executed_lots, event.executed_quote_atoms)
    _change_order(rows, event.terms, (OrderStatus.CANCELLED, 0, *done, None, sequence))


def order_expired(rows: Rows, event: order_events.OrderExpired, sequence: int, at_ns: int) -> None:
    """Close the order and say why the engine ended it."""
    done = (event.executed_lots, event.executed_quote_atoms)
    _change_order(rows, event.terms, (OrderStatus.EXPIRED, 0, *done, event.reason, sequence))


def order_modified(
    rows: Rows, event: order_events.OrderModified, sequence: int, at_ns: int
) -> None:
    """Resize the order to what it can still reduce, or to what it is to close."""
    done = (event.executed_lots, event.executed_quote_atoms)
    _change_order(rows, event.terms, (event.status, event.lots_open, *done, None, sequence))


def _change_order(rows: Rows, terms: OrderTerms, progress: tuple[object, ...]) -> None:
    placed = rows.found(ORDERS, terms.order_id)
    if placed is not None:
        rows.put(ORDERS, terms.order_id, (*placed[: len(_TERMS)], *progress))
        return
    triggered = rows.found(TRIGGERED, terms.order_id)
    if triggered is not None:
        rows.put(TRIGGERED, terms.order_id, (*triggered[:3], *progress))
        return
    rows.put(ORDER_CHANGES, terms.order_id, (terms.order_id, *progress))


HANDLERS: Handlers = {
    order_events.OrderPlaced: order_placed,
    order_events.TriggerPlaced: trigger_placed,
    order_events.OrderTriggered: order_triggered,
    order_events.TriggerFailed: trigger_failed,
    order_events.OrderFilled: order_filled,
    order_events.OrderCancelled: order_cancelled,
    order_events.OrderExpired: order_expired,
    order_events.OrderModified: order_modified,
}
