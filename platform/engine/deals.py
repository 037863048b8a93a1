"""A trade between a requester and a maker, off the book: asked about, then made or left.

Each side is asked as an order is that takes all of it at once. Nothing of it rests, so nothing of
it is in the book, in a position's sums or in anybody's orders.
"""

from typing import NamedTuple

import msgspec

from engine import allowances
from engine.answers import Events
from engine.book import Order, terms_of
from engine.commands import PlaceOrder, RequestQuote, SubmitQuote
from engine.cover import forget_position, hold, perp_refusal, spot_refusal, uncount
from engine.listed_market import ListedMarket
from engine.matching import Sweep, follow
from engine.quotes import Quote, Rfq
from engine.resting import paying_asset, shrink_reduce_only
from engine.state import State
from engine.trades import Party, settle_perp, settle_spot
from engine.units import OrderId
from engine.vocabulary import ASK, BID, FOK


class Deal(NamedTuple):
    """A request and a quote at one price."""

    listed: ListedMarket
    price_ticks: int
    lots: int
    quote_atoms: int
    requester: Party
    maker: Party


def price_for(rfq: Rfq, command: SubmitQuote) -> int:
    """Return the price in ticks at which the requester would trade with a quote."""
    return command.ask_ticks if rfq.terms.side is BID else command.bid_ticks


def lots_for(listed: ListedMarket, rfq: Rfq, price_ticks: int) -> int:
    """Return the lots of a request at a price; a quote quantity is rounded down to them."""
    if rfq.terms.lots is not None:
        return rfq.terms.lots
    assert rfq.terms.quote_atoms is not None, f"request {rfq.terms.rfq} has no quantity"
    return rfq.terms.quote_atoms // (price_ticks * listed.quote_atoms_per_tick)


def deal_of(state: State, rfq: Rfq, quote: Quote, *, actor: int) -> Deal:
    """Return the trade of a request with a quote; `actor` makes it for who requested."""
    listed = state.markets[rfq.terms.market]
    price = price_for(rfq, quote.command)
    lots = lots_for(listed, rfq, price)
    asked = PlaceOrder(
        account=rfq.terms.account,
        market=rfq.terms.market,
        side=rfq.terms.side,
        price_ticks=price,
        lots=lots,
        time_in_force=FOK,
        actor=actor,
    )
    offered = msgspec.structs.replace(
        asked,
        account=quote.terms.account,
        side=ASK if asked.side is BID else BID,
        actor=quote.command.actor,
    )
    market = listed.market
    requester = _party(
        state, rfq.command, asked, number=rfq.terms.rfq, rate_ppm=market.taker_fee_ppm
    )
    maker = _party(
        state, quote.command, offered, number=quote.terms.quote, rate_ppm=market.maker_fee_ppm
    )
    return Deal(listed, price, lots, listed.quote_atoms(price, lots), requester, maker)


def _party(
    state: State,
    command: RequestQuote | SubmitQuote,
    asked: PlaceOrder,
    *,
    number: int,
    rate_ppm: int,
) -> Party:
    """Return one side, as an order that is neither in the book nor in the account's orders."""
    account = state.accounts[command.account]
    price, lots = asked.price_ticks, asked.lots
    assert price is not None and lots is not None, f"{asked} is no trade"
    terms = terms_of(asked, order_id=OrderId(number), at_ns=state.at_ns, lots=lots)
    order = Order(terms, owner=account.owner, price=price, lots_open=lots)
    order.flags = (command.auto_borrow_repay, command.auto_lend)
    order.may_redeem = command.auto_lend_redeem
    order.may_borrow = command.auto_borrow
    # The maker's order has rested nowhere: for its position neither side was the maker.
    return Party(account, order, rate_ppm, is_maker=False)


def refusal_of(state: State, deal: Deal, party: Party) -> Events:
    """Refuse a side that is not covered. One that is stays counted: `leave` or `make` must follow.

    A side that is refused leaves nothing behind.
    """
    check = perp_refusal if deal.listed.is_perp else spot_refusal
    taken = Sweep(deal.lots, deal.quote_atoms, stopped=False, fee_ppm=party.rate_ppm)
    return check(state, party.account, deal.listed, party.order, taken=taken, resting=0)


def leave(deal: Deal, party: Party) -> None:
    """Take back what asking about a covered side has counted."""
    listed, account = deal.listed, party.account
    if not listed.is_perp:
        uncount(account, party.order, paying_asset(listed, is_bid=party.order.is_bid))
        return
    position = account.positions.get(listed.market.symbol)
    if position is not None and position.idle and not position.position_id:
        forget_position(account, listed, position)


def make(state: State, deal: Deal) -> None:
    """Make the trade. Both sides were found covered."""
    listed = deal.listed
    sides = (deal.requester, deal.maker)
    for party in sides:
        if party.order.locked:
            hold(state, party.account, listed, party.order)
        party.order.lots_open = 0
    buys = deal.requester.order.is_bid
    buyer, seller = (deal.requester, deal.maker) if buys else (deal.maker, deal.requester)
    settle = settle_perp if listed.is_perp else settle_spot
    settle(state, listed, buyer=buyer, seller=seller, lots=deal.lots, quote=deal.quote_atoms)
    for party in sides:
        order = party.order
        if order.terms.actor:
            allowances.count_fill(state, party.account, listed, order.terms, deal.quote_atoms)
        left = (order.locked, order.borrow, order.loss_micros)
        assert left == (0, 0, 0), f"quoted trade {order.terms.order_id} leaves {left}"
        if listed.is_perp:
            shrink_reduce_only(state, party.account, listed)
            if party.account.triggers:
                follow(state, listed, party, deal.lots)
