"""Reads of the lending pools, and of what accounts lend and owe. Amounts are decimal text."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Sum

from accounts.assets import SqrtText, assets, ppb_text, prices_e8, sqrt_text
from accounts.models import Balance
from engine.catalog import Asset, PoolState
from engine.ledger import NO_TERMS
from engine.ledger import LendTerms as EngineTerms
from engine.margin import fraction_ppb, value_ceil
from engine.pools import Pool as EnginePool
from engine.record import Record
from engine.units import RAY, SECOND_NS
from gateway.decimals import format_decimal
from lending.models import BorrowLendPosition, LendTerms, Pool, PoolLends

PPM_DECIMALS = 6
MICROS_DECIMALS = 6
PRICE_DECIMALS = 8
# The largest amount which a command to the engine can carry stands for "no limit".
UNLIMITED_ATOMS = 2**63 - 1


class PoolRow(NamedTuple):
    symbol: str
    state: str
    mark_price: str
    borrow_rate: str
    lend_rate: str
    utilization: str
    borrowed: str
    lent: str
    fee: str
    size_limit: str
    step: str
    max_utilization: str
    optimal_utilization: str
    throttle_threshold: str
    throttle_bound: str
    throttle_fraction: str
    at: datetime


class TermsRow(NamedTuple):
    """On which terms an account lends an asset; `lend_rate` is what all of that lend earns now."""

    symbol: str
    min_rate: str
    cap: str | None
    keep: str
    as_collateral: bool
    lent: str
    lend_rate: str
    rates: list[str]


class LoanRow(NamedTuple):
    """A lend (positive quantity) or a debt (negative) of one asset."""

    id: str
    symbol: str
    quantity: str
    exposure_quantity: str
    exposure_notional: str
    cumulative_interest: str
    mark_price: str
    imf: str
    mmf: str
    imf_function: SqrtText
    mmf_function: SqrtText
    # The price at which the whole account would be liquidated is not a loan's own.
    liquidation_price: str = "0"


def pool_of(asset: Asset) -> EnginePool:
    """Return the engine's own pool of one asset as of its last accrual."""
    row = Pool.objects.filter(asset=asset.symbol).first()
    return _pool(asset, row, list(PoolLends.objects.filter(asset=asset.symbol)))


def pools() -> dict[str, EnginePool]:
    """Return the pool of each listed asset as of its last accrual, in the order of listing."""
    rows = Pool.objects.in_bulk()
    lends: dict[str, list[PoolLends]] = {}
    for lent in PoolLends.objects.all():
        lends.setdefault(lent.asset, []).append(lent)
    return {
        symbol: _pool(asset, rows.get(symbol), lends.get(symbol, []))
        for symbol, asset in assets().items()
    }


def _pool(asset: Asset, row: Pool | None, lends: list[PoolLends]) -> EnginePool:
    """Return the engine's own pool as the rows have it: its arithmetic answers every question."""
    pool = EnginePool(asset, Record(), 0)
    if row is None:
        return pool
    pool.state = PoolState(row.state)
    pool.cash.atoms = int(row.cash)
    pool.debt_scaled = int(row.debt_scaled)
    pool.debt_index = int(row.debt_index_ray)
    pool.reserve = int(row.reserve_ray)
    pool.accrued_at_ns = int(row.accrued_at.timestamp()) * SECOND_NS
    for lent in lends:
        bucket = pool.buckets[lent.bucket]
        bucket.used = True
        bucket.scaled, bucket.index = int(lent.lend_scaled), int(lent.lend_index_ray)
    pool.live = [bucket for bucket in pool.buckets if bucket.scaled]
    pool.anchor()
    return pool


def pool_rows() -> list[PoolRow]:
    """Return rates, sizes and limits of each pool."""
    accrued = dict(Pool.objects.values_list("asset", "accrued_at"))
    marks = prices_e8()
    return [
        _pool_row(pool, mark_e8=marks.get(symbol, 0), at=accrued[symbol])
        for symbol, pool in pools().items()
        if symbol in accrued
    ]


def loans(account: int) -> list[LoanRow]:
    """Return what the account lends and owes, as of each pool's last accrual."""
    by_asset, marks, moved = pools(), prices_e8(), _net_moved(account)
    return [
        _loan_row(
            by_asset[asset],
            position_id=position_id(account, asset),
            net_atoms=net,
            interest_atoms=net - moved.get(asset, 0),
            mark_e8=marks.get(asset, 0),
        )
        for asset, net in held_atoms(account, by_asset).items()
    ]


def held_atoms(account: int, by_asset: dict[str, EnginePool]) -> dict[str, int]:
    """Return what the account lends (positive) and owes (negative), by asset.

    Args:
        by_asset: the pools, as `pools` returns them.
    """
    held = {}
    for row in Balance.objects.filter(account_id=account).order_by("asset"):
        pool = by_asset[row.asset]
        lent = pool.lend_atoms(int(row.lend_scaled), row.lend_bucket)
        net = lent - pool.debt_atoms(int(row.debt_scaled))
        if net:
            held[row.asset] = net
    return held


def terms_rows(account: int) -> list[TermsRow]:
    """Return the account's terms for each asset that may be lent, and what it earns on them."""
    by_asset, own = pools(), lend_terms(account)
    held = {row.asset: row for row in Balance.objects.filter(account_id=account)}
    return [
        _terms_row(pool, own.get(symbol, NO_TERMS), held.get(symbol))
        for symbol, pool in by_asset.items()
        if pool.asset.lendable
    ]


def _terms_row(pool: EnginePool, terms: EngineTerms, held: Balance | None) -> TermsRow:
    asset, rates = pool.asset, pool.asset.lend_rates_ppb
    lent = pool.lend_atoms(int(held.lend_scaled), held.lend_bucket) if held else 0
    cap = terms.cap_atoms
    return TermsRow(
        symbol=asset.symbol,
        min_rate=ppb_text(rates[terms.bucket]),
        cap=None if cap is None else format_decimal(cap, asset.decimals),
        keep=format_decimal(terms.keep_atoms, asset.decimals),
        as_collateral=terms.as_collateral,
        lent=format_decimal(lent, asset.decimals),
        lend_rate=ppb_text(pool.bucket_rate_ppb(terms.bucket)),
        rates=[ppb_text(rate) for rate in rates],
    )


def lend_terms(account: int) -> dict[str, EngineTerms]:
    """Return the account's own terms, by asset; it lends any other without terms."""
    return {asset: terms for (_, asset), terms in lend_terms_of([account]).items()}


def lend_terms_of(accounts: Sequence[int]) -> dict[tuple[int, str], EngineTerms]:
    """Return the own terms of accounts, by account and asset."""
    return {
        (row.account_id, row.asset): EngineTerms(
            row.bucket,
            None if row.cap is None else int(row.cap),
            int(row.keep),
            row.as_collateral,
        )
        for row in LendTerms.objects.filter(account_id__in=accounts)
    }


def position_id(account: int, asset: str) -> str:
    """Name an account's lend or debt of one asset: it can have only one of the two at a time."""
    return f"{account}-{asset}"


def _pool_row(pool: EnginePool, *, mark_e8: int, at: datetime) -> PoolRow:
    asset, limits = pool.asset, pool.asset.limits
    limit = limits.size_limit_atoms
    return PoolRow(
        symbol=asset.symbol,
        state=pool.state.value if asset.lendable else PoolState.CLOSED.value,
        mark_price=format_decimal(mark_e8, PRICE_DECIMALS),
        borrow_rate=ppb_text(pool.rate_ppb),
        lend_rate=ppb_text(pool.lend_rate_ppb),
        utilization=ppb_text(pool.utilization_ppb),
        borrowed=format_decimal(pool.debt_atoms(pool.debt_scaled), asset.decimals),
        lent=format_decimal(pool.lent_ray // RAY, asset.decimals),
        fee=format_decimal(asset.fee_ppm, PPM_DECIMALS),
        size_limit=format_decimal(UNLIMITED_ATOMS if limit is None else limit, asset.decimals),
        step=format_decimal(1, asset.decimals),
        max_utilization=ppb_text(limits.max_utilization_ppb),
        optimal_utilization=ppb_text(asset.curve.optimal_ppb),
        throttle_threshold=ppb_text(limits.throttle_threshold_ppb),
        throttle_bound=ppb_text(limits.throttle_bound_ppb),
        throttle_fraction=ppb_text(limits.throttle_fraction_ppb),
        at=at,
    )


def _loan_row(
    pool: EnginePool, *, position_id: str, net_atoms: int, interest_atoms: int, mark_e8: int
) -> LoanRow:
    asset = pool.asset
    # Only a debt is exposure; a lend is collateral like money at hand.
    exposure = max(0, -net_atoms)
    notional = value_ceil(exposure, mark_e8, asset)
    return LoanRow(
        id=position_id,
        symbol=asset.symbol,
        quantity=format_decimal(net_atoms, asset.decimals),
        exposure_quantity=format_decimal(exposure, asset.decimals),
        exposure_notional=format_decimal(notional, MICROS_DECIMALS),
        cumulative_interest=format_decimal(interest_atoms, asset.decimals),
        mark_price=format_decimal(mark_e8, PRICE_DECIMALS),
        imf=ppb_text(fraction_ppb(asset.borrow_imf, notional)),
        mmf=ppb_text(fraction_ppb(asset.borrow_mmf, notional)),
        imf_function=sqrt_text(asset.borrow_imf),
        mmf_function=sqrt_text(asset.borrow_mmf),
    )


def _net_moved(account: int) -> dict[str, int]:
    """Return what the account has put into each pool, less what it has taken out."""
    net: dict[str, int] = {}
    sums = (
        BorrowLendPosition.objects.filter(account_id=account)
        .values("asset", "side")
        .annotate(total=Sum("net"))
    )
    for row in sums:
        sign = 1 if row["side"] == BorrowLendPosition.Side.LEND else -1
        net[row["asset"]] = net.get(row["asset"], 0) + sign * int(row["total"])
    return net
