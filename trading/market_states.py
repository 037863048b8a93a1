"""What a market takes now, who ordered that and why, until when, and what one can still do.

From what this process keeps of the feed; the indicative price of an auction is found by the
engine's own rule, from the book that everybody sees.
"""

from typing import Final, NamedTuple

from engine.auctions import Crossing, crossing_of, nearest_ticks
from engine.catalog import MarketState, PriceState, StateReason
from engine.units import PRICE_SCALE
from trading.live import LiveMarket, LiveMarkets

_TAKES: Final = {
    MarketState.OPEN: "Open",
    MarketState.LIMIT_ONLY: "Limit orders only",
    MarketState.POST_ONLY: "Post-only: nobody trades",
    MarketState.CANCEL_ONLY: "Cancels only",
    MarketState.CLOSED: "Closed",
}
_INDEX_IS: Final = {
    PriceState.OK: "certain",
    PriceState.DEGRADED: "uncertain: few sources agree on it",
    PriceState.STALE: "too old: no sources agree on it",
    PriceState.HALT: "halted",
}
_STILL: Final = {
    MarketState.OPEN: "All orders are taken.",
    MarketState.LIMIT_ONLY: "You can place limit orders, and cancel.",
    MarketState.POST_ONLY: "You can place post-only orders, and cancel.",
    MarketState.CANCEL_ONLY: "You can cancel orders. Positions stay as they are.",
    MarketState.CLOSED: "You can cancel orders. Positions stay as they are.",
}


class Auction(NamedTuple):
    """What an auction would come to now, as text; a positive imbalance is of bids."""

    price: str | None
    quantity: str
    imbalance: str


class MarketStateRow(NamedTuple):
    """A market's state. `reason` is None while it is open; `until` is in Unix milliseconds."""

    symbol: str
    state: str
    reason: str | None
    until: int | None
    indexes: dict[str, str]
    auction: Auction | None
    title: str
    message: str
    advice: str


def state_row(live: LiveMarkets, market: LiveMarket) -> MarketStateRow:
    """Return what a market takes now, in words and figures."""
    listed, reason = market.listed, market.reason
    is_open = listed.state is MarketState.OPEN
    bases = (listed.market.base, listed.market.quote)
    indexes = {one: live.price_states.get(one, PriceState.OK) for one in bases}
    in_auction = reason is StateReason.AUCTION and not is_open
    until = None if is_open or market.until_ns is None else market.until_ns // 1_000_000
    return MarketStateRow(
        symbol=listed.symbol,
        state=listed.state.value,
        reason=None if is_open else reason.value,
        until=until,
        indexes={symbol: state.value for symbol, state in indexes.items()},
        auction=_auction(live, market) if in_auction else None,
        title="Auction" if in_auction else _TAKES[listed.state],
        message="" if is_open else _why(reason, indexes),
        advice=_advice(listed.state, reason),
    )


def state_fields(live: LiveMarkets, market: LiveMarket) -> dict[str, object]:
    """Return a market's state as REST and the stream write it."""
    row = state_row(live, market)
    auction = None if row.auction is None else row.auction._asdict()
    return row._asdict() | {"auction": auction}


def indicative(live: LiveMarkets, market: LiveMarket) -> Crossing | None:
    """Return what all that rests would trade at now; None if nothing crosses."""
    book = market.book
    if book.best_bid is None or book.best_ask is None or book.best_bid < book.best_ask:
        return None
    bids = sorted(book.bids.items(), reverse=True)
    reference = nearest_ticks(_reference_e8(live, market), market.listed.market.tick_e8)
    return crossing_of(bids, sorted(book.asks.items()), reference)


def _auction(live: LiveMarkets, market: LiveMarket) -> Auction:
    found, listed = indicative(live, market), market.listed
    if found is None:
        return Auction(None, "0", "0")
    return Auction(
        listed.price_text(found.price_ticks),
        listed.quantity_text(found.lots),
        listed.quantity_text(found.imbalance),
    )


def _reference_e8(live: LiveMarkets, market: LiveMarket) -> int:
    """Return the mark, or of a spot market the index in its quote, as the engine measures."""
    if market.listed.is_perp:
        return market.mark_e8 or 0
    base = live.index_e8.get(market.listed.market.base, 0)
    quote = live.index_e8.get(market.listed.market.quote, 0)
    return base * PRICE_SCALE // quote if base and quote else 0


def _why(reason: StateReason, indexes: dict[str, PriceState]) -> str:
    if reason is StateReason.PRICES:
        told = [
            f"the index price of {symbol} is {_INDEX_IS[state]}"
            for symbol, state in indexes.items()
            if state is not PriceState.OK
        ]
        said = " and ".join(told) or "an index price is not certain"
        return f"{said[0].upper()}{said[1:]}."
    return {
        StateReason.STAFF: "Staff have ordered it.",
        StateReason.BREAKER: "The price has moved too far in too short a time.",
        StateReason.AUCTION: "Orders are collected; at the end all that cross trade at one price.",
    }[reason]


def _advice(state: MarketState, reason: StateReason) -> str:
    if state is MarketState.LIMIT_ONLY:
        if reason is StateReason.AUCTION:
            return "You can place limit orders, and cancel: nothing trades before the end."
        if reason is StateReason.PRICES:
            return "You can place limit orders that increase no position, and cancel."
        if reason is StateReason.BREAKER:
            return "You can place limit orders, which trade near the mark only, and cancel."
    return _STILL[state]
