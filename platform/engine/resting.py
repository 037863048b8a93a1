"""Orders at rest: into the book, out of it, and what they hold meanwhile."""

from engine import funds
from engine.allowances import note_open
from engine.book import Order
from engine.kinds import OrderStatus
from engine.listed_market import ListedMarket
from engine.order_events import OrderCancelled, OrderExpired, OrderModified
from engine.rejects import ExpiryReason
from engine.state import Account, State


def paying_asset(listed: ListedMarket, *, is_bid: bool) -> str:
    return listed.market.quote if is_bid else listed.market.base


def cost_of(listed: ListedMarket, order: Order, lots: int, price: int) -> int:
    """Return what a spot order pays for `lots`: quote atoms for a bid, base atoms for an ask."""
    return listed.quote_atoms(price, lots) if order.is_bid else listed.base_atoms(lots)


def reserve_of(listed: ListedMarket, order: Order) -> int:
    """Return what a spot order must hold or be able to borrow for its open lots, in atoms."""
    return cost_of(listed, order, order.lots_open, order.price)


def rest(state: State, account: Account, listed: ListedMarket, order: Order) -> None:
    """Put what is left of an order into the book. The caller has counted it in the position."""
    book = listed.book
    (book.bids if order.is_bid else book.asks).add(order)
    terms = order.terms
    state.orders[terms.order_id] = account.orders[terms.order_id] = order
    if terms.actor:
        note_open(account, listed, order, order.lots_open)
    if terms.client_id is not None:
        account.client_ids[terms.client_id] = order


def forget(state: State, account: Account, order: Order) -> None:
    """Drop an order that has ended from the indexes."""
    terms = order.terms
    del state.orders[terms.order_id]
    del account.orders[terms.order_id]
    if terms.client_id is not None:
        del account.client_ids[terms.client_id]


def lessen_borrow(account: Account, order: Order, asset: str, amount: int) -> None:
    """Take `amount` off what the order would still borrow."""
    account.standing.stale[account.holdings[asset]] = None
    order.borrow -= amount
    left = account.pending_borrow[asset] - amount
    assert order.borrow >= 0 <= left, f"order {order.terms.order_id} borrows more than reserved"
    if left:
        account.pending_borrow[asset] = left
    else:
        del account.pending_borrow[asset]


def release(state: State, account: Account, listed: ListedMarket, order: Order, keep: int) -> None:
    """Free what a spot order holds beyond `keep` atoms: borrowing first, then its own money."""
    freed = order.locked + order.borrow - keep
    assert freed >= 0, f"order {order.terms.order_id} holds too little"
    asset = paying_asset(listed, is_bid=order.is_bid)
    if freed and order.borrow:
        unborrowed = min(freed, order.borrow)
        lessen_borrow(account, order, asset, unborrowed)
        freed -= unborrowed
    if freed:
        order.locked -= freed
        funds.unlock(state, account, account.holding(asset), freed)
    if keep == 0:
        account.spot_loss_micros -= order.loss_micros
        order.loss_micros = 0


def withdraw_order(state: State, listed: ListedMarket, order: Order) -> None:
    """Take a resting order out of the book and free all that it held."""
    account = state.accounts[order.terms.account]
    book = listed.book
    (book.bids if order.is_bid else book.asks).remove(order)
    forget(state, account, order)
    lots = order.lots_open
    if order.terms.actor:
        note_open(account, listed, order, -lots)
    order.lots_open = 0
    if listed.is_perp:
        account.positions[listed.market.symbol].add_order(order, -lots)
    else:
        release(state, account, listed, order, keep=0)


def expire(state: State, listed: ListedMarket, order: Order, reason: ExpiryReason) -> None:
    """End a resting order for a reason of the engine's."""
    withdraw_order(state, listed, order)
    state.record.events.append(
        OrderExpired(
            terms=order.terms,
            executed_lots=order.executed_lots,
            executed_quote_atoms=order.executed_quote,
            reason=reason,
        )
    )


def cancel(state: State, listed: ListedMarket, order: Order) -> OrderCancelled:
    """End a resting order for its owner, and return the event; the caller records it."""
    withdraw_order(state, listed, order)
    return OrderCancelled(
        terms=order.terms,
        executed_lots=order.executed_lots,
        executed_quote_atoms=order.executed_quote,
    )


def shrink(state: State, listed: ListedMarket, order: Order, lots: int) -> None:
    """Take `lots`, fewer than all, off a resting order of a perpetual."""
    listed.book.side(order.is_bid).reduce(order, lots)
    order.lots_open -= lots
    state.accounts[order.terms.account].positions[order.terms.market].add_order(order, -lots)
    state.record.events.append(
        OrderModified(
            terms=order.terms,
            status=OrderStatus.PARTIALLY_FILLED if order.executed_lots else OrderStatus.NEW,
            lots_open=order.lots_open,
            executed_lots=order.executed_lots,
            executed_quote_atoms=order.executed_quote,
        )
    )


def shrink_reduce_only(state: State, account: Account, listed: ListedMarket) -> None:
    """Cut resting reduce-only orders, newest first, to what they can still reduce."""
    position = account.positions[listed.market.symbol]
    if not position.reduce_orders:
        return
    newest = next(reversed(position.reduce_orders.values()))
    closes = position.lots < 0 if newest.is_bid else position.lots > 0
    excess = position.reduce_lots - (abs(position.lots) if closes else 0)
    for order in reversed(list(position.reduce_orders.values())):
        if excess <= 0:
            return
        cut = min(excess, order.lots_open)
        excess -= cut
        if cut == order.lots_open:
            expire(state, listed, order, ExpiryReason.REDUCE_ONLY_NOT_REDUCED)
            continue
        shrink(state, listed, order, cut)
