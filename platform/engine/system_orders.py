"""Orders that the house places for an account, because it must: at once, or not at all.

Nobody asks for their margin: they are what mends it. They take no band but their own price.
"""

from typing import NamedTuple

from engine import funds, matching, orders
from engine.book import Order
from engine.catalog import MarketState
from engine.kinds import MovementSource, OrderTerms, SystemOrder
from engine.listed_market import ListedMarket
from engine.resting import cost_of, paying_asset
from engine.state import Account, State
from engine.units import OrderId
from engine.vocabulary import IOC, LIMIT, REJECT_MAKER, Side


class Forced(NamedTuple):
    """What the house must trade for an account: up to `lots` at `price` ticks or better."""

    side: Side
    lots: int
    price: int
    system: SystemOrder


def is_trading(listed: ListedMarket) -> bool:
    """Tell whether a market's book may be taken from now."""
    return listed.state in (MarketState.OPEN, MarketState.LIMIT_ONLY) and not listed.auction_ns


def trade_at_once(state: State, account: Account, listed: ListedMarket, forced: Forced) -> Order:
    """Trade on the book, and return the order as it ended.

    The caller checked that a spot order's money is there, lent or not, and that one of a perpetual
    reduces the position. The proceeds stay available.
    """
    order = system_order(state, account, listed, forced)
    if not listed.is_perp:
        holding = account.holding(paying_asset(listed, is_bid=order.is_bid))
        order.locked = cost_of(listed, order, forced.lots, forced.price)
        funds.raise_available(state, holding, order.locked, MovementSource.SETTLEMENT)
        funds.lock(state, holding, order.locked)
    told = state.record.events
    first = len(told)
    reason = matching.match(state, account, listed, order)
    # An order is told before its fills.
    told[first:first] = orders.finish(state, account, listed, order, reason=reason, rests=False)
    return order


def system_order(state: State, account: Account, listed: ListedMarket, forced: Forced) -> Order:
    """Return a new order of the house for an account; it is nowhere yet."""
    order_id = OrderId(state.next_order_id)
    state.next_order_id += 1
    terms = OrderTerms(
        order_id=order_id,
        account=account.account_id,
        market=listed.market.symbol,
        side=forced.side,
        type=LIMIT,
        price_ticks=forced.price,
        lots=forced.lots,
        quote_atoms=None,
        time_in_force=IOC,
        self_trade_prevention=REJECT_MAKER,
        post_only=False,
        reduce_only=forced.system is SystemOrder.LIQUIDATE_ON_BOOK,
        client_id=None,
        created_at_ns=state.at_ns,
        system=forced.system,
    )
    order = Order(terms, owner=account.owner, price=forced.price, lots_open=forced.lots)
    order.flags = (False, False)
    return order
