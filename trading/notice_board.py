"""The notices of one account as its owner reads them, and up to where they were read."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from accounts.api.paging import Listed, Page, listed
from gateway.decimals import format_decimal
from trading import notices
from trading.catalog import market_named
from trading.notice_models import NoticeMark, RiskNotice
from trading.notices import Notice

MICROS_DECIMALS = 6
# An unread count is shown no higher than this: nobody needs it exact.
UNREAD_MAX = 100


class NoticeRow(NamedTuple):
    """A notice with its words; numbers as decimal text, null where the kind has none."""

    id: int
    sequence: int
    at: datetime
    kind: str
    severity: str
    title: str
    message: str
    advice: str
    symbol: str | None
    side: str | None
    quantity: str | None
    price: str | None
    asset: str | None
    amount: str | None
    equity: str | None
    margin: str | None
    deposit: str | None
    is_read: bool


def notice_page(account: int, *, page: Page, unread: bool = False) -> Listed[NoticeRow]:
    """Return a page of an account's notices, newest first unless the page says otherwise."""
    read_id = _read_id(account)
    rows = RiskNotice.objects.filter(account_id=account)
    if unread:
        rows = rows.filter(pk__gt=read_id)
    return listed(rows, page=page, order="id", read=lambda row: _row(row, read_id))


def unread_count(account: int) -> int:
    """Return how many notices of an account are unread, UNREAD_MAX for more."""
    rows = RiskNotice.objects.filter(account_id=account, pk__gt=_read_id(account))
    return rows[:UNREAD_MAX].count()


def mark_read(account: int, up_to: int) -> int:
    """Note that an account's notices up to a number are read, and return how many are not.

    Numbers between its own notices, and beyond the last, stand for the one before; what is read
    stays read.
    """
    own = RiskNotice.objects.filter(account_id=account, pk__lte=up_to).order_by("-id")
    last = own.values_list("id", flat=True).first()
    if last is not None:
        mark, _ = NoticeMark.objects.get_or_create(pk=account, defaults={"read_id": last})
        NoticeMark.objects.filter(pk=mark.pk, read_id__lt=last).update(read_id=last)
    return unread_count(account)


def newest(account: int, limit: int) -> list[NoticeRow]:
    """Return an account's newest notices, the newest first."""
    read_id = _read_id(account)
    rows = RiskNotice.objects.filter(account_id=account).order_by("-id")[:limit]
    return [_row(row, read_id) for row in rows]


def notice_in(row: RiskNotice) -> Notice:
    """Return the notice that a row keeps."""
    amounts: Iterable[int | None] = (
        None if value is None else int(value)
        for value in (
            *(row.equity_micros, row.margin_micros),
            *(row.lots, row.price_ticks, row.amount_atoms),
        )
    )
    return Notice(row.account_id, row.kind, row.market, row.asset, row.side, *amounts)


def fields_of(notice: Notice) -> dict[str, str | None]:
    """Return all of a notice but its number and time, as text for a stream or a row."""
    said = notices.words(notice)
    market = market_named(notice.market) if notice.market else None
    relief = notices.relief_micros(notice)
    return {
        "kind": notice.kind,
        "severity": notices.KINDS[notice.kind],
        **said._asdict(),
        "symbol": notice.market or None,
        "side": notice.side or None,
        "quantity": market.quantity_text(notice.lots) if market and notice.lots else None,
        "price": market.price_text(notice.price_ticks) if market and notice.price_ticks else None,
        "asset": notice.asset or None,
        "amount": market.quote_text(notice.amount_atoms)
        if market and notice.amount_atoms
        else None,
        "equity": _usd_text(notice.equity_micros),
        "margin": _usd_text(notice.margin_micros),
        "deposit": _usd_text(relief),
    }


def _row(row: RiskNotice, read_id: int) -> NoticeRow:
    return NoticeRow(
        id=row.pk,
        sequence=row.sequence,
        at=row.at,
        is_read=row.pk <= read_id,
        **fields_of(notice_in(row)),  # type: ignore[arg-type]  # its keys are the row's
    )


def _usd_text(micros: int | None) -> str | None:
    return None if micros is None else format_decimal(micros, MICROS_DECIMALS)


def _read_id(account: int) -> int:
    mark = NoticeMark.objects.filter(pk=account).values_list("read_id", flat=True).first()
    return mark or 0
