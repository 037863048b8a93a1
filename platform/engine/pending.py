"""Orders that wait for a price: placed, found when it is met, resized with what they close, ended.

Exits (take-profit, stop-loss) belong to a position of a perpetual: they are reduce-only, grow as
their parent opens it, end when it closes, and of two partners what one fills the other loses.
"""

import msgspec

from engine import resting
from engine.book import ConditionalOrder, Links, Order, terms_of
from engine.catalog import MarketState
from engine.commands import PlaceOrder
from engine.kinds import OrderStatus, OrderTerms
from engine.listed_market import ListedMarket
from engine.order_events import OrderCancelled, OrderExpired, OrderModified, TriggerPlaced
from engine.rejects import ExpiryReason
from engine.schedule import Work
from engine.state import Account, State
from engine.units import PPB, OrderId, div_ceil
from engine.vocabulary import REJECT_MAKER, Conditions, Exit, OrderType, Side, Trigger, TriggerBy


def wait(
    state: State, account: Account, listed: ListedMarket, order: ConditionalOrder
) -> TriggerPlaced:
    """Have an order wait for its price; return the event, which the caller tells."""
    terms = order.terms
    state.triggers[terms.order_id] = account.triggers[terms.order_id] = order
    if terms.client_id is not None:
        account.client_ids[terms.client_id] = order
    listed.watch.add(order)
    return TriggerPlaced(terms=terms, lots_open=order.lots_open, fires_above=order.fires_above)


def watch_again(listed: ListedMarket, order: ConditionalOrder) -> None:
    """Have an order whose price was met, but which may not be placed now, wait on."""
    order.is_due = False
    listed.watch.add(order)


def drop(state: State, listed: ListedMarket, order: ConditionalOrder) -> None:
    """Take an order out of all that knows it."""
    terms = order.terms
    account = state.accounts[terms.account]
    del state.triggers[terms.order_id]
    del account.triggers[terms.order_id]
    if terms.client_id is not None:
        del account.client_ids[terms.client_id]
    if not order.is_due:
        listed.watch.remove(order)


def cancel(state: State, listed: ListedMarket, order: ConditionalOrder) -> OrderCancelled:
    """End a waiting order for its owner, and return the event; the caller records it."""
    drop(state, listed, order)
    return OrderCancelled(terms=order.terms, executed_lots=0, executed_quote_atoms=0)


def expire_orphans(state: State, account: Account, listed: ListedMarket) -> None:
    """End the reduce-only orders that wait in a market and close nothing, for a position closed."""
    lots = account.positions[listed.market.symbol].lots
    for order in list(account.triggers.values()):
        command = order.command
        if command.market != listed.market.symbol or not command.reduce_only:
            continue
        if lots < 0 if order.is_bid else lots > 0:
            continue
        drop(state, listed, order)
        state.record.events.append(
            OrderExpired(
                terms=order.terms,
                executed_lots=0,
                executed_quote_atoms=0,
                reason=ExpiryReason.STOP_WITHOUT_POSITION,
            )
        )


def note_index(state: State, listed: ListedMarket) -> None:
    """Enter into the schedule what the index and the mark have met."""
    if listed.state not in (MarketState.OPEN, MarketState.LIMIT_ONLY) or listed.auction_ns:
        return
    tick = listed.market.tick_e8
    for by in (TriggerBy.MARK, TriggerBy.INDEX):
        if listed.watch.watches(by):
            reference = (
                state.index_e8(listed) if by is TriggerBy.INDEX else state.reference_e8(listed)
            )
            met = listed.watch.take_met(
                by, highest=reference // tick, lowest=div_ceil(reference, tick)
            )
            _enter_due(state, met)


def note_last(state: State, listed: ListedMarket) -> None:
    """Enter into the schedule what the last price has met, unless it is far from the mark."""
    market, last = listed.market, listed.book.last_price
    assert last is not None, f"{market.symbol} has not traded"
    reference, price = state.reference_e8(listed), last * market.tick_e8
    if abs(price - reference) * PPB > market.trigger_band_ppb * reference:
        return
    _enter_due(state, listed.watch.take_met(TriggerBy.LAST, highest=last, lowest=last))


def _enter_due(state: State, met: list[OrderId]) -> None:
    for order_id in met:
        state.triggers[order_id].is_due = True
        state.schedule.add(state.at_ns, Work.TRIGGER, order_id)


def alive(state: State, linked: ConditionalOrder | Order | None) -> ConditionalOrder | Order | None:
    """Return a linked order, unless it has ended or is another form by now: both have one id."""
    if linked is None:
        return None
    order_id = linked.terms.order_id
    known = state.triggers.get(order_id) or state.orders.get(order_id)
    return linked if known is linked else None


def follow_fill(
    state: State, account: Account, listed: ListedMarket, order: Order, *, lots: int, opened: int
) -> None:
    """After a fill of `lots`, of which `opened` increased the position: shrink the partner of an
    exit, grow the exits of a parent."""
    links = order.links
    assert links is not None, f"order {order.terms.order_id} has no links"
    partner = alive(state, links.partner)
    if partner is not None:
        _lose(state, listed, partner, lots)
    conditions = order.terms.conditions
    if not opened or conditions is None:
        return
    if conditions.take_profit is not None:
        links.take_profit = _grow(
            state, account, listed, order, links.take_profit, (conditions.take_profit, opened)
        )
    if conditions.stop_loss is not None:
        links.stop_loss = _grow(
            state, account, listed, order, links.stop_loss, (conditions.stop_loss, opened)
        )
    if links.take_profit is not None and links.stop_loss is not None:
        links.take_profit.partner = links.stop_loss
        links.stop_loss.partner = links.take_profit


def _lose(state: State, listed: ListedMarket, partner: ConditionalOrder | Order, lots: int) -> None:
    """Take from an exit what its partner has closed; end it if that is all."""
    record = state.record.events
    if isinstance(partner, Order):
        if lots < partner.lots_open:
            resting.shrink(state, listed, partner, lots)
        else:
            record.append(resting.cancel(state, listed, partner))
        return
    if lots < partner.lots_open:
        _resize(state, partner, -lots)
    else:
        record.append(cancel(state, listed, partner))


def _grow(
    state: State,
    account: Account,
    listed: ListedMarket,
    parent: Order,
    waiting: ConditionalOrder | None,
    grown: tuple[Exit, int],
) -> ConditionalOrder:
    """Have an exit close `lots` more; the first time, or when it is gone, place it."""
    exit_, lots = grown
    if waiting is not None and waiting.terms.order_id in state.triggers:
        _resize(state, waiting, lots)
        return waiting
    order_id = OrderId(state.next_order_id)
    state.next_order_id += 1
    terms = parent.terms
    command = PlaceOrder(
        account=account.account_id,
        market=terms.market,
        side=Side.ASK if parent.is_bid else Side.BID,
        type=OrderType.MARKET if exit_.limit_ticks is None else OrderType.LIMIT,
        price_ticks=exit_.limit_ticks,
        lots=lots,
        # What protects a position is not stopped by an order of its owner's that stands in its way.
        self_trade_prevention=REJECT_MAKER,
        reduce_only=True,
        conditions=Conditions(trigger=Trigger(exit_.price_ticks, exit_.by)),
        actor=terms.actor,
    )
    takes_profit = terms.conditions is not None and exit_ is terms.conditions.take_profit
    order = ConditionalOrder(
        msgspec.structs.replace(
            terms_of(command, order_id=order_id, at_ns=state.at_ns, lots=lots),
            related=terms.order_id,
        ),
        command,
        owner=account.owner,
        # A long takes profit above and stops its loss below; a short the other way.
        fires_above=parent.is_bid == takes_profit,
    )
    state.record.events.append(wait(state, account, listed, order))
    return order


def _resize(state: State, order: ConditionalOrder, lots: int) -> None:
    order.lots_open += lots
    state.record.events.append(
        OrderModified(
            terms=order.terms,
            status=OrderStatus.TRIGGER_PENDING,
            lots_open=order.lots_open,
            executed_lots=0,
            executed_quote_atoms=0,
        )
    )


def links_of(terms: OrderTerms, partner: ConditionalOrder | Order | None = None) -> Links | None:
    """Return the links which an order with these terms needs; most need none."""
    conditions = terms.conditions
    exits = conditions is not None and (conditions.take_profit or conditions.stop_loss)
    return Links(partner) if exits or partner is not None else None
