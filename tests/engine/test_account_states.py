"""Frozen, closed, open again: what each state refuses, what goes on, what stands in the way."""

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import questions as q
from engine import risk_events as re
from engine import snapshot
from engine import vocabulary as v
from engine.catalog import LEND_RATES_PPB
from engine.engine import Engine
from engine.invariants import check
from engine.kinds import AccountState, LiquidationEnd, QuoteEnd
from engine.rejects import Reject
from engine.snapshot import digest, dump_state, load_state
from engine.units import RAY, AccountId
from tests.engine import invariants
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, Exchange, limit

USD, SOL = 10**6, 10**9
PERP = "SOL_USDC_PERP"
SUB, OTHER_SUB = AccountId(2_001), AccountId(2_002)
NOBODY = AccountId(9_999)
FREEZE = c.FreezeAccount(account=SUB)
THAW = c.FreezeAccount(account=SUB, frozen=False)
CLOSE = c.CloseAccount(account=SUB)
REOPEN = c.ReopenAccount(account=SUB)


def family() -> Exchange:
    """Alice has two empty sub-accounts and money; Bob and Carol make markets; Carol lends."""
    exchange = Exchange()
    for account in (SUB, OTHER_SUB):
        exchange.accept(c.OpenAccount(account=account, owner=ALICE))
    for account in (ALICE, BOB, CAROL):
        exchange.deposit(account, "USDC", 100_000 * USD)
        exchange.deposit(account, "SOL", 100 * SOL)
    exchange.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=50_000 * USD))
    exchange.accept(c.Lend(account=CAROL, asset="SOL", amount_atoms=50 * SOL))
    return exchange


def busy() -> Exchange:
    """Her sub-account is long 10 SOL, lends dollars, owes SOL, and has one of all that is open."""
    exchange = family()
    exchange.deposit(SUB, "USDC", 10_000 * USD)
    exchange.limit(BOB, ASK, 1_000, 10_000, PERP)
    exchange.limit(SUB, BID, 1_000, 10_000, PERP)
    exchange.accept(c.Lend(account=SUB, asset="USDC", amount_atoms=4_000 * USD))
    exchange.accept(c.Borrow(account=SUB, asset="SOL", amount_atoms=SOL))
    exchange.limit(SUB, BID, 100, 9_000)
    exchange.limit(SUB, BID, 100, 9_000, PERP)
    exchange.limit(SUB, ASK, 100, 11_000, PERP, reduce_only=True)
    stop = v.Conditions(trigger=v.Trigger(price_ticks=8_000))
    exchange.accept(limit(SUB, ASK, lots=100, price_ticks=8_000, market=PERP, conditions=stop))
    exchange.accept(strategy())
    exchange.accept(c.RequestQuote(account=SUB, market="SOL_USDC", side=BID, lots=100))
    asked = exchange.accept(c.RequestQuote(account=CAROL, market="SOL_USDC", side=BID, lots=100))
    exchange.accept(quote_of(asked.terms.rfq))
    exchange.accept(backstop())
    return exchange


def strategy() -> c.CreateStrategy:
    return c.CreateStrategy(
        account=SUB, market=PERP, side=BID, lots=100, duration_ms=60_000, interval_ms=60_000
    )


def quote_of(rfq: int) -> c.SubmitQuote:
    return c.SubmitQuote(account=SUB, rfq=rfq, bid_ticks=9_900, ask_ticks=10_100)


def backstop(micros: int = 10**9) -> c.SetBackstop:
    return c.SetBackstop(account=SUB, market=PERP, minute_micros=micros, hour_micros=micros)


def moved_out(source: AccountId = SUB, destination: AccountId = ALICE) -> c.TransferFunds:
    return c.TransferFunds(source=source, destination=destination, asset="USDC", amount_atoms=USD)


# What opens, lends, borrows or leaves.
OPENING: tuple[c.AnyCommand, ...] = (
    limit(SUB, BID, lots=100, price_ticks=9_000),
    limit(SUB, BID, lots=100, price_ticks=9_000, market=PERP),
    # What only reduces by chance, and does not say so, counts as opening.
    limit(SUB, ASK, lots=10, price_ticks=10_000, market=PERP),
    strategy(),
    replace(strategy(), side=ASK, reduce_only=True),
    c.RequestQuote(account=SUB, market="SOL_USDC", side=BID, lots=100),
    quote_of(1),
    c.AcceptQuote(account=SUB, quote=1, rfq=1),
    c.RefreshQuoteRequest(account=SUB, rfq=1),
    c.Lend(account=SUB, asset="USDC", amount_atoms=USD),
    c.Borrow(account=SUB, asset="USDC", amount_atoms=USD),
    c.SetLendTerms(account=SUB, asset="USDC", min_rate_ppb=LEND_RATES_PPB[1]),
    c.ConvertDust(account=SUB),
    c.RequestWithdrawal(account=SUB, asset="USDC", amount_atoms=USD, withdrawal=7),
    moved_out(),
    c.TransferBasket(source=SUB, destination=ALICE, amounts={"USDC": USD}),
    backstop(),
    # Else whoever has frozen it would be outwitted by closing and reopening.
    CLOSE,
)
# What reduces, cancels, repays, redeems or receives; and settings.
REDUCING: tuple[c.AnyCommand, ...] = (
    limit(SUB, ASK, lots=100, price_ticks=11_000, market=PERP, reduce_only=True),
    limit(
        SUB,
        ASK,
        lots=100,
        price_ticks=8_000,
        market=PERP,
        reduce_only=True,
        conditions=v.Conditions(trigger=v.Trigger(price_ticks=8_000)),
    ),
    c.CancelAllOrders(account=SUB),
    c.CancelAllStrategies(account=SUB),
    c.Repay(account=SUB, asset="SOL", amount_atoms=SOL // 2),
    c.Redeem(account=SUB, asset="USDC", amount_atoms=USD),
    moved_out(ALICE, SUB),
    c.TransferBasket(source=ALICE, destination=SUB, amounts={"USDC": USD, "SOL": SOL}),
    c.SweepFunds(account=SUB, other=ALICE, asset="USDC", keep_atoms=20_000 * USD, top_up=True),
    c.CreditDeposit(account=SUB, asset="USDC", amount_atoms=USD),
    c.UpdateAccount(account=SUB, auto_lend=True),
    FREEZE,
    THAW,
)


def test_freezing_ends_all_that_is_open_and_takes_backstops_back() -> None:
    exchange = busy()
    events = exchange.apply(FREEZE)
    state, sub = exchange.engine.state, exchange.engine.state.accounts[SUB]
    assert events[0] == e.AccountStateChanged(account=SUB, state=AccountState.FROZEN)
    assert exchange.mirror.settings[SUB].state is AccountState.FROZEN
    assert not (sub.orders or sub.triggers or sub.strategies or sub.rfqs)
    assert exchange.locked(SUB, "USDC") == 0
    cancelled = [one for one in events if isinstance(one, oe.OrderCancelled)]
    assert len(cancelled) == 4
    assert [one.reason for one in events if isinstance(one, oe.QuoteCancelled)] == [
        QuoteEnd.NOT_COVERED
    ]
    (backs,) = [one for one in events if isinstance(one, re.BackstopChanged)]
    assert (backs.account, backs.market, backs.minute_micros) == (SUB, PERP, 0)
    assert not state.backstops[PERP]
    # What it holds stays.
    assert exchange.position(SUB)[0] == 1_000
    assert exchange.lent(SUB, "USDC") == 4_000 * USD
    check(state)
    invariants.check_all(state, exchange.mirror)


def test_freezing_ends_a_request_whose_time_is_over_before_the_clock_does() -> None:
    exchange = busy()
    exchange.wait(61)
    events = exchange.apply(FREEZE)
    assert SUB in [one.terms.account for one in events if isinstance(one, oe.RfqExpired)]
    check(exchange.engine.state)
    exchange.advance()
    invariants.check_all(exchange.engine.state, exchange.mirror)


@pytest.mark.parametrize("command", OPENING, ids=lambda one: type(one).__name__)
def test_a_frozen_account_may_not(command: c.AnyCommand) -> None:
    exchange = busy()
    exchange.accept(FREEZE)
    (refused,) = exchange.apply(command)
    assert isinstance(refused, e.CommandRejected)
    assert (refused.code, refused.details) == (Reject.ACCOUNT_FROZEN, {"account": SUB})
    assert "unfreeze it" in refused.message


@pytest.mark.parametrize("command", REDUCING, ids=lambda one: type(one).__name__)
def test_a_frozen_account_still_may(command: c.AnyCommand) -> None:
    exchange = busy()
    exchange.deposit(SUB, "SOL", SOL // 4)
    exchange.accept(c.UpdateAccount(account=SUB, auto_repay_borrows=False))
    exchange.deposit(SUB, "SOL", SOL)
    exchange.accept(FREEZE)
    exchange.accept(command)
    check(exchange.engine.state)


def test_a_frozen_main_account_leaves_its_sub_accounts_alone() -> None:
    exchange = busy()
    exchange.accept(replace(FREEZE, account=ALICE))
    assert exchange.refuse(moved_out(ALICE, SUB)) is Reject.ACCOUNT_FROZEN
    exchange.accept(moved_out())
    exchange.limit(SUB, BID, 100, 9_000)


def test_a_frozen_account_lends_nothing_new_and_lends_again_when_it_is_thawed() -> None:
    exchange = family()
    exchange.accept(FREEZE)
    exchange.accept(c.UpdateAccount(account=SUB, auto_lend=True))
    exchange.deposit(SUB, "USDC", 100 * USD)
    exchange.accept(c.AutoLend(asset="USDC"))
    assert (exchange.available(SUB, "USDC"), exchange.lent(SUB, "USDC")) == (100 * USD, 0)
    exchange.accept(THAW)
    exchange.accept(c.AutoLend(asset="USDC"))
    assert (exchange.available(SUB, "USDC"), exchange.lent(SUB, "USDC")) == (0, 100 * USD)


def test_a_frozen_winner_is_paid_in_cash_where_it_would_lend() -> None:
    exchange = busy()
    exchange.accept(c.UpdateAccount(account=SUB, auto_lend=True))
    exchange.accept(FREEZE)
    lent = exchange.lent(SUB, "USDC")
    exchange.prices(SOL=101 * 10**8)
    paid = exchange.accept(c.AutoRealize(market=PERP))
    assert paid.paid_atoms > 0
    assert exchange.position(SUB)[1] == -10_100 * USD // 10
    assert exchange.lent(SUB, "USDC") == lent


def test_a_frozen_account_is_liquidated_as_any_other() -> None:
    exchange = family()
    exchange.deposit(SUB, "USDC", 60 * USD)
    exchange.limit(BOB, ASK, 1_000, 10_000, PERP)
    exchange.limit(SUB, BID, 1_000, 10_000, PERP)
    exchange.accept(FREEZE)
    told: list[e.Event] = []
    for _ in range(8):
        exchange.wait(1)
        prices = {"SOL": 9_450 * 10**6, "USDC": 10**8, "BTC": 50_000 * 10**8}
        told += exchange.apply(c.UpdatePrices(prices_e8=prices))
        told += exchange.advance()
    assert [one.account for one in told if isinstance(one, re.LiquidationStarted)] == [SUB]
    # It may be frozen, and saved by a deposit.
    exchange.accept(FREEZE)
    exchange.deposit(SUB, "USDC", 1_000 * USD)
    exchange.wait(1)
    (ended,) = [one for one in exchange.advance() if isinstance(one, re.LiquidationEnded)]
    assert ended.end is LiquidationEnd.RECOVERED
    assert exchange.engine.state.accounts[SUB].state is AccountState.FROZEN


def test_maxima_of_a_frozen_account_say_why() -> None:
    exchange = busy()
    exchange.accept(FREEZE)
    for question in (
        q.MaxBorrow(account=SUB, asset="USDC"),
        q.MaxWithdrawal(account=SUB, asset="USDC"),
        q.MaxTransfer(account=SUB, destination=ALICE, asset="USDC"),
        q.MaxOrder(account=SUB, market=PERP, side=BID, price_ticks=9_000),
        q.PreviewOrder(order=limit(SUB, BID, lots=100, price_ticks=9_000)),
    ):
        answer = exchange.engine.ask(question, at_ns=exchange.at_ns)
        why = answer.refusal if isinstance(answer, q.OrderPreview) else None
        if isinstance(answer, q.Unanswerable):
            why = answer.why
        assert why is not None and why.code is Reject.ACCOUNT_FROZEN, question
    closing = q.MaxOrder(account=SUB, market=PERP, side=ASK, price_ticks=11_000, reduce_only=True)
    assert exchange.engine.ask(closing, at_ns=exchange.at_ns) == q.MaxLots(lots=1_000)


# -- closing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (c.FreezeAccount(account=NOBODY), Reject.UNKNOWN_ACCOUNT),
        (c.CloseAccount(account=NOBODY), Reject.UNKNOWN_ACCOUNT),
        (c.ReopenAccount(account=NOBODY), Reject.UNKNOWN_ACCOUNT),
        # Also an empty one.
        (c.CloseAccount(account=DAVE), Reject.MAIN_ACCOUNT),
        (c.ReopenAccount(account=SUB), Reject.ACCOUNT_NOT_CLOSED),
    ],
)
def test_changing_the_state_refuses(command: c.AnyCommand, code: Reject) -> None:
    assert family().refuse(command) is code


def with_money(exchange: Exchange) -> None:
    exchange.deposit(SUB, "BTC", 1)


def with_a_lend(exchange: Exchange) -> None:
    exchange.deposit(SUB, "USDC", 5)
    exchange.accept(c.Lend(account=SUB, asset="USDC", amount_atoms=5))


def with_a_debt(exchange: Exchange) -> None:
    exchange.deposit(SUB, "USDC", 1_000 * USD)
    exchange.accept(c.Borrow(account=SUB, asset="SOL", amount_atoms=SOL))


def with_an_order(exchange: Exchange) -> None:
    exchange.deposit(SUB, "USDC", 90 * USD)
    exchange.limit(SUB, BID, 100, 9_000)


def with_a_position(exchange: Exchange) -> None:
    exchange.deposit(SUB, "USDC", 1_000 * USD)
    exchange.limit(BOB, ASK, 100, 10_000, PERP)
    exchange.limit(SUB, BID, 100, 10_000, PERP)


def with_what_is_not_settled(exchange: Exchange) -> None:
    with_a_position(exchange)
    exchange.limit(BOB, BID, 100, 10_100, PERP)
    exchange.limit(SUB, ASK, 100, 10_100, PERP)


def with_a_trigger(exchange: Exchange) -> None:
    stop = v.Conditions(trigger=v.Trigger(price_ticks=8_000))
    exchange.accept(limit(SUB, BID, lots=100, price_ticks=8_000, market=PERP, conditions=stop))


def with_a_strategy(exchange: Exchange) -> None:
    exchange.accept(strategy())


def with_a_request(exchange: Exchange) -> None:
    exchange.accept(c.RequestQuote(account=SUB, market="SOL_USDC", side=BID, lots=100))


def with_a_quote(exchange: Exchange) -> None:
    for account in (BOB, CAROL):
        asked = exchange.accept(
            c.RequestQuote(account=account, market="SOL_USDC", side=BID, lots=100)
        )
        exchange.accept(quote_of(asked.terms.rfq))


def with_a_backstop(exchange: Exchange) -> None:
    exchange.accept(backstop())


def with_a_withdrawal(exchange: Exchange) -> None:
    exchange.deposit(SUB, "USDC", 5)
    exchange.accept(c.RequestWithdrawal(account=SUB, asset="USDC", amount_atoms=5, withdrawal=1))


@pytest.mark.parametrize(
    ("prepare", "left"),
    [
        (with_money, "BTC available"),
        (with_a_lend, "USDC lent"),
        (with_a_debt, "USDC available, SOL available, SOL owed"),
        (with_an_order, "USDC locked, an open order"),
        (with_a_position, f"USDC available, a position in {PERP}"),
        (with_what_is_not_settled, f"USDC available, unsettled {PERP}"),
        (with_a_trigger, "a waiting order"),
        (with_a_strategy, "a running strategy"),
        (with_a_request, "a request for quote"),
        (with_a_quote, "2 quotes"),
        (with_a_backstop, "a backstop offer"),
        (with_a_withdrawal, "a withdrawal in flight"),
    ],
)
def test_an_account_that_is_not_empty_stays_open_and_says_what_is_left(
    prepare: Callable[[Exchange], None], left: str
) -> None:
    exchange = family()
    prepare(exchange)
    (refused,) = exchange.apply(CLOSE)
    assert isinstance(refused, e.CommandRejected)
    assert refused.code is Reject.ACCOUNT_NOT_EMPTY
    assert refused.details["left"] == left
    assert left in refused.message
    assert exchange.engine.state.accounts[SUB].state is AccountState.OPEN


def test_an_account_that_has_traded_is_closed_once_all_is_settled_and_moved_out() -> None:
    exchange = family()
    with_what_is_not_settled(exchange)
    exchange.accept(c.Lend(account=SUB, asset="USDC", amount_atoms=400 * USD))
    for _ in range(3):
        exchange.wait(3_600)
        exchange.accept(c.AutoRealize(market=PERP))
    most = exchange.engine.ask(
        q.MaxTransfer(account=SUB, destination=ALICE, asset="USDC"), at_ns=exchange.at_ns
    )
    assert isinstance(most, q.MaxAmount)
    exchange.accept(replace(moved_out(), amount_atoms=most.amount_atoms))
    closed = exchange.accept(CLOSE)
    assert closed == e.AccountStateChanged(account=SUB, state=AccountState.CLOSED)
    exchange.accept(c.AutoRealize(market=PERP))
    exchange.accept(c.PayFunding(market=PERP))
    check(exchange.engine.state)


def test_a_lend_worth_less_than_an_atom_is_left_to_the_pool() -> None:
    """Indexes begin at 1 and grow, so only a write-off brings a lend there."""
    exchange = family()
    exchange.deposit(SUB, "USDC", 3)
    exchange.accept(c.Lend(account=SUB, asset="USDC", amount_atoms=3))
    state = exchange.engine.state
    pool, held = state.pools["USDC"], state.accounts[SUB].holdings["USDC"]
    # As a write-off of three quarters of all lends would leave them.
    bucket = pool.buckets[0]
    pool.reserve += bucket.scaled * (3 * RAY // 4)
    bucket.index -= 3 * RAY // 4
    pool.anchor()
    assert (held.lend_scaled, pool.lend_atoms(held.lend_scaled)) == (3, 0)
    assert exchange.refuse(c.Redeem(account=SUB, asset="USDC", amount_atoms=1)) is (
        Reject.INSUFFICIENT_LEND
    )
    reserve = pool.reserve
    exchange.accept(CLOSE)
    assert (held.lend_scaled, pool.reserve - reserve) == (0, 3 * RAY // 4)
    check(state)


@pytest.mark.parametrize(
    "command",
    [
        *OPENING,
        *(one for one in REDUCING if not isinstance(one, c.CreditDeposit)),
        c.CancelOrder(account=SUB, market=PERP, client_id=1),
        c.CancelStrategy(account=SUB, market=PERP, client_id=1),
        c.CancelQuoteRequest(account=SUB, rfq=1),
        c.SweepFunds(account=ALICE, other=SUB, asset="USDC", keep_atoms=0),
        moved_out(OTHER_SUB, SUB),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_closed_account_may_not(command: c.AnyCommand) -> None:
    exchange = family()
    exchange.accept(CLOSE)
    (refused,) = exchange.apply(command)
    assert isinstance(refused, e.CommandRejected)
    assert (refused.code, refused.details) == (Reject.ACCOUNT_CLOSED, {"account": SUB})
    assert "reopen it" in refused.message


def test_money_that_arrives_for_a_closed_account_is_its_main_accounts() -> None:
    exchange = family()
    exchange.accept(CLOSE)
    before = exchange.available(ALICE, "USDC")
    told = exchange.accept(c.CreditDeposit(account=SUB, asset="USDC", amount_atoms=50, arrival=7))
    assert told == e.DepositCredited(account=ALICE, asset="USDC", amount_atoms=50, arrival=7)
    assert exchange.available(ALICE, "USDC") == before + 50
    # Also while that is frozen.
    exchange.accept(replace(FREEZE, account=ALICE))
    exchange.deposit(SUB, "USDC", 1)
    assert exchange.available(ALICE, "USDC") == before + 51
    check(exchange.engine.state)


def test_a_reopened_account_is_as_it_was() -> None:
    exchange = family()
    exchange.accept(c.UpdateAccount(account=SUB, leverage_limit=3))
    exchange.accept(CLOSE)
    assert exchange.accept(REOPEN).state is AccountState.OPEN
    assert exchange.mirror.settings[SUB].leverage_limit == 3
    exchange.deposit(SUB, "USDC", 1_000 * USD)
    exchange.limit(SUB, BID, 100, 9_000)
    assert exchange.refuse(REOPEN) is Reject.ACCOUNT_NOT_CLOSED


def test_a_snapshot_keeps_states_and_one_of_the_fourth_version_has_all_open() -> None:
    exchange = busy()
    exchange.accept(FREEZE)
    exchange.accept(replace(CLOSE, account=OTHER_SUB))
    state = exchange.engine.state
    exchange.engine = Engine(load_state(dump_state(state)))
    assert digest(exchange.engine.state) == digest(state)
    assert exchange.refuse(OPENING[0]) is Reject.ACCOUNT_FROZEN
    assert exchange.refuse(moved_out(ALICE, OTHER_SUB)) is Reject.ACCOUNT_CLOSED
    content = snapshot._content(state)
    content["version"] = 4
    content["accounts"] = [item[:-1] for item in content["accounts"]]
    older = load_state(msgspec.msgpack.encode(content))
    assert not older.shut
    assert {account.state for account in older.accounts.values()} == {AccountState.OPEN}
