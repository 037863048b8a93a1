"""Ending all that an account has open: orders at rest and waiting, strategies, requests, quotes."""

from engine import orders, rfq, strategies
from engine.book import ConditionalOrder, Order
from engine.commands import (
    CancelAllOrders,
    CancelAllStrategies,
    CancelOrder,
    CancelQuoteRequest,
    CancelStrategy,
)
from engine.kinds import QuoteEnd
from engine.order_events import QuoteCancelled, RfqCancelled
from engine.quotes import Rfq
from engine.state import Account, State
from engine.units import AccountId


def end_all_open(state: State, account: Account) -> None:
    """End everything that could still trade for an account; each is told as its owner's cancel."""
    number, told = account.account_id, state.record.events
    # The first event of each answers a caller; there is none.
    ended = strategies.cancel_all_strategies(state, CancelAllStrategies(account=number))
    told.extend(ended[1:])
    ended = orders.cancel_all_orders(state, CancelAllOrders(account=number))
    told.extend(ended[1:])
    for request in list(account.rfqs):
        _end_request(state, number, request)
    for asked in state.rfqs.values():
        if number in asked.quotes:
            _end_quote(state, number, asked)


def end_opening_of(state: State, account: Account, member: int) -> None:
    """End everything by which a member could still open something; what only reduces stays."""
    number, told = account.account_id, state.record.events
    for running in list(account.strategies.values()):
        asked = running.terms.command
        if asked.actor == member and not asked.reduce_only:
            told.extend(
                strategies.cancel_strategy(
                    state,
                    CancelStrategy(
                        account=number,
                        market=asked.market,
                        strategy_id=running.terms.strategy_id,
                    ),
                )
            )
    held: list[Order | ConditionalOrder] = [*account.orders.values(), *account.triggers.values()]
    for order in held:
        terms = order.terms
        if terms.actor == member and not terms.reduce_only:
            command = CancelOrder(account=number, market=terms.market, order_id=terms.order_id)
            told.extend(orders.cancel_order(state, command))
    for request, own in list(account.rfqs.items()):
        if own.command.actor == member:
            _end_request(state, number, request)
    for asked_for in state.rfqs.values():
        quote = asked_for.quotes.get(number)
        if quote is not None and quote.command.actor == member:
            _end_quote(state, number, asked_for)


def _end_request(state: State, number: AccountId, request: int) -> None:
    ended = rfq.cancel_quote_request(state, CancelQuoteRequest(account=number, rfq=request))
    if isinstance(ended[0], RfqCancelled):
        state.record.events.extend(ended)
    else:
        # Its time is over, and the clock has not come by yet.
        rfq.end_what_is_over(state, request)


def _end_quote(state: State, number: AccountId, asked: Rfq) -> None:
    quote = asked.quotes.pop(number)
    state.record.events.append(QuoteCancelled(terms=quote.terms, reason=QuoteEnd.NOT_COVERED))
