"""A private copy of one account and of what an act of its would touch, for questions.

Whatever is done to the copy, the exchange itself stays as it is. The copy shares with it only what
no check changes: prices, books, other accounts, the parameters of what is listed.
"""

from collections.abc import Iterable
from typing import NamedTuple

from engine.allowance import Allowance
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.pools import Pool
from engine.positions import OpenSide, Position
from engine.record import Record
from engine.snapshot import BUCKET_FIELDS, POOL_FIELDS, POSITION_FIELDS, SETTING_FIELDS
from engine.snapshot_risk import ALLOWANCE_FIELDS
from engine.state import Account, State

ACCOUNT_FIELDS = (*SETTING_FIELDS, "state")


class Supposed(NamedTuple):
    """A state in which `account` may act without consequences."""

    state: State
    account: Account


def suppose(
    state: State, account: Account, *, at_ns: int, assets: Iterable[str], market: str | None = None
) -> Supposed:
    """Return a state at `at_ns` with copies of `account`, of its pools and those of `assets`.

    Of the markets, `market` is copied; its book is the exchange's own.
    """
    copy = State()
    copy.sequence, copy.at_ns = state.sequence, at_ns
    copy.assets, copy.prices = state.assets, state.prices
    copy.price_version = state.price_version
    copy.accounts = state.accounts
    copy.next_order_id = state.next_order_id
    touched = dict.fromkeys((*account.holdings, *account.pending_borrow, *assets))
    copy.pools = {**state.pools}
    for symbol in touched:
        copy.pools[symbol] = copy_pool(state.pools[symbol], copy.record)
    copy.markets = {**state.markets}
    if market is not None:
        copy.markets[market] = copy_market(state.markets[market], copy.record)
    return Supposed(copy, copy_account(account))


def assign(copy: object, original: object, fields: tuple[str, ...]) -> None:
    """Give `copy` the original's values of some fields."""
    for field in fields:
        setattr(copy, field, getattr(original, field))


def copy_pool(pool: Pool, record: Record) -> Pool:
    """Return a pool which tells `record` what changes."""
    copy = Pool(pool.asset, record, pool.accrued_at_ns)
    copy.state, copy.cash.atoms = pool.state, pool.cash.atoms
    for bucket, original in zip(copy.buckets, pool.buckets, strict=True):
        assign(bucket, original, BUCKET_FIELDS)
    copy.live = [bucket for bucket in copy.buckets if bucket.scaled]
    assign(copy, pool, POOL_FIELDS)
    return copy


def copy_market(listed: ListedMarket, record: Record) -> ListedMarket:
    """Return a market with the book, mark and funding of the original, and no positions."""
    copy = ListedMarket(
        listed.market,
        listed.base,
        listed.quote,
        per_tick=listed.quote_atoms_per_tick,
        record=record,
    )
    copy.state, copy.book = listed.state, listed.book
    copy.mark, copy.funding = listed.mark, listed.funding
    copy.auction_ns, copy.breaker = listed.auction_ns, listed.breaker
    copy.is_limited = listed.is_limited
    if listed.clearing is not None:
        copy.perp_clearing().long_lots = listed.clearing.long_lots
    return copy


def copy_account(account: Account) -> Account:
    """Return an account with all that margin counts; its open orders are the original's own."""
    copy = Account(account.account_id, account.owner)
    assign(copy, account, ACCOUNT_FIELDS)
    for original in account.holdings.values():
        copy_holding(original, copy)
    copy.positions = {
        market: copy_position(position, copy) for market, position in account.positions.items()
    }
    # Checks only look into them.
    copy.orders, copy.client_ids = account.orders, account.client_ids
    copy.triggers, copy.strategies = account.triggers, account.strategies
    copy.allowances = {
        member: copy_allowance(allowance) for member, allowance in account.allowances.items()
    }
    copy.pending_borrow = {**account.pending_borrow}
    copy.spot_loss_micros = account.spot_loss_micros
    return copy


def copy_allowance(original: Allowance) -> Allowance:
    copy = Allowance(original.account_id, original.member, day=original.day)
    assign(copy, original, ALLOWANCE_FIELDS)
    copy.open_atoms = {**original.open_atoms}
    return copy


def copy_holding(original: Holding, owner: Account) -> None:
    """Give `owner` a holding like the original."""
    holding = owner.holding(original.asset)
    holding.terms, holding.bucket = original.terms, original.bucket
    holding.available.atoms = original.available.atoms
    holding.locked.atoms = original.locked.atoms
    holding.lend_scaled, holding.debt_scaled = original.lend_scaled, original.debt_scaled
    holding.opened = original.opened
    holding.note_interest()


def copy_position(position: Position, owner: Account) -> Position:
    """Return a position like the original, which tells `owner` that it has changed."""
    copy = Position(position.account_id, position.market, owner.standing.stale)
    assign(copy, position, POSITION_FIELDS)
    copy.bids, copy.asks = _side(position.bids), _side(position.asks)
    copy.order_ticks = position.order_ticks
    copy.reduce_orders, copy.reduce_lots = {**position.reduce_orders}, position.reduce_lots
    return copy


def _side(side: OpenSide) -> OpenSide:
    copy = OpenSide()
    copy.lots, copy.prices, copy.by_price = side.lots, [*side.prices], {**side.by_price}
    return copy
