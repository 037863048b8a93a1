"""What became of an account's lends and debts: movements, positions, interest, dust."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import Max, Q
from django.utils import timezone

from accounts.api.paging import Listed, Page, listed
from accounts.assets import assets, ppb_text
from engine.catalog import Asset
from engine.kinds import MovementSource
from engine.pools import Pool
from engine.units import PPB
from gateway.decimals import format_decimal
from lending.models import BorrowLendMovement, BorrowLendPosition, DustConversion, InterestPayment
from lending.selectors import held_atoms, pools, position_id

HOUR_MS = 3_600_000
YEAR_MS = 31_536_000_000
# Any number of so many digits fits into a column.
DIGITS_MAX = 18
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
    rows = BorrowLendPosition.objects.filter(account_id=account)
    for name, value in (("asset", symbol), ("side", side), ("closed", closed)):
        if value is not None:
            rows = rows.filter(**{name: value})
    by_asset = pools()
    held = held_atoms(account, by_asset)

    def read(row: BorrowLendPosition) -> PositionRow:
        return _position_row(row, by_asset[row.asset], held_atoms=held.get(row.asset, 0))

    return listed(rows, page=page, order="id", read=read)


def _position_row(row: BorrowLendPosition, pool: Pool, *, held_atoms: int) -> PositionRow:
    asset, net, is_debt = pool.asset, int(row.net), row.side == BorrowLendPosition.Side.BORROW
    now_atoms = 0 if row.closed else abs(held_atoms)
    # What is there, less what was put in: of a debt, what it has grown by.
    grown = now_atoms - net
    end = row.moved_at if row.closed else timezone.now()
    held_ms = net * int(end.timestamp() * 1_000) - int(row.moment)
    rate_ppb = abs(grown) * PPB * YEAR_MS // held_ms if held_ms > 0 else 0
    live = position_id(row.account_id, row.asset)
    return PositionRow(
        id=f"{live}-{row.pk}" if row.closed else live,
        quantity=_text(int(row.put_in) if row.closed else now_atoms, asset),
        symbol=row.asset,
        source=WIRE_SOURCES.get(row.source, row.source),
        interest=_text(-grown if is_debt else grown, asset),
        rate=ppb_text(rate_ppb),
        side=row.side,
        at=row.opened_at,
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
        # No position has so long a number, nor 0: that stands for lends and debts.
        number = int(position) if len(position) <= DIGITS_MAX else 0
        return Q(position_id=number) if number else Q(pk__in=())
    return Q(position_id=0, asset__in=_assets_of(account, position))


def _assets_of(account: int, position: str) -> list[str]:
    return [asset for asset in assets() if position_id(account, asset) == position]


def _text(atoms: int, asset: Asset) -> str:
    return format_decimal(atoms, asset.decimals)
