"""The job of stress tests: does what waits, and tells of runs whose worker was killed."""

from celery import shared_task

from accounts.jobs import job_run
from stress import services


@shared_task
def run_stress() -> None:
    """Do the stress tests that wait, one after the other."""
    with job_run("run-stress") as run:
        run.counts = services.run_waiting()
        if run.counts["failed"]:
            run.fell_short(f"{run.counts['failed']} stress tests have failed: see their pages")
