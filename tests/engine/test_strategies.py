"""Scheduled strategies: each refusal once, slices by hand, and what ends them."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import vocabulary as v
from engine.catalog import MarketState
from engine.engine import Engine
from engine.invariants import check
from engine.kinds import OrderStatus, StrategyStatus
from engine.rejects import ExpiryReason, Reject
from engine.schedule import Work
from engine.snapshot import digest, dump_state, load_state
from engine.strategies import MAX_STRATEGIES
from engine.units import AccountId, OrderId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, Exchange
from tests.engine.listings import SOL_PERP, SOL_USDC

SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
SLIPPAGE = v.Slippage(ppb=10_000_000)
# 1 SOL in ten seconds: ten orders of 10 lots.
PLAN = c.CreateStrategy(
    account=ALICE, market=SPOT, side=BID, lots=100, duration_ms=10_000, interval_ms=1_000
)


def offered(*, min_lots: int = 1, max_lots: int = 5_000, ask_lots: int = 5_000) -> Exchange:
    """Alice and Bob have money; Bob offers SOL at 100.00 on both markets, and bids 99.00."""
    sizes = {"min_lots": min_lots, "max_lots": max_lots}
    exchange = Exchange(markets=(replace(SOL_USDC, **sizes), replace(SOL_PERP, **sizes)))
    for account in (ALICE, BOB):
        exchange.deposit(account, "USDC", 100_000 * 10**6)
        exchange.deposit(account, "SOL", 100 * 10**9)
    for market in (SPOT, PERP):
        exchange.limit(BOB, ASK, ask_lots, 10_000, market)
        exchange.limit(BOB, BID, 5_000, 9_900, market)
    return exchange


def start(exchange: Exchange, **changes: Any) -> OrderId:
    """Create a strategy, let the first slice happen, and return its id."""
    created = exchange.accept(replace(PLAN, **changes))
    assert isinstance(created, oe.StrategyCreated)
    exchange.advance()
    return created.terms.strategy_id


def tick(exchange: Exchange, seconds: int = 1) -> list[e.Event]:
    exchange.wait(seconds)
    events = exchange.advance()
    check(exchange.engine.state)
    return events


def placed(events: list[e.Event]) -> list[int | None]:
    return [event.terms.lots for event in events if isinstance(event, oe.OrderPlaced)]


def last(events: list[e.Event]) -> oe.StrategyChanged:
    return [event for event in events if isinstance(event, oe.StrategyChanged)][-1]


def all_slices(exchange: Exchange, seconds: int, **changes: Any) -> list[list[int | None]]:
    """Return the lots placed in each second of a strategy, the first at its creation."""
    exchange.accept(replace(PLAN, **changes))
    return [placed(exchange.advance()), *(placed(tick(exchange)) for _ in range(seconds))]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": AccountId(9_999), "market": "XRP_USDC"}, Reject.UNKNOWN_ACCOUNT),
        ({"market": "XRP_USDC", "lots": 0}, Reject.UNKNOWN_MARKET),
        ({"interval_ms": 999, "lots": 0}, Reject.INVALID_STRATEGY),
        ({"interval_ms": 0}, Reject.INVALID_STRATEGY),
        ({"duration_ms": 999}, Reject.INVALID_STRATEGY),
        ({"duration_ms": 7 * 86_400_000 + 1}, Reject.INVALID_STRATEGY),
        ({"lots": 0, "price_ticks": 0}, Reject.INVALID_QUANTITY),
        ({"lots": -5}, Reject.INVALID_QUANTITY),
        ({"lots": 1}, Reject.QUANTITY_TOO_SMALL),
        ({"lots": 50_001}, Reject.QUANTITY_TOO_LARGE),
        ({"price_ticks": 0}, Reject.INVALID_PRICE),
        ({"price_ticks": 20_001}, Reject.PRICE_OUT_OF_BAND),
        ({"post_only": True}, Reject.INVALID_ORDER),
        ({"price_ticks": 9_000, "slippage": SLIPPAGE}, Reject.INVALID_ORDER),
        ({"slippage": v.Slippage()}, Reject.INVALID_ORDER),
        ({"reduce_only": True}, Reject.INVALID_ORDER),
        ({"client_id": 2**32}, Reject.INVALID_STRATEGY),
        ({"client_id": 7}, Reject.DUPLICATE_CLIENT_ID),
    ],
    ids=str,
)
def test_create_strategy_refuses(changes: dict[str, Any], code: Reject) -> None:
    exchange = offered(min_lots=2)
    start(exchange, client_id=7)
    assert exchange.refuse(replace(PLAN, **changes)) is code


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (MarketState.CLOSED, Reject.MARKET_CLOSED),
        (MarketState.CANCEL_ONLY, Reject.MARKET_CANCEL_ONLY),
        (MarketState.LIMIT_ONLY, Reject.MARKET_LIMIT_ONLY),
        (MarketState.POST_ONLY, Reject.MARKET_POST_ONLY),
    ],
)
def test_a_market_which_takes_no_such_order_takes_no_strategy(
    state: MarketState, code: Reject
) -> None:
    exchange = offered()
    exchange.accept(c.SetMarketState(market=SPOT, state=state))
    assert exchange.refuse(PLAN) is code


def test_at_most_so_many_strategies_run() -> None:
    exchange = offered()
    for _ in range(MAX_STRATEGIES):
        start(exchange)
    assert exchange.refuse(PLAN) is Reject.STRATEGY_LIMIT
    ended = exchange.accept(c.CancelAllStrategies(account=ALICE))
    assert len(ended.strategies) == MAX_STRATEGIES
    start(exchange)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": AccountId(9_999)}, Reject.UNKNOWN_ACCOUNT),
        ({"strategy_id": None}, Reject.INVALID_STRATEGY),
        ({"client_id": 7}, Reject.INVALID_STRATEGY),
        ({"strategy_id": 1}, Reject.UNKNOWN_STRATEGY),
        ({"strategy_id": None, "client_id": 8}, Reject.UNKNOWN_STRATEGY),
        ({"account": BOB}, Reject.UNKNOWN_STRATEGY),
        ({"market": PERP}, Reject.UNKNOWN_STRATEGY),
    ],
    ids=str,
)
def test_cancel_strategy_refuses(changes: dict[str, Any], code: Reject) -> None:
    exchange = offered()
    cancel = c.CancelStrategy(account=ALICE, market=SPOT, strategy_id=start(exchange, client_id=7))
    assert exchange.refuse(replace(cancel, **changes)) is code
    assert exchange.refuse(c.CancelAllStrategies(account=AccountId(9))) is Reject.UNKNOWN_ACCOUNT
    over = c.CancelAllStrategies(account=ALICE, market="XRP_USDC")
    assert exchange.refuse(over) is Reject.UNKNOWN_MARKET


@pytest.mark.parametrize(
    ("lots", "seconds", "min_lots", "expected"),
    [
        # Whole lots, rounded down; the last takes the rest.
        (100, 4, 1, [25, 25, 25, 25]),
        (10, 3, 1, [3, 3, 4]),
        (11, 4, 1, [2, 3, 3, 3]),
        (7, 1, 1, [7]),
        # Too little for an order goes with the next, or with the one after that.
        (10, 4, 5, [0, 5, 0, 5]),
        (3, 7, 1, [0, 0, 1, 0, 1, 0, 1]),
        (9, 3, 9, [0, 0, 9]),
        # Nothing is left that is too little: 11 // 3 = 3 waits, 7 would leave 4, so 6 and 5.
        (11, 3, 5, [0, 6, 5]),
        (9, 3, 5, [0, 9]),
    ],
    ids=str,
)
def test_slices(lots: int, seconds: int, min_lots: int, expected: list[int]) -> None:
    exchange = offered(min_lots=min_lots)
    told = all_slices(exchange, seconds, lots=lots, duration_ms=seconds * 1_000)
    assert [sum(one or 0 for one in slices) for slices in told] == (
        expected + [0] * (len(told) - len(expected))
    )
    assert not exchange.engine.state.strategies


@pytest.mark.parametrize("lots", [100, 1_234, 37, 20])
def test_randomized_slices_vary_and_sum_to_the_whole(lots: int) -> None:
    seen = set()
    for _ in range(2):
        exchange = offered(min_lots=2)
        told = all_slices(exchange, 9, lots=lots, randomized=True)
        sizes = tuple(sum(one or 0 for one in slices) for slices in told)
        assert sum(sizes) == lots
        assert all(2 <= size <= lots // 5 for size in sizes if size), sizes
        seen.add(sizes)
    assert len(seen) == 1, "a replay would tell something else"
    assert lots < 37 or len(set(sizes)) > 2, sizes


def test_no_slice_is_above_the_markets_maximum() -> None:
    exchange = offered(max_lots=5_000, ask_lots=5_000)
    exchange.accept(replace(PLAN, lots=10_000, duration_ms=2_000))
    assert placed(exchange.advance()) == [5_000]
    # Nothing is offered any more: what could not be bought is left.
    exchange.limit(BOB, ASK, 4_000, 10_000)
    told = tick(exchange)
    assert placed(told) == [5_000]
    assert (last(told).status, last(told).executed_lots) == (StrategyStatus.COMPLETED, 9_000)


def test_what_a_slice_could_not_buy_is_spread_over_the_rest() -> None:
    exchange = offered(ask_lots=15)
    strategy_id = start(exchange, lots=90, duration_ms=3_000)
    strategy = exchange.engine.state.strategies[strategy_id]
    assert (strategy.executed_lots, strategy.executed_quote) == (15, 15 * 10_000 * 100)
    exchange.limit(BOB, ASK, 500, 10_000)
    assert placed(tick(exchange)) == [37]
    told = tick(exchange)
    assert placed(told) == [38]
    assert (last(told).status, last(told).executed_lots) == (StrategyStatus.COMPLETED, 90)


def test_an_empty_book_and_a_tolerance_do_not_end_it() -> None:
    exchange = offered(ask_lots=10)
    start(exchange, lots=40, duration_ms=4_000, slippage=v.Slippage(ticks=5))
    told = tick(exchange)
    (expired,) = [event for event in told if isinstance(event, oe.OrderExpired)]
    assert expired.reason is ExpiryReason.INSUFFICIENT_LIQUIDITY
    exchange.limit(BOB, ASK, 4, 10_000)
    exchange.limit(BOB, ASK, 100, 10_006)
    told = tick(exchange)
    assert placed(told) == [15]
    (expired,) = [event for event in told if isinstance(event, oe.OrderExpired)]
    assert (expired.executed_lots, expired.reason) == (4, ExpiryReason.SLIPPAGE_TOLERANCE_EXCEEDED)
    told = tick(exchange)
    assert placed(told) == [26]
    assert (last(told).status, last(told).executed_lots) == (StrategyStatus.COMPLETED, 40)


def test_a_resting_order_counts_its_fills_and_makes_room_for_the_next() -> None:
    exchange = offered()
    strategy_id = start(exchange, lots=100, duration_ms=2_000, price_ticks=9_950)
    (order_id,) = exchange.engine.state.accounts[ALICE].orders
    sold = exchange.apply(
        c.PlaceOrder(account=BOB, market=SPOT, side=ASK, lots=30, price_ticks=9_950)
    )
    assert last(list(sold)).executed_lots == 30
    told = tick(exchange)
    (cancelled,) = [event for event in told if isinstance(event, oe.OrderCancelled)]
    assert (cancelled.terms.order_id, cancelled.executed_lots) == (order_id, 30)
    assert placed(told) == [70]
    # The last one may rest for an interval, too.
    assert strategy_id in exchange.engine.state.strategies
    told = tick(exchange)
    assert placed(told) == []
    assert last(told).status is StrategyStatus.COMPLETED
    assert exchange.locked(ALICE, "USDC") == 0


def test_it_is_completed_as_soon_as_its_resting_order_is_filled() -> None:
    exchange = offered()
    start(exchange, lots=100, duration_ms=1_000, price_ticks=9_950)
    exchange.limit(BOB, ASK, 100, 9_950)
    told = exchange.advance()
    assert last(told).status is StrategyStatus.COMPLETED
    assert last(told).executed_quote_atoms == 100 * 9_950 * 100


@pytest.mark.parametrize("by_client_id", [False, True])
def test_a_cancel_in_the_middle_takes_its_order_along(by_client_id: bool) -> None:
    exchange = offered()
    strategy_id = start(exchange, price_ticks=9_950, client_id=7)
    tick(exchange)
    names = {"client_id": 7} if by_client_id else {"strategy_id": strategy_id}
    events = exchange.apply(c.CancelStrategy(account=ALICE, market=SPOT, **names))
    assert isinstance(events[0], oe.StrategyChanged)
    assert (events[0].status, events[0].reason) == (StrategyStatus.CANCELLED, None)
    assert [type(event) for event in events if isinstance(event, oe.OrderCancelled)]
    assert exchange.locked(ALICE, "USDC") == 0
    assert exchange.is_idle
    assert placed(tick(exchange, 20)) == []
    start(exchange, client_id=7)


def test_cancel_all_may_be_for_one_market() -> None:
    exchange = offered()
    first, other = start(exchange), start(exchange, market=PERP)
    ended = exchange.accept(c.CancelAllStrategies(account=ALICE, market=PERP))
    assert [one.terms.strategy_id for one in ended.strategies] == [other]
    assert list(exchange.engine.state.strategies) == [first]


def test_its_order_may_be_cancelled_alone() -> None:
    exchange = offered()
    start(exchange, price_ticks=9_950)
    exchange.accept(c.CancelAllOrders(account=ALICE))
    assert placed(tick(exchange)) == [11]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"account": CAROL, "market": PERP}, ExpiryReason.INSUFFICIENT_MARGIN),
        ({"account": CAROL}, ExpiryReason.INSUFFICIENT_FUNDS),
        ({"side": ASK, "market": PERP, "reduce_only": True}, ExpiryReason.REDUCE_ONLY_NOT_REDUCED),
        (
            {"account": CAROL, "auto_borrow": True},
            ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY,
        ),
    ],
    ids=str,
)
def test_an_order_that_is_refused_ends_it(changes: dict[str, Any], reason: ExpiryReason) -> None:
    exchange = offered()
    exchange.accept(replace(PLAN, **changes))
    changed = last(exchange.advance())
    assert (changed.status, changed.reason) == (StrategyStatus.TERMINATED, reason)
    assert not exchange.engine.state.strategies
    assert placed(tick(exchange, 5)) == []


def test_it_ends_in_the_middle_when_margin_is_gone() -> None:
    exchange = offered()
    exchange.deposit(CAROL, "USDC", 50 * 10**6)
    start(exchange, account=CAROL, market=PERP, lots=2_000, price_ticks=10_000)
    assert [placed(tick(exchange)) for _ in range(3)] == [[200]] * 3
    changed = last(tick(exchange))
    assert (changed.status, changed.reason) == (
        StrategyStatus.TERMINATED,
        ExpiryReason.INSUFFICIENT_MARGIN,
    )
    # At a leverage of 20, 50 USDC carry 1,000 less fees: four slices of 2 SOL at 100.00.
    assert changed.executed_lots == exchange.position(CAROL)[0] == 800
    assert placed(tick(exchange, 5)) == []


def test_it_closes_a_position_and_no_more() -> None:
    exchange = offered()
    exchange.market(ALICE, BID, PERP, lots=25)
    start(exchange, market=PERP, side=ASK, lots=40, duration_ms=4_000, reduce_only=True)
    told = [*tick(exchange), *tick(exchange)]
    assert placed(told) == [10, 5]
    told = tick(exchange)
    changed = last(told)
    assert (changed.status, changed.executed_lots) == (StrategyStatus.TERMINATED, 25)
    assert changed.reason is ExpiryReason.REDUCE_ONLY_NOT_REDUCED
    assert exchange.position(ALICE)[0] == 0


def test_a_closed_market_and_a_price_far_away_skip_the_slice() -> None:
    exchange = offered()
    start(exchange, market=PERP, lots=90, duration_ms=5_000, price_ticks=10_000)
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.CLOSED))
    assert placed(tick(exchange)) == []
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.OPEN))
    # Without offers the price of the book is not known, and the mark is far away.
    exchange.accept(c.CancelAllOrders(account=BOB))
    exchange.prices(SOL=40 * 10**8)
    assert placed(tick(exchange)) == []
    exchange.prices(SOL=100 * 10**8)
    exchange.limit(BOB, ASK, 5_000, 10_000, PERP)
    # 72 lots are left for two slices.
    assert placed(tick(exchange)) == [36]
    assert placed(tick(exchange)) == [36]
    assert not exchange.engine.state.strategies


def test_slices_missed_are_not_made_up_for_at_once() -> None:
    exchange = offered()
    start(exchange)
    told = tick(exchange, 6)
    # Slices 2 to 6 have passed: of 90 lots, slice 7 is a quarter.
    assert placed(told) == [22]
    assert placed(tick(exchange)) == [22]
    told = tick(exchange, 60)
    assert placed(told) == []
    assert (last(told).status, last(told).executed_lots) == (StrategyStatus.COMPLETED, 54)


def test_a_restart_in_the_middle_gives_the_same_future() -> None:
    exchange = offered(min_lots=3)
    start(exchange, lots=200, randomized=True, client_id=1, slippage=SLIPPAGE)
    start(exchange, market=PERP, price_ticks=9_950, lots=100)
    start(exchange, lots=20, client_id=2)
    for _ in range(3):
        tick(exchange)
    exchange.limit(BOB, ASK, 4, 9_950, PERP)
    twin = Engine(load_state(dump_state(exchange.engine.state)))
    check(twin.state)
    split = len(exchange.journal)
    for _ in range(8):
        tick(exchange)
    assert not exchange.engine.state.strategies
    for sequence, at_ns, command_id, command in exchange.journal[split:]:
        twin.apply(sequence=sequence, at_ns=at_ns, command_id=command_id, command=command)
    assert digest(twin.state) == digest(exchange.engine.state)


def test_orders_name_their_strategy_and_stand_before_their_fills() -> None:
    exchange = offered()
    created = exchange.accept(PLAN)
    told = exchange.advance()
    kinds = [type(event) for event in told]
    order = next(event for event in told if isinstance(event, oe.OrderPlaced))
    assert order.terms.strategy == created.terms.strategy_id
    assert (order.status, order.executed_lots) == (OrderStatus.FILLED, 10)
    assert (
        kinds.index(oe.OrderPlaced) < kinds.index(oe.OrderFilled) < kinds.index(oe.StrategyChanged)
    )
    assert kinds.count(oe.StrategyChanged) == 1


def test_strategies_that_come_and_go_leave_nothing_behind() -> None:
    exchange = offered()
    kept = start(exchange, market=PERP, interval_ms=86_400_000, duration_ms=7 * 86_400_000)
    for number in range(500):
        start(exchange, price_ticks=9_950, interval_ms=3_600_000, duration_ms=86_400_000)
        if number % 7 == 0:
            exchange.accept(c.CancelAllStrategies(account=ALICE, market=SPOT))
            check(exchange.engine.state)
    exchange.accept(c.CancelAllStrategies(account=ALICE, market=SPOT))
    state = exchange.engine.state
    assert list(state.strategies) == [kept]
    assert len(state.schedule.entries) <= 3
    (due,) = [one for one in state.schedule.live() if one.work is Work.STRATEGY]
    assert due.subject == kept
    assert not exchange.mirror.orders_of(ALICE)
