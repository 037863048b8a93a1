"""An account's margin, positions and limits, computed by the engine's own functions over its rows.

The engine also averages prices over five minutes for initial margin; rows hold the latest price
only, so a figure here can stand a little better than what the engine demands while prices move.
"""

from typing import NamedTuple

from accounts.assets import SqrtText, ppb_text, sqrt_text
from accounts.selectors import subaccount_number
from engine.maintenance import Maintenance, maintenance
from engine.margin import (
    Health,
    MarginType,
    collateral_micros,
    fraction_ppb,
    health,
    value_floor,
    weight_ppb,
)
from engine.outlook import liquidation_e8, safe_prices
from engine.positions import Position as EnginePosition
from engine.state import Account, State
from engine.units import PPB, div_ceil
from gateway.decimals import format_decimal, format_ratio
from trading.account_states import load, owned_atoms

MICROS_DECIMALS = 6
PRICE_DECIMALS = 8
NO_PRICE = "0"


class CollateralRow(NamedTuple):
    symbol: str
    mark_price: str
    total_quantity: str
    balance_notional: str
    weight: str
    value: str
    open_order_quantity: str
    lend_quantity: str
    available_quantity: str


class MarginSummary(NamedTuple):
    assets_value: str
    liabilities: str
    collateral: list[CollateralRow]
    imf: str
    mmf: str
    margin_fraction: str | None
    net_equity: str
    net_equity_available: str
    net_equity_locked: str
    net_exposure_futures: str
    pnl_unrealized: str
    unsettled_equity: str = "0"


class PositionRow(NamedTuple):
    symbol: str
    position_id: str
    user: int
    subaccount: int | None
    net_quantity: str
    net_cost: str
    entry_price: str
    break_even_price: str
    mark_price: str
    liquidation_price: str
    pnl_realized: str
    pnl_unrealized: str
    net_exposure_quantity: str
    net_exposure_notional: str
    imf: str
    mmf: str
    imf_function: SqrtText
    mmf_function: SqrtText
    interest: str
    funding: str


class AccountLimits(NamedTuple):
    """What the account may owe (at its equity, and by its own limit) and hold at most, in USD."""

    borrow: str
    position: str


def margin_summary(account_id: int) -> MarginSummary:
    """Return the account's equity, what of it is locked, and its collateral by asset."""
    return margin_of(*load(account_id))


def margin_of(state: State, account: Account) -> MarginSummary:
    """Return the margin summary of an account which is loaded already."""
    initial = health(state, account, MarginType.INITIAL)
    kept = health(state, account, MarginType.MAINTENANCE)
    exposure = _exposure(initial)
    return MarginSummary(
        assets_value=_usd(kept.assets_value),
        liabilities=_usd(kept.liabilities_value),
        collateral=_collateral(state, account),
        imf=_fraction(initial.margin, exposure, PPB // account.leverage_limit),
        mmf=_fraction(kept.margin, exposure, 0),
        margin_fraction=format_ratio(kept.equity, exposure, digits=9) if exposure else None,
        net_equity=_usd(kept.equity),
        net_equity_available=_usd(max(0, initial.free)),
        net_equity_locked=_usd(initial.equity - initial.free),
        net_exposure_futures=_usd(initial.exposure),
        pnl_unrealized=_usd(kept.unrealized),
    )


def account_limits(account_id: int) -> AccountLimits:
    """Return the most that the account's equity carries as debt and as positions."""
    state, account = load(account_id)
    equity = max(0, health(state, account, MarginType.INITIAL).equity)
    fractions = [asset.borrow_imf.base_ppb for asset in state.assets.values() if asset.lendable]
    borrow = equity * PPB // min(fractions) if fractions else 0
    borrow = min(borrow, account.borrow_limit_micros)
    position = min(equity * account.leverage_limit, account.position_limit_micros)
    return AccountLimits(borrow=_usd(borrow), position=_usd(position))


def positions(account_id: int, *, user: int, symbol: str | None = None) -> list[PositionRow]:
    """Return the open positions, with the price that would liquidate each."""
    state, account = load(account_id)
    subaccount = subaccount_number(account_id)
    return [
        row._replace(user=user, subaccount=subaccount)
        for row in positions_of(state, account, symbol=symbol)
    ]


def positions_of(state: State, account: Account, *, symbol: str | None = None) -> list[PositionRow]:
    """Return the open positions of an account which is loaded already, without whose they are."""
    found = maintenance(state, account)
    return [
        _position_row(state, account, position)._replace(
            liquidation_price=_liquidation_price(state, account, position, found)
        )
        for market, position in account.positions.items()
        if position.lots and symbol in (None, market)
    ]


def _exposure(initial: Health) -> int:
    """Return the notional of positions at their worst, and of debts."""
    return initial.exposure + initial.liabilities_value


def _collateral(state: State, account: Account) -> list[CollateralRow]:
    rows = []
    for symbol, holding in account.holdings.items():
        pool, index = state.pools[symbol], state.prices[symbol].now_e8
        asset, owned = pool.asset, owned_atoms(state, account, symbol)
        if not owned:
            continue
        lent = pool.lend_atoms(holding.seizable_scaled, holding.bucket)
        notional = value_floor(owned, index, asset)
        rows.append(
            CollateralRow(
                symbol=symbol,
                mark_price=format_decimal(index, PRICE_DECIMALS),
                total_quantity=format_decimal(owned, asset.decimals),
                balance_notional=_usd(notional),
                weight=ppb_text(weight_ppb(asset.haircut, notional)),
                value=_usd(collateral_micros(asset, owned, index)),
                open_order_quantity=format_decimal(holding.locked.atoms, asset.decimals),
                lend_quantity=format_decimal(lent, asset.decimals),
                available_quantity=format_decimal(holding.available.atoms, asset.decimals),
            )
        )
    return rows


def _position_row(state: State, account: Account, position: EnginePosition) -> PositionRow:
    listed = state.markets[position.market]
    market, decimals = listed.market, listed.quote.decimals
    assert market.imf and market.mmf, f"{market.symbol} has no margin fractions"
    mark = state.mark_e8(listed)
    worst = position.worst_lots()
    notional = listed.notional(worst, mark)
    profit = listed.notional(position.lots, mark) - position.entry_quote
    floor_ppb = div_ceil(PPB, account.leverage_limit)
    # What is due for hours that are over counts, whether it has been paid yet or not.
    funding = position.funding - listed.owed_funding(position)
    break_even = position.entry_quote + position.fees - funding
    # The price of one base unit is quote atoms over base atoms, scaled by the two decimals.
    scale = 10**listed.base.decimals
    units = listed.base_atoms(position.lots) * 10**decimals
    return PositionRow(
        symbol=market.symbol,
        position_id=str(position.position_id),
        user=0,
        subaccount=None,
        net_quantity=format_decimal(listed.base_atoms(position.lots), listed.base.decimals),
        net_cost=format_decimal(position.entry_quote, decimals),
        entry_price=format_ratio(position.entry_quote * scale, units),
        break_even_price=format_ratio(break_even * scale, units),
        mark_price=format_decimal(mark, PRICE_DECIMALS),
        liquidation_price=NO_PRICE,
        pnl_realized=format_decimal(position.realized, decimals),
        pnl_unrealized=format_decimal(profit, decimals),
        net_exposure_quantity=format_decimal(listed.base_atoms(worst), listed.base.decimals),
        net_exposure_notional=format_decimal(notional, decimals),
        imf=ppb_text(fraction_ppb(market.imf, notional, at_least_ppb=floor_ppb)),
        mmf=ppb_text(fraction_ppb(market.mmf, notional)),
        imf_function=sqrt_text(market.imf),
        mmf_function=sqrt_text(market.mmf),
        interest=format_decimal(position.interest, decimals),
        funding=format_decimal(funding, decimals),
    )


def _liquidation_price(
    state: State, account: Account, position: EnginePosition, found: Maintenance
) -> str:
    """Return the mark at which the account would be liquidated if only this base's price moved."""
    listed = state.markets[position.market]
    if not found.is_met:
        return format_decimal(state.mark_e8(listed), PRICE_DECIMALS)
    ends = safe_prices(state, account, listed.market.base, found)
    return _end_text(liquidation_e8(state, listed, ends, lots=position.lots))


def liquidation_price(state: State, account: Account, asset: str, *, falls: bool) -> str:
    """Return the index, below or above that of now, which would liquidate the account; or "0"."""
    found = maintenance(state, account)
    if not found.is_met:
        return _end_text(state.prices[asset].now_e8)
    ends = safe_prices(state, account, asset, found)
    return _end_text(ends.lower_e8 if falls else ends.upper_e8)


def _end_text(price_e8: int | None) -> str:
    return NO_PRICE if price_e8 is None else format_decimal(price_e8, PRICE_DECIMALS)


def _fraction(margin: int, exposure: int, otherwise_ppb: int) -> str:
    if not exposure:
        return ppb_text(otherwise_ppb)
    return format_ratio(margin, exposure, digits=9)


def _usd(micros: int) -> str:
    return format_decimal(micros, MICROS_DECIMALS)
