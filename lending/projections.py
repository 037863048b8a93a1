"""Pools, rates and what moved in them, as rows from the engine's events."""

from engine import events
from engine.units import RAY, div_ceil
from gateway.tables import Handlers, Rows, Table
from lending.models import BorrowLendMovement, Pool, PoolRate

_RATES = ("borrow_rate_ppb", "lend_rate_ppb", "utilization_ppb")
POOLS = Table(
    Pool,
    (
        "asset",
        "cash",
        "lend_scaled",
        "lend_index_ray",
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
POOL_RATES = Table(PoolRate, ("asset", "at", *_RATES, "lent", "borrowed"))
MOVEMENTS = Table(
    BorrowLendMovement, ("sequence", "at", "account_id", "asset", "kind", "source", "amount")
)


def interest_accrued(rows: Rows, event: events.InterestAccrued, sequence: int, at_ns: int) -> None:
    """Remember the rates: the pool as it then stands follows in the same command."""
    rates = (event.borrow_rate_ppb, event.lend_rate_ppb, event.utilization_ppb)
    rows.notes[("rates", event.asset)] = (sequence, rates)


def pool_changed(rows: Rows, event: events.PoolChanged, sequence: int, at_ns: int) -> None:
    """Set the pool to what the event says; after an accrual, append its rates and sizes."""
    accrued_in, rates = rows.notes.get(("rates", event.asset), (None, (None, None, None)))
    rows.put(
        POOLS,
        event.asset,
        (
            event.asset,
            event.cash_atoms,
            event.lend_scaled,
            event.lend_index_ray,
            event.debt_scaled,
            event.debt_index_ray,
            event.reserve_ray,
            event.accrued_at_ns,
            *rates,
        ),
    )
    if accrued_in == sequence:
        lent = event.lend_scaled * event.lend_index_ray // RAY
        borrowed = div_ceil(event.debt_scaled * event.debt_index_ray, RAY)
        rows.add(POOL_RATES, (event.asset, event.accrued_at_ns, *rates, lent, borrowed))


def borrow_lend_moved(rows: Rows, event: events.BorrowLendMoved, sequence: int, at_ns: int) -> None:
    """Append the movement."""
    names = (event.account, event.asset, event.kind, event.source)
    rows.add(MOVEMENTS, (sequence, at_ns, *names, event.amount_atoms))


HANDLERS: Handlers = {
    events.InterestAccrued: interest_accrued,
    events.PoolChanged: pool_changed,
    events.BorrowLendMoved: borrow_lend_moved,
}
