"""What the shipped rules say of real countries."""

import pytest

from compliance import selectors, services
from compliance.matrix import Facts, entity_for, permissions_of
from compliance.models import BookingEntity, Decision

# A day on which all shipped rules are in force.
TODAY = 1_795_000_000.0
LOOK = {"view"}
MONEY = {"view", "deposit", "withdraw", "transfer"}
SPOT = MONEY | {"trade_spot"}
EVERYTHING = SPOT | {"trade_perp", "lend", "borrow"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("country", "entity", "allowed"),
    [
        ("US", "us", SPOT),
        ("DE", "eu", SPOT),
        ("NO", "eu", SPOT),
        ("AE", "ae", SPOT),
        ("AU", "au", SPOT),
        ("GB", "intl", EVERYTHING - {"trade_perp"}),
        ("CH", "intl", EVERYTHING),
        ("HK", "intl", EVERYTHING),
        ("MO", "intl", EVERYTHING),
        ("TW", "intl", EVERYTHING),
        ("UA", "intl", EVERYTHING),
    ],
)
def test_a_verified_customer_may_do_what_their_country_allows(
    country: str, entity: str, allowed: set[str]
) -> None:
    book = selectors.rulebook()
    number = entity_for(book, country, TODAY)
    assert number is not None
    assert BookingEntity.objects.get(pk=number).code == entity
    facts = Facts(country=country, nationality=country, entity=number, tier=2)
    assert permissions_of(book, facts, TODAY).allowed == allowed
    unverified = Facts(country=country, entity=number)
    assert permissions_of(book, unverified, TODAY).allowed == LOOK


@pytest.mark.django_db
@pytest.mark.parametrize("country", ["CN", "IR", "KP", "CU", "SY", "MM", "UA-43", "UA-14", "UA-09"])
def test_a_refused_country_is_refused_everywhere(country: str) -> None:
    book = selectors.rulebook()
    for entity in BookingEntity.objects.all():
        facts = Facts(country=country, nationality="CH", entity=entity.pk, tier=3)
        assert permissions_of(book, facts, TODAY).allowed == frozenset()
    decision = services.evaluate_sign_up(country)
    assert (decision.allowed, decision.code) == (False, "DENIED_BY_RULE")
    assert decision.message
    assert Decision.objects.get().rule_ids == decision.rule_ids != []


@pytest.mark.django_db
def test_a_chinese_passport_is_refused_wherever_its_holder_lives() -> None:
    book = selectors.rulebook()
    number = entity_for(book, "CH", TODAY)
    facts = Facts(country="CH", nationality="CN", entity=number, tier=3)
    assert permissions_of(book, facts, TODAY).allowed == frozenset()


@pytest.mark.django_db
def test_perps_in_dubai_need_more_than_a_licence() -> None:
    # The rule allows them under a leverage limit, which is not enforced yet.
    book = selectors.rulebook()
    number = entity_for(book, "AE", TODAY)
    facts = Facts(country="AE", nationality="AE", entity=number, tier=3)
    permissions = permissions_of(book, facts, TODAY)
    assert "not offered" in permissions.refusals["trade_perp"]
