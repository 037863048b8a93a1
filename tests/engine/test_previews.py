"""Previews of orders: accepted as the order is, filled as it is, and no trace is left.

The state machine compares every order of its own with its preview (tests/engine/machine.py).
"""

import pickle
from typing import Any

import pytest

from engine import commands as c
from engine import questions as q
from engine import vocabulary as v
from engine.catalog import MarketState
from engine.kinds import OrderStatus
from engine.rehearsal import MOST_MET
from engine.rejects import ExpiryReason, Reject
from engine.units import AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, Exchange, limit
from tests.engine.foresight import compare, risk

PERP = "SOL_USDC_PERP"
SPOT = "SOL_USDC"


def preview(exchange: Exchange, order: c.PlaceOrder) -> q.AnyAnswer:
    """Ask, and look at everything there is before and after: nothing may have changed."""
    before = pickle.dumps(exchange.engine.state)
    answer = exchange.engine.ask(q.PreviewOrder(order=order), at_ns=exchange.at_ns)
    assert pickle.dumps(exchange.engine.state) == before, f"{order} left a trace"
    return answer


def foreseen(exchange: Exchange, order: c.PlaceOrder) -> q.OrderPreview:
    """Return the preview of an order, after placing it and comparing the two."""
    told = preview(exchange, order)
    assert isinstance(told, q.OrderPreview)
    events = exchange.apply(order)
    compare(told, order, events, risk(exchange.engine, order.account, exchange.at_ns))
    return told


def market(side: v.Side, lots: int, symbol: str = PERP, **terms: Any) -> c.PlaceOrder:
    return c.PlaceOrder(
        account=ALICE, market=symbol, side=side, type=v.OrderType.MARKET, lots=lots, **terms
    )


def at(side: v.Side, lots: int, price: int, symbol: str = PERP, **terms: Any) -> c.PlaceOrder:
    return limit(ALICE, side, lots=lots, price_ticks=price, market=symbol, **terms)


@pytest.fixture
def exchange() -> Exchange:
    """Carol lends, and quotes both markets in two steps; alice has a thousand dollars."""
    made = Exchange()
    made.deposit(CAROL, "USDC", 1_000_000 * 10**6)
    made.deposit(CAROL, "SOL", 10_000 * 10**9)
    for asset, atoms in (("USDC", 500_000 * 10**6), ("SOL", 5_000 * 10**9)):
        made.accept(c.Lend(account=CAROL, asset=asset, amount_atoms=atoms))
    for symbol in (SPOT, PERP):
        made.limit(CAROL, ASK, 300, 10_010, symbol)
        made.limit(CAROL, ASK, 10_000, 10_100, symbol)
        made.limit(CAROL, BID, 300, 9_990, symbol)
        made.limit(CAROL, BID, 10_000, 9_900, symbol)
    made.deposit(ALICE, "USDC", 1_000 * 10**6)
    made.accept(c.UpdatePrices(prices_e8={"SOL": 100 * 10**8}))
    return made


def test_a_market_order_in_numbers_that_can_be_told_by_hand(exchange: Exchange) -> None:
    told = foreseen(exchange, market(BID, 1_000))
    assert told.status is OrderStatus.FILLED
    # 3 SOL at 100.10 and 7 at 101.00; a fee of 0.05 % of each trade.
    assert told.executed_quote_atoms == 1_007_300_000
    assert (told.average_e8, told.worst_ticks) == (10_073_000_000, 10_100)
    assert (told.reference_e8, told.slippage_ppm) == (100 * 10**8, 7_300)
    assert (told.fee_asset, told.fee_atoms) == ("USDC", 150_150 + 353_500)
    assert (told.resting_lots, told.filled, told.borrowed) == (0, None, {})
    before, after = told.before, told.after
    assert after is not None
    assert (before.lots, before.figures.exposure_micros, before.liquidation_e8) == (0, 0, None)
    assert before.figures.free_micros == 1_000 * 10**6
    # Ten SOL at the mark of 100, whose initial margin is a twentieth.
    assert (after.lots, after.figures.exposure_micros) == (1_000, 1_000 * 10**6)
    assert after.figures.equity_micros == 1_000 * 10**6 - 7_300_000 - 503_650
    assert after.figures.free_micros == after.figures.equity_micros - 50 * 10**6
    # 1,000 − 0.50365 + 10 p − 1,007.30 = 1.35 % × 10 p
    assert after.liquidation_e8 == after.lower_e8 == 79_104_409


def test_an_order_that_rests_says_where_it_leads_once_it_has_filled(exchange: Exchange) -> None:
    told = preview(exchange, at(BID, 5_000, 10_050))
    assert isinstance(told, q.OrderPreview)
    assert (told.executed_lots, told.resting_lots) == (300, 4_700)
    assert told.status is OrderStatus.PARTIALLY_FILLED
    assert told.after is not None
    assert told.filled is not None
    assert (told.after.lots, told.filled.lots) == (300, 5_000)
    foreseen(exchange, at(BID, 5_000, 10_050))
    # A stranger comes and takes it all, at its price.
    exchange.deposit(DAVE, "USDC", 10**12)
    exchange.limit(DAVE, ASK, 4_700, 10_050, PERP)
    real = risk(exchange.engine, ALICE, exchange.at_ns)
    assert told.filled.figures == real.figures
    assert told.filled.liquidation_e8 == real.positions[0].liquidation_e8


def test_a_spot_order_says_what_it_borrows_now_and_what_it_may_borrow_yet(
    exchange: Exchange,
) -> None:
    told = foreseen(exchange, market(BID, 1_200, SPOT, auto_borrow=True))
    assert set(told.borrowed) == {"USDC"}
    assert told.borrowed["USDC"] > 200 * 10**6
    assert told.after is not None
    assert told.after.lower_e8 is not None, "a debt of dollars against SOL"
    assert told.after.liquidation_e8 == told.after.lower_e8
    # What comes in pays the debt.
    back = foreseen(exchange, market(ASK, 200, SPOT))
    assert set(back.repaid) == {"USDC"}
    rests = foreseen(exchange, at(ASK, 2_000, 10_200, SPOT, auto_borrow=True))
    assert (rests.resting_lots, rests.borrowed) == (2_000, {})
    assert rests.to_borrow_atoms > 0
    assert rests.filled is not None


ACCEPTED: dict[str, tuple[c.PlaceOrder, OrderStatus, ExpiryReason | None]] = {
    "post-only that would take": (
        at(BID, 10, 10_010, post_only=True),
        OrderStatus.EXPIRED,
        ExpiryReason.POST_ONLY_TAKER,
    ),
    "fill-or-kill that cannot": (
        at(BID, 301, 10_010, time_in_force=v.TimeInForce.FOK),
        OrderStatus.EXPIRED,
        ExpiryReason.FILL_OR_KILL,
    ),
    "immediate, in part": (
        at(BID, 301, 10_010, time_in_force=v.TimeInForce.IOC),
        OrderStatus.EXPIRED,
        ExpiryReason.IMMEDIATE_OR_CANCEL,
    ),
    "more than the book has": (
        market(BID, 11_000, conditions=v.Conditions(slippage=v.Slippage(ticks=200))),
        OrderStatus.EXPIRED,
        ExpiryReason.INSUFFICIENT_LIQUIDITY,
    ),
    "with exits": (
        market(
            BID,
            10,
            conditions=v.Conditions(take_profit=v.Exit(11_000), stop_loss=v.Exit(9_500)),
        ),
        OrderStatus.FILLED,
        None,
    ),
    "by what it costs": (
        c.PlaceOrder(
            account=ALICE,
            market=PERP,
            side=ASK,
            type=v.OrderType.MARKET,
            quote_atoms=400 * 10**6,
        ),
        OrderStatus.FILLED,
        None,
    ),
    "one that waits": (
        market(ASK, 10, conditions=v.Conditions(trigger=v.Trigger(9_000, v.TriggerBy.MARK))),
        OrderStatus.TRIGGER_PENDING,
        None,
    ),
    "one that rests": (at(BID, 10, 9_500, client_id=7), OrderStatus.NEW, None),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_accepted_is_told_with_how_it_ends(exchange: Exchange, case: str) -> None:
    order, status, reason = ACCEPTED[case]
    exchange.deposit(ALICE, "USDC", 10_000 * 10**6)
    told = foreseen(exchange, order)
    assert (told.status, told.reason) == (status, reason)


REFUSED: dict[str, tuple[c.PlaceOrder, Reject]] = {
    "no margin": (at(BID, 25_000, 10_000), Reject.INSUFFICIENT_MARGIN),
    "no money": (market(BID, 1_000, SPOT), Reject.INSUFFICIENT_FUNDS),
    "nothing to reduce": (market(BID, 1, reduce_only=True), Reject.REDUCE_ONLY_NOT_REDUCED),
    "far away": (at(BID, 1, 1), Reject.PRICE_OUT_OF_BAND),
    "nothing": (market(BID, 0), Reject.INVALID_QUANTITY),
    "less than nothing": (market(BID, -5), Reject.INVALID_QUANTITY),
    "no quantity": (
        c.PlaceOrder(account=ALICE, market=PERP, side=BID, type=v.OrderType.MARKET),
        Reject.INVALID_ORDER,
    ),
    "huge": (at(BID, 2**62, 10_010), Reject.QUANTITY_TOO_LARGE),
    "two prices": (at(BID, 1, -1), Reject.INVALID_PRICE),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_told_in_the_same_words(exchange: Exchange, case: str) -> None:
    order, code = REFUSED[case]
    told = foreseen(exchange, order)
    assert told.refusal is not None
    assert told.refusal.code is code
    assert (told.after, told.filled, told.status) == (None, None, None)


def test_a_shut_market_an_auction_and_a_liquidation_are_told(exchange: Exchange) -> None:
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.CLOSED))
    told = foreseen(exchange, market(BID, 1))
    assert told.refusal is not None
    assert told.refusal.code is Reject.MARKET_CLOSED
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.OPEN))
    exchange.market(ALICE, BID, PERP, lots=1_900)
    for _ in range(4):
        exchange.wait(1)
        exchange.prices(SOL=45 * 10**8, USDC=10**8, BTC=50_000 * 10**8)
    told = foreseen(exchange, market(ASK, 1))
    assert told.refusal is not None
    assert told.refusal.code is Reject.ACCOUNT_LIQUIDATING


def test_own_orders_in_the_way_and_those_that_close_are_ended_as_they_will_be(
    exchange: Exchange,
) -> None:
    exchange.market(ALICE, BID, PERP, lots=200)
    # Her own ask comes first; her reduce-only ask far away shrinks with what she sells.
    exchange.limit(ALICE, ASK, 50, 10_005, PERP)
    exchange.limit(ALICE, ASK, 150, 10_500, PERP, reduce_only=True)
    exchange.limit(ALICE, BID, 20, 9_995, PERP)
    for prevention in v.SelfTradePrevention:
        foreseen(exchange, market(BID, 40, self_trade_prevention=prevention))
    foreseen(exchange, market(ASK, 150, self_trade_prevention=v.REJECT_MAKER))
    assert exchange.engine.state.accounts[ALICE].positions[PERP].reduce_lots < 150


def test_makers_who_cannot_pay_are_passed_over_one_after_the_other(exchange: Exchange) -> None:
    """Two orders of bob's could borrow: the first takes what the second would have needed."""
    exchange.deposit(BOB, "USDC", 50_000 * 10**6)
    exchange.limit(BOB, ASK, 20_000, 10_001, SPOT, auto_borrow=True)
    exchange.limit(BOB, ASK, 20_000, 10_002, SPOT, auto_borrow=True)
    exchange.deposit(DAVE, "USDC", 10**12)
    most = exchange.engine.state.pools["SOL"].borrowable(exchange.at_ns)
    exchange.accept(c.Borrow(account=DAVE, asset="SOL", amount_atoms=most - 250 * 10**9))
    exchange.deposit(ALICE, "USDC", 100_000 * 10**6)
    told = foreseen(exchange, market(BID, 40_000, SPOT))
    assert 0 < told.executed_lots < 40_000


def test_a_book_of_very_many_orders_is_not_walked_to_its_end(exchange: Exchange) -> None:
    for _ in range(MOST_MET):
        exchange.limit(CAROL, ASK, 1, 10_005, PERP)
    for lots, answer in ((MOST_MET + 50, q.Unanswerable), (MOST_MET - 1, q.OrderPreview)):
        question = q.PreviewOrder(order=market(BID, lots))
        told = exchange.engine.ask(question, at_ns=exchange.at_ns)
        assert isinstance(told, answer)
        if isinstance(told, q.Unanswerable):
            assert told.why.code is Reject.PREVIEW_TOO_LARGE
        elif isinstance(told, q.OrderPreview):
            assert told.executed_lots == lots


def test_a_question_about_nobody_or_nowhere_says_so(exchange: Exchange) -> None:
    for order, code in (
        (limit(AccountId(9), BID, lots=1, price_ticks=1), Reject.UNKNOWN_ACCOUNT),
        (limit(ALICE, BID, lots=1, price_ticks=1, market="NONE"), Reject.UNKNOWN_MARKET),
    ):
        told = preview(exchange, order)
        assert isinstance(told, q.Unanswerable)
        assert told.why.code is code


def test_a_slice_of_a_strategy_is_met_as_it_will_be(exchange: Exchange) -> None:
    strategy = c.CreateStrategy(
        account=CAROL,
        market=PERP,
        side=ASK,
        lots=100,
        duration_ms=10_000,
        interval_ms=1_000,
        price_ticks=10_003,
    )
    exchange.accept(strategy)
    exchange.advance()
    told = foreseen(exchange, market(BID, 50))
    assert told.executed_lots == 50
    (running,) = exchange.engine.state.strategies.values()
    assert running.executed_lots > 0, "it has met the slice"
