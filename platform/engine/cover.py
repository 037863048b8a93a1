"""What an order needs: initial margin for a perpetual, money held or borrowed for spot."""

from engine import allowances, funds
from engine.answers import Events, rejected
from engine.book import Order
from engine.fees import fee_of
from engine.kinds import MovementSource, SystemOrder
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.loans import loan_refusal
from engine.margin import collateral_micros, forget_part, standing, value_ceil, worth_of
from engine.matching import Sweep
from engine.positions import Position
from engine.price_states import risk_refusal
from engine.rejects import Reject
from engine.resting import lessen_borrow, paying_asset
from engine.state import Account, State
from engine.units import MAX_ATOMS, PPB


def perp_refusal(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    taken: Sweep | None,
    resting: int,
) -> Events:
    """Refuse an order which initial margin would not carry once it has filled and rested.

    An order that meets nothing (`taken` is None) and is accepted stays counted in its position.
    """
    if order.terms.actor:
        beyond = member_refusal(state, account, listed, order, taken=taken, resting=resting)
        if beyond:
            return beyond
    position = account.positions.get(listed.market.symbol)
    is_new = position is None
    if position is None:
        position = state.position(account, listed)
    if order.terms.reduce_only or _only_reduces(position, order):
        if taken is None:
            position.add_order(order, resting)
        return ()
    refusal: Events = ()
    if listed.is_limited or account.position_limit_micros < MAX_ATOMS:
        lots = resting if taken is None else taken.lots + resting
        # Who quotes is met by those who reduce; a backstop takes over what is open already.
        is_new_risk = bool(listed.auction_ns) or (
            taken is not None and order.terms.system is not SystemOrder.LIQUIDATE_ON_BACKSTOP
        )
        refusal = risk_refusal(state, listed, is_new=is_new_risk) or _limit_refusal(
            account, listed, position, is_bid=order.is_bid, lots=lots
        )
    if not refusal:
        refusal = _margin_refusal(state, account, position, order, taken=taken, resting=resting)
    if refusal and is_new:
        forget_position(account, listed, position)
    return refusal


def member_refusal(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    taken: Sweep | None,
    resting: int,
) -> Events:
    """Refuse a member's order that takes and rests for more than the member may spend."""
    quote_atoms = listed.quote_atoms(order.price, resting)
    if taken is not None:
        quote_atoms += taken.quote_atoms
    return allowances.order_refusal(state, account, listed, order.terms, quote_atoms)


def _margin_refusal(
    state: State,
    account: Account,
    position: Position,
    order: Order,
    *,
    taken: Sweep | None,
    resting: int,
) -> Events:
    funds.accrue_account(state, account)
    if taken is None:
        position.add_order(order, resting)
        equity, needed = standing(state, account)
        if equity >= needed:
            return ()
        position.add_order(order, -resting)
    else:
        listed = state.markets[position.market]
        funded_hour = position.funded_hour
        cost = _suppose(position, listed, order, taken=taken, resting=resting)
        equity, needed = standing(state, account)
        _take_back(position, order, cost=cost, taken=taken, resting=resting)
        position.funded_hour = funded_hour
        if equity >= needed:
            return ()
    return rejected(
        Reject.INSUFFICIENT_MARGIN,
        "free equity does not carry this order; deposit, reduce its size or cancel other orders",
        equity_micros=equity,
        needed_micros=needed,
    )


def forget_position(account: Account, listed: ListedMarket, position: Position) -> None:
    """Drop a position which was opened to ask about an order, and has never held anything."""
    forget_part(account, position)
    del account.positions[position.market]
    del listed.perp_clearing().positions[account.account_id]


def _limit_refusal(
    account: Account,
    listed: ListedMarket,
    position: Position,
    *,
    is_bid: bool,
    lots: int,
) -> Events:
    """Refuse to open more than the market or the account allows.

    What the account's other orders of this side could open counts too, whoever they trade with.
    """
    held = position.lots if is_bid else -position.lots
    side = position.bids if is_bid else position.asks
    largest = held + side.lots + lots
    limit = listed.market.open_interest_limit_lots
    if limit is not None and listed.perp_clearing().long_lots + largest - max(held, 0) > limit:
        return rejected(
            Reject.OPEN_INTEREST_LIMIT,
            "the market's open interest is at its limit; reduce the size",
        )
    micros = position_limit_micros(account, listed)
    # Rounded up: the floor of the negative.
    notional = -listed.notional(-largest, listed.perp_mark().price.high_e8)
    if micros is not None and notional > micros:
        return rejected(
            Reject.POSITION_LIMIT,
            "with your open orders this would be more than you may hold here; reduce the size",
            limit_micros=micros,
            wanted_micros=notional,
        )
    return ()


def position_limit_micros(account: Account, listed: ListedMarket) -> int | None:
    """Return the most that the account may hold in a perpetual, at the mark; None: any size."""
    own = account.position_limit_micros
    return listed.market.position_limit_micros if own >= MAX_ATOMS else own


def _suppose(
    position: Position, listed: ListedMarket, order: Order, *, taken: Sweep, resting: int
) -> int:
    """Change the position as the order would; return what it pays for what it takes.

    The funding of past hours is for the lots held until now, and paid before the trade.
    """
    sign = 1 if order.is_bid else -1
    rate = listed.market.taker_fee_ppm if taken.fee_ppm is None else taken.fee_ppm
    fee = fee_of(taken.quote_atoms, rate)
    cost = sign * taken.quote_atoms + fee
    rates = listed.funding
    if rates is not None and position.funded_hour < rates.last_hour:
        cost += listed.owed_funding(position)
        position.funded_hour = rates.closed_hour
    position.lots += sign * taken.lots
    position.move_quote(-cost)
    if resting:
        position.add_order(order, resting)
    return cost


def _take_back(position: Position, order: Order, *, cost: int, taken: Sweep, resting: int) -> None:
    """Undo `_suppose`."""
    position.lots -= taken.lots if order.is_bid else -taken.lots
    position.move_quote(cost)
    if resting:
        position.add_order(order, -resting)


def _only_reduces(position: Position, order: Order) -> bool:
    """Tell whether the position is closed at most, even if all orders on this side fill."""
    if order.is_bid:
        return position.lots + position.bids.lots + order.lots_open <= 0
    return position.lots - position.asks.lots - order.lots_open >= 0


def reserve(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    taken: Sweep | None,
    resting: int,
) -> Events:
    """Hold what a spot order pays at most, and what it may borrow; or refuse and change nothing."""
    refusal = spot_refusal(state, account, listed, order, taken=taken, resting=resting)
    if order.locked:
        hold(state, account, listed, order)
    return refusal


def hold(state: State, account: Account, listed: ListedMarket, order: Order) -> None:
    """Hold the own money which `spot_refusal` has noted in an order."""
    holding = account.holdings[paying_asset(listed, is_bid=order.is_bid)]
    if holding.available.atoms < order.locked:
        funds.raise_available(state, holding, order.locked, MovementSource.SPOT_MARGIN)
    funds.lock(state, holding, order.locked)


def spot_refusal(
    state: State,
    account: Account,
    listed: ListedMarket,
    order: Order,
    *,
    taken: Sweep | None,
    resting: int,
) -> Events:
    """Refuse a spot order that is not covered; count what an accepted one may lose and borrow.

    What it is to lock is noted in the order, for `reserve`.
    """
    if order.terms.actor:
        beyond = member_refusal(state, account, listed, order, taken=taken, resting=resting)
        if beyond:
            return beyond
    market, lots = listed.market, resting
    quote_atoms = order.price * resting * listed.quote_atoms_per_tick
    if taken is not None:
        lots += taken.lots
        quote_atoms += taken.quote_atoms
    base_atoms = lots * market.lot_atoms
    symbol, need = (market.quote, quote_atoms) if order.is_bid else (market.base, base_atoms)
    holding = funds.accrue_holding(state, account, symbol)
    own = holding.available.atoms
    if holding.lend_scaled and order.may_redeem:
        own += funds.redeemable(state, holding)
    own = min(need, own)
    short = need - own
    if short:
        refusal = _borrow_refusal(state, account, order, holding, short=short, own=own)
        if refusal:
            return refusal
    loss = _spot_loss(
        state, account, listed, is_bid=order.is_bid, base=base_atoms, quote=quote_atoms
    )
    funds.accrue_account(state, account)
    account.spot_loss_micros += loss
    if short:
        account.pending_borrow[symbol] = account.pending_borrow.get(symbol, 0) + short
        account.standing.stale[holding] = None
    equity, needed = standing(state, account)
    if equity < needed and (short or needed > account.spot_loss_micros or account.has_positions):
        order.loss_micros, order.borrow = loss, short
        uncount(account, order, symbol)
        return rejected(
            Reject.INSUFFICIENT_MARGIN,
            "free equity does not carry this order; deposit, reduce its size or cancel others",
            equity_micros=equity,
            needed_micros=needed,
        )
    order.loss_micros, order.borrow, order.locked = loss, short, own
    return ()


def uncount(account: Account, order: Order, asset: str) -> None:
    """Take back what `spot_refusal` has counted to the account for an order paying in `asset`."""
    account.spot_loss_micros -= order.loss_micros
    if order.borrow:
        lessen_borrow(account, order, asset, order.borrow)
    order.loss_micros = order.locked = 0


def _borrow_refusal(
    state: State, account: Account, order: Order, holding: Holding, *, short: int, own: int
) -> Events:
    symbol, pool = holding.asset, state.pools[holding.asset]
    redeemed = max(0, own - holding.available.atoms)
    if not order.may_borrow:
        return rejected(
            Reject.INSUFFICIENT_FUNDS,
            f"there is not enough {symbol} available; deposit, or allow borrowing for this order",
            asset=symbol,
            available=own,
            needed=own + short,
        )
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    if redeemed < lent:
        return rejected(
            Reject.BORROW_REQUIRES_LEND_REDEEM,
            f"redeem the {symbol} you lend before borrowing",
            lent=lent,
        )
    return loan_refusal(state, account, holding, amount=short, redeemed=redeemed)


def _spot_loss(
    state: State, account: Account, listed: ListedMarket, *, is_bid: bool, base: int, quote: int
) -> int:
    """Return how much collateral value the account loses at most when the order fills, in micros.

    What is paid counts at its highest weight, what is got at the weight of all that is then held.
    """
    if is_bid:
        paid, paid_atoms, got, got_atoms = listed.quote, quote, listed.base, base
    else:
        paid, paid_atoms, got, got_atoms = listed.base, base, listed.quote, quote
    paid_value = value_ceil(paid_atoms, state.prices[paid.symbol].high_e8, paid)
    given = -(-paid_value * paid.haircut.weight_ppb // PPB)
    got_atoms -= fee_of(got_atoms, listed.worst_fee_ppm)
    held = account.holding(got.symbol)
    worth_before = worth_of(state, account, held)
    owned = held.available.atoms + held.locked.atoms
    if held.lend_scaled:
        owned += state.pools[got.symbol].lend_atoms(held.seizable_scaled, held.bucket)
    worth_after = collateral_micros(got, owned + got_atoms, state.prices[got.symbol].low_e8)
    return max(0, given - (worth_after - worth_before))
