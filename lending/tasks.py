"""The jobs of the lending pools. They say when; the engine says how much."""

from celery import shared_task

from accounts.assets import assets
from accounts.jobs import job_run
from engine.commands import AccrueInterest, AutoLend
from gateway.period import submit_each
from lending import interest_lines, retention


@shared_task
def auto_lend(every_seconds: int) -> None:
    """Lend what accounts with Auto Lend hold idle, in each pool that is lendable."""
    commands = {asset: AutoLend(asset=asset) for asset in _lendable()}
    with job_run("auto-lend") as run:
        run.took(submit_each("auto-lend", commands, every_seconds=every_seconds))


@shared_task
def accrue_interest(every_seconds: int) -> None:
    """Bring each pool's indexes and rates up to now; with it, its rates are written down."""
    commands = {asset: AccrueInterest(asset=asset) for asset in _lendable()}
    with job_run("accrue-interest") as run:
        run.took(submit_each("accrue-interest", commands, every_seconds=every_seconds))


@shared_task
def write_interest_lines() -> None:
    """Write the interest of every hour that has closed since the last run."""
    with job_run("write-interest-lines") as run:
        hours = interest_lines.write_closed_hours()
        run.counts = {"hours": len(hours), "lines": sum(hours.values())}
        if hours:
            run.period = max(hours).strftime("%Y-%m-%dT%H:%M")


@shared_task
def thin_rates() -> None:
    """Keep one rate an hour of the days before yesterday."""
    with job_run("thin-rates") as run:
        run.counts = {"deleted": retention.thin_rates()}


def _lendable() -> list[str]:
    return [asset.symbol for asset in assets().values() if asset.lendable]
