"""Members' limits: what is refused, what is counted, what is free; by day, by price, by replay."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import questions as q
from engine import vocabulary as v
from engine.catalog import MarketState
from engine.engine import Engine
from engine.invariants import check
from engine.kinds import QuoteEnd, StrategyStatus
from engine.rejects import ExpiryReason, Reject
from engine.risk_events import AllowanceChanged
from engine.snapshot import digest, dump_state, load_state
from engine.units import DAY_NS, MAX_ATOMS, MICROS, SECOND_NS, AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, START_NS, Exchange, limit
from tests.engine.listings import SOL_PERP, SOL_USDC

MAX, MIA = 7, 8
SUB = AccountId(2_001)
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
USD = MICROS
DAY = START_NS // DAY_NS
# 1 SOL at 100.00 on the perpetual: 100 USD.
ORDER = c.PlaceOrder(account=ALICE, market=PERP, side=BID, price_ticks=10_000, lots=100, actor=MAX)
MARKET: dict[str, Any] = {"type": v.OrderType.MARKET, "price_ticks": None}


def team(*, spend: int | None = 1_000 * USD, loss: int | None = None, **terms: Any) -> Exchange:
    """Alice lets Max act for her; she and Bob have 20,000 USDC and 50 SOL, the books are deep."""
    exchange = Exchange(**terms)
    exchange.accept(c.OpenAccount(account=SUB, owner=ALICE))
    for account in (ALICE, BOB, CAROL):
        exchange.deposit(account, "USDC", 20_000 * 10**6)
        exchange.deposit(account, "SOL", 50 * 10**9)
    for asset, atoms in (("USDC", 10_000 * 10**6), ("SOL", 20 * 10**9)):
        exchange.accept(c.Lend(account=CAROL, asset=asset, amount_atoms=atoms))
    for market in (SPOT, PERP):
        exchange.limit(BOB, ASK, 1_000, 10_010, market)
        exchange.limit(BOB, BID, 1_000, 9_990, market)
    if spend is not None or loss is not None:
        allow(exchange, spend=spend, loss=loss)
    return exchange


def allow(exchange: Exchange, *, spend: int | None = None, loss: int | None = None) -> Any:
    return exchange.accept(
        c.SetAllowance(account=ALICE, member=MAX, spend_micros=spend, loss_micros=loss)
    )


def spent(exchange: Exchange) -> int:
    return exchange.engine.state.accounts[ALICE].allowances[MAX].spent_micros


def told(events: Any) -> list[AllowanceChanged]:
    return [event for event in events if isinstance(event, AllowanceChanged)]


def test_an_allowance_is_set_changed_and_lifted() -> None:
    exchange = team(spend=None)
    terms: dict[str, Any] = {"account": ALICE, "member": MAX}
    unlimited = AllowanceChanged(
        **terms, spend_micros=None, loss_micros=None, day=DAY, spent_micros=0, base_micros=None,
        is_stopped=False,
    )  # fmt: skip
    assert allow(exchange, spend=5) == replace(unlimited, spend_micros=5)
    worth = (20_000 + 50 * 100) * USD
    both = replace(unlimited, spend_micros=6, loss_micros=7, base_micros=worth)
    assert allow(exchange, spend=6, loss=7) == both
    assert allow(exchange, loss=7) == replace(both, spend_micros=None)
    assert allow(exchange) == unlimited
    assert exchange.engine.state.accounts[ALICE].allowances == {}
    assert allow(exchange) == unlimited


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": AccountId(9_999), "member": 0}, Reject.UNKNOWN_ACCOUNT),
        ({"member": 0, "spend_micros": -1}, Reject.INVALID_PARAMETER),
        ({"member": -1}, Reject.INVALID_PARAMETER),
        ({"spend_micros": -1}, Reject.INVALID_PARAMETER),
        ({"loss_micros": MAX_ATOMS + 1}, Reject.INVALID_PARAMETER),
    ],
    ids=str,
)
def test_set_allowance_refuses(changes: dict[str, Any], code: Reject) -> None:
    command = c.SetAllowance(account=ALICE, member=MAX, spend_micros=1)
    assert team(spend=None).refuse(replace(command, **changes)) is code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lots": 1_000}, None),
        ({"lots": 1_001}, Reject.MEMBER_SPENDING_LIMIT),
        ({"price_ticks": 9_000, "lots": 1_111}, None),
        ({"price_ticks": 9_000, "lots": 1_112}, Reject.MEMBER_SPENDING_LIMIT),
        # What it takes counts at the prices it takes, what rests at its own.
        ({"price_ticks": 10_010, "lots": 999}, None),
        ({"price_ticks": 10_010, "lots": 1_000}, Reject.MEMBER_SPENDING_LIMIT),
        ({"price_ticks": 11_000, "lots": 999}, None),
        # An ask below the bids sells at their price.
        ({"side": ASK, "price_ticks": 9_000, "lots": 1_000}, None),
        ({"side": ASK, "price_ticks": 9_000, "lots": 1_002}, Reject.MEMBER_SPENDING_LIMIT),
        (MARKET | {"lots": 999}, None),
        (MARKET | {"lots": 1_000}, Reject.MEMBER_SPENDING_LIMIT),
        ({"market": SPOT, "side": ASK, "lots": 1_000}, None),
        ({"market": SPOT, "side": ASK, "lots": 1_001}, Reject.MEMBER_SPENDING_LIMIT),
        ({"market": SPOT, "lots": 1_001}, Reject.MEMBER_SPENDING_LIMIT),
        # Nobody in particular, and a member without limits here, may do anything.
        ({"lots": 1_001, "actor": 0}, None),
        ({"lots": 1_001, "actor": MIA}, None),
        # Other refusals of the order itself go before.
        ({"lots": 0}, Reject.INVALID_QUANTITY),
    ],
    ids=str,
)
def test_an_order_is_counted_whole(changes: dict[str, Any], code: Reject | None) -> None:
    exchange, order = team(), replace(ORDER, **changes)
    preview = exchange.engine.ask(q.PreviewOrder(order=order), at_ns=exchange.at_ns)
    assert isinstance(preview, q.OrderPreview)
    answer = exchange.apply(order)[0]
    if code is None:
        assert isinstance(answer, oe.OrderPlaced), answer
        assert preview.refusal is None
    else:
        assert isinstance(answer, e.CommandRejected)
        assert (answer.code, preview.refusal) == (code, answer)


def test_a_refusal_says_what_is_spent_open_and_asked() -> None:
    exchange = team()
    exchange.accept(replace(ORDER, price_ticks=10_010, lots=300))
    exchange.accept(replace(ORDER, price_ticks=9_000, lots=100))
    answer = exchange.apply(replace(ORDER, lots=610))[0]
    assert isinstance(answer, e.CommandRejected)
    assert answer.code is Reject.MEMBER_SPENDING_LIMIT
    assert answer.details == {
        "limit_micros": 1_000 * USD,
        "spent_micros": 300_300_000,
        "open_micros": 90 * USD,
        "asked_micros": 610 * USD,
    }
    exchange.accept(replace(ORDER, lots=609))


def test_many_small_orders_do_not_get_round_the_limit() -> None:
    exchange = team()
    for _ in range(10):
        exchange.accept(replace(ORDER, lots=100))
    assert exchange.refuse(replace(ORDER, lots=1)) is Reject.MEMBER_SPENDING_LIMIT
    assert spent(exchange) == 0
    # They fill later, whoever takes them: what was open is spent, and nothing more fits.
    exchange.limit(BOB, ASK, 1_000, 10_000, PERP)
    assert spent(exchange) == 1_000 * USD
    assert exchange.refuse(replace(ORDER, lots=1)) is Reject.MEMBER_SPENDING_LIMIT
    # What is cancelled is not spent.
    exchange = team()
    order = exchange.accept(replace(ORDER, lots=1_000)).terms.order_id
    exchange.accept(c.CancelOrder(account=ALICE, market=PERP, order_id=order, actor=MAX))
    exchange.accept(replace(ORDER, lots=1_000))


def test_a_command_tells_once_what_is_spent() -> None:
    exchange = team()
    for lots in (5, 6, 7):
        exchange.limit(CAROL, ASK, lots, 10_000 + lots, PERP)
    events = exchange.apply(replace(ORDER, price_ticks=10_020, lots=40))
    fills = [one for one in events if isinstance(one, oe.OrderFilled) and not one.is_maker]
    assert len(fills) == 4
    (changed,) = told(events)
    quote = sum(one.quote_atoms for one in fills)
    assert (changed.member, changed.spent_micros, changed.base_micros) == (MAX, quote, None)
    assert all(one.terms.actor == MAX for one in fills)


def test_what_reduces_is_free_and_passes_at_any_time() -> None:
    exchange = team()
    exchange.accept(replace(ORDER, price_ticks=10_010, lots=999))
    assert exchange.refuse(replace(ORDER, lots=100)) is Reject.MEMBER_SPENDING_LIMIT
    assert exchange.refuse(replace(ORDER, side=ASK, lots=100)) is Reject.MEMBER_SPENDING_LIMIT
    before = spent(exchange)
    closes = replace(ORDER, side=ASK, price_ticks=9_990, lots=500, reduce_only=True)
    assert exchange.accept(closes).executed_lots == 500
    exchange.accept(replace(closes, price_ticks=12_000, lots=499))
    for kind in (c.Lend, c.Redeem):
        exchange.accept(kind(account=ALICE, asset="USDC", amount_atoms=5_000 * 10**6, actor=MAX))
    exchange.accept(c.CancelAllOrders(account=ALICE, actor=MAX))
    assert spent(exchange) == before


def outflow(kind: str, amount: int, asset: str = "USDC", actor: int = MAX) -> c.AnyCommand:
    terms: dict[str, Any] = {"asset": asset, "amount_atoms": amount, "actor": actor}
    if kind == "transfer":
        return c.TransferFunds(source=ALICE, destination=SUB, **terms)
    if kind == "borrow":
        return c.Borrow(account=ALICE, **terms)
    return c.RequestWithdrawal(account=ALICE, withdrawal=amount, **terms)


@pytest.mark.parametrize("kind", ["borrow", "transfer", "withdraw"])
@pytest.mark.parametrize(("asset", "most"), [("USDC", 1_000 * 10**6), ("SOL", 10 * 10**9)])
def test_what_is_borrowed_and_goes_out_counts(kind: str, asset: str, most: int) -> None:
    exchange = team()
    assert exchange.refuse(outflow(kind, most + 1, asset)) is Reject.MEMBER_SPENDING_LIMIT
    assert told(exchange.apply(outflow(kind, most, asset)))[0].spent_micros == 1_000 * USD
    assert exchange.refuse(outflow(kind, most // 10, asset)) is Reject.MEMBER_SPENDING_LIMIT
    assert exchange.refuse(ORDER) is Reject.MEMBER_SPENDING_LIMIT
    # Its owner is not counted, nor refused.
    exchange.accept(outflow(kind, most // 10, asset, actor=0))
    assert spent(exchange) == 1_000 * USD
    if kind == "borrow":
        exchange.accept(c.Repay(account=ALICE, asset=asset, amount_atoms=most, actor=MAX))


def test_a_basket_counts_whole_and_a_sweep_moves_what_the_limit_leaves() -> None:
    exchange = team()
    basket = c.TransferBasket(
        source=ALICE,
        destination=SUB,
        amounts={"USDC": 500 * 10**6, "SOL": 5 * 10**9 + 1},
        actor=MAX,
    )
    assert exchange.refuse(basket) is Reject.MEMBER_SPENDING_LIMIT
    exchange.accept(replace(basket, amounts={"USDC": 500 * 10**6, "SOL": 10**9}))
    assert spent(exchange) == 600 * USD
    sweep = c.SweepFunds(account=ALICE, other=SUB, asset="USDC", keep_atoms=0, actor=MAX)
    swept = exchange.accept(sweep)
    assert (swept.wanted_atoms, swept.amount_atoms) == (19_500 * 10**6, 400 * 10**6)
    assert exchange.accept(sweep).amount_atoms == 0
    assert spent(exchange) == 1_000 * USD
    # At the loss limit it moves nothing, and fails nobody's job.
    allow(exchange, loss=0)
    exchange.prices(SOL=99 * 10**8)
    assert exchange.accept(sweep).amount_atoms == 0
    assert exchange.refuse(basket) is Reject.MEMBER_LOSS_LIMIT


def test_the_value_of_an_atom_is_rounded_up_and_needs_a_price() -> None:
    exchange = team(spend=2)
    exchange.accept(outflow("transfer", 1, "SOL"))
    assert spent(exchange) == 1
    exchange.deposit(ALICE, "BTC", 10**8)
    exchange.accept(outflow("transfer", 1, "SOL"))
    assert exchange.refuse(outflow("transfer", 1, "SOL")) is Reject.MEMBER_SPENDING_LIMIT
    unpriced = team(spend=None, index_e8={"USDC": 10**8, "SOL": 10**10})
    unpriced.deposit(ALICE, "BTC", 10**8)
    allow(unpriced, spend=1_000 * USD)
    assert unpriced.refuse(outflow("transfer", 1, "BTC")) is Reject.NO_PRICE
    unpriced.accept(outflow("transfer", 1, "BTC", actor=0))


def test_a_day_begins_at_midnight_and_open_orders_go_on() -> None:
    exchange = team()
    exchange.accept(replace(ORDER, price_ticks=10_010, lots=500))
    exchange.accept(replace(ORDER, lots=400))
    exchange.at_ns = (DAY + 1) * DAY_NS - 1
    assert exchange.refuse(replace(ORDER, lots=100)) is Reject.MEMBER_SPENDING_LIMIT
    exchange.at_ns += 1
    # 400 of it are still open: 600 more fit.
    assert exchange.refuse(replace(ORDER, lots=601)) is Reject.MEMBER_SPENDING_LIMIT
    exchange.accept(replace(ORDER, lots=600))
    assert spent(exchange) == 500_500_000, "nothing of the new day is spent yet"
    (changed,) = told(exchange.apply(limit(BOB, ASK, lots=700, price_ticks=10_000, market=PERP)))
    assert (changed.day, changed.spent_micros) == (DAY + 1, 700 * USD)


def test_a_strategy_is_counted_by_what_it_has_yet_to_trade() -> None:
    exchange = team()
    create = c.CreateStrategy(
        account=ALICE, market=PERP, side=BID, lots=900, duration_ms=9_000, interval_ms=1_000,
        price_ticks=10_010, actor=MAX,
    )  # fmt: skip
    assert exchange.refuse(replace(create, lots=1_000)) is Reject.MEMBER_SPENDING_LIMIT
    strategy = exchange.accept(create).terms.strategy_id
    assert exchange.refuse(replace(ORDER, lots=100)) is Reject.MEMBER_SPENDING_LIMIT
    exchange.accept(replace(ORDER, lots=99))
    for number in range(1, 10):
        exchange.advance()
        assert spent(exchange) == number * 100_100_000
        assert exchange.refuse(replace(ORDER, lots=1)) is Reject.MEMBER_SPENDING_LIMIT
        exchange.wait(1)
    assert strategy not in exchange.engine.state.strategies
    # One for a market's price is counted at the reference, and each order at what it takes.
    exchange = team()
    free = replace(create, price_ticks=None, lots=1_000, duration_ms=2_000)
    exchange.accept(free)
    told_of: list[Any] = []
    for _ in range(3):
        told_of += exchange.advance()
        exchange.wait(1)
    changed = [one for one in told_of if isinstance(one, oe.StrategyChanged)]
    assert (changed[-1].status, changed[-1].reason, changed[-1].executed_lots) == (
        StrategyStatus.TERMINATED,
        ExpiryReason.TRADING_SUSPENDED,
        500,
    )
    assert spent(exchange) == 500_500_000
    reduces = replace(create, side=ASK, lots=500, reduce_only=True)
    allow(exchange, spend=0)
    exchange.accept(reduces)


def test_a_waiting_order_is_counted_and_asked_again_when_its_price_is_met() -> None:
    exchange = team()
    waits = replace(
        ORDER,
        price_ticks=None,
        type=v.OrderType.MARKET,
        lots=500,
        conditions=v.Conditions(trigger=v.Trigger(10_100, v.TriggerBy.INDEX)),
    )
    assert exchange.refuse(replace(waits, lots=991)) is Reject.MEMBER_SPENDING_LIMIT
    exchange.accept(waits)
    exchange.accept(replace(waits, side=ASK, lots=100, reduce_only=True))
    assert exchange.refuse(replace(ORDER, lots=496)) is Reject.MEMBER_SPENDING_LIMIT
    exchange.accept(replace(ORDER, lots=495, price_ticks=10_000))
    offers = [one for one in exchange.engine.state.orders.values() if one.price == 10_010]
    exchange.cancel(BOB, offers[-1].terms.order_id, PERP)
    exchange.limit(BOB, ASK, 1_000, 10_200, PERP)
    exchange.prices(SOL=101 * 10**8)
    events = exchange.advance()
    failed = {one.terms.lots: one.reason for one in events if isinstance(one, oe.TriggerFailed)}
    # At 101.00 there was room for it, at 102.00 there is none.
    assert failed[500] is ExpiryReason.TRADING_SUSPENDED


def test_the_exits_of_a_members_order_are_the_members_and_free() -> None:
    exchange = team()
    exits = v.Conditions(stop_loss=v.Exit(9_000), take_profit=v.Exit(12_000))
    exchange.accept(replace(ORDER, price_ticks=10_010, lots=100, conditions=exits))
    waiting = list(exchange.engine.state.accounts[ALICE].triggers.values())
    assert [one.terms.actor for one in waiting] == [MAX, MAX]
    assert exchange.refuse(replace(ORDER, lots=900)) is Reject.MEMBER_SPENDING_LIMIT
    exchange.accept(replace(ORDER, lots=899))


def test_a_trigger_that_fires_is_spent() -> None:
    exchange = team()
    waits = replace(
        ORDER,
        price_ticks=10_010,
        lots=900,
        conditions=v.Conditions(trigger=v.Trigger(10_000, v.TriggerBy.INDEX)),
    )
    exchange.accept(waits)
    exchange.prices(SOL=100 * 10**8)
    (changed,) = told(exchange.advance())
    assert changed.spent_micros == 900_900_000


@pytest.mark.parametrize("is_maker", [False, True], ids=["requester", "maker"])
def test_a_quoted_trade_counts_for_who_makes_it(is_maker: bool) -> None:
    exchange = team()
    asks, quotes = (BOB, ALICE) if is_maker else (ALICE, BOB)
    asked = c.RequestQuote(account=asks, market=PERP, side=BID, lots=1_000, actor=0)
    offer: dict[str, Any] = {"account": quotes, "bid_ticks": 9_900, "ask_ticks": 10_000}
    if is_maker:
        rfq = exchange.accept(asked).terms.rfq
        dear = c.SubmitQuote(rfq=rfq, **offer | {"ask_ticks": 10_001}, actor=MAX)
        assert exchange.refuse(dear) is Reject.MEMBER_SPENDING_LIMIT
        quote = exchange.accept(c.SubmitQuote(rfq=rfq, **offer, actor=MAX)).terms.quote
        # It reserves nothing: at the trade it is asked again.
        placed = exchange.accept(replace(ORDER, lots=1)).terms.order_id
        answer = exchange.accept(c.AcceptQuote(account=BOB, rfq=rfq, quote=quote))
        assert (answer.terms.quote, answer.reason) == (quote, QuoteEnd.NOT_COVERED)
        exchange.cancel(ALICE, placed, PERP)
        quote = exchange.accept(c.SubmitQuote(rfq=rfq, **offer, actor=MAX)).terms.quote
        events = exchange.apply(c.AcceptQuote(account=BOB, rfq=rfq, quote=quote))
    else:
        refused = replace(asked, lots=1_001, actor=MAX)
        assert exchange.refuse(refused) is Reject.MEMBER_SPENDING_LIMIT
        rfq = exchange.accept(asked).terms.rfq
        quote = exchange.accept(c.SubmitQuote(rfq=rfq, **offer)).terms.quote
        placed = exchange.accept(replace(ORDER, lots=1)).terms.order_id
        accept = c.AcceptQuote(account=ALICE, rfq=rfq, quote=quote, actor=MAX)
        assert exchange.refuse(accept) is Reject.MEMBER_SPENDING_LIMIT
        exchange.cancel(ALICE, placed, PERP)
        events = exchange.apply(accept)
    assert isinstance(events[0], oe.RfqFilled)
    assert [one.spent_micros for one in told(events)] == [1_000 * USD]


def test_an_immediate_request_of_a_member_counts() -> None:
    exchange = team()
    asked = c.RequestQuote(
        account=ALICE, market=PERP, side=BID, lots=1_000, price_ticks=10_000,
        mode=v.ExecutionMode.IMMEDIATE, actor=MAX,
    )  # fmt: skip
    rfq = exchange.accept(asked).terms.rfq
    exchange.accept(c.SubmitQuote(account=BOB, rfq=rfq, bid_ticks=9_900, ask_ticks=10_000))
    assert spent(exchange) == 1_000 * USD


def test_an_auction_sells_no_more_than_may_be_spent() -> None:
    """An ask is counted at its own price, and an auction may pay more."""
    exchange = team(markets=(SOL_USDC, replace(SOL_PERP, auction_ms=1_000)))
    for state in (MarketState.CLOSED, MarketState.OPEN):
        exchange.accept(c.SetMarketState(market=PERP, state=state))
    exchange.accept(c.CancelAllOrders(account=BOB))
    sells = replace(ORDER, side=ASK, price_ticks=9_000)
    first = exchange.accept(replace(sells, lots=500)).terms.order_id
    second = exchange.accept(replace(sells, lots=500)).terms.order_id
    exchange.limit(BOB, BID, 2_000, 11_000, PERP)
    exchange.limit(CAROL, ASK, 100, 11_000, PERP)
    exchange.wait(1)
    events = exchange.advance()
    fills = [one for one in events if isinstance(one, oe.OrderFilled)]
    ended = [one for one in events if isinstance(one, oe.OrderExpired)]
    prices = {one.price_ticks for one in fills}
    assert prices == {11_000}
    assert [one.terms.order_id for one in ended] == [second]
    assert ended[0].reason is ExpiryReason.TRADING_SUSPENDED
    assert {one.terms.order_id for one in fills if one.terms.actor} == {first}
    assert spent(exchange) == 550 * USD


def test_a_lower_limit_ends_what_could_break_it() -> None:
    exchange = team()
    exchange.accept(replace(ORDER, price_ticks=10_010, lots=300))
    kept = exchange.limit(ALICE, BID, 100, 9_900, PERP).terms.order_id
    exchange.accept(replace(ORDER, lots=400))
    allow(exchange, spend=800 * USD)
    assert len(exchange.engine.state.accounts[ALICE].orders) == 2
    events = exchange.apply(c.SetAllowance(account=ALICE, member=MAX, spend_micros=700 * USD))
    assert isinstance(events[0], AllowanceChanged)
    assert events[0].spent_micros == 300_300_000
    assert [type(one) for one in events[1:]] == [oe.OrderCancelled, oe.BookChanged]
    assert list(exchange.engine.state.accounts[ALICE].orders) == [kept]
    exchange.accept(replace(ORDER, lots=399))


def test_a_member_with_limits_offers_no_backstop() -> None:
    exchange = team()
    offer = c.SetBackstop(account=ALICE, market=PERP, minute_micros=1, hour_micros=1, actor=MAX)
    assert exchange.refuse(offer) is Reject.MEMBER_SPENDING_LIMIT
    exchange.accept(replace(offer, actor=0))
    exchange.accept(replace(offer, minute_micros=0))


# Loss limits


def losing(**terms: Any) -> Exchange:
    """Max may lose 100 USD a day; Alice is long 10 SOL, so that a dollar costs 10."""
    exchange = team(spend=None, **terms)
    exchange.limit(ALICE, BID, 1_000, 10_010, PERP)
    allow(exchange, loss=100 * USD)
    # What she holds of SOL stays out of it.
    return exchange


@pytest.mark.parametrize(
    ("command", "is_refused"),
    [
        (ORDER, True),
        (replace(ORDER, side=ASK, price_ticks=9_000, lots=1), True),
        (replace(ORDER, side=ASK, price_ticks=9_000, lots=1, reduce_only=True), False),
        (replace(ORDER, actor=MIA, lots=1, price_ticks=9_000), False),
        (replace(ORDER, actor=0, lots=1, price_ticks=9_000), False),
        (outflow("borrow", 1), True),
        (outflow("transfer", 1), True),
        (outflow("withdraw", 1), True),
        (outflow("withdraw", 1, actor=0), False),
        (c.Lend(account=ALICE, asset="USDC", amount_atoms=10**7, actor=MAX), True),
        (c.RequestQuote(account=ALICE, market=PERP, side=BID, lots=1, actor=MAX), True),
        (
            c.CreateStrategy(
                account=ALICE, market=PERP, side=ASK, lots=10, duration_ms=1_000,
                interval_ms=1_000, actor=MAX,
            ),
            True,
        ),
        (
            c.CreateStrategy(
                account=ALICE, market=PERP, side=ASK, lots=10, duration_ms=1_000,
                interval_ms=1_000, reduce_only=True, actor=MAX,
            ),
            False,
        ),
        (c.CancelAllOrders(account=ALICE, actor=MAX), False),
        (c.UpdateAccount(account=ALICE, auto_lend=True, actor=MAX), False),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
@pytest.mark.parametrize("is_found", [True, False], ids=["found", "not yet found"])
def test_at_the_loss_limit_a_member_only_reduces(
    command: c.AnyCommand, is_refused: bool, is_found: bool
) -> None:
    exchange = losing()
    if is_found:
        exchange.prices(SOL=98 * 10**8)
        assert exchange.engine.state.accounts[ALICE].allowances[MAX].is_stopped
    else:
        # She sells too cheaply, and no price has moved since.
        exchange.limit(CAROL, BID, 100, 5_001)
        exchange.accept(c.CancelAllOrders(account=BOB, market=SPOT))
        exchange.limit(CAROL, BID, 1_000, 5_001)
        exchange.limit(ALICE, ASK, 1_000, 5_001)
    answer = exchange.apply(command)[0]
    assert isinstance(answer, e.CommandRejected) is is_refused, answer
    if isinstance(answer, e.CommandRejected):
        assert answer.code is Reject.MEMBER_LOSS_LIMIT


def test_the_loss_is_told_to_the_atom_and_what_is_at_the_limit_passes() -> None:
    exchange = losing()
    # 60 SOL in all, of which 10 long.
    exchange.prices(SOL=9_833_333_334)
    assert exchange.engine.state.accounts[ALICE].allowances[MAX].is_stopped is False
    exchange.accept(replace(ORDER, price_ticks=9_000, lots=1))
    exchange.prices(SOL=9_833_333_332)
    answer = exchange.apply(ORDER)[0]
    assert isinstance(answer, e.CommandRejected)
    assert answer.details == {"limit_micros": 100 * USD, "lost_micros": 100_000_001}


def test_a_gap_ends_what_the_member_has_open_and_leaves_the_rest() -> None:
    exchange = losing()
    mine = exchange.limit(ALICE, BID, 10, 9_500, PERP).terms.order_id
    hers = exchange.limit(ALICE, BID, 10, 9_500, PERP, actor=MIA).terms.order_id
    exchange.limit(ALICE, BID, 10, 9_500, PERP, actor=MAX)
    spot = exchange.limit(ALICE, BID, 10, 9_500, SPOT, actor=MAX).terms.order_id
    stop = v.Conditions(trigger=v.Trigger(5_000))
    sell = replace(ORDER, side=ASK, lots=10, reduce_only=True)
    reducing = exchange.accept(replace(sell, price_ticks=15_000)).terms.order_id
    waiting = exchange.accept(replace(sell, price_ticks=4_900, conditions=stop)).terms.order_id
    exchange.accept(replace(ORDER, lots=10, price_ticks=5_000, conditions=stop))
    exchange.accept(
        c.CreateStrategy(
            account=ALICE, market=PERP, side=BID, lots=50, duration_ms=5_000, interval_ms=1_000,
            price_ticks=9_000, actor=MAX,
        )
    )  # fmt: skip
    exchange.advance()
    own = exchange.accept(
        c.RequestQuote(account=ALICE, market=PERP, side=BID, lots=10, actor=MAX)
    ).terms.rfq
    other = exchange.accept(c.RequestQuote(account=BOB, market=PERP, side=BID, lots=10)).terms.rfq
    exchange.accept(
        c.SubmitQuote(account=ALICE, rfq=other, bid_ticks=9_900, ask_ticks=10_000, actor=MAX)
    )
    events = exchange.apply(c.UpdatePrices(prices_e8={"SOL": 60 * 10**8}))
    account = exchange.engine.state.accounts[ALICE]
    assert list(account.orders) == [mine, hers, reducing]
    assert list(account.triggers) == [waiting]
    assert not account.strategies and not account.rfqs
    assert list(exchange.engine.state.rfqs) == [other] != [own]
    assert not exchange.engine.state.rfqs[other].quotes
    assert account.holdings["USDC"].locked.atoms == 0, spot
    (changed,) = told(events)
    assert (changed.is_stopped, changed.spent_micros) == (True, 0)
    # Back at the old price it stays so, until the day is over.
    exchange.prices(SOL=100 * 10**8)
    assert exchange.refuse(ORDER) is Reject.MEMBER_LOSS_LIMIT
    exchange.at_ns = (DAY + 1) * DAY_NS
    exchange.prices(SOL=100 * 10**8)
    changed = told(exchange.advance())[-1]
    worth = (20_000 + 50 * 100) * USD
    assert (changed.day, changed.is_stopped) == (DAY + 1, False)
    assert changed.base_micros is not None
    # Less what it cost to buy at 100.10, with the fee, and an hour's funding of nothing.
    assert changed.base_micros == worth - 1_000_000 - 500_500
    exchange.accept(ORDER)


def test_money_that_comes_and_goes_is_no_gain_and_no_loss() -> None:
    exchange = team(spend=None)
    exchange.deposit(SUB, "USDC", 1_000 * 10**6)
    base = allow(exchange, loss=0).base_micros
    moves: list[tuple[c.AnyCommand, int]] = [
        (c.CreditDeposit(account=ALICE, asset="SOL", amount_atoms=10**9), 100 * USD),
        (c.CreditDeposit(account=ALICE, asset="SOL", amount_atoms=1), 0),
        (outflow("transfer", 5 * 10**8, "SOL", actor=0), -50 * USD),
        (outflow("withdraw", 7, actor=MIA), -7),
        (c.SettleWithdrawal(withdrawal=7, returned=True), 7),
        (outflow("withdraw", 8 * 10**6), -8 * USD),
        (c.SettleWithdrawal(withdrawal=8 * 10**6), 0),
        (
            c.TransferFunds(source=SUB, destination=ALICE, asset="USDC", amount_atoms=10**6),
            USD,
        ),
    ]
    for command, moved in moves:
        base += moved
        for changed in told(exchange.apply(command)):
            assert changed.base_micros == base, command
        assert exchange.engine.state.accounts[ALICE].allowances[MAX].base_micros == base
    # Of a limit of nothing, nothing is used.
    exchange.accept(replace(ORDER, lots=1, price_ticks=9_000))
    assert exchange.engine.state.accounts[ALICE].allowances[MAX].base_micros == base
    # To buy and to lend without counting it is no loss either, to pay a fee is one.
    terms = c.SetLendTerms(account=ALICE, asset="SOL", as_collateral=False)
    exchange.accept(terms)
    exchange.accept(c.Lend(account=ALICE, asset="SOL", amount_atoms=10**9))
    exchange.accept(replace(ORDER, lots=1, price_ticks=9_000))
    exchange.limit(ALICE, BID, 1, 10_010)
    assert exchange.refuse(ORDER) is Reject.MEMBER_LOSS_LIMIT


def test_a_limit_set_in_the_middle_of_a_day_is_measured_from_then() -> None:
    exchange = losing()
    exchange.prices(SOL=99 * 10**8)
    # Raised or lowered it is measured from the same; what it finds then holds.
    events = exchange.apply(c.SetAllowance(account=ALICE, member=MAX, loss_micros=50 * USD))
    assert isinstance(events[0], AllowanceChanged) and events[0].is_stopped
    assert allow(exchange, loss=70 * USD).is_stopped is False
    # The other member's is measured from now.
    hers = c.SetAllowance(account=ALICE, member=MIA, loss_micros=50 * USD)
    assert exchange.accept(hers).is_stopped is False
    exchange.prices(SOL=9_870_000_000)
    found = exchange.engine.state.accounts[ALICE].allowances
    assert (found[MAX].is_stopped, found[MIA].is_stopped) == (True, False)


def test_days_go_on_for_who_has_a_loss_limit_and_end_for_who_has_none() -> None:
    exchange = losing()
    for day in range(DAY + 1, DAY + 4):
        exchange.at_ns = day * DAY_NS
        changed = told(exchange.advance())
        assert [one.day for one in changed] == [day]
    # After two days of standstill it is the day of now.
    exchange.at_ns = (DAY + 6) * DAY_NS + 5 * SECOND_NS
    assert [one.day for one in told(exchange.advance())] == [DAY + 6]
    # Lifted and set again in a day, it wakes up once.
    allow(exchange)
    allow(exchange, loss=5)
    exchange.at_ns = (DAY + 7) * DAY_NS
    assert len(told(exchange.advance())) == 1
    allow(exchange)
    exchange.at_ns = (DAY + 8) * DAY_NS
    assert told(exchange.advance()) == []
    assert not exchange.engine.state.loss_limited


def test_what_is_spent_before_the_day_has_begun_waits_for_its_base() -> None:
    exchange = losing()
    exchange.at_ns = (DAY + 1) * DAY_NS
    events = exchange.apply(replace(ORDER, side=ASK, price_ticks=9_990))
    (changed,) = told(events)
    assert (changed.day, changed.base_micros) == (DAY + 1, None)
    (changed,) = told(exchange.advance())
    assert (changed.day, changed.spent_micros) == (DAY + 1, 99_900_000)
    assert changed.base_micros is not None


def test_more_accounts_than_one_update_looks_at_have_their_turn() -> None:
    exchange = losing()
    numbers = [AccountId(5_000 + number) for number in range(550)]
    for number in numbers:
        exchange.accept(c.OpenAccount(account=number, owner=number))
        exchange.deposit(number, "SOL", 10**9)
        exchange.accept(c.SetAllowance(account=number, member=MAX, loss_micros=0))
    exchange.prices(SOL=99 * 10**8)
    accounts = exchange.engine.state.accounts

    def stopped() -> int:
        return sum(accounts[number].allowances[MAX].is_stopped for number in numbers)

    assert stopped() == 499
    exchange.engine = Engine(load_state(dump_state(exchange.engine.state)))
    accounts = exchange.engine.state.accounts
    exchange.prices(SOL=99 * 10**8)
    assert stopped() == 550


def largest(exchange: Exchange, question: q.AnyQuestion) -> int:
    """Return the maximum that is told."""
    answer = exchange.engine.ask(question, at_ns=exchange.at_ns)
    assert isinstance(answer, q.MaxAmount | q.MaxLots), answer
    return answer.amount_atoms if isinstance(answer, q.MaxAmount) else answer.lots


def test_the_largest_that_is_told_is_the_largest_within_the_limit() -> None:
    exchange = team()
    exchange.accept(replace(ORDER, price_ticks=10_010, lots=100))
    at_ns = exchange.at_ns
    left = 1_000 * USD - 100_100_000
    asks: list[tuple[Any, Any]] = [
        (q.MaxBorrow(account=ALICE, asset="USDC", actor=MAX), left),
        (q.MaxWithdrawal(account=ALICE, asset="SOL", actor=MAX), left * 10),
        (q.MaxTransfer(account=ALICE, destination=SUB, asset="USDC", actor=MAX), left),
        (q.MaxOrder(account=ALICE, market=PERP, side=BID, price_ticks=9_000, actor=MAX), 999),
        (q.MaxOrder(account=ALICE, market=SPOT, side=BID, actor=MAX), 899),
        (q.MaxOrder(account=ALICE, market=SPOT, side=ASK, price_ticks=9_000, actor=MAX), 900),
    ]
    for question, most in asks:
        assert largest(exchange, question) == most, question
        assert largest(exchange, replace(question, actor=0)) > most
    # With nothing left, no size; with a loss, a reason.
    allow(exchange, spend=0, loss=0)
    answer = exchange.engine.ask(asks[3][0], at_ns=at_ns)
    assert answer == q.MaxLots(lots=0)
    exchange.prices(SOL=99 * 10**8)
    for question, _ in asks:
        answer = exchange.engine.ask(question, at_ns=at_ns)
        assert isinstance(answer, q.Unanswerable)
        assert answer.why.code is Reject.MEMBER_LOSS_LIMIT
    preview = exchange.engine.ask(q.PreviewOrder(order=ORDER), at_ns=at_ns)
    assert isinstance(preview, q.OrderPreview)
    assert preview.refusal == exchange.apply(ORDER)[0]


def test_limits_survive_a_snapshot_and_a_replay() -> None:
    exchange = losing()
    allow(exchange, spend=1_000 * USD, loss=100 * USD)
    exchange.accept(ORDER)
    exchange.accept(c.SetAllowance(account=BOB, member=MIA, spend_micros=MAX_ATOMS))
    exchange.accept(outflow("transfer", 10**6))
    check(exchange.engine.state)
    before = digest(exchange.engine.state)
    again = load_state(dump_state(exchange.engine.state))
    check(again)
    assert digest(again) == before
    replayed = Engine()
    for sequence, at_ns, command_id, command in exchange.journal:
        replayed.apply(sequence=sequence, at_ns=at_ns, command_id=command_id, command=command)
    assert digest(replayed.state) == before
    twin, at_ns = Engine(again), (DAY + 1) * DAY_NS
    for engine in (exchange.engine, twin):
        engine.apply(
            sequence=exchange.sequence + 1, at_ns=at_ns, command_id="day", command=c.AdvanceTime()
        )
    assert digest(twin.state) == digest(exchange.engine.state) != before
