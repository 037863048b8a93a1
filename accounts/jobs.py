"""What the beat's jobs have done: each run is written down, and shown with its lag.

The record is the shell's own. It decides nothing: a job that is not recorded changes no less.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from celery import current_app
from celery.schedules import maybe_schedule
from django.db import DatabaseError
from django.utils import timezone

from accounts.models import JobRun
from gateway.period import Round

log = logging.getLogger(__name__)

KEPT = timedelta(days=7)
MESSAGE_CHARACTERS = 500


class Run:
    """A run under way; the job says how it went."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.period = ""
        self.started_at = timezone.now()
        self.outcome = JobRun.Outcome.DONE
        self.message = ""
        self.counts: dict[str, int] = {}

    def took(self, round_: Round) -> None:
        """Note how a round of commands went."""
        self.period, self.message = round_.period, round_.message
        self.counts = {"done": round_.done, "refused": round_.refused, "left": round_.left}
        if round_.done and (round_.refused or round_.left):
            self.outcome = JobRun.Outcome.PARTLY
        elif round_.left:
            self.outcome = JobRun.Outcome.ENGINE_AWAY
        elif round_.refused:
            self.outcome = JobRun.Outcome.REFUSED

    def fell_short(self, message: str) -> None:
        """Note that not all could be done, and why."""
        self.outcome, self.message = JobRun.Outcome.PARTLY, message


@contextmanager
def job_run(name: str) -> Iterator[Run]:
    """Write down how the job in the block went; what it raises goes on.

    Args:
        name: as in the beat's table.
    """
    run = Run(name)
    try:
        yield run
    except Exception as error:
        run.outcome = JobRun.Outcome.FAILED
        run.message = f"{type(error).__name__}: {error}"
        _write(run)
        raise
    _write(run)


def _write(run: Run) -> None:
    try:
        JobRun.objects.create(
            name=run.name,
            period=run.period,
            started_at=run.started_at,
            finished_at=timezone.now(),
            outcome=run.outcome,
            message=run.message[:MESSAGE_CHARACTERS],
            counts=run.counts,
        )
    except DatabaseError as error:
        # What the job itself did, or raised, matters more.
        log.warning("The run of %s could not be written down: %s", run.name, error)


def forget_old_runs() -> int:
    """Delete the runs of more than a week ago and return how many there were."""
    return JobRun.objects.filter(started_at__lt=timezone.now() - KEPT).delete()[0]


class JobState(NamedTuple):
    """A job of the beat's table, with its last run; `lag` counts since that began."""

    name: str
    period: str
    started_at: datetime | None
    lag: str
    is_late: bool
    outcome: str
    went_well: bool
    message: str
    counts: str


def job_states() -> list[JobState]:
    """Return every job of the beat's table, in its order, with how its last run went."""
    now = timezone.now()
    first = JobRun.objects.order_by("id").values_list("started_at", flat=True).first() or now
    jobs = current_app.conf.beat_schedule.items()
    return [_state(name, job, now=now, first=first) for name, job in jobs]


def _state(name: str, job: dict[str, Any], *, now: datetime, first: datetime) -> JobState:
    last = JobRun.objects.filter(name=name).order_by("-id").first()
    if last is None:
        # A nightly job of an exchange that began today is not late.
        is_late = _is_late(job, first)
        return JobState(name, "", None, "never ran", is_late, "", False, "", "")
    return JobState(
        name=name,
        period=last.period,
        started_at=last.started_at,
        lag=_words(now - last.started_at),
        is_late=_is_late(job, last.started_at),
        outcome=last.get_outcome_display(),
        went_well=last.outcome == JobRun.Outcome.DONE,
        message=last.message,
        counts=", ".join(f"{count} {what}" for what, count in last.counts.items() if count),
    )


def _is_late(job: dict[str, Any], since: datetime) -> bool:
    """Tell whether a run after `since` has been due for so long that the queue has dropped it."""
    schedule: Any = maybe_schedule(job["schedule"])
    due_in: timedelta = schedule.remaining_estimate(since)
    return due_in < -timedelta(seconds=job["options"]["expires"])


def _words(lag: timedelta) -> str:
    seconds = int(lag.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
