"""What happens when the price of a waiting order was met: it is checked again, and placed."""

import msgspec

from engine import orders, pending, resting
from engine.answers import rejected
from engine.book import ConditionalOrder, Order
from engine.catalog import OPEN, MarketState
from engine.commands import PlaceOrder
from engine.conditional import share_of
from engine.events import CommandRejected
from engine.intake import intake_refusal
from engine.listed_market import ListedMarket
from engine.order_events import OrderPlaced, OrderTriggered, TriggerFailed
from engine.orders import Origin
from engine.reasons import reason_of
from engine.rejects import ExpiryReason, Reject
from engine.state import Account, State
from engine.units import OrderId


def fire(state: State, order_id: int) -> None:
    """Place an order whose price was met, if it still waits; what became of it is recorded."""
    order = state.triggers.get(OrderId(order_id))
    if order is None:
        return
    account, listed = state.accounts[order.terms.account], state.markets[order.terms.market]
    if not _may_fire(listed, order):
        pending.watch_again(listed, order)
        return
    pending.drop(state, listed, order)
    told = state.record.events
    partner = pending.alive(state, order.partner)
    if isinstance(partner, Order):
        # Both exits were met: the later one is what its owner wants now.
        told.append(resting.cancel(state, listed, partner))
        partner = None
    first = len(told)
    command = _command(account, listed, order)
    if command is None:
        answer = rejected(Reject.REDUCE_ONLY_NOT_REDUCED, "there is no position left")
    else:
        origin = Origin(terms=order.terms, partner=partner)
        answer = intake_refusal(state, account, listed, command) or orders.enter(
            state, account, listed, command, origin
        )
    placed = answer[0]
    if isinstance(placed, CommandRejected):
        told.append(TriggerFailed(terms=order.terms, reason=_reason(placed), at_ns=state.at_ns))
        return
    assert isinstance(placed, OrderPlaced), f"{placed} answers no order"
    if isinstance(partner, ConditionalOrder):
        partner.partner = state.orders.get(placed.terms.order_id)
    # That it was placed is told before its fills.
    told.insert(
        first,
        OrderTriggered(
            terms=placed.terms,
            status=placed.status,
            executed_lots=placed.executed_lots,
            executed_quote_atoms=placed.executed_quote_atoms,
            at_ns=state.at_ns,
            reason=placed.reason,
        ),
    )


def _may_fire(listed: ListedMarket, order: ConditionalOrder) -> bool:
    if listed.state is OPEN:
        return True
    if listed.auction_ns:
        return False
    return listed.state is MarketState.LIMIT_ONLY and order.is_limit


def _command(account: Account, listed: ListedMarket, order: ConditionalOrder) -> PlaceOrder | None:
    """Return what is placed now; None if it was to close a position which is not there."""
    command, trigger, lots = order.command, order.trigger, order.lots_open
    if trigger.share_ppb is not None:
        lots = share_of(account, listed, trigger.share_ppb)
        if not lots:
            return None
    conditions = command.conditions
    assert conditions is not None, f"order {order.terms.order_id} waits for nothing"
    rest = msgspec.structs.replace(conditions, trigger=None)
    return msgspec.structs.replace(command, lots=lots, conditions=rest)


def _reason(refused: CommandRejected) -> ExpiryReason:
    if refused.code is Reject.REDUCE_ONLY_NOT_REDUCED:
        return ExpiryReason.STOP_WITHOUT_POSITION
    return reason_of(refused.code)
