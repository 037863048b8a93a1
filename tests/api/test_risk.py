"""Accounts at risk from outside: what staff, the owner and the public see of a liquidation."""

from decimal import Decimal

import pytest

from engine.commands import FundInsurance, UpdatePrices
from engine.units import SECOND_NS
from engine.vocabulary import Side
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from tests.api.test_console_tables import staff
from tests.api.test_rest_lend_terms import act
from tests.api.test_rest_lending import move
from tests.engine_fixture import assert_tables_agree
from trading.risk_models import AccountRisk, Backstop, Liquidation, LiquidationPayment

PERP = "SOL_USDC_PERP"
pytestmark = pytest.mark.django_db


def prices(engine: InlineEngine, sol: int) -> None:
    """Let a second pass, with all prices told."""
    engine.ahead_ns += SECOND_NS
    e8 = 10**8
    accepted(UpdatePrices(prices_e8={"SOL": sol * e8, "BTC": 50_000 * e8, "USDC": e8}))


def test_staff_enter_a_backstop(alice: Trader, live_engine: InlineEngine) -> None:
    risk = staff("risk")
    for answer, offered in (
        ("nowhere 10 20", []),
        (f"{PERP} 10", []),
        (f"{PERP} 20 10", []),
        (f"{PERP} 10 20.5", [(10_000_000, 20_500_000)]),
        (f"{PERP} 0 0", [(0, 0)]),
    ):
        act(risk, "accounts_accountsettings", "offer_backstop", alice.id, answer=answer)
        rows = Backstop.objects.filter(account_id=alice.id, market=PERP)
        found = [(int(row.minute_micros), int(row.hour_micros)) for row in rows]
        assert found == offered, answer
        assert_tables_agree(live_engine)


def test_a_liquidation_is_told_to_its_owner_and_kept(
    alice: Trader, live_engine: InlineEngine
) -> None:
    accepted(FundInsurance(asset="USDC", amount_atoms=1_000 * 10**6))
    carol = Trader("carol")
    carol.deposit("USDC", 60)
    alice.limit(PERP, Side.ASK, ticks=10_000, lots=1_000)
    carol.limit(PERP, Side.BID, ticks=10_000, lots=1_000)
    prices(live_engine, 100)
    assert carol.get("/api/v1/account", "accountQuery").json()["liquidating"] is False
    # Nobody bids: she stays as she is, and may do nothing.
    live_engine.ahead_ns += SECOND_NS
    accepted(UpdatePrices(prices_e8={"SOL": 9_450 * 10**6, "BTC": 50_000 * 10**8, "USDC": 10**8}))
    assert carol.get("/api/v1/account", "accountQuery").json()["liquidating"] is True
    assert AccountRisk.objects.get(pk=carol.id).status == "Liquidating"
    assert_tables_agree(live_engine)
    refused = move(carol, "Borrow", "1", "SOL")
    assert (refused.status_code, refused.json()["code"]) == (400, "ACCOUNT_LIQUIDATING")
    # A gap: the insurance fund pays, and she owes nothing.
    prices(live_engine, 90)
    prices(live_engine, 90)
    assert carol.get("/api/v1/account", "accountQuery").json()["liquidating"] is False
    (case,) = Liquidation.objects.filter(account_id=carol.id)
    assert (case.end, int(case.end_equity_micros or 0)) == ("Bankrupt", 0)
    paid = LiquidationPayment.objects.filter(account_id=carol.id, kind="Insurance")
    assert sum(row.amount_atoms for row in paid) > Decimal(30 * 10**6)
    forced = ("fillType", "AllLiquidation")
    fills = carol.get("/wapi/v1/history/fills", "fillHistoryQueryAll", forced)
    assert {row["systemOrderType"] for row in fills.json()} == {"LiquidatePositionOnAdl"}
    assert carol.get("/api/v1/position", "positionQuery").json() == []
    assert_tables_agree(live_engine)
