"""Pools, rates, terms and what moved in them, as rows from the engine's events."""

import json

from engine import events
from engine.kinds import BorrowLendKind
from engine.units import RAY, SECOND_NS, div_ceil
from gateway.tables import Handlers, Rows, Table
from lending.models import (
    BorrowLendMovement,
    BorrowLendPosition,
    DebtWriteOff,
    DustConversion,
    LendTerms,
    Pool,
    PoolHour,
    PoolLends,
    PoolRate,
)

MILLISECOND_NS = SECOND_NS // 1_000
_RATES = ("borrow_rate_ppb", "lend_rate_ppb", "utilization_ppb")
POOLS = Table(
    Pool,
    (
        "asset",
        "state",
        "cash",
        "debt_scaled",
        "debt_index_ray",
        "reserve_ray",
        "accrued_at",
        *_RATES,
    ),
    key=("asset",),
    # A batch which does not accrue interest leaves the rates as they were.
    change={name: f"coalesce(excluded.{name}, t.{name})" for name in _RATES},
)
POOL_LENDS = Table(
    PoolLends,
    ("asset", "bucket", "lend_scaled", "lend_index_ray", "active_ppb"),
    key=("asset", "bucket"),
)
POOL_HOURS = Table(
    PoolHour, ("asset", "hour", "debt_index_ray", "lend_indexes_ray"), key=("asset", "hour")
)
POOL_RATES = Table(PoolRate, ("asset", "at", *_RATES, "lent", "borrowed", "insured", "fees"))
LEND_TERMS = Table(
    LendTerms,
    ("account_id", "asset", "bucket", "min_rate_ppb", "cap", "keep", "as_collateral"),
    key=("account_id", "asset"),
)
MOVEMENTS = Table(
    BorrowLendMovement,
    (
        "sequence",
        "at",
        "account_id",
        "asset",
        "kind",
        "source",
        "amount",
        "lend_scaled",
        "debt_scaled",
        "bucket",
    ),
)
POSITIONS = Table(
    BorrowLendPosition,
    (
        *("account_id", "asset", "side", "opened", "source", "opened_at"),
        *("moved_at", "closed", "net", "put_in", "moment"),
    ),
    key=("account_id", "asset", "side", "opened"),
    keep=("source", "opened_at"),
    change={name: f"t.{name} + excluded.{name}" for name in ("net", "put_in", "moment")},
)
WRITE_OFFS = Table(
    DebtWriteOff,
    ("sequence", "at", "account_id", "asset", "amount", "reserve", "insured", "lenders"),
)
DUST_CONVERSIONS = Table(
    DustConversion,
    ("sequence", "at", "account_id", "asset", "amount", "received_asset", "received"),
)


def interest_accrued(rows: Rows, event: events.InterestAccrued, sequence: int, at_ns: int) -> None:
    """Remember the rates and fees: the pool as it then stands follows in the same command."""
    rates = (event.borrow_rate_ppb, event.lend_rate_ppb, event.utilization_ppb)
    taken = (event.insured_atoms, event.fees_atoms)
    rows.notes[("rates", event.asset)] = (sequence, rates, taken)


def pool_changed(rows: Rows, event: events.PoolChanged, sequence: int, at_ns: int) -> None:
    """Set the pool to what the event says; after an accrual, append its rates and sizes."""
    nothing = (None, (None, None, None), ())
    accrued_in, rates, taken = rows.notes.get(("rates", event.asset), nothing)
    rows.put(
        POOLS,
        event.asset,
        (
            event.asset,
            event.state,
            event.cash_atoms,
            event.debt_scaled,
            event.debt_index_ray,
            event.reserve_ray,
            event.accrued_at_ns,
            *rates,
        ),
    )
    lent_ray = 0
    for lends in event.lends:
        lent_ray += lends.lend_scaled * lends.lend_index_ray
        amounts = (lends.lend_scaled, lends.lend_index_ray, lends.active_ppb)
        key = (event.asset, lends.bucket)
        rows.put(POOL_LENDS, key, (*key, *amounts))
    if accrued_in == sequence:
        borrowed = div_ceil(event.debt_scaled * event.debt_index_ray, RAY)
        sizes = (lent_ray // RAY, borrowed)
        rows.add(POOL_RATES, (event.asset, event.accrued_at_ns, *rates, *sizes, *taken))


def pool_hour_closed(rows: Rows, event: events.PoolHourClosed, sequence: int, at_ns: int) -> None:
    """Keep the pool's indexes at the hour."""
    key = (event.asset, event.hour_ns)
    indexes = json.dumps([str(index) for index in event.lend_indexes_ray])
    rows.put(POOL_HOURS, key, (*key, event.debt_index_ray, indexes))


def lend_terms_changed(
    rows: Rows, event: events.LendTermsChanged, sequence: int, at_ns: int
) -> None:
    """Set the account's terms for the asset."""
    key = (event.account, event.asset)
    amounts = (event.cap_atoms, event.keep_atoms)
    rows.put(
        LEND_TERMS, key, (*key, event.bucket, event.min_rate_ppb, *amounts, event.as_collateral)
    )


def borrow_lend_moved(rows: Rows, event: events.BorrowLendMoved, sequence: int, at_ns: int) -> None:
    """Append the movement, and add it to what it is part of."""
    names = (event.account, event.asset, event.kind, event.source)
    after = (event.lend_scaled, event.debt_scaled, event.bucket)
    rows.add(MOVEMENTS, (sequence, at_ns, *names, event.amount_atoms, *after))
    _add_up(rows, event, at_ns)


def _add_up(rows: Rows, event: events.BorrowLendMoved, at_ns: int) -> None:
    is_lend = event.kind in (BorrowLendKind.LEND, BorrowLendKind.REDEEM)
    grows = event.kind in (BorrowLendKind.LEND, BorrowLendKind.BORROW)
    side = BorrowLendPosition.Side.LEND if is_lend else BorrowLendPosition.Side.BORROW
    closed = not (event.lend_scaled if is_lend else event.debt_scaled)
    net = event.amount_atoms if grows else -event.amount_atoms
    put_in, moment = max(net, 0), net * (at_ns // MILLISECOND_NS)
    key = (event.account, event.asset, side, event.opened)
    source, opened_at = event.source, at_ns
    before = rows.found(POSITIONS, key)
    if before is not None:
        source, opened_at = before[4:6]
        net, put_in, moment = net + before[8], put_in + before[9], moment + before[10]
    rows.put(POSITIONS, key, (*key, source, opened_at, at_ns, closed, net, put_in, moment))


def debt_written_off(rows: Rows, event: events.DebtWrittenOff, sequence: int, at_ns: int) -> None:
    """Append the write-off."""
    borne = (event.reserve_atoms, event.insured_atoms, event.lenders_atoms)
    rows.add(WRITE_OFFS, (sequence, at_ns, event.account, event.asset, event.amount_atoms, *borne))


def dust_sold(rows: Rows, event: events.DustSold, sequence: int, at_ns: int) -> None:
    """Append the sale."""
    rows.add(
        DUST_CONVERSIONS,
        (
            sequence,
            at_ns,
            event.account,
            event.asset,
            event.amount_atoms,
            event.received_asset,
            event.received_atoms,
        ),
    )


HANDLERS: Handlers = {
    events.InterestAccrued: interest_accrued,
    events.PoolChanged: pool_changed,
    events.PoolHourClosed: pool_hour_closed,
    events.LendTermsChanged: lend_terms_changed,
    events.BorrowLendMoved: borrow_lend_moved,
    events.DebtWrittenOff: debt_written_off,
    events.DustSold: dust_sold,
}
