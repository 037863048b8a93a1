"""What an order must be: the checks that need no money, and the worst price it may get."""

from engine.answers import Events, rejected
from engine.bands import best_opposite, limit_band, worst_for_taker
from engine.book import Order
from engine.catalog import OPEN, MarketState
from engine.commands import PlaceOrder
from engine.listed_market import ListedMarket
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import MAX_ATOMS, PPB, AccountId
from engine.vocabulary import BID, GTC, LIMIT, REJECT_MAKER, OrderType, Side

# One account's live orders; it bounds memory and the length of a cancel-all.
MAX_OPEN_ORDERS = 5_000
MAX_CLIENT_ID = 2**32 - 1


def intake_refusal(
    state: State, account: Account, listed: ListedMarket, command: PlaceOrder
) -> Events:
    """Refuse an order for its market's state, its shape, its price or its account."""
    band = limit_band(state, listed)
    if _is_plain(account, listed, command, band):
        return ()
    return (
        _state_refusal(listed, command)
        or shape_refusal(listed, command)
        or price_refusal(listed, command, band)
        or account_refusal(account, command)
    )


def _is_plain(
    account: Account, listed: ListedMarket, command: PlaceOrder, band: tuple[int, int] | None
) -> bool:
    """Tell at one look that a limit order passes every check, as most do."""
    price, lots, market = command.price_ticks, command.lots, listed.market
    return (
        price is not None
        and lots is not None
        and band is not None
        and band[0] <= price <= band[1]
        and 0 < price <= market.max_price_ticks
        and market.min_lots <= lots <= market.max_lots
        and listed.state is OPEN
        and command.type is LIMIT
        and command.quote_atoms is None
        and command.client_id is None
        and command.conditions is None
        and not command.reduce_only
        and not command.post_only
        and len(account.orders) < MAX_OPEN_ORDERS
    )


def _state_refusal(listed: ListedMarket, command: PlaceOrder) -> Events:
    state = listed.state
    symbol = listed.market.symbol
    if state is OPEN:
        return ()
    if state is MarketState.CLOSED:
        return rejected(Reject.MARKET_CLOSED, f"{symbol} is closed")
    if state is MarketState.CANCEL_ONLY:
        return rejected(Reject.MARKET_CANCEL_ONLY, f"{symbol} accepts cancels only now")
    if state is MarketState.LIMIT_ONLY and command.type is OrderType.MARKET:
        return rejected(Reject.MARKET_LIMIT_ONLY, f"{symbol} accepts limit orders only now")
    if state is MarketState.POST_ONLY and not command.post_only:
        return rejected(Reject.MARKET_POST_ONLY, f"{symbol} accepts post-only orders only now")
    if listed.auction_ns and command.time_in_force is not GTC:
        return rejected(
            Reject.MARKET_AUCTION,
            f"{symbol} opens by auction: place a limit order that rests, or wait until it is open",
        )
    return ()


def shape_refusal(listed: ListedMarket, command: PlaceOrder) -> Events:
    is_limit = command.type is LIMIT
    refusal = _limit_refusal(listed, command) if is_limit else _market_refusal(command)
    if not refusal and command.conditions is not None:
        refusal = slippage_refusal(command)
    if refusal:
        return refusal
    if command.reduce_only and (not listed.is_perp or command.quote_atoms is not None):
        return rejected(
            Reject.INVALID_ORDER, "reduce-only is for perpetuals, by quantity of the position"
        )
    return quantity_refusal(listed, command)


def _limit_refusal(listed: ListedMarket, command: PlaceOrder) -> Events:
    price = command.price_ticks
    if price is None or command.quote_atoms is not None:
        return rejected(Reject.INVALID_ORDER, "a limit order needs a price and a quantity")
    if not 0 < price <= listed.market.max_price_ticks:
        return rejected(Reject.INVALID_PRICE, "the price is outside what the market allows")
    if command.post_only and command.time_in_force is not GTC:
        return rejected(Reject.INVALID_ORDER, "a post-only order must be good till cancelled")
    return ()


def _market_refusal(command: PlaceOrder) -> Events:
    if command.price_ticks is not None or command.post_only:
        return rejected(Reject.INVALID_ORDER, "a market order has no price and cannot post")
    if (command.lots is None) == (command.quote_atoms is None):
        return rejected(Reject.INVALID_ORDER, "a market order needs a quantity or a quote quantity")
    return ()


def slippage_refusal(command: PlaceOrder) -> Events:
    slippage = command.conditions.slippage if command.conditions is not None else None
    if slippage is None:
        return ()
    if command.type is LIMIT:
        return rejected(Reject.INVALID_ORDER, "a slippage tolerance is for market orders")
    ticks, ppb = slippage.ticks, slippage.ppb
    if (ticks is None) == (ppb is None) or not (
        0 <= (ticks or 0) <= MAX_ATOMS and 0 <= (ppb or 0) < PPB
    ):
        return rejected(
            Reject.INVALID_ORDER, "a slippage tolerance is in ticks, or a part of the price below 1"
        )
    return ()


def quantity_refusal(listed: ListedMarket, command: PlaceOrder) -> Events:
    lots, quote, market = command.lots, command.quote_atoms, listed.market
    if quote is not None:
        if not 0 < quote <= MAX_ATOMS:
            return rejected(Reject.INVALID_QUANTITY, "the quote quantity must be above zero")
    elif lots is None or lots <= 0:
        return rejected(Reject.INVALID_QUANTITY, "the quantity must be above zero")
    elif lots < market.min_lots:
        return too_small(listed)
    elif lots > market.max_lots:
        return rejected(
            Reject.QUANTITY_TOO_LARGE,
            "the quantity is above the market's maximum",
            max_lots=market.max_lots,
        )
    return ()


def too_small(listed: ListedMarket) -> Events:
    return rejected(
        Reject.QUANTITY_TOO_SMALL,
        "the quantity is below the market's minimum",
        min_lots=listed.market.min_lots,
    )


def price_refusal(
    listed: ListedMarket, command: PlaceOrder, band: tuple[int, int] | None
) -> Events:
    """Refuse a price outside the band; without an index a perpetual takes none."""
    if band is None:
        if listed.is_perp:
            return rejected(Reject.NO_PRICE, f"{listed.market.symbol} has no index price yet")
        return ()
    lowest, highest = band
    if command.price_ticks is not None and not lowest <= command.price_ticks <= highest:
        return rejected(
            Reject.PRICE_OUT_OF_BAND,
            "the price is too far from the market's price",
            lowest_ticks=lowest,
            highest_ticks=highest,
        )
    return ()


def account_refusal(account: Account, command: PlaceOrder) -> Events:
    client_id = command.client_id
    if client_id is not None:
        if not 0 <= client_id <= MAX_CLIENT_ID:
            return rejected(
                Reject.INVALID_ORDER, f"a client id is a whole number up to {MAX_CLIENT_ID}"
            )
        if client_id in account.client_ids:
            return rejected(
                Reject.DUPLICATE_CLIENT_ID, f"client id {client_id} is in use by an open order"
            )
    if len(account.orders) >= MAX_OPEN_ORDERS:
        return rejected(
            Reject.ORDER_LIMIT, f"at most {MAX_OPEN_ORDERS} orders may be open; cancel some first"
        )
    return ()


def market_price(
    state: State, listed: ListedMarket, command: PlaceOrder, *, owner: AccountId
) -> tuple[int, bool] | None:
    """Return the worst price in ticks of a market order, and whether its own tolerance sets it.

    None if it meets an empty side. A market order is an immediate limit order at the edge of the
    takers' and the price band, or of its slippage tolerance if that is nearer.
    """
    skips = owner if command.self_trade_prevention is REJECT_MAKER else None
    price = impact_price(state, listed, command.side, skips=skips)
    conditions = command.conditions
    if price is None or conditions is None or conditions.slippage is None:
        return None if price is None else (price, False)
    is_bid, slippage = command.side is BID, conditions.slippage
    best = best_opposite(listed, command.side, skips=skips)
    assert best is not None, "impact_price has found it"
    if slippage.ticks is not None:
        away = slippage.ticks
    else:
        assert slippage.ppb is not None, "checked by slippage_refusal"
        away = best * slippage.ppb // PPB
    nearest = best + away if is_bid else max(1, best - away)
    slips = nearest < price if is_bid else nearest > price
    return (nearest, True) if slips else (price, False)


def impact_price(
    state: State, listed: ListedMarket, side: Side, *, skips: AccountId | None = None
) -> int | None:
    """Return the worst price in ticks of a market order placed now; None on an empty side.

    `skips` is the owner whose orders it passes over.
    """
    price, band = worst_for_taker(state, listed, side, skips=skips), limit_band(state, listed)
    if price is None or band is None:
        return price
    return min(price, band[1]) if side is BID else max(price, band[0])


def reach_of(state: State, listed: ListedMarket, order: Order) -> int:
    """Return the worst price at which an order may take now: its own, unless a band is nearer."""
    price, terms = order.price, order.terms
    skips = order.owner if terms.self_trade_prevention is REJECT_MAKER else None
    worst = worst_for_taker(state, listed, terms.side, skips=skips)
    if worst is None:
        return price
    if order.is_bid:
        return worst if worst < price else price
    return worst if worst > price else price


def lots_bound(account: Account, listed: ListedMarket, command: PlaceOrder, *, price: int) -> int:
    """Return the lots asked for, clipped if reduce-only; for a quote quantity, the most it buys."""
    if command.lots is not None:
        if not command.reduce_only:
            return command.lots
        return min(command.lots, _reducible(account, listed, command))
    assert command.quote_atoms is not None, "checked by _market_refusal"
    if command.side is BID:
        best = listed.book.asks.best()
        assert best is not None, "checked by market_price"
        price = min(price, best.price)
    bound = command.quote_atoms // (max(price, 1) * listed.quote_atoms_per_tick)
    return min(bound, listed.market.max_lots)


def _reducible(account: Account, listed: ListedMarket, command: PlaceOrder) -> int:
    """Return how many lots a new reduce-only order could close.

    One that does not rest goes before those which do: they shrink as it fills.
    """
    position = account.positions.get(listed.market.symbol)
    if position is None:
        return 0
    if not (position.lots < 0 if command.side is BID else position.lots > 0):
        return 0
    rests = command.type is LIMIT and command.time_in_force is GTC
    return abs(position.lots) - (position.reduce_lots if rests else 0)
