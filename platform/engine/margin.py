"""Equity and margin of an account: a query over facts. It changes nothing.

    equity = Σ value × weight of what is owned − Σ what is owed + Σ unrealized profit
    margin = Σ worst-case notional × fraction + Σ debt × fraction
    free   = equity − margin − open loss − fee reserve

Positions are worth their mark, all else its index. Initial margin (orders, borrows, withdrawals)
takes the worse of a price and its five-minute average, counts open orders at their worst and open
profit up to the market's limit, and takes the stricter fractions. Maintenance margin takes the
price and positions only, so initial ≥ maintenance, always.
"""

from enum import Enum
from typing import NamedTuple

from engine.catalog import Asset, Fraction, Haircut
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.positions import OpenSide, Position
from engine.state import Account, Standing, State
from engine.units import MICROS, PPB, PPM, ROOT_SCALE, div_ceil, sqrt_ceil

_WEIGHT_SCALE = PPB * ROOT_SCALE
# By an asset's decimals: atoms × price_e8 // this = micros.
_MICROS_DIVISORS: tuple[int, ...] = tuple(10 ** (decimals + 2) for decimals in range(40))


class MarginType(Enum):
    INITIAL = "initial"
    MAINTENANCE = "maintenance"


class Health(NamedTuple):
    """All in micros of a dollar."""

    equity: int
    margin: int
    open_loss: int
    fee_reserve: int
    assets_value: int
    liabilities_value: int
    unrealized: int
    exposure: int

    @property
    def free(self) -> int:
        return self.equity - self.margin - self.open_loss - self.fee_reserve


def fraction_ppb(fraction: Fraction, notional_micros: int, *, at_least_ppb: int = 0) -> int:
    """Return max(base, factor × √notional in USD), rounded up.

    >>> fraction_ppb(Fraction(20_000_000, 60_000), 1_000_000 * MICROS)
    60000000
    """
    base = max(fraction.base_ppb, at_least_ppb)
    if not fraction.factor_ppb:
        return base
    root = sqrt_ceil(notional_micros * MICROS)
    return max(base, div_ceil(fraction.factor_ppb * root, ROOT_SCALE))


def weight_ppb(haircut: Haircut, value_micros: int) -> int:
    """Return min(weight, numerator / (1 + factor × √value in USD)), rounded down."""
    if not haircut.factor_ppb:
        return haircut.weight_ppb
    root = sqrt_ceil(value_micros * MICROS)
    scaled = haircut.numerator_ppb * _WEIGHT_SCALE // (_WEIGHT_SCALE + haircut.factor_ppb * root)
    return min(haircut.weight_ppb, scaled)


def value_floor(amount_atoms: int, price_e8: int, asset: Asset) -> int:
    """Return amount × price in micros, rounded down: what is owned."""
    return amount_atoms * price_e8 // _MICROS_DIVISORS[asset.decimals]


def value_ceil(amount_atoms: int, price_e8: int, asset: Asset) -> int:
    """Return amount × price in micros, rounded up: what is owed."""
    return -(-amount_atoms * price_e8 // _MICROS_DIVISORS[asset.decimals])


def collateral_micros(asset: Asset, amount_atoms: int, price_e8: int) -> int:
    """Return what `amount_atoms` counts as collateral: value × weight, rounded down."""
    value = amount_atoms * price_e8 // _MICROS_DIVISORS[asset.decimals]
    return value * weight_ppb(asset.haircut, value) // PPB


def unrealized(position: Position, listed: ListedMarket, price_e8: int) -> int:
    """Return lots × price + quote in quote atoms, rounded down, less funding it has yet to pay."""
    worth = listed.notional(position.lots, price_e8) + position.quote
    return worth - listed.owed_funding(position)


# What one holding or position adds to an account's health, in micros: value of assets, value of
# liabilities, unrealized profit, margin, open loss, fee reserve, exposure.
Part = tuple[int, int, int, int, int, int, int]
_NOTHING: Part = (0, 0, 0, 0, 0, 0, 0)


def health(state: State, account: Account, margin_type: MarginType) -> Health:
    """Return the account's equity and what it must keep, by `margin_type`.

    Pools of assets that the account lends or borrows must have been accrued.
    """
    initial = margin_type is MarginType.INITIAL
    parts = [
        _holding_part(state, account, holding, initial=initial)
        for holding in account.holdings.values()
    ]
    parts += [
        _position_part(state, account, position, initial=initial)
        for position in account.positions.values()
    ]
    assets, liabilities, profit, margin, open_loss, fees, exposure = map(
        sum, zip(_NOTHING, *parts, strict=True)
    )
    return Health(
        equity=assets - liabilities + profit,
        margin=margin,
        open_loss=open_loss + (account.spot_loss_micros if initial else 0),
        fee_reserve=fees,
        assets_value=assets,
        liabilities_value=liabilities,
        unrealized=profit,
        exposure=exposure,
    )


def standing(state: State, account: Account) -> tuple[int, int]:
    """Return initial (equity, needed) as `health` does, asking only about what has changed.

    `needed` is margin + open loss + fee reserve. The cost does not grow with the number of the
    account's orders, positions or assets, but with what moved since it was last asked.
    """
    found = account.standing
    if found.price_version != state.price_version:
        _ask_all_anew(state, account)
    stale = found.stale
    if stale:
        for thing in stale:
            if type(thing) is Position:
                new = _initial_position_part(state, account, thing)
            else:
                assert type(thing) is Holding
                new = _initial_holding_part(state, account, thing)
            old, thing.part = thing.part, new
            found.equity += new[0] - old[0]
            found.needed += new[1] - old[1]
        stale.clear()
        for holding in account.bearing:
            # Interest changes it all the time.
            stale[holding] = None
    return found.equity, found.needed + account.spot_loss_micros


def _ask_all_anew(state: State, account: Account) -> None:
    """Forget what was found: prices or the account's settings have changed."""
    found = account.standing
    found.price_version = state.price_version
    found.floor_ppb = div_ceil(PPB, account.leverage_limit)
    found.equity = found.needed = 0
    for things in (account.holdings, account.positions):
        for thing in things.values():
            thing.part = (0, 0)
            found.stale[thing] = None


def _take_part(found: Standing, thing: Holding | Position, new: tuple[int, int]) -> None:
    old_equity, old_needed = thing.part
    equity, needed = thing.part = new
    found.equity += equity - old_equity
    found.needed += needed - old_needed


def forget_part(account: Account, position: Position) -> None:
    """Take a position that is given up out of what was found."""
    _take_part(account.standing, position, (0, 0))
    account.standing.stale.pop(position, None)


def worth_of(state: State, account: Account, holding: Holding) -> int:
    """Return what all that is owned of one asset counts as initial collateral, in micros.

    Where interest does not change it, it is found once, for this and for the standing.
    """
    found = account.standing
    if found.price_version != state.price_version or holding in account.bearing:
        owned = holding.available.atoms + holding.locked.atoms
        owned += _backing_lend(state, holding)
        price_e8 = state.prices[holding.asset].low_e8
        return collateral_micros(state.assets[holding.asset], owned, price_e8)
    if holding in found.stale:
        _take_part(found, holding, _initial_holding_part(state, account, holding))
        del found.stale[holding]
    return holding.part[0]


def _initial_holding_part(state: State, account: Account, holding: Holding) -> tuple[int, int]:
    """Return what a holding adds to initial (equity, needed)."""
    symbol = holding.asset
    if holding.lend_scaled or holding.debt_scaled or symbol in account.pending_borrow:
        part = _holding_part(state, account, holding, initial=True)
        return part[0] - part[1], part[3]
    owned = holding.available.atoms + holding.locked.atoms
    return collateral_micros(state.assets[symbol], owned, state.prices[symbol].low_e8), 0


def _initial_position_part(state: State, account: Account, position: Position) -> tuple[int, int]:
    """Return what a position adds to initial (equity, needed), as `_position_part` finds it.

    Written out and without the fields that only `health` shows: each order asks for it.
    """
    listed = state.markets[position.market]
    market = listed.market
    price = listed.perp_mark().price
    lots, mark_e8 = position.lots, price.now_e8
    equity, needed = position.quote, 0
    if lots:
        equity += lots * market.lot_atoms * mark_e8 // listed.notional_divisor
        rates = listed.funding
        if rates is not None and position.funded_hour < rates.last_hour:
            equity -= listed.owed_funding(position)
    equity = min(equity, listed.profit_limit)
    worst = position.worst_lots()
    if worst:
        # Rounded up: the floor of the negative.
        notional = -(-worst * market.lot_atoms * price.high_e8 // listed.notional_divisor)
        fraction = market.imf
        assert fraction is not None, f"{position.market} has no margin fraction"
        floor_ppb = account.standing.floor_ppb
        if notional > listed.flat_imf_micros:
            kept = fraction_ppb(fraction, notional, at_least_ppb=floor_ppb)
        else:
            kept = fraction.base_ppb if fraction.base_ppb > floor_ppb else floor_ppb
        needed = -(-notional * kept // PPB)
    if position.order_ticks:
        needed += -(-position.order_ticks * listed.taker_fee_per_tick // PPM)
        needed += open_loss_of(position, listed, mark_e8)
    return equity, needed


def _backing_lend(state: State, holding: Holding) -> int:
    """Return what the account lends of one asset as collateral, in atoms, rounded down."""
    return state.pools[holding.asset].lend_atoms(holding.seizable_scaled, holding.bucket)


def debts_micros(state: State, account: Account, asset: str = "", more_atoms: int = 0) -> int:
    """Return what the account owes in all assets, with what its open orders would borrow.

    Each is valued at the higher of its index and five-minute average, rounded up; of `asset`,
    with `more_atoms` more.
    """
    total = 0
    owed = {holding.asset: holding.debt_scaled for holding in account.bearing}
    wanted = {**account.pending_borrow}
    if more_atoms:
        wanted[asset] = wanted.get(asset, 0) + more_atoms
    for symbol in sorted({*owed, *wanted}):
        atoms = state.pools[symbol].debt_atoms(owed.get(symbol, 0)) + wanted.get(symbol, 0)
        total += value_ceil(atoms, state.prices[symbol].high_e8, state.assets[symbol])
    return total


def _holding_part(state: State, account: Account, holding: Holding, *, initial: bool) -> Part:
    symbol = holding.asset
    price, asset = state.prices[symbol], state.assets[symbol]
    owned = holding.available.atoms + holding.locked.atoms
    if holding.lend_scaled:
        owned += _backing_lend(state, holding)
    worth = 0
    if owned:
        worth = collateral_micros(asset, owned, price.low_e8 if initial else price.now_e8)
    pending = account.pending_borrow.get(symbol, 0) if initial else 0
    if not holding.debt_scaled and not pending:
        return worth, 0, 0, 0, 0, 0, 0
    # Money that an order would borrow comes in as well as being owed: only its margin counts.
    high = price.high_e8 if initial else price.now_e8
    debt = state.pools[symbol].debt_atoms(holding.debt_scaled)
    owed = value_ceil(debt + pending, high, asset)
    fraction = asset.borrow_imf if initial else asset.borrow_mmf
    margin = div_ceil(owed * fraction_ppb(fraction, owed), PPB)
    return worth, value_ceil(debt, high, asset), 0, margin, 0, 0, 0


def _position_part(state: State, account: Account, position: Position, *, initial: bool) -> Part:
    listed = state.markets[position.market]
    market = listed.market
    price = listed.perp_mark().price
    profit = unrealized(position, listed, price.now_e8)
    if initial:
        fraction, lots, valued_at = market.imf, position.worst_lots(), price.high_e8
        floor_ppb = div_ceil(PPB, account.leverage_limit)
        profit = min(profit, listed.profit_limit)
    else:
        fraction, lots, valued_at = market.mmf, abs(position.lots), price.now_e8
        floor_ppb = 0
    assert fraction is not None, f"{market.symbol} has no margin fraction"
    margin = notional = open_loss = fee_reserve = 0
    if lots:
        # Rounded up: the floor of the negative.
        notional = -listed.notional(-lots, valued_at)
        kept = fraction_ppb(fraction, notional, at_least_ppb=floor_ppb)
        margin = div_ceil(notional * kept, PPB)
    if initial and position.order_ticks:
        open_loss = open_loss_of(position, listed, price.now_e8)
        reserved = position.order_ticks * listed.quote_atoms_per_tick
        fee_reserve = div_ceil(reserved * market.taker_fee_ppm, PPM)
    return 0, 0, profit, margin, open_loss, fee_reserve, notional


def open_loss_of(position: Position, listed: ListedMarket, mark_e8: int) -> int:
    """Return what resting orders priced worse than the mark would lose if they filled now.

    Σ lots × max(0, side × (limit − mark)). Only levels beyond the mark are visited.
    """
    loss = 0
    tick_e8 = listed.market.tick_e8
    bids, asks = position.bids.prices, position.asks.prices
    if bids and bids[-1] * tick_e8 > mark_e8:
        loss += _side_loss(position.bids, listed, mark_e8, is_bid=True)
    if asks and asks[0] * tick_e8 < mark_e8:
        loss += _side_loss(position.asks, listed, mark_e8, is_bid=False)
    return loss


def _side_loss(side: OpenSide, listed: ListedMarket, mark_e8: int, *, is_bid: bool) -> int:
    market, per_tick = listed.market, listed.quote_atoms_per_tick
    limit, lot_value = mark_e8 // market.tick_e8, market.lot_atoms * mark_e8
    loss = 0
    if is_bid:
        for price in reversed(side.prices):
            if price <= limit:
                break
            lots = side.by_price[price]
            loss += price * lots * per_tick - lots * lot_value // listed.notional_divisor
        return loss
    for price in side.prices:
        if price * market.tick_e8 >= mark_e8:
            break
        lots = side.by_price[price]
        loss += -(-lots * lot_value // listed.notional_divisor) - price * lots * per_tick
    return loss
