"""Ask for quotes, quote, accept, refresh, cancel: each is one command to the engine.

Asks what the customer may do first. What a caller names is looked for among what it may know: its
own requests, and, to quote them, all open ones.
"""

import msgspec

from accounts.access import Access
from engine.any_event import AnyEvent
from engine.commands import (
    AcceptQuote,
    AnyCommand,
    CancelQuoteRequest,
    RefreshQuoteRequest,
    RequestQuote,
    SubmitQuote,
)
from engine.events import CommandRejected
from engine.order_events import QuoteCancelled, QuoteSubmitted, RfqSubmitted
from engine.rejects import Reject
from engine.units import AccountId
from engine.vocabulary import ExecutionMode, Side
from gateway.client import submit
from trading.catalog import ListedMarket, market_named, market_of_rfq
from trading.refusals import (
    INVALID_MARKET,
    QUOTE_NOT_COVERED,
    RFQ_NOT_FOUND,
    Refused,
    invalid_request,
    refusal,
)
from trading.rfq_models import RfqRequest
from trading.services import denied, forbids_cancel, forbids_trade, in_words, parse_order_id

OPEN = "New"


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """How one side of the trade is paid for, and what becomes of what it gets; as in orders."""

    auto_lend: bool | None = None
    # Lent money is there to be used; it is left alone only on request.
    auto_lend_redeem: bool = True
    auto_borrow: bool = False
    auto_borrow_repay: bool | None = None


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request in the user's words: numbers are decimal text, one of the quantities is given."""

    symbol: str
    side: Side
    quantity: str | None = None
    quote_quantity: str | None = None
    price: str | None = None
    mode: ExecutionMode = ExecutionMode.AWAIT_ACCEPT
    client_id: int | None = None
    flags: Flags = Flags()


class QuoteOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A quote in the maker's words: prices are decimal text."""

    rfq_id: str
    bid_price: str
    ask_price: str
    client_id: int | None = None
    flags: Flags = Flags()


def request_quote(access: Access, request: QuoteRequest) -> int:
    """Ask the makers for quotes, and return the number of the request. Raises Refused."""
    listed = market_of_rfq(request.symbol)
    if listed is None:
        raise Refused(INVALID_MARKET)
    _require_trade(access, listed, request.flags)
    if (request.quantity is None) == (request.quote_quantity is None):
        raise Refused(
            refusal(Reject.INVALID_RFQ, "Send either `quantity` or `quoteQuantity`, not both")
        )
    if request.mode is ExecutionMode.IMMEDIATE and request.price is None:
        raise Refused(
            refusal(
                Reject.INVALID_RFQ, "`executionMode` Immediate needs a `price`: the worst to take"
            )
        )
    quantity, quote = request.quantity, request.quote_quantity
    answer = _submit(
        RequestQuote(
            account=AccountId(access.account),
            actor=access.actor,
            market=listed.symbol,
            side=request.side,
            lots=None if quantity is None else listed.parse_quantity(quantity),
            quote_atoms=None if quote is None else listed.parse_quote(quote),
            price_ticks=None if request.price is None else listed.parse_price(request.price),
            mode=request.mode,
            client_id=request.client_id,
            auto_lend=request.flags.auto_lend,
            auto_lend_redeem=request.flags.auto_lend_redeem,
            auto_borrow=request.flags.auto_borrow,
            auto_borrow_repay=request.flags.auto_borrow_repay,
        ),
        listed,
    )
    assert isinstance(answer, RfqSubmitted)
    return answer.terms.rfq


def submit_quote(access: Access, offer: QuoteOffer) -> int:
    """Quote a request of somebody else, and return the number of the quote. Raises Refused."""
    number = parse_order_id(offer.rfq_id)
    if number is None:
        raise Refused(RFQ_NOT_FOUND)
    asked = RfqRequest.objects.filter(pk=number, status=OPEN).first()
    if asked is None:
        raise Refused(RFQ_NOT_FOUND)
    listed = market_named(asked.market)
    _require_trade(access, listed, offer.flags)
    answer = _submit(
        SubmitQuote(
            account=AccountId(access.account),
            actor=access.actor,
            rfq=number,
            bid_ticks=listed.parse_price(offer.bid_price),
            ask_ticks=listed.parse_price(offer.ask_price),
            client_id=offer.client_id,
            auto_lend=offer.flags.auto_lend,
            auto_lend_redeem=offer.flags.auto_lend_redeem,
            auto_borrow=offer.flags.auto_borrow,
            auto_borrow_repay=offer.flags.auto_borrow_repay,
        ),
        listed,
    )
    assert isinstance(answer, QuoteSubmitted)
    return answer.terms.quote


def accept_quote(
    access: Access, quote_id: str, *, rfq_id: str | None, client_id: int | None
) -> int:
    """Trade with a quote, and return the number of the request. Raises Refused."""
    asked = _own(access, rfq_id=rfq_id, client_id=client_id)
    listed = market_named(asked.market)
    _require_trade(access, listed, Flags())
    # No quote has the number 0.
    quote = parse_order_id(quote_id) or 0
    command = AcceptQuote(
        account=AccountId(access.account), actor=access.actor, rfq=asked.pk, quote=quote
    )
    answer = _submit(command, listed)
    if isinstance(answer, QuoteCancelled):
        raise Refused(QUOTE_NOT_COVERED)
    return int(asked.pk)


def refresh_quote_request(access: Access, rfq_id: str) -> int:
    """Have a request live on, and return its number. Raises Refused."""
    asked = _own(access, rfq_id=rfq_id, client_id=None)
    listed = market_named(asked.market)
    _require_trade(access, listed, Flags())
    _submit(
        RefreshQuoteRequest(account=AccountId(access.account), actor=access.actor, rfq=asked.pk),
        listed,
    )
    return int(asked.pk)


def cancel_quote_request(access: Access, *, rfq_id: str | None, client_id: int | None) -> int:
    """End a request, and return its number. Whoever may trade may always. Raises Refused."""
    asked = _own(access, rfq_id=rfq_id, client_id=client_id)
    denial = forbids_cancel(access, asked.market)
    if denial is not None:
        raise Refused(denied(access, denial))
    command = CancelQuoteRequest(
        account=AccountId(access.account), actor=access.actor, rfq=asked.pk
    )
    _submit(command, market_named(asked.market))
    return int(asked.pk)


def _own(access: Access, *, rfq_id: str | None, client_id: int | None) -> RfqRequest:
    """Return the account's open request with this id or client id. Raises Refused."""
    if (rfq_id is None) == (client_id is None):
        raise Refused(invalid_request("Must specify exactly one of `rfqId` and `clientId`"))
    rows = RfqRequest.objects.filter(account_id=access.account, status=OPEN)
    if rfq_id is not None:
        # No request has the number 0.
        asked = rows.filter(pk=parse_order_id(rfq_id) or 0).first()
    else:
        asked = rows.filter(client_id=client_id).first()
    if asked is None:
        raise Refused(RFQ_NOT_FOUND)
    return asked


def _require_trade(access: Access, listed: ListedMarket, flags: Flags) -> None:
    """Refuse a customer whom compliance does not let trade here. Raises Refused."""
    denial = forbids_trade(
        access,
        is_perp=listed.is_perp,
        auto_borrow=flags.auto_borrow,
        auto_lend=flags.auto_lend,
    )
    if denial is not None:
        raise Refused(denied(access, denial))


def _submit(command: AnyCommand, listed: ListedMarket) -> AnyEvent:
    answer = submit(command).answer
    if isinstance(answer, CommandRejected):
        raise Refused(in_words(answer, listed))
    return answer
