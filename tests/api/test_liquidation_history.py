"""What owners see of liquidations afterwards: their own step by step, and what others' did."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.services import create_sub_account
from engine.commands import CreditDeposit, FundInsurance, SetBackstop
from engine.vocabulary import Side
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from tests.api.test_notices import PERP, carol, prices
from trading.risk_models import Liquidation

__all__ = ["carol"]

OWN, OWN_QUERY = "/api/v1/x/liquidations", "xLiquidationQueryAll"
SHARES, SHARES_QUERY = "/api/v1/x/liquidations/shares", "xLiquidationShareQueryAll"
HISTORY = "/wapi/v1/history/position"
pytestmark = pytest.mark.django_db


def own(trader: Trader, *pairs: tuple[str, str]) -> list[Any]:
    answer = trader.get(OWN, OWN_QUERY, *pairs)
    assert answer.status_code == 200, answer.content
    return list(answer.json())


def shares(trader: Trader) -> list[Any]:
    answer = trader.get(SHARES, SHARES_QUERY)
    assert answer.status_code == 200, answer.content
    return list(answer.json())


def test_the_steps_add_up_to_what_became_of_the_position(
    alice: Trader, bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    accepted(FundInsurance(asset="USDC", amount_atoms=1_000 * 10**6))
    offer = 300 * 10**6
    accepted(SetBackstop(account=bob.id, market=PERP, minute_micros=offer, hour_micros=offer))
    alice.limit(PERP, Side.BID, ticks=9_445, lots=200)
    prices(live_engine, 9_450)
    (case,) = own(carol)
    assert (case["end"], case["endedAt"], case["equityAfter"]) == (None, None, None)
    prices(live_engine, 9_000)
    prices(live_engine, 9_000)
    (case,) = own(carol)
    assert case["end"] == "Bankrupt"
    assert Decimal(case["equityAfter"]) == Decimal(case["maintenanceMarginAfter"]) == Decimal(0)
    assert 0 < Decimal(case["equityBefore"]) < Decimal(case["maintenanceMarginBefore"])
    kinds = [step["kind"] for step in case["steps"]]
    assert set(kinds) >= {"Backstop", "Book", "Adl", "Fee", "Insurance"}
    traded = [step for step in case["steps"] if step["quantity"]]
    assert sum(Decimal(step["quantity"]) for step in traded) == 10
    assert {step["side"] for step in traded} == {"Ask"}
    fees = sum(Decimal(step["amount"]) for step in case["steps"] if step["kind"] == "Fee")
    assert Decimal(case["fees"]["USDC"]) == -fees > 0
    # The contract's rows say the same.
    fills = carol.get(
        "/wapi/v1/history/fills", "fillHistoryQueryAll", ("fillType", "AllLiquidation")
    ).json()
    assert sum(Decimal(fill["quantity"]) for fill in fills) == 10
    (position,) = carol.get(HISTORY, "positionHistoryQueryAll").json()
    assert (position["state"], position["liquidated"]) == ("Closed", "10")
    assert Decimal(position["liquidationFees"]) == Decimal(case["fees"]["USDC"])


def test_others_see_what_fell_to_them_and_not_whose_it_was(
    alice: Trader, bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    offer = 300 * 10**6
    accepted(SetBackstop(account=bob.id, market=PERP, minute_micros=offer, hour_micros=offer))
    prices(live_engine, 9_450)
    prices(live_engine, 9_000)
    prices(live_engine, 9_000)
    took = shares(bob)
    assert {row["kind"] for row in took} == {"BackstopTook"}
    assert {row["side"] for row in took} == {"Bid"}
    reduced = shares(alice)
    assert {row["kind"] for row in reduced} == {"Deleveraged"}
    assert {row["side"] for row in reduced} == {"Bid"}
    everything = sum(Decimal(row["quantity"]) for row in (*took, *reduced))
    assert everything == 10
    assert str(carol.id) not in str((took, reduced))
    assert own(bob) == own(alice) == []
    # ADL is none of their own liquidations, also where they have had one.
    once = {"equity_micros": 0, "margin_micros": 1, "closing_micros": 1}
    Liquidation.objects.create(
        **once, account_id=alice.id, sequence=1, started_at=timezone.now() - timedelta(days=1)
    )
    assert [one["steps"] for one in own(alice)] == [[]]
    rows = alice.get(HISTORY, "positionHistoryQueryAll").json()
    assert {(row["liquidated"], row["liquidationFees"]) for row in rows} == {("0", "0")}
    assert shares(carol) == []


def test_two_liquidations_keep_their_own_steps(
    bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    accepted(FundInsurance(asset="USDC", amount_atoms=1_000 * 10**6))
    offer = SetBackstop(account=bob.id, market=PERP, minute_micros=10**8, hour_micros=10**8)
    accepted(offer)
    prices(live_engine, 9_450)
    accepted(CreditDeposit(account=carol.id, asset="USDC", amount_atoms=15 * 10**6))
    prices(live_engine, 9_450)
    (first,) = own(carol)
    assert first["end"] == "Recovered"
    assert Decimal(first["equityAfter"]) >= Decimal(first["maintenanceMarginAfter"])
    closed = sum(Decimal(one["quantity"]) for one in first["steps"] if one["quantity"])
    assert 0 < closed < 10
    prices(live_engine, 8_000, seconds=3)
    second, again = own(carol)
    assert again == first
    assert second["id"] > first["id"]
    rest = sum(Decimal(one["quantity"]) for one in second["steps"] if one["quantity"])
    assert closed + rest == 10
    assert own(carol, ("limit", "1"), ("offset", "1")) == [first]
    assert [one["id"] for one in own(carol, ("sortDirection", "Asc"))] == [
        *(first["id"], second["id"])
    ]


@pytest.mark.parametrize("pair", [("limit", "51"), ("limit", "x"), ("offset", "-1")])
def test_a_wrong_page_is_refused(alice: Trader, pair: tuple[str, str]) -> None:
    assert alice.get(OWN, OWN_QUERY, pair).status_code == 400


def test_the_page_shows_the_steps_to_its_owner_alone(
    bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    prices(live_engine, 9_450)
    prices(live_engine, 9_000)
    prices(live_engine, 9_000)
    browser = Client()
    browser.force_login(carol.user)
    page = browser.get("/account/liquidations").content.decode()
    assert "Ended: nothing was left" in page
    assert 'data-step="Adl"' in page
    for number in ("0", "-1", "x", "9999", "1" * 30):
        assert browser.get("/account/liquidations", {"page": number}).status_code == 200
    browser.force_login(bob.user)
    assert browser.get("/account/liquidations", {"account": carol.id}).status_code == 404
    assert (
        "Nothing of this account was ever" in browser.get("/account/liquidations").content.decode()
    )
    assert Client().get("/account/liquidations").status_code == 302


def test_the_pages_requests_are_the_sessions_own(
    bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    prices(live_engine, 9_540)
    browser = Client(headers={"accept": "application/json"})
    assert browser.get("/trade/notices").status_code == 401
    browser.force_login(bob.user)
    assert browser.get("/trade/notices", {"account": carol.id}).status_code in (403, 404)
    assert browser.get("/trade/adl", {"account": carol.id}).status_code in (403, 404)
    browser.force_login(carol.user)
    told = browser.get("/trade/notices").json()
    assert told["unread"] == 1
    number = told["notices"][0]["id"]
    for wrong in ("", "x", "-1", "9" * 30, "٣"):
        assert browser.post("/trade/notices/read", {"id": wrong}).status_code == 400
    assert browser.post("/trade/notices/read", {"id": number}).json()["unread"] == 0
    assert browser.get("/trade/adl").json()[0]["symbol"] == PERP


def test_the_page_tells_of_every_account_of_its_user_and_of_no_other(
    bob: Trader, carol: Trader, live_engine: InlineEngine
) -> None:
    desk = create_sub_account(carol.user, "Desk")
    prices(live_engine, 9_540)
    browser = Client(headers={"accept": "application/json"})
    browser.force_login(carol.user)
    told = browser.get("/trade/notices", {"account": desk.pk}).json()
    assert [(one["account"], one["kind"]) for one in told["notices"]] == [("Main", "MarginCall")]
    assert told["unread"] == 1
    theirs = Client(headers={"accept": "application/json"})
    theirs.force_login(bob.user)
    number = told["notices"][0]["id"]
    empty = {"unread": 0, "notices": []}
    assert theirs.get("/trade/notices").json() == empty
    assert theirs.post("/trade/notices/read", {"id": number}).json() == empty
    assert browser.get("/trade/notices").json()["unread"] == 1
    read = browser.post("/trade/notices/read", {"id": number, "account": desk.pk})
    assert read.json()["unread"] == 0
