"""The monthly close: what each account held is written down, and the statement is final.

A close says what the statement says, so when it is written, or how often, changes nothing.
"""

import logging
from datetime import date, timedelta

from django.utils import timezone

from accounts.models import Balance
from lending.interest_lines import accounted_until
from trading.flows import first_flow_at
from trading.settlement_models import StatementClose
from trading.statements import StatementWrong, month_start, next_month, statement

log = logging.getLogger(__name__)


def close_months() -> tuple[int, list[int]]:
    """Close every month that is over, of every account; return how many, and which are wrong."""
    until = accounted_until()
    if until is None:
        return 0, []
    last = (until.date().replace(day=1) - timedelta(days=1)).replace(day=1)
    done = StatementClose.objects.filter(month=last).values("account_id")
    # An account that never held anything has no statement.
    waiting = Balance.objects.exclude(account_id__in=done).order_by("account_id")
    closed, wrong = 0, []
    for account in list(waiting.values_list("account_id", flat=True).distinct()):
        try:
            closed += _close(account, last)
        except StatementWrong as error:
            log.error("%s: it stays open.", error)
            wrong.append(account)
    return closed, wrong


def _close(account: int, last: date) -> int:
    """Close the account's months up to `last`, in order; return how many there were."""
    month = _first_open(account)
    count = 0
    while month is not None and month <= last:
        found = statement(account, month)
        assert found.end == month_start(next_month(month)), f"{month} is not over"
        row = StatementClose(
            account_id=account,
            month=month,
            closed_at=timezone.now(),
            balances={asset.asset: [str(part) for part in asset.held] for asset in found.assets},
        )
        # Another run may have been faster: it has written the same.
        StatementClose.objects.bulk_create([row], ignore_conflicts=True)
        count += 1
        month = next_month(month)
    return count


def _first_open(account: int) -> date | None:
    """Return the first month that is not closed; None for an account that never held anything."""
    months = StatementClose.objects.filter(account_id=account).order_by("-month")
    closed = months.values_list("month", flat=True).first()
    if closed is not None:
        return next_month(closed)
    first = first_flow_at(account)
    return first.date().replace(day=1) if first else None
