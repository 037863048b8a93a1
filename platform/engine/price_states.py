"""How far each index can be trusted: as its source says, and by its age. What that stops.

DEGRADED   the markets of the asset take limit orders only; nothing in them increases a
           position, and the asset is neither borrowed nor taken out of an account
STALE,     besides, their books take post-only orders only: nobody trades, nothing waits for
HALT       their prices, and no profit is settled
"""

from engine import market_states
from engine.answers import Events, rejected
from engine.catalog import Asset, PriceState
from engine.events import PricesUpdated
from engine.listed_market import ListedMarket
from engine.market_states import MILLISECOND_NS
from engine.rejects import Reject
from engine.schedule import Work
from engine.state import State

_WITHOUT_PRICE = (PriceState.STALE, PriceState.HALT)


def take_states(
    state: State, updated: dict[str, int], states: dict[str, PriceState]
) -> dict[str, PriceState]:
    """Take the states of assets; one that is updated and not named is OK. Return what changed."""
    changed = {}
    for symbol in {**updated, **states}:
        price, now = state.prices[symbol], states.get(symbol, PriceState.OK)
        if now not in _WITHOUT_PRICE and is_old(state, state.assets[symbol]):
            now = PriceState.STALE
        if price.state is not now:
            price.state = changed[symbol] = now
    return changed


def is_old(state: State, asset: Asset) -> bool:
    """Tell whether an index has not been updated for too long."""
    if asset.stale_ms is None:
        return False
    age_ns = state.at_ns - state.prices[asset.symbol].updated_at_ns
    return age_ns >= asset.stale_ms * MILLISECOND_NS


def settle_markets(state: State, changed: dict[str, PriceState]) -> None:
    """Have the markets of assets whose prices' state has changed accept what it allows."""
    if changed:
        for listed in state.markets.values():
            if listed.market.base in changed or listed.market.quote in changed:
                market_states.settle(state, listed)


def watch_age(state: State, symbol: str) -> None:
    """Enter into the schedule when an index, updated for the first time or again, grows old."""
    asset, price = state.assets[symbol], state.prices[symbol]
    if asset.stale_ms is None or price.is_watched:
        return
    price.is_watched = True
    due_ns = price.updated_at_ns + asset.stale_ms * MILLISECOND_NS
    state.schedule.add(due_ns, Work.PRICE_AGE, list(state.assets).index(symbol))


def grow_old(state: State, number: int) -> None:
    """Take an index for stale that has not been updated; look again later if it has."""
    symbol = list(state.assets)[number]
    price = state.prices[symbol]
    price.is_watched = False
    if not is_old(state, state.assets[symbol]):
        watch_age(state, symbol)
        return
    if price.state in _WITHOUT_PRICE:
        return
    price.state = PriceState.STALE
    changed = {symbol: PriceState.STALE}
    state.record.events.append(PricesUpdated(index_e8={}, mark_e8={}, states=changed))
    settle_markets(state, changed)


def out_refusal(state: State, symbol: str) -> Events:
    """Refuse to borrow an asset, or to take it out of an account, at a price that is not sure."""
    if state.prices[symbol].state is PriceState.OK:
        return ()
    return rejected(
        Reject.PRICE_DEGRADED,
        f"the price of {symbol} is not certain now; try again when it is",
        asset=symbol,
    )


def risk_refusal(state: State, listed: ListedMarket, *, is_new: bool) -> Events:
    """Refuse to increase a position at a price that is not sure.

    Args:
        is_new: whether open interest may grow by it. What cannot is refused only without a price.
    """
    market = listed.market
    for symbol in (market.base, market.quote):
        price = state.prices[symbol]
        if price.state in _WITHOUT_PRICE or (is_new and price.state is not PriceState.OK):
            return rejected(
                Reject.PRICE_DEGRADED,
                f"the price of {symbol} is not certain now: reduce positions only, or wait",
            )
    return ()


def settlement_refusal(state: State, listed: ListedMarket) -> Events:
    """Refuse to settle profit at a price that nobody knows."""
    market = listed.market
    for symbol in (market.base, market.quote):
        if state.prices[symbol].state in _WITHOUT_PRICE:
            return rejected(
                Reject.PRICE_STALE, f"{symbol} has no price now: profit is settled once it has one"
            )
    return ()
