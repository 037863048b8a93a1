"""The jobs of the accounts, and of the record of jobs itself."""

from celery import shared_task

from accounts import jobs, services
from accounts.models import Account


@shared_task
def ensure_accounts_open() -> None:
    """Open in the engine what could not be opened at sign-up, while the engine was away."""
    with jobs.job_run("ensure-accounts-open") as run:
        run.counts = {"opened": services.ensure_accounts_open()}
        left = Account.objects.filter(opened_at=None).count()
        if left:
            run.fell_short(f"{left} accounts are not open yet: the next run tries again")


@shared_task
def forget_old_runs() -> None:
    """Delete what jobs did more than a week ago."""
    with jobs.job_run("forget-old-runs") as run:
        run.counts = {"deleted": jobs.forget_old_runs()}
