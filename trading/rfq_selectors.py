"""Reads of requests for quote, quotes and their fills. Numbers come out as decimal text."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db.models import Q, QuerySet

from accounts.api.paging import Listed, Page, listed
from accounts.assets import assets
from gateway.decimals import format_decimal
from trading.catalog import RFQ_SUFFIX, ListedMarket
from trading.listings import listed_markets
from trading.rfq_models import RfqFill, RfqQuote, RfqRequest
from trading.rfq_services import OPEN

Named = TypeVar("Named", RfqRequest, RfqQuote, RfqFill)


class RfqWanted(NamedTuple):
    """Which rows are asked for; `nothing` where the question can have no answer."""

    number: int | None = None
    symbol: str | None = None
    status: str | None = None
    side: str | None = None
    nothing: bool = False


class RfqRow(NamedTuple):
    rfq_id: str
    client_id: int | None
    symbol: str
    side: str
    price: str | None
    quantity: str | None
    quote_quantity: str | None
    submission_at: datetime
    expires_at: datetime
    status: str
    mode: str
    created_at: datetime


class QuoteRow(NamedTuple):
    rfq_id: str
    quote_id: str
    client_id: int | None
    bid_price: str
    ask_price: str
    status: str
    created_at: datetime
    is_deferred: bool = False


class QuotedRfq(NamedTuple):
    rfq: RfqRow
    quotes: list[QuoteRow]


class RfqFillRow(NamedTuple):
    rfq_id: str
    quote_id: str
    client_id: int | None
    symbol: str
    side: str
    quantity: str
    quote_quantity: str
    fill_price: str
    fee: str
    fee_symbol: str
    created_at: datetime
    filled_at: datetime


def rfq_row(number: int) -> RfqRow:
    """Return a request which is there."""
    return _rfq_reader(listed_markets())(RfqRequest.objects.get(pk=number))


def quote_row(number: int) -> QuoteRow:
    """Return a quote which is there, as its maker knows it."""
    return _quote_reader(listed_markets())(RfqQuote.objects.get(pk=number))


def open_rfqs(account: int, wanted: RfqWanted) -> list[QuotedRfq]:
    """Return the account's open requests with their live quotes, oldest first.

    What the maker calls its quote is the maker's own.
    """
    rows = _narrowed(RfqRequest.objects.filter(account_id=account, status=OPEN), wanted)
    if wanted.number is not None:
        rows = rows.filter(pk=wanted.number)
    known = listed_markets()
    read, read_quote = _rfq_reader(known), _quote_reader(known)
    asked = list(rows.order_by("id"))
    quotes: dict[int, list[QuoteRow]] = {row.pk: [] for row in asked}
    for quote in RfqQuote.objects.filter(rfq_id__in=list(quotes), status=OPEN).order_by("id"):
        quotes[quote.rfq_id].append(read_quote(quote)._replace(client_id=None))
    return [QuotedRfq(read(row), quotes[row.pk]) for row in asked]


def rfq_history(account: int, *, page: Page, wanted: RfqWanted) -> Listed[RfqRow]:
    """Return a page of the account's requests, open and ended."""
    rows = _narrowed(RfqRequest.objects.filter(account_id=account), wanted)
    if wanted.number is not None:
        rows = rows.filter(pk=wanted.number)
    return listed(rows, page=page, order="id", read=_rfq_reader(listed_markets()))


def quote_history(account: int, *, page: Page, wanted: RfqWanted) -> Listed[QuoteRow]:
    """Return a page of the quotes which the account has made."""
    rows = _narrowed(RfqQuote.objects.filter(account_id=account), wanted)
    if wanted.number is not None:
        rows = rows.filter(pk=wanted.number)
    return listed(rows, page=page, order="id", read=_quote_reader(listed_markets()))


def rfq_fills(account: int, *, page: Page, wanted: RfqWanted, is_maker: bool) -> Listed[RfqFillRow]:
    """Return a page of the account's trades with quotes: of its requests, or of its quotes."""
    rows = _narrowed(RfqFill.objects.filter(account_id=account, is_maker=is_maker), wanted)
    if wanted.number is not None:
        rows = rows.filter(quote_id=wanted.number)
    return listed(rows, page=page, order="id", read=_fill_reader(listed_markets()))


def _narrowed(rows: QuerySet[Named], wanted: RfqWanted) -> QuerySet[Named]:
    if wanted.nothing:
        return rows.none()
    chosen = Q()
    if wanted.symbol is not None:
        chosen &= Q(("market", wanted.symbol.removesuffix(RFQ_SUFFIX)))
    if wanted.status is not None:
        chosen &= Q(("status", wanted.status))
    if wanted.side is not None:
        chosen &= Q(("side", wanted.side))
    return rows.filter(chosen)


def _rfq_reader(known: dict[str, ListedMarket]) -> Callable[[RfqRequest], RfqRow]:
    def read(row: RfqRequest) -> RfqRow:
        market = known[row.market]
        return RfqRow(
            rfq_id=str(row.pk),
            client_id=row.client_id,
            symbol=market.rfq_symbol,
            side=row.side,
            price=None if row.price_ticks is None else market.price_text(row.price_ticks),
            quantity=None if row.lots is None else market.quantity_text(row.lots),
            quote_quantity=(
                None if row.quote_atoms is None else market.quote_text(int(row.quote_atoms))
            ),
            submission_at=row.submission_at,
            expires_at=row.expires_at,
            status=row.status,
            mode=row.mode,
            created_at=row.created_at,
        )

    return read


def _quote_reader(known: dict[str, ListedMarket]) -> Callable[[RfqQuote], QuoteRow]:
    def read(row: RfqQuote) -> QuoteRow:
        market = known[row.market]
        return QuoteRow(
            rfq_id=str(row.rfq_id),
            quote_id=str(row.pk),
            client_id=row.client_id,
            bid_price=market.price_text(row.bid_ticks),
            ask_price=market.price_text(row.ask_ticks),
            status=row.status,
            created_at=row.created_at,
        )

    return read


def _fill_reader(known: dict[str, ListedMarket]) -> Callable[[RfqFill], RfqFillRow]:
    fee_assets = assets()

    def read(row: RfqFill) -> RfqFillRow:
        market = known[row.market]
        return RfqFillRow(
            rfq_id=str(row.rfq_id),
            quote_id=str(row.quote_id),
            client_id=row.client_id,
            symbol=market.rfq_symbol,
            side=row.side,
            quantity=market.quantity_text(row.lots),
            quote_quantity=market.quote_text(int(row.quote_atoms)),
            fill_price=market.price_text(row.price_ticks),
            fee=format_decimal(int(row.fee_atoms), fee_assets[row.fee_asset].decimals),
            fee_symbol=row.fee_asset,
            created_at=row.asked_at,
            filled_at=row.at,
        )

    return read
