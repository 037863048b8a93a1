"""Accounts as the engine has them, made from rows: its own functions then answer about them.

However many accounts are asked for, each table is read once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from accounts.assets import prices_e8
from accounts.models import AccountSettings, Balance
from engine.fees import fee_of
from engine.funding_rates import FundedHour
from engine.listed_market import ListedMarket as EngineMarket
from engine.margin import collateral_micros, value_ceil
from engine.positions import Position as EnginePosition
from engine.state import Account, State
from engine.units import PPB, AccountId, div_ceil
from lending.selectors import lend_terms_of, pools
from trading.funding_models import FundingRate
from trading.listings import listed_markets
from trading.models import OPEN_STATUSES, Order, Position

HOUR_SECONDS = 3_600


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
    add_accounts(state, [account_id])
    return state.accounts[AccountId(account_id)]


def add_accounts(state: State, account_ids: Sequence[int]) -> None:
    """Add accounts with all that they hold. All must have been opened."""
    wanted = AccountSettings.objects.filter(account_id__in=account_ids)
    known = {row.account_id: row for row in wanted.values_list(named=True)}
    for number in account_ids:
        settings = known[number]
        account = Account(AccountId(number), AccountId(settings.owner_id))
        account.auto_lend = settings.auto_lend
        account.leverage_limit = settings.leverage_limit
        account.borrow_limit_micros = settings.borrow_limit_micros
        account.position_limit_micros = settings.position_limit_micros
        state.accounts[account.account_id] = account
    _add_balances(state, account_ids)
    held = []
    rows = Position.objects.filter(account_id__in=account_ids).exclude(lots=0, quote_atoms=0)
    for row in rows.order_by("id").values_list(named=True):
        account = state.accounts[AccountId(row.account_id)]
        position = state.position(account, state.markets[row.market])
        _fill_position(position, row)
        if position.lots:
            held.append(position)
    _add_unpaid_hours(state, held)
    _add_orders(state, account_ids)


def _add_balances(state: State, account_ids: Sequence[int]) -> None:
    terms = lend_terms_of(account_ids)
    columns = ("available", "locked", "lend_scaled", "debt_scaled", "lend_bucket")
    rows = Balance.objects.filter(account_id__in=account_ids).order_by("account_id", "asset")
    for number, asset, *amounts in rows.values_list("account_id", "asset", *columns).iterator(
        5_000
    ):
        available, locked, lend_scaled, debt_scaled, bucket = map(int, amounts)
        holding = state.accounts[AccountId(number)].holding(asset)
        holding.available.atoms, holding.locked.atoms = available, locked
        holding.lend_scaled, holding.debt_scaled = lend_scaled, debt_scaled
        holding.bucket = bucket
        holding.terms = terms.get((number, asset), holding.terms)
        holding.note_interest()


def _fill_position(position: EnginePosition, row: Any) -> None:
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


def _add_unpaid_hours(state: State, held: Sequence[EnginePosition]) -> None:
    """Add the hours whose funding some of the positions have yet to pay or get."""
    if not held:
        return
    since = min(position.funded_hour for position in held) * HOUR_SECONDS
    rows = FundingRate.objects.filter(
        market__in={position.market for position in held},
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


def _add_orders(state: State, account_ids: Sequence[int]) -> None:
    """Add what open orders could lead to: sums by side for perps, debts and losses for spot."""
    needed: dict[tuple[AccountId, str], int] = {}
    resting = Order.objects.filter(account_id__in=account_ids, status__in=OPEN_STATUSES)
    for order in resting.exclude(price_ticks=None).order_by("id"):
        account = state.accounts[AccountId(order.account_id)]
        listed, is_bid = state.markets[order.market], order.side == "Bid"
        price, lots = int(order.price_ticks or 0), order.lots_open
        if listed.is_perp:
            if not order.reduce_only:
                position = state.position(account, listed)
                (position.bids if is_bid else position.asks).add(price, lots)
                position.order_ticks += lots * price
            continue
        paid = listed.quote_atoms(price, lots) if is_bid else listed.base_atoms(lots)
        key = account.account_id, (listed.quote if is_bid else listed.base).symbol
        needed[key] = needed.get(key, 0) + paid
        account.spot_loss_micros += _spot_loss(
            state, account, listed, is_bid=is_bid, price=price, lots=lots
        )
    for (number, symbol), atoms in needed.items():
        account = state.accounts[number]
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
    owned, mark = owned_atoms(state, account, got.symbol), state.prices[got.symbol].low_e8
    before = collateral_micros(got, owned, mark)
    return max(0, lost - (collateral_micros(got, owned + got_atoms, mark) - before))


def owned_atoms(state: State, account: Account, symbol: str) -> int:
    """Return what the account owns of an asset, lent or not, and counts as collateral."""
    holding = account.holdings.get(symbol)
    if holding is None:
        return 0
    lent = state.pools[symbol].lend_atoms(holding.seizable_scaled, holding.bucket)
    return holding.available.atoms + holding.locked.atoms + lent
