"""Within which prices orders are taken, and takers trade: queries over parameters and prices.

    limit   lowest, highest = active × (min, max multiplier); a limit price beyond is refused
            active = median(bid, ask, last), with both sides of the book; else mark or index
    taker   the nearest of these; what is left of an order beyond expires with PriceImpact:
            best opposite price × impact multipliers
            mean mark × its multipliers
            index × (1 + mean premium ± tolerance)
            mark × (1 ± the breaker's band), while that holds the market up

Lowest prices are rounded up to a tick and highest down: never beyond the band.
"""

from engine.catalog import MarketState
from engine.listed_market import ListedMarket
from engine.state import State
from engine.units import PPB, AccountId, div_ceil
from engine.vocabulary import BID, Side


def limit_band(state: State, listed: ListedMarket) -> tuple[int, int] | None:
    """Return the lowest and highest limit price in ticks; None while there is no reference.

    It is found once for each active price.
    """
    book = listed.book
    bids, asks = book.bids.keys, book.asks.keys
    if bids and asks and not listed.auction_ns:
        # As active_ticks does; written out, for each order asks.
        bid, ask, last = bids[-1], -asks[-1], book.last_price
        active = bid if last is None or last <= bid else last if last < ask else ask
        if bid < ask:
            if listed.band_key != active:
                listed.band, listed.band_key = _active_band(listed, active), active
            return listed.band
    reference = state.reference_e8(listed)
    if listed.band_key != -reference or not reference:
        listed.band, listed.band_key = _reference_band(listed, reference), -reference
    return listed.band


def _active_band(listed: ListedMarket, active: int) -> tuple[int, int]:
    market = listed.market
    lowest = -(-active * market.min_multiplier_ppb // PPB)
    return lowest, active * market.max_multiplier_ppb // PPB


def _reference_band(listed: ListedMarket, reference_e8: int) -> tuple[int, int] | None:
    if not reference_e8:
        return None
    market = listed.market
    scale = market.tick_e8 * PPB
    return (
        div_ceil(reference_e8 * market.min_multiplier_ppb, scale),
        reference_e8 * market.max_multiplier_ppb // scale,
    )


def active_ticks(listed: ListedMarket) -> int:
    """Return the median of bid, ask and last in ticks.

    0 without two sides, or while orders are collected for an auction: then the book says nothing.
    """
    book = listed.book
    bids, asks = book.bids.keys, book.asks.keys
    if not bids or not asks or listed.auction_ns:
        return 0
    bid, ask, last = bids[-1], -asks[-1], book.last_price
    if bid >= ask:
        return 0
    if last is None or last <= bid:
        return bid
    return last if last < ask else ask


def worst_for_taker(
    state: State, listed: ListedMarket, side: Side, *, skips: AccountId | None = None
) -> int | None:
    """Return the worst price in ticks that a taker may get now; None on an empty side.

    `skips` is the owner whose orders the taker passes over.
    """
    market, is_bid = listed.market, side is BID
    if skips is None:
        # As best_opposite does; written out, for each order that takes asks.
        keys = listed.book.asks.keys if is_bid else listed.book.bids.keys
        best = (-keys[-1] if is_bid else keys[-1]) if keys else None
    else:
        best = best_opposite(listed, side, skips=skips)
    if best is None:
        return None
    if listed.taker_version != state.price_version:
        listed.taker_band = find_taker_band(state, listed)
        listed.taker_version = state.price_version
    lowest, highest = listed.taker_band
    if is_bid:
        price = best * market.max_impact_ppb // PPB
        return price if price < highest else highest
    price = -(-best * market.min_impact_ppb // PPB)
    return price if price > lowest else lowest


def best_opposite(listed: ListedMarket, side: Side, *, skips: AccountId | None) -> int | None:
    """Return the best price in ticks that a taker meets, an own one if there is no other."""
    opposite = listed.book.asks if side is BID else listed.book.bids
    if skips is not None:
        for level in opposite.from_best():
            if any(order.owner != skips for order in level):
                return level.price
    keys = opposite.keys
    if not keys:
        return None
    return -keys[-1] if side is BID else keys[-1]


def find_taker_band(state: State, listed: ListedMarket) -> tuple[int, int]:
    """Return the lowest and highest price in ticks at which takers trade, whatever the book says.

    It changes with prices, parameters and the breaker only; `worst_for_taker` keeps it.
    """
    market, mean_e8 = listed.market, state.mean_e8(listed)
    tick_e8 = market.tick_e8
    lowest, highest = 1, market.max_price_ticks
    band, tolerance, rules = market.mean_mark_band, market.premium_tolerance_ppb, market.breaker
    if band is not None and mean_e8:
        scale = tick_e8 * PPB
        lowest = max(lowest, div_ceil(mean_e8 * band.min_ppb, scale))
        highest = min(highest, mean_e8 * band.max_ppb // scale)
    if tolerance is not None and mean_e8:
        index = state.prices[market.base]
        least, most = premium_band_e8(
            index.now_e8, premium_ppb(mean_e8, index.mean_e8), tolerance_ppb=tolerance
        )
        lowest, highest = max(lowest, div_ceil(least, tick_e8)), min(highest, most // tick_e8)
    reference_e8 = state.reference_e8(listed)
    if rules is not None and listed.breaker.state is MarketState.LIMIT_ONLY and reference_e8:
        scale = tick_e8 * PPB
        lowest = max(lowest, div_ceil(reference_e8 * (PPB - rules.taker_band_ppb), scale))
        highest = min(highest, reference_e8 * (PPB + rules.taker_band_ppb) // scale)
    return lowest, highest


def premium_ppb(mean_mark_e8: int, mean_index_e8: int) -> int:
    """Return the mean premium of the mark over the index, rounded down, from their means."""
    return mean_mark_e8 * PPB // mean_index_e8 - PPB if mean_index_e8 else 0


def premium_band_e8(index_e8: int, mean_ppb: int, *, tolerance_ppb: int) -> tuple[int, int]:
    """Return the index times 1 + mean premium ± tolerance, both rounded inwards.

    >>> premium_band_e8(19_950_000_000, 3_000_000, tolerance_ppb=50_000_000)
    (19012350000, 21007350000)
    """
    lowest = div_ceil(index_e8 * (PPB + mean_ppb - tolerance_ppb), PPB)
    return lowest, index_e8 * (PPB + mean_ppb + tolerance_ppb) // PPB
