"""Handlers of orders: place, cancel, cancel all."""

from engine import funds, matching
from engine.answers import Events, rejected
from engine.book import Order
from engine.catalog import MarketState
from engine.commands import (
    CancelAllOrders,
    CancelOrder,
    OrderType,
    PlaceOrder,
    Side,
    TimeInForce,
)
from engine.events import (
    Event,
    MovementSource,
    OrderExpired,
    OrderPlaced,
    OrdersCancelled,
    OrderStatus,
    OrderTerms,
)
from engine.fees import fee_of
from engine.margin import MarginType, collateral_micros, health, value_ceil
from engine.matching import Sweep
from engine.positions import Position
from engine.rejects import ExpiryReason, Reject
from engine.state import Account, ListedMarket, State
from engine.units import PPB, PRICE_SCALE, OrderId, div_ceil

# One account's live orders; it bounds memory and the length of a cancel-all.
MAX_OPEN_ORDERS = 5_000
MAX_CLIENT_ID = 2**32 - 1
MAX_QUOTE_ATOMS = 10**24


def place_order(state: State, command: PlaceOrder) -> Events:
    """Take what the book offers at the price or better, and rest with what is left."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    listed = state.markets.get(command.market)
    if listed is None:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    refusal = (
        _state_refusal(listed, command)
        or _shape_refusal(listed, command)
        or _price_refusal(state, listed, command)
        or _account_refusal(account, command)
    )
    if refusal:
        return refusal
    price = _limit_price(state, listed, command)
    if price is None:
        order = _order(state, account, command, price=0, lots=0)
        return _expired_at_once(state, order, ExpiryReason.INSUFFICIENT_LIQUIDITY)
    lots = _lots_bound(listed, command, price)
    if command.reduce_only:
        lots = min(lots, _reducible(account, listed, command.side))
        if lots <= 0:
            return rejected(
                Reject.REDUCE_ONLY_NOT_REDUCED, "there is no position left for it to reduce"
            )
    if lots < listed.market.min_lots and not command.reduce_only:
        return rejected(
            Reject.QUANTITY_TOO_SMALL,
            "the quantity is below the market's minimum",
            min_lots=listed.market.min_lots,
        )
    order = _order(state, account, command, price=price, lots=lots)
    if command.post_only and listed.book.crosses(price, is_bid=order.is_bid):
        return _expired_at_once(state, order, ExpiryReason.POST_ONLY_TAKER)
    taken = matching.sweep(listed, order)
    if command.time_in_force is TimeInForce.FOK and not _fills_whole(order, taken, listed):
        return _expired_at_once(state, order, ExpiryReason.FILL_OR_KILL)
    rests = _rests(command) and not taken.stopped
    resting_lots = order.lots_open - taken.lots if rests else 0
    if listed.is_perp:
        refusal = _perp_refusal(state, account, listed, order, taken=taken, resting=resting_lots)
    else:
        refusal = _reserve(state, account, listed, order, taken=taken, resting=resting_lots)
    if refusal:
        state.next_order_id = OrderId(state.next_order_id - 1)
        return refusal
    # Past this line the order must succeed.
    reason = matching.match(state, account, listed, order)
    return _finish(state, account, listed, order, reason=reason, rests=_rests(command))


def _rests(command: PlaceOrder) -> bool:
    return command.type is OrderType.LIMIT and command.time_in_force is TimeInForce.GTC


# -- checks, in order of precedence -------------------------------------------------------------


def _state_refusal(listed: ListedMarket, command: PlaceOrder) -> Events:
    state = listed.state
    symbol = listed.market.symbol
    if state is MarketState.OPEN:
        return ()
    if state is MarketState.CLOSED:
        return rejected(Reject.MARKET_CLOSED, f"{symbol} is closed")
    if state is MarketState.CANCEL_ONLY:
        return rejected(Reject.MARKET_CANCEL_ONLY, f"{symbol} accepts cancels only now")
    if state is MarketState.LIMIT_ONLY and command.type is OrderType.MARKET:
        return rejected(Reject.MARKET_LIMIT_ONLY, f"{symbol} accepts limit orders only now")
    if state is MarketState.POST_ONLY and not command.post_only:
        return rejected(Reject.MARKET_POST_ONLY, f"{symbol} accepts post-only orders only now")
    return ()


def _shape_refusal(listed: ListedMarket, command: PlaceOrder) -> Events:
    market = listed.market
    lots, quote, price = command.lots, command.quote_atoms, command.price_ticks
    if command.type is OrderType.LIMIT:
        if price is None or quote is not None:
            return rejected(Reject.INVALID_ORDER, "a limit order needs a price and a quantity")
        if not 0 < price <= market.max_price_ticks:
            return rejected(Reject.INVALID_PRICE, "the price is outside what the market allows")
        if command.post_only and command.time_in_force is not TimeInForce.GTC:
            return rejected(Reject.INVALID_ORDER, "a post-only order must be good till cancelled")
    else:
        if price is not None or command.post_only:
            return rejected(Reject.INVALID_ORDER, "a market order has no price and cannot post")
        if (lots is None) == (quote is None):
            return rejected(
                Reject.INVALID_ORDER, "a market order needs a quantity or a quote quantity"
            )
    if command.reduce_only and (not listed.is_perp or quote is not None):
        return rejected(
            Reject.INVALID_ORDER, "reduce-only is for perpetuals, by quantity of the position"
        )
    if quote is not None:
        if not 0 < quote <= MAX_QUOTE_ATOMS:
            return rejected(Reject.INVALID_QUANTITY, "the quote quantity must be above zero")
    elif lots is None or lots <= 0:
        return rejected(Reject.INVALID_QUANTITY, "the quantity must be above zero")
    elif lots < market.min_lots:
        return rejected(
            Reject.QUANTITY_TOO_SMALL,
            "the quantity is below the market's minimum",
            min_lots=market.min_lots,
        )
    elif lots > market.max_lots:
        return rejected(
            Reject.QUANTITY_TOO_LARGE,
            "the quantity is above the market's maximum",
            max_lots=market.max_lots,
        )
    return ()


def _reference_e8(state: State, listed: ListedMarket) -> int:
    """Return the price that bands are measured from, in quote × 1e8; 0 if there is none yet."""
    index = state.mark_e8(listed)
    quote = state.prices[listed.market.quote].index_e8
    if listed.is_perp:
        return index
    if index and quote:
        return index * PRICE_SCALE // quote
    last = listed.book.last_price
    return last * listed.market.tick_e8 if last is not None else 0


def _price_refusal(state: State, listed: ListedMarket, command: PlaceOrder) -> Events:
    reference = _reference_e8(state, listed)
    if listed.is_perp and not reference:
        return rejected(Reject.NO_PRICE, f"{listed.market.symbol} has no index price yet")
    if command.price_ticks is None or not reference:
        return ()
    market = listed.market
    price = command.price_ticks * market.tick_e8 * PPB
    if not reference * market.min_multiplier_ppb <= price <= reference * market.max_multiplier_ppb:
        return rejected(
            Reject.PRICE_OUT_OF_BAND,
            "the price is too far from the market's price",
            lowest_ticks=div_ceil(reference * market.min_multiplier_ppb, market.tick_e8 * PPB),
            highest_ticks=reference * market.max_multiplier_ppb // (market.tick_e8 * PPB),
        )
    return ()


def _account_refusal(account: Account, command: PlaceOrder) -> Events:
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


# -- what the order is ---------------------------------------------------------------------------


def _limit_price(state: State, listed: ListedMarket, command: PlaceOrder) -> int | None:
    """Return the worst price in ticks; None for a market order which meets an empty side.

    A market order is an immediate limit order at the edge of the impact and price bands.
    """
    if command.price_ticks is not None:
        return command.price_ticks
    market = listed.market
    is_bid = command.side is Side.BID
    best = listed.book.side(not is_bid).best()
    if best is None:
        return None
    reference = _reference_e8(state, listed)
    if is_bid:
        price = best.price * market.max_impact_ppb // PPB
        if reference:
            price = min(price, reference * market.max_multiplier_ppb // (market.tick_e8 * PPB))
        return price
    price = div_ceil(best.price * market.min_impact_ppb, PPB)
    if reference:
        price = max(price, div_ceil(reference * market.min_multiplier_ppb, market.tick_e8 * PPB))
    return price


def _lots_bound(listed: ListedMarket, command: PlaceOrder, price: int) -> int:
    """Return the lots asked for; for a quote quantity, the most it could come to."""
    if command.lots is not None:
        return command.lots
    assert command.quote_atoms is not None, "checked by _shape_refusal"
    if command.side is Side.BID:
        best = listed.book.asks.best()
        assert best is not None, "checked by _limit_price"
        price = min(price, best.price)
    bound = command.quote_atoms // (max(price, 1) * listed.quote_atoms_per_tick)
    return min(bound, listed.market.max_lots)


def _reducible(account: Account, listed: ListedMarket, side: Side) -> int:
    """Return how many lots a new reduce-only order on `side` could close."""
    position = account.positions.get(listed.market.symbol)
    if position is None:
        return 0
    closes = position.lots < 0 if side is Side.BID else position.lots > 0
    return abs(position.lots) - position.reduce_lots if closes else 0


def _order(state: State, account: Account, command: PlaceOrder, *, price: int, lots: int) -> Order:
    order_id = OrderId(state.next_order_id)
    state.next_order_id += 1
    terms = OrderTerms(
        order_id=order_id,
        account=command.account,
        market=command.market,
        side=command.side,
        type=command.type,
        price_ticks=command.price_ticks,
        lots=lots if command.lots is not None and lots else command.lots,
        quote_atoms=command.quote_atoms,
        time_in_force=command.time_in_force,
        self_trade_prevention=command.self_trade_prevention,
        post_only=command.post_only,
        reduce_only=command.reduce_only,
        client_id=command.client_id,
        created_at_ns=state.at_ns,
    )
    order = Order(terms, owner=account.owner, price=price, lots_open=lots)
    order.flags = (command.auto_borrow_repay, command.auto_lend)
    order.may_redeem = command.auto_lend_redeem
    order.may_borrow = command.auto_borrow
    return order


def _fills_whole(order: Order, taken: Sweep, listed: ListedMarket) -> bool:
    if taken.stopped:
        return False
    budget = order.terms.quote_atoms
    if budget is None:
        return taken.lots == order.lots_open
    return taken.lots > 0 and budget - taken.quote_atoms < (
        order.price * listed.quote_atoms_per_tick
    )


# -- what it needs -------------------------------------------------------------------------------


def _perp_refusal(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    taken: Sweep,
    resting: int,
) -> Events:
    """Refuse an order which initial margin would not carry once it has filled and rested."""
    market = listed.market
    is_new = market.symbol not in account.positions
    position = state.position(account, listed)
    if order.terms.reduce_only or _only_reduces(position, order):
        return ()
    funds.accrue_account(state, account)
    sign = 1 if order.is_bid else -1
    side = position.bids if order.is_bid else position.asks
    limit = market.open_interest_limit_lots
    grows = max(0, abs(position.lots + sign * order.lots_open) - abs(position.lots))
    over_limit = limit is not None and listed.perp_clearing().long_lots + grows > limit
    cost = sign * taken.quote_atoms + fee_of(taken.quote_atoms, market.taker_fee_ppm)
    rest_quote = listed.quote_atoms(order.price, resting)
    position.lots += sign * taken.lots
    position.quote -= cost
    position.order_quote += rest_quote
    if resting:
        side.add(order.price, resting)
    after = health(state, account, MarginType.INITIAL)
    if resting:
        side.remove(order.price, resting)
    position.order_quote -= rest_quote
    position.quote += cost
    position.lots -= sign * taken.lots
    if not over_limit and after.free >= 0:
        return ()
    if is_new:
        del account.positions[market.symbol]
        del listed.perp_clearing().positions[account.account_id]
    if over_limit:
        return rejected(
            Reject.OPEN_INTEREST_LIMIT,
            "the market's open interest is at its limit; reduce the size",
        )
    return rejected(
        Reject.INSUFFICIENT_MARGIN,
        "free equity does not carry this order; deposit, reduce its size or cancel other orders",
        equity_micros=after.equity,
        needed_micros=after.equity - after.free,
    )


def _only_reduces(position: Position, order: Order) -> bool:
    """Tell whether the position is closed at most, even if all orders on this side fill."""
    if order.is_bid:
        return position.lots + position.bids.lots + order.lots_open <= 0
    return position.lots - position.asks.lots - order.lots_open >= 0


def _reserve(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    taken: Sweep,
    resting: int,
) -> Events:
    """Hold what a spot order pays at most, and what it may borrow; or refuse and change nothing."""
    symbol = matching.paying_asset(listed, is_bid=order.is_bid)
    if order.is_bid:
        need = taken.quote_atoms + listed.quote_atoms(order.price, resting)
    else:
        need = listed.base_atoms(taken.lots + resting)
    holding = funds.accrue_holding(state, account, symbol)
    room = funds.redeemable(state, holding) if order.may_redeem else 0
    own = min(need, holding.available.atoms + room)
    short = need - own
    if short:
        refusal = _borrow_refusal(state, order, symbol, short=short, own=own)
        if refusal:
            return refusal
        if holding.lend_scaled and own - holding.available.atoms < state.pools[symbol].lend_atoms(
            holding.lend_scaled
        ):
            return rejected(
                Reject.BORROW_REQUIRES_LEND_REDEEM, f"redeem the {symbol} you lend before borrowing"
            )
    loss = _spot_loss(state, account, listed, order, taken=taken, resting=resting)
    margined = bool(short) or account.margined
    account.spot_loss_micros += loss
    if short:
        account.pending_borrow[symbol] = account.pending_borrow.get(symbol, 0) + short
    if margined:
        funds.accrue_account(state, account)
        after = health(state, account, MarginType.INITIAL)
        if after.free < 0:
            account.spot_loss_micros -= loss
            if short:
                order.borrow = short
                matching.lessen_borrow(account, order, symbol, short)
            return rejected(
                Reject.INSUFFICIENT_MARGIN,
                "free equity does not carry this order; deposit, reduce its size or cancel others",
                equity_micros=after.equity,
                needed_micros=after.equity - after.free,
            )
    order.loss_micros, order.borrow, order.locked = loss, short, own
    if own:
        funds.raise_available(state, holding, own, MovementSource.SPOT_MARGIN)
        funds.lock(state, holding, own)
    return ()


def _borrow_refusal(state: State, order: Order, symbol: str, *, short: int, own: int) -> Events:
    if not order.may_borrow:
        return rejected(
            Reject.INSUFFICIENT_FUNDS,
            f"there is not enough {symbol} available; deposit, or allow borrowing for this order",
            available=own,
            needed=own + short,
        )
    if short > state.pools[symbol].borrowable(state.at_ns):
        return rejected(
            Reject.INSUFFICIENT_SUPPLY,
            f"the {symbol} pool cannot lend that much now; reduce the size",
            borrowable=state.pools[symbol].borrowable(state.at_ns),
            needed=short,
        )
    return ()


def _spot_loss(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    taken: Sweep,
    resting: int,
) -> int:
    """Return how much collateral value the account loses at most when the order fills, in micros.

    What is paid counts at its highest weight, what is got at the weight of all that is then held.
    """
    lots = taken.lots + resting
    base_atoms = listed.base_atoms(lots)
    quote_atoms = taken.quote_atoms + listed.quote_atoms(order.price, resting)
    if order.is_bid:
        out_asset, out_atoms, in_asset, in_atoms = (
            listed.quote,
            quote_atoms,
            listed.base,
            base_atoms,
        )
    else:
        out_asset, out_atoms, in_asset, in_atoms = (
            listed.base,
            base_atoms,
            listed.quote,
            quote_atoms,
        )
    fee = fee_of(in_atoms, max(listed.market.taker_fee_ppm, listed.market.maker_fee_ppm))
    out_value = value_ceil(out_atoms, state.prices[out_asset.symbol].high_e8, out_asset)
    given = div_ceil(out_value * out_asset.haircut.weight_ppb, PPB)
    held = account.holding(in_asset.symbol)
    price = state.prices[in_asset.symbol].low_e8
    owned = held.available.atoms + held.locked.atoms
    owned += state.pools[in_asset.symbol].lend_atoms(held.lend_scaled)
    gained = collateral_micros(in_asset, owned + in_atoms - fee, price) - collateral_micros(
        in_asset, owned, price
    )
    return max(0, given - gained)


# -- what became of it ---------------------------------------------------------------------------


def _expired_at_once(state: State, order: Order, reason: ExpiryReason) -> Events:
    state.record.events.append(
        OrderExpired(terms=order.terms, executed_lots=0, executed_quote_atoms=0, reason=reason)
    )
    return (
        OrderPlaced(
            terms=order.terms,
            status=OrderStatus.EXPIRED,
            executed_lots=0,
            executed_quote_atoms=0,
            reason=reason,
        ),
    )


def _finish(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    reason: ExpiryReason | None,
    rests: bool,
) -> Events:
    """Rest or expire what is left, and answer with the order as it now stands."""
    if reason is None and order.lots_open and not rests:
        reason = (
            ExpiryReason.IMMEDIATE_OR_CANCEL
            if order.terms.type is OrderType.LIMIT
            else ExpiryReason.INSUFFICIENT_LIQUIDITY
        )
    if reason is None and not order.executed_lots and not order.lots_open:
        # A quote quantity that does not buy one lot at the price it met.
        reason = ExpiryReason.INSUFFICIENT_LIQUIDITY
    if reason is not None:
        order.lots_open = 0
    if not listed.is_perp:
        keep = matching.reserve_of(listed, order)
        matching.release(state, account, listed, order, keep=keep)
    if reason is not None:
        status = OrderStatus.EXPIRED
        state.record.events.append(
            OrderExpired(
                terms=order.terms,
                executed_lots=order.executed_lots,
                executed_quote_atoms=order.executed_quote,
                reason=reason,
            )
        )
    elif order.lots_open:
        status = OrderStatus.PARTIALLY_FILLED if order.executed_lots else OrderStatus.NEW
        matching.rest(state, account, listed, order)
    else:
        status = OrderStatus.FILLED
    return (
        OrderPlaced(
            terms=order.terms,
            status=status,
            executed_lots=order.executed_lots,
            executed_quote_atoms=order.executed_quote,
            reason=reason,
        ),
    )


# -- cancels -------------------------------------------------------------------------------------


def cancel_order(state: State, command: CancelOrder) -> Events:
    """Cancel one resting order of the account; another account's order is unknown to it."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if (command.order_id is None) == (command.client_id is None):
        return rejected(Reject.INVALID_ORDER, "name the order by its id or by its client id")
    if command.order_id is not None:
        order = account.orders.get(command.order_id)
    else:
        assert command.client_id is not None
        order = account.client_ids.get(command.client_id)
    if order is None or order.terms.market != command.market:
        return rejected(Reject.UNKNOWN_ORDER, "there is no such open order in this market")
    return (matching.cancel(state, state.markets[command.market], order),)


def cancel_all_orders(state: State, command: CancelAllOrders) -> Events:
    """Cancel all resting orders of the account, oldest first."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.market is not None and command.market not in state.markets:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    cancelled = tuple(
        matching.cancel(state, state.markets[order.terms.market], order)
        for order in list(account.orders.values())
        if command.market is None or order.terms.market == command.market
    )
    answer: tuple[Event, ...] = (OrdersCancelled(orders=cancelled),)
    return answer + cancelled
