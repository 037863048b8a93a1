"""Handlers of requests for quote: ask, quote, accept, refresh, cancel; and their end by time.

Makers learn neither who asks nor for which side, the requester does not learn who quotes.
"""

from engine import deals
from engine.answers import Events, rejected
from engine.commands import (
    AcceptQuote,
    CancelQuoteRequest,
    RefreshQuoteRequest,
    RequestQuote,
    SubmitQuote,
)
from engine.deals import Deal
from engine.events import CommandRejected
from engine.kinds import OrderStatus, QuoteEnd, QuoteTerms, RfqTerms
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
from engine.quotes import Quote, Rfq
from engine.reasons import reason_of
from engine.rejects import Reject
from engine.rfq_intake import (
    count_refusal,
    deal_refusal,
    fills_at_once,
    member_refusal,
    quote_refusal,
    shape_refusal,
    state_refusal,
)
from engine.schedule import Work
from engine.state import Account, State
from engine.units import OrderId


def request_quote(state: State, command: RequestQuote) -> Events:
    """Open a request; what a trade needs is looked at when a quote is accepted."""
    account = state.accounts.get(command.account)
    if account is None:
        return _unknown_account(command.account)
    listed = state.markets.get(command.market)
    if listed is None:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no market {command.market}")
    refusal = (
        state_refusal(listed)
        or shape_refusal(state, listed, command)
        or count_refusal(account, command)
        or member_refusal(state, listed, account, command)
    )
    if refusal:
        return refusal
    # Past this line the request must succeed.
    terms = RfqTerms(
        rfq=_next_number(state),
        account=command.account,
        market=command.market,
        side=command.side,
        lots=command.lots,
        quote_atoms=command.quote_atoms,
        price_ticks=command.price_ticks,
        mode=command.mode,
        client_id=command.client_id,
        created_at_ns=state.at_ns,
    )
    rfq = Rfq(terms, command, owner=account.owner)
    state.rfqs[terms.rfq] = account.rfqs[terms.rfq] = rfq
    state.schedule.add(rfq.expires_ns, Work.RFQ, terms.rfq)
    _announce(state, rfq)
    return (RfqSubmitted(terms=terms, submission_ns=rfq.submission_ns, expires_ns=rfq.expires_ns),)


def submit_quote(state: State, command: SubmitQuote) -> Events:
    """Quote a request, in place of the account's quote before; trade at once if it asks for that.

    A maker who is not covered is refused. If the requester is not, its request ends.
    """
    account = state.accounts.get(command.account)
    if account is None:
        return _unknown_account(command.account)
    rfq = state.rfqs.get(command.rfq)
    if rfq is None or rfq.expires_ns <= state.at_ns:
        return _unknown_rfq()
    listed = state.markets[rfq.terms.market]
    refusal = quote_refusal(state, listed, account, rfq, command)
    if refusal:
        return refusal
    terms = QuoteTerms(
        quote=state.next_order_id,
        rfq=command.rfq,
        account=command.account,
        market=rfq.terms.market,
        bid_ticks=command.bid_ticks,
        ask_ticks=command.ask_ticks,
        client_id=command.client_id,
        created_at_ns=state.at_ns,
    )
    quote = Quote(terms, command, expires_ns=rfq.expires_ns)
    deal = None
    if fills_at_once(listed, rfq, command):
        deal = deals.deal_of(state, rfq, quote, actor=rfq.command.actor)
    if deal is not None:
        refusal = deals.refusal_of(state, deal, deal.maker)
        if refusal:
            return refusal
    # Past this line the quote must succeed.
    _next_number(state)
    if command.account in rfq.quotes:
        _end_quote(state, rfq.quotes.pop(command.account), QuoteEnd.REPLACED)
    rfq.quotes[command.account] = quote
    status = OrderStatus.NEW if deal is None else _trade_at_once(state, rfq, quote, deal)
    return (
        QuoteSubmitted(
            terms=terms,
            status=status,
            rfq=rfq.terms,
            side_ticks=deals.price_for(rfq, command),
            submission_ns=rfq.submission_ns,
            expires_ns=rfq.expires_ns,
        ),
    )


def _trade_at_once(state: State, rfq: Rfq, quote: Quote, deal: Deal) -> OrderStatus:
    """Trade with a quote whose maker is covered, or end the request of who cannot pay."""
    refusal = deals.refusal_of(state, deal, deal.requester)
    if not refusal:
        state.record.events.append(_trade(state, rfq, quote, deal))
        return OrderStatus.FILLED
    deals.leave(deal, deal.maker)
    (why,) = refusal
    assert isinstance(why, CommandRejected), f"{why} refuses nothing"
    state.record.events.append(
        RfqExpired(
            terms=rfq.terms,
            submission_ns=rfq.submission_ns,
            expires_ns=rfq.expires_ns,
            reason=reason_of(why.code),
        )
    )
    _end(state, rfq, QuoteEnd.RFQ_EXPIRED)
    return OrderStatus.EXPIRED


def accept_quote(state: State, command: AcceptQuote) -> Events:
    """Trade with a quote. If its maker is not covered, the quote ends and nothing else happens."""
    account = state.accounts.get(command.account)
    if account is None:
        return _unknown_account(command.account)
    named = _named(state, account, rfq=command.rfq, client_id=command.client_id)
    if not isinstance(named, Rfq):
        return named
    rfq = named
    quote = next((one for one in rfq.quotes.values() if one.terms.quote == command.quote), None)
    if quote is None or quote.expires_ns <= state.at_ns:
        return rejected(
            Reject.UNKNOWN_QUOTE, "there is no such quote now: accept another, or refresh"
        )
    listed = state.markets[rfq.terms.market]
    refusal = state_refusal(listed) or deal_refusal(state, listed, rfq, quote.command)
    if refusal:
        return refusal
    deal = deals.deal_of(state, rfq, quote, actor=command.actor)
    refusal = deals.refusal_of(state, deal, deal.requester)
    if refusal:
        return refusal
    if deals.refusal_of(state, deal, deal.maker):
        deals.leave(deal, deal.requester)
        del rfq.quotes[quote.terms.account]
        return (QuoteCancelled(terms=quote.terms, reason=QuoteEnd.NOT_COVERED),)
    # Past this line the trade must succeed.
    return (_trade(state, rfq, quote, deal),)


def refresh_quote_request(state: State, command: RefreshQuoteRequest) -> Events:
    """Have a request live on from now; its quotes still end when their makers were told."""
    account = state.accounts.get(command.account)
    if account is None:
        return _unknown_account(command.account)
    rfq = _live(state, account, command.rfq)
    if rfq is None:
        return _unknown_rfq()
    refusal = state_refusal(state.markets[rfq.terms.market])
    if refusal:
        return refusal
    rfq.refresh(state.at_ns)
    _announce(state, rfq)
    return (
        RfqRefreshed(terms=rfq.terms, submission_ns=rfq.submission_ns, expires_ns=rfq.expires_ns),
    )


def cancel_quote_request(state: State, command: CancelQuoteRequest) -> Events:
    """End a request of the account; another account's is unknown to it."""
    account = state.accounts.get(command.account)
    if account is None:
        return _unknown_account(command.account)
    named = _named(state, account, rfq=command.rfq, client_id=command.client_id)
    if not isinstance(named, Rfq):
        return named
    _end(state, named, QuoteEnd.RFQ_CANCELLED)
    return (
        RfqCancelled(
            terms=named.terms, submission_ns=named.submission_ns, expires_ns=named.expires_ns
        ),
    )


def end_what_is_over(state: State, number: int) -> None:
    """End a request whose time is over, or those of its quotes whose time is."""
    rfq = state.rfqs.get(number)
    if rfq is None:
        return
    if rfq.expires_ns <= state.at_ns:
        state.record.events.append(
            RfqExpired(terms=rfq.terms, submission_ns=rfq.submission_ns, expires_ns=rfq.expires_ns)
        )
        _end(state, rfq, QuoteEnd.EXPIRED)
        return
    for maker, quote in list(rfq.quotes.items()):
        if quote.expires_ns <= state.at_ns:
            del rfq.quotes[maker]
            _end_quote(state, quote, QuoteEnd.EXPIRED)
    state.schedule.add(rfq.next_end_ns, Work.RFQ, number)


def _trade(state: State, rfq: Rfq, quote: Quote, deal: Deal) -> RfqFilled:
    """Make the trade, end the request, tell the makers; return what the requester is told."""
    deals.make(state, deal)
    del rfq.quotes[quote.terms.account]
    maker, requester = deal.maker, deal.requester
    state.record.events.append(
        QuoteFilled(
            terms=quote.terms,
            side=maker.order.terms.side,
            price_ticks=deal.price_ticks,
            lots=deal.lots,
            quote_atoms=deal.quote_atoms,
            fee_atoms=maker.fee,
            fee_asset=maker.fee_asset,
            fee_owed_atoms=maker.fee_owed,
            at_ns=state.at_ns,
        )
    )
    _end(state, rfq, QuoteEnd.RFQ_FILLED)
    return RfqFilled(
        terms=rfq.terms,
        submission_ns=rfq.submission_ns,
        expires_ns=rfq.expires_ns,
        quote=quote.terms.quote,
        price_ticks=deal.price_ticks,
        lots=deal.lots,
        quote_atoms=deal.quote_atoms,
        fee_atoms=requester.fee,
        fee_asset=requester.fee_asset,
        fee_owed_atoms=requester.fee_owed,
        at_ns=state.at_ns,
    )


def _end(state: State, rfq: Rfq, reason: QuoteEnd) -> None:
    """Take a request out of all that knows it, and end its quotes."""
    number = rfq.terms.rfq
    del state.rfqs[number]
    del state.accounts[rfq.terms.account].rfqs[number]
    for quote in rfq.quotes.values():
        _end_quote(state, quote, reason)
    rfq.quotes.clear()


def _end_quote(state: State, quote: Quote, reason: QuoteEnd) -> None:
    state.record.events.append(QuoteCancelled(terms=quote.terms, reason=reason))


def _announce(state: State, rfq: Rfq) -> None:
    terms = rfq.terms
    state.record.events.append(
        RfqAnnounced(
            rfq=terms.rfq,
            market=terms.market,
            lots=terms.lots,
            quote_atoms=terms.quote_atoms,
            submission_ns=rfq.submission_ns,
            expires_ns=rfq.expires_ns,
        )
    )


def _next_number(state: State) -> int:
    number = state.next_order_id
    state.next_order_id = OrderId(number + 1)
    return number


def _live(state: State, account: Account, number: int) -> Rfq | None:
    """Return an open request of the account, unless its time is over."""
    rfq = account.rfqs.get(number)
    return None if rfq is None or rfq.expires_ns <= state.at_ns else rfq


def _named(
    state: State, account: Account, *, rfq: int | None, client_id: int | None
) -> Rfq | Events:
    """Return the account's open request which a command names in one of the two ways."""
    if (rfq is None) == (client_id is None):
        return rejected(Reject.INVALID_RFQ, "name the request by its id or by its client id")
    for number, one in account.rfqs.items():
        if number == rfq or (client_id is not None and one.terms.client_id == client_id):
            return _live(state, account, number) or _unknown_rfq()
    return _unknown_rfq()


def _unknown_account(account: int) -> Events:
    return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {account}")


def _unknown_rfq() -> Events:
    return rejected(
        Reject.UNKNOWN_RFQ, "there is no such open request for quote: it may have ended"
    )
