"""What a book accepts now: the strictest of what staff, its breaker and its prices order.

Each order is kept by itself, so that when one is lifted the others hold. After a halt (closed,
cancel-only, or post-only because of its prices) a market with `auction_ms` opens by an auction, and
so does one whose book is crossed, because an auction was interrupted: orders are collected without
matching, until engine/auctions.py ends it. Then it is told as limit-only.
"""

from engine.catalog import OPEN, MarketState, PriceState, StateReason
from engine.events import MarketStateChanged
from engine.listed_market import ListedMarket
from engine.schedule import Work
from engine.state import State

MILLISECOND_NS = 1_000_000
STRICTNESS = {
    MarketState.OPEN: 0,
    MarketState.LIMIT_ONLY: 1,
    MarketState.POST_ONLY: 2,
    MarketState.CANCEL_ONLY: 3,
    MarketState.CLOSED: 4,
}
# In none of these does a taker trade.
SHUT = (MarketState.POST_ONLY, MarketState.CANCEL_ONLY, MarketState.CLOSED)
_OF_PRICES = {
    PriceState.OK: OPEN,
    PriceState.DEGRADED: MarketState.LIMIT_ONLY,
    PriceState.STALE: MarketState.POST_ONLY,
    PriceState.HALT: MarketState.POST_ONLY,
}


def settle(state: State, listed: ListedMarket) -> None:
    """Find what a market accepts now, and tell it if that has changed."""
    if find(state, listed):
        state.record.events.append(told(listed))


def find(state: State, listed: ListedMarket) -> bool:
    """Find what a market accepts now; begin or break off an auction. Return whether it changed."""
    before = (listed.state, listed.reason, until_ns(listed))
    by_prices = ordered_by_prices(state, listed)
    listed.state, listed.reason = strictest(listed, by_prices)
    if listed.state in SHUT:
        # Orders that an interrupted auction has collected stay, and may cross.
        listed.auction_ns = 0
        if listed.ordered in (MarketState.CANCEL_ONLY, MarketState.CLOSED) or by_prices in SHUT:
            listed.halted = True
    elif listed.auction_ns or (listed.halted and listed.market.auction_ms) or is_crossed(listed):
        if not listed.auction_ns:
            listed.auction_ns = state.at_ns + listed.market.auction_ms * MILLISECOND_NS
            state.schedule.add(listed.auction_ns, Work.AUCTION, listed.number)
        listed.state, listed.reason = MarketState.LIMIT_ONLY, StateReason.AUCTION
        listed.halted = False
    else:
        listed.halted = False
    derive(state, listed)
    return before != (listed.state, listed.reason, until_ns(listed))


def strictest(listed: ListedMarket, by_prices: MarketState) -> tuple[MarketState, StateReason]:
    """Return the strictest of what is ordered, and by whom; of equals the first."""
    orders = (
        (listed.ordered, StateReason.STAFF),
        (listed.breaker.state, StateReason.BREAKER),
        (by_prices, StateReason.PRICES),
    )
    return max(orders, key=_strictness)


def _strictness(order: tuple[MarketState, StateReason]) -> int:
    return STRICTNESS[order[0]]


def ordered_by_prices(state: State, listed: ListedMarket) -> MarketState:
    """Return what the states of the base's and the quote's index order."""
    base = _OF_PRICES[state.prices[listed.market.base].state]
    quote = _OF_PRICES[state.prices[listed.market.quote].state]
    return base if STRICTNESS[base] >= STRICTNESS[quote] else quote


def derive(state: State, listed: ListedMarket) -> None:
    """Note what follows from a market's state and its prices' for orders to come."""
    listed.is_limited = listed.has_limits or ordered_by_prices(state, listed) is not OPEN
    listed.taker_version = -1


def is_crossed(listed: ListedMarket) -> bool:
    """Tell whether orders at rest could trade with each other."""
    bids, asks = listed.book.bids.keys, listed.book.asks.keys
    return bool(bids) and bool(asks) and bids[-1] >= -asks[-1]


def until_ns(listed: ListedMarket) -> int | None:
    """Return when the state ends by itself, if that is known."""
    if listed.reason is StateReason.BREAKER:
        return listed.breaker.until_ns
    return listed.auction_ns if listed.reason is StateReason.AUCTION else None


def told(listed: ListedMarket) -> MarketStateChanged:
    """Return the event that tells what a market accepts."""
    return MarketStateChanged(
        market=listed.market.symbol,
        state=listed.state,
        reason=listed.reason,
        until_ns=until_ns(listed),
        ordered=listed.ordered,
    )


def market_numbered(state: State, number: int) -> ListedMarket:
    """Return a market by the number under which the schedule knows it."""
    return list(state.markets.values())[number]
