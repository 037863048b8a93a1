"""Taking from the book, settling each trade, and ending orders. The checks were made before.

Each trade leaves every account whole: what an order pays was reserved when it was accepted, or can
be borrowed now; an order that could not pay is ended instead of traded with.
"""

from typing import NamedTuple

from engine import funds
from engine.book import Order
from engine.commands import SelfTradePrevention
from engine.events import (
    MovementSource,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderModified,
    OrderStatus,
    TradeExecuted,
)
from engine.fees import fee_of
from engine.ledger import Holding
from engine.positions import Position
from engine.rejects import ExpiryReason
from engine.state import Account, ListedMarket, State
from engine.units import div_ceil


class Sweep(NamedTuple):
    """What an order would take from the book now."""

    lots: int
    quote_atoms: int
    stopped: bool  # by an order of the same owner


def sweep(listed: ListedMarket, order: Order) -> Sweep:
    """Return what `order` would take, skipping or stopping at its owner's own orders."""
    lots = cost = 0
    left, budget = order.lots_open, order.terms.quote_atoms
    skip_own = order.terms.self_trade_prevention is SelfTradePrevention.REJECT_MAKER
    for level in listed.book.side(not order.is_bid).from_best():
        if level.price > order.price if order.is_bid else level.price < order.price:
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
            lots += take
            cost += take * per_lot
            left -= take
            if take < maker.lots_open:
                return Sweep(lots, cost, stopped=False)
    return Sweep(lots, cost, stopped=False)


def match(
    state: State, account: Account, listed: ListedMarket, order: Order
) -> ExpiryReason | None:
    """Trade `order` against the book up to its price; return why it must end early, or None."""
    opposite = listed.book.side(not order.is_bid)
    budget = order.terms.quote_atoms
    while order.lots_open:
        level = opposite.best()
        if level is None or (
            level.price > order.price if order.is_bid else level.price < order.price
        ):
            return None
        maker = level.head
        assert maker is not None, f"empty level at {level.price}"
        if maker.owner == order.owner:
            prevention = order.terms.self_trade_prevention
            if prevention is not SelfTradePrevention.REJECT_TAKER:
                expire(state, listed, maker, ExpiryReason.SELF_TRADE_PREVENTION)
            if prevention is SelfTradePrevention.REJECT_MAKER:
                continue
            return ExpiryReason.SELF_TRADE_PREVENTION
        lots = min(order.lots_open, maker.lots_open)
        if budget is not None:
            per_lot = level.price * listed.quote_atoms_per_tick
            lots = min(lots, (budget - order.executed_quote) // per_lot)
            if lots == 0:
                order.lots_open = 0
                return None
        if not listed.is_perp:
            if maker.borrow and not _can_pay(state, listed, maker, lots, level.price):
                expire(state, listed, maker, ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY)
                continue
            if _cost(listed, order, lots, level.price) > order.locked + order.borrow:
                return ExpiryReason.INSUFFICIENT_FUNDS
        _execute(state, account, listed, order=order, maker=maker, lots=lots)
    return None


def _cost(listed: ListedMarket, order: Order, lots: int, price: int) -> int:
    """Return what a spot order pays for `lots`: quote atoms for a bid, base atoms for an ask."""
    return listed.quote_atoms(price, lots) if order.is_bid else listed.base_atoms(lots)


def paying_asset(listed: ListedMarket, *, is_bid: bool) -> str:
    return listed.market.quote if is_bid else listed.market.base


def _can_pay(state: State, listed: ListedMarket, order: Order, lots: int, price: int) -> bool:
    """Tell whether what `order` lacks of its own money for `lots` could be had at once."""
    short = _cost(listed, order, lots, price) - order.locked
    if short <= 0:
        return True
    account = state.accounts[order.terms.account]
    holding = funds.accrue_holding(state, account, paying_asset(listed, is_bid=order.is_bid))
    short -= holding.available.atoms
    if holding.lend_scaled:
        return short <= funds.redeemable(state, holding)
    return short <= state.pools[holding.asset].borrowable(state.at_ns)


class Party:
    """One side of a trade, and the fee it pays."""

    __slots__ = ("account", "fee", "fee_asset", "order", "rate_ppm")

    def __init__(self, account: Account, order: Order, rate_ppm: int) -> None:
        self.account = account
        self.order = order
        self.rate_ppm = rate_ppm
        self.fee = 0
        self.fee_asset = ""


def _execute(
    state: State, account: Account, listed: ListedMarket, *, order: Order, maker: Order, lots: int
) -> None:
    book = listed.book
    quote = listed.quote_atoms(maker.price, lots)
    book.trade_id += 1
    book.last_price = maker.price
    book.side(maker.is_bid).reduce(maker, lots)
    taker_side = Party(account, order, listed.market.taker_fee_ppm)
    maker_side = Party(state.accounts[maker.terms.account], maker, listed.market.maker_fee_ppm)
    for party in (taker_side, maker_side):
        party.order.lots_open -= lots
        party.order.executed_lots += lots
        party.order.executed_quote += quote
    buyer, seller = (taker_side, maker_side) if order.is_bid else (maker_side, taker_side)
    state.record.events.append(
        TradeExecuted(
            market=listed.market.symbol,
            trade_id=book.trade_id,
            price_ticks=maker.price,
            lots=lots,
            quote_atoms=quote,
            buyer_order=buyer.order.terms.order_id,
            seller_order=seller.order.terms.order_id,
            buyer_is_maker=buyer is maker_side,
            at_ns=state.at_ns,
        )
    )
    if listed.is_perp:
        _settle_perp(state, listed, buyer=buyer, seller=seller, lots=lots, quote=quote)
    else:
        _settle_spot(state, listed, buyer=buyer, seller=seller, lots=lots, quote=quote)
    for party in (taker_side, maker_side):
        _filled(state, listed, party, lots=lots, quote=quote, price=maker.price)
    if not maker.lots_open:
        book.side(maker.is_bid).remove(maker)
        forget(state, maker_side.account, maker)
    if listed.is_perp:
        shrink_reduce_only(state, account, listed)
        shrink_reduce_only(state, maker_side.account, listed)


def _filled(
    state: State, listed: ListedMarket, party: Party, *, lots: int, quote: int, price: int
) -> None:
    order = party.order
    state.record.events.append(
        OrderFilled(
            terms=order.terms,
            status=OrderStatus.PARTIALLY_FILLED if order.lots_open else OrderStatus.FILLED,
            lots_open=order.lots_open,
            executed_lots=order.executed_lots,
            executed_quote_atoms=order.executed_quote,
            trade_id=listed.book.trade_id,
            price_ticks=price,
            lots=lots,
            quote_atoms=quote,
            fee_atoms=party.fee,
            fee_asset=party.fee_asset,
            is_maker=order.level is not None,
            at_ns=state.at_ns,
        )
    )


# -- spot -------------------------------------------------------------------------------------


def _settle_spot(
    state: State, listed: ListedMarket, *, buyer: Party, seller: Party, lots: int, quote: int
) -> None:
    """Exchange quote for base. Each side's fee is taken from what it gets."""
    base = listed.base_atoms(lots)
    paid_quote = _draw(state, buyer, listed.market.quote, quote)
    paid_base = _draw(state, seller, listed.market.base, base)
    _deliver(state, seller, paid_quote, quote)
    _deliver(state, buyer, paid_base, base)
    for party in (buyer, seller):
        _lessen_loss(party.account, party.order, lots)


def _draw(state: State, party: Party, asset: str, amount: int) -> Holding:
    """Have `amount` locked for the order: its own money first, then redeemed, then borrowed."""
    account, order = party.account, party.order
    holding = account.holding(asset)
    short = amount - order.locked
    if short > 0:
        state.pools[asset].accrue(state.at_ns)
        funds.raise_available(state, holding, short, MovementSource.SPOT_MARGIN)
        funds.lock(state, holding, short)
        order.locked += short
        lessen_borrow(account, order, asset, short)
    order.locked -= amount
    return holding


def _deliver(state: State, party: Party, payer: Holding, amount: int) -> None:
    """Hand `amount` over from what the payer has locked, less the fee, and put it to use."""
    holding = party.account.holding(payer.asset)
    party.fee = fee_of(amount, party.rate_ppm)
    party.fee_asset = payer.asset
    net = amount - party.fee
    if party.fee:
        fees = state.ledger.house_account("fees", payer.asset)
        state.ledger.transfer(payer.locked, fees, party.fee, kind="fee")
    if net:
        state.ledger.transfer(payer.locked, holding.available, net, kind="trade")
        auto_repay, auto_lend = party.order.flags
        funds.credit(state, party.account, holding, net, auto_repay=auto_repay, auto_lend=auto_lend)


def lessen_borrow(account: Account, order: Order, asset: str, amount: int) -> None:
    """Take `amount` off what the order would still borrow."""
    order.borrow -= amount
    left = account.pending_borrow[asset] - amount
    assert order.borrow >= 0 <= left, f"order {order.terms.order_id} borrows more than reserved"
    if left:
        account.pending_borrow[asset] = left
    else:
        del account.pending_borrow[asset]


def _lessen_loss(account: Account, order: Order, lots: int) -> None:
    """Keep the open part's share of what the order may lose, rounded up."""
    if order.loss_micros:
        kept = div_ceil(order.loss_micros * order.lots_open, order.lots_open + lots)
        account.spot_loss_micros -= order.loss_micros - kept
        order.loss_micros = kept


# -- perpetuals -------------------------------------------------------------------------------


def _settle_perp(
    state: State, listed: ListedMarket, *, buyer: Party, seller: Party, lots: int, quote: int
) -> None:
    """Move the two positions by the same lots and quote, and charge each side's fee."""
    clearing = listed.perp_clearing()
    for party, signed in ((buyer, lots), (seller, -lots)):
        position = state.position(party.account, listed)
        order = party.order
        if order.level is not None:
            position.add_order(order, -lots)
            if not order.terms.reduce_only:
                position.order_quote -= quote
        before = position.lots
        after = before + signed
        opens = before == 0 or (after != 0 and (before > 0) != (after > 0))
        position.trade(signed, quote, position_id=state.next_position_id, at_ns=state.at_ns)
        state.next_position_id += opens
        clearing.long_lots += max(position.lots, 0) - max(before, 0)
        party.fee = fee_of(quote, party.rate_ppm)
        party.fee_asset = listed.market.quote
        position.fees += party.fee
        if party.fee:
            _charge_fee(state, party, listed, position)
        state.record.positions[position] = None


def _charge_fee(state: State, party: Party, listed: ListedMarket, position: Position) -> None:
    """Take the fee from available, then from the lend, then by borrowing.

    What cannot be had so is owed in the position: its quote falls, and the house's claim on the
    market's clearing (dust) grows by the same.
    """
    account, rest = party.account, party.fee
    asset = listed.market.quote
    holding = funds.accrue_holding(state, account, asset)
    pool = state.pools[asset]
    short = rest - holding.available.atoms
    if short > 0 and holding.lend_scaled:
        part = min(short, pool.lend_atoms(holding.lend_scaled), pool.cash.atoms)
        if part:
            funds.redeem(state, holding, part, MovementSource.SETTLEMENT)
            short -= part
    if short > 0 and account.auto_borrow_settlements and not holding.lend_scaled:
        part = min(short, pool.cash.atoms)
        if part:
            funds.borrow(state, holding, part, MovementSource.SETTLEMENT)
    paid = min(rest, holding.available.atoms)
    if paid:
        fees = state.ledger.house_account("fees", asset)
        state.ledger.transfer(holding.available, fees, paid, kind="fee")
    if rest > paid:
        position.quote -= rest - paid
        listed.perp_clearing().dust += rest - paid


def shrink_reduce_only(state: State, account: Account, listed: ListedMarket) -> None:
    """Cut resting reduce-only orders, newest first, to what they can still reduce."""
    position = account.positions[listed.market.symbol]
    if not position.reduce_orders:
        return
    newest = next(reversed(position.reduce_orders.values()))
    closes = position.lots < 0 if newest.is_bid else position.lots > 0
    excess = position.reduce_lots - (abs(position.lots) if closes else 0)
    for order in reversed(list(position.reduce_orders.values())):
        if excess <= 0:
            return
        cut = min(excess, order.lots_open)
        excess -= cut
        if cut == order.lots_open:
            expire(state, listed, order, ExpiryReason.REDUCE_ONLY_NOT_REDUCED)
            continue
        listed.book.side(order.is_bid).reduce(order, cut)
        order.lots_open -= cut
        position.add_order(order, -cut)
        state.record.events.append(
            OrderModified(
                terms=order.terms,
                status=OrderStatus.PARTIALLY_FILLED if order.executed_lots else OrderStatus.NEW,
                lots_open=order.lots_open,
                executed_lots=order.executed_lots,
                executed_quote_atoms=order.executed_quote,
            )
        )


# -- resting and ending -----------------------------------------------------------------------


def rest(state: State, account: Account, listed: ListedMarket, order: Order) -> None:
    """Put what is left of an order into the book and into the account's sums."""
    listed.book.side(order.is_bid).add(order)
    terms = order.terms
    state.orders[terms.order_id] = order
    account.orders[terms.order_id] = order
    if terms.client_id is not None:
        account.client_ids[terms.client_id] = order
    if listed.is_perp:
        position = state.position(account, listed)
        position.add_order(order, order.lots_open)
        if not terms.reduce_only:
            position.order_quote += listed.quote_atoms(order.price, order.lots_open)


def forget(state: State, account: Account, order: Order) -> None:
    """Drop an order that has ended from the indexes."""
    terms = order.terms
    del state.orders[terms.order_id]
    del account.orders[terms.order_id]
    if terms.client_id is not None:
        del account.client_ids[terms.client_id]


def release(state: State, account: Account, listed: ListedMarket, order: Order, keep: int) -> None:
    """Free what a spot order holds beyond `keep` atoms: borrowing first, then its own money."""
    asset = paying_asset(listed, is_bid=order.is_bid)
    excess = order.locked + order.borrow - keep
    assert excess >= 0, f"order {order.terms.order_id} holds too little"
    unborrowed = min(excess, order.borrow)
    if unborrowed:
        lessen_borrow(account, order, asset, unborrowed)
    freed = excess - unborrowed
    if freed:
        order.locked -= freed
        funds.unlock(state, account, account.holding(asset), freed)
    if keep == 0:
        account.spot_loss_micros -= order.loss_micros
        order.loss_micros = 0


def reserve_of(listed: ListedMarket, order: Order) -> int:
    """Return what a spot order must hold or be able to borrow for its open lots, in atoms."""
    return _cost(listed, order, order.lots_open, order.price)


def withdraw_order(state: State, listed: ListedMarket, order: Order) -> None:
    """Take a resting order out of the book and free all that it held."""
    account = state.accounts[order.terms.account]
    listed.book.side(order.is_bid).remove(order)
    forget(state, account, order)
    lots = order.lots_open
    order.lots_open = 0
    if listed.is_perp:
        position = account.positions[listed.market.symbol]
        position.add_order(order, -lots)
        if not order.terms.reduce_only:
            position.order_quote -= listed.quote_atoms(order.price, lots)
    else:
        release(state, account, listed, order, keep=0)


def expire(state: State, listed: ListedMarket, order: Order, reason: ExpiryReason) -> None:
    """End a resting order for a reason of the engine's."""
    withdraw_order(state, listed, order)
    state.record.events.append(
        OrderExpired(
            terms=order.terms,
            executed_lots=order.executed_lots,
            executed_quote_atoms=order.executed_quote,
            reason=reason,
        )
    )


def cancel(state: State, listed: ListedMarket, order: Order) -> OrderCancelled:
    """End a resting order for its owner, and return the event; the caller records it."""
    withdraw_order(state, listed, order)
    return OrderCancelled(
        terms=order.terms,
        executed_lots=order.executed_lots,
        executed_quote_atoms=order.executed_quote,
    )
