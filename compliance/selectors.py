"""Reads of the permission matrix and of what compliance knows of a customer."""

from collections.abc import Iterable

from django.db.models import Model

from compliance.matrix import Facts, LicenceRow, Rulebook, RuleRow
from compliance.models import Customer, KycRequest, Licence, Rule


def rulebook() -> Rulebook:
    """Return all rules and licences as the matrix reads them."""
    rules = tuple(
        RuleRow(
            id=rule.pk,
            jurisdiction=rule.jurisdiction,
            basis=rule.basis,
            product=rule.product,
            action=rule.action,
            effect=rule.effect,
            required_tier=rule.required_tier,
            message=rule.message,
            since=rule.effective_from.timestamp(),
            until=rule.effective_to.timestamp() if rule.effective_to else None,
            conditions=tuple(sorted(rule.params)),
        )
        for rule in Rule.objects.order_by("id")
    )
    licences = tuple(
        LicenceRow(
            id=licence.pk,
            entity=licence.entity_id,
            jurisdiction=licence.jurisdiction,
            product=licence.product,
            since=licence.effective_from.timestamp(),
            until=licence.effective_to.timestamp() if licence.effective_to else None,
        )
        for licence in Licence.objects.order_by("id")
    )
    return Rulebook(rules, licences)


def facts_of(customer: Customer) -> Facts:
    """Return what the matrix looks at."""
    return Facts(
        country=customer.country,
        nationality=customer.nationality,
        entity=customer.entity_id,
        tier=customer.tier,
        status=customer.status,
    )


def customer_of(user: Model) -> Customer | None:
    """Return the customer that a user is; staff are none."""
    return Customer.objects.filter(user_id=user.pk).first()


def customers_of(users: Iterable[int]) -> list[Customer]:
    """Return the customers among users, given by their ids."""
    return list(Customer.objects.filter(user_id__in=list(users)))


def latest_kyc_request(customer: Customer) -> KycRequest | None:
    """Return the request that the customer sent last."""
    return customer.kyc_requests.order_by("-submitted_at", "-id").first()
