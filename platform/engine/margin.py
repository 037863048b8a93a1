"""Equity and margin of an account: a query over facts. It changes nothing.

    equity = Σ value × weight of what is owned − Σ what is owed + Σ unrealized profit
    margin = Σ worst-case notional × fraction + Σ debt × fraction
    free   = equity − margin − open loss − fee reserve

Initial margin (orders, borrows, withdrawals) takes the worse of index and its five-minute average,
counts open orders at their worst, and the stricter fractions. Maintenance margin takes the index and
positions only, so initial ≥ maintenance, always.
"""

from enum import Enum
from typing import NamedTuple

from engine.catalog import Asset, Fraction, Haircut
from engine.ledger import Holding
from engine.positions import OpenSide, Position
from engine.state import Account, ListedMarket, State
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


def health(state: State, account: Account, margin_type: MarginType) -> Health:
    """Return the account's equity and what it must keep, by `margin_type`.

    Pools of assets that the account lends or borrows must have been accrued.
    """
    initial = margin_type is MarginType.INITIAL
    assets_value = liabilities = margin = 0
    for symbol, holding in account.holdings.items():
        price = state.prices[symbol]
        owned = holding.available.atoms + holding.locked.atoms
        if holding.lend_scaled:
            owned += state.pools[symbol].lend_atoms(holding.lend_scaled)
        if owned:
            assets_value += _collateral(
                holding, state.assets[symbol], owned, price.low_e8 if initial else price.index_e8
            )
        if holding.debt_scaled or (initial and symbol in account.pending_borrow):
            owed, kept = _debt(state, account, holding, initial=initial)
            liabilities += owed
            margin += kept
    profit = open_loss = fee_reserve = exposure = 0
    floor_ppb = div_ceil(PPB, account.leverage_limit) if initial else 0
    for symbol, position in account.positions.items():
        if position.idle:
            continue
        listed = state.markets[symbol]
        price = state.prices[listed.market.base]
        profit += unrealized(position, listed, price.index_e8)
        lots = position.worst_lots() if initial else abs(position.lots)
        high = price.high_e8 if initial else price.index_e8
        notional, kept = _exposure(position, listed, lots=lots, price_e8=high, floor_ppb=floor_ppb)
        exposure += notional
        margin += kept
        if initial:
            open_loss += open_loss_of(position, listed, price.index_e8)
            fee_reserve += div_ceil(position.order_quote * listed.market.taker_fee_ppm, PPM)
    return Health(
        equity=assets_value - liabilities + profit,
        margin=margin,
        open_loss=open_loss + (account.spot_loss_micros if initial else 0),
        fee_reserve=fee_reserve,
        assets_value=assets_value,
        liabilities_value=liabilities,
        unrealized=profit,
        exposure=exposure,
    )


def _collateral(holding: Holding, asset: Asset, owned: int, price_e8: int) -> int:
    """Return what is owned as collateral; asked again about the same, it answers from its memo."""
    memo = holding.memo
    if memo[0] == owned and memo[1] == price_e8:
        return memo[2]
    value = collateral_micros(asset, owned, price_e8)
    holding.memo = (owned, price_e8, value)
    return value


def _debt(state: State, account: Account, holding: Holding, *, initial: bool) -> tuple[int, int]:
    """Return what is owed and the margin for it, in micros.

    Money that an order would borrow comes in as well as being owed: only its margin counts.
    """
    symbol = holding.asset
    asset, price = state.assets[symbol], state.prices[symbol]
    high = price.high_e8 if initial else price.index_e8
    debt = state.pools[symbol].debt_atoms(holding.debt_scaled)
    pending = account.pending_borrow.get(symbol, 0) if initial else 0
    owed = value_ceil(debt + pending, high, asset)
    fraction = asset.borrow_imf if initial else asset.borrow_mmf
    kept = div_ceil(owed * fraction_ppb(fraction, owed), PPB)
    return value_ceil(debt, high, asset), kept


def _exposure(
    position: Position, listed: ListedMarket, *, lots: int, price_e8: int, floor_ppb: int
) -> tuple[int, int]:
    """Return the notional of `lots`, rounded up, and its margin, at least `floor_ppb` of it.

    `floor_ppb` is 0 for maintenance margin.
    """
    memo = position.memo
    if memo[0] == lots and memo[1] == price_e8 and memo[2] == floor_ppb:
        return memo[3], memo[4]
    notional = -listed.notional(-lots, price_e8)
    fraction = listed.market.imf if floor_ppb else listed.market.mmf
    assert fraction is not None, f"{listed.market.symbol} has no margin fraction"
    kept = div_ceil(notional * fraction_ppb(fraction, notional, at_least_ppb=floor_ppb), PPB)
    position.memo = (lots, price_e8, floor_ppb, notional, kept)
    return notional, kept


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
