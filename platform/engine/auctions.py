"""The end of an opening auction: one price for all that crosses, in the order of price and time.

    price   trades the most lots; of those leaves the least imbalance; of those is nearest to the
            reference (the mark, for spot the index); of those is the lowest

Every order was covered at its own limit when it was taken, and the price is no worse than that.
The older order of a trade is its maker.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from engine import market_states, resting
from engine.allowances import exceeds
from engine.book import Order
from engine.events import AuctionEnded
from engine.listed_market import ListedMarket
from engine.matching import can_pay, follow_trade, take_from_book, trade
from engine.rejects import ExpiryReason
from engine.state import State
from engine.trades import Party

# Levels of one side, best first: (price in ticks, lots).
Levels = Sequence[tuple[int, int]]


class Crossing(NamedTuple):
    """What an auction comes to. Imbalance is what is bid at the price, less what is asked."""

    price_ticks: int
    lots: int
    imbalance: int


def end_auction(state: State, number: int) -> None:
    """Trade what crosses in a market whose auction is over, and open it."""
    listed = market_states.market_numbered(state, number)
    if not listed.auction_ns or listed.auction_ns > state.at_ns:
        return
    price, lots = None, 0
    while (found := crossing(listed, reference_ticks(state, listed))) is not None:
        # Again only if an order that was counted could not pay or be reduced.
        price = found.price_ticks
        lots += _trade_at(state, listed, price)
    state.record.events.append(
        AuctionEnded(market=listed.market.symbol, price_ticks=price, lots=lots)
    )
    listed.auction_ns = 0
    market_states.settle(state, listed)


def reference_ticks(state: State, listed: ListedMarket) -> int:
    """Return the reference in ticks, rounded to the nearest, up from the middle; 0: none."""
    return nearest_ticks(state.reference_e8(listed), listed.market.tick_e8)


def nearest_ticks(price_e8: int, tick_e8: int) -> int:
    """Return a price in ticks, rounded to the nearest, up from the middle.

    >>> nearest_ticks(149, 100), nearest_ticks(150, 100)
    (1, 2)
    """
    return (2 * price_e8 + tick_e8) // (2 * tick_e8)


def crossing(listed: ListedMarket, reference: int) -> Crossing | None:
    """Return the price at which the orders of a market would trade now; None if nothing crosses."""
    if not market_states.is_crossed(listed):
        return None
    book = listed.book
    bids = [(level.price, level.lots) for level in book.bids.from_best()]
    asks = [(level.price, level.lots) for level in book.asks.from_best()]
    return crossing_of(bids, asks, reference)


def crossing_of(bids: Levels, asks: Levels, reference: int) -> Crossing:
    """Return the price of two sides that cross, by the rule of this module.

    >>> crossing_of([(102, 5), (100, 5)], [(99, 4), (101, 9)], 100)
    Crossing(price_ticks=101, lots=5, imbalance=-8)
    """
    lowest, highest = asks[0][0], bids[0][0]
    # Both by rising price, with what is bid at a level and better, and asked.
    bid_prices = [price for price, _ in reversed(bids)]
    ask_prices = [price for price, _ in asks]
    bid_sums = [0, *accumulate(lots for _, lots in bids)]
    ask_sums = [0, *accumulate(lots for _, lots in asks)]
    # What trades changes at these prices only.
    edges = {lowest, highest, reference}
    for price in bid_prices:
        edges |= {price, price + 1}
    for price in ask_prices:
        edges |= {price, price - 1}
    best: tuple[tuple[int, int, int, int], Crossing] | None = None
    for price in edges:
        if not lowest <= price <= highest:
            continue
        bid = bid_sums[len(bid_prices) - bisect_left(bid_prices, price)]
        asked = ask_sums[bisect_right(ask_prices, price)]
        found = Crossing(price, min(bid, asked), bid - asked)
        rank = (-found.lots, abs(found.imbalance), abs(price - reference), price)
        if best is None or rank < best[0]:
            best = (rank, found)
    assert best is not None, f"{bids} and {asks} do not cross"
    return best[1]


def _trade_at(state: State, listed: ListedMarket, price: int) -> int:
    """Trade everything that takes one price, the best and oldest first; return the lots."""
    traded, book = 0, listed.book
    while True:
        bids, asks = book.bids.best(), book.asks.best()
        if bids is None or asks is None or bids.price < price or asks.price > price:
            return traded
        bid, ask = bids.head, asks.head
        assert bid is not None and ask is not None, f"an empty level of {listed.market.symbol}"
        lots = min(bid.lots_open, ask.lots_open)
        ended = _ended_by(state, listed, bid, ask, lots=lots, price=price)
        if ended is None:
            _cross(state, listed, bid, ask, lots=lots, price=price)
            traded += lots
        else:
            resting.expire(state, listed, *ended)


def _ended_by(
    state: State, listed: ListedMarket, bid: Order, ask: Order, *, lots: int, price: int
) -> tuple[Order, ExpiryReason] | None:
    """Return which of two orders cannot trade, and why; None if both can."""
    for order in (bid, ask):
        if order.borrow and not can_pay(state, listed, order, lots, price):
            return order, ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY
        if order.terms.actor and exceeds(state, listed, order, lots=lots, price=price):
            return order, ExpiryReason.TRADING_SUSPENDED
    limit = listed.market.open_interest_limit_lots
    if listed.is_perp and limit is not None:
        long_lots = listed.perp_clearing().long_lots
        opened = _opened(state, bid, lots) + _opened(state, ask, -lots)
        if opened > max(0, limit - long_lots):
            return max(bid, ask, key=_age), ExpiryReason.POSITION_LIMIT
    return None


def _opened(state: State, order: Order, lots: int) -> int:
    """Return by how much a trade of signed lots changes what its account is long."""
    held = state.accounts[order.terms.account].positions[order.terms.market].lots
    return max(held + lots, 0) - max(held, 0)


def _age(order: Order) -> int:
    """Return what is larger for the younger of two orders that cross.

    That one was placed while orders were collected, after all that rested before.
    """
    return order.terms.order_id


def _cross(
    state: State, listed: ListedMarket, bid: Order, ask: Order, *, lots: int, price: int
) -> None:
    market = listed.market
    older, younger = sorted((bid, ask), key=_age)
    owner, other = (state.accounts[order.terms.account] for order in (older, younger))
    maker = Party(owner, older, market.maker_fee_ppm, is_maker=True)
    taker = Party(other, younger, market.taker_fee_ppm, is_maker=False)
    taker.rests = True
    for order in (older, younger):
        take_from_book(listed, order, lots)
    trade(state, listed, taker, maker, lots=lots, price=price)
    for party in (maker, taker):
        if not listed.is_perp:
            # It may trade better than its own price: what it held for that is free.
            keep = resting.reserve_of(listed, party.order)
            resting.release(state, party.account, listed, party.order, keep=keep)
        if not party.order.lots_open:
            resting.forget(state, party.account, party.order)
    follow_trade(state, listed, (taker, maker), lots)
