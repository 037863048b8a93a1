"""The console's first page: how far the engine is, jobs, pools, and the proof of the ledger."""

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest

from accounts.assets import decimals_of
from accounts.jobs import job_states
from gateway.decimals import format_decimal
from lending.models import Pool
from sequencer.models import JournalEntry, Leader
from trading.price_records import states_now

NANOSECONDS = 10**9
PERCENT_DECIMALS = 7
# The proof reads the whole ledger: staff who reload the page share one reading.
PROOF_SECONDS = 60

# In one statement, so in one snapshot. Custody carries the other side of what came in.
_PROOF = """
    WITH sides AS (
        SELECT asset, split_part(credit, ':', 1) AS place, amount FROM accounts_ledgertransfer
        UNION ALL
        SELECT asset, split_part(debit, ':', 1), -amount FROM accounts_ledgertransfer
    ), ledger AS (
        SELECT asset,
               coalesce(sum(amount) FILTER (WHERE place = 'custody'), 0) AS custody,
               coalesce(sum(amount) FILTER (WHERE place = 'account'), 0) AS accounts,
               coalesce(sum(amount) FILTER (WHERE place = 'pool'), 0) AS pool,
               coalesce(sum(amount) FILTER (WHERE place NOT IN ('custody', 'account', 'pool')), 0)
                   AS house,
               sum(amount) AS total
        FROM sides GROUP BY asset
    ), held AS (
        SELECT asset, sum(available + locked) AS accounts FROM accounts_balance GROUP BY asset
    )
    SELECT ledger.asset, custody, ledger.accounts, pool, house, total,
           ledger.accounts - coalesce(held.accounts, 0), pool - coalesce(cash, 0)
    FROM ledger
    LEFT JOIN held ON held.asset = ledger.asset
    LEFT JOIN lending_pool ON lending_pool.asset = ledger.asset
    ORDER BY ledger.asset
"""


class Proof(NamedTuple):
    """One asset's ledger. It holds if the total is zero and the balances' tables say the same."""

    asset: str
    custody: str
    accounts: str
    pool: str
    house: str
    total: str
    holds: bool


class PoolUse(NamedTuple):
    asset: str
    utilization: str
    borrow_rate: str
    lend_rate: str


class Progress(NamedTuple):
    sequence: int
    committed_at: datetime
    seconds_ago: int
    epoch: int
    address: str


def add_figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the index page of the console (unfold's DASHBOARD_CALLBACK)."""
    if not request.user.has_perm("compliance.read_console"):
        return context
    proofs = cache.get_or_set("console:proof", ledger_proof, PROOF_SECONDS)
    figures = {"progress": progress(), "pools": pools_by_use(), "jobs": job_states()}
    prices, age = states_now()
    return context | figures | {"proofs": proofs, "prices": prices, "prices_age": age}


def progress() -> Progress | None:
    """Return how far the journal is and who writes it; None before the first command."""
    last = JournalEntry.objects.order_by("-sequence").values("sequence", "at_ns").first()
    if last is None:
        return None
    leader = Leader.objects.first()
    return Progress(
        sequence=last["sequence"],
        committed_at=datetime.fromtimestamp(last["at_ns"] // NANOSECONDS, UTC),
        seconds_ago=max(0, (time.time_ns() - last["at_ns"]) // NANOSECONDS),
        epoch=leader.epoch if leader else 0,
        address=leader.address if leader else "",
    )


def pools_by_use() -> list[PoolUse]:
    """Return the pools, the most used first, in per cent."""
    return [
        PoolUse(
            pool.asset,
            _percent(pool.utilization_ppb),
            _percent(pool.borrow_rate_ppb),
            _percent(pool.lend_rate_ppb),
        )
        for pool in Pool.objects.exclude(utilization_ppb=None).order_by("-utilization_ppb")
    ]


def ledger_proof() -> list[Proof]:
    """Return each asset's ledger by place, its sum, and whether the tables agree with it."""
    with connection.cursor() as cursor:
        cursor.execute(_PROOF)
        rows = cursor.fetchall()
    return [_proof(*row) for row in rows]


def _proof(asset: str, *figures: int) -> Proof:
    custody, accounts, pool, house, total, accounts_differ, pool_differs = map(int, figures)
    decimals = decimals_of(asset)
    return Proof(
        asset=asset,
        custody=format_decimal(custody, decimals),
        accounts=format_decimal(accounts, decimals),
        pool=format_decimal(pool, decimals),
        house=format_decimal(house, decimals),
        total=format_decimal(total, decimals),
        holds=not (total or accounts_differ or pool_differs),
    )


def _percent(ppb: int | None) -> str:
    return format_decimal(ppb or 0, PERCENT_DECIMALS) + " %"
