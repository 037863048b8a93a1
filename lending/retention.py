"""How much of the rates' history is kept: one a minute of two days, one an hour before that."""

# ruff: noqa: S608 -- the name in the statement comes from the model, never from a caller

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from lending.models import PoolRate

KEPT_WHOLE = timedelta(days=2)

# The last of an hour is what the longer histories show; where fees were taken, the record stays.
_THIN = f"""
    DELETE FROM {PoolRate._meta.db_table} AS rate USING (
        SELECT id, lead(at) OVER (PARTITION BY asset ORDER BY at, id) AS next_at
        FROM {PoolRate._meta.db_table} WHERE at < %s
    ) AS followed
    WHERE rate.id = followed.id AND rate.insured = 0 AND rate.fees = 0
      AND date_trunc('hour', followed.next_at) = date_trunc('hour', rate.at)
"""


def thin_rates() -> int:
    """Delete all but the last rate of each hour of the days before; return how many."""
    whole_since = (timezone.now() - KEPT_WHOLE).replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_THIN, [whole_since])
        deleted: int = cursor.rowcount
    return deleted
