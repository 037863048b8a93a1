"""Interest by the hour: what each account earned and paid, written once an hour has closed.

    interest of an hour = value at its end − value at its beginning − what was moved in it

value: floor(lend_scaled × index of its bucket) of a lend, ceil(debt_scaled × index) of a debt, by
the last movement before the moment and the pool's indexes at it. So lines telescope to the atom,
and are a function of rows that never change: whenever, and how often, they are written, they are
the same. An hour is closed when every pool that lends has told its indexes at its end or later.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils import timezone

from accounts.assets import assets
from accounts.models import Balance
from engine.units import PPB, RAY
from lending.models import BorrowLendMovement, InterestHour, InterestPayment, PoolHour

HOUR = timedelta(hours=1)
HOURS_OF_YEAR = 8_760
# After a long silence the next run goes on where this one ends.
HOURS_AT_ONCE = 200

_MOVEMENT = BorrowLendMovement._meta.db_table
_HOUR = PoolHour._meta.db_table
_PAYMENT = InterestPayment._meta.db_table
_COLUMNS = "account_id, asset, hour, kind, amount, rate_ppb, market, position_id"
_ONCE = "ON CONFLICT (account_id, asset, kind, hour, position_id) DO NOTHING"

# A pool that nobody owed anything skips hours: its indexes stood still, so the next row has them.
# A pool without an earlier row begins at index one.
_MARKS = f"""
    marks AS (
        SELECT pools.asset, opened.debt_index_ray AS debt_from, closed.debt_index_ray AS debt_to,
               opened.lend_indexes_ray AS lends_from, closed.lend_indexes_ray AS lends_to,
               EXISTS (SELECT FROM {_HOUR} WHERE asset = pools.asset AND hour <= %(start)s) AS known
        FROM unnest(%(assets)s::text[]) AS pools (asset)
        CROSS JOIN LATERAL (
            SELECT * FROM {_HOUR} WHERE asset = pools.asset AND hour >= %(start)s
            ORDER BY hour LIMIT 1
        ) AS opened
        CROSS JOIN LATERAL (
            SELECT * FROM {_HOUR} WHERE asset = pools.asset AND hour >= %(end)s
            ORDER BY hour LIMIT 1
        ) AS closed
    )
"""


def _yearly(index_from: str, index_to: str) -> str:
    """Return SQL for the yearly rate, in ppb, at which an index grew in the hour."""
    begun = f"CASE WHEN known THEN {index_from} ELSE {RAY} END"
    return f"div(({index_to} - {begun}) * {HOURS_OF_YEAR * PPB}, {begun})"


def _index(column: str, bucket: str) -> str:
    return f"(marks.{column} ->> {bucket}::int)::numeric"


# Ids of movements grow with time, so both look-ups and the sum stay in the index of the account.
_LENDS_AND_DEBTS = f"""
    WITH {_MARKS}, held AS (
        SELECT balance.account_id, marks.*,
               coalesce(before.id, 0) AS before_id, after.id AS after_id, after.lend_scaled,
               coalesce(before.bucket, after.bucket) AS bucket_from, after.bucket AS bucket_to,
               div(coalesce(before.lend_scaled, 0)
                   * {_index("lends_from", "coalesce(before.bucket, 0)")}, {RAY}) AS lent_from,
               div(after.lend_scaled * {_index("lends_to", "after.bucket")}, {RAY}) AS lent_to,
               div(coalesce(before.debt_scaled, 0) * debt_from + {RAY - 1}, {RAY}) AS owed_from,
               div(after.debt_scaled * debt_to + {RAY - 1}, {RAY}) AS owed_to
        FROM {Balance._meta.db_table} AS balance
        JOIN marks ON marks.asset = balance.asset
        CROSS JOIN LATERAL (
            SELECT * FROM {_MOVEMENT} AS m
            WHERE m.account_id = balance.account_id AND m.asset = balance.asset
              AND m.at < %(end)s
            ORDER BY m.id DESC LIMIT 1
        ) AS after
        LEFT JOIN LATERAL (
            SELECT * FROM {_MOVEMENT} AS m
            WHERE m.account_id = balance.account_id AND m.asset = balance.asset
              AND m.at < %(start)s
            ORDER BY m.id DESC LIMIT 1
        ) AS before ON true
    ), moved AS (
        SELECT held.*, moves.lent, moves.owed,
               CASE WHEN lend_scaled > 0 THEN bucket_to ELSE bucket_from END AS bucket
        FROM held CROSS JOIN LATERAL (
            SELECT
                coalesce(sum(CASE m.kind WHEN 'Lend' THEN m.amount
                                         WHEN 'LendRedeem' THEN -m.amount ELSE 0 END), 0) AS lent,
                coalesce(sum(CASE m.kind WHEN 'Borrow' THEN m.amount
                                         WHEN 'BorrowRepay' THEN -m.amount ELSE 0 END), 0) AS owed
            FROM {_MOVEMENT} AS m
            WHERE m.account_id = held.account_id AND m.asset = held.asset
              AND m.id > held.before_id AND m.id <= held.after_id
        ) AS moves
        WHERE lent_from <> 0 OR owed_from <> 0 OR after_id <> before_id
    )
    INSERT INTO {_PAYMENT} ({_COLUMNS})
    SELECT account_id, asset, %(start)s, line.kind, line.amount, line.rate_ppb, '', 0
    FROM moved AS marks CROSS JOIN LATERAL (VALUES
        ('Lend', lent_to - lent_from - lent,
         {_yearly(_index("lends_from", "bucket"), _index("lends_to", "bucket"))}),
        ('Borrow', owed + owed_from - owed_to, {_yearly("debt_from", "debt_to")})
    ) AS line (kind, amount, rate_ppb)
    WHERE line.amount <> 0
    {_ONCE}
"""

# Posted interest belongs to the hour of its command: a cycle of settlement may end in the next.
_POSITIONS = f"""
    WITH {_MARKS}
    INSERT INTO {_PAYMENT} ({_COLUMNS})
    SELECT posted.account_id, posted.asset, %(start)s,
           CASE WHEN posted.gains THEN 'UnrealizedPositivePnl' ELSE 'UnrealizedNegativePnl' END,
           posted.amount,
           CASE WHEN posted.gains THEN {_yearly(_index("lends_from", "0"), _index("lends_to", "0"))}
                ELSE {_yearly("debt_from", "debt_to")} END,
           posted.market, posted.position_id
    FROM (
        SELECT account_id, asset, market, position_id, amount_atoms > 0 AS gains,
               sum(amount_atoms) AS amount
        FROM {{positions}} WHERE at >= %(start)s AND at < %(end)s
        GROUP BY account_id, asset, market, position_id, gains
    ) AS posted
    JOIN marks ON marks.asset = posted.asset
    {_ONCE}
"""


def write_closed_hours() -> dict[datetime, int]:
    """Write the lines of each hour that has closed, in order; return how many by hour."""
    lendable = [asset.symbol for asset in assets().values() if asset.lendable]
    until, start = closed_until(lendable), _next_hour()
    written: dict[datetime, int] = {}
    while until and start and start < until and len(written) < HOURS_AT_ONCE:
        written[start] = _write(start, lendable)
        start += HOUR
    return written


def accounted_until() -> datetime | None:
    """Return the end of the last hour whose lines are written; None before the first."""
    last: datetime | None = InterestHour.objects.aggregate(last=Max("hour"))["last"]
    return last + HOUR if last else None


def closed_until(lendable: list[str]) -> datetime | None:
    """Return the whole hour up to which every one of these pools has told its indexes."""
    told = dict(
        PoolHour.objects.filter(asset__in=lendable)
        .values_list("asset")
        .annotate(last=Max("hour"))
        .values_list("asset", "last")
    )
    return min(told.values()) if lendable and len(told) == len(lendable) else None


def _next_hour() -> datetime | None:
    accounted = accounted_until()
    if accounted is not None:
        return accounted
    first_close = PoolHour.objects.aggregate(first=Min("hour"))["first"]
    if first_close is None:
        return None
    begin: datetime = first_close - HOUR
    moved = BorrowLendMovement.objects.order_by("id").values_list("at", flat=True).first()
    if moved is not None:
        begin = min(begin, moved.replace(minute=0, second=0, microsecond=0))
    return begin


def _write(start: datetime, lendable: list[str]) -> int:
    positions = apps.get_model("trading", "PositionInterest")._meta.db_table
    terms: dict[str, Any] = {"start": start, "end": start + HOUR, "assets": lendable}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LENDS_AND_DEBTS, terms)
        lines: int = cursor.rowcount
        cursor.execute(_POSITIONS.format(positions=positions), terms)
        lines += cursor.rowcount
        row = InterestHour(hour=start, lines=lines, written_at=timezone.now())
        # Two at once write the same lines; the first has marked the hour.
        InterestHour.objects.bulk_create([row], ignore_conflicts=True)
    return lines
