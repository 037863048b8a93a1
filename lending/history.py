"""What became of an account's lends and debts: movements, positions, interest, dust."""

# ruff: noqa: S608 -- the name in the statement comes from the model, never from a caller

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Max, Q
from django.utils import timezone

from accounts.api.paging import Listed, Page, listed
from accounts.assets import assets, ppb_text
from engine.catalog import Asset
from engine.kinds import BorrowLendKind, MovementSource
from engine.pools import Pool
from engine.units import PPB
from gateway.decimals import format_decimal
from lending.models import BorrowLendMovement, DustConversion, InterestPayment
from lending.selectors import held_atoms, pools, position_id

HOUR_MS = 3_600_000
YEAR_SECONDS = 31_536_000
# The contract's clients know no other words for these.
WIRE_SOURCES: Final = {
    MovementSource.LEND_TERMS.value: MovementSource.MANUAL.value,
    MovementSource.WRITE_OFF.value: MovementSource.SETTLEMENT.value,
}
_UNREALIZED: Final = (
    InterestPayment.Kind.UNREALIZED_POSITIVE,
    InterestPayment.Kind.UNREALIZED_NEGATIVE,
)
INTEREST_SOURCES: Final = {
    "BorrowLend": ~Q(kind__in=_UNREALIZED),
    "UnrealizedPnl": Q(kind__in=_UNREALIZED),
}

# A position is all movements of one asset from the first after nothing was held to the one which
# leaves nothing. In its own direction movements count positive: Lend for a lend, Borrow for a debt.
# Σ amount × (end − at) is what was held times how long: the mean rate divides by it.
_POSITIONS = f"""
    WITH moved AS (
        SELECT id, at, asset, kind, source, lend_scaled + debt_scaled AS held,
               CASE WHEN kind IN ('Lend', 'Borrow') THEN amount ELSE -amount END AS amount,
               coalesce(sum((lend_scaled + debt_scaled = 0)::int) OVER earlier, 0) AS run
        FROM {BorrowLendMovement._meta.db_table}
        WHERE account_id = %(account)s AND (%(symbol)s::text IS NULL OR asset = %(symbol)s)
        WINDOW earlier AS (
            PARTITION BY asset ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ), positions AS (
        SELECT asset, min(id) AS opened, min(at) AS opened_at, max(at) AS closed_at,
               (array_agg(kind ORDER BY id))[1] AS side,
               (array_agg(source ORDER BY id))[1] AS source,
               bool_or(held = 0) AS closed, sum(amount) AS net,
               sum(amount) FILTER (WHERE amount > 0) AS put_in,
               sum(amount * extract(epoch FROM at)) AS moment
        FROM moved GROUP BY asset, run
    )
    SELECT *, count(*) OVER () AS total FROM positions
    WHERE (%(side)s::text IS NULL OR side = %(side)s)
      AND (%(closed)s::boolean IS NULL OR closed = %(closed)s)
"""


class Wanted(NamedTuple):
    """Which movements are asked for."""

    kind: str | None = None
    sources: tuple[str, ...] = ()
    symbol: str | None = None
    position: str | None = None


class MovementRow(NamedTuple):
    kind: str
    position_id: str
    quantity: str
    source: str
    symbol: str
    at: datetime


class PositionRow(NamedTuple):
    """A lend or a debt, open or closed.

    `quantity` is what is lent or owed now; of a closed position, all that was lent or borrowed.
    `interest` is negative for a debt.
    """

    id: str
    quantity: str
    symbol: str
    source: str
    interest: str
    rate: str
    side: str
    at: datetime


class InterestRow(NamedTuple):
    kind: str
    rate: str
    market: str
    position_id: str
    quantity: str
    symbol: str
    at: datetime
    interval_ms: int = HOUR_MS


class DustRow(NamedTuple):
    id: int
    quantity: str
    symbol: str
    received: str
    at: datetime


def movements(account: int, *, page: Page, wanted: Wanted) -> Listed[MovementRow]:
    """Return a page of the account's borrows, repayments, lends and redemptions."""
    rows = BorrowLendMovement.objects.filter(account_id=account)
    known = assets()
    if wanted.kind is not None:
        rows = rows.filter(kind=wanted.kind)
    if wanted.sources:
        ours = [own for own, wire in WIRE_SOURCES.items() if wire in wanted.sources]
        rows = rows.filter(source__in=[*wanted.sources, *ours])
    if wanted.symbol is not None:
        rows = rows.filter(asset=wanted.symbol)
    if wanted.position is not None:
        rows = rows.filter(asset__in=_assets_of(account, wanted.position))

    def read(row: BorrowLendMovement) -> MovementRow:
        return MovementRow(
            kind=row.kind,
            position_id=position_id(account, row.asset),
            quantity=format_decimal(int(row.amount), known[row.asset].decimals),
            source=WIRE_SOURCES.get(row.source, row.source),
            symbol=row.asset,
            at=row.at,
        )

    return listed(rows, page=page, order="id", read=read)


def positions(
    account: int,
    *,
    page: Page,
    symbol: str | None = None,
    side: str | None = None,
    closed: bool | None = None,
) -> Listed[PositionRow]:
    """Return a page of what the account lent and owed, open and closed."""
    direction = "ASC" if page.ascending else "DESC"
    order = f" ORDER BY opened {direction} LIMIT %(limit)s OFFSET %(offset)s"
    terms = {"account": account, "symbol": symbol, "side": side, "closed": closed}
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS + order, {**terms, "limit": page.limit, "offset": page.offset})
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    by_asset, held = pools(), held_atoms(account)
    read = [
        _position_row(account, by_asset[row["asset"]], row, held_atoms=held.get(row["asset"], 0))
        for row in rows
    ]
    return Listed(read, int(rows[0]["total"]) if rows else 0)


def _position_row(account: int, pool: Pool, row: dict[str, Any], *, held_atoms: int) -> PositionRow:
    asset, closed, is_debt = pool.asset, row["closed"], row["side"] == BorrowLendKind.BORROW
    now_atoms = 0 if closed else abs(held_atoms)
    # What is there, less what was put in: of a debt, what it has grown by.
    grown = now_atoms - int(row["net"])
    end = row["closed_at"] if closed else timezone.now()
    held_seconds = int(row["net"] * int(end.timestamp()) - row["moment"])
    rate_ppb = abs(grown) * PPB * YEAR_SECONDS // held_seconds if held_seconds > 0 else 0
    live = position_id(account, asset.symbol)
    return PositionRow(
        id=f"{live}-{row['opened']}" if closed else live,
        quantity=_text(int(row["put_in"]) if closed else now_atoms, asset),
        symbol=asset.symbol,
        source=WIRE_SOURCES.get(row["source"], row["source"]),
        interest=_text(-grown if is_debt else grown, asset),
        rate=ppb_text(rate_ppb),
        side=row["side"],
        at=row["opened_at"],
    )


def interest(
    account: int,
    *,
    page: Page,
    asset: str | None = None,
    market: str | None = None,
    position: str | None = None,
    source: str | None = None,
) -> Listed[InterestRow]:
    """Return a page of what the account earned and paid, by hour and source."""
    rows = InterestPayment.objects.filter(account_id=account)
    known = assets()
    if asset is not None:
        rows = rows.filter(asset=asset)
    if market is not None:
        rows = rows.filter(market=market)
    if position is not None:
        rows = rows.filter(_of_position(account, position))
    if source is not None:
        rows = rows.filter(INTEREST_SOURCES[source])

    return listed(rows, page=page, order="id", read=lambda row: _interest_row(row, known))


def interest_since(accounts: list[int], last: int) -> list[tuple[int, int, InterestRow]]:
    """Return (number, account, line) of interest written after number `last`, oldest first."""
    rows = InterestPayment.objects.filter(account_id__in=accounts, pk__gt=last).order_by("pk")
    known = assets()
    return [(row.pk, row.account_id, _interest_row(row, known)) for row in rows]


def last_interest() -> int:
    """Return the number of the last line of interest; 0 before the first."""
    return InterestPayment.objects.aggregate(last=Max("pk"))["last"] or 0


def _interest_row(row: InterestPayment, known: dict[str, Asset]) -> InterestRow:
    own = str(row.position_id) if row.position_id else position_id(row.account_id, row.asset)
    return InterestRow(
        kind=row.kind,
        rate=ppb_text(row.rate_ppb),
        market=row.market,
        position_id=own,
        quantity=_text(int(row.amount), known[row.asset]),
        symbol=row.asset,
        at=row.hour + timedelta(milliseconds=HOUR_MS),
    )


def dust(
    account: int, *, page: Page, number: int | None = None, symbol: str | None = None
) -> Listed[DustRow]:
    """Return a page of the small balances which the account sold to the house."""
    rows = DustConversion.objects.filter(account_id=account)
    known = assets()
    if number is not None:
        rows = rows.filter(pk=number)
    if symbol is not None:
        rows = rows.filter(asset=symbol)

    def read(row: DustConversion) -> DustRow:
        return DustRow(
            id=row.pk,
            quantity=_text(int(row.amount), known[row.asset]),
            symbol=row.asset,
            received=_text(int(row.received), known[row.received_asset]),
            at=row.at,
        )

    return listed(rows, page=page, order="id", read=read)


def _of_position(account: int, position: str) -> Q:
    """Return the condition that interest is of a position, perpetual or not."""
    if position.isascii() and position.isdigit():
        return Q(position_id=int(position[:18]))
    return Q(position_id=0, asset__in=_assets_of(account, position))


def _assets_of(account: int, position: str) -> list[str]:
    return [asset for asset in assets() if position_id(account, asset) == position]


def _text(atoms: int, asset: Asset) -> str:
    return format_decimal(atoms, asset.decimals)
