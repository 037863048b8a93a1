"""Equity and margin of an account: a query over facts. It changes nothing.

    equity = Σ value × weight of what is owned − Σ what is owed + Σ unrealized profit
    margin = Σ worst-case notional × fraction + Σ debt × fraction
    free   = equity − margin − open loss − fee reserve

Initial margin (orders, borrows, withdrawals) takes the worse of index and its five-minute average,
counts open orders at their worst, and the stricter fractions. Maintenance
margin takes the index and positions only, so initial ≥ maintenance, always.
"""

from enum import Enum
from typing import NamedTuple

from engine.catalog import Asset, Fraction, Haircut
from engine.ledger import Holding
from engine.positions import OpenSide, Position
from engine.state import Account, ListedMarket, Standing, State
from engine.units import PPB, PPM, div_ceil, sqrt_ceil

MICROS = 10**6
_ROOT_SCALE = 10**6  # √USD is carried with six decimals
_WEIGHT_SCALE = PPB * _ROOT_SCALE


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
    return max(base, div_ceil(fraction.factor_ppb * root, _ROOT_SCALE))


def weight_ppb(haircut: Haircut, value_micros: int) -> int:
    """Return min(weight, numerator / (1 + factor × √value in USD)), rounded down."""
    if not haircut.factor_ppb:
        return haircut.weight_ppb
    root = sqrt_ceil(value_micros * MICROS)
    scaled = haircut.numerator_ppb * _WEIGHT_SCALE // (_WEIGHT_SCALE + haircut.factor_ppb * root)
    return min(haircut.weight_ppb, scaled)


def value_floor(amount_atoms: int, price_e8: int, asset: Asset) -> int:
    """Return amount × price in micros, rounded down: what is owned."""
    return int(amount_atoms * price_e8 // 10 ** (asset.decimals + 2))


def value_ceil(amount_atoms: int, price_e8: int, asset: Asset) -> int:
    """Return amount × price in micros, rounded up: what is owed."""
    return -(-amount_atoms * price_e8 // int(10 ** (asset.decimals + 2)))


def collateral_micros(asset: Asset, amount_atoms: int, price_e8: int) -> int:
    """Return what `amount_atoms` counts as collateral: value × weight, rounded down."""
    value = value_floor(amount_atoms, price_e8, asset)
    return value * weight_ppb(asset.haircut, value) // PPB


def unrealized(position: Position, listed: ListedMarket, price_e8: int) -> int:
    """Return lots × price + quote in quote atoms, rounded down."""
    return listed.notional(position.lots, price_e8) + position.quote


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
    stale = found.stale
    if found.price_version != state.price_version:
        found.price_version = state.price_version
        found.parts.clear()
        found.equity = found.needed = 0
        stale.update(dict.fromkeys(account.holdings.values()))
        stale.update(dict.fromkeys(account.positions.values()))
    if stale:
        accruing = [
            thing
            for thing in stale
            if type(thing) is Holding and (thing.lend_scaled or thing.debt_scaled)
        ]
        for thing in stale:
            _take_part(found, thing, _initial_part(state, account, thing))
        stale.clear()
        for holding in accruing:
            stale[holding] = None
    return found.equity, found.needed + account.spot_loss_micros


def standing_if(state: State, account: Account, changed: Holding | Position) -> tuple[int, int]:
    """Return (equity, needed) with `changed` as it is now, whatever `standing` last found of it.

    For a caller that has changed it for the sake of argument, after asking for the standing.
    """
    found = account.standing
    found.supposed = new = _initial_part(state, account, changed)
    old = found.parts.get(changed, (0, 0))
    equity = found.equity + new[0] - old[0]
    return equity, found.needed + new[1] - old[1] + account.spot_loss_micros


def standing_came_true(account: Account, changed: Holding | Position) -> None:
    """Keep what `standing_if` found, if it was asked: `changed` is now what was supposed then."""
    found = account.standing
    if found.supposed is not None:
        _take_part(found, changed, found.supposed)
        found.stale.pop(changed, None)


def _take_part(found: Standing, thing: object, new: tuple[int, int]) -> None:
    old = found.parts.get(thing, (0, 0))
    found.parts[thing] = new
    found.equity += new[0] - old[0]
    found.needed += new[1] - old[1]


def _initial_part(state: State, account: Account, thing: object) -> tuple[int, int]:
    """Return what `thing` adds to initial (equity, needed)."""
    if type(thing) is Position:
        part = _position_part(state, account, thing, initial=True)
    else:
        assert type(thing) is Holding
        part = _holding_part(state, account, thing, initial=True)
    return part[0] - part[1] + part[2], part[3] + part[4] + part[5]


def _holding_part(state: State, account: Account, holding: Holding, *, initial: bool) -> Part:
    symbol = holding.asset
    price, asset = state.prices[symbol], state.assets[symbol]
    owned = holding.available.atoms + holding.locked.atoms
    if holding.lend_scaled:
        owned += state.pools[symbol].lend_atoms(holding.lend_scaled)
    worth = 0
    if owned:
        worth = collateral_micros(asset, owned, price.low_e8 if initial else price.index_e8)
    pending = account.pending_borrow.get(symbol, 0) if initial else 0
    if not holding.debt_scaled and not pending:
        return worth, 0, 0, 0, 0, 0, 0
    # Money that an order would borrow comes in as well as being owed: only its margin counts.
    high = price.high_e8 if initial else price.index_e8
    debt = state.pools[symbol].debt_atoms(holding.debt_scaled)
    owed = value_ceil(debt + pending, high, asset)
    fraction = asset.borrow_imf if initial else asset.borrow_mmf
    margin = div_ceil(owed * fraction_ppb(fraction, owed), PPB)
    return worth, value_ceil(debt, high, asset), 0, margin, 0, 0, 0


def _position_part(state: State, account: Account, position: Position, *, initial: bool) -> Part:
    listed = state.markets[position.market]
    market = listed.market
    price = state.prices[market.base]
    profit = unrealized(position, listed, price.index_e8)
    if initial:
        fraction, lots, valued_at = market.imf, position.worst_lots(), price.high_e8
        floor_ppb = div_ceil(PPB, account.leverage_limit)
    else:
        fraction, lots, valued_at = market.mmf, abs(position.lots), price.index_e8
        floor_ppb = 0
    assert fraction is not None, f"{market.symbol} has no margin fraction"
    margin = notional = open_loss = fee_reserve = 0
    if lots:
        # Rounded up: the floor of the negative.
        notional = -listed.notional(-lots, valued_at)
        kept = fraction_ppb(fraction, notional, at_least_ppb=floor_ppb)
        margin = div_ceil(notional * kept, PPB)
    if initial and position.order_ticks:
        open_loss = open_loss_of(position, listed, price.index_e8)
        reserved = position.order_ticks * listed.quote_atoms_per_tick
        fee_reserve = div_ceil(reserved * market.taker_fee_ppm, PPM)
    return 0, 0, profit, margin, open_loss, fee_reserve, notional


def open_loss_of(position: Position, listed: ListedMarket, mark_e8: int) -> int:
    """Return what resting orders priced worse than the mark would lose if they filled now.

    Σ lots × max(0, side × (limit − mark)). Only levels beyond the mark are visited.
    """
    loss = 0
    if position.bids.lots:
        loss += _side_loss(position.bids, listed, mark_e8, is_bid=True)
    if position.asks.lots:
        loss += _side_loss(position.asks, listed, mark_e8, is_bid=False)
    return loss


def _side_loss(side: OpenSide, listed: ListedMarket, mark_e8: int, *, is_bid: bool) -> int:
    tick_e8 = listed.market.tick_e8
    loss = 0
    for price in reversed(side.prices) if is_bid else side.prices:
        if price * tick_e8 <= mark_e8 if is_bid else price * tick_e8 >= mark_e8:
            break
        lots = side.by_price[price]
        cost = listed.quote_atoms(price, lots)
        if is_bid:
            loss += cost - listed.notional(lots, mark_e8)
        else:
            loss += -listed.notional(-lots, mark_e8) - cost
    return loss
