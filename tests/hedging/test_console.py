"""The desk in the console: who may do what, and that every act is in the trail."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from compliance.models import AuditRecord
from hedging import services, tasks
from hedging.models import Desk, HedgeOrder, InsuredProfit
from sequencer.models import JournalEntry
from tests.api.house import Trader
from tests.api.test_console_tables import staff
from tests.hedging.conftest import MARKET, inherit

DESKS = "admin:hedging_desk_changelist"
FORM = "admin:hedging_desk_desk_page"
REASON = {"reason": "As agreed in the morning"}
TERMS = {
    "market": "BTC_USDC_PERP",
    "venue": "elsewhere",
    "venue_symbol": "BTC/USDC:USDC",
    "limit_usd": "50000",
    "slippage_percent": "0.25",
    "max_order": "1.5",
    "paper": "on",
}


def act(client: Client, desk: Desk, name: str, answer: str = "") -> str:
    form = {"action": name, "_selected_action": [desk.pk], "confirmed": "1", "answer": answer}
    page = client.post(reverse(DESKS), form | REASON, follow=True)
    desk.refresh_from_db()
    return page.content.decode()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do at once what the console asks of the jobs."""
    task = tasks.hedge_desk
    monkeypatch.setattr(task, "apply_async", lambda kwargs, expires: task(**kwargs))


def test_the_page_shows_how_each_desk_stands(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    services.hedge(MARKET)
    services.hedge(MARKET)
    page = staff("auditor").get(reverse(DESKS)).content.decode()
    for text in (
        MARKET,
        "Running",
        ">paper<",
        ">SOL/USDC:USDC<",
        ">50<",
        ">-50<",
        ">0.00 USD<",
        "sell 50",
    ):
        assert text in page, text
    detail = staff("support").get(reverse("admin:hedging_desk_change", args=[desk.pk]))
    assert b"may be insured" in detail.content


def test_every_table_of_the_desk_is_shown_and_read_only(
    desk: Desk, alice: Trader, bob: Trader
) -> None:
    inherit(alice, bob, 5_000)
    services.hedge(MARKET)
    tasks.report_desks()
    auditor = staff("auditor")
    tables = [model for model in admin.site._registry if model._meta.app_label == "hedging"]
    assert len(tables) == 7
    for model in tables:
        name = f"admin:hedging_{model._meta.model_name}"
        assert auditor.get(reverse(f"{name}_changelist")).status_code == 200, model
        assert auditor.get(reverse(f"{name}_add")).status_code == 403, model


def test_orders_are_filtered_by_desk_and_status(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    services.hedge(MARKET)
    client, orders = staff("auditor"), reverse("admin:hedging_hedgeorder_changelist")
    number = str(HedgeOrder.objects.get().client_id)
    assert number in client.get(orders, {"status__exact": "filled"}).content.decode()
    assert number not in client.get(orders, {"status__exact": "refused"}).content.decode()
    assert client.get(orders, {"desk__id__exact": desk.pk}).status_code == 200


def test_risk_pauses_resumes_and_asks_for_looks(
    desk: Desk, alice: Trader, bob: Trader, eager: None
) -> None:
    inherit(alice, bob, 5_000)
    risk = staff("risk")
    act(risk, desk, "pause")
    assert desk.state == "paused"
    act(risk, desk, "hedge_now")
    assert not HedgeOrder.objects.exists()
    act(risk, desk, "resume")
    act(risk, desk, "reconcile")
    assert not HedgeOrder.objects.exists()
    assert "looked at now" in act(risk, desk, "hedge_now")
    assert HedgeOrder.objects.get().status == "filled"
    trail = AuditRecord.objects.filter(action__startswith="console.").order_by("pk")
    assert [record.action.removeprefix("console.") for record in trail] == [
        *("pause", "hedge_now", "resume", "reconcile", "hedge_now"),
    ]


@pytest.mark.parametrize("group", ["support", "treasury", "compliance", "auditor"])
def test_nobody_else_runs_a_desk(desk: Desk, group: str) -> None:
    client = staff(group)
    for name in ("pause", "resume", "reconcile", "hedge_now", "take_over", "give_up_order"):
        act(client, desk, name, "1")
    assert client.get(reverse(FORM)).status_code == 403
    assert client.post(reverse(FORM), TERMS | REASON).status_code == 403
    assert desk.state == "running"
    assert not AuditRecord.objects.filter(action__startswith="console.").exists()


def test_risk_sets_up_a_desk_which_begins_paused(desk: Desk, bob: Trader) -> None:
    risk = staff("risk")
    assert b"Set up a desk" in risk.get(reverse(DESKS)).content
    form: dict[str, Any] = {**TERMS, "account": bob.account.pk, **REASON}
    for wrong in (
        {"account": "999999"},
        {"market": "BTC_USDC"},
        {"slippage_percent": "6"},
        {"max_order": "0"},
        {"reason": ""},
        {"account": str(desk.account_id)},
    ):
        assert risk.post(reverse(FORM), form | wrong).status_code == 422, wrong
    assert risk.post(reverse(FORM), form).status_code == 302
    made = Desk.objects.get(market="BTC_USDC_PERP")
    assert (made.slippage_ppm, made.limit_usd, made.paper) == (2_500, Decimal(50_000), True)
    assert made.state == "paused"


def test_treasury_insures_realized_profit(desk: Desk, alice: Trader, bob: Trader) -> None:
    inherit(alice, bob, 5_000)
    inherit(alice, bob, -5_000, ticks=11_000)
    treasury = staff("treasury")
    assert "At most" in act(treasury, desk, "insure_profit", "5000")
    assert not InsuredProfit.objects.exists()
    assert "is in the insurance" in act(treasury, desk, "insure_profit", "450.25")
    row = InsuredProfit.objects.get()
    assert row.amount == Decimal("450.25")
    assert JournalEntry.objects.filter(command_id=f"audit:{row.record_id}").count() == 1
    act(staff("risk"), desk, "insure_profit", "1")
    assert InsuredProfit.objects.count() == 1


def test_take_over_asks_what_the_venue_holds(desk: Desk, eager: None) -> None:
    risk = staff("risk")
    act(risk, desk, "reconcile")
    assert "explain what the venue holds" in act(risk, desk, "take_over", "0")
    assert "is no number" in act(risk, desk, "take_over", "much")
