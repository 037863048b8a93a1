"""What an order needs: initial margin for a perpetual, money held or borrowed for spot."""

from engine import funds
from engine.answers import Events, rejected
from engine.book import Order
from engine.events import MovementSource
from engine.fees import fee_of
from engine.margin import collateral_micros, standing, standing_if, value_ceil
from engine.matching import Sweep
from engine.positions import Position
from engine.rejects import Reject
from engine.resting import lessen_borrow, paying_asset
from engine.state import Account, ListedMarket, State
from engine.units import PPB, div_ceil


def perp_refusal(
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
    account.standing.supposed = None
    if order.terms.reduce_only or _only_reduces(position, order):
        return ()
    funds.accrue_account(state, account)
    standing(state, account)
    sign = 1 if order.is_bid else -1
    side = position.bids if order.is_bid else position.asks
    limit = market.open_interest_limit_lots
    grows = max(0, abs(position.lots + sign * order.lots_open) - abs(position.lots))
    over_limit = limit is not None and listed.perp_clearing().long_lots + grows > limit
    cost = sign * taken.quote_atoms + fee_of(taken.quote_atoms, market.taker_fee_ppm)
    position.lots += sign * taken.lots
    position.quote -= cost
    position.order_ticks += order.price * resting
    if resting:
        side.add(order.price, resting)
    equity, needed = standing_if(state, account, position)
    if resting:
        side.remove(order.price, resting)
    position.order_ticks -= order.price * resting
    position.quote += cost
    position.lots -= sign * taken.lots
    if not over_limit and equity >= needed:
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
        equity_micros=equity,
        needed_micros=needed,
    )


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
    taken: Sweep,
    resting: int,
) -> Events:
    """Hold what a spot order pays at most, and what it may borrow; or refuse and change nothing."""
    symbol = paying_asset(listed, is_bid=order.is_bid)
    if order.is_bid:
        need = taken.quote_atoms + listed.quote_atoms(order.price, resting)
    else:
        need = listed.base_atoms(taken.lots + resting)
    holding = funds.accrue_holding(state, account, symbol)
    room = funds.redeemable(state, holding) if order.may_redeem else 0
    own = min(need, holding.available.atoms + room)
    short = need - own
    if short:
        redeemed = max(0, own - holding.available.atoms)
        refusal = _borrow_refusal(state, order, symbol, short=short, own=own, redeemed=redeemed)
        if refusal:
            return refusal
        if holding.lend_scaled and own - holding.available.atoms < state.pools[symbol].lend_atoms(
            holding.lend_scaled
        ):
            return rejected(
                Reject.BORROW_REQUIRES_LEND_REDEEM, f"redeem the {symbol} you lend before borrowing"
            )
    loss = _spot_loss(state, account, listed, order, taken=taken, resting=resting)
    funds.accrue_account(state, account)
    equity, needed = standing(state, account)
    account.spot_loss_micros += loss
    if short:
        account.pending_borrow[symbol] = account.pending_borrow.get(symbol, 0) + short
        equity, needed = standing_if(state, account, holding)
    else:
        needed += loss
    if equity < needed and (short or needed > account.spot_loss_micros or account.has_positions):
        account.spot_loss_micros -= loss
        if short:
            order.borrow = short
            lessen_borrow(account, order, symbol, short)
        return rejected(
            Reject.INSUFFICIENT_MARGIN,
            "free equity does not carry this order; deposit, reduce its size or cancel others",
            equity_micros=equity,
            needed_micros=needed,
        )
    if short:
        account.standing.stale[holding] = None
    order.loss_micros, order.borrow, order.locked = loss, short, own
    if own:
        funds.raise_available(state, holding, own, MovementSource.SPOT_MARGIN)
        funds.lock(state, holding, own)
    return ()


def _borrow_refusal(
    state: State, order: Order, symbol: str, *, short: int, own: int, redeemed: int
) -> Events:
    if not order.may_borrow:
        return rejected(
            Reject.INSUFFICIENT_FUNDS,
            f"there is not enough {symbol} available; deposit, or allow borrowing for this order",
            asset=symbol,
            available=own,
            needed=own + short,
        )
    borrowable = state.pools[symbol].borrowable(state.at_ns, redeemed_atoms=redeemed)
    if short > borrowable:
        return rejected(
            Reject.INSUFFICIENT_SUPPLY,
            f"the {symbol} pool cannot lend that much now; reduce the size",
            asset=symbol,
            borrowable=borrowable,
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
