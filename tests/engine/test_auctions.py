"""Opening auctions: one price, the most lots, price before time; what is collected till then."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import vocabulary as v
from engine.auctions import Crossing, crossing_of
from engine.catalog import MarketState, PriceState, StateReason
from engine.engine import Engine
from engine.invariants import check
from engine.kinds import OrderTerms
from engine.questions import MaxOrder
from engine.rejects import ExpiryReason, Reject
from engine.snapshot import digest, dump_state, load_state
from engine.units import SECOND_NS, AccountId
from tests.engine import invariants
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, Exchange, limit
from tests.engine.listings import MARKETS, SOL_PERP, SOL_USDC
from tests.engine.test_limits import check_order

SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
OPEN, CLOSED = MarketState.OPEN, MarketState.CLOSED
AUCTION_MS = 10_000
TRADERS = (ALICE, BOB, CAROL, DAVE)
ORDERS = st.lists(
    st.tuples(
        st.sampled_from(TRADERS),
        st.sampled_from(v.Side),
        st.integers(min_value=9_985, max_value=10_015),
        st.integers(min_value=1, max_value=40),
        st.sampled_from(v.SelfTradePrevention),
    ),
    max_size=40,
)


def exchange_of(*, auction_ms: int = AUCTION_MS, **changes: Any) -> Exchange:
    """All four have plenty; SOL is at 100. Halted markets open by auction."""
    markets = tuple(replace(market, auction_ms=auction_ms) for market in MARKETS)
    if changes:
        perp = replace(SOL_PERP, auction_ms=auction_ms, **changes)
        markets = (replace(SOL_USDC, auction_ms=auction_ms), perp)
    exchange = Exchange(markets=markets)
    for account in TRADERS:
        exchange.deposit(account, "USDC", 10**13)
        exchange.deposit(account, "SOL", 10**14)
    return exchange


def reopen(exchange: Exchange, market: str = SPOT, halt: MarketState = CLOSED) -> e.Event:
    """Halt a market and open it again; return what the last command tells."""
    exchange.accept(c.SetMarketState(market=market, state=halt))
    told: e.Event = exchange.accept(c.SetMarketState(market=market, state=OPEN))
    return told


def end(exchange: Exchange) -> tuple[list[oe.TradeExecuted], e.AuctionEnded]:
    """Let the auction end; return its trades and what it came to."""
    exchange.wait(AUCTION_MS // 1_000)
    events = exchange.advance()
    (ended,) = (event for event in events if isinstance(event, e.AuctionEnded))
    check(exchange.engine.state)
    invariants.check_all(exchange.engine.state, exchange.mirror)
    return [event for event in events if isinstance(event, oe.TradeExecuted)], ended


def naive_crossing(orders: Iterable[tuple[v.Side, int, int]], reference: int) -> Crossing | None:
    """Try every price there could be, and count all orders at each."""
    best = None
    for price in range(9_900, 10_100):
        bid = sum(lots for side, limit_, lots in orders if side is BID and limit_ >= price)
        asked = sum(lots for side, limit_, lots in orders if side is ASK and limit_ <= price)
        found = Crossing(price, min(bid, asked), bid - asked)
        rank = (-found.lots, abs(found.imbalance), abs(price - reference), price)
        if found.lots and (best is None or rank < best[0]):
            best = (rank, found)
    return best[1] if best is not None else None


def levels(orders: list[tuple[v.Side, int, int]], side: v.Side) -> list[tuple[int, int]]:
    sums: dict[int, int] = {}
    for one, price, lots in orders:
        if one is side:
            sums[price] = sums.get(price, 0) + lots
    return sorted(sums.items(), reverse=side is BID)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(v.Side),
            st.integers(min_value=9_985, max_value=10_015),
            st.integers(min_value=1, max_value=40),
        ),
        max_size=40,
    ),
    st.integers(min_value=9_980, max_value=10_020),
)
def test_the_price_trades_most_leaves_least_and_is_nearest(
    orders: list[tuple[v.Side, int, int]], reference: int
) -> None:
    expected = naive_crossing(orders, reference)
    bids, asks = levels(orders, BID), levels(orders, ASK)
    if expected is None:
        assert not bids or not asks or bids[0][0] < asks[0][0]
    else:
        assert crossing_of(bids, asks, reference) == expected


@pytest.mark.parametrize(
    ("bids", "asks", "reference", "expected"),
    [
        # The most lots.
        ([(102, 5), (101, 5)], [(100, 3), (101, 7)], 100, (101, 10, 0)),
        # Of 5 lots at 100, 101 and 102, the least is left at 102.
        ([(102, 5), (100, 2)], [(99, 5), (101, 0)], 90, (101, 5, 0)),
        # Everything between is the same: the nearest to the reference.
        ([(110, 5)], [(90, 5)], 97, (97, 5, 0)),
        ([(110, 5)], [(90, 5)], 80, (90, 5, 0)),
        ([(110, 5)], [(90, 5)], 130, (110, 5, 0)),
    ],
)
def test_prices_told_by_hand(
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    reference: int,
    expected: tuple[int, int, int],
) -> None:
    assert crossing_of(bids, asks, reference) == expected


@settings(max_examples=60)
@given(ORDERS, st.sampled_from([SPOT, PERP]), st.integers(min_value=0, max_value=40))
def test_orders_are_collected_and_trade_as_in_the_naive_auction(
    orders: list[tuple[AccountId, v.Side, int, int, v.SelfTradePrevention]],
    market: str,
    restart_at: int,
) -> None:
    exchange = exchange_of()
    reopen(exchange, market)
    for number, (account, side, price, lots, prevention) in enumerate(orders):
        if number == restart_at:
            state = exchange.engine.state
            exchange.engine = Engine(load_state(dump_state(state)))
            assert digest(exchange.engine.state) == digest(state)
        events = exchange.apply(
            limit(
                account,
                side,
                lots=lots,
                price_ticks=price,
                market=market,
                self_trade_prevention=prevention,
            )
        )
        assert isinstance(events[0], oe.OrderPlaced), events[0]
        assert not any(isinstance(event, oe.TradeExecuted) for event in events)
        check(exchange.engine.state)
    # What is left once nobody meets an own order; oldest first, as the mirror keeps them.
    collected = [(one.terms, one.lots_open) for one in exchange.mirror.orders.values()]
    for terms, _ in collected:
        for other, _ in collected:
            if terms.account == other.account and terms.side is BID and other.side is ASK:
                assert (terms.price_ticks or 0) < (other.price_ticks or 0)
    expected = naive_crossing(
        [(terms.side, terms.price_ticks or 0, lots) for terms, lots in collected], 10_000
    )
    trades, ended = end(exchange)
    assert exchange.engine.state.markets[market].state is OPEN
    if expected is None:
        assert (trades, ended.price_ticks, ended.lots) == ([], None, 0)
        return
    assert (ended.price_ticks, ended.lots) == (expected.price_ticks, expected.lots)
    assert {trade.price_ticks for trade in trades} == {expected.price_ticks}
    _in_order_of_price_and_time(collected, trades, expected.lots)


def _in_order_of_price_and_time(
    collected: list[tuple[OrderTerms, int]], trades: list[oe.TradeExecuted], traded: int
) -> None:
    filled: dict[int, int] = {}
    for trade in trades:
        for order_id in (trade.buyer_order, trade.seller_order):
            filled[order_id] = filled.get(order_id, 0) + trade.lots
    for side, sign in ((BID, -1), (ASK, 1)):
        left = traded
        queue = [(terms, lots) for terms, lots in collected if terms.side is side]
        for terms, lots in sorted(queue, key=lambda one: sign * (one[0].price_ticks or 0)):
            assert filled.get(terms.order_id, 0) == min(left, lots), f"{side} by price and time"
            left -= min(left, lots)
        assert left == 0


@pytest.mark.parametrize(
    ("halt", "collects"),
    [
        (CLOSED, True),
        (MarketState.CANCEL_ONLY, True),
        (MarketState.POST_ONLY, False),
        (MarketState.LIMIT_ONLY, False),
    ],
)
def test_a_market_that_was_halted_opens_by_auction(halt: MarketState, collects: bool) -> None:
    told = reopen(exchange_of(), SPOT, halt)
    assert isinstance(told, e.MarketStateChanged)
    if collects:
        assert (told.state, told.reason) == (MarketState.LIMIT_ONLY, StateReason.AUCTION)
        assert told.ordered is OPEN
    else:
        assert (told.state, told.reason) == (OPEN, StateReason.STAFF)
    without = reopen(exchange_of(auction_ms=0), SPOT, halt)
    assert isinstance(without, e.MarketStateChanged)
    assert without.state is OPEN


def test_prices_that_come_back_open_their_markets_by_auction() -> None:
    exchange = exchange_of()
    for state in (PriceState.STALE, PriceState.OK):
        exchange.apply(c.UpdatePrices(prices_e8={"SOL": 10**10}, states={"SOL": state}))
    for market in (SPOT, PERP):
        listed = exchange.engine.state.markets[market]
        assert listed.auction_ns == exchange.at_ns + AUCTION_MS * 1_000_000
    assert not exchange.engine.state.markets["BTC_USDC"].auction_ns
    # A price that is only less certain opens it too, and then takes limit orders only.
    for state in (PriceState.HALT, PriceState.DEGRADED):
        exchange.apply(c.UpdatePrices(prices_e8={}, states={"SOL": state}))
    exchange.wait(10)
    events = exchange.advance()
    told = [event for event in events if isinstance(event, e.MarketStateChanged)]
    assert {(event.state, event.reason) for event in told} == {
        (MarketState.LIMIT_ONLY, StateReason.PRICES)
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"time_in_force": v.IOC}, Reject.MARKET_AUCTION),
        ({"time_in_force": v.FOK}, Reject.MARKET_AUCTION),
        ({"type": v.OrderType.MARKET, "price_ticks": None}, Reject.MARKET_LIMIT_ONLY),
        ({"price_ticks": 20_001}, Reject.PRICE_OUT_OF_BAND),
    ],
    ids=str,
)
def test_only_orders_that_can_wait_are_collected(changes: dict[str, Any], code: Reject) -> None:
    exchange = exchange_of()
    reopen(exchange)
    order = limit(ALICE, BID, lots=10, price_ticks=10_000)
    assert exchange.refuse(replace(order, **changes)) is code
    assert check_order(exchange, MaxOrder(account=ALICE, market=SPOT, side=BID, price_ticks=10_000))
    assert check_order(exchange, MaxOrder(account=ALICE, market=SPOT, side=BID)) is (
        Reject.MARKET_LIMIT_ONLY
    )


def test_post_only_and_own_orders_do_not_cross() -> None:
    exchange = exchange_of()
    reopen(exchange)
    exchange.limit(ALICE, ASK, 10, 10_000)
    post = exchange.limit(BOB, BID, 10, 10_000, post_only=True)
    assert (post.status, post.reason) == ("Expired", ExpiryReason.POST_ONLY_TAKER)
    own = exchange.limit(ALICE, BID, 10, 10_000)
    assert (own.status, own.reason) == ("Expired", ExpiryReason.SELF_TRADE_PREVENTION)
    both = exchange.limit(ALICE, BID, 10, 10_000, self_trade_prevention="RejectBoth")
    assert (both.status, len(exchange.mirror.orders)) == ("Expired", 0)
    exchange.limit(ALICE, ASK, 10, 10_000)
    maker = exchange.limit(ALICE, BID, 10, 10_000, self_trade_prevention=v.REJECT_MAKER)
    assert (maker.status, len(exchange.mirror.orders)) == ("New", 1)
    assert end(exchange)[1].price_ticks is None


def test_what_a_better_price_saves_is_given_back_and_the_younger_pays_the_takers_fee() -> None:
    exchange = exchange_of()
    reopen(exchange)
    exchange.limit(ALICE, BID, 100, 11_000)
    exchange.limit(BOB, ASK, 100, 10_000)
    assert exchange.locked(ALICE, "USDC") == 110 * 10**6
    (trade,), ended = end(exchange)
    assert (ended.price_ticks, trade.price_ticks, trade.buyer_is_maker) == (10_000, 10_000, True)
    assert exchange.available(ALICE, "USDC") == 10**13 - 100 * 10**6
    assert exchange.available(ALICE, "SOL") == 10**14 + 10**9 - 800_000
    assert exchange.available(BOB, "USDC") == 10**13 + 100 * 10**6 - 100_000


def test_who_can_no_longer_borrow_is_passed_over() -> None:
    exchange = exchange_of()
    poor = AccountId(1_005)
    exchange.accept(c.OpenAccount(account=poor, owner=poor))
    exchange.deposit(poor, "SOL", 10**12)
    exchange.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=200 * 10**6))
    reopen(exchange)
    exchange.limit(poor, BID, 100, 10_100, auto_borrow=True)
    exchange.limit(BOB, BID, 50, 10_000)
    exchange.limit(ALICE, ASK, 100, 9_900)
    exchange.accept(c.Redeem(account=CAROL, asset="USDC", amount_atoms=150 * 10**6))
    trades, ended = end(exchange)
    assert [trade.lots for trade in trades] == [50]
    assert ended.lots == 50
    assert not exchange.mirror.orders_of(poor)


def test_an_auction_that_is_interrupted_begins_anew_and_the_crossed_book_waits() -> None:
    exchange = exchange_of()
    reopen(exchange, PERP)
    exchange.limit(ALICE, BID, 100, 10_100, PERP)
    exchange.limit(BOB, ASK, 60, 9_900, PERP)
    exchange.wait(5)
    for state in (MarketState.POST_ONLY, MarketState.CANCEL_ONLY, CLOSED):
        exchange.accept(c.SetMarketState(market=PERP, state=state))
        check(exchange.engine.state)
    exchange.wait(10)
    assert not any(isinstance(event, e.AuctionEnded) for event in exchange.advance())
    # Nobody has traded, and even a market without auctions opens by one.
    exchange.accept(c.UpdateMarket(market=SOL_PERP))
    exchange.accept(c.SetMarketState(market=PERP, state=OPEN))
    events = exchange.advance()
    (ended,) = (event for event in events if isinstance(event, e.AuctionEnded))
    assert (ended.price_ticks, ended.lots) == (10_000, 60)
    assert exchange.position(ALICE)[0] == 60
    check(exchange.engine.state)


def test_nothing_fires_and_no_price_is_taken_from_a_book_that_collects() -> None:
    exchange = exchange_of()
    stop = v.Conditions(trigger=v.Trigger(9_900, v.TriggerBy.INDEX))
    exchange.accept(limit(ALICE, BID, lots=10, price_ticks=9_900, market=PERP, conditions=stop))
    reopen(exchange, PERP)
    exchange.limit(ALICE, BID, 1_000, 10_300, PERP)
    exchange.limit(BOB, ASK, 1_000, 10_200, PERP)
    exchange.prices(SOL=99 * 10**8)
    exchange.advance()
    assert exchange.engine.state.triggers
    assert exchange.mirror.mark_e8[PERP] == 99 * 10**8
    assert end(exchange)[1].price_ticks == 10_200
    exchange.prices(SOL=99 * 10**8)
    exchange.advance()
    assert not exchange.engine.state.triggers


def test_open_interest_does_not_pass_its_limit_in_an_auction() -> None:
    exchange = exchange_of(open_interest_limit_lots=100)
    reopen(exchange, PERP)
    for buyer, seller in ((ALICE, BOB), (CAROL, DAVE)):
        exchange.limit(buyer, BID, 80, 10_000, PERP)
        exchange.limit(seller, ASK, 80, 10_000, PERP)
    _, ended = end(exchange)
    assert ended.lots == exchange.engine.state.markets[PERP].perp_clearing().long_lots == 80


def test_an_order_that_only_closes_shrinks_with_the_position() -> None:
    exchange = exchange_of()
    exchange.limit(BOB, ASK, 50, 10_000, PERP)
    exchange.limit(ALICE, BID, 50, 10_000, PERP)
    reopen(exchange, PERP)
    exchange.limit(ALICE, ASK, 50, 9_950, PERP)
    exchange.limit(ALICE, ASK, 50, 9_900, PERP, reduce_only=True)
    exchange.limit(CAROL, BID, 200, 10_000, PERP)
    _, ended = end(exchange)
    # The better priced closes all; the other opens a short.
    assert (ended.price_ticks, ended.lots) == (10_000, 100)
    assert exchange.position(ALICE)[0] == -50
    assert exchange.at_ns % SECOND_NS == 0
