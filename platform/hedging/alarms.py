"""What staff must know of a desk: a row from when it began until it was over, and a log line each.

What is meant and what to do about it stands in docs/runbook.md.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from hedging.decision import Reason
from hedging.models import Desk, HedgeAlarm
from hedging.words import plain

log = logging.getLogger(__name__)

OVER_LIMIT = "over_limit"
MARKET_SUM = "market_sum"
FAILED = "failed"
FEE_UNKNOWN = "fee_unknown"
STOPPED = {
    Reason.UNEXPLAINED_POSITION: (
        "Stopped: the venue holds a position which our fills do not explain. Find out why, put it "
        "right at the venue or take it over, then resume."
    ),
    Reason.UNEXPLAINED_ORDER: (
        "Stopped: an order rests at the venue which is none of ours. Cancel it there, then resume."
    ),
    Reason.OTHER_ORDER: (
        "Stopped: the venue has another order under the id of ours. The account must be the "
        "desk's alone."
    ),
}


def begin(desk: Desk, kind: str, message: str) -> None:
    """Begin an alarm, or bring the message of one that goes on up to date."""
    going_on = HedgeAlarm.objects.filter(desk=desk, kind=kind, ended_at=None)
    if going_on.update(message=message):
        return
    try:
        with transaction.atomic():
            HedgeAlarm.objects.create(
                desk=desk, kind=kind, message=message, began_at=timezone.now()
            )
    except IntegrityError:
        # Another process was first.
        return
    log.error("%s: %s: %s", desk, kind, message)


def end(desk: Desk, *kinds: str) -> None:
    """End the alarms of these kinds."""
    rows = HedgeAlarm.objects.filter(desk=desk, kind__in=kinds, ended_at=None)
    if rows.update(ended_at=timezone.now()):
        log.info("%s: over: %s", desk, ", ".join(kinds))


def tell_over_limit(desk: Desk, now: datetime) -> None:
    """Tell when more than the limit has been open for too long, and when it is over."""
    if desk.over_since is None:
        end(desk, OVER_LIMIT)
    elif now - desk.over_since >= timedelta(seconds=settings.HEDGE_ALARM_SECONDS):
        since = f"{desk.over_since:%Y-%m-%d %H:%M:%S} UTC"
        message = f"More than {plain(desk.limit_usd)} USD has not been hedged since {since}."
        begin(desk, OVER_LIMIT, message)
