"""The jobs of the accounts."""

from celery import shared_task

from accounts import services


@shared_task
def ensure_accounts_open() -> None:
    """Open in the engine what could not be opened at sign-up, while the engine was away."""
    services.ensure_accounts_open()
