"""Points of equity are the same whenever and however often they are written, and add up."""

from typing import Any

import pytest

from engine.margin import unrealized, value_floor
from sequencer.inline import InlineEngine
from tests.trading import months as story
from tests.trading.months import EVERYBODY, Clock
from trading.equity_models import AssetPoint, EquityHour, EquityPoint
from trading.equity_points import last_hour, stand, write_closed_hours
from trading.worth import prices_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(live_engine: Any, monkeypatch: pytest.MonkeyPatch) -> Clock:
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


def test_a_late_hour_is_what_it_was_at_its_end(clock: Clock) -> None:
    """Whatever happens after an hour is taken back out of what stands."""
    story.live(clock, write_closed_hours)
    told = figures()
    assert len(told[2]) == 30
    assert {row[0] for row in told[0]} == set(EVERYBODY)
    for table in (EquityPoint, AssetPoint, EquityHour):
        table.objects.filter(at__gt=told[2][0][0]).delete()
    write_closed_hours()
    assert figures() == told
