"""The permission matrix alone: rules in, verdicts out. No database."""

from compliance.matrix import (
    Facts,
    LicenceRow,
    Rulebook,
    RuleRow,
    entity_for,
    judge,
    permissions_of,
)

NOW = 1_800_000_000.0
DAY = 86_400.0


def rule(number: int, **changes: object) -> RuleRow:
    row: dict[str, object] = {
        "id": number,
        "jurisdiction": "AA",
        "basis": "residence",
        "product": "spot",
        "action": "order",
        "effect": "allow",
        "required_tier": 0,
        "message": "",
        "since": NOW - DAY,
        "until": None,
    }
    return RuleRow(**(row | changes))  # type: ignore[arg-type]


def licence(**changes: object) -> LicenceRow:
    row: dict[str, object] = {
        "id": 1,
        "entity": 7,
        "jurisdiction": "AA",
        "product": "*",
        "since": NOW - DAY,
        "until": None,
    }
    return LicenceRow(**(row | changes))  # type: ignore[arg-type]


def answer(
    *rules: RuleRow,
    licences: tuple[LicenceRow, ...] = (licence(),),
    facts: Facts = Facts(country="AA", entity=7, tier=1),  # noqa: B008  # frozen
    at: float = NOW,
) -> str:
    book = Rulebook(rules, licences)
    return judge(book, facts, action="order", product="spot", at=at).code


def test_no_rule_means_no() -> None:
    assert answer() == "NOT_OFFERED"
    assert answer(rule(1, product="perp")) == "NOT_OFFERED"
    assert answer(rule(1, jurisdiction="BB")) == "NOT_OFFERED"


def test_one_deny_overrides_any_number_of_allows() -> None:
    allows = [rule(1), rule(2, product="*"), rule(3, action="*")]
    assert answer(*allows) == "ALLOWED"
    assert answer(*allows, rule(4, effect="deny", product="*", action="*")) == "DENIED_BY_RULE"


def test_a_rule_speaks_from_its_first_second_until_its_end() -> None:
    dated = rule(1, since=NOW, until=NOW + DAY)
    assert answer(dated, at=NOW - 0.001) == "NOT_OFFERED"
    assert answer(dated, at=NOW) == "ALLOWED"
    assert answer(dated, at=NOW + DAY - 0.001) == "ALLOWED"
    assert answer(dated, at=NOW + DAY) == "NOT_OFFERED"


def test_the_jurisdiction_and_the_licence_of_the_entity_must_both_allow() -> None:
    assert answer(rule(1), licences=()) == "NO_LICENCE"
    assert answer(rule(1), licences=(licence(entity=8),)) == "NO_LICENCE"
    assert answer(rule(1), licences=(licence(jurisdiction="BB"),)) == "NO_LICENCE"
    assert answer(rule(1), licences=(licence(product="perp"),)) == "NO_LICENCE"
    assert answer(rule(1), licences=(licence(until=NOW),)) == "NO_LICENCE"
    assert answer(rule(1, product="perp"), licences=(licence(),)) == "NOT_OFFERED"


def test_a_tier_too_low_is_told_where_to_verify() -> None:
    book = Rulebook((rule(1, required_tier=2),), (licence(),))
    facts = Facts(country="AA", entity=7, tier=0)
    verdict = judge(book, facts, action="order", product="spot", at=NOW)
    assert verdict.code == "TIER_TOO_LOW"
    assert verdict.message == "Verify your identity to trade: /compliance/verify/"


def test_a_condition_which_nobody_enforces_refuses() -> None:
    assert answer(rule(1, conditions=("leverage_max",))) == "CONDITION_NOT_ENFORCED"


def test_who_has_rules_of_their_own_does_not_stand_under_those_of_the_rest_of_the_world() -> None:
    world = rule(1, jurisdiction="ROW", product="*", action="*")
    everywhere = (licence(), licence(jurisdiction="ROW"))
    assert answer(world, licences=everywhere) == "ALLOWED"
    own = rule(2, product="account", action="view")
    assert answer(world, own, licences=everywhere) == "NOT_OFFERED"


def test_a_deny_of_ones_own_is_added_to_the_rules_of_the_rest_of_the_world() -> None:
    world = rule(1, jurisdiction="ROW", product="*", action="*")
    everywhere = (licence(jurisdiction="ROW"),)
    perp = rule(2, product="perp", action="*", effect="deny")
    assert answer(world, perp, licences=everywhere) == "ALLOWED"
    assert answer(world, rule(2, effect="deny"), licences=everywhere) == "DENIED_BY_RULE"


def test_a_region_stands_under_its_own_rules_and_its_countrys() -> None:
    book = (rule(1, jurisdiction="UA"), rule(2, jurisdiction="UA-43", effect="deny"))
    ukraine = (licence(jurisdiction="UA"),)
    kyiv, crimea = (Facts(country=code, entity=7) for code in ("UA", "UA-43"))
    assert answer(*book, licences=ukraine, facts=kyiv) == "ALLOWED"
    assert answer(*book, licences=ukraine, facts=crimea) == "DENIED_BY_RULE"


def test_nationality_counts_only_for_rules_about_nationality() -> None:
    passport = rule(2, jurisdiction="CN", basis="nationality", effect="deny")
    emigrant = Facts(country="AA", nationality="CN", entity=7)
    assert answer(rule(1), passport, facts=emigrant) == "DENIED_BY_RULE"
    residence = rule(2, jurisdiction="CN", effect="deny")
    assert answer(rule(1), residence, facts=emigrant) == "ALLOWED"


def test_status_comes_before_every_rule() -> None:
    book = Rulebook((rule(1, product="*", action="*"),), (licence(),))
    left = {
        status: permissions_of(book, Facts(country="AA", entity=7, status=status), NOW).allowed
        for status in ("active", "restricted", "withdraw_only", "closed")
    }
    assert len(left["active"]) == 8
    assert left["restricted"] == {"view"}
    assert left["withdraw_only"] == {"view", "withdraw"}
    assert left["closed"] == frozenset()


def test_permissions_know_when_they_will_next_change() -> None:
    book = Rulebook((rule(1), rule(2, since=NOW + DAY), rule(3, until=NOW + 60)), (licence(),))
    facts = Facts(country="AA", entity=7)
    assert permissions_of(book, facts, NOW).valid_until == NOW + 60
    assert permissions_of(book, facts, NOW + 60).valid_until == NOW + DAY
    assert permissions_of(book, facts, NOW + DAY).valid_until is None


def test_the_entity_is_one_that_holds_a_licence_for_the_country() -> None:
    book = Rulebook(
        (rule(1),), (licence(entity=1, jurisdiction="BB"), licence(entity=2), licence(entity=3))
    )
    assert entity_for(book, "AA", NOW) == 2
    assert entity_for(book, "ZZ", NOW) is None
