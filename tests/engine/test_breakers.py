"""What holds a market up: its breaker, and prices that cannot be trusted."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import vocabulary as v
from engine.catalog import BreakerRules, MarketState, PriceState, StateReason
from engine.engine import Engine
from engine.invariants import check
from engine.questions import MaxAmount, MaxOrder, MaxWithdrawal
from engine.rejects import ExpiryReason, Reject
from engine.snapshot import digest, dump_state, load_state
from engine.units import PPB, SECOND_NS
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, Exchange, limit
from tests.engine.listings import ASSETS, BTC_USDC, SOL_PERP, SOL_USDC
from tests.engine.test_limits import check_order, check_withdrawal

SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
OPEN, LIMIT_ONLY, POST_ONLY = MarketState.OPEN, MarketState.LIMIT_ONLY, MarketState.POST_ONLY
RULES = BreakerRules()
Told = tuple[MarketState, StateReason, int | None]


def exchange_with_book(*, stale_ms: int | None = None, **changes: Any) -> Exchange:
    """SOL at 100; Bob bids and offers 10 SOL each at 99, 98, 95 and 101, 102, 105."""
    assets = tuple(replace(asset, stale_ms=stale_ms) for asset in ASSETS)
    changes = {"breaker": RULES, **changes}
    markets = (replace(SOL_USDC, **changes), replace(SOL_PERP, **changes), BTC_USDC)
    exchange = Exchange(assets=assets, markets=markets)
    for account in (ALICE, BOB, CAROL):
        exchange.deposit(account, "USDC", 10**12)
        exchange.deposit(account, "SOL", 10**13)
    for market in (SPOT, PERP):
        for away in (100, 200, 500):
            exchange.limit(BOB, BID, 1_000, 10_000 - away, market)
            exchange.limit(BOB, ASK, 1_000, 10_000 + away, market)
    return exchange


def told(events: list[e.Event] | tuple[e.Event, ...], market: str = PERP) -> list[Told]:
    """Return what the events say that a market accepts, why, and for how many seconds."""
    return [
        (event.state, event.reason, event.until_ns)
        for event in events
        if isinstance(event, e.MarketStateChanged) and event.market == market
    ]


def after(exchange: Exchange, seconds: int) -> int:
    return exchange.at_ns + seconds * SECOND_NS


def move(exchange: Exchange, cents: int, seconds: int = 1) -> tuple[e.Event, ...]:
    """Let time pass, do what is due, and set the price of SOL."""
    exchange.wait(seconds)
    events = exchange.advance()
    events += exchange.apply(c.UpdatePrices(prices_e8={"SOL": cents * 10**6, "USDC": 10**8}))
    check(exchange.engine.state)
    return tuple(events)


def restart(exchange: Exchange) -> None:
    state = exchange.engine.state
    exchange.engine = Engine(load_state(dump_state(state)))
    assert digest(exchange.engine.state) == digest(state)


@pytest.mark.parametrize(
    ("path", "trips"),
    [
        # (cents, seconds since the price before)
        ([(10_500, 1)], False),
        ([(10_501, 1)], True),
        ([(9_499, 1)], True),
        ([(10_300, 30), (10_501, 29)], True),
        # The first minute is over; within five it is less than a tenth.
        ([(10_300, 30), (10_600, 31)], False),
        ([(10_300, 61), (10_600, 61), (10_900, 61), (11_001, 61)], True),
        ([(10_300, 61), (10_600, 61), (10_900, 61), (11_000, 61)], False),
        ([(10_300, 61), (10_600, 61), (10_900, 61), (10_900, 61), (11_050, 61)], False),
        # There and back: it is as far from where it was in between.
        ([(10_300, 10), (9_785, 10)], False),
        ([(10_300, 10), (9_780, 10)], True),
    ],
    ids=str,
)
def test_a_breaker_trips_when_the_mark_moves_too_far(
    path: list[tuple[int, int]], trips: bool
) -> None:
    exchange = exchange_with_book()
    # The book is out of the way: the mark of a perpetual is its index.
    exchange.accept(c.CancelAllOrders(account=BOB))
    for cents, seconds in path:
        events = move(exchange, cents, seconds)
    until = after(exchange, 60)
    for market in (SPOT, PERP):
        held = [(LIMIT_ONLY, StateReason.BREAKER, until)]
        assert told(events, market) == (held if trips else []), market


def test_a_breaker_that_trips_again_while_it_holds_tells_its_new_end() -> None:
    exchange = exchange_with_book()
    exchange.accept(c.CancelAllOrders(account=BOB))
    ends = []
    for cents in (10_600, 11_300, 12_000, 12_700):
        (now,) = told(move(exchange, cents, 10))
        ends.append(now)
        restart(exchange)
    # The first minute without a market order, then five without takers, each time anew.
    start = exchange.at_ns - 30 * SECOND_NS
    assert ends[0] == (LIMIT_ONLY, StateReason.BREAKER, start + 60 * SECOND_NS)
    assert ends[1:] == [
        (POST_ONLY, StateReason.BREAKER, start + (10 * number + 300) * SECOND_NS)
        for number in (1, 2, 3)
    ]
    exchange.wait(299)
    assert told(exchange.advance()) == []
    exchange.wait(1)
    assert told(exchange.advance())[-1][0] is not POST_ONLY


def test_while_it_holds_takers_stay_within_one_percent_of_the_mark() -> None:
    exchange = exchange_with_book()
    # The median of index, book and others is the book's 99.00 to 101.00: only spot has moved.
    events = move(exchange, 10_600)
    assert told(events, SPOT) == [(LIMIT_ONLY, StateReason.BREAKER, after(exchange, 60))]
    market = c.PlaceOrder(account=ALICE, market=SPOT, side=BID, type=v.OrderType.MARKET, lots=1)
    assert exchange.refuse(market) is Reject.MARKET_LIMIT_ONLY
    # 106 less 1 % is 104.94: no bid is as high as that, and all offers are as low.
    sell = limit(ALICE, ASK, lots=3_000, price_ticks=9_500, time_in_force=v.IOC)
    answer = exchange.accept(sell)
    assert (answer.executed_lots, answer.reason) == (0, ExpiryReason.PRICE_IMPACT)
    buy = limit(ALICE, BID, lots=3_500, price_ticks=10_600, time_in_force=v.IOC)
    # 101 × 1.05 is above the last offer.
    assert exchange.accept(buy).executed_lots == 3_000
    restart(exchange)
    exchange.limit(BOB, ASK, 1_000, 10_706)
    exchange.limit(BOB, ASK, 1_000, 10_707)
    answer = exchange.accept(replace(buy, lots=2_000, price_ticks=10_800))
    assert (answer.executed_lots, answer.reason) == (1_000, ExpiryReason.PRICE_IMPACT)
    exchange.wait(60)
    assert told(exchange.advance(), SPOT) == [(OPEN, StateReason.STAFF, None)]
    assert exchange.accept(replace(buy, lots=1_000, price_ticks=10_800)).executed_lots == 1_000
    check(exchange.engine.state)


def test_twice_in_ten_minutes_stops_all_taking_for_five() -> None:
    exchange = exchange_with_book()
    exchange.accept(c.CancelAllOrders(account=BOB))
    move(exchange, 10_600)
    # The same move does not trip twice; another does, also while the first holds.
    assert told(move(exchange, 10_700, 10)) == []
    events = move(exchange, 11_200, 10)
    held = (POST_ONLY, StateReason.BREAKER, after(exchange, 300))
    assert told(events) == [held]
    restart(exchange)
    # What the first has entered in the schedule lifts nothing.
    assert told(move(exchange, 11_200, 41)) == []
    assert exchange.refuse(limit(ALICE, BID, lots=1, price_ticks=11_200)) is (
        Reject.MARKET_POST_ONLY
    )
    assert told(move(exchange, 11_200, 259)) == [(OPEN, StateReason.STAFF, None)]
    # A third within ten minutes of the second, and a fourth long after that.
    assert told(move(exchange, 12_400, 200))[0][:2] == (POST_ONLY, StateReason.BREAKER)
    move(exchange, 12_400, 700)
    assert told(move(exchange, 13_100))[0][:2] == (LIMIT_ONLY, StateReason.BREAKER)


def test_alternative_rules_are_parameters() -> None:
    rules = BreakerRules(short_move_ppb=PPB // 10, long_move_ppb=PPB // 5, limit_only_ms=5_000)
    exchange = exchange_with_book(breaker=rules)
    exchange.accept(c.CancelAllOrders(account=BOB))
    assert told(move(exchange, 11_000)) == []
    assert told(move(exchange, 11_001)) == [(LIMIT_ONLY, StateReason.BREAKER, after(exchange, 5))]
    assert told(move(exchange, 11_001, 5)) == [(OPEN, StateReason.STAFF, None)]
    exchange.accept(c.UpdateMarket(market=replace(SOL_PERP, breaker=None)))
    assert told(move(exchange, 30_000)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"short_move_ppb": 0},
        {"short_move_ppb": PPB // 5},
        {"long_move_ppb": 2 * PPB},
        {"short_ms": 0},
        {"short_ms": 300_001, "long_ms": 300_001},
        {"limit_only_ms": 0},
        {"post_only_ms": 24 * 3_600_000 + 1},
        {"repeat_ms": -1},
        {"taker_band_ppb": 0},
    ],
    ids=str,
)
def test_rules_of_a_breaker_make_sense(changes: dict[str, int]) -> None:
    market = replace(SOL_PERP, breaker=replace(RULES, **changes))
    assert Exchange().refuse(c.UpdateMarket(market=market)) is Reject.INVALID_PARAMETER


def states(exchange: Exchange, **given: PriceState) -> tuple[e.Event, ...]:
    """Have the source say how far prices can be trusted."""
    return exchange.apply(c.UpdatePrices(prices_e8={}, states=given))


@pytest.mark.parametrize(
    ("asset", "price", "state"),
    [
        ("SOL", PriceState.DEGRADED, LIMIT_ONLY),
        ("USDC", PriceState.DEGRADED, LIMIT_ONLY),
        ("SOL", PriceState.STALE, POST_ONLY),
        ("SOL", PriceState.HALT, POST_ONLY),
        ("USDC", PriceState.STALE, POST_ONLY),
    ],
)
def test_prices_order_what_their_markets_accept(
    asset: str, price: PriceState, state: MarketState
) -> None:
    exchange = exchange_with_book()
    events = states(exchange, **{asset: price})
    assert told(events) == told(events, SPOT) == [(state, StateReason.PRICES, None)]
    assert bool(told(events, "BTC_USDC")) is (asset == "USDC")
    restart(exchange)
    check(exchange.engine.state)
    assert told(states(exchange, **{asset: PriceState.OK})) == [(OPEN, StateReason.STAFF, None)]


def test_a_market_is_listed_as_its_prices_allow() -> None:
    exchange = exchange_with_book()
    states(exchange, SOL=PriceState.DEGRADED)
    listed = exchange.apply(c.ListMarket(market=replace(SOL_USDC, symbol="SOL2_USDC")))
    assert told(listed, "SOL2_USDC") == [(LIMIT_ONLY, StateReason.PRICES, None)]
    check(exchange.engine.state)


def test_the_strictest_order_holds_and_each_is_lifted_by_itself() -> None:
    exchange = exchange_with_book()
    exchange.accept(c.CancelAllOrders(account=BOB))

    def staff(state: MarketState) -> list[Told]:
        return told(exchange.apply(c.SetMarketState(market=PERP, state=state)))

    assert told(move(exchange, 10_600))[0][:2] == (LIMIT_ONLY, StateReason.BREAKER)
    # Staff open it: the breaker still holds. They are told so.
    assert staff(OPEN)[0][:2] == (LIMIT_ONLY, StateReason.BREAKER)
    assert told(states(exchange, SOL=PriceState.DEGRADED)) == []
    assert staff(MarketState.CANCEL_ONLY) == [(MarketState.CANCEL_ONLY, StateReason.STAFF, None)]
    assert told(states(exchange, SOL=PriceState.STALE)) == []
    exchange.wait(60)
    assert told(exchange.advance()) == []
    assert staff(LIMIT_ONLY) == [(POST_ONLY, StateReason.PRICES, None)]
    assert told(states(exchange, SOL=PriceState.OK)) == [(LIMIT_ONLY, StateReason.STAFF, None)]
    assert staff(OPEN) == [(OPEN, StateReason.STAFF, None)]
    check(exchange.engine.state)


@pytest.mark.parametrize("state", [PriceState.DEGRADED, PriceState.STALE, PriceState.HALT])
def test_no_new_risk_at_a_price_that_is_not_certain(state: PriceState) -> None:
    exchange = exchange_with_book()
    exchange.accept(c.OpenAccount(account=CAROL + 1_000, owner=CAROL))  # type: ignore[arg-type]
    exchange.accept(c.Lend(account=CAROL, asset="SOL", amount_atoms=10**12))
    exchange.market(ALICE, BID, PERP, lots=100)
    states(exchange, SOL=state)
    post = {"market": PERP, "post_only": True}
    more = limit(ALICE, BID, lots=1, price_ticks=9_000, **post)
    turn = limit(ALICE, ASK, lots=101, price_ticks=11_000, **post)
    if state is PriceState.DEGRADED:
        # Nobody opens by taking; who quotes can only be met by who reduces.
        turn = limit(ALICE, ASK, lots=101, price_ticks=9_900, market=PERP)
        question = MaxOrder(account=ALICE, market=PERP, side=ASK, price_ticks=9_900)
        assert check_order(exchange, question) == 100
        exchange.cancel(CAROL, exchange.accept(replace(more, account=CAROL)).terms.order_id, PERP)
    else:
        assert exchange.refuse(more) is Reject.PRICE_DEGRADED
        assert exchange.refuse(replace(more, account=CAROL)) is Reject.PRICE_DEGRADED
        assert PERP not in exchange.engine.state.accounts[CAROL].positions
    assert exchange.refuse(turn) is Reject.PRICE_DEGRADED
    exchange.accept(replace(turn, lots=100))
    # The asset itself is neither borrowed nor taken out; others are.
    borrow = c.Borrow(account=ALICE, asset="SOL", amount_atoms=10**9)
    take = c.RequestWithdrawal(account=ALICE, asset="SOL", amount_atoms=10**9, withdrawal=1)
    send = c.TransferFunds(
        source=CAROL,
        destination=CAROL + 1_000,  # type: ignore[arg-type]
        asset="SOL",
        amount_atoms=10**9,
    )
    for command in (borrow, take, send):
        assert exchange.refuse(command) is Reject.PRICE_DEGRADED, command
    assert check_withdrawal(exchange, MaxWithdrawal(account=ALICE, asset="SOL")) == 0
    exchange.accept(replace(take, asset="USDC", amount_atoms=10**6))
    sell = limit(BOB, ASK, lots=2_000_000, price_ticks=11_000, post_only=True, auto_borrow=True)
    assert exchange.refuse(sell) is Reject.PRICE_DEGRADED
    realize = c.AutoRealize(market=PERP)
    if state is PriceState.DEGRADED:
        exchange.accept(realize)
    else:
        assert exchange.refuse(realize) is Reject.PRICE_STALE
    states(exchange, SOL=PriceState.OK)
    exchange.accept(replace(more, account=CAROL))
    exchange.accept(realize)
    answer = exchange.engine.ask(MaxWithdrawal(account=ALICE, asset="SOL"), at_ns=exchange.at_ns)
    assert isinstance(answer, MaxAmount)
    assert answer.amount_atoms > 0


def test_nothing_waits_for_a_price_that_nobody_knows() -> None:
    exchange = exchange_with_book()
    stop = v.Conditions(trigger=v.Trigger(9_900, v.TriggerBy.INDEX))
    order = limit(ALICE, ASK, lots=10, price_ticks=9_000, market=PERP, conditions=stop)
    exchange.accept(order)
    exchange.apply(c.UpdatePrices(prices_e8={"SOL": 98 * 10**8}, states={"SOL": PriceState.STALE}))
    exchange.advance()
    assert exchange.engine.state.triggers
    exchange.prices(SOL=98 * 10**8)
    exchange.advance()
    assert not exchange.engine.state.triggers


def test_an_index_that_nobody_updates_grows_stale_by_itself() -> None:
    exchange = exchange_with_book(stale_ms=30_000)
    assert exchange.engine.due_ns == after(exchange, 30)
    exchange.wait(29)
    exchange.prices(SOL=100 * 10**8)
    exchange.wait(1)
    # Dollars and Bitcoin have not been told for thirty seconds; SOL for one.
    events = exchange.advance()
    changed = {
        asset: state
        for event in events
        if isinstance(event, e.PricesUpdated)
        for asset, state in event.states.items()
    }
    assert changed == {"USDC": PriceState.STALE, "BTC": PriceState.STALE}
    assert told(events) == [(POST_ONLY, StateReason.PRICES, None)]
    restart(exchange)
    assert told(exchange.apply(c.UpdatePrices(prices_e8={"USDC": 10**8}))) == [
        (OPEN, StateReason.STAFF, None)
    ]
    exchange.wait(29)
    assert told(exchange.advance()) == [(POST_ONLY, StateReason.PRICES, None)]
    # To say that it is well is not to say what it is.
    assert told(states(exchange, SOL=PriceState.OK, USDC=PriceState.OK)) == []
    assert told(move(exchange, 10_000, 60)) == [(OPEN, StateReason.STAFF, None)]
    check(exchange.engine.state)
