"""Orders that wait for a price: each refusal once, then when they fire and what ends them.

The perpetual of SOL: 1 lot is 0.01 SOL, 1 tick 0.01 USDC, the index 100.00 (10,000 ticks).
"""

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
from engine.kinds import OrderStatus
from engine.rejects import ExpiryReason, Reject
from engine.snapshot import digest, dump_state, load_state
from engine.units import PPB, SECOND_NS, OrderId
from engine.vocabulary import Conditions, Exit, Slippage, Trigger, TriggerBy
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, Exchange
from tests.engine.invariants import check_all

PERP, SPOT = "SOL_USDC_PERP", "SOL_USDC"
MARK, LAST = TriggerBy.MARK, TriggerBy.LAST
ORDER: dict[str, Any] = {"account": ALICE, "market": PERP, "side": BID, "lots": 50}
MARKET: dict[str, Any] = {"type": v.OrderType.MARKET, "price_ticks": None}


def exchange_with_book() -> Exchange:
    """Bob quotes 10 SOL at 99.00 and at 101.00; Alice and Carol have 1,000 USDC."""
    exchange = Exchange()
    exchange.deposit(BOB, "USDC", 100_000 * 10**6)
    exchange.deposit(BOB, "SOL", 1_000 * 10**9)
    for account in (ALICE, CAROL):
        exchange.deposit(account, "USDC", 1_000 * 10**6)
    for market in (PERP, SPOT):
        exchange.limit(BOB, BID, 1_000, 9_900, market)
        exchange.limit(BOB, ASK, 1_000, 10_100, market)
    return exchange


def waiting(side: v.Side, trigger: Trigger, **changes: Any) -> c.PlaceOrder:
    """Return a market order of Alice for 1 SOL that waits."""
    conditions = Conditions(trigger=trigger)
    order = c.PlaceOrder(
        account=ALICE, market=PERP, side=side, lots=100, **MARKET, conditions=conditions
    )
    return replace(order, **changes)


def long(exchange: Exchange, lots: int = 100, **exits: Any) -> oe.OrderPlaced:
    """Have Alice buy at the market, with exits."""
    placed = exchange.accept(
        c.PlaceOrder(
            account=ALICE,
            market=PERP,
            side=BID,
            type=v.OrderType.MARKET,
            lots=lots,
            conditions=Conditions(**exits) if exits else None,
        )
    )
    assert isinstance(placed, oe.OrderPlaced)
    return placed


def move(exchange: Exchange, price: int) -> list[e.Event]:
    """Move SOL's index to `price` (whole dollars), a second later; return what that fired."""
    exchange.wait(1)
    exchange.prices(SOL=price * 10**8)
    events = exchange.advance()
    check_all(exchange.engine.state, exchange.mirror)
    return events


def only(events: list[e.Event], kind: type[e.Event]) -> Any:
    (event,) = [event for event in events if type(event) is kind]
    return event


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"conditions": Conditions(trigger=Trigger(0))}, Reject.INVALID_TRIGGER),
        ({"conditions": Conditions(trigger=Trigger(10**16))}, Reject.INVALID_TRIGGER),
        ({"quote_atoms": 5, "lots": None}, Reject.INVALID_TRIGGER),
        ({"conditions": Conditions(trigger=Trigger(9_000, MARK, PPB))}, Reject.INVALID_TRIGGER),
        (
            {"lots": None, "conditions": Conditions(trigger=Trigger(9_000, MARK, PPB + 1))},
            Reject.INVALID_TRIGGER,
        ),
        (
            {
                "market": SPOT,
                "lots": None,
                "conditions": Conditions(trigger=Trigger(9_000, MARK, PPB)),
            },
            Reject.INVALID_TRIGGER,
        ),
        (
            {
                "lots": None,
                "conditions": Conditions(
                    trigger=Trigger(9_000, MARK, PPB), slippage=Slippage(ticks=-1)
                ),
            },
            Reject.INVALID_ORDER,
        ),
        (
            {
                "lots": None,
                "conditions": Conditions(trigger=Trigger(9_000, MARK, PPB)),
                "type": v.OrderType.LIMIT,
                "price_ticks": 8_900,
                "post_only": True,
                "time_in_force": v.TimeInForce.IOC,
            },
            Reject.INVALID_ORDER,
        ),
        ({"lots": None}, Reject.INVALID_ORDER),
        ({"lots": 0}, Reject.INVALID_QUANTITY),
        ({"price_ticks": 9_000}, Reject.INVALID_ORDER),
        ({"type": v.OrderType.LIMIT}, Reject.INVALID_ORDER),
        ({"market": SPOT, "reduce_only": True}, Reject.INVALID_ORDER),
        ({"client_id": 2**32}, Reject.INVALID_ORDER),
        # Nobody has traded yet.
        ({"conditions": Conditions(trigger=Trigger(9_000, LAST))}, Reject.NO_PRICE),
    ],
    ids=str,
)
def test_a_conditional_order_is_refused(changes: dict[str, Any], code: Reject) -> None:
    exchange = exchange_with_book()
    assert exchange.refuse(waiting(ASK, Trigger(9_000), **changes)) is code


@pytest.mark.parametrize(
    ("exits", "changes", "code"),
    [
        ({"take_profit": Exit(9_999)}, {}, Reject.INVALID_TRIGGER),
        ({"stop_loss": Exit(10_001)}, {}, Reject.INVALID_TRIGGER),
        ({"take_profit": Exit(10_001)}, {"side": ASK}, Reject.INVALID_TRIGGER),
        ({"stop_loss": Exit(0)}, {}, Reject.INVALID_TRIGGER),
        ({"stop_loss": Exit(9_000, MARK, -1)}, {}, Reject.INVALID_TRIGGER),
        ({"stop_loss": Exit(9_000)}, {"market": SPOT}, Reject.INVALID_TRIGGER),
        ({"stop_loss": Exit(9_000)}, {"reduce_only": True}, Reject.INVALID_TRIGGER),
        ({"stop_loss": Exit(9_000, LAST)}, {}, Reject.NO_PRICE),
    ],
    ids=str,
)
def test_exits_are_refused(exits: dict[str, Any], changes: dict[str, Any], code: Reject) -> None:
    exchange = exchange_with_book()
    if changes.get("reduce_only"):
        long(exchange)
        changes = changes | {"side": ASK}
    order = c.PlaceOrder(account=ALICE, market=PERP, side=BID, lots=100, price_ticks=10_000)
    assert exchange.refuse(replace(order, conditions=Conditions(**exits), **changes)) is code


def test_market_that_is_shut_and_too_many_orders_are_refused() -> None:
    exchange = exchange_with_book()
    long(exchange)
    for _ in range(10):
        exchange.accept(waiting(ASK, Trigger(9_000), reduce_only=True))
    stop = waiting(ASK, Trigger(9_000), reduce_only=True)
    assert exchange.refuse(stop) is Reject.TRIGGER_LIMIT
    # One which opens does not count among those which close.
    exchange.accept(waiting(ASK, Trigger(9_000)))
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.CLOSED))
    assert exchange.refuse(waiting(ASK, Trigger(9_000))) is Reject.MARKET_CLOSED


@pytest.mark.parametrize(
    ("side", "trigger", "path", "fires_at"),
    [
        (BID, Trigger(11_000), (105, 109, 110, 120), 110),
        (BID, Trigger(9_000), (95, 91, 89, 80), 89),
        (ASK, Trigger(9_000), (120, 95, 90), 90),
        (ASK, Trigger(11_000, TriggerBy.INDEX), (100, 111), 111),
    ],
    ids=str,
)
def test_it_fires_once_when_the_mark_crosses_from_where_it_was(
    side: v.Side, trigger: Trigger, path: tuple[int, ...], fires_at: int
) -> None:
    exchange = exchange_with_book()
    placed = exchange.accept(waiting(side, trigger, client_id=5))
    assert isinstance(placed, oe.TriggerPlaced)
    assert placed.lots_open == 100
    assert placed.fires_above is (trigger.price_ticks > 10_000)
    fired = []
    for price in path:
        events = move(exchange, price)
        if events:
            fired.append(price)
            told = only(events, oe.OrderTriggered)
            # The same order: its id, its client id and its trigger stay.
            assert told.terms == placed.terms
            assert told.status is OrderStatus.FILLED
            assert told.executed_lots == 100
    assert fired == [fires_at]
    assert exchange.position(ALICE)[0] == (100 if side is BID else -100)


def test_it_holds_nothing_while_it_waits_and_fails_if_it_cannot_be_paid_then() -> None:
    exchange = exchange_with_book()
    # 100 SOL at 20 times leverage need 500 USDC: enough now.
    exchange.accept(waiting(BID, Trigger(9_000), lots=5_000))
    exchange.accept(
        c.RequestWithdrawal(account=ALICE, asset="USDC", amount_atoms=10**9, withdrawal=1)
    )
    failed = only(move(exchange, 90), oe.TriggerFailed)
    assert failed.reason is ExpiryReason.INSUFFICIENT_MARGIN
    assert exchange.position(ALICE) == (0, 0)
    assert not exchange.engine.state.triggers


@pytest.mark.parametrize(
    ("share", "lots"), [(PPB, 250), (PPB // 2, 125), (PPB // 3, 83), (PPB // 1000, None)]
)
def test_a_share_is_of_the_position_at_that_moment(share: int, lots: int | None) -> None:
    exchange = exchange_with_book()
    long(exchange)
    order = waiting(ASK, Trigger(9_000, MARK, share), lots=None, reduce_only=True)
    assert exchange.accept(order).lots_open == 100 * share // PPB
    long(exchange, 150)
    events = move(exchange, 90)
    if lots is None:
        assert only(events, oe.TriggerFailed).reason is ExpiryReason.STOP_WITHOUT_POSITION
    else:
        told = only(events, oe.OrderTriggered)
        assert (told.terms.lots, told.executed_lots) == (lots, lots)
    assert exchange.position(ALICE)[0] == 250 - (lots or 0)


def test_the_last_price_fires_only_near_the_index() -> None:
    exchange = exchange_with_book()
    exchange.limit(CAROL, BID, 10, 10_100, PERP)
    exchange.accept(waiting(ASK, Trigger(9_500, LAST)))
    exchange.accept(c.CancelAllOrders(account=BOB, market=PERP))
    for price, fires in ((9_400, False), (9_500, True)):
        # 94.00 is 6 % off the index: a needle. 95.00 is within the 5 % allowed.
        exchange.limit(BOB, BID, 1, price, PERP)
        exchange.limit(CAROL, ASK, 1, price, PERP)
        exchange.limit(BOB, BID, 100, 9_000, PERP)
        assert any(isinstance(event, oe.OrderTriggered) for event in exchange.advance()) is fires
        check_all(exchange.engine.state, exchange.mirror)


@pytest.mark.parametrize(
    ("state", "type_", "fires"),
    [
        (MarketState.POST_ONLY, v.OrderType.MARKET, False),
        (MarketState.CANCEL_ONLY, v.OrderType.LIMIT, False),
        (MarketState.CLOSED, v.OrderType.MARKET, False),
        (MarketState.LIMIT_ONLY, v.OrderType.MARKET, False),
        (MarketState.LIMIT_ONLY, v.OrderType.LIMIT, True),
    ],
)
def test_nothing_fires_in_a_halt_and_it_fires_after(
    state: MarketState, type_: v.OrderType, fires: bool
) -> None:
    exchange = exchange_with_book()
    price = None if type_ is v.OrderType.MARKET else 9_900
    exchange.accept(waiting(ASK, Trigger(9_000), type=type_, price_ticks=price))
    exchange.accept(c.SetMarketState(market=PERP, state=state))
    assert bool(move(exchange, 89)) is fires
    assert bool(exchange.engine.state.triggers) is not fires
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.OPEN))
    assert bool(move(exchange, 88)) is not fires
    assert not exchange.engine.state.triggers


def test_exits_grow_with_the_position_and_one_ends_the_other() -> None:
    exchange = exchange_with_book()
    exits = Conditions(take_profit=Exit(12_000), stop_loss=Exit(9_000, MARK, 8_900))
    order = c.PlaceOrder(
        account=ALICE,
        market=PERP,
        side=BID,
        lots=1_200,
        price_ticks=10_100,
        conditions=exits,
    )
    events = exchange.apply(order)
    # 10 SOL are there to be had; 2 SOL rest. The exits close what was opened.
    parent = events[0]
    assert isinstance(parent, oe.OrderPlaced)
    profit, stop = (event for event in events if isinstance(event, oe.TriggerPlaced))
    assert (profit.lots_open, stop.lots_open) == (1_000, 1_000)
    assert profit.terms.related == stop.terms.related == parent.terms.order_id
    assert (profit.terms.side, profit.terms.reduce_only) == (ASK, True)
    assert (profit.terms.type, stop.terms.price_ticks) == (v.OrderType.MARKET, 8_900)
    exchange.limit(BOB, ASK, 150, 10_100, PERP)
    assert {one.lots_open for one in exchange.mirror.waiting.values()} == {1_150}
    check_all(exchange.engine.state, exchange.mirror)
    # The stop's limit order fills in part: the take-profit loses as much. What is left of the
    # parent stood in its way and is gone.
    exchange.accept(c.CancelAllOrders(account=BOB, market=PERP))
    exchange.limit(BOB, BID, 400, 8_900, PERP)
    assert only(move(exchange, 90), oe.OrderExpired).terms == parent.terms
    assert exchange.position(ALICE)[0] == 750
    assert [one.lots_open for one in exchange.mirror.waiting.values()] == [750]
    # The rest of it waits in the book; the take-profit shrinks as it fills.
    assert exchange.mirror.orders[stop.terms.order_id].lots_open == 750
    exchange.limit(BOB, BID, 300, 8_900, PERP)
    assert exchange.position(ALICE)[0] == 450
    assert [one.lots_open for one in exchange.mirror.waiting.values()] == [450]
    # The take-profit sells the rest, and nothing of the stop is left.
    exchange.limit(BOB, BID, 2_000, 8_000, PERP)
    assert only(move(exchange, 121), oe.OrderTriggered).executed_lots == 450
    assert exchange.position(ALICE)[0] == 0
    assert not exchange.mirror.orders_of(ALICE)
    check_all(exchange.engine.state, exchange.mirror)


def test_exits_end_with_their_position() -> None:
    exchange = exchange_with_book()
    long(exchange, take_profit=Exit(12_000), stop_loss=Exit(9_000))
    assert len(exchange.engine.state.triggers) == 2
    exchange.market(ALICE, ASK, PERP, lots=40)
    assert len(exchange.engine.state.triggers) == 2
    events = exchange.apply(
        c.PlaceOrder(account=ALICE, market=PERP, side=ASK, type=v.OrderType.MARKET, lots=80)
    )
    ended = [event for event in events if isinstance(event, oe.OrderExpired)]
    assert [event.reason for event in ended] == [ExpiryReason.STOP_WITHOUT_POSITION] * 2
    assert not exchange.engine.state.triggers
    check_all(exchange.engine.state, exchange.mirror)


def test_a_stop_closes_no_more_than_there_is() -> None:
    exchange = exchange_with_book()
    long(exchange, stop_loss=Exit(9_000))
    exchange.market(ALICE, ASK, PERP, lots=70)
    told = only(move(exchange, 90), oe.OrderTriggered)
    assert (told.terms.lots, told.status) == (30, OrderStatus.FILLED)
    assert exchange.position(ALICE)[0] == 0


def test_a_stop_goes_before_a_resting_reduce_only_order() -> None:
    exchange = exchange_with_book()
    long(exchange)
    rests = exchange.limit(ALICE, ASK, 100, 12_000, PERP, reduce_only=True)
    exchange.accept(waiting(ASK, Trigger(9_000), reduce_only=True))
    events = move(exchange, 90)
    assert only(events, oe.OrderTriggered).executed_lots == 100
    assert only(events, oe.OrderExpired).terms.order_id == rests.terms.order_id
    assert exchange.position(ALICE)[0] == 0


def test_cancelled_by_id_by_client_id_by_kind_and_before_it_is_done() -> None:
    exchange = exchange_with_book()
    first = exchange.accept(waiting(ASK, Trigger(9_000), client_id=1)).terms.order_id
    exchange.accept(waiting(ASK, Trigger(9_000), client_id=2))
    exchange.accept(waiting(ASK, Trigger(9_000)))
    exchange.limit(ALICE, BID, 10, 9_000, PERP, client_id=3)
    again = waiting(ASK, Trigger(9_000), client_id=2)
    assert exchange.refuse(again) is Reject.DUPLICATE_CLIENT_ID
    exchange.cancel(ALICE, first, PERP)
    # Its price is met, and it is cancelled before the engine's clock moves.
    exchange.prices(SOL=89 * 10**8)
    exchange.accept(c.CancelOrder(account=ALICE, market=PERP, client_id=2))
    others = c.CancelOrder(account=CAROL, market=PERP, order_id=first)
    assert exchange.refuse(others) is Reject.UNKNOWN_ORDER
    all_ = c.CancelAllOrders(account=ALICE, market=PERP)
    conditional = replace(all_, kind=v.CancelKind.CONDITIONAL)
    assert len(exchange.accept(conditional).orders) == 1
    assert exchange.advance() == []
    assert len(exchange.accept(replace(all_, kind=v.CancelKind.CONDITIONAL)).orders) == 0
    assert len(exchange.accept(replace(all_, kind=v.CancelKind.RESTING)).orders) == 1
    check_all(exchange.engine.state, exchange.mirror)


@pytest.mark.parametrize(
    ("slippage", "filled", "reason"),
    [
        # Bob asks 1 SOL at 101.00, 1 at 101.50 and 1 at 103.00; the market allows 5 %.
        (None, 300, None),
        (Slippage(ticks=0), 100, ExpiryReason.SLIPPAGE_TOLERANCE_EXCEEDED),
        (Slippage(ticks=50), 200, ExpiryReason.SLIPPAGE_TOLERANCE_EXCEEDED),
        (Slippage(ppb=PPB // 200), 200, ExpiryReason.SLIPPAGE_TOLERANCE_EXCEEDED),
        (Slippage(ppb=PPB // 50), 300, None),
        (Slippage(ppb=PPB // 2), 300, None),
    ],
    ids=str,
)
def test_a_market_order_keeps_within_its_tolerance(
    slippage: Slippage | None, filled: int, reason: ExpiryReason | None
) -> None:
    exchange = Exchange()
    exchange.deposit(ALICE, "USDC", 10**9)
    exchange.deposit(BOB, "USDC", 10**9)
    for price in (10_100, 10_150, 10_300):
        exchange.limit(BOB, ASK, 100, price, PERP)
    conditions = None if slippage is None else Conditions(slippage=slippage)
    order = c.PlaceOrder(
        account=ALICE, market=PERP, side=BID, lots=300, **MARKET, conditions=conditions
    )
    placed = exchange.accept(order)
    assert (placed.executed_lots, placed.reason) == (filled, reason)


@pytest.mark.parametrize(
    ("slippage", "changes"),
    [
        (Slippage(), {}),
        (Slippage(ticks=1, ppb=1), {}),
        (Slippage(ticks=-1), {}),
        (Slippage(ppb=PPB), {}),
        (Slippage(ticks=1), {"type": v.OrderType.LIMIT, "price_ticks": 10_000}),
    ],
    ids=str,
)
def test_a_tolerance_that_is_none_is_refused(slippage: Slippage, changes: dict[str, Any]) -> None:
    order = c.PlaceOrder(account=ALICE, market=PERP, side=BID, lots=100, **MARKET)
    order = replace(order, conditions=Conditions(slippage=slippage), **changes)
    assert exchange_with_book().refuse(order) is Reject.INVALID_ORDER


def test_what_waits_survives_a_restart() -> None:
    """Two engines, one of them loaded from a snapshot in the middle, end alike to the bit."""
    exchange = exchange_with_book()
    long(exchange, 300, take_profit=Exit(12_000, MARK, 11_000), stop_loss=Exit(9_000))
    exchange.accept(waiting(ASK, Trigger(9_500, LAST)))
    exchange.limit(ALICE, BID, 50, 9_500, PERP, conditions=Conditions(stop_loss=Exit(8_000)))
    exchange.wait(1)
    exchange.prices(SOL=120 * 10**8)
    copy = Engine(load_state(dump_state(exchange.engine.state)))
    check(copy.state)
    assert digest(copy.state) == digest(exchange.engine.state)
    before = exchange.sequence
    exchange.advance()
    exchange.limit(BOB, BID, 100, 11_500, PERP)
    exchange.limit(BOB, ASK, 20, 9_500, PERP)
    exchange.wait(1)
    exchange.prices(SOL=80 * 10**8)
    exchange.advance()
    for sequence, at_ns, command_id, command in exchange.journal[before:]:
        copy.apply(sequence=sequence, at_ns=at_ns, command_id=command_id, command=command)
    assert digest(copy.state) == digest(exchange.engine.state)
    check(copy.state)


def cancel(exchange: Exchange, number: int) -> None:
    exchange.accept(c.CancelOrder(account=ALICE, market=PERP, order_id=OrderId(number)))


def test_an_exit_that_rests_beside_its_parent_survives_a_restart() -> None:
    exchange = exchange_with_book()
    exits = Conditions(take_profit=Exit(10_500, MARK, 10_600))
    exchange.accept(replace(c.PlaceOrder(**ORDER, price_ticks=9_950), conditions=exits))
    exchange.accept(c.CancelAllOrders(account=BOB, market=PERP))
    exchange.limit(BOB, ASK, 20, 9_950, PERP)
    move(exchange, 106)
    state = exchange.engine.state
    assert [order.terms.account for order in state.orders.values()].count(ALICE) == 2
    assert digest(load_state(dump_state(state))) == digest(state)
    # The parent grows another exit; the one which rests is not touched by what closes that.
    exchange.limit(BOB, ASK, 30, 9_950, PERP)
    check_all(state, exchange.mirror)
    assert digest(load_state(dump_state(state))) == digest(state)


@pytest.mark.parametrize("fires_first", [False, True])
def test_an_exit_whose_partner_has_been_cancelled_goes_on_alike_after_a_restart(
    fires_first: bool,
) -> None:
    exchange = exchange_with_book()
    exits: dict[str, Any] = {
        "take_profit": Exit(10_500, MARK, 10_600),
        "stop_loss": Exit(9_000, MARK, 8_990),
    }
    long(exchange, **exits)
    exchange.accept(c.CancelAllOrders(account=BOB, market=PERP))
    gain = next(iter(exchange.engine.state.triggers))
    if fires_first:
        move(exchange, 106)
    cancel(exchange, gain)
    restored = Engine(load_state(dump_state(exchange.engine.state)))
    done = exchange.sequence
    move(exchange, 89)
    for sequence, at_ns, command_id, command in exchange.journal[done:]:
        restored.apply(sequence=sequence, at_ns=at_ns, command_id=command_id, command=command)
    assert digest(restored.state) == digest(exchange.engine.state)


def test_orders_are_as_old_as_they_rest_after_a_restart_too() -> None:
    exchange = exchange_with_book()
    terms = {"type": v.OrderType.LIMIT, "price_ticks": 9_000}
    exchange.accept(waiting(BID, Trigger(9_500), **terms))
    exchange.limit(ALICE, BID, 10, 9_000, PERP)
    move(exchange, 94)
    restored = Engine(load_state(dump_state(exchange.engine.state)))
    older, younger = exchange.engine.state.accounts[ALICE].orders
    assert older > younger
    assert list(restored.state.accounts[ALICE].orders) == [older, younger]
    level = restored.state.markets[PERP].book.bids.levels[9_000]
    assert [order.terms.order_id for order in level] == [older, younger]


def test_a_price_in_a_shut_market_makes_no_work() -> None:
    exchange = exchange_with_book()
    exchange.accept(waiting(ASK, Trigger(9_000), lots=1))
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.CLOSED))
    exchange.wait(1)
    exchange.prices(SOL=89 * 10**8)
    assert exchange.is_idle
    exchange.accept(c.SetMarketState(market=PERP, state=MarketState.OPEN))
    assert only(move(exchange, 88), oe.OrderTriggered)


def test_a_burst_is_done_in_portions() -> None:
    """Nobody waits behind thousands of stops: one command does fifty."""
    exchange = exchange_with_book()
    for _ in range(120):
        exchange.accept(waiting(ASK, Trigger(9_000), lots=1))
    exchange.wait(1)
    exchange.prices(SOL=90 * 10**8)
    counts = []
    while not exchange.is_idle:
        counts.append(exchange.accept(c.AdvanceTime()).done)
    assert counts == [50, 50, 20]
    assert exchange.at_ns % SECOND_NS == 0
    assert exchange.position(ALICE)[0] == -120
