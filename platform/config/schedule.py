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


def _plain(task: str, schedule: timedelta | crontab, *, expires: int) -> dict[str, Any]:
    return {"task": task, "schedule": schedule, "options": {"expires": expires}}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Often enough that a profit can be spent, or lent, while it is still news; markets with few
    # positions cost one command each.
    "auto-realize": _every(10, "trading.tasks.auto_realize", expires=10),
    # Whoever trades or is settled pays at once; this finds, within minutes, who was not touched
    # since the hour. Late or twice, it changes no amount.
    "pay-funding": _every(300, "trading.tasks.pay_funding", expires=300),
    # Money that comes in is lent at once; this finds what was idle when somebody turned Auto Lend
    # on, and what a full pool did not take.
    "auto-lend": _every(60, "lending.tasks.auto_lend", expires=60),
    # Rates follow utilization; a minute keeps the shown rates and indexes fresh. How often it runs
    # changes no amount.
    "accrue-interest": _every(60, "lending.tasks.accrue_interest", expires=60),
    # Minutes after the pools have told their indexes of the hour; when it runs changes no amount.
    "write-interest-lines": _plain(
        "lending.tasks.write_interest_lines", crontab(minute="*/5"), expires=300
    ),
    # As soon as the hour has closed; until then it is one look. When it runs changes no amount.
    "write-equity-points": _plain(
        "trading.tasks.write_equity_points", crontab(minute="*/10"), expires=600
    ),
    # A month is final as soon as its last hour is accounted for; what is closed is not looked at.
    "close-statements": _plain("trading.tasks.close_statements", crontab(minute=10), expires=3600),
    # Long spans of candles are read by the hour; what is not made yet is read by the minute.
    "make-hours": _plain("trading.tasks.make_hours", crontab(minute=4), expires=3600),
    # The histories of more than two days show hours at most.
    "thin-rates": _plain("lending.tasks.thin_rates", crontab(hour=2, minute=40), expires=6 * 3600),
    # Recovery replays what came after the last snapshot, some 30,000 commands a second: five quiet
    # minutes are nothing, five busy ones would be a long wait. Each command is replayed once for a
    # snapshot, however often one is written.
    "write-snapshot": _plain("sequencer.tasks.write_snapshot", timedelta(minutes=5), expires=300),
    "write-snapshot-under-load": _plain(
        "sequencer.tasks.write_snapshot_under_load", timedelta(seconds=20), expires=20
    ),
    # A row a second: each hour deletes one, so that no deletion is long.
    "forget-prices": _plain("trading.tasks.forget_prices", crontab(minute=51), expires=3600),
    # A margin call is worth nothing late; with none to send, it is one look at an index.
    "mail-notices": _plain("trading.tasks.mail_notices", timedelta(seconds=5), expires=5),
    # Only after an engine was away at sign-up: nobody should wait longer than a minute then.
    "ensure-accounts-open": _plain(
        "accounts.tasks.ensure_accounts_open", timedelta(minutes=1), expires=60
    ),
    # A withdrawal may leave a minute after its delay, not sooner; how often it runs moves no money.
    "release-withdrawals": _plain(
        "accounts.tasks.release_withdrawals", timedelta(minutes=1), expires=60
    ),
    # Rules run at whole minutes at most so often; the id of each transfer is that of its minute.
    "run-sweeps": _plain("accounts.tasks.run_sweeps", timedelta(seconds=30), expires=30),
    # A key that is good for an hour may live a minute longer.
    "revoke-page-keys": _plain("accounts.tasks.revoke_page_keys", timedelta(minutes=1), expires=60),
    # The desk's worker looks at each change; this finds what it missed, or does all if it is away.
    "hedge-all": _plain("hedging.tasks.hedge_all", timedelta(seconds=10), expires=10),
    # A minute is how long an open risk may stay unseen.
    "report-desks": _plain("hedging.tasks.report_desks", timedelta(minutes=1), expires=60),
    # Counted by what was traded in the minute before.
    "unwind-desks": _every(60, "hedging.tasks.unwind_desks", expires=60),
    "forget-old-reports": _plain(
        "hedging.tasks.forget_old_reports", crontab(hour=3, minute=41), expires=6 * 3600
    ),
    # Staff are served at once; this finds what the queue has lost, and runs whose worker is gone.
    "run-stress": _plain("stress.tasks.run_stress", timedelta(minutes=1), expires=60),
    # Hot tables have no foreign keys (they would halve the rate of commits): look once a night,
    # away from the hours when reports run.
    "find-orphans": _plain(
        "sequencer.tasks.find_orphans", crontab(hour=3, minute=17), expires=6 * 3600
    ),
    # A week of runs is what anybody looks back at.
    "forget-old-runs": _plain(
        "accounts.tasks.forget_old_runs", crontab(hour=3, minute=29), expires=6 * 3600
    ),
}
