"""Everything compliance writes: decisions, customers, KYC, rules. Each act of staff is audited.

Who changes what a customer may do announces it inside the same transaction (`announce`), so that
the edges stop or start obeying a key when the change commits, and not before or after.
"""

import hashlib
from datetime import date, datetime
from typing import Any

import msgspec
from django.db import connection, models, transaction
from django.utils import timezone

from compliance import audit, matrix, selectors
from compliance.countries import REGIONS, is_jurisdiction
from compliance.matrix import Facts, Permissions, Verdict
from compliance.models import (
    Action,
    BookingEntity,
    Customer,
    Decision,
    KycRequest,
    Licence,
    Product,
    Rule,
    Status,
    Tier,
)

ACCESS_CHANNEL = "access"
MINIMUM_AGE_YEARS = 18
MINIMUM_REASON_CHARACTERS = 5


class Refusal(Exception):
    """Compliance says no. `code` is stable; the message tells what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class KycDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer says of themselves."""

    legal_name: str
    date_of_birth: date
    address: str
    residence: str
    nationality: str


def permissions(customer: Customer, at: datetime | None = None) -> Permissions:
    """Return what the customer may do, and what they are told about the rest. Stores nothing."""
    moment = (at or timezone.now()).timestamp()
    return matrix.permissions_of(selectors.rulebook(), selectors.facts_of(customer), moment)


def evaluate(customer: Customer, action: str, product: str, at: datetime | None = None) -> Decision:
    """Answer one question about a customer and store the answer with what led to it."""
    at = at or timezone.now()
    facts = selectors.facts_of(customer)
    verdict = matrix.judge(
        selectors.rulebook(), facts, action=action, product=product, at=at.timestamp()
    )
    return _store(customer, facts, verdict, action=action, product=product, at=at)


def require(customer: Customer, permission: str, at: datetime | None = None) -> Decision:
    """Store the decision on a permission ("withdraw", ...) and raise Refusal if it says no."""
    action, product = matrix.PERMISSIONS[permission]
    decision = evaluate(customer, action, product, at)
    if not decision.allowed:
        raise Refusal(decision.code, decision.message)
    return decision


def evaluate_sign_up(country: str, at: datetime | None = None) -> Decision:
    """Answer whether a resident of `country` may open an account; all that a refusal leaves."""
    at = at or timezone.now()
    rulebook = selectors.rulebook()
    facts = Facts(country=country)
    action, product = Action.SIGN_UP, Product.ACCOUNT
    verdict = matrix.judge(rulebook, facts, action=action, product=product, at=at.timestamp())
    if verdict.allowed and matrix.entity_for(rulebook, country, at.timestamp()) is None:
        verdict = Verdict(
            allowed=False,
            code="NO_ENTITY",
            message="None of our companies may serve residents of this country yet.",
            rule_ids=verdict.rule_ids,
        )
    return _store(None, facts, verdict, action=action, product=product, at=at)


@transaction.atomic
def open_customer(user: models.Model, country: str) -> Customer:
    """Make a customer of a user, with the entity that may serve the country. Raises Refusal."""
    now = timezone.now()
    entity = matrix.entity_for(selectors.rulebook(), country, now.timestamp())
    decision = evaluate_sign_up(country, now)
    if not decision.allowed or entity is None:
        raise Refusal(decision.code, decision.message)
    customer = Customer.objects.create(user_id=user.pk, country=country, entity_id=entity)
    _settle(customer)
    return customer


@transaction.atomic
def submit_kyc(customer: Customer, details: KycDetails) -> KycRequest:
    """Store what the customer says of themselves for staff to decide. Raises Refusal."""
    if _age(details.date_of_birth, timezone.now().date()) < MINIMUM_AGE_YEARS:
        raise Refusal("UNDER_AGE", f"You must be at least {MINIMUM_AGE_YEARS} years old.")
    if customer.kyc_requests.filter(state=KycRequest.State.SUBMITTED).exists():
        raise Refusal("KYC_OPEN", "Your earlier request is still being looked at: please wait.")
    return KycRequest.objects.create(customer=customer, **msgspec.structs.asdict(details))


@transaction.atomic
def approve_kyc(
    customer: Customer,
    staff: models.Model | None,
    reason: str,
    tier: int = Tier.FULL,
    nationality: str = "",
) -> Customer:
    """Raise a customer to `tier` on the open request, whose residence and nationality then hold.

    Without an open request the papers were seen elsewhere: then `nationality` must be given.
    Raises Refusal where the law does not let the person have an account at all.
    """
    _require_reason(reason)
    customer = Customer.objects.select_for_update().get(pk=customer.pk)
    request = customer.kyc_requests.filter(state=KycRequest.State.SUBMITTED).first()
    residence = request.residence if request else customer.country
    nationality = request.nationality if request else nationality or customer.nationality
    if not nationality:
        raise Refusal("NATIONALITY_MISSING", "Say the customer's nationality: unknown means no.")
    _apply_identity(customer, residence=residence, nationality=nationality)
    details = {"tier": int(tier), "residence": residence, "nationality": nationality}
    audit.record(staff, "kyc.approve", target=customer, reason=reason, details=details)
    customer.tier = tier
    customer.save()
    if request:
        _close_request(request, KycRequest.State.APPROVED, staff=staff, reason=reason)
    _settle(customer)
    return customer


@transaction.atomic
def refuse_kyc(customer: Customer, staff: models.Model | None, reason: str) -> KycRequest:
    """Refuse the open request; the customer reads the reason and may send another."""
    _require_reason(reason)
    open_requests = customer.kyc_requests.select_for_update()
    request = open_requests.filter(state=KycRequest.State.SUBMITTED).first()
    if request is None:
        raise Refusal("NO_KYC_REQUEST", "This customer has no open request.")
    audit.record(staff, "kyc.refuse", target=customer, reason=reason)
    _close_request(request, KycRequest.State.REFUSED, staff=staff, reason=reason)
    return request


@transaction.atomic
def change_status(
    customer: Customer, staff: models.Model | None, *, status: Status, reason: str
) -> Customer:
    """Restrict, close or reactivate a customer; keys and sessions obey at once."""
    _require_reason(reason)
    customer = Customer.objects.select_for_update().get(pk=customer.pk)
    details = {"from": customer.status, "to": str(status)}
    audit.record(staff, "customer.status", target=customer, reason=reason, details=details)
    customer.status = status
    customer.save(update_fields=["status"])
    _settle(customer)
    return customer


@transaction.atomic
def add_rule(rule: Rule, staff: models.Model | None, *, reason: str) -> Rule:
    """Store a new rule. It speaks from its day on, and not before now."""
    _require_reason(reason)
    _begin(rule)
    rule.save(force_insert=True)
    audit.record(staff, "rule.add", target=rule, reason=reason, details={"rule": str(rule)})
    announce(None)
    return rule


@transaction.atomic
def add_licence(licence: Licence, staff: models.Model | None, *, reason: str) -> Licence:
    """Store a new licence. It holds from its day on, and not before now."""
    _require_reason(reason)
    _begin(licence)
    licence.save(force_insert=True)
    details = {"licence": str(licence)}
    audit.record(staff, "licence.add", target=licence, reason=reason, details=details)
    announce(None)
    return licence


@transaction.atomic
def end(
    row: Rule | Licence, staff: models.Model | None, *, reason: str, at: datetime | None = None
) -> None:
    """End a rule or licence at `at` (now, if left out). It stays as a row for past decisions."""
    _require_reason(reason)
    at = max(at or timezone.now(), row.effective_from)
    if row.effective_to is not None and row.effective_to <= at:
        raise Refusal("ALREADY_ENDED", f"It has ended on {row.effective_to:%Y-%m-%d %H:%M} UTC.")
    action = f"{row._meta.model_name}.end"
    audit.record(staff, action, target=row, reason=reason, details={"at": at.isoformat()})
    row.effective_to = at
    row.save(update_fields=["effective_to"])
    announce(None)


def row_fault(row: Rule | Licence) -> str | None:
    """Return why a new rule or licence makes no sense, or None."""
    if not is_jurisdiction(row.jurisdiction):
        regions = ", ".join(REGIONS)
        return f"Write a country in capitals (US), EU, {matrix.REST_OF_WORLD}, or one of {regions}."
    begins = max(row.effective_from, timezone.now())
    if row.effective_to is not None and row.effective_to <= begins:
        return "It would end before it begins."
    return None


def announce(user_id: int | None) -> None:
    """Tell the edges, at commit, that a user's access has changed; None means everybody's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [ACCESS_CHANNEL, str(user_id or "")])


def _begin(row: Rule | Licence) -> None:
    fault = row_fault(row)
    if fault is not None:
        raise Refusal("INVALID_ROW", fault)
    # Nothing is backdated: decisions of the past keep the grounds that they had.
    row.effective_from = max(row.effective_from, timezone.now())


def _settle(customer: Customer) -> None:
    """Store what the customer may now do, and tell the edges."""
    at = timezone.now()
    rulebook, facts = selectors.rulebook(), selectors.facts_of(customer)
    for action, product in matrix.PERMISSIONS.values():
        verdict = matrix.judge(rulebook, facts, action=action, product=product, at=at.timestamp())
        _store(customer, facts, verdict, action=action, product=product, at=at)
    announce(customer.user_id)


def _apply_identity(customer: Customer, *, residence: str, nationality: str) -> None:
    rulebook, at = selectors.rulebook(), timezone.now()
    customer.country, customer.nationality = residence, nationality
    entity = matrix.entity_for(rulebook, residence, at.timestamp())
    facts = Facts(country=residence, nationality=nationality)
    verdict = matrix.judge(
        rulebook, facts, action=Action.SIGN_UP, product=Product.ACCOUNT, at=at.timestamp()
    )
    if not verdict.allowed or entity is None:
        raise Refusal(verdict.code, verdict.message or "No company of the house serves them.")
    customer.entity = BookingEntity.objects.get(pk=entity)


def _close_request(
    request: KycRequest, state: str, *, staff: models.Model | None, reason: str
) -> None:
    request.state = state
    request.decided_at = timezone.now()
    request.decided_by_id = staff.pk if staff else None
    request.reason = reason
    request.save()


def _store(
    customer: Customer | None,
    facts: Facts,
    verdict: Verdict,
    *,
    action: str,
    product: str,
    at: datetime,
) -> Decision:
    """Append the decision, unless it repeats the last answer to the same question in every part."""
    inputs: dict[str, Any] = msgspec.to_builtins(facts)
    decision = Decision(
        customer=customer,
        action=action,
        product=product,
        at=at,
        allowed=verdict.allowed,
        code=verdict.code,
        message=verdict.message,
        rule_ids=list(verdict.rule_ids),
        licence_ids=list(verdict.licence_ids),
        inputs=inputs,
        inputs_hash=hashlib.sha256(msgspec.json.encode(inputs, order="sorted")).hexdigest(),
    )
    if customer is not None:
        asked = Decision.objects.filter(customer=customer, action=action, product=product)
        last = asked.order_by("-id").first()
        if last is not None and _same(last, decision):
            return last
    decision.save(force_insert=True)
    return decision


def _same(last: Decision, new: Decision) -> bool:
    fields = ("allowed", "code", "message", "rule_ids", "licence_ids", "inputs_hash")
    return all(getattr(last, field) == getattr(new, field) for field in fields)


def _require_reason(reason: str) -> None:
    if len(reason.strip()) < MINIMUM_REASON_CHARACTERS:
        raise Refusal("REASON_MISSING", "Give a reason which others will understand in a year.")


def _age(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
