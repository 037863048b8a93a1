"""Rows tell of everything that changes a position: less all of it, nothing is left."""

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.commands import AutoRealize, CreditDeposit, FundInsurance
from engine.units import AccountId
from engine.vocabulary import Side
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from tests.api.test_notices import PERP, carol, prices
from tests.house_fixture import alice, bob, house
from tests.trading import months as story
from tests.trading.months import EVERYBODY, Clock
from trading.holdings import Open, holdings
from trading.models import Fill
from trading.risk_models import LiquidationPayment
from trading.worth import figures_of, prices_now, total

__all__ = ["alice", "bob", "carol", "house"]

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BTC_PERP = "BTC_USDC_PERP"


def nothing_is_left(accounts: list[AccountId]) -> None:
    assert Fill.objects.filter(account_id__in=accounts, market=PERP).exists()
    now = holdings(accounts, since=None, at=None)
    then = holdings(accounts, since=None, at=LONG_AGO)
    left: list[Open] = [one for found in then.values() for one in found.positions]
    assert left == []
    for account in accounts:
        figures, _ = figures_of(now[account], prices_now(), {})
        assert total(figures.values()).moved == 0


def kinds() -> dict[str, int]:
    paid: dict[str, int] = {}
    for row in LiquidationPayment.objects.all():
        paid[row.kind] = paid.get(row.kind, 0) + int(row.amount_atoms)
    return paid


def test_through_two_days_of_everything(live_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    story.live(Clock(monkeypatch), lambda: None)
    nothing_is_left(list(EVERYBODY))


def test_what_winners_bear_of_a_loss_that_nobody_can_pay(
    alice: Trader, bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    prices(live_engine, 8_000, seconds=20)
    paid = kinds()
    assert paid["LossCovered"] == -paid["LossShared"] > 0
    assert not {row.account_id for row in _of("LossShared")} & {carol.id}
    assert {row.account_id for row in _of("LossCovered")} == {carol.id}
    nothing_is_left([alice.id, bob.id, carol.id])


def test_a_profit_that_the_insurance_fund_buys_of_a_bankrupt_account(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    """Dora wins with BTC and loses more with SOL: the fund pays her profit to have it paid."""
    accepted(FundInsurance(asset="USDC", amount_atoms=10_000 * 10**6))
    dora = Trader("dora")
    accepted(CreditDeposit(account=dora.id, asset="USDC", amount_atoms=460 * 10**6))
    for market, side, ticks, lots in (
        (PERP, Side.BID, 10_000, 2_000),
        (BTC_PERP, Side.ASK, 500_000, 4_000),
    ):
        other = Side.ASK if side is Side.BID else Side.BID
        bob.limit(market, other, ticks=ticks, lots=lots)
        dora.limit(market, side, ticks=ticks, lots=lots)
    prices(live_engine, 10_000, seconds=6)
    prices(live_engine, 7_000, seconds=3, btc=49_000)
    for market in (PERP, BTC_PERP):
        accepted(AutoRealize(market=market, positions_max=500))
    paid = kinds()
    assert 0 < -paid["ClaimSold"] <= paid["Insurance"]
    nothing_is_left([alice.id, bob.id, dora.id])


def _of(kind: str) -> Any:
    return LiquidationPayment.objects.filter(kind=kind)
