"""Points of equity are the same whenever and however often they are written, and add up."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import quote_atoms_per_tick
from engine.margin import unrealized, value_floor
from engine.state import State
from lending.interest_lines import write_closed_hours as write_interest_lines
from lending.models import InterestPayment
from sequencer.inline import InlineEngine
from tests.engine.listings import ASSETS, INDEX_E8, MARKETS
from tests.trading import months as story
from tests.trading import three_days
from tests.trading.months import EVERYBODY, Clock
from trading import equity_points
from trading.equity_models import AssetPoint, EquityHour, EquityPoint
from trading.equity_points import last_hour, stand, standings, write_closed_hours
from trading.flows import Kind
from trading.funding_models import FundingPayment
from trading.holdings import Found, Moved, Open, Within
from trading.models import Fill
from trading.worth import EXTERNAL, Figures, Prices, figures_of, prices_now, total

pytestmark = pytest.mark.django_db


@pytest.fixture(name="clock")
def story_clock(live_engine: Any, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def figures() -> tuple[Any, ...]:
    """Return every point, without the numbers of rows."""
    names = [field.name for field in EquityPoint._meta.fields if field.name != "id"]
    parts = [field.name for field in AssetPoint._meta.fields if field.name != "id"]
    return (
        list(EquityPoint.objects.order_by("account_id", "at").values_list(*names)),
        list(AssetPoint.objects.order_by("account_id", "at", "asset").values_list(*parts)),
        list(EquityHour.objects.order_by("at").values_list("at", "accounts")),
    )


def test_what_accounts_are_worth_from_rows_is_what_the_engine_says(
    clock: Clock, live_engine: InlineEngine
) -> None:
    story.live(clock, write_closed_hours)
    state = live_engine.engine.state
    now = stand(EVERYBODY, prices_now(), since=last_hour())
    for number in EVERYBODY:
        account, worth = state.accounts[number], 0
        for symbol, holding in account.holdings.items():
            pool = state.pools[symbol]
            net = holding.available.atoms + holding.locked.atoms
            net += pool.lend_atoms(holding.lend_scaled, holding.bucket)
            net -= pool.debt_atoms(holding.debt_scaled)
            worth += value_floor(net, state.prices[symbol].now_e8, pool.asset)
        for position in account.positions.values():
            listed = state.markets[position.market]
            worth += unrealized(position, listed, state.mark_e8(listed))
            worth += listed.owed_funding(position)
        assert now[number].whole.worth == worth, number
        assert now[number].whole.moved == 0


def test_what_costs_and_interest_come_to_is_what_their_own_tables_say(clock: Clock) -> None:
    story.live(clock, write_both)
    now = stand(EVERYBODY, prices_now(), since=last_hour())
    until = last_hour()
    assert until is not None
    for number in EVERYBODY:
        paid = FundingPayment.objects.filter(account_id=number)
        assert now[number].whole.funding == sum(int(row.amount_atoms) for row in paid)
        # Fees in SOL and BTC have the price of their minute.
        fills = [*Fill.objects.filter(account_id=number, fee_asset="USDC")]
        assert -now[number].whole.fees >= sum(int(row.fee_atoms) for row in fills)
        lines = InterestPayment.objects.filter(account_id=number, hour__lt=until)
        in_dollars = sum(int(row.amount) for row in lines.filter(asset="USDC"))
        point = standings([number], until)[number].assets
        # Interest of positions is SOL's: of the perpetual's base.
        told = sum(point[asset].interest for asset in ("USDC", "SOL") if asset in point)
        assert told == in_dollars, number
    assert EquityPoint.objects.filter(account_id=story.BEN, at=until, interest__lt=0).exists()


def write_both() -> None:
    write_interest_lines()
    write_closed_hours()


def test_a_late_hour_is_what_it_was_at_its_end(clock: Clock) -> None:
    """Whatever happens after an hour is taken back out of what stands."""
    story.live(clock, write_closed_hours)
    told = figures()
    assert len(told[2]) == 30
    assert {row[0] for row in told[0]} == set(EVERYBODY)
    _forget_all_but_the_first(told)
    write_closed_hours()
    assert figures() == told


def test_a_job_that_is_killed_or_runs_twice_changes_nothing(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.live(clock, write_closed_hours, hours=10)
    told = figures()
    _forget_all_but_the_first(told)
    monkeypatch.setattr(equity_points, "ACCOUNTS_AT_ONCE", 3)
    write, chunks = equity_points._write_points, iter(range(100))

    def dies(*chunk: Any, **when: Any) -> int:
        # In the middle of each hour, once.
        if next(chunks) % 6 == 3:
            raise OSError("killed")
        return write(*chunk, **when)

    with monkeypatch.context() as patched:
        patched.setattr(equity_points, "_write_points", dies)
        for _ in told[2][1:]:
            with pytest.raises(OSError, match="killed"):
                write_closed_hours()
            assert EquityPoint.objects.filter(at__gt=last_hour()).exists()
    write_closed_hours()
    assert write_closed_hours() == {}
    EquityHour.objects.filter(at__gt=told[2][0][0]).delete()
    write_closed_hours()
    assert figures() == told


def _forget_all_but_the_first(told: tuple[Any, ...]) -> None:
    for table in (EquityPoint, AssetPoint, EquityHour):
        table.objects.filter(at__gt=told[2][0][0]).delete()


def test_hours_are_forgotten_and_days_are_kept_with_what_was_left_of_the_empty(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equity_points, "HOURS_KEPT", timedelta(hours=30))
    monkeypatch.setattr(equity_points, "ASSET_HOURS_KEPT", timedelta(hours=26))
    three_days.live(clock)
    hours = EquityPoint.objects.filter(account_id=three_days.MAIN, is_day=False)
    # Those of the last thirty hours, less the two midnights.
    assert hours.count() == 28
    assert AssetPoint.objects.filter(asset="USDC", is_day=False).dates("at", "day").count() == 2
    days = EquityPoint.objects.filter(is_day=True)
    assert days.filter(account_id=three_days.MAIN).count() == 3
    # Who was empty at the end of the day, and had lost 1.10, keeps what came and went.
    gone = days.get(account_id=three_days.GONE)
    assert (int(gone.equity), int(gone.inflow), gone.at.day) == (0, 1_100_000, 2)
    assert not EquityPoint.objects.filter(account_id=three_days.IDLE).exists()


# -- the arithmetic --------------------------------------------------------------------------------

_ATOMS = st.integers(-(10**15), 10**15)
_SYMBOLS = st.sampled_from([asset.symbol for asset in ASSETS])
_PERPS = [market.symbol for market in MARKETS if market.imf]
_MOVED = st.builds(
    Moved,
    kind=st.sampled_from([*Kind, *Within]),
    asset=_SYMBOLS,
    market=st.sampled_from(["", *(market.symbol for market in MARKETS)]),
    amount=_ATOMS,
    value=_ATOMS,
)
_FOUND = st.builds(
    Found,
    net=st.dictionaries(_SYMBOLS, _ATOMS),
    positions=st.lists(
        st.builds(Open, market=st.sampled_from(_PERPS), lots=_ATOMS, quote=_ATOMS), max_size=3
    ),
    moved=st.lists(_MOVED, max_size=12),
)


def _prices(sol: int) -> Prices:
    state = State()
    for asset in ASSETS:
        state.list_asset(asset)
    for market in MARKETS:
        pair = (state.assets[market.base], state.assets[market.quote])
        state.list_market(market, quote_atoms_per_tick(market, *pair) or 0)
    e8 = {**INDEX_E8, "SOL": sol, "SOL_USDC_PERP": sol, "BTC_USDC_PERP": sol * 7}
    return Prices(state.assets, state.markets, e8)


@given(st.lists(st.tuples(_FOUND, st.integers(0, 10**12)), min_size=1, max_size=4))
def test_profit_by_asset_is_profit_of_the_account_whatever_happens(
    steps: list[tuple[Found, int]],
) -> None:
    before: dict[str, Figures] = {}
    inflow = 0
    for found, sol in steps:
        prices = _prices(sol)
        now, _ = figures_of(found, prices, before)
        inflow += sum(one.value for one in found.moved if one.kind in EXTERNAL)
        whole = total(now.values())
        assert whole.moved == 0
        assert whole.inflow == inflow
        assert whole.result == sum(one.result for one in now.values()) == whole.worth - inflow
        equity = sum(prices.balance_micros(symbol, atoms) for symbol, atoms in found.net.items())
        equity += sum(prices.position_micros(position) for position in found.positions)
        assert whole.worth == equity
        before = now
