"""The stream account.rfqUpdate: requests to all makers, and to each account what concerns it.

Makers are not told who asks nor the side, requesters not who quotes. Absent values are left out.
"""

from typing import Final

from edge.topics import RFQS, Topic, Topics, now_us
from engine.kinds import OrderStatus, RfqTerms
from engine.order_events import (
    QuoteCancelled,
    QuoteFilled,
    QuoteSubmitted,
    RfqAnnounced,
    RfqCancelled,
    RfqExpired,
    RfqFilled,
    RfqRefreshed,
    RfqSubmitted,
)
from trading.catalog import ListedMarket, catalog

OfRequester = RfqSubmitted | RfqRefreshed | RfqCancelled | RfqExpired | RfqFilled
OfMaker = QuoteSubmitted | QuoteFilled | QuoteCancelled
Event = RfqAnnounced | OfRequester | OfMaker
_MILLISECOND_NS: Final = 1_000_000
# The protocol has no word for a request whose time is over: it is cancelled, as Expired.
_WORDS: Final[dict[type[OfRequester], tuple[str, OrderStatus]]] = {
    RfqSubmitted: ("rfqAccepted", OrderStatus.NEW),
    RfqRefreshed: ("rfqRefreshed", OrderStatus.NEW),
    RfqCancelled: ("rfqCancelled", OrderStatus.CANCELLED),
    RfqExpired: ("rfqCancelled", OrderStatus.EXPIRED),
    RfqFilled: ("rfqFilled", OrderStatus.FILLED),
}


def publish(topics: Topics, event: Event, at_ns: int) -> None:
    """Send an event to everybody it is for."""
    market = event.market if isinstance(event, RfqAnnounced) else event.terms.market
    listed = catalog().markets[market]
    if isinstance(event, RfqAnnounced):
        everybody = [
            topic
            for topic in topics.of_kind(RFQS)
            if topic.parts.symbol in ("", listed.symbol, listed.rfq_symbol)
        ]
        _send(everybody, _active_fields(event, listed), listed, at_ns)
        return
    account = event.terms.account
    if isinstance(event, QuoteSubmitted):
        requester = _topics_of(topics, event.rfq.account, listed)
        _send(requester, _candidate_fields(event, listed), listed, at_ns)
    fields = (
        _quote_fields(event, listed)
        if isinstance(event, OfMaker)
        else _request_fields(event, listed)
    )
    _send(_topics_of(topics, account, listed), fields, listed, at_ns)


def _topics_of(topics: Topics, account: int, listed: ListedMarket) -> list[Topic]:
    names = dict.fromkeys((RFQS, f"{RFQS}.{listed.symbol}", f"{RFQS}.{listed.rfq_symbol}"))
    return topics.found(names, account)


def _send(topics: list[Topic], fields: dict[str, object], listed: ListedMarket, at_ns: int) -> None:
    if not topics:
        return
    data = {"E": now_us(), "T": at_ns // 1_000, "s": listed.rfq_symbol, **fields}
    for topic in topics:
        topic.send({name: value for name, value in data.items() if value is not None})


def _active_fields(event: RfqAnnounced, listed: ListedMarket) -> dict[str, object]:
    return {
        "e": "rfqActive",
        "R": event.rfq,
        "X": OrderStatus.NEW,
        **_amount(event.lots, event.quote_atoms, listed),
        **_times(event.submission_ns, event.expires_ns),
    }


def _request_fields(event: OfRequester, listed: ListedMarket) -> dict[str, object]:
    word, status = _WORDS[type(event)]
    fields = {
        **_terms(event.terms, listed),
        "e": word,
        "X": status,
        **_times(event.submission_ns, event.expires_ns),
    }
    if isinstance(event, RfqFilled):
        fields |= {
            "u": event.quote,
            "p": listed.padded_price(event.price_ticks),
            "q": listed.padded_quantity(event.lots),
            "Q": listed.padded_quote(event.quote_atoms),
        }
    return fields


def _candidate_fields(event: QuoteSubmitted, listed: ListedMarket) -> dict[str, object]:
    return {
        **_terms(event.rfq, listed),
        "e": "rfqCandidate",
        "u": event.terms.quote,
        "p": listed.padded_price(event.side_ticks),
        "X": OrderStatus.NEW,
        **_times(event.submission_ns, event.expires_ns),
    }


def _quote_fields(event: OfMaker, listed: ListedMarket) -> dict[str, object]:
    terms = event.terms
    fields: dict[str, object] = {"R": terms.rfq, "u": terms.quote, "C": terms.client_id}
    if isinstance(event, QuoteSubmitted):
        # What it came to at once follows.
        return fields | {"e": "quoteAccepted", "X": OrderStatus.NEW}
    if isinstance(event, QuoteFilled):
        return fields | {
            "e": "rfqFilled",
            "S": event.side,
            "X": OrderStatus.FILLED,
            "p": listed.padded_price(event.price_ticks),
            "q": listed.padded_quantity(event.lots),
            "Q": listed.padded_quote(event.quote_atoms),
        }
    return fields | {"e": "quoteCancelled", "X": event.reason.status}


def _terms(terms: RfqTerms, listed: ListedMarket) -> dict[str, object]:
    limit = terms.price_ticks
    return {
        "R": terms.rfq,
        "C": terms.client_id,
        "S": terms.side,
        "p": None if limit is None else listed.padded_price(limit),
        **_amount(terms.lots, terms.quote_atoms, listed),
    }


def _amount(lots: int | None, quote_atoms: int | None, listed: ListedMarket) -> dict[str, object]:
    if lots is not None:
        return {"q": listed.padded_quantity(lots)}
    assert quote_atoms is not None, "a request has one of the quantities"
    return {"Q": listed.padded_quote(quote_atoms)}


def _times(submission_ns: int, expires_ns: int) -> dict[str, object]:
    return {"w": submission_ns // _MILLISECOND_NS, "W": expires_ns // _MILLISECOND_NS}
