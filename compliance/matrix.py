"""The permission matrix: what rules and licences say of a customer at one time. Reads no database.

    status of the customer  →  deny rules  →  allow rules  →  licence of the booking entity  →  tier

The first that refuses answers. Nothing that speaks for a permission means no, one deny rule beats
any number of allow rules, and the customer's jurisdiction and the entity's licence must both allow.
"""

from collections.abc import Iterable

import msgspec

from compliance.models import Action, Basis, Effect, Product, Status

# Residents of these countries (MiCA applies in all of the EEA) also stand under the rules of "EU".
EEA = frozenset(
    {"AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT"}
    | {"LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "IS", "LI", "NO"}
)
REST_OF_WORLD = "ROW"

# Conditions of allow rules (keys of their params) which the house upholds. An allow rule with any
# other is as good as none: to promise a limit that nobody enforces would be worse than to refuse.
ENFORCED_CONDITIONS: frozenset[str] = frozenset()

# What a key or a page may ask for, and the question that answers it.
PERMISSIONS: dict[str, tuple[Action, Product]] = {
    "view": (Action.VIEW, Product.ACCOUNT),
    "trade_spot": (Action.ORDER, Product.SPOT),
    "trade_perp": (Action.ORDER, Product.PERP),
    "lend": (Action.LEND, Product.LENDING),
    "borrow": (Action.BORROW, Product.LENDING),
    "deposit": (Action.DEPOSIT, Product.FUNDS),
    "withdraw": (Action.WITHDRAW, Product.FUNDS),
    "transfer": (Action.TRANSFER, Product.FUNDS),
}

_LEFT_BY_STATUS: dict[str, frozenset[str]] = {
    Status.RESTRICTED: frozenset({Action.SIGN_IN, Action.VIEW}),
    Status.WITHDRAW_ONLY: frozenset({Action.SIGN_IN, Action.VIEW, Action.WITHDRAW}),
    Status.CLOSED: frozenset(),
}
_STATUS_MESSAGES: dict[str, str] = {
    Status.RESTRICTED: "Your account is restricted and may only be looked at. "
    "Ask support for the reason and what is needed to lift it.",
    Status.WITHDRAW_ONLY: "Your account is in withdraw-only mode. "
    "Cancel your orders and withdraw your funds; ask support for the reason.",
    Status.CLOSED: "Your account is closed. Ask support if you think that this is a mistake.",
}
_PRODUCT_NAMES: dict[str, str] = {
    Product.ACCOUNT: "An account",
    Product.SPOT: "Spot trading",
    Product.PERP: "Perpetual futures",
    Product.LENDING: "Lending and borrowing",
    Product.FUNDS: "Moving funds",
}
_PURPOSES: dict[str, str] = {
    Action.ORDER: "trade",
    Action.LEND: "lend",
    Action.BORROW: "borrow",
    Action.DEPOSIT: "deposit",
    Action.WITHDRAW: "withdraw",
    Action.TRANSFER: "transfer funds",
}
VERIFY_PATH = "/compliance/verify/"


class RuleRow(msgspec.Struct, frozen=True):
    """A rule as the matrix reads it. Times are Unix seconds; `until` is exclusive."""

    id: int
    jurisdiction: str
    basis: str
    product: str
    action: str
    effect: str
    required_tier: int
    message: str
    since: float
    until: float | None
    conditions: tuple[str, ...] = ()

    def speaks_of(self, action: str, product: str, at: float) -> bool:
        """Return whether this rule is in force and covers the question."""
        return (
            self.since <= at
            and (self.until is None or at < self.until)
            and self.action in (Action.ANY, action)
            and self.product in (Product.ANY, product)
        )


class LicenceRow(msgspec.Struct, frozen=True):
    """A licence as the matrix reads it. Times are Unix seconds; `until` is exclusive."""

    id: int
    entity: int
    jurisdiction: str
    product: str
    since: float
    until: float | None

    def covers(self, product: str, at: float) -> bool:
        """Return whether the licence is in force for the product."""
        in_force = self.since <= at and (self.until is None or at < self.until)
        return in_force and self.product in (Product.ANY, product)


class Facts(msgspec.Struct, frozen=True):
    """All of a customer that the matrix looks at."""

    country: str
    nationality: str = ""
    entity: int | None = None
    tier: int = 0
    status: str = Status.ACTIVE


class Verdict(msgspec.Struct, frozen=True):
    """The answer to one question. `code` is stable; `message` tells the customer what to do."""

    allowed: bool
    code: str
    message: str = ""
    rule_ids: tuple[int, ...] = ()
    licence_ids: tuple[int, ...] = ()


class Permissions(msgspec.Struct, frozen=True):
    """What a customer may do until `valid_until` (Unix seconds; None: until a row changes)."""

    allowed: frozenset[str]
    refusals: dict[str, str]
    valid_until: float | None


class Rulebook(msgspec.Struct, frozen=True):
    """All rules and licences, past and coming ones too."""

    rules: tuple[RuleRow, ...]
    licences: tuple[LicenceRow, ...]

    def next_change(self, at: float) -> float | None:
        """Return when a rule or licence next begins or ends."""
        rows: Iterable[RuleRow | LicenceRow] = (*self.rules, *self.licences)
        times = (time for row in rows for time in (row.since, row.until))
        return min((time for time in times if time is not None and time > at), default=None)

    def jurisdictions_of(self, country: str) -> tuple[str, ...]:
        """Return whose rules apply to residents of `country`, which may be a subdivision (UA-43).

        Who has allow rules of their own does not stand under the rules of the rest of the world:
        a product that is new there does not reach them before a rule says so.
        """
        own = [country]
        if "-" in country:
            own.append(country.partition("-")[0])
        if own[-1] in EEA:
            own.append("EU")
        named = any(
            rule.effect == Effect.ALLOW
            and rule.basis == Basis.RESIDENCE
            and rule.jurisdiction in own
            for rule in self.rules
        )
        return tuple(own) if named else (*own, REST_OF_WORLD)


def judge(rulebook: Rulebook, facts: Facts, *, action: str, product: str, at: float) -> Verdict:
    """Answer whether the customer may do `action` with `product` at the Unix time `at`."""
    left = _LEFT_BY_STATUS.get(facts.status)
    if left is not None and action not in left:
        return Verdict(
            allowed=False,
            code=f"CUSTOMER_{facts.status.upper()}",
            message=_STATUS_MESSAGES[facts.status],
        )
    jurisdictions = rulebook.jurisdictions_of(facts.country)
    matching = [
        rule
        for rule in rulebook.rules
        if rule.speaks_of(action, product, at) and _applies(rule, facts, jurisdictions)
    ]
    denying = [rule for rule in matching if rule.effect == Effect.DENY]
    if denying:
        return _denied(denying, product)
    if not matching:
        return Verdict(allowed=False, code="NOT_OFFERED", message=_not_offered(product))
    matching = [rule for rule in matching if ENFORCED_CONDITIONS.issuperset(rule.conditions)]
    if not matching:
        return Verdict(allowed=False, code="CONDITION_NOT_ENFORCED", message=_not_offered(product))
    licences = _licences(rulebook, facts, jurisdictions, product=product, at=at)
    rule_ids = tuple(rule.id for rule in matching)
    if not licences and _needs_licence(action, product):
        return Verdict(
            allowed=False, code="NO_LICENCE", message=_not_offered(product), rule_ids=rule_ids
        )
    required = min(rule.required_tier for rule in matching)
    if facts.tier < required:
        return Verdict(
            allowed=False,
            code="TIER_TOO_LOW",
            message=_verify(action, facts.tier),
            rule_ids=rule_ids,
            licence_ids=licences,
        )
    return Verdict(allowed=True, code="ALLOWED", rule_ids=rule_ids, licence_ids=licences)


def permissions_of(rulebook: Rulebook, facts: Facts, at: float) -> Permissions:
    """Return the permissions of the customer at `at`, and a message for each they have not."""
    allowed: set[str] = set()
    refusals: dict[str, str] = {}
    for permission, (action, product) in PERMISSIONS.items():
        verdict = judge(rulebook, facts, action=action, product=product, at=at)
        if verdict.allowed:
            allowed.add(permission)
        else:
            refusals[permission] = verdict.message
    return Permissions(frozenset(allowed), refusals, rulebook.next_change(at))


def _applies(rule: RuleRow, facts: Facts, jurisdictions: tuple[str, ...]) -> bool:
    if rule.basis == Basis.NATIONALITY:
        return rule.jurisdiction == facts.nationality
    return rule.jurisdiction in jurisdictions


def _licences(
    rulebook: Rulebook, facts: Facts, jurisdictions: tuple[str, ...], *, product: str, at: float
) -> tuple[int, ...]:
    return tuple(
        licence.id
        for licence in rulebook.licences
        if licence.entity == facts.entity
        and licence.jurisdiction in jurisdictions
        and licence.covers(product, at)
    )


def _needs_licence(action: str, product: str) -> bool:
    # To look at one's account is no regulated service, and at sign-up no entity is chosen yet.
    return product != Product.ACCOUNT and action != Action.VIEW


def _denied(denying: list[RuleRow], product: str) -> Verdict:
    message = next((rule.message for rule in denying if rule.message), _not_offered(product))
    return Verdict(
        allowed=False,
        code="DENIED_BY_RULE",
        message=message,
        rule_ids=tuple(rule.id for rule in denying),
    )


def _not_offered(product: str) -> str:
    name = _PRODUCT_NAMES.get(product, product)
    return f"{name}: not offered where you live. If your residence has changed, tell support."


def _verify(action: str, tier: int) -> str:
    purpose = _PURPOSES.get(action, "do this")
    more = "Verify your identity" if tier == 0 else "Ask support for a higher verification tier"
    return f"{more} to {purpose}: {VERIFY_PATH}"


def entity_for(rulebook: Rulebook, country: str, at: float) -> int | None:
    """Return the booking entity which holds a licence for residents of `country` at `at`."""
    jurisdictions = rulebook.jurisdictions_of(country)
    for licence in rulebook.licences:
        if licence.jurisdiction in jurisdictions and licence.covers(Product.FUNDS, at):
            return licence.entity
    return None
