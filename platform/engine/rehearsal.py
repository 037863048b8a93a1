"""A private exchange in which one order can be placed for good, to see what would become of it.

It holds copies of all that placing the order may change: its account, its market, the resting
orders which it could meet with their accounts, and their pools. Of the book there is only what the
order could meet and the best of its own side; nothing further away bears on it. What no handler
changes while it places an order (prices, the parameters of what is listed) is the exchange's own.
"""

from collections.abc import Iterable
from typing import NamedTuple

from engine.bands import worst_for_taker
from engine.book import Book, ConditionalOrder, Level, Links, Order
from engine.commands import PlaceOrder
from engine.copies import (
    ACCOUNT_FIELDS,
    assign,
    copy_account,
    copy_holding,
    copy_market,
    copy_pool,
    copy_position,
)
from engine.funding_rates import Funding
from engine.listed_market import ListedMarket
from engine.snapshot import ORDER_FIELDS
from engine.state import Account, State
from engine.strategy import Strategy
from engine.units import OrderId
from engine.vocabulary import BID, REJECT_MAKER

# An order which could meet more than so many others is not rehearsed: that would take too long.
MOST_MET = 1_000
_STRATEGY_FIELDS = (
    "status", "reason", "executed_lots", "executed_quote", "joined", "child", "due",
)  # fmt: skip
_FUNDING_FIELDS = (
    "premiums_ppb", "samples", "sampled_s", "told_ppb", "closed_hour", "ends_ns", "last_hour",
    "cursor", "passed_hour",
)  # fmt: skip
_Waiting = Order | ConditionalOrder


class Stage(NamedTuple):
    """The private exchange; `account` may place an order in `listed`."""

    state: State
    account: Account
    listed: ListedMarket


def stage(state: State, account: Account, order: PlaceOrder, *, at_ns: int) -> Stage | None:
    """Return a private exchange for an order; None if it could meet more than MOST_MET others."""
    original = state.markets[order.market]
    copy = State()
    copy.sequence, copy.at_ns = state.sequence, at_ns
    copy.next_order_id, copy.next_position_id = state.next_order_id, state.next_position_id
    copy.assets, copy.prices = state.assets, state.prices
    copy.price_version = state.price_version
    copy.markets = {**state.markets}
    listed = copy.markets[order.market] = copy_market(original, copy.record)
    met = _met(copy, listed, order, account)
    if met is None:
        return None
    actors = {account.account_id: account}
    for maker in met:
        number = maker.terms.account
        actors[number] = state.accounts[number]
    _copy_pools(state, copy, listed, actors.values())
    for actor in actors.values():
        copied = copy_account(actor) if actor is account else _partner(actor, listed)
        copied.liquidation = actor.liquidation
        copied.orders, copied.client_ids = {**actor.orders}, {**actor.client_ids}
        copied.triggers = {**actor.triggers}
        copy.accounts[actor.account_id] = copied
    if listed.funding is not None:
        listed.funding = _funding(original.perp_funding())
    met += _first(original.book.side(order.side is BID).best())
    _Cast(copy, listed, original).enter(met, actors.values())
    for maker in met:
        strategy = maker.terms.strategy
        if strategy is not None:
            copy.strategies[OrderId(strategy)] = _strategy(state.strategies[OrderId(strategy)])
    copy.record.clear()
    return Stage(copy, copy.accounts[account.account_id], listed)


def _met(
    state: State, listed: ListedMarket, order: PlaceOrder, account: Account
) -> list[Order] | None:
    """Return the orders which an order could meet, best first, and the one after them.

    In an auction nothing is met: those are its owner's own, besides the best. None if there are
    more than MOST_MET.
    """
    is_bid, owner = order.side is BID, account.owner
    skips = owner if order.self_trade_prevention is REJECT_MAKER else None
    bound = worst_for_taker(state, listed, order.side, skips=skips)
    limit = order.price_ticks
    if bound is None:
        return []
    if limit is not None:
        nearer = min(bound, limit) if is_bid else max(bound, limit)
        bound = limit if listed.auction_ns else nearer
    most = _most_lots(listed, order, account)
    met: list[Order] = []
    lots = quote = 0
    for level in listed.book.side(not is_bid).from_best():
        if level.price > bound if is_bid else level.price < bound:
            return met + _first(level)
        for maker in level:
            if listed.auction_ns and met and maker.owner != owner:
                continue
            met.append(maker)
            is_enough = lots >= most or (
                order.quote_atoms is not None and quote >= order.quote_atoms
            )
            if is_enough:
                return met
            if len(met) > MOST_MET:
                return None
            # Who borrows may be unable to pay: it is passed over then, as an own order may be.
            if maker.owner != owner and not maker.borrow and not listed.auction_ns:
                lots += maker.lots_open
                quote += listed.quote_atoms(level.price, maker.lots_open)
    return met


def _first(level: Level | None) -> list[Order]:
    return [] if level is None or level.head is None else [level.head]


def _most_lots(listed: ListedMarket, order: PlaceOrder, account: Account) -> int:
    """Return the lots that an order takes at most; without any it is refused."""
    if order.lots is None:
        return 0 if order.quote_atoms is None else listed.market.max_lots
    position = account.positions.get(order.market)
    if order.reduce_only:
        return min(order.lots, abs(position.lots) if position is not None else 0)
    return order.lots


def _copy_pools(state: State, copy: State, listed: ListedMarket, actors: Iterable[Account]) -> None:
    """Copy the pools of the market's assets and of what its actors lend, owe or may owe."""
    touched = dict.fromkeys((listed.market.base, listed.market.quote))
    for actor in actors:
        touched |= dict.fromkeys((*(one.asset for one in actor.bearing), *actor.pending_borrow))
    copy.pools = {**state.pools}
    for symbol in touched:
        copy.pools[symbol] = copy_pool(state.pools[symbol], copy.record)


def _partner(account: Account, listed: ListedMarket) -> Account:
    """Return an account that may be traded with; only what a trade in this market changes of it is
    copied."""
    copy = Account(account.account_id, account.owner)
    assign(copy, account, ACCOUNT_FIELDS)
    traded = (listed.market.base, listed.market.quote)
    for symbol, holding in account.holdings.items():
        if symbol in traded:
            copy_holding(holding, copy)
            continue
        copy.holdings[symbol] = holding
        if holding in account.bearing:
            copy.bearing[holding] = None
    copy.positions = {**account.positions}
    position = account.positions.get(listed.market.symbol)
    if position is not None:
        copy.positions[position.market] = copy_position(position, copy)
    copy.pending_borrow = {**account.pending_borrow}
    copy.spot_loss_micros = account.spot_loss_micros
    return copy


def _funding(funding: Funding) -> Funding:
    copy = Funding()
    assign(copy, funding, _FUNDING_FIELDS)
    copy.unpaid = [*funding.unpaid]
    return copy


def _strategy(strategy: Strategy) -> Strategy:
    copy = Strategy(strategy.terms)
    assign(copy, strategy, _STRATEGY_FIELDS)
    return copy


class _Cast:
    """The orders of a private exchange, which know each other as the originals do."""

    def __init__(self, state: State, listed: ListedMarket, original: ListedMarket) -> None:
        self._state = state
        self._listed = listed
        self._copies: dict[_Waiting, _Waiting] = {}
        listed.book = Book(listed.market.symbol, state.record)
        listed.book.last_price = original.book.last_price
        listed.book.trade_id = original.book.trade_id

    def enter(self, met: Iterable[Order], actors: Iterable[Account]) -> None:
        """Put orders into the book, best first, and what a trade may change of their accounts'."""
        symbol = self._listed.market.symbol
        for order in met:
            self._rest(order)
        for account in actors:
            copy = self._state.accounts[account.account_id]
            position = copy.positions.get(symbol)
            if position is not None:
                position.reduce_orders = {
                    order_id: self._rest(order)
                    for order_id, order in position.reduce_orders.items()
                }
            for order_id, trigger in account.triggers.items():
                if trigger.terms.market == symbol:
                    copy.triggers[order_id] = self._state.triggers[order_id] = self._wait(trigger)
        for original, waiting in list(self._copies.items()):
            if type(waiting) is Order:
                assert type(original) is Order
                if original.links is not None:
                    waiting.links = self._links(original.links)
            elif type(waiting) is ConditionalOrder and waiting.partner is not None:
                waiting.partner = self._copies.get(waiting.partner, waiting.partner)

    def _rest(self, order: Order) -> Order:
        known = self._copies.get(order)
        if known is not None:
            assert type(known) is Order
            return known
        copy = Order(order.terms, owner=order.owner, price=order.price, lots_open=order.lots_open)
        assign(copy, order, ORDER_FIELDS)
        self._copies[order] = copy
        self._listed.book.side(order.is_bid).add(copy)
        order_id = order.terms.order_id
        self._state.orders[order_id] = copy
        account = self._state.accounts.get(order.terms.account)
        if account is not None:
            account.orders[order_id] = copy
        return copy

    def _wait(self, order: ConditionalOrder) -> ConditionalOrder:
        copy = ConditionalOrder(
            order.terms, order.command, owner=order.owner, fires_above=order.fires_above
        )
        copy.lots_open, copy.is_due, copy.partner = order.lots_open, order.is_due, order.partner
        self._copies[order] = copy
        if not copy.is_due:
            self._listed.watch.add(copy)
        return copy

    def _links(self, links: Links) -> Links:
        """Return the same links among the copies; what they do not hold has ended."""
        copy = Links(links.partner and self._copies.get(links.partner, links.partner))
        for name in ("take_profit", "stop_loss"):
            linked = getattr(links, name)
            setattr(copy, name, self._copies.get(linked, linked))
        return copy
