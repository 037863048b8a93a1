"""Notices as an account's owner reads them, and up to where they were read."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

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
    account: int
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
    marks = _marks([account])
    rows = _unread(marks) if unread else RiskNotice.objects.filter(account_id=account)
    return listed(rows, page=page, order="id", read=lambda row: _row(row, marks))


def unread_count(accounts: Sequence[int]) -> int:
    """Return how many notices of the accounts are unread, UNREAD_MAX for more."""
    return _unread(_marks(accounts))[:UNREAD_MAX].count()


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
    return unread_count([account])


def newest(accounts: Sequence[int], limit: int) -> list[NoticeRow]:
    """Return the newest notices of the accounts together, the newest first."""
    marks = _marks(accounts)
    rows = RiskNotice.objects.filter(account_id__in=accounts).order_by("-id")[:limit]
    return [_row(row, marks) for row in rows]


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


def _row(row: RiskNotice, marks: dict[int, int]) -> NoticeRow:
    return NoticeRow(
        id=row.pk,
        account=row.account_id,
        sequence=row.sequence,
        at=row.at,
        is_read=row.pk <= marks[row.account_id],
        **fields_of(notice_in(row)),  # type: ignore[arg-type]  # its keys are the row's
    )


def _usd_text(micros: int | None) -> str | None:
    return None if micros is None else format_decimal(micros, MICROS_DECIMALS)


def _marks(accounts: Sequence[int]) -> dict[int, int]:
    """Return by account up to which of its notices were read."""
    marks = NoticeMark.objects.filter(pk__in=accounts)
    return {**dict.fromkeys(accounts, 0), **{mark.pk: mark.read_id for mark in marks}}


def _unread(marks: dict[int, int]) -> QuerySet[RiskNotice]:
    unread = Q(pk__in=[])
    for account, read_id in marks.items():
        unread |= Q(account_id=account, pk__gt=read_id)
    return RiskNotice.objects.filter(unread)
