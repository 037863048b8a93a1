"""Rates of the pools over time, and what they come to in a year."""

# ruff: noqa: S608 -- the name in the statement comes from the model, never from a caller

from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, Final, NamedTuple

from django.db import connection
from django.utils import timezone

from accounts.assets import asset_named, assets, ppb_text
from engine.catalog import Asset
from engine.units import PPB
from gateway.decimals import format_decimal
from lending.models import PoolRate
from lending.selectors import pools

# By what the contract calls an interval: how far back, and one row in each step of it.
SPANS: Final = {
    "1d": (timedelta(days=1), timedelta(minutes=15)),
    "1w": (timedelta(weeks=1), timedelta(hours=2)),
    "1month": (timedelta(days=30), timedelta(hours=6)),
    "1year": (timedelta(days=365), timedelta(days=1)),
}
HOURS_OF_YEAR = 8760
EPOCH = datetime.fromtimestamp(0, UTC)

# The last accrual of each step: one look-up in the index a step, however long the span.
_HISTORY = f"""
    SELECT at, borrow_rate_ppb, lend_rate_ppb, utilization_ppb, borrowed, lent
    FROM generate_series(%(start)s::timestamptz, %(end)s::timestamptz, %(step)s) AS steps (since)
    CROSS JOIN LATERAL (
        SELECT * FROM {PoolRate._meta.db_table}
        WHERE asset = %(asset)s AND at >= since AND at < since + %(step)s
        ORDER BY at DESC LIMIT 1
    ) AS last
    ORDER BY since
"""


class RateRow(NamedTuple):
    """Rates are fractions a year."""

    at: datetime
    borrow_rate: str
    lend_rate: str
    utilization: str
    borrowed: str
    lent: str


class YearRow(NamedTuple):
    symbol: str
    borrow: str
    lend: str


def history(span: str, *, symbol: str | None = None) -> list[RateRow]:
    """Return the rates and sizes of one pool, or of each, over a span of `SPANS`, oldest first.

    Raises Refused for an unknown asset.
    """
    chosen = assets().values() if symbol is None else [asset_named(symbol)]
    return [row for asset in chosen for row in _history(asset, *SPANS[span])]


def _history(asset: Asset, length: timedelta, step: timedelta) -> list[RateRow]:
    now = timezone.now()
    # Steps begin at whole multiples of themselves, so that rows stay the same from call to call.
    start = now - length - (now - EPOCH) % step
    terms: dict[str, Any] = {"asset": asset.symbol, "start": start, "end": now, "step": step}
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, terms)
        rows = cursor.fetchall()
    return [
        RateRow(
            at=at,
            borrow_rate=ppb_text(borrow),
            lend_rate=ppb_text(lend),
            utilization=ppb_text(used),
            borrowed=format_decimal(int(borrowed), asset.decimals),
            lent=format_decimal(int(lent), asset.decimals),
        )
        for at, borrow, lend, used, borrowed, lent in rows
    ]


def yearly() -> list[YearRow]:
    """Return what borrowers pay and lenders earn of each lendable asset in a year, as it stands."""
    return [
        YearRow(
            symbol,
            ppb_text(compounded_ppb(pool.rate_ppb, rounding=ROUND_CEILING)),
            ppb_text(compounded_ppb(pool.lend_rate_ppb, rounding=ROUND_FLOOR)),
        )
        for symbol, pool in pools().items()
        if pool.asset.lendable
    ]


def compounded_ppb(rate_ppb: int, *, rounding: str) -> int:
    """Return (1 + rate / 8760) ^ 8760 − 1: interest compounds at each whole hour.

    >>> compounded_ppb(100_000_000, rounding=ROUND_FLOOR)
    105170287
    """
    context = Context(prec=50)
    hourly = context.divide(Decimal(rate_ppb), Decimal(PPB * HOURS_OF_YEAR))
    year = context.power(context.add(Decimal(1), hourly), HOURS_OF_YEAR)
    grown = context.multiply(context.subtract(year, Decimal(1)), Decimal(PPB))
    return int(grown.to_integral_value(rounding))
