"""Handlers of orders: place, cancel, cancel all."""

from typing import NamedTuple

import msgspec

from engine import matching, pending, resting
from engine.answers import Events, rejected
from engine.book import ConditionalOrder, Order, terms_of
from engine.commands import CancelAllOrders, CancelOrder, PlaceOrder
from engine.conditional import exits_refusal, place_trigger
from engine.cover import perp_refusal, reserve
from engine.events import CommandRejected, Event
from engine.intake import intake_refusal, lots_bound, market_price, reach_of, too_small
from engine.kinds import (
    FILLED,
    NEW,
    PARTIALLY_FILLED,
    OrderStatus,
    OrderTerms,
)
from engine.listed_market import ListedMarket
from engine.matching import Sweep
from engine.order_events import OrderCancelled, OrderExpired, OrderPlaced, OrdersCancelled
from engine.rejects import ExpiryReason, Reject
from engine.state import Account, State
from engine.units import OrderId
from engine.vocabulary import FOK, GTC, LIMIT, REJECT_MAKER, REJECT_TAKER, CancelKind


class Origin(NamedTuple):
    """Whence an order comes that was not placed by a command of its own.

    Of one with an id of its own, `terms` are what was told of it before.
    """

    terms: OrderTerms | None = None
    partner: ConditionalOrder | Order | None = None
    strategy: int | None = None


def place_order(state: State, command: PlaceOrder) -> Events:
    """Take what the book offers at the price or better, and rest with what is left; or wait."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    listed = state.markets.get(command.market)
    if listed is None:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    conditions = command.conditions
    if conditions is not None and conditions.trigger is not None:
        return place_trigger(state, account, listed, command)
    refusal = intake_refusal(state, account, listed, command)
    if not refusal and conditions is not None:
        refusal = exits_refusal(state, account, listed, command)
    return refusal or enter(state, account, listed, command)


def enter(
    state: State,
    account: Account,
    listed: ListedMarket,
    command: PlaceOrder,
    origin: Origin | None = None,
) -> Events:
    """Trade or rest an order that has passed intake. Refused, it leaves nothing behind."""
    price, lots = command.price_ticks, command.lots
    if price is None or lots is None or command.reduce_only:
        bounded = _bounded_order(state, account, listed, command, origin)
        if not isinstance(bounded, Order):
            return bounded
        order = bounded
    else:
        order = order_of(state, account, command, price=price, lots=lots, origin=origin)
    rests = command.type is LIMIT and command.time_in_force is GTC
    crosses = listed.book.crosses(order.price, is_bid=order.is_bid)
    if rests and not crosses:
        answer = _accept_maker(state, account, listed, order)
    elif listed.auction_ns:
        answer = _accept_for_auction(state, account, listed, order)
    else:
        answer = _accept_taker(state, account, listed, order, rests=rests, crosses=crosses)
    if type(answer[0]) is CommandRejected and (origin is None or origin.terms is None):
        state.next_order_id = OrderId(state.next_order_id - 1)
    return answer


def _bounded_order(
    state: State,
    account: Account,
    listed: ListedMarket,
    command: PlaceOrder,
    origin: Origin | None,
) -> Order | Events:
    """Return the order with the worst price it may get and its lots, or the answer without one."""
    price, lots, slips = command.price_ticks, command.lots, False
    if price is None:
        found = market_price(state, listed, command, owner=account.owner)
        if found is None:
            order = order_of(state, account, command, price=0, lots=0, origin=origin)
            return _expired_at_once(state, order, ExpiryReason.INSUFFICIENT_LIQUIDITY)
        price, slips = found
    if lots is None or command.reduce_only:
        lots = lots_bound(account, listed, command, price=price)
        if lots <= 0 and command.reduce_only:
            return rejected(
                Reject.REDUCE_ONLY_NOT_REDUCED, "there is no position left for it to reduce"
            )
        if lots < listed.market.min_lots and not command.reduce_only:
            return too_small(listed)
    order = order_of(state, account, command, price=price, lots=lots, origin=origin)
    order.slips = slips
    return order


def _accept_maker(state: State, account: Account, listed: ListedMarket, order: Order) -> Events:
    """Rest an order that meets nothing, or refuse it if it is not covered."""
    cover = perp_refusal if listed.is_perp else reserve
    refusal = cover(state, account, listed, order, taken=None, resting=order.lots_open)
    if refusal:
        return refusal
    resting.rest(state, account, listed, order)
    return (OrderPlaced(terms=order.terms, status=NEW, executed_lots=0, executed_quote_atoms=0),)


def _accept_for_auction(
    state: State, account: Account, listed: ListedMarket, order: Order
) -> Events:
    """Rest an order across the book until the auction ends, unless it would trade with an own one.

    Self-trade prevention is asked now, once: no two orders of one owner cross in the book.
    """
    terms = order.terms
    if terms.post_only:
        return _expired_at_once(state, order, ExpiryReason.POST_ONLY_TAKER)
    own = matching.own_across(listed, order)
    prevention = terms.self_trade_prevention
    if own and prevention is REJECT_TAKER:
        return _expired_at_once(state, order, ExpiryReason.SELF_TRADE_PREVENTION)
    if own and prevention is not REJECT_MAKER:
        for maker in own:
            resting.expire(state, listed, maker, ExpiryReason.SELF_TRADE_PREVENTION)
        return _expired_at_once(state, order, ExpiryReason.SELF_TRADE_PREVENTION)
    answer = _accept_maker(state, account, listed, order)
    if type(answer[0]) is not CommandRejected:
        for maker in own:
            resting.expire(state, listed, maker, ExpiryReason.SELF_TRADE_PREVENTION)
    return answer


def _accept_taker(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    rests: bool,
    crosses: bool,
) -> Events:
    """Expire an order that may not trade at all, refuse one that is not covered, or trade it."""
    terms = order.terms
    if terms.post_only and crosses:
        return _expired_at_once(state, order, ExpiryReason.POST_ONLY_TAKER)
    if terms.type is LIMIT:
        # A market order's price is that already.
        order.reach = reach_of(state, listed, order)
    taken = matching.sweep(state, listed, order) if crosses else matching.NOTHING
    if terms.time_in_force is FOK and not _fills_whole(order, taken, listed):
        return _expired_at_once(state, order, ExpiryReason.FILL_OR_KILL)
    resting_lots = order.lots_open - taken.lots if rests and not taken.stopped else 0
    cover = perp_refusal if listed.is_perp else reserve
    refusal = cover(state, account, listed, order, taken=taken, resting=resting_lots)
    if refusal:
        return refusal
    # Past this line the order must succeed.
    reason = matching.match(state, account, listed, order) if crosses else None
    return finish(state, account, listed, order, reason=reason, rests=rests)


def order_of(
    state: State,
    account: Account,
    command: PlaceOrder,
    *,
    price: int,
    lots: int,
    origin: Origin | None = None,
) -> Order:
    """Return the order which a command asks for, at the worst price it may get."""
    told = lots if command.reduce_only else command.lots
    if origin is not None and origin.terms is not None:
        terms = msgspec.structs.replace(origin.terms, lots=told)
    else:
        order_id = OrderId(state.next_order_id)
        state.next_order_id += 1
        terms = terms_of(command, order_id=order_id, at_ns=state.at_ns, lots=told)
        if origin is not None:
            terms = msgspec.structs.replace(terms, strategy=origin.strategy)
    order = Order(terms, owner=account.owner, price=price, lots_open=lots)
    order.flags = (command.auto_borrow_repay, command.auto_lend)
    order.may_redeem = command.auto_lend_redeem
    order.may_borrow = command.auto_borrow
    if terms.conditions is not None or origin is not None:
        order.links = pending.links_of(terms, origin.partner if origin is not None else None)
    return order


def _fills_whole(order: Order, taken: Sweep, listed: ListedMarket) -> bool:
    if taken.stopped:
        return False
    budget = order.terms.quote_atoms
    if budget is None:
        return taken.lots == order.lots_open
    return taken.lots > 0 and budget - taken.quote_atoms < (
        order.price * listed.quote_atoms_per_tick
    )


def _expired_at_once(state: State, order: Order, reason: ExpiryReason) -> Events:
    state.record.events.append(
        OrderExpired(terms=order.terms, executed_lots=0, executed_quote_atoms=0, reason=reason)
    )
    return (
        OrderPlaced(
            terms=order.terms,
            status=OrderStatus.EXPIRED,
            executed_lots=0,
            executed_quote_atoms=0,
            reason=reason,
        ),
    )


def finish(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    reason: ExpiryReason | None,
    rests: bool,
) -> Events:
    """Rest or expire what is left, and answer with the order as it now stands."""
    if reason is None and order.lots_open and not rests:
        reason = _why_unfilled(listed, order)
    if reason is None and not order.executed_lots and not order.lots_open:
        # A quote quantity that does not buy one lot at the price it met.
        reason = ExpiryReason.INSUFFICIENT_LIQUIDITY
    if reason is not None:
        order.lots_open = 0
    if not listed.is_perp:
        keep = resting.reserve_of(listed, order)
        resting.release(state, account, listed, order, keep=keep)
    if reason is not None:
        status = OrderStatus.EXPIRED
        state.record.events.append(
            OrderExpired(
                terms=order.terms,
                executed_lots=order.executed_lots,
                executed_quote_atoms=order.executed_quote,
                reason=reason,
            )
        )
    elif order.lots_open:
        status = PARTIALLY_FILLED if order.executed_lots else NEW
        if listed.is_perp:
            state.position(account, listed).add_order(order, order.lots_open)
        resting.rest(state, account, listed, order)
    else:
        status = FILLED
    return (
        OrderPlaced(
            terms=order.terms,
            status=status,
            executed_lots=order.executed_lots,
            executed_quote_atoms=order.executed_quote,
            reason=reason,
        ),
    )


def _why_unfilled(listed: ListedMarket, order: Order) -> ExpiryReason:
    """Return why an order which does not rest is left with something."""
    if order.terms.type is LIMIT:
        return ExpiryReason.IMMEDIATE_OR_CANCEL
    if listed.book.side(not order.is_bid).best() is None:
        return ExpiryReason.INSUFFICIENT_LIQUIDITY
    if order.slips:
        return ExpiryReason.SLIPPAGE_TOLERANCE_EXCEEDED
    return ExpiryReason.PRICE_IMPACT


def cancel_order(state: State, command: CancelOrder) -> Events:
    """Cancel one open order of the account; another account's order is unknown to it."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if (command.order_id is None) == (command.client_id is None):
        return rejected(Reject.INVALID_ORDER, "name the order by its id or by its client id")
    order: Order | ConditionalOrder | None
    if command.order_id is not None:
        order = account.orders.get(command.order_id) or account.triggers.get(command.order_id)
    else:
        assert command.client_id is not None
        order = account.client_ids.get(command.client_id)
    if order is None or order.terms.market != command.market:
        return rejected(Reject.UNKNOWN_ORDER, "there is no such open order in this market")
    return (_cancel(state, order),)


def cancel_all_orders(state: State, command: CancelAllOrders) -> Events:
    """Cancel all open orders of the account: those at rest, then those that wait, as they came."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.market is not None and command.market not in state.markets:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    chosen: list[Order | ConditionalOrder] = []
    if command.kind is not CancelKind.CONDITIONAL:
        chosen += account.orders.values()
    if command.kind is not CancelKind.RESTING:
        chosen += account.triggers.values()
    cancelled = tuple(
        _cancel(state, order)
        for order in chosen
        if command.market is None or order.terms.market == command.market
    )
    answer: tuple[Event, ...] = (OrdersCancelled(orders=cancelled),)
    return answer + cancelled


def _cancel(state: State, order: Order | ConditionalOrder) -> OrderCancelled:
    listed = state.markets[order.terms.market]
    if isinstance(order, Order):
        return resting.cancel(state, listed, order)
    return pending.cancel(state, listed, order)
