"""The jobs of the desk: the safety net behind its worker, and the minute's report."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts.jobs import job_run
from hedging import figures, services, unwind
from hedging.models import HedgeAlarm


@shared_task
def hedge_all() -> None:
    """Look at every desk, as the worker does at each change."""
    with job_run("hedge-all") as run:
        outcomes = services.hedge_all()
        waiting = [market for market, outcome in outcomes.items() if outcome and outcome.waits]
        run.counts = {"desks": len(outcomes), "waiting": len(waiting)}
        alarms = HedgeAlarm.objects.filter(ended_at=None).count()
        if alarms:
            run.fell_short(f"{alarms} alarms go on: see the desks")


@shared_task
def hedge_desk(market: str, *, may_order: bool) -> None:
    """Look at one desk, because staff asked for it."""
    with job_run("hedge-desk") as run:
        outcome = services.hedge(market, may_order=may_order)
        run.message = f"{market}: {outcome.message if outcome else 'another process is at it'}"


@shared_task
def report_desks() -> None:
    """Write how each desk stands in this minute, and tell when too much is not hedged."""
    with job_run("report-desks") as run:
        desks, over = figures.report(timezone.now())
        run.counts = {"desks": desks, "over": over}


@shared_task
def unwind_desks(every_seconds: int) -> None:
    """Bring inventory home on our own book, where the house wants that."""
    with job_run("unwind-desks") as run:
        if settings.HEDGE_UNWIND:
            run.took(unwind.unwind_all(timezone.now(), every_seconds=every_seconds))


@shared_task
def forget_old_reports() -> None:
    """Delete the minutes of more than three months ago."""
    with job_run("forget-old-reports") as run:
        run.counts = {"deleted": figures.forget_old_reports()}
