"""Runs of stress tests: asked for by staff, done one at a time, by whichever worker is free.

The right to run is an advisory lock of the connection that reads the journal: a worker that is
killed loses it at once, and whoever takes it next knows that what is still "running" is not.
"""

import logging
import time

import msgspec
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from compliance import audit
from prices.terms import Plan, read_plan
from sequencer.database import Connection, connect
from stress.copied import copy_exchange
from stress.models import StressRun
from stress.report import Report, to_data
from stress.scenario import Scenario
from stress.simulate import simulate

# Any number that nobody else takes for a lock.
_LOCK = 7_311_047_602
MOST_WAITING = 20
MESSAGE_CHARACTERS = 1_000
log = logging.getLogger(__name__)


class TooMany(Exception):
    """So many runs wait already that another would not be looked at."""


def ask_run(user: User, scenario: Scenario) -> StressRun:
    """Enter a run, and who asked for what into the trail. Raises TooMany."""
    if StressRun.objects.filter(status=StressRun.Status.WAITING).count() >= MOST_WAITING:
        raise TooMany(f"{MOST_WAITING} stress tests wait already: look at those first.")
    run = StressRun.objects.create(asked_by=user, scenario=msgspec.to_builtins(scenario))
    audit.record(
        user, "stress.run", target=run, reason="A stress test", details={"scenario": run.scenario}
    )
    return run


def run_waiting() -> dict[str, int]:
    """Do all runs that wait, oldest first, unless another worker is at it; count what became."""
    counts = {"done": 0, "failed": 0}
    with connect("stress") as lock:
        if not _take_lock(lock):
            return counts
        counts["failed"] += fail_orphans()
        while (run := _next()) is not None:
            carry_out(run)
            counts["done" if run.status == StressRun.Status.DONE else "failed"] += 1
    return counts


def fail_orphans() -> int:
    """Have runs end whose worker is gone; for who holds the lock, so that none is at work."""
    return StressRun.objects.filter(status=StressRun.Status.RUNNING).update(
        status=StressRun.Status.FAILED,
        message="Its worker was ended before the run was. Ask for it again.",
    )


def _take_lock(connection: Connection) -> bool:
    row = connection.execute(f"SELECT pg_try_advisory_lock({_LOCK})").fetchone()
    assert row is not None, "a lock is taken or not"
    return bool(row[0])


def _next() -> StressRun | None:
    return StressRun.objects.filter(status=StressRun.Status.WAITING).order_by("id").first()


def carry_out(run: StressRun) -> None:
    """Do one run, and write down its report or why there is none."""
    run.status, run.started_at = StressRun.Status.RUNNING, timezone.now()
    run.save(update_fields=["status", "started_at"])
    began = time.monotonic()
    try:
        report = stress(msgspec.convert(run.scenario, Scenario))
    except Exception as error:
        log.exception("The %s failed.", run)
        run.message = f"{type(error).__name__}: {error}"
    else:
        run.message = report.failure
        run.sequence, run.report = report.sequence, to_data(report)
    run.message = run.message[:MESSAGE_CHARACTERS]
    run.status = StressRun.Status.FAILED if run.message else StressRun.Status.DONE
    run.took = time.monotonic() - began
    run.save(update_fields=["status", "message", "took", "sequence", "report"])


def stress(scenario: Scenario) -> Report:
    """Run a scenario over a copy of the exchange as it is now; nothing is written anywhere.

    Raises ScenarioError, and psycopg.Error and Diverged if no copy can be made.
    """
    with connect("stress-copy") as connection:
        engine = copy_exchange(connection)
    return simulate(engine, scenario, plan=plan_of_feed())


def plan_of_feed() -> Plan:
    """Return the terms of prices which the live feed goes by."""
    return read_plan(settings.PRICES_FILE)
