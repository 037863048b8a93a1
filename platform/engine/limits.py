"""The largest quantities that an account may borrow, order, transfer and withdraw now: exact.

Nothing is estimated: the checks of the handlers themselves are asked, about one quantity after the
other, on a private copy of the account. The largest is accepted, and one step more is refused.
"""

from engine import funds
from engine.allowances import loss_refusal, spending_refusal
from engine.answers import rejected, unanswerable
from engine.book import Order
from engine.commands import Borrow, Command, PlaceOrder, RequestWithdrawal, TransferFunds
from engine.copies import Supposed, suppose
from engine.cover import member_refusal, perp_refusal, spot_refusal, uncount
from engine.gate import gate_refusal
from engine.intake import impact_price, intake_refusal, lots_bound, reach_of
from engine.ladder import Ladder
from engine.lending import borrow_refusal
from engine.listed_market import ListedMarket
from engine.matching import Sweep, own_across
from engine.orders import order_of
from engine.outflow import largest_gift, take_out_refusal
from engine.questions import (
    AnyAnswer,
    MaxAmount,
    MaxBorrow,
    MaxLots,
    MaxOrder,
    MaxTransfer,
    MaxWithdrawal,
    Unanswerable,
)
from engine.rejects import Reject
from engine.resting import paying_asset
from engine.search import bisect, largest_of
from engine.state import State
from engine.transfers import Pair, destination_refusal, pair_of
from engine.units import MAX_ATOMS
from engine.vocabulary import BID, LIMIT, OrderType


def max_borrow(state: State, question: MaxBorrow, at_ns: int) -> AnyAnswer:
    """Return the largest amount that `lending.borrow` would lend."""
    least = Borrow(account=question.account, asset=question.asset, amount_atoms=1)
    supposed = _supposed(state, question, least, at_ns)
    if isinstance(supposed, Unanswerable):
        return supposed
    copy, account = supposed
    funds.accrue_account(copy, account)
    holding = funds.accrue_holding(copy, account, question.asset)
    actor, asset = question.actor, question.asset
    room = copy.pools[asset].borrowable(at_ns)

    def accepts(amount: int) -> bool:
        return not (
            spending_refusal(copy, account, actor, {asset: amount})
            or borrow_refusal(copy, account, holding, amount)
        )

    return MaxAmount(amount_atoms=largest_of(accepts, min(room, MAX_ATOMS)))


def max_withdrawal(state: State, question: MaxWithdrawal, at_ns: int) -> AnyAnswer:
    """Return the largest amount that `treasury.request_withdrawal` would let go."""
    least = RequestWithdrawal(
        account=question.account, asset=question.asset, amount_atoms=1, withdrawal=0
    )
    supposed = _supposed(state, question, least, at_ns)
    if isinstance(supposed, Unanswerable):
        return supposed
    copy, account = supposed
    redeem, borrow = question.auto_lend_redeem, question.auto_borrow
    actor, asset = question.actor, question.asset
    funds.accrue_account(copy, account)
    holding = funds.accrue_holding(copy, account, question.asset)
    redeemed = funds.redeemable(copy, holding) if redeem else 0
    most = holding.available.atoms + redeemed
    if borrow:
        most += copy.pools[question.asset].borrowable(at_ns, redeemed_atoms=redeemed)

    def accepts(amount: int) -> bool:
        return not (
            spending_refusal(copy, account, actor, {asset: amount})
            or take_out_refusal(copy, account, holding, amount, redeem=redeem, borrow=borrow)
        )

    return MaxAmount(amount_atoms=largest_of(accepts, min(most, MAX_ATOMS)))


def max_transfer(state: State, question: MaxTransfer, at_ns: int) -> AnyAnswer:
    """Return the largest amount that `transfers.transfer_funds` would move."""
    least = TransferFunds(
        source=question.account,
        destination=question.destination,
        asset=question.asset,
        amount_atoms=1,
    )
    supposed = _supposed(state, question, least, at_ns)
    if isinstance(supposed, Unanswerable):
        return supposed
    pair = pair_of(state, question.account, question.destination)
    if not isinstance(pair, Pair):
        return unanswerable(pair)
    refusal = destination_refusal(pair)
    if refusal:
        return unanswerable(refusal)
    copy, account = supposed
    funds.accrue_account(copy, account)
    holding = funds.accrue_holding(copy, account, question.asset)
    actor, asset = question.actor, question.asset
    most = largest_gift(copy, account, holding, MAX_ATOMS)

    def accepts(amount: int) -> bool:
        return not spending_refusal(copy, account, actor, {asset: amount})

    return MaxAmount(amount_atoms=largest_of(accepts, most))


def max_order(state: State, question: MaxOrder, at_ns: int) -> AnyAnswer:
    """Return the largest quantity that `orders.place_order` would accept.

    For a reduce-only order it is what closes all that can be closed.
    """
    live = state.accounts.get(question.account)
    if live is None:
        return _unknown_account(question.account)
    listed = state.markets.get(question.market)
    if listed is None:
        return unanswerable(
            rejected(Reject.UNKNOWN_MARKET, f"there is no market {question.market}")
        )
    market = listed.market
    supposed = suppose(
        state, live, at_ns=at_ns, assets=(market.base, market.quote), market=market.symbol
    )
    copy, account = supposed
    listed = copy.markets[question.market]
    command = _order_command(question, market.max_lots if question.reduce_only else market.min_lots)
    refusal = gate_refusal(state, command)
    if question.actor and not refusal:
        refusal = loss_refusal(copy, question)
    refusal = refusal or intake_refusal(copy, account, listed, command)
    if refusal:
        return unanswerable(refusal)
    price = question.price_ticks
    if price is None:
        price = impact_price(copy, listed, question.side)
        if price is None or not listed.book.crosses(price, is_bid=question.side is BID):
            return unanswerable(
                rejected(
                    Reject.NO_PRICE,
                    f"{market.symbol} has no offer that a market order may take; name a price",
                )
            )
    if question.reduce_only:
        closes = lots_bound(account, listed, command, price=price)
        return MaxLots(lots=max(closes, market.min_lots) if closes > 0 else 0)
    order = order_of(copy, account, command, price=price, lots=market.min_lots)
    return MaxLots(lots=_Trial(supposed, listed, order).largest())


def _order_command(question: MaxOrder, lots: int) -> PlaceOrder:
    return PlaceOrder(
        account=question.account,
        market=question.market,
        side=question.side,
        type=OrderType.MARKET if question.price_ticks is None else LIMIT,
        price_ticks=question.price_ticks,
        lots=lots,
        reduce_only=question.reduce_only,
        auto_lend_redeem=question.auto_lend_redeem,
        auto_borrow=question.auto_borrow,
        auto_borrow_repay=question.auto_borrow_repay,
        actor=question.actor,
    )


class _Trial:
    """One order, tried in different sizes."""

    def __init__(self, supposed: Supposed, listed: ListedMarket, order: Order) -> None:
        self._state, self._account = supposed
        self._listed = listed
        self._order = order
        self._rests = order.terms.type is LIMIT
        crosses = listed.book.crosses(order.price, is_bid=order.is_bid)
        takes = (crosses and not listed.auction_ns) or not self._rests
        if takes and self._rests:
            order.reach = reach_of(self._state, listed, order)
        self._ladder = Ladder(self._state, listed, order) if takes else None
        # In an auction an order that would meet an own one ends at once, in every size.
        self._ends = bool(listed.auction_ns and crosses and own_across(listed, order))

    def largest(self) -> int:
        """Return the largest number of lots that is accepted, 0 if none is."""
        market = self._listed.market
        low, most = market.min_lots, market.max_lots
        if self._order.terms.actor:
            most = largest_of(self._is_within, most)
            if most < low:
                return 0
        balancing = min(self._balancing_lots(), most)
        if low < balancing <= most and self.accepts(balancing):
            # An account short of margin may take so much where it may not take less.
            low = balancing
        elif not self.accepts(low):
            return 0
        step = low
        while low < most:
            probe = min(most, low + step)
            if not self.accepts(probe):
                return bisect(self.accepts, low, probe)
            low, step = probe, 2 * step
        return low

    def _balancing_lots(self) -> int:
        """Return what, taken, leaves a position that open orders could make least of."""
        position = self._account.positions.get(self._listed.market.symbol)
        if position is None:
            return 0
        excess = 2 * position.lots + position.bids.lots - position.asks.lots
        return (-excess if self._order.is_bid else excess) // 2

    def accepts(self, lots: int) -> bool:
        """Tell whether the order would be accepted in this size."""
        order, account, listed = self._order, self._account, self._listed
        if self._ends:
            return True
        taken, resting = self._parts(lots)
        cover = perp_refusal if listed.is_perp else spot_refusal
        if cover(self._state, account, listed, order, taken=taken, resting=resting):
            return False
        if not listed.is_perp:
            uncount(account, order, paying_asset(listed, is_bid=order.is_bid))
        elif taken is None:
            account.positions[listed.market.symbol].add_order(order, -resting)
        return True

    def _is_within(self, lots: int) -> bool:
        """Tell whether who asks may spend what the order comes to in this size."""
        if self._ends:
            return True
        taken, resting = self._parts(lots)
        return not member_refusal(
            self._state, self._account, self._listed, self._order, taken=taken, resting=resting
        )

    def _parts(self, lots: int) -> tuple[Sweep | None, int]:
        """Have the order be of this size; return what it takes, and how many lots rest."""
        self._order.lots_open = lots
        if self._ladder is None:
            return None, lots
        taken = self._ladder.taken(lots)
        return taken, lots - taken.lots if self._rests and not taken.stopped else 0


def _supposed(
    state: State, question: MaxBorrow | MaxTransfer | MaxWithdrawal, least: Command, at_ns: int
) -> Supposed | Unanswerable:
    """Return a copy in which the account may be asked, unless even the `least` would be refused."""
    account = state.accounts.get(question.account)
    if account is None:
        return _unknown_account(question.account)
    if question.asset not in state.assets:
        return unanswerable(rejected(Reject.UNKNOWN_ASSET, f"there is no asset {question.asset}"))
    refusal = gate_refusal(state, least)
    if refusal:
        return unanswerable(refusal)
    supposed = suppose(state, account, at_ns=at_ns, assets=(question.asset,))
    refusal = loss_refusal(supposed.state, question) if question.actor else ()
    return unanswerable(refusal) if refusal else supposed


def _unknown_account(account: int) -> Unanswerable:
    return unanswerable(rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {account}"))
