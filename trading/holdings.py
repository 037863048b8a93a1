"""What accounts hold at a moment, and all that changed it since another, valued when it happened.

All of one answer comes from one statement, so from one snapshot of the tables. At a whole hour that
has closed it is a function of rows that never change: what stands now, less what came since.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import connection

from accounts.models import Balance
from engine.units import RAY
from lending.models import DustConversion, Pool, PoolLends
from trading.candle_models import PriceCandle
from trading.flows import COLUMNS, HELD, OUTSIDE, long_span, span, table, terms
from trading.funding_models import FundingPayment
from trading.models import Asset, Fill, Market, Position
from trading.rfq_models import RfqFill
from trading.risk_models import LiquidationPayment
from trading.settlement_models import PositionInterest, Settlement


class Within(StrEnum):
    """What moves inside an account, or is counted, and is no flow of a balance."""

    FEE = "Fee owed in a position"
    FUNDING = "Funding of a position"
    INTEREST = "Interest of a position"
    DUST = "Dust turned into another asset"
    VOLUME = "Volume"


class Moved(NamedTuple):
    """All of one kind, asset and market in a span.

    `amount` is in atoms of the asset; `value` in micros of a dollar at the index of the minute in
    which each happened, each rounded towards zero. Of `Within.DUST`, `market` is the asset sold.
    """

    kind: str
    asset: str
    market: str
    amount: int
    value: int


class Open(NamedTuple):
    """A position: unrealized profit is lots × mark + `quote`, in quote atoms."""

    market: str
    lots: int
    quote: int


class Found(NamedTuple):
    """One account: net atoms by asset (in hand + lent − owed), positions, and what moved."""

    net: dict[str, int]
    positions: list[Open]
    moved: list[Moved]


_SINCE, _AT = "since", "at"


def _named(sql: str, span_name: str) -> str:
    """Return a statement of `flows` that takes its terms under the name of a span."""
    return sql.replace("%(", f"%({span_name}_")


_FILLS = ((Fill, "fill"), (RfqFill, "rfq_fill"))
# Long tables, besides those of `flows`.
_LONG = {"funding": FundingPayment, "position_interest": PositionInterest}

# Fees that are owed in positions, and how much was traded.
_OF_FILLS = " UNION ALL ".join(
    f"""
    SELECT f.account_id, f.at, leg.kind, leg.asset, leg.amount, f.market
    FROM {table(model)} AS f JOIN {table(Market)} AS m ON m.symbol = f.market
    CROSS JOIN LATERAL (VALUES
        ('{Within.FEE}', f.fee_asset, -f.fee_owed_atoms, f.fee_owed_atoms <> 0),
        ('{Within.VOLUME}', m.quote, f.quote_atoms, true)
    ) AS leg (kind, asset, amount, counts)
    WHERE {long_span(name, "f")} AND leg.counts"""
    for model, name in _FILLS
)
_WITHIN = f"""{_OF_FILLS}
    UNION ALL
    SELECT account_id, at, '{Within.FEE}', asset, owed_atoms, market
    FROM {table(LiquidationPayment)} AS p
    WHERE {span("p.at", "p.account_id")} AND kind = 'Fee' AND owed_atoms <> 0
    UNION ALL
    SELECT account_id, at, '{Within.FUNDING}', asset, amount_atoms, market
    FROM {table(FundingPayment)} AS p WHERE {long_span("funding", "p")}
    UNION ALL
    SELECT account_id, at, '{Within.INTEREST}', asset, amount_atoms, market
    FROM {table(PositionInterest)} AS p WHERE {long_span("position_interest", "p")}
    UNION ALL
    SELECT account_id, at, '{Within.DUST}', received_asset, received, asset
    FROM {table(DustConversion)} AS p WHERE {span("p.at", "p.account_id")} AND received <> 0"""

_MOVED = """
    SELECT flow.account_id, flow.kind, flow.asset, flow.market, sum(flow.amount) AS amount,
           sum(div(flow.amount * coalesce(price.close_e8, 0), price.divisor)) AS value
    FROM moved AS flow JOIN prices AS price
        ON price.asset = flow.asset AND price.minute = date_trunc('minute', flow.at)
    GROUP BY flow.account_id, flow.kind, flow.asset, flow.market"""

_WITH = _named(
    f"""
    WITH moved AS MATERIALIZED (
        SELECT account_id, at, kind, asset, amount, market FROM ({OUTSIDE}) AS {COLUMNS}
        UNION ALL {_WITHIN}
    ), prices AS MATERIALIZED (
        SELECT minutes.asset, minute, close_e8,
               power(10::numeric, (spec ->> 'decimals')::int + 2) AS divisor
        FROM (SELECT DISTINCT asset, date_trunc('minute', at) AS minute FROM moved) AS minutes
        JOIN {table(Asset)} AS a ON a.symbol = minutes.asset
        LEFT JOIN LATERAL (
            SELECT close_e8 FROM {table(PriceCandle)} AS c
            WHERE c.symbol = minutes.asset AND c.kind = 'index' AND c.start <= minute
            ORDER BY c.start DESC LIMIT 1
        ) AS price ON true
    )""",
    _SINCE,
)

# What has changed lots and quotes of positions since a moment.
_CHANGES = " UNION ALL ".join(
    (
        *(
            f"""
    SELECT f.account_id, f.market, CASE f.side WHEN 'Bid' THEN f.lots ELSE -f.lots END AS lots,
           CASE f.side WHEN 'Bid' THEN -f.quote_atoms ELSE f.quote_atoms END - f.fee_owed_atoms
               AS quote
    FROM {table(model)} AS f JOIN {table(Market)} AS m ON m.symbol = f.market
    WHERE {long_span(name, "f")} AND m.kind = 'PERP'"""
            for model, name in _FILLS
        ),
        f"""
    SELECT account_id, market, 0, -amount_atoms FROM {table(Settlement)} AS s
    WHERE {long_span("settlement", "s")}""",
        f"""
    SELECT account_id, market, 0, amount_atoms FROM {table(FundingPayment)} AS p
    WHERE {long_span("funding", "p")}""",
        f"""
    SELECT account_id, market, 0, amount_atoms FROM {table(PositionInterest)} AS p
    WHERE {long_span("position_interest", "p")}""",
        f"""
    SELECT account_id, market, 0, owed_atoms FROM {table(LiquidationPayment)} AS p
    WHERE {span("p.at", "p.account_id")} AND owed_atoms <> 0""",
    )
)
_POSITIONS_AT = f"""
    SELECT p.account_id, p.market, p.lots - coalesce(came.lots, 0) AS lots,
           p.quote_atoms - coalesce(came.quote, 0) AS quote
    FROM {table(Position)} AS p LEFT JOIN (
        SELECT account_id, market, sum(lots) AS lots, sum(quote) AS quote
        FROM ({_CHANGES}) AS change GROUP BY account_id, market
    ) AS came ON came.account_id = p.account_id AND came.market = p.market
    WHERE p.account_id = ANY(%(accounts)s)"""

_HELD_NOW = f"""
    SELECT account_id, balance.asset, available + locked AS cash,
           div(balance.lend_scaled * coalesce(lends.lend_index_ray, {RAY}), {RAY}) AS lent,
           div(balance.debt_scaled * coalesce(pool.debt_index_ray, {RAY}) + {RAY - 1}, {RAY})
               AS owed
    FROM {table(Balance)} AS balance
    LEFT JOIN {table(Pool)} AS pool ON pool.asset = balance.asset
    LEFT JOIN {table(PoolLends)} AS lends
        ON lends.asset = balance.asset AND lends.bucket = balance.lend_bucket
    WHERE account_id = ANY(%(accounts)s)"""
_POSITIONS_NOW = f"""
    SELECT account_id, market, lots, quote_atoms AS quote FROM {table(Position)}
    WHERE account_id = ANY(%(accounts)s)"""


def _terms(span_name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{span_name}_{name}": term for name, term in found.items()}


def _statement(held: str, positions: str) -> str:
    return f"""{_WITH}
    SELECT 'held', account_id, '', asset, '', cash + lent - owed, 0
    FROM ({_named(held, _AT)}) AS held
    UNION ALL
    SELECT 'open', account_id, '', '', market, lots, quote
    FROM ({_named(positions, _AT)}) AS open WHERE lots <> 0 OR quote <> 0
    UNION ALL
    SELECT 'moved', account_id, kind, asset, market, amount, value FROM ({_MOVED}) AS sums"""


_NOW = _statement(_HELD_NOW, _POSITIONS_NOW)
_THEN = _statement(HELD, _POSITIONS_AT)


def holdings(
    accounts: Sequence[int], *, since: datetime | None, at: datetime | None
) -> dict[int, Found]:
    """Return what accounts hold at a moment, and what moved in [since, at).

    Args:
        since: None is the beginning.
        at: a whole hour that has closed; None is now.
    """
    named = _terms(_SINCE, terms(accounts, start=since, end=at, more=_LONG))
    if at is None:
        named |= _terms(_AT, {"accounts": accounts})
    else:
        named |= _terms(_AT, terms(accounts, start=at, end=None, more=_LONG))
    found = {account: Found({}, [], []) for account in accounts}
    with connection.cursor() as cursor:
        cursor.execute(_NOW if at is None else _THEN, named)
        for what, account, kind, asset, market, first, second in cursor.fetchall():
            one = found[account]
            if what == "held":
                one.net[asset] = int(first)
            elif what == "open":
                one.positions.append(Open(market, int(first), int(second)))
            else:
                one.moved.append(Moved(kind, asset, market, int(first), int(second)))
    return found
