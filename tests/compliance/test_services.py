"""Customers, KYC, rules and the trail, from request to row."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.models import User
from compliance import audit, services
from compliance.models import AuditRecord, Customer, Decision, KycRequest, Rule, Status
from compliance.services import KycDetails, Refusal

pytestmark = pytest.mark.django_db
WHY = "Passport checked"


def customer(country: str = "CH", email: str = "alice@example.org") -> Customer:
    return services.open_customer(User.objects.create_user(email), country)


def staff() -> User:
    return User.objects.create_user("kyc@example.org", is_staff=True)


def details(**changes: object) -> KycDetails:
    answers: dict[str, object] = {
        "legal_name": "Alice Example",
        "date_of_birth": date(1990, 1, 2),
        "address": "Example Road 1, Zurich",
        "residence": "CH",
        "nationality": "CH",
    }
    return KycDetails(**(answers | changes))  # type: ignore[arg-type]


def test_staff_approval_raises_the_tier_and_is_audited() -> None:
    alice, judge = customer(), staff()
    services.submit_kyc(alice, details())
    services.approve_kyc(alice, judge, WHY, 2)
    alice.refresh_from_db()
    assert (alice.tier, alice.nationality) == (2, "CH")
    assert "trade_perp" in services.permissions(alice).allowed
    record = AuditRecord.objects.get(target=audit.target_of(alice))
    assert (record.actor, record.action, record.reason) == (judge, "kyc.approve", WHY)
    request = KycRequest.objects.get()
    assert (request.state, request.decided_by, request.reason) == ("approved", judge, WHY)


def test_a_us_customer_trades_spot_and_no_perp() -> None:
    bob = customer("US")
    services.approve_kyc(bob, staff(), WHY, 2, nationality="US")
    bob.refresh_from_db()
    assert services.require(bob, "trade_spot").allowed
    with pytest.raises(Refusal, match="Perpetual futures: not offered") as refused:
        services.require(bob, "trade_perp")
    assert refused.value.code == "DENIED_BY_RULE"


def test_approval_needs_a_reason_and_a_nationality() -> None:
    alice = customer()
    with pytest.raises(Refusal) as missing:
        services.approve_kyc(alice, staff(), " ok ", 2, nationality="CH")
    assert missing.value.code == "REASON_MISSING"
    with pytest.raises(Refusal) as unknown:
        services.approve_kyc(alice, None, WHY, 2)
    assert unknown.value.code == "NATIONALITY_MISSING"
    assert not AuditRecord.objects.exists()


@pytest.mark.parametrize("papers", [{"residence": "CN"}, {"nationality": "CN"}])
def test_papers_from_mainland_china_cannot_be_approved(papers: dict[str, str]) -> None:
    alice = customer()
    services.submit_kyc(alice, details(**papers))
    with pytest.raises(Refusal, match="mainland China"):
        services.approve_kyc(alice, staff(), WHY, 2)
    alice.refresh_from_db()
    assert (alice.tier, alice.country) == (0, "CH")


def test_approval_moves_a_customer_to_the_entity_of_their_verified_residence() -> None:
    alice = customer("CH")
    services.submit_kyc(alice, details(residence="US"))
    services.approve_kyc(alice, staff(), WHY, 2)
    alice.refresh_from_db()
    assert (alice.country, alice.entity.code) == ("US", "us")
    assert "trade_perp" not in services.permissions(alice).allowed


def test_a_refused_request_leaves_the_tier_and_another_may_follow() -> None:
    alice = customer()
    services.submit_kyc(alice, details())
    with pytest.raises(Refusal, match="please wait"):
        services.submit_kyc(alice, details())
    services.refuse_kyc(alice, staff(), "The photo is unreadable")
    alice.refresh_from_db()
    assert alice.tier == 0
    services.submit_kyc(alice, details())
    assert AuditRecord.objects.get().action == "kyc.refuse"


def test_nobody_under_eighteen() -> None:
    almost = timezone.now().date().replace(day=1, month=1) - timedelta(days=17 * 365)
    with pytest.raises(Refusal, match="at least 18"):
        services.submit_kyc(customer(), details(date_of_birth=almost))


def test_a_rule_of_tomorrow_changes_nothing_today() -> None:
    alice = customer()
    services.approve_kyc(alice, staff(), WHY, 2, nationality="CH")
    alice.refresh_from_db()
    tomorrow = timezone.now() + timedelta(days=1)
    ban = Rule(
        jurisdiction="CH", product="perp", action="order", effect="deny", effective_from=tomorrow
    )
    services.add_rule(ban, None, reason="New law, from tomorrow")
    assert "trade_perp" in services.permissions(alice).allowed
    assert "trade_perp" not in services.permissions(alice, tomorrow).allowed
    assert services.permissions(alice).valid_until == tomorrow.timestamp()


def test_a_rule_ends_but_stays_to_explain_old_decisions() -> None:
    alice = customer("GB")
    services.approve_kyc(alice, None, WHY, 2, nationality="GB")
    alice.refresh_from_db()
    ban = Rule.objects.get(jurisdiction="GB")
    refused = services.evaluate(alice, "order", "perp")
    services.end(ban, None, reason="The ban was lifted")
    assert services.evaluate(alice, "order", "perp").allowed
    assert refused.rule_ids == [ban.pk]
    with pytest.raises(Refusal, match="has ended"):
        services.end(ban, None, reason="Once more, please")


def test_a_rule_that_could_never_speak_is_refused() -> None:
    begins = timezone.now() + timedelta(days=1)
    fields = {"product": "perp", "action": "order", "effect": "deny", "effective_from": begins}
    with pytest.raises(Refusal, match="in capitals"):
        services.add_rule(Rule(jurisdiction="ch", **fields), None, reason="New law")
    with pytest.raises(Refusal, match="in capitals"):
        services.add_rule(Rule(jurisdiction="US-NY", **fields), None, reason="New law")
    ended = Rule(jurisdiction="CH", **fields, effective_to=begins)
    with pytest.raises(Refusal, match="before it begins"):
        services.add_rule(ended, None, reason="New law")
    assert not AuditRecord.objects.exists()


def test_a_rule_cannot_be_backdated() -> None:
    asked_at = timezone.now()
    ban = Rule(jurisdiction="CH", product="perp", action="order", effect="deny")
    ban.effective_from = asked_at - timedelta(days=30)
    assert services.add_rule(ban, None, reason="New law").effective_from >= asked_at


def test_a_decision_is_stored_when_the_answer_changes_and_not_each_time() -> None:
    alice = customer()
    asked = Decision.objects.filter(customer=alice, action="order", product="spot")
    assert [decision.code for decision in asked] == ["TIER_TOO_LOW"]
    services.evaluate(alice, "order", "spot")
    assert asked.count() == 1
    services.approve_kyc(alice, None, WHY, 2, nationality="CH")
    latest = asked.order_by("-id")[0]
    assert (latest.allowed, latest.inputs["tier"]) == (True, 2)
    assert latest.rule_ids and latest.licence_ids and len(latest.inputs_hash) == 64


def test_a_status_is_obeyed_at_once_and_lifted_with_a_reason() -> None:
    alice = customer()
    services.approve_kyc(alice, None, WHY, 2, nationality="CH")
    frozen = services.change_status(alice, None, status=Status.RESTRICTED, reason="Court order 7")
    assert services.permissions(frozen).allowed == {"view"}
    assert "Ask support" in services.permissions(frozen).refusals["withdraw"]
    lifted = services.change_status(alice, None, status=Status.ACTIVE, reason="Order lifted")
    assert "withdraw" in services.permissions(lifted).allowed


@pytest.mark.parametrize("table", ["compliance_auditrecord", "compliance_decision"])
@pytest.mark.parametrize("change", ["UPDATE {} SET action = 'x'", "DELETE FROM {}"])
def test_the_database_refuses_to_change_the_trail(table: str, change: str) -> None:
    audit.record(None, "test", target=customer(), reason=WHY)
    with (
        pytest.raises(DatabaseError, match="only grows"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change.format(table))
