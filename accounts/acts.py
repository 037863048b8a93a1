"""What people do, or try, with accounts: written down for their owners (docs/compliance.md).

Acts that become commands are written by the sequencer with them (accounts.projections). Others are
recorded here. What is denied is noted in memory, so that a hot path does not wait for the database,
and written down at the end of a page or REST request, and by each edge once a second.
"""

import json
import threading
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import close_old_connections

from accounts.access import Access, Denial
from accounts.models import Account, Act, User

# The same denial is one row a minute, with how often it happened.
SAME_SECONDS = 60.0
# Different denials which are remembered to be the same; beyond, each is a row of its own.
_REMEMBERED = 10_000
_REASON_CHARACTERS = 300


class _Key(NamedTuple):
    account: int
    person: int
    permission: str
    layer: str
    message: str


class _Noted:
    __slots__ = ("count", "first_at", "written_at")

    def __init__(self, at: float) -> None:
        self.first_at = at
        self.count = 0
        self.written_at = 0.0


_lock = threading.Lock()
_noted: dict[_Key, _Noted] = {}


def note_denial(access: Access, denial: Denial) -> None:
    """Remember that somebody was denied an act; `write_denials` writes it down. Never waits."""
    now = time.time()
    key = _Key(access.account, access.person, *denial)
    with _lock:
        noted = _noted.get(key)
        if noted is None:
            noted = _noted[key] = _Noted(now)
        if not noted.count:
            noted.first_at = now
        noted.count += 1


def write_denials() -> int:
    """Write down what was denied and is due, and return how many rows that made.

    The first of its kind is due at once; more of the same a minute after it was last written.
    """
    if not _noted:
        return 0
    now = time.time()
    rows = []
    with _lock:
        for key, noted in list(_noted.items()):
            if noted.count and now - noted.written_at >= SAME_SECONDS:
                rows.append(_row(key, noted))
                noted.count, noted.written_at = 0, now
            elif not noted.count and (
                now - noted.written_at >= SAME_SECONDS or len(_noted) > _REMEMBERED
            ):
                del _noted[key]
    if rows:
        Act.objects.bulk_create(rows)
    return len(rows)


def something_noted() -> bool:
    """Return whether `write_denials` has something to look at."""
    return bool(_noted)


def write_denials_in_a_thread() -> None:
    """Write what is due from a thread that is no request's."""
    close_old_connections()
    write_denials()


def forget_denials() -> None:
    """Forget all that was noted; for tests."""
    with _lock:
        _noted.clear()


def record(
    account: Account, person: User, action: str, *, outcome: str = Act.Outcome.DONE, **details: Any
) -> Act:
    """Write down an act which is no command, within the transaction that it happens in.

    Args:
        details: what it was about, in words or plain values.
    """
    return Act.objects.create(
        at=datetime.now(UTC),
        account_id=account.pk,
        actor_id=person.pk,
        action=action,
        outcome=outcome,
        details=json.dumps(details) if details else "",
    )


def _row(key: _Key, noted: _Noted) -> Act:
    return Act(
        at=datetime.fromtimestamp(noted.first_at, UTC),
        account_id=key.account,
        actor_id=key.person,
        action=key.permission,
        outcome=Act.Outcome.DENIED,
        reason=key.message[:_REASON_CHARACTERS],
        details=json.dumps({"layer": key.layer}),
        count=noted.count,
    )
