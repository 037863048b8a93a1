"""The jobs of the lending pools. They say when; the engine says how much."""

from celery import shared_task

from accounts.assets import assets
from engine.commands import AccrueInterest, AutoLend
from gateway.period import submit_each


@shared_task
def auto_lend(every_seconds: int) -> None:
    """Lend what accounts with Auto Lend hold idle, in each pool that is lendable."""
    commands = {asset: AutoLend(asset=asset) for asset in _lendable()}
    submit_each("auto-lend", commands, every_seconds=every_seconds)


@shared_task
def accrue_interest(every_seconds: int) -> None:
    """Bring each pool's indexes and rates up to now."""
    commands = {asset: AccrueInterest(asset=asset) for asset in _lendable()}
    submit_each("accrue-interest", commands, every_seconds=every_seconds)


def _lendable() -> list[str]:
    return [asset.symbol for asset in assets().values() if asset.lendable]
