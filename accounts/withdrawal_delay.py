"""How long a user's withdrawals wait before they may be sent.

It can be made longer at once, and shorter only after the time it has been so far: whoever takes a
session over gains nothing by lowering it.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from accounts.api.errors import Refused, invalid_request
from accounts.models import WithdrawalGuard
from accounts.second_factor import require_code

MAX_HOURS = 30 * 24


class Delay(NamedTuple):
    """The hours that hold, and those which will from a time on."""

    hours: int
    next_hours: int | None = None
    next_at: datetime | None = None


def delay_of(user: int, at: datetime | None = None) -> Delay:
    """Return the delay of a user; 0 hours for none."""
    guard = WithdrawalGuard.objects.filter(user_id=user).first()
    return Delay(0) if guard is None else _read(guard, at or timezone.now())


def create_delay(user: int, hours: int, code: str | None) -> Delay:
    """Begin to delay withdrawals, at once. Raises Refused: 409 if there is a delay already."""
    _require_hours(hours, least=1)
    if delay_of(user).hours:
        raise Refused(409, "PRECONDITION_FAILED", "There is a delay already: change it with PATCH")
    require_code(user, code)
    return _store(user, hours)


def update_delay(user: int, hours: int, code: str | None) -> Delay:
    """Change the delay: a longer one holds at once, a shorter one after the present one; 0 ends it.

    Raises Refused: 404 if there is none.
    """
    _require_hours(hours, least=0)
    if not delay_of(user).hours:
        message = "There is no withdrawal delay yet: create one with POST"
        raise Refused(404, "RESOURCE_NOT_FOUND", message)
    require_code(user, code)
    return _store(user, hours)


@transaction.atomic
def _store(user: int, hours: int) -> Delay:
    guard, _ = WithdrawalGuard.objects.select_for_update().get_or_create(user_id=user)
    now = timezone.now()
    current = _read(guard, now).hours
    if hours >= current:
        delay = Delay(hours)
    else:
        delay = Delay(current, hours, now + timedelta(hours=current))
    guard.delay_hours, guard.next_delay_hours, guard.next_delay_at = delay
    guard.save(update_fields=["delay_hours", "next_delay_hours", "next_delay_at"])
    return delay


def _read(guard: WithdrawalGuard, at: datetime) -> Delay:
    if guard.next_delay_hours is None or guard.next_delay_at is None:
        return Delay(guard.delay_hours)
    if guard.next_delay_at <= at:
        return Delay(guard.next_delay_hours)
    return Delay(guard.delay_hours, guard.next_delay_hours, guard.next_delay_at)


def _require_hours(hours: int, *, least: int) -> None:
    if not least <= hours <= MAX_HOURS:
        raise invalid_request(f"withdrawalDelayHours must be {least} to {MAX_HOURS}")
