"""What the law, the licences and the staff say about each customer.

BookingEntity 1 ─ n Licence        what a company of the house may offer, and where
BookingEntity 1 ─ n Customer 1 ─ n KycRequest
Rule                               what the law of a customer's jurisdiction allows
Decision, AuditRecord              append-only: the database refuses UPDATE and DELETE

Rules and licences are never edited: one ends and another begins, so that every past decision can
be recomputed. Written by compliance.services (and compliance.audit) only.
"""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Tier(models.IntegerChoices):
    """How much is known of a customer."""

    LOOK = 0, "T0: e-mail only"
    IDENTITY = 1, "T1: identity"
    FULL = 2, "T2: identity, address, questionnaire"
    SOURCE_OF_FUNDS = 3, "T3: source of funds"


class Status(models.TextChoices):
    ACTIVE = "active", "Active"
    RESTRICTED = "restricted", "Restricted: may only look"
    WITHDRAW_ONLY = "withdraw_only", "Withdraw only"
    CLOSED = "closed", "Closed"


class Action(models.TextChoices):
    """What a rule speaks of; `ANY` stands for all of them."""

    ANY = "*", "Any action"
    SIGN_UP = "sign_up", "Sign up"
    SIGN_IN = "sign_in", "Sign in"
    VIEW = "view", "View"
    ORDER = "order", "Order"
    LEND = "lend", "Lend"
    BORROW = "borrow", "Borrow"
    DEPOSIT = "deposit", "Deposit"
    WITHDRAW = "withdraw", "Withdraw"
    TRANSFER = "transfer", "Transfer"


class Product(models.TextChoices):
    ANY = "*", "Any product"
    ACCOUNT = "account", "The account itself"
    SPOT = "spot", "Spot trading"
    PERP = "perp", "Perpetual futures"
    LENDING = "lending", "Lending and borrowing"
    FUNDS = "funds", "Custody and money movements"


class Effect(models.TextChoices):
    ALLOW = "allow", "Allow"
    DENY = "deny", "Deny"


class Basis(models.TextChoices):
    """Which fact about a customer puts them under a rule's jurisdiction."""

    RESIDENCE = "residence", "Residence"
    NATIONALITY = "nationality", "Nationality"


class BookingEntity(models.Model):
    """A company of the house with which customers have their contract."""

    code = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    country = models.CharField(max_length=2)

    class Meta:
        verbose_name_plural = "booking entities"

    def __str__(self) -> str:
        return self.name


class Licence(models.Model):
    """What an entity may offer to residents of a jurisdiction, from when to when."""

    entity = models.ForeignKey(BookingEntity, models.PROTECT, related_name="licences")
    jurisdiction = models.CharField(max_length=6)
    product = models.CharField(max_length=10, choices=Product.choices)
    regulator = models.CharField(max_length=80)
    number = models.CharField(max_length=60)
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    source_url = models.URLField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(effective_to=None)
                | models.Q(effective_to__gte=models.F("effective_from")),
                name="licence_ends_after_it_begins",
            ),
        ]
        permissions = [("end_licence", "Can end a licence")]

    def __str__(self) -> str:
        return f"{self.entity}: {self.product} in {self.jurisdiction}"


class Rule(models.Model):
    """One dated sentence of the permission matrix. No rule means no; deny overrides allow."""

    jurisdiction = models.CharField(
        max_length=6, help_text="ISO 3166 country (US), subdivision (UA-43), EU, or ROW"
    )
    basis = models.CharField(max_length=12, choices=Basis.choices, default=Basis.RESIDENCE)
    product = models.CharField(max_length=10, choices=Product.choices)
    action = models.CharField(max_length=10, choices=Action.choices)
    effect = models.CharField(max_length=5, choices=Effect.choices)
    required_tier = models.PositiveSmallIntegerField(choices=Tier.choices, default=Tier.LOOK)
    params = models.JSONField(default=dict, blank=True)
    message = models.CharField(
        max_length=200, blank=True, help_text="What a refused customer is told; may be empty"
    )
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    source_url = models.URLField(
        max_length=300, blank=True, help_text="The law; empty for a policy of the house"
    )
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(effective_to=None)
                | models.Q(effective_to__gte=models.F("effective_from")),
                name="rule_ends_after_it_begins",
            ),
        ]
        permissions = [("end_rule", "Can end a rule")]

    def __str__(self) -> str:
        return f"{self.jurisdiction}: {self.effect} {self.action} {self.product}"


class Customer(models.Model):
    """What compliance knows of a user. `country` is declared at sign-up, then verified."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="customer")
    country = models.CharField(max_length=6, help_text="Residence, or a subdivision with own rules")
    nationality = models.CharField(max_length=2, blank=True)
    entity = models.ForeignKey(BookingEntity, models.PROTECT, related_name="customers")
    tier = models.PositiveSmallIntegerField(choices=Tier.choices, default=Tier.LOOK)
    status = models.CharField(max_length=15, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        permissions = [("change_customer_status", "Can restrict, close and reactivate customers")]

    def __str__(self) -> str:
        return f"customer {self.pk}"


class KycRequest(models.Model):
    """What a customer says of themselves, and what staff decided about it."""

    class State(models.TextChoices):
        SUBMITTED = "submitted", "Waiting for staff"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="kyc_requests")
    legal_name = models.CharField(max_length=120)
    date_of_birth = models.DateField()
    address = models.CharField(max_length=300)
    residence = models.CharField(max_length=6)
    nationality = models.CharField(max_length=2)
    state = models.CharField(max_length=10, choices=State.choices, default=State.SUBMITTED)
    submitted_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "KYC request"
        ordering = ["submitted_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(state="submitted"),
                name="one_open_kyc_request_per_customer",
            ),
        ]
        permissions = [("decide_kyc", "Can approve and refuse KYC requests")]

    def __str__(self) -> str:
        return f"KYC request {self.pk}"


class Decision(models.Model):
    """The answer to one question, with the rules and the inputs that led to it. Append-only."""

    # Without a customer: a sign-up that was refused, of which only this is kept.
    customer = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    action = models.CharField(max_length=10, choices=Action.choices)
    product = models.CharField(max_length=10, choices=Product.choices)
    at = models.DateTimeField()
    allowed = models.BooleanField()
    code = models.CharField(max_length=24)
    message = models.CharField(max_length=300, blank=True)
    rule_ids = models.JSONField(default=list)
    licence_ids = models.JSONField(default=list)
    inputs = models.JSONField(default=dict)
    inputs_hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # "Has the answer to this question changed?", asked before each insert.
            models.Index(fields=["customer", "action", "product", "-id"], name="last_decision"),
        ]

    def __str__(self) -> str:
        return f"decision {self.pk}"


class AuditRecord(models.Model):
    """Who did what to what, and why. Append-only; written before the act is tried."""

    at = models.DateTimeField(default=timezone.now)
    # Without an actor: the house itself (the demo, a scheduled job).
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=100)
    reason = models.CharField(max_length=500)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        permissions = [("read_console", "Can read the tables of the exchange in the console")]
        indexes = [
            # The history of one customer, key or rule.
            models.Index(fields=["target", "-id"], name="audit_of_target"),
        ]

    def __str__(self) -> str:
        return f"audit {self.pk}: {self.action}"
