"""Equity and profit over time, from the points of accounts: by hour, by day, over 30 days."""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from trading.equity_models import EquityPoint
from trading.worth import Figures

_POINTS = EquityPoint._meta.db_table


class Change(NamedTuple):
    """What became of a worth in a span: opening + inflow + moved + result = closing, in micros.

    `result` is the profit: trading + fees + funding + interest. `moved` is what came from other
    assets of the same account, and 0 of whole accounts.
    """

    opening: int
    closing: int
    inflow: int
    moved: int
    fees: int
    funding: int
    interest: int

    @property
    def result(self) -> int:
        return self.closing - self.opening - self.inflow - self.moved

    @property
    def trading(self) -> int:
        return self.result - self.fees - self.funding - self.interest


class Step(NamedTuple):
    """A day or an hour of one account, or of all (account 0); it ends at `at`."""

    account: int
    at: datetime
    change: Change


def change_of(before: Figures, after: Figures) -> Change:
    """Return what became of a worth between two moments."""
    span = after.less(before)
    flows = (span.inflow, span.moved, span.fees, span.funding, span.interest)
    return Change(before.worth, after.worth, *flows)


_FLOWS = ("inflow", "fees", "funding", "interest")
_STEPS = ", ".join(f"{name} - coalesce(lag({name}) OVER span, 0) AS {name}" for name in _FLOWS)


# Cumulative figures of an account that has no point at the beginning are those of its last one.
def _steps(select: str, *, hourly: bool) -> str:
    return f"""
    WITH points AS (
        SELECT named.account_id, %(start)s::timestamptz AS at, last.equity, last.inflow, last.fees,
               last.funding, last.interest
        FROM unnest(%(accounts)s::bigint[]) AS named (account_id)
        CROSS JOIN LATERAL (
            SELECT * FROM {_POINTS} AS p
            WHERE p.account_id = named.account_id AND p.at <= %(start)s
            ORDER BY p.at DESC LIMIT 1
        ) AS last
        UNION ALL
        SELECT account_id, at, equity, inflow, fees, funding, interest FROM {_POINTS}
        WHERE account_id = ANY(%(accounts)s) AND at > %(start)s AND at <= %(end)s
              {"" if hourly else "AND is_day"}
    ), steps AS (
        SELECT account_id, at, coalesce(lag(equity) OVER span, 0) AS opening, equity, {_STEPS}
        FROM points WINDOW span AS (PARTITION BY account_id ORDER BY at)
    )
    {select}"""


_SUMS = ", ".join(f"sum({name})" for name in ("opening", "equity", *_FLOWS))
_TOGETHER = f"SELECT 0, at, {_SUMS} FROM steps WHERE at > %(start)s GROUP BY at ORDER BY at"
_EACH = f"""
    SELECT account_id, at, opening, equity, {", ".join(_FLOWS)} FROM steps
    WHERE at > %(start)s ORDER BY at, account_id"""


def together(
    accounts: Sequence[int], *, start: datetime, end: datetime, hourly: bool = False
) -> list[Step]:
    """Return the days, or hours, of all accounts together that end in (start, end], in order."""
    sql = _steps(_TOGETHER, hourly=hourly)
    return [_step(row) for row in _read(sql, accounts, start=start, end=end)]


def each(
    accounts: Sequence[int], *, start: datetime, end: datetime, hourly: bool = False
) -> list[Step]:
    """Return the days, or hours, of each account that end in (start, end], in order."""
    sql = _steps(_EACH, hourly=hourly)
    return [_step(row) for row in _read(sql, accounts, start=start, end=end)]


def hours(accounts: Sequence[int], *, start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """Return the equity of all accounts together at each hour that is kept."""
    sql = f"""
        SELECT at, sum(equity) FROM {_POINTS}
        WHERE account_id = ANY(%(accounts)s) AND at >= %(start)s AND at <= %(end)s
        GROUP BY at ORDER BY at"""
    return [(at, int(equity)) for at, equity in _read(sql, accounts, start=start, end=end)]


def first_at(accounts: Sequence[int]) -> datetime | None:
    """Return when the history of the accounts begins."""
    sql = f"""
        SELECT min(first.at) FROM unnest(%(accounts)s::bigint[]) AS named (account_id)
        CROSS JOIN LATERAL (
            SELECT at FROM {_POINTS} AS p WHERE p.account_id = named.account_id
            ORDER BY p.at LIMIT 1
        ) AS first"""
    found: datetime | None = _read(sql, accounts)[0][0]
    return found


def volume_until(accounts: Sequence[int], at: datetime) -> int:
    """Return what the accounts had traded up to an hour, in micros, both sides counted."""
    sql = f"""
        SELECT coalesce(sum(volume), 0)
        FROM unnest(%(accounts)s::bigint[]) AS named (account_id)
        CROSS JOIN LATERAL (
            SELECT volume FROM {_POINTS} AS p
            WHERE p.account_id = named.account_id AND p.at <= %(end)s ORDER BY p.at DESC LIMIT 1
        ) AS last"""
    return int(_read(sql, accounts, end=at)[0][0])


def _step(row: tuple[Any, ...]) -> Step:
    account, at, opening, closing, inflow, *costs = row
    amounts = (int(opening), int(closing), int(inflow), 0, *map(int, costs))
    return Step(account, at, Change(*amounts))


def _read(
    sql: str,
    accounts: Sequence[int],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"accounts": list(accounts), "start": start, "end": end})
        return list(cursor.fetchall())
