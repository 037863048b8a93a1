"""Taking from the book, trade by trade. The checks were made before.

Each trade leaves every account whole: what an order pays was reserved when it was accepted, or can
be borrowed now; an order that could not pay is ended instead of traded with.
"""

from typing import NamedTuple

from engine import allowances, funds, pending
from engine.book import Level, Order
from engine.kinds import FILLED, PARTIALLY_FILLED
from engine.listed_market import ListedMarket
from engine.order_events import OrderFilled, TradeExecuted
from engine.rejects import ExpiryReason
from engine.resting import cost_of, expire, forget, paying_asset, shrink_reduce_only
from engine.schedule import Work
from engine.state import Account, State
from engine.trades import Party, settle_perp, settle_spot
from engine.units import OrderId
from engine.vocabulary import REJECT_MAKER, REJECT_TAKER


class Sweep(NamedTuple):
    """What an order would take from the book now."""

    lots: int
    quote_atoms: int
    # By an order of the same owner, or where a band cuts off what its price would still take.
    stopped: bool
    fee_ppm: int | None = None  # if it is not the market's taker fee


NOTHING = Sweep(0, 0, stopped=False)


def sweep(state: State, listed: ListedMarket, order: Order) -> Sweep:
    """Return what `order` would take, skipping or stopping where `match` will."""
    lots = cost = 0
    left, budget = order.lots_open, order.terms.quote_atoms
    skip_own, cut = order.terms.self_trade_prevention is REJECT_MAKER, False
    for level in listed.book.side(not order.is_bid).from_best():
        if level.price > order.reach if order.is_bid else level.price < order.reach:
            cut = left > 0 and meets(order, level)
            break
        per_lot = level.price * listed.quote_atoms_per_tick
        for maker in level:
            if maker.owner == order.owner:
                if skip_own:
                    continue
                return Sweep(lots, cost, stopped=True)
            take = min(left, maker.lots_open)
            if budget is not None:
                take = min(take, (budget - cost) // per_lot)
            if maker.borrow and not can_pay(state, listed, maker, take, level.price):
                continue
            lots += take
            cost += take * per_lot
            left -= take
            if take < maker.lots_open:
                return Sweep(lots, cost, stopped=False)
    return Sweep(lots, cost, stopped=cut)


def meets(order: Order, level: Level) -> bool:
    """Tell whether an order would trade with a level of the other side by its price alone."""
    return level.price <= order.price if order.is_bid else level.price >= order.price


def match(
    state: State, account: Account, listed: ListedMarket, order: Order
) -> ExpiryReason | None:
    """Trade `order` against the book up to its reach; return why it must end early, or None.

    An order never comes to rest across the book: where a band stops it before its price does, what
    is left ends.
    """
    opposite = listed.book.side(not order.is_bid)
    while order.lots_open:
        level = opposite.best()
        if level is None:
            return None
        if level.price > order.reach if order.is_bid else level.price < order.reach:
            return ExpiryReason.PRICE_IMPACT if meets(order, level) else None
        maker = level.head
        assert maker is not None, f"empty level at {level.price}"
        if maker.owner == order.owner:
            prevention = order.terms.self_trade_prevention
            if prevention is not REJECT_TAKER:
                expire(state, listed, maker, ExpiryReason.SELF_TRADE_PREVENTION)
            if prevention is REJECT_MAKER:
                continue
            return ExpiryReason.SELF_TRADE_PREVENTION
        lots = _tradable(listed, order, maker)
        if lots == 0:
            # The rest of its quote quantity does not buy one more lot.
            order.lots_open = 0
            return None
        if maker.borrow and not can_pay(state, listed, maker, lots, level.price):
            expire(state, listed, maker, ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY)
            continue
        if not listed.is_perp and cost_of(listed, order, lots, level.price) > (
            order.locked + order.borrow
        ):
            return ExpiryReason.INSUFFICIENT_FUNDS
        execute(state, account, listed, order=order, maker=maker, lots=lots)
    return None


def own_across(listed: ListedMarket, order: Order) -> list[Order]:
    """Return the resting orders of an order's owner that it would meet by its price, best first."""
    own = []
    for level in listed.book.side(not order.is_bid).from_best():
        if not meets(order, level):
            break
        own += [maker for maker in level if maker.owner == order.owner]
    return own


def _tradable(listed: ListedMarket, order: Order, maker: Order) -> int:
    """Return how many lots the two may trade, within what a quote quantity has left."""
    lots = min(order.lots_open, maker.lots_open)
    budget = order.terms.quote_atoms
    if budget is None:
        return lots
    per_lot = maker.price * listed.quote_atoms_per_tick
    return min(lots, (budget - order.executed_quote) // per_lot)


def can_pay(state: State, listed: ListedMarket, order: Order, lots: int, price: int) -> bool:
    """Tell whether what `order` lacks of its own money for `lots` could be had at once."""
    short = cost_of(listed, order, lots, price) - order.locked
    if short <= 0:
        return True
    account = state.accounts[order.terms.account]
    holding = funds.accrue_holding(state, account, paying_asset(listed, is_bid=order.is_bid))
    short -= holding.available.atoms
    if holding.lend_scaled:
        return short <= funds.redeemable(state, holding)
    return short <= state.pools[holding.asset].borrowable(state.at_ns)


def execute(
    state: State, account: Account, listed: ListedMarket, *, order: Order, maker: Order, lots: int
) -> None:
    """Trade `lots` of an order of `account` with a resting one, at that one's price."""
    market = listed.market
    taker_side = Party(account, order, market.taker_fee_ppm, is_maker=False)
    other = state.accounts[maker.terms.account]
    maker_side = Party(other, maker, market.maker_fee_ppm, is_maker=True)
    take_from_book(listed, maker, lots)
    order.lots_open -= lots
    trade(state, listed, taker_side, maker_side, lots=lots, price=maker.price)
    if not maker.lots_open:
        forget(state, other, maker)
    follow_trade(state, listed, (taker_side, maker_side), lots)


def take_from_book(listed: ListedMarket, order: Order, lots: int) -> None:
    """Take traded lots of a resting order out of the book, and it with them if that is all."""
    side = listed.book.bids if order.is_bid else listed.book.asks
    if lots == order.lots_open:
        side.remove(order)
    else:
        side.reduce(order, lots)
    order.lots_open -= lots


def trade(
    state: State, listed: ListedMarket, taker: Party, maker: Party, *, lots: int, price: int
) -> None:
    """Trade between two orders whose open lots are those after it, and tell it."""
    book, order, other = listed.book, taker.order, maker.order
    quote = price * lots * listed.quote_atoms_per_tick
    book.trade_id += 1
    book.last_price = price
    order.executed_lots += lots
    order.executed_quote += quote
    other.executed_lots += lots
    other.executed_quote += quote
    buyer, seller = (taker, maker) if order.is_bid else (maker, taker)
    state.record.events.append(
        TradeExecuted(
            market=listed.market.symbol,
            trade_id=book.trade_id,
            price_ticks=price,
            lots=lots,
            quote_atoms=quote,
            buyer_order=buyer.order.terms.order_id,
            seller_order=seller.order.terms.order_id,
            buyer_is_maker=buyer is maker,
            at_ns=state.at_ns,
        )
    )
    settle = settle_perp if listed.is_perp else settle_spot
    settle(state, listed, buyer=buyer, seller=seller, lots=lots, quote=quote)
    _filled(state, listed, taker, lots=lots, quote=quote, price=price)
    _filled(state, listed, maker, lots=lots, quote=quote, price=price)


def follow_trade(
    state: State, listed: ListedMarket, parties: tuple[Party, Party], lots: int
) -> None:
    """After a trade: cut what closes a position to what is left, exits too; note the last price."""
    if listed.is_perp:
        taker, maker = parties
        shrink_reduce_only(state, taker.account, listed)
        shrink_reduce_only(state, maker.account, listed)
        if taker.account.triggers or taker.order.links is not None:
            follow(state, listed, taker, lots)
        if maker.account.triggers or maker.order.links is not None:
            follow(state, listed, maker, lots)
    if listed.watch.has_last:
        pending.note_last(state, listed)


def follow(state: State, listed: ListedMarket, party: Party, lots: int) -> None:
    """After a trade in a perpetual: end the exits of a position that closed, resize the others."""
    if party.closed:
        pending.expire_orphans(state, party.account, listed)
    if party.order.links is not None:
        pending.follow_fill(
            state, party.account, listed, party.order, lots=lots, opened=party.opened
        )


def _filled(
    state: State, listed: ListedMarket, party: Party, *, lots: int, quote: int, price: int
) -> None:
    order = party.order
    terms = order.terms
    state.record.events.append(
        OrderFilled(
            terms=terms,
            status=PARTIALLY_FILLED if order.lots_open else FILLED,
            lots_open=order.lots_open,
            executed_lots=order.executed_lots,
            executed_quote_atoms=order.executed_quote,
            trade_id=listed.book.trade_id,
            price_ticks=price,
            lots=lots,
            quote_atoms=quote,
            fee_atoms=party.fee,
            fee_asset=party.fee_asset,
            is_maker=party.is_maker,
            at_ns=state.at_ns,
            fee_owed_atoms=party.fee_owed,
        )
    )
    if terms.actor:
        if party.rests:
            allowances.note_open(party.account, listed, order, -lots)
        allowances.count_fill(state, party.account, listed, terms, quote)
    if terms.strategy is not None:
        _count_for_strategy(state, terms.strategy, lots=lots, quote=quote)


def _count_for_strategy(state: State, strategy_id: int, *, lots: int, quote: int) -> None:
    strategy = state.strategies[OrderId(strategy_id)]
    strategy.executed_lots += lots
    strategy.executed_quote += quote
    state.record.strategies[strategy] = None
    if not strategy.rest:
        # Nothing is left to wait for: it is ended right after this command.
        if strategy.due is not None:
            state.schedule.drop(strategy.due)
        strategy.due = state.schedule.add(state.at_ns, Work.STRATEGY, strategy_id)
