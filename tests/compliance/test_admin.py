"""The console, as staff of each group meet it."""

from datetime import date

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from compliance import services
from compliance.models import AuditRecord, Customer, Decision, KycRequest, Rule

pytestmark = pytest.mark.django_db
QUEUE = "admin:compliance_kycrequest_changelist"


def signed_in(group: str) -> Client:
    user = User.objects.create_user(f"{group}@example.org", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def request_of_alice() -> KycRequest:
    alice = services.open_customer(User.objects.create_user("alice@example.org"), "CH")
    answers = services.KycDetails(
        legal_name="Alice Example",
        date_of_birth=date(1990, 1, 2),
        address="Example Road 1, Zurich",
        residence="CH",
        nationality="CH",
    )
    return services.submit_kyc(alice, answers)


def test_approval_asks_for_a_reason_first_and_then_records_it() -> None:
    request, client = request_of_alice(), signed_in("compliance")
    act = {"action": "approve_t2", "_selected_action": [request.pk]}
    asked = client.post(reverse(QUEUE), act)
    assert asked.status_code == 200
    assert b'name="reason"' in asked.content
    too_short = client.post(reverse(QUEUE), act | {"confirmed": "1", "reason": "ok"})
    assert b"at least 5 characters" in too_short.content
    assert Customer.objects.get().tier == 0
    client.post(reverse(QUEUE), act | {"confirmed": "1", "reason": "Papers in order"})
    assert Customer.objects.get().tier == 2
    actions = AuditRecord.objects.filter(reason="Papers in order").values_list("action", flat=True)
    assert set(actions) == {"console.approve_t2", "kyc.approve"}


def test_an_act_that_fails_stays_in_the_trail() -> None:
    request, client = request_of_alice(), signed_in("compliance")
    KycRequest.objects.filter(pk=request.pk).update(nationality="CN")
    answer = client.post(
        reverse(QUEUE),
        {
            "action": "approve_t1",
            "_selected_action": [request.pk],
            "confirmed": "1",
            "reason": "Papers in order",
        },
        follow=True,
    )
    assert "mainland China" in answer.content.decode()
    assert Customer.objects.get().tier == 0
    assert AuditRecord.objects.get(action="console.approve_t1").reason == "Papers in order"


def test_support_does_not_see_papers_and_cannot_decide() -> None:
    request, client = request_of_alice(), signed_in("support")
    assert client.get(reverse(QUEUE)).status_code == 403
    act = {"action": "approve_t2", "_selected_action": [request.pk], "confirmed": "1"}
    assert client.post(reverse(QUEUE), act | {"reason": "Let them in"}).status_code == 403
    assert client.get(reverse("admin:accounts_user_changelist")).status_code == 200


def test_an_auditor_reads_everything_and_acts_on_nothing() -> None:
    request, client = request_of_alice(), signed_in("auditor")
    page = client.get(reverse(QUEUE))
    assert page.status_code == 200
    assert b"approve_t2" not in page.content
    act = {"action": "approve_t2", "_selected_action": [request.pk], "confirmed": "1"}
    client.post(reverse(QUEUE), act | {"reason": "Not my job"})
    assert Customer.objects.get().tier == 0


@pytest.mark.parametrize("record", [Decision, AuditRecord])
def test_records_can_be_read_and_never_edited(record: type[Decision | AuditRecord]) -> None:
    request_of_alice()
    client = signed_in("compliance")
    services.approve_kyc(Customer.objects.get(), None, "Papers in order")
    row = record.objects.all()[0]
    pages = f"admin:compliance_{record._meta.model_name}"
    assert client.get(reverse(f"{pages}_changelist")).status_code == 200
    assert client.get(reverse(f"{pages}_change", args=[row.pk])).status_code == 200
    assert client.get(reverse(f"{pages}_add")).status_code == 403
    assert client.post(reverse(f"{pages}_delete", args=[row.pk])).status_code == 403


def test_a_rule_is_added_with_a_reason_and_ended_but_not_edited() -> None:
    client = signed_in("compliance")
    begins = timezone.now()
    row = {
        "jurisdiction": "CH",
        "basis": "residence",
        "product": "perp",
        "action": "order",
        "effect": "deny",
        "required_tier": "0",
        "params": "{}",
        "message": "",
        "effective_from_0": begins.strftime("%Y-%m-%d"),
        "effective_from_1": begins.strftime("%H:%M:%S"),
        "source_url": "https://www.example.org/law",
        "note": "",
    }
    url = reverse("admin:compliance_rule_add")
    assert client.get(url).status_code == 200
    client.post(url, row)
    assert not Rule.objects.filter(jurisdiction="CH").exists()
    misspelt = client.post(url, row | {"reason": "New law in force today", "jurisdiction": "ch"})
    assert b"Write a country in capitals" in misspelt.content
    client.post(url, row | {"reason": "New law in force today"})
    rule = Rule.objects.get(jurisdiction="CH")
    assert AuditRecord.objects.get(action="rule.add").reason == "New law in force today"
    change = reverse("admin:compliance_rule_change", args=[rule.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, row | {"effect": "allow"}).status_code == 403
    act = {"action": "end_rules", "_selected_action": [rule.pk], "confirmed": "1"}
    client.post(reverse("admin:compliance_rule_changelist"), act | {"reason": "Law repealed"})
    rule.refresh_from_db()
    assert rule.effective_to is not None
    assert rule.effect == "deny"
