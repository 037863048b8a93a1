"""The jobs around the journal: snapshots, and the nightly search for rows without an origin."""

import logging
import threading

from celery import shared_task
from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.jobs import Run, job_run
from sequencer import services

log = logging.getLogger(__name__)

# A recovery replays some 30,000 commands a second.
MANY_COMMANDS = 30_000
# A long replay is still at work when the next is due: one is enough.
_writing = threading.Lock()

# What foreign keys would say if commits could afford them: each query counts rows without their
# parent among those of the last two days.
ORPHANS = {
    "fills without an order": """
        SELECT count(*) FROM trading_fill f LEFT JOIN trading_order o ON o.id = f.order_id
        WHERE f.at > now() - interval '2 days' AND o.id IS NULL""",
    "trades without their two orders": """
        SELECT count(*) FROM trading_trade t
        LEFT JOIN trading_order b ON b.id = t.buyer_order_id
        LEFT JOIN trading_order s ON s.id = t.seller_order_id
        WHERE t.at > now() - interval '2 days' AND (b.id IS NULL OR s.id IS NULL)""",
    "orders of no account": """
        SELECT count(*) FROM trading_order o
        LEFT JOIN accounts_accountsettings a ON a.account_id = o.account_id
        WHERE o.created_at > now() - interval '2 days' AND a.account_id IS NULL""",
    "balances of no account": """
        SELECT count(*) FROM accounts_balance b
        LEFT JOIN accounts_accountsettings a ON a.account_id = b.account_id
        WHERE a.account_id IS NULL""",
}


@shared_task
def write_snapshot() -> None:
    """Write the engine's state down, so that a restart replays only what came after."""
    with job_run("write-snapshot") as run:
        _write_snapshot(run)


@shared_task
def write_snapshot_under_load() -> None:
    """Write a snapshot ahead of time if a recovery would take more than a second or two."""
    if not _writing.acquire(blocking=False):
        return
    try:
        with job_run("write-snapshot-under-load") as run:
            if services.commands_to_replay() >= MANY_COMMANDS:
                _write_snapshot(run)
    finally:
        _writing.release()


def _write_snapshot(run: Run) -> None:
    sequence = services.write_snapshot()
    run.counts = {"commands": sequence}
    log.info("Snapshot written at sequence %s.", sequence)


@shared_task
def find_orphans() -> dict[str, int]:
    """Look for rows whose parent is missing; each finding is an error in the log."""
    with job_run("find-orphans") as run:
        with connection.cursor() as cursor:
            found = {name: _count(cursor, query) for name, query in ORPHANS.items()}
        run.counts = {"found": sum(found.values())}
        for name, count in found.items():
            if count:
                log.error("%s %s: run verify_journal before anything else.", count, name)
                run.fell_short(f"{count} {name}")
    return found


def _count(cursor: CursorWrapper, query: str) -> int:
    cursor.execute(query)
    row: tuple[int] = cursor.fetchone()
    return row[0]
