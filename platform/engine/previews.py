"""What would become of an order, and how its account would stand then: exact.

The order is placed by the handler itself, on a private exchange (`engine/rehearsal.py`).
"""

import msgspec

from engine import funds, matching
from engine.allowances import loss_refusal
from engine.answers import rejected, unanswerable
from engine.book import Order
from engine.events import BorrowLendMoved, CommandRejected, Event
from engine.gate import gate_refusal
from engine.kinds import BorrowLendKind, OrderStatus
from engine.listed_market import ListedMarket
from engine.maintenance import maintenance
from engine.order_events import OrderFilled, OrderPlaced, TriggerPlaced
from engine.orders import place_order
from engine.outlook import (
    figures,
    liquidation_e8,
    safe_prices,
    unknown_account,
)
from engine.questions import AnyAnswer, OrderPreview, Outlook, PreviewOrder
from engine.rehearsal import MOST_MET, Stage, stage
from engine.rejects import Reject
from engine.resting import cost_of, paying_asset
from engine.state import Account, State
from engine.units import PPM, AccountId, OrderId, div_ceil
from engine.vocabulary import BID, Side

# Who takes, in the preview, what an order leaves in the book.
_STRANGER = AccountId(0)
_AMPLE = 10**30


def preview_order(state: State, question: PreviewOrder, at_ns: int) -> AnyAnswer:
    """Return what `orders.place_order` would do, and how the account would stand after it."""
    order = question.order
    live = state.accounts.get(order.account)
    if live is None:
        return unanswerable(unknown_account(order.account))
    if order.market not in state.markets:
        return unanswerable(rejected(Reject.UNKNOWN_MARKET, f"there is no market {order.market}"))
    staged = stage(state, live, order, at_ns=at_ns)
    if staged is None:
        return unanswerable(
            rejected(
                Reject.PREVIEW_TOO_LARGE,
                f"the order could meet more than {MOST_MET} others; ask about a smaller one",
            )
        )
    before = _outlook(staged)
    reference_e8 = staged.state.reference_e8(staged.listed)
    answer = gate_refusal(state, order)
    if order.actor and not answer:
        answer = loss_refusal(staged.state, order)
    answer = answer or place_order(staged.state, order)
    placed = answer[0]
    if isinstance(placed, CommandRejected):
        return OrderPreview(refusal=placed, reference_e8=reference_e8, before=before)
    assert isinstance(placed, OrderPlaced | TriggerPlaced), f"{placed} answers no order"
    events = staged.state.record.events
    fills = [one for one in events if isinstance(one, OrderFilled) and not one.is_maker]
    traded = placed if isinstance(placed, OrderPlaced) else None
    lots = 0 if traded is None else traded.executed_lots
    mean_e8 = _mean_e8(staged.listed, fills, lots) if lots else None
    after = _outlook(staged)
    rests = staged.account.orders.get(placed.terms.order_id)
    return OrderPreview(
        status=OrderStatus.TRIGGER_PENDING if traded is None else traded.status,
        reason=None if traded is None else traded.reason,
        executed_lots=lots,
        executed_quote_atoms=0 if traded is None else traded.executed_quote_atoms,
        resting_lots=0 if rests is None else rests.lots_open,
        worst_ticks=fills[-1].price_ticks if fills else None,
        average_e8=mean_e8,
        reference_e8=reference_e8,
        slippage_ppm=_slippage_ppm(mean_e8, reference_e8, order.side),
        fee_asset=fills[0].fee_asset if fills else None,
        fee_atoms=sum(one.fee_atoms for one in fills),
        borrowed=_moved(events, order.account, BorrowLendKind.BORROW),
        repaid=_moved(events, order.account, BorrowLendKind.REPAY),
        to_borrow_atoms=0 if rests is None else rests.borrow,
        before=before,
        after=after,
        filled=None if rests is None else _filled(staged, rests),
    )


def _outlook(staged: Stage) -> Outlook:
    state, account, listed = staged
    funds.accrue_account(state, account)
    found = maintenance(state, account)
    market = listed.market
    ends = safe_prices(state, account, market.base, found)
    position = account.positions.get(market.symbol)
    lots = 0 if position is None else position.lots
    if listed.is_perp:
        liquidated_at = liquidation_e8(state, listed, ends, lots=lots)
    else:
        owes = any(risk.key == f"debt:{market.base}" for risk in found.risks)
        liquidated_at = ends.upper_e8 if owes else ends.lower_e8
    return Outlook(
        figures=figures(state, account, found),
        lots=lots,
        entry_quote_atoms=0 if position is None else position.entry_quote,
        mark_e8=state.reference_e8(listed),
        lower_e8=ends.lower_e8,
        upper_e8=ends.upper_e8,
        liquidation_e8=liquidated_at,
    )


def _filled(staged: Stage, rests: Order) -> Outlook | None:
    """Have a stranger take all that rests of an order; None if it could not pay for that now."""
    state, _, listed = staged
    lots, price = rests.lots_open, rests.price
    if rests.borrow and not matching.can_pay(state, listed, rests, lots, price):
        return None
    stranger = state.accounts[_STRANGER] = Account(_STRANGER, _STRANGER)
    terms = msgspec.structs.replace(
        rests.terms,
        account=_STRANGER,
        order_id=OrderId(state.next_order_id),
        side=Side.ASK if rests.is_bid else Side.BID,
        conditions=None,
        client_id=None,
    )
    taker = Order(terms, owner=_STRANGER, price=price, lots_open=lots)
    holding = stranger.holding(paying_asset(listed, is_bid=taker.is_bid))
    if listed.is_perp:
        stranger.holding(listed.market.quote).available.atoms = _AMPLE
    else:
        holding.locked.atoms = taker.locked = cost_of(listed, taker, lots, price)
    matching.execute(state, stranger, listed, order=taker, maker=rests, lots=lots)
    return _outlook(staged)


def _mean_e8(listed: ListedMarket, fills: list[OrderFilled], lots: int) -> int:
    """Return the mean price of fills in quote × 1e8, rounded against who took."""
    ticks = sum(one.price_ticks * one.lots for one in fills) * listed.market.tick_e8
    return div_ceil(ticks, lots) if fills[0].terms.side is BID else ticks // lots


def _slippage_ppm(mean_e8: int | None, reference_e8: int, side: Side) -> int | None:
    """Return how much worse a mean price is than the reference, rounded up."""
    if mean_e8 is None or not reference_e8:
        return None
    worse = mean_e8 - reference_e8 if side is BID else reference_e8 - mean_e8
    return div_ceil(worse * PPM, reference_e8)


def _moved(events: list[Event], account: AccountId, kind: BorrowLendKind) -> dict[str, int]:
    """Return what an account has borrowed or repaid, in atoms by asset."""
    moved: dict[str, int] = {}
    for one in events:
        if isinstance(one, BorrowLendMoved) and one.account == account and one.kind is kind:
            moved[one.asset] = moved.get(one.asset, 0) + one.amount_atoms
    return moved
