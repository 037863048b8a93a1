"""Everything that changes what an account owns, as rows of one shape: (time, kind, asset, amount).

    available + locked + lent − owed  at the end  =  the same at the beginning  +  Σ amounts

Lending, redeeming, borrowing and repaying are not here: they change where money is, not how much.
What a position gains or loses is not here before it is realized: a position is not a balance.

The statements serve any number of accounts (`terms`); rows begin with the account.
"""

# ruff: noqa: S608 -- the names in these statements come from the models, never from a caller

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import connection

from accounts.models import Balance, Deposit, Transfer, Withdrawal
from engine.kinds import RealizeKind
from engine.units import RAY
from lending.models import (
    BorrowLendMovement,
    DebtWriteOff,
    DustConversion,
    InterestPayment,
    PoolHour,
)
from trading.models import Fill, Market
from trading.rfq_models import RfqFill
from trading.risk_models import LiquidationPayment
from trading.row_times import MAX_ID, first_id_since
from trading.settlement_models import Settlement


class Kind(StrEnum):
    """Why an account's balance changed; the value is the word for it."""

    DEPOSIT = "Deposited"
    WITHDRAWAL = "Withdrawn"
    RETURNED = "Withdrawals returned"
    TRANSFER_IN = "Transferred in"
    TRANSFER_OUT = "Transferred out"
    BOUGHT = "Bought"
    SOLD = "Sold"
    PAID = "Paid for purchases"
    PROCEEDS = "Received for sales"
    FEE = "Trading fees"
    REALIZED = "Realized profit and loss"
    FUNDING = "Funding"
    LEND_INTEREST = "Interest earned on lends"
    BORROW_INTEREST = "Interest paid on loans"
    DUST_SOLD = "Dust sold"
    DUST_RECEIVED = "Received for dust"
    WRITE_OFF = "Debt written off"
    LIQUIDATION_FEE = "Liquidation fees"
    INSURANCE = "Paid by the insurance fund"


class Flow(NamedTuple):
    at: datetime
    kind: str
    asset: str
    amount: int
    market: str
    position_id: int
    reference: str


class DaySum(NamedTuple):
    """All flows of one kind, asset and market in one day (UTC)."""

    day: datetime
    kind: str
    asset: str
    market: str
    amount: int


class Held(NamedTuple):
    """What an account holds of an asset: in hand, lent and owed, in atoms."""

    cash: int
    lent: int
    owed: int

    @property
    def total(self) -> int:
        return self.cash + self.lent - self.owed


def table(model: Any) -> str:
    """Return the name of a model's table."""
    return str(model._meta.db_table)


def span(column: str, owner: str = "account_id") -> str:
    """Return the condition that a row is one of the accounts' in the span."""
    return f"{owner} = ANY(%(accounts)s) AND {column} >= %(start)s AND {column} < %(end)s"


# An account has very many rows of these: the numbers of the span's first rows keep reads short.
_LONG = {
    "fill": Fill,
    "rfq_fill": RfqFill,
    "settlement": Settlement,
    "movement": BorrowLendMovement,
}


def long_span(name: str, alias: str) -> str:
    """Return the same of a long table, by the numbers of its rows too."""
    whole = span(f"{alias}.at", f"{alias}.account_id")
    return f"{whole} AND {alias}.id >= %({name}_from)s AND {alias}.id < %({name}_to)s"


def _plain(model: Any, kind: Kind, amount: str, word: str) -> str:
    return f"""
        SELECT account_id, at, '{kind}', asset, {amount}, '', 0, '{word} ' || id
        FROM {table(model)}
        WHERE {span("at")}"""


# The ledger has a fee's leg where the money came from, so fills say who bore it. A spot fee is
# taken from what is received; what of a perpetual's is owed in the position is realized with its
# profit.
def _fills(model: Any, name: str, reference: str) -> str:
    return f"""
    SELECT f.account_id, f.at, leg.kind, leg.asset, leg.amount, f.market, 0, {reference}
    FROM {table(model)} AS f JOIN {table(Market)} AS m ON m.symbol = f.market
    CROSS JOIN LATERAL (VALUES
        (CASE f.side WHEN 'Bid' THEN '{Kind.BOUGHT}' ELSE '{Kind.SOLD}' END, m.base,
         (CASE f.side WHEN 'Bid' THEN f.lots ELSE -f.lots END) * (m.spec ->> 'lot_atoms')::numeric,
         m.kind = 'SPOT'),
        (CASE f.side WHEN 'Bid' THEN '{Kind.PAID}' ELSE '{Kind.PROCEEDS}' END, m.quote,
         CASE f.side WHEN 'Bid' THEN -f.quote_atoms ELSE f.quote_atoms END, m.kind = 'SPOT'),
        ('{Kind.FEE}', f.fee_asset, f.fee_owed_atoms - f.fee_atoms, f.fee_atoms <> f.fee_owed_atoms)
    ) AS leg (kind, asset, amount, counts)
    WHERE {long_span(name, "f")} AND leg.counts"""


OUTSIDE = " UNION ALL ".join(
    (
        _plain(Deposit, Kind.DEPOSIT, "amount", "deposit"),
        f"""SELECT account_id, requested_at, '{Kind.WITHDRAWAL}', asset, -amount, '', 0,
                   'withdrawal ' || id
            FROM {table(Withdrawal)} WHERE {span("requested_at")}""",
        f"""SELECT account_id, settled_at, '{Kind.RETURNED}', asset, amount, '', 0,
                   'withdrawal ' || id
            FROM {table(Withdrawal)} WHERE {span("settled_at")} AND status = 'returned'""",
        f"""SELECT destination_id, at, '{Kind.TRANSFER_IN}', asset, amount, '', 0, 'transfer ' || id
            FROM {table(Transfer)} WHERE {span("at", "destination_id")}""",
        f"""SELECT source_id, at, '{Kind.TRANSFER_OUT}', asset, -amount, '', 0, 'transfer ' || id
            FROM {table(Transfer)} WHERE {span("at", "source_id")}""",
        _fills(Fill, "fill", "'order ' || f.order_id || ' trade ' || f.trade_id"),
        _fills(RfqFill, "rfq_fill", "'request ' || f.rfq_id || ' quote ' || f.quote_id"),
        f"""SELECT account_id, at, CASE source WHEN '{RealizeKind.FUNDING}' THEN '{Kind.FUNDING}'
                ELSE '{Kind.REALIZED}' END, asset, amount_atoms, market, position_id, source
            FROM {table(Settlement)} AS s WHERE {long_span("settlement", "s")}""",
        _plain(DustConversion, Kind.DUST_SOLD, "-amount", "dust"),
        f"""SELECT account_id, at, '{Kind.DUST_RECEIVED}', received_asset, received, '', 0,
                   'dust ' || id
            FROM {table(DustConversion)} WHERE {span("at")} AND received <> 0""",
        _plain(DebtWriteOff, Kind.WRITE_OFF, "amount", "write-off"),
        f"""SELECT account_id, at,
                   CASE kind WHEN 'Fee' THEN '{Kind.LIQUIDATION_FEE}' ELSE '{Kind.INSURANCE}' END,
                   asset, amount_atoms - owed_atoms, market, 0, 'payment ' || id
            FROM {table(LiquidationPayment)}
            WHERE {span("at")} AND amount_atoms <> owed_atoms""",
    )
)

_INTEREST = f"""
    SELECT account_id, hour,
           CASE kind WHEN 'Lend' THEN '{Kind.LEND_INTEREST}' ELSE '{Kind.BORROW_INTEREST}' END,
           asset, amount, '', 0, 'hour' FROM {table(InterestPayment)}
    WHERE {span("hour")} AND kind IN ('Lend', 'Borrow')"""

# Posted into the quote of a position: it reaches the balance when the position is realized.
_MEMO = f"""
    SELECT account_id, hour, kind, asset, amount, market, position_id, 'hour'
    FROM {table(InterestPayment)}
    WHERE {span("hour")} AND kind NOT IN ('Lend', 'Borrow')"""

COLUMNS = "flow (account_id, at, kind, asset, amount, market, position_id, reference)"
_ALL = f"({OUTSIDE} UNION ALL {_INTEREST}) AS {COLUMNS}"

_SUMS = """
    SELECT date_trunc('day', at, 'UTC') AS day, kind, asset, market, sum(amount) FROM {}
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 2, 4"""

# In one statement, so in one snapshot: what is in hand now, less what came in since the moment.
HELD = f"""
    SELECT balance.account_id, balance.asset,
           available + locked - coalesce(came.amount, 0) + coalesce(moved.lent - moved.owed, 0)
               AS cash,
           coalesce(div(last.lend_scaled * (mark.lend_indexes_ray ->> last.bucket::int)::numeric,
                        {RAY}), 0) AS lent,
           coalesce(div(last.debt_scaled * mark.debt_index_ray + {RAY - 1}, {RAY}), 0) AS owed
    FROM {table(Balance)} AS balance
    LEFT JOIN (
        SELECT account_id, asset, sum(amount) AS amount FROM ({OUTSIDE}) AS {COLUMNS}
        GROUP BY account_id, asset
    ) AS came ON came.account_id = balance.account_id AND came.asset = balance.asset
    LEFT JOIN (
        SELECT account_id, asset,
               sum(CASE kind WHEN 'Lend' THEN amount WHEN 'LendRedeem' THEN -amount ELSE 0 END)
                   AS lent,
               sum(CASE kind WHEN 'Borrow' THEN amount WHEN 'BorrowRepay' THEN -amount ELSE 0 END)
                   AS owed
        FROM {table(BorrowLendMovement)} AS m WHERE {long_span("movement", "m")}
        GROUP BY account_id, asset
    ) AS moved ON moved.account_id = balance.account_id AND moved.asset = balance.asset
    LEFT JOIN LATERAL (
        SELECT lend_scaled, debt_scaled, bucket FROM {table(BorrowLendMovement)} AS m
        WHERE m.account_id = balance.account_id AND m.asset = balance.asset AND m.at < %(start)s
        ORDER BY m.id DESC LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL (
        SELECT debt_index_ray, lend_indexes_ray FROM {table(PoolHour)} AS h
        WHERE h.asset = balance.asset AND h.hour >= %(start)s ORDER BY h.hour LIMIT 1
    ) AS mark ON true
    WHERE balance.account_id = ANY(%(accounts)s)"""


def day_sums(account: int, *, start: datetime | None, end: datetime) -> list[DaySum]:
    """Return the flows of a span, summed by day, kind, asset and market; None is the beginning."""
    rows = _read(_SUMS.format(_ALL), account, start=start, end=end)
    return [
        DaySum(day, kind, asset, market, int(amount)) for day, kind, asset, market, amount in rows
    ]


def memo_sums(account: int, *, start: datetime, end: datetime) -> list[Flow]:
    """Return the interest of each position in a span, by its kind; it is in no balance yet."""
    sums = f"""
        SELECT min(at), kind, asset, sum(amount), market, position_id, ''
        FROM ({_MEMO}) AS {COLUMNS} GROUP BY kind, asset, market, position_id
        ORDER BY market, position_id, kind DESC"""
    rows = _read(sums, account, start=start, end=end)
    return [
        Flow(at, kind, asset, int(amount), market, position, reference)
        for at, kind, asset, amount, market, position, reference in rows
    ]


def stream(account: int, *, start: datetime, end: datetime) -> Iterator[tuple[Flow, bool]]:
    """Yield every flow of a span in order of time, and interest of positions (marked True).

    Interest stands at the beginning of its hour.
    """
    every = f"""
        SELECT at, kind, asset, amount, market, position_id, reference, false AS memo FROM {_ALL}
        UNION ALL
        SELECT at, kind, asset, amount, market, position_id, reference, true
        FROM ({_MEMO}) AS {COLUMNS}
        ORDER BY at, memo, kind, asset, reference"""
    with connection.chunked_cursor() as cursor:
        cursor.execute(every, terms([account], start=start, end=end))
        while rows := cursor.fetchmany(2_000):
            for at, kind, asset, amount, *where, memo in rows:
                yield Flow(at, kind, asset, int(amount), *where), memo


def held_at(account: int, moment: datetime) -> dict[str, Held]:
    """Return what the account held of each asset at a whole hour that has closed."""
    rows = _read(HELD, account, start=moment, end=None)
    return {asset: Held(int(cash), int(lent), int(owed)) for _, asset, cash, lent, owed in rows}


def first_flow_at(account: int) -> datetime | None:
    """Return when the account's balance first changed."""
    rows = _read(f"SELECT min(at) FROM {_ALL}", account, start=None, end=None)
    first: datetime | None = rows[0][0]
    return first


def _read(
    sql: str, account: int, *, start: datetime | None, end: datetime | None
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, terms([account], start=start, end=end))
        return list(cursor.fetchall())


def terms(
    accounts: Sequence[int],
    *,
    start: datetime | None,
    end: datetime | None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the statements here ask for: accounts, a span, and its bounds in long tables.

    Args:
        more: other long tables, by the name that `long_span` has for them.
    """
    found: dict[str, Any] = {"accounts": accounts}
    found |= {"start": start or "-infinity", "end": end or "infinity"}
    for name, model in {**_LONG, **(more or {})}.items():
        found[f"{name}_from"] = first_id_since(model, start)
        found[f"{name}_to"] = MAX_ID if end is None else first_id_since(model, end)
    return found
