"""Ending all that an account has open: orders at rest and waiting, strategies, requests, quotes."""

from engine import orders, rfq, strategies
from engine.commands import CancelAllOrders, CancelAllStrategies, CancelQuoteRequest
from engine.kinds import QuoteEnd
from engine.order_events import QuoteCancelled, RfqCancelled
from engine.state import Account, State


def end_all_open(state: State, account: Account) -> None:
    """End everything that could still trade for an account; each is told as its owner's cancel."""
    number, told = account.account_id, state.record.events
    # The first event of each answers a caller; there is none.
    ended = strategies.cancel_all_strategies(state, CancelAllStrategies(account=number))
    told.extend(ended[1:])
    ended = orders.cancel_all_orders(state, CancelAllOrders(account=number))
    told.extend(ended[1:])
    for request in list(account.rfqs):
        ended = rfq.cancel_quote_request(state, CancelQuoteRequest(account=number, rfq=request))
        if isinstance(ended[0], RfqCancelled):
            told.extend(ended)
        else:
            # Its time is over, and the clock has not come by yet.
            rfq.end_what_is_over(state, request)
    for asked in state.rfqs.values():
        quote = asked.quotes.pop(number, None)
        if quote is not None:
            told.append(QuoteCancelled(terms=quote.terms, reason=QuoteEnd.NOT_COVERED))
