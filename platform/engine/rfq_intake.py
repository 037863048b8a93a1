"""What a request for quote and a quote must be: the checks that need no money."""

from engine import deals
from engine.allowances import quote_atoms_of, spending_refusal
from engine.answers import Events, rejected
from engine.bands import limit_band
from engine.catalog import OPEN, MarketState
from engine.commands import PlaceOrder, RequestQuote, SubmitQuote
from engine.intake import MAX_CLIENT_ID, price_refusal, quantity_refusal, too_small
from engine.listed_market import ListedMarket
from engine.quotes import MAX_QUOTES, MAX_RFQS, Rfq
from engine.rejects import Reject
from engine.state import Account, State
from engine.vocabulary import BID, ExecutionMode

_SHUT = {
    MarketState.CLOSED: Reject.MARKET_CLOSED,
    MarketState.CANCEL_ONLY: Reject.MARKET_CANCEL_ONLY,
    MarketState.LIMIT_ONLY: Reject.MARKET_LIMIT_ONLY,
    MarketState.POST_ONLY: Reject.MARKET_POST_ONLY,
}


def state_refusal(listed: ListedMarket) -> Events:
    """Refuse what a market that is not open may not do."""
    if listed.state is OPEN:
        return ()
    return rejected(
        _SHUT[listed.state], f"{listed.market.symbol} takes no requests for quote now: try later"
    )


def shape_refusal(state: State, listed: ListedMarket, command: RequestQuote) -> Events:
    """Refuse a request for its quantity or its price."""
    if (command.lots is None) == (command.quote_atoms is None):
        return rejected(Reject.INVALID_RFQ, "ask for a quantity or for a quote quantity")
    price, market = command.price_ticks, listed.market
    if price is None and command.mode is ExecutionMode.IMMEDIATE:
        return rejected(Reject.INVALID_RFQ, "an immediate request needs the worst price it takes")
    if price is not None and not 0 < price <= market.max_price_ticks:
        return rejected(Reject.INVALID_PRICE, "the price is outside what the market allows")
    asked = PlaceOrder(
        account=command.account,
        market=command.market,
        side=command.side,
        price_ticks=price,
        lots=command.lots,
        quote_atoms=command.quote_atoms,
    )
    return quantity_refusal(listed, asked) or price_refusal(
        listed, asked, limit_band(state, listed)
    )


def member_refusal(
    state: State, listed: ListedMarket, account: Account, command: RequestQuote
) -> Events:
    """Refuse a member's request for more than may be spent; the trade asks again."""
    atoms = command.quote_atoms
    if atoms is None:
        atoms = quote_atoms_of(state, listed, command.lots or 0, command.price_ticks)
    return spending_refusal(state, account, command.actor, {listed.market.quote: atoms})


def count_refusal(account: Account, command: RequestQuote) -> Events:
    """Refuse a request for its client id, or because too many are open."""
    client_id = command.client_id
    if client_id is not None:
        if not 0 <= client_id <= MAX_CLIENT_ID:
            return rejected(
                Reject.INVALID_RFQ, f"a client id is a whole number up to {MAX_CLIENT_ID}"
            )
        if any(rfq.terms.client_id == client_id for rfq in account.rfqs.values()):
            return rejected(
                Reject.DUPLICATE_CLIENT_ID, f"client id {client_id} is in use by an open request"
            )
    if len(account.rfqs) >= MAX_RFQS:
        return rejected(
            Reject.RFQ_LIMIT, f"at most {MAX_RFQS} requests may be open; cancel some first"
        )
    return ()


def quote_refusal(
    state: State, listed: ListedMarket, account: Account, rfq: Rfq, command: SubmitQuote
) -> Events:
    """Refuse a quote for who gives it, when, or its prices."""
    if rfq.owner == account.owner:
        return rejected(Reject.OWN_RFQ, "this request is your own: others quote it")
    if listed.state is not OPEN:
        return state_refusal(listed)
    if rfq.submission_ns <= state.at_ns:
        return rejected(
            Reject.QUOTES_CLOSED, "the time to quote this request is over, unless it is refreshed"
        )
    if not 0 <= (command.client_id or 0) <= MAX_CLIENT_ID:
        return rejected(
            Reject.INVALID_QUOTE, f"a client id is a whole number up to {MAX_CLIENT_ID}"
        )
    bid, ask = command.bid_ticks, command.ask_ticks
    if not 0 < bid <= ask <= listed.market.max_price_ticks:
        return rejected(Reject.INVALID_QUOTE, "the bid must be above zero and not above the ask")
    if command.account not in rfq.quotes and len(rfq.quotes) >= MAX_QUOTES:
        return rejected(
            Reject.QUOTE_LIMIT, f"this request has {MAX_QUOTES} quotes already: quote another"
        )
    return (
        _band_refusal(state, listed, command, bid)
        or _band_refusal(state, listed, command, ask)
        or _maker_refusal(state, listed, account, rfq, command)
    )


def _maker_refusal(
    state: State, listed: ListedMarket, account: Account, rfq: Rfq, command: SubmitQuote
) -> Events:
    """Refuse a member's quote that could come to more than the member may spend."""
    atoms = rfq.terms.quote_atoms
    if atoms is None:
        atoms = listed.quote_atoms(command.ask_ticks, rfq.terms.lots or 0)
    return spending_refusal(state, account, command.actor, {listed.market.quote: atoms})


def _band_refusal(state: State, listed: ListedMarket, command: SubmitQuote, price: int) -> Events:
    asked = PlaceOrder(
        account=command.account, market=listed.market.symbol, side=BID, price_ticks=price
    )
    return price_refusal(listed, asked, limit_band(state, listed))


def deal_refusal(state: State, listed: ListedMarket, rfq: Rfq, command: SubmitQuote) -> Events:
    """Refuse to accept a quote for its price as it now stands, or what it would come to."""
    price = deals.price_for(rfq, command)
    if _is_worse(rfq, price):
        return rejected(
            Reject.QUOTE_WORSE_THAN_PRICE,
            "the quote is worse than the price of your request: accept another, or ask anew",
        )
    refusal = _band_refusal(state, listed, command, price)
    if refusal:
        return refusal
    lots = deals.lots_for(listed, rfq, price)
    if lots < listed.market.min_lots:
        return too_small(listed)
    if lots > listed.market.max_lots:
        return rejected(
            Reject.QUANTITY_TOO_LARGE,
            "at this price the quote quantity is above the market's maximum: ask for less",
            max_lots=listed.market.max_lots,
        )
    return ()


def _is_worse(rfq: Rfq, price: int) -> bool:
    limit = rfq.terms.price_ticks
    if limit is None:
        return False
    return price > limit if rfq.terms.side is BID else price < limit


def fills_at_once(listed: ListedMarket, rfq: Rfq, command: SubmitQuote) -> bool:
    """Tell whether a request trades with a quote as soon as it stands."""
    price = deals.price_for(rfq, command)
    if rfq.terms.mode is not ExecutionMode.IMMEDIATE or _is_worse(rfq, price):
        return False
    market = listed.market
    return market.min_lots <= deals.lots_for(listed, rfq, price) <= market.max_lots
