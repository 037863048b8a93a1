"""Parameters of an asset that change: what acts at once, what stays, and who is looked at."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import listing
from engine import risk_events as re
from engine.catalog import Fraction, Haircut
from engine.interest import Base, growth
from engine.kinds import MarginStatus
from engine.snapshot import digest, dump_state, load_state
from engine.state import State
from engine.units import HOUR_NS, PPB, RAY, AccountId
from tests.engine.driver import ALICE, BOB, CAROL, Exchange
from tests.engine.listings import INDEX_E8, SOL, SOL_PERP, USDC
from tests.engine.test_liquidation import HUNDRED, PERP, Market

USD = 10**6
# A curve on which 10 % is earned at half of the utilization.
STEEP = replace(USDC.curve, slope1_ppb=600_000_000)


def borrowing() -> Exchange:
    """Return an exchange in which Alice owes 400 of Bob's 1,000 dollars against 10 SOL."""
    exchange = Exchange()
    exchange.deposit(BOB, "USDC", 1_000 * USD)
    exchange.accept(c.Lend(account=BOB, asset="USDC", amount_atoms=1_000 * USD))
    exchange.deposit(ALICE, "SOL", 10 * 10**9)
    exchange.accept(c.Borrow(account=ALICE, asset="USDC", amount_atoms=400 * USD))
    return exchange


def test_what_was_borrowed_costs_the_old_rate_until_now_and_the_new_one_from_now_on() -> None:
    exchange = borrowing()
    exchange.wait(600)
    before = exchange.engine.state.pools["USDC"]
    exchange.accept(c.UpdateAsset(asset=replace(USDC, curve=STEEP)))
    exchange.wait(600)
    exchange.accept(c.AccrueInterest(asset="USDC"))
    pool = exchange.engine.state.pools["USDC"]
    # U = 40 % of 85 %: of slopes of 6 % and of 60 %, ten minutes each.
    index = RAY
    for slope in (USDC.curve.slope1_ppb, STEEP.slope1_ppb):
        used = pool.debt_scaled * index * RAY // (pool.buckets[0].scaled * pool.buckets[0].index)
        rate = slope * used // USDC.curve.optimal_ppb
        index += growth(Base(RAY, index, (), 0, rate, 0), HOUR_NS // 6).debt_index
    assert before is pool
    assert abs(pool.debt_index - index) < RAY // 10**9
    assert pool.debt_index > RAY


def test_a_lender_who_asks_for_more_is_at_work_when_the_curve_gives_it() -> None:
    exchange = borrowing()
    exchange.deposit(CAROL, "USDC", 1_000 * USD)
    exchange.accept(
        c.SetLendTerms(account=CAROL, asset="USDC", min_rate_ppb=100_000_000),
    )
    exchange.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=1_000 * USD))
    lends = exchange.engine.state.pools["USDC"].tell_lends()
    assert [one.active_ppb for one in lends] == [PPB, 0]
    exchange.accept(c.UpdateAsset(asset=replace(USDC, curve=replace(STEEP, slope1_ppb=6 * PPB))))
    at_work = exchange.mirror.pools["USDC"].lends[1].active_ppb
    assert 0 < at_work <= PPB


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"haircut": Haircut(weight_ppb=25_000_000)}, id="it counts for little"),
        pytest.param({"haircut": Haircut(weight_ppb=0)}, id="or for nothing"),
    ],
)
def test_who_is_hurt_is_looked_at_with_the_next_prices(changes: dict[str, Haircut]) -> None:
    exchange = borrowing()
    exchange.prices(**INDEX_E8)
    assert exchange.engine.state.accounts[ALICE].margin_status is MarginStatus.HEALTHY
    exchange.accept(c.UpdateAsset(asset=replace(SOL, **changes)))
    exchange.wait(1)
    exchange.prices(**INDEX_E8)
    assert exchange.engine.state.accounts[ALICE].margin_status is not MarginStatus.HEALTHY
    # She may not go on as if nothing had happened.
    command = c.Borrow(account=ALICE, asset="USDC", amount_atoms=100 * USD)
    assert exchange.refuse(command) in ("INSUFFICIENT_MARGIN", "ACCOUNT_LIQUIDATING")


def test_a_maintenance_fraction_that_rises_is_noticed_as_well() -> None:
    market = Market()
    market.tick(HUNDRED)
    assert market.engine.state.accounts[ALICE].margin_status is MarginStatus.HEALTHY
    market.accept(
        c.UpdateMarket(market=replace(SOL_PERP, imf=Fraction(PPB // 10), mmf=Fraction(45_000_000)))
    )
    market.told.clear()
    market.tick(HUNDRED)
    assert [event.status for event in market.of(re.MarginStatusChanged)] == [MarginStatus.LOW]
    assert market.engine.state.markets[PERP].market.mmf == Fraction(45_000_000)


def test_it_is_noticed_if_changed_parameters_concern_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def careless(state: State, _holders: Iterable[int]) -> None:
        state.price_version += 1

    monkeypatch.setattr(listing, "_ask_anew", careless)
    with pytest.raises(AssertionError):
        test_a_maintenance_fraction_that_rises_is_noticed_as_well()


def test_a_snapshot_keeps_what_was_changed() -> None:
    exchange = borrowing()
    exchange.accept(c.UpdateAsset(asset=replace(USDC, curve=STEEP, fee_ppm=200_000)))
    again = load_state(dump_state(exchange.engine.state))
    assert digest(again) == digest(exchange.engine.state)
    assert again.assets["USDC"].curve == STEEP
    assert again.markets["SOL_USDC"].quote.curve == STEEP
    assert again.pools["USDC"].asset.fee_ppm == 200_000


def test_an_index_that_may_be_stale_from_now_on_is_watched_from_now_on() -> None:
    exchange = Exchange()
    exchange.accept(c.UpdateAsset(asset=replace(SOL, stale_ms=1_000)))
    exchange.wait(2)
    exchange.advance()
    assert exchange.engine.state.prices["SOL"].state == "Stale"


def test_an_account_that_holds_nothing_of_it_is_left_alone() -> None:
    exchange = borrowing()
    exchange.prices(**INDEX_E8)
    exchange.accept(c.UpdateAsset(asset=replace(SOL, dust_micros=0)))
    assert list(exchange.engine.state.guards.changed) == [AccountId(ALICE)]
