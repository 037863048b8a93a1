"""An account's margin, positions and limits, computed by the engine's own functions over its rows.

The engine also averages prices over five minutes for initial margin; rows hold the latest price
only, so a figure here can stand a little better than what the engine demands while prices move.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from accounts.assets import SqrtText, ppb_text, prices_e8, sqrt_text
from accounts.models import AccountSettings, Balance
from accounts.selectors import subaccount_number
from engine.fees import fee_of
from engine.funding_rates import FundedHour
from engine.ledger import NO_TERMS
from engine.listed_market import ListedMarket as EngineMarket
from engine.maintenance import Maintenance, maintenance
from engine.margin import (
    Health,
    MarginType,
    collateral_micros,
    fraction_ppb,
    health,
    value_ceil,
    value_floor,
    weight_ppb,
)
from engine.outlook import liquidation_e8, safe_prices
from engine.positions import Position as EnginePosition
from engine.state import Account, State
from engine.units import PPB, AccountId, div_ceil
from gateway.decimals import format_decimal, format_ratio
from lending.selectors import lend_terms, pools
from trading.funding_models import FundingRate
from trading.listings import listed_markets
from trading.models import OPEN_STATUSES, Order, Position

MICROS_DECIMALS = 6
PRICE_DECIMALS = 8
NO_PRICE = "0"
HOUR_SECONDS = 3_600


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


def load(account_id: int) -> tuple[State, Account]:
    """Return a small engine state which holds the catalog, the pools and this one account."""
    state = market_state()
    return state, add_account(state, account_id)


def market_state() -> State:
    """Return a small engine state which holds the catalog, the prices and the pools."""
    state = State()
    by_asset, prices = pools(), prices_e8()
    for symbol, pool in by_asset.items():
        state.list_asset(pool.asset)
        state.pools[symbol] = pool
        if symbol in prices:
            state.prices[symbol].update(prices[symbol], 0)
    for listed in listed_markets().values():
        state.list_market(listed.market, listed.quote_atoms_per_tick)
        if listed.is_perp and listed.symbol in prices:
            state.markets[listed.symbol].perp_mark().set(prices[listed.symbol], 0)
    return state


def add_account(state: State, account_id: int) -> Account:
    """Add an account with all that it holds, and return it."""
    account = _account(account_id)
    state.accounts[account.account_id] = account
    for row in Position.objects.filter(account_id=account_id).exclude(lots=0, quote_atoms=0):
        _fill_position(state.position(account, state.markets[row.market]), row)
    _add_unpaid_hours(state, account)
    _add_orders(state, account)
    return account


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


def _account(account_id: int) -> Account:
    settings = AccountSettings.objects.get(account_id=account_id)
    account = Account(AccountId(account_id), AccountId(settings.owner_id))
    account.auto_lend = settings.auto_lend
    account.leverage_limit = settings.leverage_limit
    account.borrow_limit_micros = settings.borrow_limit_micros
    account.position_limit_micros = settings.position_limit_micros
    terms = lend_terms(account_id)
    for row in Balance.objects.filter(account_id=account_id).order_by("asset"):
        holding = account.holding(row.asset)
        holding.available.atoms = int(row.available)
        holding.locked.atoms = int(row.locked)
        holding.lend_scaled = int(row.lend_scaled)
        holding.debt_scaled = int(row.debt_scaled)
        holding.bucket = row.lend_bucket
        holding.terms = terms.get(row.asset, NO_TERMS)
        holding.note_interest()
    return account


def _fill_position(position: EnginePosition, row: Position) -> None:
    position.position_id = row.position_id
    position.lots = row.lots
    position.quote = int(row.quote_atoms)
    position.entry_quote = int(row.entry_quote_atoms)
    position.realized = int(row.realized_atoms)
    position.fees = int(row.fees_atoms)
    position.interest = int(row.interest_atoms)
    position.funding = int(row.funding_atoms)
    if row.funded_until is not None:
        position.funded_hour = int(row.funded_until.timestamp()) // HOUR_SECONDS
    position.closed_lots = row.closed_lots
    position.closed_quote = int(row.closed_quote_atoms)


def _add_unpaid_hours(state: State, account: Account) -> None:
    """Add the hours whose funding some position of the account has yet to pay or get."""
    held = [position for position in account.positions.values() if position.lots]
    if not held:
        return
    since = min(position.funded_hour for position in held) * HOUR_SECONDS
    rows = FundingRate.objects.filter(
        market__in=[position.market for position in held],
        ends_at__gt=datetime.fromtimestamp(since, UTC),
        mark_e8__isnull=False,
    )
    unpaid: dict[str, list[FundedHour]] = {}
    for row in rows.exclude(rate_ppb=0).order_by("ends_at"):
        hour = int(row.ends_at.timestamp()) // HOUR_SECONDS
        unpaid.setdefault(row.market, []).append(FundedHour(hour, row.rate_ppb, int(row.mark_e8)))
    for market, hours in unpaid.items():
        funding = state.markets[market].perp_funding()
        # The state may hold an account that has more to pay.
        if len(hours) > len(funding.unpaid):
            funding.owe(hours)


def _add_orders(state: State, account: Account) -> None:
    """Add what open orders could lead to: sums by side for perps, debts and losses for spot."""
    needed: dict[str, int] = {}
    resting = Order.objects.filter(account_id=account.account_id, status__in=OPEN_STATUSES)
    for order in resting.exclude(price_ticks=None):
        listed, is_bid = state.markets[order.market], order.side == "Bid"
        price, lots = int(order.price_ticks or 0), order.lots_open
        if listed.is_perp:
            if not order.reduce_only:
                position = state.position(account, listed)
                (position.bids if is_bid else position.asks).add(price, lots)
                position.order_ticks += lots * price
            continue
        paid = listed.quote_atoms(price, lots) if is_bid else listed.base_atoms(lots)
        symbol = (listed.quote if is_bid else listed.base).symbol
        needed[symbol] = needed.get(symbol, 0) + paid
        account.spot_loss_micros += _spot_loss(
            state, account, listed, is_bid=is_bid, price=price, lots=lots
        )
    for symbol, atoms in needed.items():
        # What orders need beyond the money held for them, they would borrow.
        short = atoms - account.holding(symbol).locked.atoms
        if short > 0:
            account.pending_borrow[symbol] = short


def _spot_loss(
    state: State, account: Account, listed: EngineMarket, *, is_bid: bool, price: int, lots: int
) -> int:
    """Return the collateral value lost if the order filled: what is got may count for less."""
    quote, base = listed.quote_atoms(price, lots), listed.base_atoms(lots)
    given, given_atoms, got, got_atoms = listed.base, base, listed.quote, quote
    if is_bid:
        given, given_atoms, got, got_atoms = listed.quote, quote, listed.base, base
    got_atoms -= fee_of(got_atoms, max(listed.market.taker_fee_ppm, listed.market.maker_fee_ppm))
    value = value_ceil(given_atoms, state.prices[given.symbol].high_e8, given)
    lost = div_ceil(value * given.haircut.weight_ppb, PPB)
    owned, mark = _owned(state, account, got.symbol), state.prices[got.symbol].low_e8
    before = collateral_micros(got, owned, mark)
    return max(0, lost - (collateral_micros(got, owned + got_atoms, mark) - before))


def _owned(state: State, account: Account, symbol: str) -> int:
    holding = account.holdings.get(symbol)
    if holding is None:
        return 0
    lent = state.pools[symbol].lend_atoms(holding.seizable_scaled, holding.bucket)
    return holding.available.atoms + holding.locked.atoms + lent


def _exposure(initial: Health) -> int:
    """Return the notional of positions at their worst, and of debts."""
    return initial.exposure + initial.liabilities_value


def _collateral(state: State, account: Account) -> list[CollateralRow]:
    rows = []
    for symbol, holding in account.holdings.items():
        pool, index = state.pools[symbol], state.prices[symbol].now_e8
        asset, owned = pool.asset, _owned(state, account, symbol)
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
