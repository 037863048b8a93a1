"""The handler of prices: takes indexes, and makes the mark of each perpetual from them.

    sample = mid − index, within ±basis_limit of the index, while both sides hold depth within 1 %
    basis  = mean of the samples, the youngest counting most; 0 until they span `warm`
    mark   = median(index + basis, median(bid, ask, last), other venues' perpetuals or index)
             within ±band of the index, then within ±step of the mark before

A sample is bounded before it is averaged, not after: one absurd quote in a young average would
move it for minutes. While an index is stale or halted the mark stands still.
"""

from engine import breakers, danger, funding, member_limits, pending, price_states
from engine.answers import Events, rejected
from engine.bands import active_ticks
from engine.book import BookSide
from engine.catalog import MarketState, PriceState
from engine.commands import UpdatePrices
from engine.events import PricesUpdated
from engine.listed_market import ListedMarket
from engine.prices import MAX_PRICE_E8
from engine.rejects import Reject
from engine.state import State
from engine.units import PPB

_NEAR_PPB = PPB // 100
_TRUSTED = (PriceState.OK, PriceState.DEGRADED)


def update_prices(state: State, command: UpdatePrices) -> Events:
    """Take new index prices and states, all of them or none, and find the marks."""
    refusal = _wrong_prices(state, command)
    if refusal:
        return refusal
    funding.close_hours_of_all(state)
    for symbol, price_e8 in command.prices_e8.items():
        state.prices[symbol].update(price_e8, state.at_ns)
        price_states.watch_age(state, symbol)
    changed = price_states.take_states(state, command.prices_e8, command.states)
    state.price_version += 1
    price_states.settle_markets(state, changed)
    marks: dict[str, int] = {}
    predicted: dict[str, int] = {}
    for symbol, listed in state.markets.items():
        base = listed.market.base
        if listed.mark is not None and base in command.prices_e8:
            outside = command.perps_e8.get(symbol)
            if state.prices[base].state in _TRUSTED or not listed.mark.price.now_e8:
                index = command.prices_e8[base]
                mark = _next_mark(listed, index, state.at_ns, outside_e8=outside)
                listed.mark.set(mark, state.at_ns)
            marks[symbol] = listed.mark.price.now_e8
            funding.take_sample(state, listed, command.prices_e8[base])
            funding.tell_predicted(listed, predicted)
        if base in command.prices_e8 and state.prices[base].state in _TRUSTED:
            breakers.watch(state, listed)
        pending.note_index(state, listed)
    danger.look(state)
    member_limits.look(state)
    return (
        PricesUpdated(
            index_e8=command.prices_e8, mark_e8=marks, states=changed, funding_ppb=predicted
        ),
    )


def _wrong_prices(state: State, command: UpdatePrices) -> Events:
    for symbol in (*command.prices_e8, *command.states):
        if symbol not in state.assets:
            return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {symbol}")
    for symbol in command.perps_e8:
        listed = state.markets.get(symbol)
        if listed is None or not listed.is_perp:
            return rejected(Reject.UNKNOWN_MARKET, f"there is no perpetual {symbol}")
    for symbol, price_e8 in (*command.prices_e8.items(), *command.perps_e8.items()):
        if not 0 < price_e8 <= MAX_PRICE_E8:
            return rejected(Reject.INVALID_PRICE, f"{symbol}: {price_e8} is not a price")
    return ()


def _next_mark(listed: ListedMarket, index_e8: int, now_ns: int, *, outside_e8: int | None) -> int:
    """Return a perpetual's mark for a new index, and sample its basis.

    `outside_e8` is what other venues' perpetuals trade at, if it is known.
    """
    rules, mark = listed.market.mark, listed.perp_mark()
    middle = _middle_e8(listed, least_micros=rules.depth_micros)
    if middle is not None:
        bound = index_e8 * rules.basis_limit_ppb // PPB
        sample = max(-bound, min(bound, middle - index_e8))
        mark.sample(sample, now_ns, tau_ns=rules.tau_ms * 1_000_000)
    basis = mark.basis_e8(warm_ns=rules.warm_ms * 1_000_000)
    traded = index_e8
    if listed.state is not MarketState.POST_ONLY:
        # 0 without two sides, and while orders are collected for an auction.
        traded = active_ticks(listed) * listed.market.tick_e8 or index_e8
    raw = sorted((index_e8 + basis, traded, outside_e8 or index_e8))[1]
    band = index_e8 * rules.band_ppb // PPB
    raw = max(index_e8 - band, min(index_e8 + band, raw))
    before = mark.price.now_e8
    if rules.step_ppb is None or not before:
        return max(1, raw)
    step = before * rules.step_ppb // PPB
    return max(1, before - step, min(before + step, raw))


def _middle_e8(listed: ListedMarket, *, least_micros: int) -> int | None:
    """Return the book's middle, or None while a side holds too little within 1 % of it."""
    book, tick = listed.book, listed.market.tick_e8
    bid, ask = book.bids.best(), book.asks.best()
    if bid is None or ask is None or bid.price >= ask.price:
        return None
    middle = (bid.price + ask.price) * tick // 2
    near = middle * _NEAR_PPB // (PPB * tick)
    worst_bid, worst_ask = middle // tick - near, middle // tick + near
    for side, worst in ((book.bids, worst_bid), (book.asks, worst_ask)):
        if not _holds(listed, side, worst, least_micros=least_micros):
            return None
    return middle


def _holds(listed: ListedMarket, side: BookSide, worst: int, *, least_micros: int) -> bool:
    """Tell whether a side holds at least so much, in quote atoms, up to its worst price."""
    held = 0
    for level in side.from_best():
        if level.price < worst if side.is_bid else level.price > worst:
            return False
        held += listed.quote_atoms(level.price, level.lots)
        if held >= least_micros:
            return True
    return False
