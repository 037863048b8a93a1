"""Stress tests in the console: who may ask, what the form refuses, what a report shows."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from accounts.models import Account
from compliance.models import AuditRecord
from sequencer.inline import InlineEngine
from stress import tasks
from stress.models import StressRun
from tests.api.test_console_tables import staff

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed")]
RUNS = "admin:stress_stressrun_changelist"
FORM = "admin:stress_stressrun_ask"
FALL = {"shocks": "SOL=-30", "seconds": "120", "books": "emptied"}


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do at once what the console asks of the jobs."""
    task = tasks.run_stress
    monkeypatch.setattr(task, "apply_async", lambda expires: task())


def page_of(client: Client, run: StressRun) -> str:
    return client.get(reverse("admin:stress_stressrun_change", args=[run.pk])).content.decode()


def test_risk_asks_and_everybody_reads(
    live_engine: InlineEngine, gambler: Account, eager: None
) -> None:
    risk = staff("risk")
    assert b"Run a stress test" in risk.get(reverse(RUNS)).content
    answer = risk.post(reverse(FORM), FALL)
    run = StressRun.objects.get()
    assert answer.headers["Location"] == reverse("admin:stress_stressrun_change", args=[run.pk])
    assert run.status == StressRun.Status.DONE
    assert AuditRecord.objects.get(action="stress.run").actor_id == run.asked_by_id
    page = page_of(staff("auditor"), run)
    for words in (
        *("1 of 3", "1 of them bankrupt", "SOL −30 % in 120 s, books emptied", "risk@example.org"),
        *(f"<td>{gambler.pk}</td>", "Closed against the other side (ADL)", "50.00 → "),
        *("Who has won and lost, by asset", "<polyline", "Lenders&#x27; loss, USD"),
    ):
        assert words in page, words
    assert "http-equiv" not in page, "it does not reload any more"
    address = reverse("admin:stress_stressrun_change", args=[run.pk])
    assert risk.get(address, {"as": "json"}).json() == run.report
    listed = staff("support").get(reverse(RUNS)).content.decode()
    assert "1 (1 bankrupt)" in listed
    assert "SOL −30 % in 120 s" in listed


@pytest.mark.parametrize("group", ["support", "treasury", "compliance", "auditor"])
def test_nobody_else_asks(live_engine: InlineEngine, gambler: Account, group: str) -> None:
    client = staff(group)
    assert client.get(reverse(FORM)).status_code == 403
    assert client.post(reverse(FORM), FALL).status_code == 403
    assert b"Run a stress test" not in client.get(reverse(RUNS)).content
    assert not StressRun.objects.exists()


def test_a_run_cannot_be_edited_or_deleted(live_engine: InlineEngine, gambler: Account) -> None:
    risk = staff("risk")
    risk.post(reverse(FORM), FALL)
    run = StressRun.objects.get()
    assert risk.get(reverse("admin:stress_stressrun_delete", args=[run.pk])).status_code == 403
    assert risk.get(reverse("admin:stress_stressrun_add")).status_code == 403
    assert risk.get(reverse("admin:stress_stressrun_change", args=[run.pk + 1])).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shocks": ""}, "No price moves"),
        ({"shocks": "SOL=-100"}, "more than -100 %"),
        ({"shocks": "SOL=1001"}, "at most +1000 %"),
        ({"shocks": "DOGE=-1"}, "There is no asset DOGE"),
        ({"seconds": "86401"}, "Seconds: say a whole number from 1 to 86,400"),
        ({"books": "followed"}, "a market maker quotes 1 to"),
        ({"follow_usd": "5000"}, "say kept, emptied, or followed:USD"),
        ({"scenario": "october"}, "has its own shocks"),
        ({"books": "deep"}, "Select a valid choice"),
    ],
)
def test_the_form_says_what_is_wrong(
    live_engine: InlineEngine, gambler: Account, wrong: dict[str, str], said: str
) -> None:
    answer = staff("risk").post(reverse(FORM), FALL | wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not StressRun.objects.exists()
    assert not AuditRecord.objects.filter(action="stress.run").exists()


def test_without_a_broker_the_run_waits_for_the_beat(
    live_engine: InlineEngine, gambler: Account, monkeypatch: Any
) -> None:
    def away(**_: Any) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.run_stress, "apply_async", away)
    risk = staff("risk")
    page = risk.post(reverse(FORM), FALL, follow=True).content.decode()
    assert "look for it every minute" in page
    run = StressRun.objects.get()
    assert run.status == StressRun.Status.WAITING
    assert 'http-equiv="refresh"' in page
    tasks.run_stress()
    assert "1 of 3" in page_of(risk, run)


def test_a_failed_run_shows_why(live_engine: InlineEngine, gambler: Account, eager: None) -> None:
    risk = staff("risk")
    risk.post(reverse(FORM), FALL)
    run = StressRun.objects.get()
    StressRun.objects.update(status="failed", message="second 7: <the ledger> sums to 1")
    page = page_of(risk, run)
    assert "second 7: &lt;the ledger&gt; sums to 1" in page
    assert "proves nothing" in page
    StressRun.objects.update(report=None)
    assert "By stage" not in page_of(risk, run)
