"""The jobs of the accounts, and of the record of jobs itself."""

from celery import shared_task

from accounts import approvals, arrivals, jobs, outgoing, page_keys, services, sweeps
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
def release_withdrawals() -> None:
    """Let go the withdrawals whose delay is over, deliver what stays in the house, give back what
    nobody approved, and credit the deposits for which the engine did not answer."""
    with jobs.job_run("release-withdrawals") as run:
        released = outgoing.release_withdrawals()
        run.counts = {
            "released": released,
            "delivered": outgoing.deliver_all(),
            "undelivered": outgoing.count_undelivered(),
            "credited": arrivals.credit_all(),
            "unapproved": approvals.return_unapproved(),
        }


@shared_task
def run_sweeps() -> None:
    """Make the transfers which are due by the clock."""
    with jobs.job_run("run-sweeps") as run:
        run.counts = sweeps.run_due()
        if run.counts["left"]:
            run.fell_short("the engine is away: the next run takes them up")


@shared_task
def revoke_page_keys() -> None:
    """Revoke the keys which pages made for themselves and whose time is over."""
    with jobs.job_run("revoke-page-keys") as run:
        run.counts = {"revoked": page_keys.revoke_expired()}


@shared_task
def forget_old_runs() -> None:
    """Delete what jobs did more than a week ago."""
    with jobs.job_run("forget-old-runs") as run:
        run.counts = {"deleted": jobs.forget_old_runs()}
