"""Requests for quote, quotes and their fills, as rows from the engine's events."""

from engine import order_events
from engine.kinds import OrderStatus, QuoteTerms, RfqTerms
from gateway.tables import Handlers, Rows, Table
from trading.rfq_models import RfqFill, RfqQuote, RfqRequest

_RFQ_TERMS = (
    *("id", "account_id", "market", "side", "mode"),
    *("price_ticks", "lots", "quote_atoms", "client_id", "created_at"),
)
_RFQ_PROGRESS = ("status", "submission_at", "expires_at", "reason", "updated_sequence")
_QUOTE_TERMS = (
    *("id", "rfq_id", "account_id", "market"),
    *("bid_ticks", "ask_ticks", "client_id", "created_at"),
)
_QUOTE_PROGRESS = ("status", "reason", "updated_sequence")
RFQS = Table(RfqRequest, (*_RFQ_TERMS, *_RFQ_PROGRESS))
RFQ_CHANGES = Table(RfqRequest, ("id", *_RFQ_PROGRESS), key=("id",), existing=True)
QUOTES = Table(RfqQuote, (*_QUOTE_TERMS, *_QUOTE_PROGRESS))
QUOTE_CHANGES = Table(RfqQuote, ("id", *_QUOTE_PROGRESS), key=("id",), existing=True)
FILLS = Table(
    RfqFill,
    (
        *("sequence", "at", "rfq_id", "quote_id", "account_id", "market"),
        *("side", "is_maker"),
        *("price_ticks", "lots", "quote_atoms"),
        *("fee_atoms", "fee_asset", "fee_owed_atoms", "client_id", "asked_at"),
    ),
)

Told = (
    order_events.RfqRefreshed
    | order_events.RfqCancelled
    | order_events.RfqExpired
    | order_events.RfqFilled
)


def rfq_submitted(rows: Rows, event: order_events.RfqSubmitted, sequence: int, at_ns: int) -> None:
    """Add the request, open."""
    terms = event.terms
    rows.put(
        RFQS,
        terms.rfq,
        (
            *(terms.rfq, terms.account, terms.market, terms.side, terms.mode),
            *(terms.price_ticks, terms.lots, terms.quote_atoms, terms.client_id),
            terms.created_at_ns,
            *(OrderStatus.NEW, event.submission_ns, event.expires_ns, None, sequence),
        ),
    )


def rfq_refreshed(rows: Rows, event: order_events.RfqRefreshed, sequence: int, at_ns: int) -> None:
    """Set its new times."""
    _change_rfq(rows, event, OrderStatus.NEW, None, sequence)


def rfq_cancelled(rows: Rows, event: order_events.RfqCancelled, sequence: int, at_ns: int) -> None:
    """Close the request."""
    _change_rfq(rows, event, OrderStatus.CANCELLED, None, sequence)


def rfq_expired(rows: Rows, event: order_events.RfqExpired, sequence: int, at_ns: int) -> None:
    """Close the request and say why, if it was before its time."""
    _change_rfq(rows, event, OrderStatus.EXPIRED, event.reason, sequence)


def rfq_filled(rows: Rows, event: order_events.RfqFilled, sequence: int, at_ns: int) -> None:
    """Append the requester's fill, and close the request."""
    terms = event.terms
    _add_fill(rows, event, sequence, quote=event.quote, side=terms.side)
    _change_rfq(rows, event, OrderStatus.FILLED, None, sequence)


def quote_submitted(
    rows: Rows, event: order_events.QuoteSubmitted, sequence: int, at_ns: int
) -> None:
    """Add the quote; what has become of it at once follows."""
    terms = event.terms
    rows.put(
        QUOTES,
        terms.quote,
        (
            *(terms.quote, terms.rfq, terms.account, terms.market),
            *(terms.bid_ticks, terms.ask_ticks, terms.client_id, terms.created_at_ns),
            *(event.status, None, sequence),
        ),
    )


def quote_filled(rows: Rows, event: order_events.QuoteFilled, sequence: int, at_ns: int) -> None:
    """Append the maker's fill, and close the quote."""
    _add_fill(rows, event, sequence, quote=event.terms.quote, side=event.side)
    _change_quote(rows, event.terms, (OrderStatus.FILLED, None, sequence))


def quote_cancelled(
    rows: Rows, event: order_events.QuoteCancelled, sequence: int, at_ns: int
) -> None:
    """Close the quote and say why."""
    _change_quote(rows, event.terms, (event.reason.status, event.reason, sequence))


def _change_rfq(
    rows: Rows, event: Told, status: OrderStatus, reason: str | None, sequence: int
) -> None:
    number = event.terms.rfq
    progress = (status, event.submission_ns, event.expires_ns, reason, sequence)
    submitted = rows.found(RFQS, number)
    if submitted is None:
        rows.put(RFQ_CHANGES, number, (number, *progress))
    else:
        rows.put(RFQS, number, (*submitted[: len(_RFQ_TERMS)], *progress))


def _change_quote(rows: Rows, terms: QuoteTerms, progress: tuple[object, ...]) -> None:
    submitted = rows.found(QUOTES, terms.quote)
    if submitted is None:
        rows.put(QUOTE_CHANGES, terms.quote, (terms.quote, *progress))
    else:
        rows.put(QUOTES, terms.quote, (*submitted[: len(_QUOTE_TERMS)], *progress))


def _add_fill(
    rows: Rows,
    event: order_events.RfqFilled | order_events.QuoteFilled,
    sequence: int,
    *,
    quote: int,
    side: str,
) -> None:
    terms: RfqTerms | QuoteTerms = event.terms
    rows.add(
        FILLS,
        (
            *(sequence, event.at_ns, terms.rfq, quote, terms.account, terms.market),
            *(side, isinstance(event, order_events.QuoteFilled)),
            *(event.price_ticks, event.lots, event.quote_atoms),
            *(event.fee_atoms, event.fee_asset, event.fee_owed_atoms),
            *(terms.client_id, terms.created_at_ns),
        ),
    )


HANDLERS: Handlers = {
    order_events.RfqSubmitted: rfq_submitted,
    order_events.RfqRefreshed: rfq_refreshed,
    order_events.RfqCancelled: rfq_cancelled,
    order_events.RfqExpired: rfq_expired,
    order_events.RfqFilled: rfq_filled,
    order_events.QuoteSubmitted: quote_submitted,
    order_events.QuoteFilled: quote_filled,
    order_events.QuoteCancelled: quote_cancelled,
}
