"""Requests for quote: who may ask, quote and accept, what a trade moves, and how all of it ends.

A lot of SOL_USDC costs 100 USDC atoms a tick, 1 SOL is 100 lots, 100.10 is 10,010 ticks.
"""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import quotes
from engine import vocabulary as v
from engine.catalog import MarketState
from engine.engine import Engine
from engine.kinds import OrderStatus, QuoteEnd
from engine.rejects import ExpiryReason, Reject
from engine.snapshot import digest, dump_state, load_state
from engine.units import MAX_ATOMS, SECOND_NS, AccountId
from engine.vocabulary import ExecutionMode
from tests.engine import invariants, listings
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, START_NS, Exchange

SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
SUB = AccountId(2_001)
IMMEDIATE = ExecutionMode.IMMEDIATE
SOL, USDC = 10**9, 10**6


@pytest.fixture
def exchange() -> Exchange:
    """Alice, Bob and Carol have 1,000 USDC and 5 SOL each, Dave has nothing."""
    spot = replace(listings.SOL_USDC, max_lots=1_000)
    exchange = Exchange(markets=(spot, listings.SOL_PERP))
    for account in (ALICE, BOB, CAROL):
        exchange.deposit(account, "USDC", 1_000 * USDC)
        exchange.deposit(account, "SOL", 5 * SOL)
    return exchange


def ask_for(
    exchange: Exchange, market: str = SPOT, side: v.Side = BID, **more: Any
) -> oe.RfqSubmitted:
    """Have Alice ask for a quote, of 1 SOL unless said."""
    terms = {"account": ALICE, "lots": 100} | more
    submitted = exchange.accept(c.RequestQuote(market=market, side=side, **terms))
    assert isinstance(submitted, oe.RfqSubmitted)
    return submitted


def quote(
    exchange: Exchange, rfq: int, *, bid: int = 9_990, ask: int = 10_010, **more: Any
) -> oe.QuoteSubmitted:
    """Have Bob quote 99.90 / 100.10 unless said."""
    terms = {"account": BOB} | more
    submitted = exchange.accept(c.SubmitQuote(rfq=rfq, bid_ticks=bid, ask_ticks=ask, **terms))
    assert isinstance(submitted, oe.QuoteSubmitted)
    return submitted


def accept(exchange: Exchange, quoted: oe.QuoteSubmitted) -> tuple[e.Event, ...]:
    """Have Alice accept a quote."""
    return exchange.apply(
        c.AcceptQuote(account=ALICE, rfq=quoted.terms.rfq, quote=quoted.terms.quote)
    )


def only(events: tuple[e.Event, ...] | list[e.Event], kind: type[e.Event]) -> Any:
    """Return the one event of a kind."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


@pytest.fixture(autouse=True)
def proven(exchange: Exchange) -> Any:
    """After each test everything must add up, and a replay must end the same."""
    yield
    invariants.check_all(exchange.engine.state, exchange.mirror)
    replayed = Engine()
    for sequence, at_ns, command_id, command in exchange.journal:
        replayed.apply(sequence=sequence, at_ns=at_ns, command_id=command_id, command=command)
    assert digest(replayed.state) == digest(exchange.engine.state)


@pytest.mark.parametrize(
    ("side", "amount", "price", "lots", "cost", "fees", "alice", "bob"),
    [
        # 100.10 USDC for 1 SOL; 0.1 % of the SOL, 0.08 % of the USDC.
        (BID, {"lots": 100}, 10_010, 100, 100_100_000, (1_000_000, 80_080),
         (899_900_000, 5_999_000_000), (1_100_019_920, 4 * SOL)),
        # 99.90 USDC for 1 SOL; 0.1 % of the USDC, 0.08 % of the SOL.
        (ASK, {"lots": 100}, 9_990, 100, 99_900_000, (99_900, 800_000),
         (1_099_800_100, 4 * SOL), (900_100_000, 5_999_200_000)),
        # 50 USDC buy 49.95 lots of 1.001 USDC: 49 of them, for 49.049.
        (BID, {"quote_atoms": 50 * USDC}, 10_010, 49, 49_049_000, (490_000, 39_240),
         (950_951_000, 5_489_510_000), (1_049_009_760, 4_510_000_000)),
        # 50 USDC are what 50.05 lots of 0.999 USDC bring: 50 of them, for 49.95.
        (ASK, {"quote_atoms": 50 * USDC}, 9_990, 50, 49_950_000, (49_950, 400_000),
         (1_049_900_050, 4_500_000_000), (950_050_000, 5_499_600_000)),
    ],
)  # fmt: skip
def test_a_spot_quote_is_accepted(  # noqa: PLR0917
    exchange: Exchange,
    side: v.Side,
    amount: dict[str, int],
    price: int,
    lots: int,
    cost: int,
    fees: tuple[int, int],
    alice: tuple[int, int],
    bob: tuple[int, int],
) -> None:
    terms: dict[str, Any] = {"lots": None} | amount
    rfq = ask_for(exchange, side=side, **terms)
    quoted = quote(exchange, rfq.terms.rfq)
    assert quoted.side_ticks == price
    events = accept(exchange, quoted)
    filled, made = only(events, oe.RfqFilled), only(events, oe.QuoteFilled)
    assert isinstance(events[0], oe.RfqFilled)
    assert (filled.price_ticks, filled.lots, filled.quote_atoms) == (price, lots, cost)
    assert (made.price_ticks, made.lots, made.quote_atoms) == (price, lots, cost)
    assert made.side is (ASK if side is BID else BID)
    assert (filled.fee_atoms, made.fee_atoms) == fees
    for account, held in ((ALICE, alice), (BOB, bob)):
        assert (exchange.available(account, "USDC"), exchange.available(account, "SOL")) == held
        assert exchange.locked(account, "USDC") == exchange.locked(account, "SOL") == 0
    # All of it happened off the book.
    assert not any(isinstance(event, oe.TradeExecuted | oe.BookChanged) for event in events)
    assert exchange.engine.state.markets[SPOT].book.last_price is None
    assert exchange.refuse(c.CancelQuoteRequest(account=ALICE, rfq=rfq.terms.rfq)) is (
        Reject.UNKNOWN_RFQ
    )


@pytest.mark.parametrize(
    ("side", "price", "fees", "position"),
    [
        # 0.05 % and 0.02 % of 100.10, then of 99.90.
        (BID, 10_010, (50_050, 20_020), (100, -100_100_000)),
        (ASK, 9_990, (49_950, 19_980), (-100, 99_900_000)),
    ],
)
def test_a_perpetual_quote_is_accepted(
    exchange: Exchange, side: v.Side, price: int, fees: tuple[int, int], position: tuple[int, int]
) -> None:
    quoted = quote(exchange, ask_for(exchange, PERP, side).terms.rfq)
    events = accept(exchange, quoted)
    filled, made = only(events, oe.RfqFilled), only(events, oe.QuoteFilled)
    assert (filled.fee_atoms, made.fee_atoms) == fees
    assert filled.price_ticks == made.price_ticks == price
    lots, cost = position
    assert exchange.position(ALICE) == (lots, cost)
    assert exchange.position(BOB) == (-lots, -cost)
    assert exchange.available(ALICE, "USDC") == 1_000 * USDC - fees[0]
    assert exchange.available(BOB, "USDC") == 1_000 * USDC - fees[1]
    assert exchange.engine.state.markets[PERP].perp_clearing().long_lots == 100


def test_a_trade_borrows_and_redeems_as_orders_do(exchange: Exchange) -> None:
    exchange.deposit(CAROL, "SOL", 100 * SOL)
    exchange.accept(c.Lend(account=CAROL, asset="SOL", amount_atoms=100 * SOL))
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=1_000 * USDC))
    rfq = ask_for(exchange, lots=600)
    quoted = quote(exchange, rfq.terms.rfq, auto_borrow=True)
    accept(exchange, quoted)
    # 600.60 USDC came out of the lend; 1 of 6 SOL, and no more, was borrowed.
    assert exchange.lent(ALICE, "USDC") == 399_400_000
    assert exchange.owed(BOB, "SOL") == SOL
    assert exchange.available(BOB, "SOL") == 0


def test_a_position_that_closes_takes_its_exits_along(exchange: Exchange) -> None:
    exchange.limit(BOB, ASK, 100, 10_000, PERP)
    exchange.limit(
        ALICE,
        BID,
        100,
        10_000,
        PERP,
        conditions=v.Conditions(stop_loss=v.Exit(price_ticks=9_000)),
    )
    resting = exchange.limit(ALICE, ASK, 100, 10_500, PERP, reduce_only=True)
    quoted = quote(exchange, ask_for(exchange, PERP, ASK).terms.rfq)
    events = accept(exchange, quoted)
    reasons = {
        event.terms.order_id: event.reason for event in events if isinstance(event, oe.OrderExpired)
    }
    assert reasons.pop(resting.terms.order_id) is ExpiryReason.REDUCE_ONLY_NOT_REDUCED
    assert list(reasons.values()) == [ExpiryReason.STOP_WITHOUT_POSITION]
    # Bought at 100.00 and sold at 99.90.
    assert exchange.position(ALICE) == (0, -100_000)


@pytest.mark.parametrize(
    ("side", "limit", "bid", "ask", "fills"),
    [
        (BID, 10_010, 9_990, 10_010, True),
        (BID, 10_010, 9_990, 10_011, False),
        (ASK, 9_990, 9_991, 10_011, True),
        (ASK, 9_990, 9_989, 10_011, False),
    ],
)
def test_an_immediate_request_takes_the_first_quote_at_its_price(
    exchange: Exchange, side: v.Side, limit: int, bid: int, ask: int, *, fills: bool
) -> None:
    rfq = ask_for(exchange, side=side, mode=IMMEDIATE, price_ticks=limit)
    quoted = quote(exchange, rfq.terms.rfq, bid=bid, ask=ask)
    assert quoted.status is (OrderStatus.FILLED if fills else OrderStatus.NEW)
    assert (rfq.terms.rfq in exchange.mirror.rfqs) is not fills
    if fills:
        # The price is the maker's, though the request would have taken a worse one.
        bought = 5 * SOL + (999_000_000 if side is BID else -SOL)
        assert exchange.available(ALICE, "SOL") == bought
        gained = -100_100_000 if side is BID else 99_910_000 - 99_910
        assert exchange.available(ALICE, "USDC") == 1_000 * USDC + gained
    else:
        # Nor may it be accepted by hand: the price was the worst that is taken.
        refused = c.AcceptQuote(account=ALICE, rfq=rfq.terms.rfq, quote=quoted.terms.quote)
        assert exchange.refuse(refused) is Reject.QUOTE_WORSE_THAN_PRICE


def test_an_immediate_request_of_who_cannot_pay_ends(exchange: Exchange) -> None:
    rfq = ask_for(exchange, account=DAVE, mode=IMMEDIATE, price_ticks=10_010)
    worse = quote(exchange, rfq.terms.rfq, account=CAROL, ask=10_020)
    before = exchange.engine.state.accounts[BOB].spot_loss_micros
    events = exchange.apply(
        c.SubmitQuote(account=BOB, rfq=rfq.terms.rfq, bid_ticks=9_990, ask_ticks=10_010)
    )
    quoted = only(events, oe.QuoteSubmitted)
    assert quoted.status is OrderStatus.EXPIRED
    assert only(events, oe.RfqExpired).reason is ExpiryReason.INSUFFICIENT_FUNDS
    ended = {
        event.terms.quote: event.reason for event in events if isinstance(event, oe.QuoteCancelled)
    }
    assert ended == {
        worse.terms.quote: QuoteEnd.RFQ_EXPIRED,
        quoted.terms.quote: QuoteEnd.RFQ_EXPIRED,
    }
    assert exchange.engine.state.accounts[BOB].spot_loss_micros == before
    assert exchange.available(BOB, "SOL") == 5 * SOL


@pytest.mark.parametrize(("market", "side"), [(SPOT, BID), (SPOT, ASK), (PERP, BID), (PERP, ASK)])
def test_an_immediate_request_refuses_a_maker_without_cover(
    exchange: Exchange, market: str, side: v.Side
) -> None:
    limit = 10_010 if side is BID else 9_990
    rfq = ask_for(exchange, market, side, mode=IMMEDIATE, price_ticks=limit)
    code = exchange.refuse(
        c.SubmitQuote(account=DAVE, rfq=rfq.terms.rfq, bid_ticks=9_990, ask_ticks=10_010)
    )
    assert code is (Reject.INSUFFICIENT_FUNDS if market == SPOT else Reject.INSUFFICIENT_MARGIN)
    assert rfq.terms.rfq in exchange.mirror.rfqs


@pytest.mark.parametrize(("market", "side"), [(SPOT, BID), (SPOT, ASK), (PERP, BID), (PERP, ASK)])
def test_a_maker_without_cover_loses_its_quote_and_nothing_else_happens(
    exchange: Exchange, market: str, side: v.Side
) -> None:
    rfq = ask_for(exchange, market, side)
    short = quote(exchange, rfq.terms.rfq, account=DAVE)
    good = quote(exchange, rfq.terms.rfq)
    state = exchange.engine.state
    before = (state.accounts[ALICE].spot_loss_micros, dict(state.accounts[ALICE].positions))
    events = accept(exchange, short)
    assert [type(event) for event in events] == [oe.QuoteCancelled]
    assert only(events, oe.QuoteCancelled).reason is QuoteEnd.NOT_COVERED
    assert (state.accounts[ALICE].spot_loss_micros, state.accounts[ALICE].positions) == before
    assert isinstance(accept(exchange, good)[0], oe.RfqFilled)


@pytest.mark.parametrize(
    ("market", "side", "code"),
    [
        (SPOT, BID, Reject.INSUFFICIENT_FUNDS),
        (SPOT, ASK, Reject.INSUFFICIENT_FUNDS),
        (PERP, BID, Reject.INSUFFICIENT_MARGIN),
        (PERP, ASK, Reject.INSUFFICIENT_MARGIN),
    ],
)
def test_a_requester_without_cover_is_refused(
    exchange: Exchange, market: str, side: v.Side, code: Reject
) -> None:
    rfq = ask_for(exchange, market, side, account=DAVE)
    quoted = quote(exchange, rfq.terms.rfq)
    command = c.AcceptQuote(account=DAVE, rfq=rfq.terms.rfq, quote=quoted.terms.quote)
    assert exchange.refuse(command) is code
    # The quote stands: with money the same is accepted.
    exchange.deposit(DAVE, "USDC", 1_000 * USDC)
    exchange.deposit(DAVE, "SOL", SOL)
    exchange.accept(command)


@pytest.mark.parametrize(
    ("asks", "atoms"),
    [
        # 5 % of 100 at the index, 0.10 lost by buying above it, 0.05 % of 100.10.
        (True, 5_150_050),
        # 5 % of 100 at the index, less 0.10 won by selling above it, 0.02 % of 100.10.
        (False, 4_920_020),
    ],
)
def test_each_side_needs_initial_margin_to_the_atom(
    exchange: Exchange, atoms: int, *, asks: bool
) -> None:
    requester, maker = (DAVE, BOB) if asks else (ALICE, DAVE)
    exchange.deposit(DAVE, "USDC", atoms - 1)
    rfq = ask_for(exchange, PERP, account=requester)
    quoted = quote(exchange, rfq.terms.rfq, account=maker)
    command = c.AcceptQuote(account=requester, rfq=rfq.terms.rfq, quote=quoted.terms.quote)
    if asks:
        assert exchange.refuse(command) is Reject.INSUFFICIENT_MARGIN
    else:
        assert isinstance(exchange.accept(command), oe.QuoteCancelled)
        quoted = quote(exchange, rfq.terms.rfq, account=maker)
        command = replace(command, quote=quoted.terms.quote)
    exchange.deposit(DAVE, "USDC", 1)
    assert isinstance(exchange.accept(command), oe.RfqFilled)


def test_open_interest_limits_hold_for_quotes() -> None:
    markets = (replace(listings.SOL_PERP, open_interest_limit_lots=99),)
    exchange = Exchange(markets=markets)
    for account in (ALICE, BOB):
        exchange.deposit(account, "USDC", 1_000 * USDC)
    quoted = quote(exchange, ask_for(exchange, PERP).terms.rfq)
    command = c.AcceptQuote(account=ALICE, rfq=quoted.terms.rfq, quote=quoted.terms.quote)
    assert exchange.refuse(command) is Reject.OPEN_INTEREST_LIMIT


def test_a_quote_whose_price_the_market_has_left_is_refused(exchange: Exchange) -> None:
    quoted = quote(exchange, ask_for(exchange, PERP).terms.rfq)
    band = exchange.engine.state.markets[PERP].market.max_multiplier_ppb
    exchange.prices(SOL=10_009 * 10**6 * 10**9 // band)
    command = c.AcceptQuote(account=ALICE, rfq=quoted.terms.rfq, quote=quoted.terms.quote)
    assert exchange.refuse(command) is Reject.PRICE_OUT_OF_BAND
    exchange.prices(SOL=100 * 10**8)
    exchange.accept(command)


def test_a_new_quote_replaces_the_one_before(exchange: Exchange) -> None:
    rfq = ask_for(exchange)
    first = quote(exchange, rfq.terms.rfq)
    events = exchange.apply(
        c.SubmitQuote(account=BOB, rfq=rfq.terms.rfq, bid_ticks=9_980, ask_ticks=10_020)
    )
    assert only(events, oe.QuoteCancelled).reason is QuoteEnd.REPLACED
    command = c.AcceptQuote(account=ALICE, rfq=rfq.terms.rfq, quote=first.terms.quote)
    assert exchange.refuse(command) is Reject.UNKNOWN_QUOTE
    filled = only(accept(exchange, only(events, oe.QuoteSubmitted)), oe.RfqFilled)
    assert filled.price_ticks == 10_020


def test_quotes_of_others_end_with_the_trade(exchange: Exchange) -> None:
    rfq = ask_for(exchange)
    quoted, other = quote(exchange, rfq.terms.rfq), quote(exchange, rfq.terms.rfq, account=CAROL)
    ended = only(accept(exchange, quoted), oe.QuoteCancelled)
    assert (ended.terms.quote, ended.reason) == (other.terms.quote, QuoteEnd.RFQ_FILLED)


def test_a_request_lives_for_a_minute_and_takes_quotes_for_less(exchange: Exchange) -> None:
    rfq = ask_for(exchange)
    assert rfq.submission_ns == START_NS + 45 * SECOND_NS
    assert rfq.expires_ns == START_NS + 60 * SECOND_NS == exchange.engine.due_ns
    quoted = quote(exchange, rfq.terms.rfq)
    exchange.wait(45)
    late = c.SubmitQuote(account=CAROL, rfq=rfq.terms.rfq, bid_ticks=9_990, ask_ticks=10_010)
    assert exchange.refuse(late) is Reject.QUOTES_CLOSED
    exchange.wait(14)
    assert exchange.advance() == []
    exchange.wait(1)
    # Its time is over before the engine has come to end it.
    command = c.AcceptQuote(account=ALICE, rfq=rfq.terms.rfq, quote=quoted.terms.quote)
    assert exchange.refuse(command) is Reject.UNKNOWN_RFQ
    assert exchange.refuse(late) is Reject.UNKNOWN_RFQ
    assert exchange.refuse(c.RefreshQuoteRequest(account=ALICE, rfq=rfq.terms.rfq)) is (
        Reject.UNKNOWN_RFQ
    )
    events = exchange.advance()
    assert only(events, oe.RfqExpired).reason is None
    assert only(events, oe.QuoteCancelled).reason is QuoteEnd.EXPIRED
    assert exchange.is_idle


def test_a_refresh_extends_the_request_but_no_quote(exchange: Exchange) -> None:
    rfq = ask_for(exchange)
    old = quote(exchange, rfq.terms.rfq)
    exchange.wait(50)
    events = exchange.apply(c.RefreshQuoteRequest(account=ALICE, rfq=rfq.terms.rfq))
    refreshed, announced = only(events, oe.RfqRefreshed), only(events, oe.RfqAnnounced)
    assert refreshed.expires_ns == announced.expires_ns == START_NS + 110 * SECOND_NS
    assert refreshed.submission_ns == START_NS + 95 * SECOND_NS
    new = quote(exchange, rfq.terms.rfq, account=CAROL)
    exchange.wait(10)
    ended = only(exchange.advance(), oe.QuoteCancelled)
    assert (ended.terms.quote, ended.reason) == (old.terms.quote, QuoteEnd.EXPIRED)
    assert exchange.engine.due_ns == START_NS + 110 * SECOND_NS
    restored = Engine(load_state(dump_state(exchange.engine.state)))
    assert digest(restored.state) == digest(exchange.engine.state)
    exchange.engine = restored
    assert isinstance(accept(exchange, new)[0], oe.RfqFilled)
    exchange.wait(60)
    assert exchange.advance() == []


@pytest.mark.parametrize("by_client_id", [False, True])
def test_a_cancelled_request_ends_with_its_quotes(
    exchange: Exchange, *, by_client_id: bool
) -> None:
    rfq = ask_for(exchange, client_id=7)
    quote(exchange, rfq.terms.rfq)
    name = {"client_id": 7} if by_client_id else {"rfq": rfq.terms.rfq}
    events = exchange.apply(c.CancelQuoteRequest(account=ALICE, **name))
    assert isinstance(events[0], oe.RfqCancelled)
    assert only(events, oe.QuoteCancelled).reason is QuoteEnd.RFQ_CANCELLED
    exchange.wait(60)
    assert exchange.advance() == []
    # Its client id is free again.
    ask_for(exchange, client_id=7)


def test_makers_are_told_neither_who_asks_nor_the_side(exchange: Exchange) -> None:
    events = exchange.apply(c.RequestQuote(account=ALICE, market=SPOT, side=ASK, lots=100))
    announced = only(events, oe.RfqAnnounced)
    assert set(announced.__struct_fields__) == {
        *("rfq", "market", "lots", "quote_atoms", "submission_ns", "expires_ns"),
    }


Change = Callable[[Exchange], object]


def shut(state: MarketState) -> Change:
    return lambda exchange: exchange.accept(c.SetMarketState(market=SPOT, state=state))


def full(exchange: Exchange) -> None:
    for _ in range(quotes.MAX_RFQS):
        ask_for(exchange)


ASKED = c.RequestQuote(account=ALICE, market=SPOT, side=BID, lots=100)


@pytest.mark.parametrize(
    ("change", "terms", "code"),
    [
        (None, {"account": AccountId(9)}, Reject.UNKNOWN_ACCOUNT),
        (None, {"market": "XRP_USDC"}, Reject.UNKNOWN_MARKET),
        (shut(MarketState.CLOSED), {}, Reject.MARKET_CLOSED),
        (shut(MarketState.CANCEL_ONLY), {}, Reject.MARKET_CANCEL_ONLY),
        (shut(MarketState.LIMIT_ONLY), {}, Reject.MARKET_LIMIT_ONLY),
        (shut(MarketState.POST_ONLY), {}, Reject.MARKET_POST_ONLY),
        (None, {"quote_atoms": 10**6}, Reject.INVALID_RFQ),
        (None, {"lots": None}, Reject.INVALID_RFQ),
        (None, {"mode": IMMEDIATE}, Reject.INVALID_RFQ),
        (None, {"price_ticks": 0}, Reject.INVALID_PRICE),
        (None, {"lots": 0}, Reject.INVALID_QUANTITY),
        (None, {"lots": None, "quote_atoms": MAX_ATOMS + 1}, Reject.INVALID_QUANTITY),
        (None, {"lots": 1_001}, Reject.QUANTITY_TOO_LARGE),
        (None, {"price_ticks": 1}, Reject.PRICE_OUT_OF_BAND),
        (None, {"client_id": 2**32}, Reject.INVALID_RFQ),
        (lambda exchange: ask_for(exchange, client_id=3), {"client_id": 3},
         Reject.DUPLICATE_CLIENT_ID),
        (full, {}, Reject.RFQ_LIMIT),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused(
    exchange: Exchange, change: Change | None, terms: dict[str, Any], code: Reject
) -> None:
    if change is not None:
        change(exchange)
    assert exchange.refuse(replace(ASKED, **terms)) is code


@pytest.mark.parametrize(
    ("change", "terms", "code"),
    [
        (None, {"account": AccountId(9)}, Reject.UNKNOWN_ACCOUNT),
        (None, {"rfq": 5}, Reject.UNKNOWN_RFQ),
        (None, {"account": ALICE}, Reject.OWN_RFQ),
        (lambda exchange: exchange.accept(c.OpenAccount(account=SUB, owner=ALICE)),
         {"account": SUB}, Reject.OWN_RFQ),
        (shut(MarketState.POST_ONLY), {}, Reject.MARKET_POST_ONLY),
        (None, {"client_id": -1}, Reject.INVALID_QUOTE),
        (None, {"bid_ticks": 0}, Reject.INVALID_QUOTE),
        (None, {"bid_ticks": 10_011}, Reject.INVALID_QUOTE),
        (None, {"bid_ticks": 1}, Reject.PRICE_OUT_OF_BAND),
        (None, {"ask_ticks": 10**6}, Reject.PRICE_OUT_OF_BAND),
    ],
)  # fmt: skip
def test_a_bad_quote_is_refused(
    exchange: Exchange, change: Change | None, terms: dict[str, Any], code: Reject
) -> None:
    rfq = ask_for(exchange)
    if change is not None:
        change(exchange)
    good = c.SubmitQuote(account=BOB, rfq=rfq.terms.rfq, bid_ticks=9_990, ask_ticks=10_010)
    assert exchange.refuse(replace(good, **terms)) is code


def test_so_many_makers_and_no_more_quote_a_request(exchange: Exchange) -> None:
    rfq = ask_for(exchange)
    for number in range(3_000, 3_000 + quotes.MAX_QUOTES):
        exchange.accept(c.OpenAccount(account=AccountId(number), owner=AccountId(number)))
        last = quote(exchange, rfq.terms.rfq, account=AccountId(number))
    one_more = c.SubmitQuote(account=BOB, rfq=rfq.terms.rfq, bid_ticks=9_990, ask_ticks=10_010)
    assert exchange.refuse(one_more) is Reject.QUOTE_LIMIT
    # Who has one may still replace it.
    quote(exchange, rfq.terms.rfq, account=last.terms.account)


@pytest.mark.parametrize(
    ("change", "terms", "code"),
    [
        (None, {"account": AccountId(9)}, Reject.UNKNOWN_ACCOUNT),
        (None, {"rfq": None}, Reject.INVALID_RFQ),
        (None, {"client_id": 4}, Reject.INVALID_RFQ),
        (None, {"rfq": 5}, Reject.UNKNOWN_RFQ),
        # Another account's request is unknown to it.
        (None, {"account": CAROL}, Reject.UNKNOWN_RFQ),
        (None, {"quote": 5}, Reject.UNKNOWN_QUOTE),
        (shut(MarketState.CLOSED), {}, Reject.MARKET_CLOSED),
    ],
)
def test_a_bad_acceptance_is_refused(
    exchange: Exchange, change: Change | None, terms: dict[str, Any], code: Reject
) -> None:
    quoted = quote(exchange, ask_for(exchange).terms.rfq)
    if change is not None:
        change(exchange)
    good = c.AcceptQuote(account=ALICE, rfq=quoted.terms.rfq, quote=quoted.terms.quote)
    assert exchange.refuse(replace(good, **terms)) is code
    if "quote" not in terms and "account" not in terms:
        refresh = c.RefreshQuoteRequest(account=ALICE, rfq=terms.get("rfq") or 5)
        assert exchange.refuse(refresh) is Reject.UNKNOWN_RFQ


@pytest.mark.parametrize(
    ("quote_atoms", "code"),
    [(1_000_999, Reject.QUANTITY_TOO_SMALL), (1_002_001_000, Reject.QUANTITY_TOO_LARGE)],
)
def test_a_quote_quantity_that_comes_to_no_order_is_refused_when_accepted(
    exchange: Exchange, quote_atoms: int, code: Reject
) -> None:
    rfq = ask_for(exchange, lots=None, quote_atoms=quote_atoms)
    quoted = quote(exchange, rfq.terms.rfq)
    command = c.AcceptQuote(account=ALICE, rfq=rfq.terms.rfq, quote=quoted.terms.quote)
    assert exchange.refuse(command) is code


def test_a_perpetual_without_an_index_takes_no_requests() -> None:
    exchange = Exchange(index_e8={"USDC": 10**8})
    asked = c.RequestQuote(account=ALICE, market=PERP, side=BID, lots=100)
    assert exchange.refuse(asked) is Reject.NO_PRICE


def test_a_market_that_closes_lets_requests_run_out(exchange: Exchange) -> None:
    rfq = ask_for(exchange)
    shut(MarketState.CANCEL_ONLY)(exchange)
    assert exchange.refuse(c.RefreshQuoteRequest(account=ALICE, rfq=rfq.terms.rfq)) is (
        Reject.MARKET_CANCEL_ONLY
    )
    exchange.accept(c.CancelQuoteRequest(account=ALICE, rfq=rfq.terms.rfq))


def test_a_request_does_not_take_from_the_book(exchange: Exchange) -> None:
    exchange.limit(CAROL, ASK, 100, 10_000)
    quoted = quote(exchange, ask_for(exchange).terms.rfq)
    accept(exchange, quoted)
    assert exchange.mirror.books[SPOT][ASK] == {10_000: 100}
