"""Maximum quantities: the largest is accepted, one step more is refused; asking leaves no trace.

Each answer is tried on twins of the exchange, by the real commands.
"""

import pickle
from collections.abc import Callable
from functools import partial
from itertools import accumulate, product
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import questions as q
from engine import vocabulary as v
from engine.catalog import MarketState, PoolState
from engine.copies import suppose
from engine.engine import Engine
from engine.kinds import OrderStatus
from engine.ladder import Ladder
from engine.matching import sweep
from engine.orders import order_of
from engine.rejects import Reject
from engine.snapshot import dump_state, load_state
from engine.units import AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, Exchange
from tests.engine.machine import (
    ACCOUNTS,
    ASSETS,
    DEPOSITS,
    MARKETS,
    MEMBER,
    MID,
    PAIRS,
    SUB,
    ExchangeMachine,
)

OFFSETS = st.integers(min_value=-40, max_value=40)
# Thousandths of a maximum.
PARTS = st.sampled_from([100, 500, 900, 990, 1_000])
SIDES = st.sampled_from(v.Side)
SECONDS = st.sampled_from([0, 1, 61, 3_600, 100_000])


def ask(exchange: Exchange, question: q.AnyQuestion) -> q.AnyAnswer:
    """Ask, and look at everything there is before and after: nothing may have changed."""
    state = exchange.engine.state
    before = pickle.dumps(state)
    answer = exchange.engine.ask(question, at_ns=exchange.at_ns)
    assert pickle.dumps(state) == before, f"{question} left a trace"
    return answer


def attempt(exchange: Exchange, command: c.AnyCommand) -> e.Event:
    """Apply a command to a twin of the exchange, at the time of the question."""
    twin = Engine(load_state(dump_state(exchange.engine.state)))
    sequence, at_ns = exchange.sequence + 1, exchange.at_ns
    events = twin.apply(
        sequence=sequence, at_ns=at_ns, command_id=f"twin:{sequence}", command=command
    )
    return events[0]


def borrow(question: q.MaxBorrow, amount: int) -> c.AnyCommand:
    return c.Borrow(
        account=question.account, asset=question.asset, amount_atoms=amount, actor=question.actor
    )


def withdrawal(question: q.MaxWithdrawal, amount: int) -> c.AnyCommand:
    return c.RequestWithdrawal(
        account=question.account,
        asset=question.asset,
        amount_atoms=amount,
        withdrawal=10**9,
        auto_lend_redeem=question.auto_lend_redeem,
        auto_borrow=question.auto_borrow,
        actor=question.actor,
    )


def transfer(question: q.MaxTransfer, amount: int) -> c.AnyCommand:
    return c.TransferFunds(
        source=question.account,
        destination=question.destination,
        asset=question.asset,
        amount_atoms=amount,
        actor=question.actor,
    )


def order(question: q.MaxOrder, lots: int) -> c.AnyCommand:
    return c.PlaceOrder(
        account=question.account,
        market=question.market,
        side=question.side,
        type=v.OrderType.LIMIT if question.price_ticks else v.OrderType.MARKET,
        price_ticks=question.price_ticks,
        lots=lots,
        reduce_only=question.reduce_only,
        auto_lend_redeem=question.auto_lend_redeem,
        auto_borrow=question.auto_borrow,
        auto_borrow_repay=question.auto_borrow_repay,
        actor=question.actor,
    )


def check_amount(
    exchange: Exchange,
    question: q.MaxBorrow | q.MaxTransfer | q.MaxWithdrawal,
    command: Callable[[int], c.AnyCommand],
) -> int:
    """Return the maximum, after trying it and one atom more; 0 if every amount is refused."""
    answer = ask(exchange, question)
    if isinstance(answer, q.Unanswerable):
        assert attempt(exchange, command(1)) == answer.why
        return 0
    assert isinstance(answer, q.MaxAmount)
    most = answer.amount_atoms
    if most:
        assert not isinstance(attempt(exchange, command(most)), e.CommandRejected)
    assert isinstance(attempt(exchange, command(most + 1)), e.CommandRejected)
    return most


def check_borrow(exchange: Exchange, account: AccountId, asset: str, actor: int = 0) -> int:
    question = q.MaxBorrow(account=account, asset=asset, actor=actor)
    return check_amount(exchange, question, partial(borrow, question))


def check_withdrawal(exchange: Exchange, question: q.MaxWithdrawal) -> int:
    return check_amount(exchange, question, partial(withdrawal, question))


def check_transfer(
    exchange: Exchange, account: AccountId, destination: AccountId, asset: str, actor: int = 0
) -> int:
    """As above; a basket of one lets the same amount go."""
    question = q.MaxTransfer(account=account, destination=destination, asset=asset, actor=actor)
    most = check_amount(exchange, question, partial(transfer, question))
    for amount, is_accepted in ((most, most > 0), (most + 1, False)):
        basket = c.TransferBasket(
            source=account, destination=destination, amounts={asset: amount}, actor=actor
        )
        refused = isinstance(attempt(exchange, basket), e.CommandRejected)
        assert refused is not is_accepted, basket
    return most


def check_order(exchange: Exchange, question: q.MaxOrder) -> int | Reject:
    """Return the maximum, after trying it and one lot more, or why there is no answer."""
    answer = ask(exchange, question)
    market = exchange.engine.state.markets[question.market].market
    if isinstance(answer, q.Unanswerable):
        refused = attempt(exchange, order(question, market.min_lots))
        if isinstance(refused, oe.OrderPlaced):
            # A market order which meets nothing is accepted, and ends at once.
            assert answer.why.code is Reject.NO_PRICE
            assert (refused.status, refused.executed_lots) == (OrderStatus.EXPIRED, 0)
            return answer.why.code
        assert isinstance(refused, e.CommandRejected)
        if answer.why.code is Reject.NO_PRICE is not refused.code:
            # It meets nothing either, but whoever is short of margin may not even try.
            assert refused.code is Reject.INSUFFICIENT_MARGIN
            equity, needed = (
                int(refused.details[f"{name}_micros"]) for name in ("equity", "needed")
            )
            assert equity < needed
        else:
            assert refused == answer.why
        return answer.why.code
    assert isinstance(answer, q.MaxLots)
    most = answer.lots
    assert most == 0 or market.min_lots <= most <= market.max_lots
    if most:
        placed: Any = attempt(exchange, order(question, most))
        assert isinstance(placed, oe.OrderPlaced), placed
    more: Any = attempt(exchange, order(question, max(most + 1, market.min_lots)))
    if question.reduce_only and most:
        # It closes no more than the largest does.
        assert isinstance(more, oe.OrderPlaced)
        assert (more.terms.lots, more.status) == (placed.terms.lots, placed.status)
    else:
        assert isinstance(more, e.CommandRejected), more
    return most


def check_ladder(
    exchange: Exchange, account: AccountId, *, market: str, side: v.Side, price: int
) -> None:
    """Compare what a ladder says of many sizes with a sweep for each."""
    state = exchange.engine.state
    listing = state.markets[market].market
    supposed = suppose(
        state,
        state.accounts[account],
        at_ns=exchange.at_ns,
        assets=(listing.base, listing.quote),
        market=market,
    )
    copy, holder = supposed
    listed = copy.markets[market]
    command = c.PlaceOrder(account=account, market=market, side=side, price_ticks=price, lots=1)
    taker = order_of(copy, holder, command, price=price, lots=1)
    ladder = Ladder(copy, listed, taker)
    resting = [maker.lots_open for maker in state.orders.values() if maker.terms.market == market]
    sizes = {1, 7, 50, *resting, *accumulate(resting), 2 * sum(resting)}
    for lots in sorted({size + more for size in sizes for more in (0, 1)}, key=lambda n: n % 13):
        taker.lots_open = lots
        assert ladder.taken(lots) == sweep(copy, listed, taker), f"{lots} lots in {market}"


FLAGS = st.sampled_from(
    [
        {},
        {"auto_borrow": True},
        {"auto_borrow": True, "auto_lend_redeem": False},
        {"auto_lend_redeem": False},
    ]
)


class LimitsMachine(ExchangeMachine):
    """Questions between all the commands of the exchange's own machine."""

    def do(self, command: c.AnyCommand) -> e.Event:
        return self.exchange.apply(self._signed(command))[0]

    def actor_of(self, account: AccountId) -> int:
        """Return who asks for an account now."""
        return MEMBER if self.member_acts and account == ALICE else 0

    def use(
        self,
        question: q.MaxBorrow | q.MaxOrder | q.MaxTransfer | q.MaxWithdrawal,
        per_mille: int,
    ) -> None:
        """Use the given part of a maximum: so accounts come to the edge of what they may do."""
        question = msgspec.structs.replace(question, actor=self.actor_of(question.account))
        answer = self.exchange.engine.ask(question, at_ns=self.exchange.at_ns)
        if isinstance(question, q.MaxOrder):
            if isinstance(answer, q.MaxLots):
                # An empty book takes any quantity; that brings nobody to an edge.
                lots = min(answer.lots, 10**7) * per_mille // 1_000
                self.do(order(question, max(lots, 1)))
            return
        if not isinstance(answer, q.MaxAmount):
            return
        amount = answer.amount_atoms * per_mille // 1_000
        if amount and isinstance(question, q.MaxBorrow):
            self.do(borrow(question, amount))
        elif amount and isinstance(question, q.MaxWithdrawal):
            self.withdrawals += 1
            command = withdrawal(question, amount)
            self.do(msgspec.structs.replace(command, withdrawal=self.withdrawals))
        elif amount and isinstance(question, q.MaxTransfer):
            self.do(transfer(question, amount))

    @rule(account=ACCOUNTS, asset=ASSETS, part=PARTS)
    def borrow_most(self, account: AccountId, asset: str, part: int) -> None:
        self.use(q.MaxBorrow(account=account, asset=asset), part)

    @rule(account=ACCOUNTS, asset=ASSETS, part=PARTS, flags=FLAGS)
    def withdraw_most(
        self, account: AccountId, asset: str, part: int, flags: dict[str, bool]
    ) -> None:
        self.use(q.MaxWithdrawal(account=account, asset=asset, **flags), part)

    @rule(pair=PAIRS, asset=ASSETS, part=PARTS)
    def transfer_most(self, pair: tuple[AccountId, AccountId], asset: str, part: int) -> None:
        self.use(q.MaxTransfer(account=pair[0], destination=pair[1], asset=asset), part)

    @rule(account=ACCOUNTS, market=MARKETS, side=SIDES, offset=OFFSETS, part=PARTS, flags=FLAGS)
    def order_most(
        self,
        account: AccountId,
        market: str,
        side: v.Side,
        offset: int,
        part: int,
        flags: dict[str, bool],
    ) -> None:
        price = MID[market] + offset
        question = q.MaxOrder(account=account, market=market, side=side, price_ticks=price, **flags)
        self.use(question, part)

    @rule(
        account=ACCOUNTS,
        offset=st.one_of(st.none(), OFFSETS),
        flags=FLAGS,
        reduce_only=st.sampled_from([False, False, True]),
        seconds=SECONDS,
    )
    def ask_for_every_maximum(
        self,
        account: AccountId,
        offset: int | None,
        flags: dict[str, bool],
        reduce_only: bool,
        seconds: int,
    ) -> None:
        self.exchange.wait(seconds)
        # Of Alice a member asks, as far as his limits go.
        actor = self.actor_of(account)
        for asset in DEPOSITS:
            check_borrow(self.exchange, account, asset, actor)
            withdraws = q.MaxWithdrawal(account=account, asset=asset, actor=actor, **flags)
            check_withdrawal(self.exchange, withdraws)
            other = ALICE if account == SUB else SUB
            check_transfer(self.exchange, account, other, asset, actor)
        for market, side in product(MID, v.Side):
            price = None if offset is None else MID[market] + offset
            question = q.MaxOrder(
                account=account,
                market=market,
                side=side,
                price_ticks=price,
                reduce_only=reduce_only,
                actor=actor,
                **flags,
            )
            check_order(self.exchange, question)
            check_ladder(
                self.exchange, account, market=market, side=side, price=price or MID[market]
            )

    def teardown(self) -> None:
        """Ask where the run has led to, in another way for each account, and an hour later."""
        ways = product((None, -30, 30), ({}, {"auto_borrow": True}), (0, 3_600))
        offset, flags, seconds = list(ways)[self.exchange.sequence % 12]
        for account in (ALICE, BOB, CAROL, SUB):
            self.ask_for_every_maximum(
                account=account, offset=offset, flags=flags, reduce_only=False, seconds=seconds
            )


TestLimits = pytest.mark.no_cover(LimitsMachine.TestCase)
TestLimits.settings = settings(max_examples=50, stateful_step_count=40)


@pytest.fixture
def exchange() -> Exchange:
    """A pool of USDC and SOL to borrow from, and a book which alice meets from both sides."""
    made = Exchange()
    made.deposit(CAROL, "USDC", 1_000_000 * 10**6)
    made.deposit(CAROL, "SOL", 10_000 * 10**9)
    made.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=500_000 * 10**6))
    for market in ("SOL_USDC", "SOL_USDC_PERP"):
        made.limit(CAROL, ASK, 100_000, 10_100, market)
        made.limit(CAROL, BID, 100_000, 9_900, market)
    made.deposit(ALICE, "USDC", 1_000 * 10**6)
    return made


def test_the_maxima_of_a_fresh_account_can_be_told_by_hand(exchange: Exchange) -> None:
    # 1,000 of equity carry a debt of which a tenth is margin.
    assert check_borrow(exchange, ALICE, "USDC") == 10_000 * 10**6
    assert check_borrow(exchange, ALICE, "SOL") == 0, "nobody lends any"
    assert check_withdrawal(exchange, q.MaxWithdrawal(account=ALICE, asset="USDC")) == 10**9
    buy = q.MaxOrder(account=ALICE, market="SOL_USDC", side=BID, price_ticks=10_000)
    assert check_order(exchange, buy) == 1_000
    sell = q.MaxOrder(account=ALICE, market="SOL_USDC", side=ASK, price_ticks=10_000)
    assert check_order(exchange, sell) == 0
    # A twentieth is margin by the leverage limit, and a fee of 0.05 % is reserved besides.
    perp = q.MaxOrder(account=ALICE, market="SOL_USDC_PERP", side=BID, price_ticks=10_000)
    assert check_order(exchange, perp) == 1_000 * 10**6 * 10_000 // (100 * 10**4 * 505)


def test_what_is_lent_counts_as_far_as_the_order_or_withdrawal_may_redeem_it(
    exchange: Exchange,
) -> None:
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=400 * 10**6))
    assert check_borrow(exchange, ALICE, "USDC") == 0, "it must be redeemed before"
    for redeem, atoms in ((True, 10**9), (False, 600 * 10**6)):
        taken = q.MaxWithdrawal(account=ALICE, asset="USDC", auto_lend_redeem=redeem)
        assert check_withdrawal(exchange, taken) == atoms
        bought = q.MaxOrder(
            account=ALICE,
            market="SOL_USDC",
            side=BID,
            price_ticks=10_000,
            auto_lend_redeem=redeem,
        )
        assert check_order(exchange, bought) == atoms // 10**6


def test_a_transfer_takes_what_is_lent_and_leaves_what_margin_needs(exchange: Exchange) -> None:
    exchange.accept(c.OpenAccount(account=SUB, owner=ALICE))
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=400 * 10**6))
    assert check_transfer(exchange, ALICE, SUB, "USDC") == 10**9
    assert check_transfer(exchange, ALICE, SUB, "SOL") == 0
    assert check_transfer(exchange, ALICE, BOB, "USDC") == 0, "bob is somebody else"
    exchange.market(ALICE, BID, "SOL_USDC_PERP", lots=1_000)
    # Bought at 101.00, marked at 100.00, a fee of 0.505 is paid, a tenth must stay.
    assert check_transfer(exchange, ALICE, SUB, "USDC") == 1_000 * 10**6 - 10_505_000 - 10**8


def test_makers_who_could_not_borrow_all_they_sell_are_passed_over(exchange: Exchange) -> None:
    exchange.accept(c.Lend(account=CAROL, asset="SOL", amount_atoms=10 * 10**9))
    exchange.deposit(BOB, "USDC", 10_000 * 10**6)
    exchange.limit(BOB, ASK, 300, 10_000, auto_borrow=True)
    exchange.limit(CAROL, ASK, 200, 10_010)
    exchange.limit(BOB, ASK, 500, 10_020, auto_borrow=True)
    exchange.deposit(DAVE, "USDC", 10_000 * 10**6)
    # 2 SOL are left to borrow: neither of bob's orders could be taken whole.
    exchange.accept(c.Borrow(account=DAVE, asset="SOL", amount_atoms=75 * 10**8))
    check_ladder(exchange, ALICE, market="SOL_USDC", side=BID, price=10_100)
    buy = q.MaxOrder(account=ALICE, market="SOL_USDC", side=BID, price_ticks=10_100)
    # 200 lots of carol's for 200.20, and the rest at 101.00.
    assert check_order(exchange, buy) == 200 + (1_000 * 10**6 - 200_200_000) // 1_010_000


def test_a_reduce_only_order_may_close_what_no_other_order_closes_yet(exchange: Exchange) -> None:
    exchange.market(ALICE, BID, "SOL_USDC_PERP", lots=700)
    closing = q.MaxOrder(
        account=ALICE, market="SOL_USDC_PERP", side=ASK, price_ticks=10_500, reduce_only=True
    )
    assert check_order(exchange, closing) == 700
    exchange.limit(ALICE, ASK, 300, 10_400, "SOL_USDC_PERP", reduce_only=True)
    assert check_order(exchange, closing) == 400
    exchange.limit(ALICE, ASK, 400, 10_400, "SOL_USDC_PERP", reduce_only=True)
    assert check_order(exchange, closing) == 0


def test_an_account_short_of_margin_may_take_enough_to_have_it_again(exchange: Exchange) -> None:
    exchange.market(ALICE, BID, "SOL_USDC_PERP", lots=16_000)
    exchange.limit(ALICE, ASK, 12_000, 10_500, "SOL_USDC_PERP")
    exchange.prices(SOL=98 * 10**8)
    taker = q.MaxOrder(account=ALICE, market="SOL_USDC_PERP", side=ASK, price_ticks=9_900)
    # As much as only closes, and enough to leave little open to either side; nothing between.
    assert isinstance(attempt(exchange, order(taker, 4_000)), oe.OrderPlaced)
    assert isinstance(attempt(exchange, order(taker, 4_001)), e.CommandRejected)
    most = check_order(exchange, taker)
    assert isinstance(most, int)
    assert most > 10_000


def test_a_pool_or_a_market_that_is_shut_and_what_is_not_there(exchange: Exchange) -> None:
    exchange.accept(c.SetPoolState(asset="USDC", state=PoolState.REPAY_ONLY))
    assert check_borrow(exchange, ALICE, "USDC") == 0
    spot = q.MaxOrder(account=ALICE, market="SOL_USDC", side=BID)
    exchange.accept(c.SetMarketState(market="SOL_USDC", state=MarketState.CLOSED))
    assert check_order(exchange, spot) is Reject.MARKET_CLOSED
    empty = q.MaxOrder(account=ALICE, market="BTC_USDC", side=BID)
    assert check_order(exchange, empty) is Reject.NO_PRICE
    far = q.MaxOrder(account=ALICE, market="BTC_USDC", side=BID, price_ticks=1)
    assert check_order(exchange, far) is Reject.PRICE_OUT_OF_BAND
    nobody = AccountId(9)
    for question, code in (
        (q.MaxBorrow(account=nobody, asset="USDC"), Reject.UNKNOWN_ACCOUNT),
        (q.MaxBorrow(account=ALICE, asset="NONE"), Reject.UNKNOWN_ASSET),
        (q.MaxWithdrawal(account=nobody, asset="USDC"), Reject.UNKNOWN_ACCOUNT),
        (q.MaxWithdrawal(account=ALICE, asset="NONE"), Reject.UNKNOWN_ASSET),
        (q.MaxOrder(account=nobody, market="SOL_USDC", side=BID), Reject.UNKNOWN_ACCOUNT),
        (q.MaxOrder(account=ALICE, market="NONE", side=BID), Reject.UNKNOWN_MARKET),
    ):
        answer = ask(exchange, question)
        assert isinstance(answer, q.Unanswerable)
        assert (answer.why.code, bool(answer.why.message)) == (code, True)
