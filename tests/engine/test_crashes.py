"""Bad days: who is liquidated, who pays, and that nothing is made or lost on the way."""

from msgspec.structs import replace

from engine import commands as c
from engine import order_events as oe
from engine import risk_events as re
from engine.catalog import PoolLimits
from engine.kinds import SystemOrder
from engine.units import PPB, AccountId
from tests.engine.driver import ASK, BID, BOB, CAROL, DAVE
from tests.engine.listings import ASSETS, SOL_PERP, USDC
from tests.engine.test_liquidation import HUNDRED, USD, Market

PERP = SOL_PERP.symbol
LEVERAGES = (1, 2, 3, 5, 8, 10, 15, 19)


def open_longs(market: Market) -> dict[int, AccountId]:
    """Have one account of each leverage go long a thousand dollars of SOL against Bob."""
    longs = {}
    for leverage in LEVERAGES:
        account = AccountId(3_000 + leverage)
        market.accept(c.OpenAccount(account=account, owner=account))
        market.deposit(account, "USDC", 1_010 * USD // leverage)
        market.limit(BOB, ASK, 1_000, 10_000, PERP)
        market.limit(account, BID, 1_000, 10_000, PERP)
        longs[leverage] = account
    return longs


def requote(market: Market, sol: int, lots: int) -> None:
    """Have Carol quote a few lots around the index, and nobody else."""
    market.accept(c.CancelAllOrders(account=CAROL, market=PERP))
    market.limit(CAROL, BID, lots, sol * 998 // 1_000, PERP)
    market.limit(CAROL, ASK, lots, sol * 1_002 // 1_000, PERP)


def test_a_fall_of_30_percent_in_ten_minutes_on_a_thin_book() -> None:
    market = Market(cash=10_000)
    longs = open_longs(market)
    market.accept(c.FundInsurance(asset="USDC", amount_atoms=1_000 * USD))
    market.tick(HUNDRED, seconds=6)
    market.told.clear()
    for step in range(100):
        sol = 10_000 - 30 * step
        requote(market, sol, lots=300)
        market.tick(sol * 10**6, seconds=6)
    market.tick(7_000 * 10**6, seconds=60)
    liquidated = {event.account for event in market.of(re.LiquidationStarted)}
    # Three times and more cannot bear 30 %; the others are left alone.
    assert liquidated == {longs[leverage] for leverage in LEVERAGES if leverage > 3}
    assert not market.engine.state.liquidations
    # The fall was slow enough for the book, but for the last dollar of one who had to wait.
    ends = [event for event in market.of(re.LiquidationEnded) if event.end.value == "Bankrupt"]
    assert [event.account for event in ends] == [longs[19]]
    assert 0 < sum(event.amount_atoms for event in market.of(re.InsurancePaid)) < USD
    assert not market.of(re.LossShared)
    # Who was on his other side was closed at the mark, and lost nothing by it.
    assert {
        fill.price_ticks - market.marks[fill.at_ns] // 10**6
        for fill in market.of(oe.OrderFilled)
        if fill.terms.system is SystemOrder.LIQUIDATE_ON_ADL
    } == {0}
    for leverage in (1, 2, 3):
        assert market.position(longs[leverage])[0] == 1_000


def test_a_gap_with_an_empty_fund_is_borne_by_the_other_side_and_nobody_else() -> None:
    market = Market(cash=10_000)
    longs = open_longs(market)
    market.tick(HUNDRED, seconds=6)
    before = {account: market.equity(account) for account in (CAROL, DAVE)}
    market.told.clear()
    market.tick(7_900 * 10**6, seconds=20)
    ruined = {event.account for event in market.of(re.LiquidationEnded)}
    assert ruined == {longs[leverage] for leverage in LEVERAGES if leverage >= 5}
    assert {market.equity(account) for account in ruined} == {0}
    assert {account: market.equity(account) for account in before} == before
    deleveraged = {
        fill.terms.account
        for fill in market.of(oe.OrderFilled)
        if fill.terms.system is SystemOrder.LIQUIDATE_ON_ADL
    }
    assert deleveraged == {*ruined, BOB}


def test_a_lender_is_liquidated_while_all_that_is_lent_is_borrowed() -> None:
    full = PoolLimits(max_utilization_ppb=PPB, throttle_threshold_ppb=PPB, throttle_bound_ppb=PPB)
    market = Market(cash=1_000, assets=(replace(USDC, limits=full), *ASSETS[1:]), lots=5_000)
    market.accept(c.Lend(account=market.alice, asset="USDC", amount_atoms=900 * USD))
    market.deposit(DAVE, "SOL", 100 * 10**9)
    market.accept(
        c.RequestWithdrawal(account=DAVE, asset="USDC", amount_atoms=99_000 * USD, withdrawal=1)
    )
    market.accept(c.Borrow(account=DAVE, asset="USDC", amount_atoms=900 * USD))
    assert market.engine.state.pools["USDC"].cash.atoms == 0
    market.limit(CAROL, BID, 10_000, 8_060, PERP)
    market.tick(HUNDRED, seconds=6)
    market.tick(8_100 * 10**6, seconds=30)
    assert market.of(re.LiquidationStarted)
    assert not market.is_liquidating()
    # She pays with what she lends, as it is: no cash was needed.
    market.accept(c.AutoRealize(market=PERP))
    assert market.equity() + market.lent(market.alice, "USDC") >= 0
    assert market.engine.state.pools["USDC"].cash.atoms >= 0


def test_who_hedges_is_reduced_too_and_told_by_whom_it_is_borne() -> None:
    # Eve is short what she holds; Bob is short the same with a hundred times the money.
    market = Market(cash=120)
    eve = AccountId(4_001)
    market.accept(c.OpenAccount(account=eve, owner=eve))
    market.deposit(eve, "SOL", 10 * 10**9)
    market.deposit(eve, "USDC", 20 * USD)
    market.limit(eve, ASK, 1_000, 10_000, PERP)
    market.limit(market.alice, BID, 1_000, 10_000, PERP)
    market.limit(eve, ASK, 100, 11_000, PERP)
    rests = market.limit(eve, ASK, 100, 11_000)
    market.tick(HUNDRED, seconds=6)
    before = {account: market.equity(account) for account in (market.alice, BOB, eve)}
    fees = market.engine.state.ledger.house_account("fees", "USDC").atoms
    market.told.clear()
    market.tick(8_000 * 10**6, seconds=20)
    reduced = [
        (fill.terms.account, fill.lots, fill.price_ticks)
        for fill in market.of(oe.OrderFilled)
        if fill.terms.system is SystemOrder.LIQUIDATE_ON_ADL and fill.terms.account != market.alice
    ]
    # The highest score first; the bankruptcy price of 94 is kept within 5 % of the mark.
    assert reduced == [(eve, 1_000, 8_400), (BOB, 1_000, 8_400)]
    # Her orders in the market are gone, her coins and their order are not touched.
    assert [event.terms.market for event in market.of(oe.OrderCancelled)] == [PERP]
    assert list(market.engine.state.accounts[eve].orders) == [rests.terms.order_id]
    assert (market.available(eve, "SOL"), market.locked(eve, "SOL")) == (9 * 10**9, 10**9)
    # What 84 could not cover is shared by who has won, to the atom.
    shared = {event.account: event.amount_atoms for event in market.of(re.LossShared)}
    after = {account: market.equity(account) for account in before}
    assert after[market.alice] == 0
    for account in (BOB, eve):
        assert after[account] == before[account] + 1_000 * 1_600 * 100 - shared[account]
    assert before[market.alice] + fees == 2 * 160 * USD - sum(shared.values())
    assert market.engine.state.ledger.house_account("fees", "USDC").atoms == 0
    assert {event.amount_atoms for event in market.of(re.InsurancePaid)} == {fees}
