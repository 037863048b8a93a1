"""The pools themselves: fees handed on by the hour, bad debt, insurance, what a state forbids."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import settlement_events as se
from engine import vocabulary as v
from engine.catalog import PoolLimits, PoolState, PriceState, RateCurve
from engine.invariants import check
from engine.pooling import RESERVE_KEPT_ATOMS
from engine.rejects import Reject
from engine.units import PPB, RAY, AccountId
from tests.engine.driver import ALICE, BOB, CAROL, DAVE, Exchange, limit
from tests.engine.listings import ASSETS, SOL_PERP, USDC

USD = 10**6
PERCENT = PPB // 100
FLAT = RateCurve(optimal_ppb=850_000_000, slope1_ppb=0, slope2_ppb=0, base_ppb=87_600_000)


def pooled(*, borrowed: int = 10_000, **asset: Any) -> Exchange:
    """Carol lends 20,000 dollars, Dave owes some; a flat 8.76 % a year is 0.001 % an hour."""
    dollar = replace(USDC, **{"curve": FLAT, **asset})
    exchange = Exchange(assets=(dollar, *ASSETS[1:]))
    exchange.at_ns += -exchange.at_ns % (3_600 * 10**9)
    exchange.accept(c.AccrueInterest(asset="USDC"))
    exchange.deposit(CAROL, "USDC", 20_000 * USD)
    exchange.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=20_000 * USD))
    exchange.deposit(DAVE, "BTC", 10 * 10**8)
    if borrowed:
        loan = c.Borrow(account=DAVE, asset="USDC", amount_atoms=borrowed * USD)
        exchange.accept(loan)
    return exchange


def house(exchange: Exchange, kind: str, asset: str = "USDC") -> int:
    return exchange.mirror.ledger[asset, f"{kind}:{asset}"]


@pytest.mark.parametrize(
    ("fee_ppm", "insurance_ppm", "fee"),
    [
        # An hour of 10,000 dollars is 100,000 atoms: a tenth of it is the fee.
        (100_000, 500_000, 10_000),
        (100_000, 0, 10_000),
        (100_000, 1_000_000, 10_000),
        (333_333, 333_333, 33_333),
        (1_000_000, 500_000, 100_000),
        (0, 500_000, 0),
    ],
)
def test_fees_are_handed_to_the_house_by_the_hour(
    fee_ppm: int, insurance_ppm: int, fee: int
) -> None:
    exchange = pooled(fee_ppm=fee_ppm, insurance_ppm=insurance_ppm)
    exchange.wait(3_599)
    first = exchange.accept(c.AccrueInterest(asset="USDC"))
    assert (first.insured_atoms, first.fees_atoms) == (0, 0)
    exchange.wait(1)
    answer = exchange.accept(c.AccrueInterest(asset="USDC"))
    # A little always stays, to give back what others have lost by rounding.
    swept = max(0, fee - RESERVE_KEPT_ATOMS)
    assert answer.insured_atoms + answer.fees_atoms == swept
    insured = -(-swept * insurance_ppm // 1_000_000)
    assert (answer.insured_atoms, house(exchange, "insurance")) == (insured, insured)
    assert (answer.fees_atoms, house(exchange, "fees")) == (swept - insured, swept - insured)
    # Once an hour.
    again = exchange.accept(c.AccrueInterest(asset="USDC"))
    assert (again.insured_atoms, again.fees_atoms) == (0, 0)
    check(exchange.engine.state)


def test_how_often_pools_are_accrued_changes_nothing() -> None:
    """Three buckets, the dearest not at work, over two days with a repayment in between."""
    rhythms = ([86_400], [3_600] * 24, [60] * 1_440, [1_799, 3, 84_598])
    ends = set()
    for rhythm in rhythms:
        exchange = pooled(borrowed=0, curve=USDC.curve)
        for account, rate in ((ALICE, 4), (BOB, 25)):
            exchange.deposit(account, "USDC", 20_000 * USD)
            rated = c.SetLendTerms(account=account, asset="USDC", min_rate_ppb=rate * PERCENT)
            exchange.accept(rated)
            lend = c.Lend(account=account, asset="USDC", amount_atoms=20_000 * USD)
            exchange.accept(lend)
        exchange.accept(c.Borrow(account=DAVE, asset="USDC", amount_atoms=30_000 * USD))
        for repaid in (5_000 * USD, 1):
            for seconds in rhythm:
                exchange.wait(seconds)
                exchange.accept(c.AccrueInterest(asset="USDC"))
            exchange.accept(c.Repay(account=DAVE, asset="USDC", amount_atoms=repaid))
        check(exchange.engine.state)
        pool = exchange.mirror.pools["USDC"]
        indexes = tuple(told.lend_index_ray for told in pool.lends)
        assert indexes[0] > indexes[1] > indexes[2] == RAY
        gone = (house(exchange, "fees") + house(exchange, "insurance")) * RAY
        ends.add((pool.debt_index_ray, indexes, pool.reserve_ray + gone))
    assert len(ends) == 1


def indebted(*, insurance: int = 0, clearing: bool = False, protected: bool = False) -> Exchange:
    """Return an exchange on which Alice owes 1,000 dollars and has nothing, or a protected lend."""
    exchange = pooled()
    if protected:
        exchange.deposit(ALICE, "SOL", 10**9)
        exchange.accept(c.SetLendTerms(account=ALICE, asset="SOL", as_collateral=False))
        exchange.accept(c.Lend(account=ALICE, asset="SOL", amount_atoms=10**9))
    exchange.deposit(ALICE, "USDC", 1_000 * USD)
    exchange.deposit(BOB, "USDC", 10_000 * USD)
    exchange.accept(c.UpdateAccount(account=BOB, auto_lend=True))
    for side, account in ((v.Side.ASK, BOB), (v.Side.BID, ALICE)):
        exchange.limit(account, side, 10_000, 10_000, SOL_PERP.symbol)
    if clearing:
        exchange.accept(c.UpdateAccount(account=BOB, auto_realize_pnl=False))
    # Alice pays a fee of 5 and has lost 2,000: she owes 1,005; Bob buys back, and she is closed.
    exchange.prices(SOL=80 * 10**8)
    exchange.accept(c.AutoRealize(market=SOL_PERP.symbol))
    exchange.limit(BOB, v.Side.BID, 10_000, 8_000, SOL_PERP.symbol)
    closing = limit(
        ALICE, v.Side.ASK, lots=10_000, price_ticks=8_000, market=SOL_PERP.symbol, reduce_only=True
    )
    exchange.accept(closing)
    if insurance:
        exchange.accept(c.FundInsurance(asset="USDC", amount_atoms=insurance * USD))
    return exchange


WRITE_OFF = c.WriteOffDebt(account=ALICE, asset="USDC")


@pytest.mark.parametrize("insurance", [0, 300, 5_000])
@pytest.mark.parametrize("hours", [0, 100])
def test_a_debt_is_borne_by_reserve_then_insurance_then_lenders(insurance: int, hours: int) -> None:
    exchange = indebted(insurance=insurance)
    exchange.wait(hours * 3_600)
    state = exchange.engine.state
    pool = state.pools["USDC"]
    pool.accrue(exchange.at_ns)
    owed, reserve = exchange.engine.state.accounts[ALICE].holdings["USDC"].debt_scaled, 0
    owed, reserve = pool.debt_atoms(owed), pool.reserve // RAY
    assert owed >= 1_000 * USD
    assert (reserve > 10**5) == (hours > 0)
    lent = {who: pool.lend_atoms(_lend(exchange, who)) for who in (BOB, CAROL)}
    told = exchange.accept(WRITE_OFF)
    check(state)
    assert told.amount_atoms == owed
    assert told.reserve_atoms == min(reserve, owed)
    assert told.insured_atoms == min(insurance * USD, owed - told.reserve_atoms)
    lost = owed - told.reserve_atoms - told.insured_atoms
    assert abs(told.lenders_atoms - lost) <= 1
    assert exchange.owed(ALICE, "USDC") == 0
    assert house(exchange, "insurance") == insurance * USD - told.insured_atoms
    # Lenders bear it in proportion to what they lend.
    total = sum(lent.values())
    for who, before in lent.items():
        share = lost * before // total
        assert abs(before - exchange.lent(who, "USDC") - share) <= 2
    # The account is free, and the pool lends no more until it is opened.
    assert exchange.refuse(WRITE_OFF) is Reject.NOTHING_OWED
    loan = c.Borrow(account=DAVE, asset="USDC", amount_atoms=USD)
    assert exchange.refuse(loan) is Reject.BORROWING_CLOSED
    exchange.accept(c.SetPoolState(asset="USDC", state=PoolState.OPEN))
    exchange.accept(loan)


def _lend(exchange: Exchange, account: AccountId) -> int:
    return exchange.mirror.balance(account, "USDC").lend_scaled


def test_what_waits_for_winners_shares_the_loss_and_nothing_is_advanced_until_it_is_whole() -> None:
    exchange = indebted(clearing=True)
    state = exchange.engine.state
    clearing = state.markets[SOL_PERP.symbol].perp_clearing()
    # Bob was closed by what he bought; another pair opens, in which the winner waits.
    exchange.accept(c.UpdateAccount(account=CAROL, auto_realize_pnl=False))
    exchange.accept(c.SetLendTerms(account=CAROL, asset="USDC"))
    for side, account in ((v.Side.BID, BOB), (v.Side.ASK, CAROL)):
        exchange.limit(account, side, 1_000, 8_000, SOL_PERP.symbol)
    exchange.prices(SOL=100 * 10**8)
    exchange.accept(c.UpdateAccount(account=CAROL, auto_realize_pnl=True))
    exchange.accept(c.AutoRealize(market=SOL_PERP.symbol))
    # Carol has paid 200, which wait for Bob: lent.
    lent = state.pools["USDC"].lend_atoms(clearing.lend_scaled)
    assert lent >= 200 * USD
    exchange.accept(WRITE_OFF)
    check(state)
    short = lent - state.pools["USDC"].lend_atoms(clearing.lend_scaled)
    assert 5 * USD < short < 15 * USD
    assert abs(clearing.rounding_ray // RAY - short) <= 2
    # Bob asks for his profit; Carol, off again, has a loss that could carry a loan to pay him.
    exchange.accept(c.UpdateAccount(account=BOB, auto_realize_pnl=True))
    exchange.accept(c.UpdateAccount(account=CAROL, auto_realize_pnl=False))
    exchange.accept(c.SetPoolState(asset="USDC", state=PoolState.OPEN))
    exchange.prices(SOL=110 * 10**8)
    told = list(exchange.apply(c.AutoRealize(market=SOL_PERP.symbol)))
    answer = told[0]
    assert isinstance(answer, se.MarketRealized)
    assert (answer.due_atoms, answer.advanced_atoms) == (300 * USD, 0)
    assert abs(answer.paid_atoms - (lent - short)) <= 2
    for _ in range(20):
        exchange.wait(180_000)
        for command in (c.AccrueInterest(asset="USDC"), c.AutoRealize(market=SOL_PERP.symbol)):
            told += exchange.apply(command)
            check(state)
    # The pool's fees make it whole with time, before the house has any; then Bob is paid in full.
    assert clearing.rounding_ray < RAY
    paid = [x.amount_atoms for x in told if isinstance(x, se.ProfitRealized) and x.account == BOB]
    assert abs(sum(paid) - 300 * USD) < USD


def test_a_debt_with_a_lend_behind_it_is_covered_be_it_collateral_or_not() -> None:
    exchange = indebted(protected=True)
    assert exchange.refuse(WRITE_OFF) is Reject.DEBT_IS_COVERED
    exchange.accept(c.Redeem(account=ALICE, asset="SOL", amount_atoms=10**9))
    assert exchange.refuse(WRITE_OFF) is Reject.DEBT_IS_COVERED


def test_a_debt_is_covered_by_orders_positions_and_what_is_on_its_way_out() -> None:
    exchange = indebted()
    state = exchange.engine.state
    out = c.RequestWithdrawal(account=ALICE, asset="SOL", amount_atoms=10**9, withdrawal=1)
    exchange.deposit(ALICE, "SOL", 30 * 10**9)
    exchange.accept(out)
    exchange.limit(ALICE, v.Side.BID, 1, 8_000, SOL_PERP.symbol)
    exchange.accept(c.CancelAllOrders(account=ALICE))
    account = state.accounts[ALICE]
    assert exchange.refuse(WRITE_OFF) is Reject.DEBT_IS_COVERED
    # With the SOL gone somewhere, the withdrawal alone is enough to refuse.
    sol = account.holding("SOL").available
    state.ledger.transfer(sol, state.ledger.house_account("fees", "SOL"), sol.atoms, kind="fee")
    state.record.clear()
    assert exchange.refuse(WRITE_OFF) is Reject.DEBT_IS_COVERED
    exchange.accept(c.SettleWithdrawal(withdrawal=1))
    exchange.accept(WRITE_OFF)


@pytest.mark.parametrize("insurance", [0, 2 * USD])
def test_lenders_are_not_left_with_nothing(insurance: int) -> None:
    """Alice owes all that there is: without insurance a lend would be worth nothing."""
    limits = PoolLimits(max_utilization_ppb=PPB, throttle_threshold_ppb=PPB, throttle_bound_ppb=PPB)
    exchange = Exchange(assets=(replace(USDC, limits=limits), *ASSETS[1:]))
    exchange.deposit(BOB, "USDC", 1_000 * USD)
    exchange.accept(c.UpdateAccount(account=BOB, auto_lend=True))
    exchange.deposit(ALICE, "USDC", 1_000 * USD)
    exchange.deposit(ALICE, "BTC", 10**6)
    exchange.accept(c.AutoLend(asset="USDC"))
    for side, account in ((v.Side.ASK, BOB), (v.Side.BID, ALICE)):
        exchange.limit(account, side, 10_000, 10_000, SOL_PERP.symbol)
    # Bob's gain of 9,000 is lent to him by what Alice now owes. One update liquidates nobody while
    # the price is in doubt.
    doubted = {"SOL": PriceState.DEGRADED}
    exchange.accept(c.UpdatePrices(prices_e8={"SOL": 10 * 10**8}, states=doubted))
    exchange.accept(c.AutoRealize(market=SOL_PERP.symbol))
    exchange.limit(BOB, v.Side.BID, 10_000, 1_000, SOL_PERP.symbol)
    closing = limit(
        ALICE, v.Side.ASK, lots=10_000, price_ticks=1_000, market=SOL_PERP.symbol, reduce_only=True
    )
    exchange.accept(closing)
    state = exchange.engine.state
    holding = state.accounts[ALICE].holdings["BTC"]
    taken = state.ledger.house_account("fees", "BTC")
    state.ledger.transfer(holding.available, taken, holding.available.atoms, kind="fee")
    state.record.clear()
    pool = state.pools["USDC"]
    # Bob takes what cash there is: behind the rest of his lend there is nothing but the debt.
    exchange.accept(c.Redeem(account=BOB, asset="USDC", amount_atoms=pool.cash.atoms))
    assert (pool.cash.atoms, pool.borrowed_ray) == (0, pool.lent_ray + pool.reserve)
    if insurance:
        exchange.accept(c.FundInsurance(asset="USDC", amount_atoms=insurance))
        exchange.accept(WRITE_OFF)
        assert abs(exchange.lent(BOB, "USDC") - insurance) <= 2
        # Whoever lends now lends as ever.
        exchange.accept(c.SetPoolState(asset="USDC", state=PoolState.OPEN))
        exchange.deposit(BOB, "USDC", 10 * USD)
        assert abs(exchange.lent(BOB, "USDC") - insurance - 10 * USD) <= 3
    else:
        assert exchange.refuse(WRITE_OFF) is Reject.HOUSE_FUNDS
    check(state)


ORDER = limit(ALICE, v.Side.BID, lots=100, price_ticks=10_000, auto_borrow=True)
OUT = c.RequestWithdrawal(
    account=ALICE, asset="USDC", amount_atoms=USD, withdrawal=1, auto_borrow=True
)


@pytest.mark.parametrize(
    ("command", "repay_only", "closed"),
    [
        (c.Borrow(account=ALICE, asset="USDC", amount_atoms=USD), "BORROWING_CLOSED", None),
        (ORDER, "BORROWING_CLOSED", None),
        (OUT, "BORROWING_CLOSED", None),
        (c.Lend(account=BOB, asset="USDC", amount_atoms=USD), "", "LENDING_CLOSED"),
        (c.Redeem(account=CAROL, asset="USDC", amount_atoms=USD), "", ""),
        (c.Repay(account=DAVE, asset="USDC", amount_atoms=USD), "", ""),
        (c.AutoLend(asset="USDC"), "", ""),
        (c.SetLendTerms(account=CAROL, asset="USDC", cap_atoms=0), "", ""),
    ],
    ids=lambda x: type(x).__name__,
)
@pytest.mark.parametrize("state", PoolState)
def test_what_a_pool_accepts_in_each_state(
    command: c.AnyCommand, repay_only: str, closed: str | None, state: PoolState
) -> None:
    expected = {
        PoolState.OPEN: "",
        PoolState.REPAY_ONLY: repay_only,
        PoolState.CLOSED: repay_only if closed is None else closed,
    }[state]
    exchange = pooled()
    exchange.deposit(ALICE, "BTC", 10**8)
    exchange.deposit(BOB, "USDC", 100 * USD)
    told = exchange.accept(c.SetPoolState(asset="USDC", state=state))
    assert (told.state, exchange.mirror.pools["USDC"].state) == (state, state)
    if expected:
        assert exchange.refuse(command) == expected
    else:
        exchange.accept(command)
    if isinstance(command, c.AutoLend):
        exchange.accept(c.UpdateAccount(account=BOB, auto_lend=True))
        lent = exchange.accept(command).amount_atoms
        assert lent == (0 if state is PoolState.CLOSED else 100 * USD)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (c.SetPoolState(asset="XRP", state=PoolState.OPEN), Reject.UNKNOWN_ASSET),
        (c.FundInsurance(asset="XRP", amount_atoms=1), Reject.UNKNOWN_ASSET),
        (c.FundInsurance(asset="USDC", amount_atoms=0), Reject.INVALID_AMOUNT),
        (c.FundInsurance(asset="USDC", amount_atoms=2**63), Reject.INVALID_AMOUNT),
        (c.WriteOffDebt(account=AccountId(9), asset="XRP"), Reject.UNKNOWN_ACCOUNT),
        (c.WriteOffDebt(account=ALICE, asset="XRP"), Reject.UNKNOWN_ASSET),
        (c.WriteOffDebt(account=ALICE, asset="SOL"), Reject.NOTHING_OWED),
        (c.WriteOffDebt(account=DAVE, asset="USDC"), Reject.DEBT_IS_COVERED),
    ],
    ids=str,
)
def test_what_the_house_may_not_do(command: c.AnyCommand, code: Reject) -> None:
    assert pooled().refuse(command) is code
