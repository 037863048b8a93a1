"""Every beat job, in one table: name, task, rhythm, expiry, and why that rhythm.

A job only says *when*; the engine says *how much*. The command id names job, subject and period,
so that a job which runs twice, late or on two hosts changes nothing. A job that waited longer than
`expires` in the queue is dropped: its period is over, and the next one covers it.
"""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab


def _every(seconds: int, task: str, *, expires: int) -> dict[str, Any]:
    """A job which stamps its commands with the period: the rhythm is said here only."""
    return {
        "task": task,
        "schedule": timedelta(seconds=seconds),
        "kwargs": {"every_seconds": seconds},
        "options": {"expires": expires},
    }


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Often enough that a profit can be spent, or lent, while it is still news; markets with few
    # positions cost one command each.
    "auto-realize": _every(10, "trading.tasks.auto_realize", expires=10),
    # Money that comes in is lent at once; this finds what was idle when somebody turned Auto Lend
    # on, and what a full pool did not take.
    "auto-lend": _every(60, "lending.tasks.auto_lend", expires=60),
    # Rates follow utilization; a minute keeps the shown rates and indexes fresh. How often it runs
    # changes no amount.
    "accrue-interest": _every(60, "lending.tasks.accrue_interest", expires=60),
    # Recovery replays what came after the last snapshot, some 30,000 commands a second: five quiet
    # minutes are nothing, five busy ones would be a long wait. Each command is replayed once for a
    # snapshot, however often one is written.
    "write-snapshot": {
        "task": "sequencer.tasks.write_snapshot",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    "write-snapshot-under-load": {
        "task": "sequencer.tasks.write_snapshot_under_load",
        "schedule": timedelta(seconds=20),
        "options": {"expires": 20},
    },
    # Only after an engine was away at sign-up: nobody should wait longer than a minute then.
    "ensure-accounts-open": {
        "task": "accounts.tasks.ensure_accounts_open",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    # Hot tables have no foreign keys (they would halve the rate of commits): look once a night,
    # away from the hours when reports run.
    "find-orphans": {
        "task": "sequencer.tasks.find_orphans",
        "schedule": crontab(hour=3, minute=17),
        "options": {"expires": 6 * 3600},
    },
}
