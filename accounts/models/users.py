"""Who signs in, which accounts they own and which keys act for those accounts.

User 1 ─ n Account (number 0 is the main account, the others are its sub-accounts)
Account 1 ─ n ApiKey (the public half only; the secret is never stored)

Written by accounts.services only.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.scopes import SCOPES, usual_scopes

# Unless staff have agreed on more with an institution.
SUB_ACCOUNT_LIMIT = 10
SUB_ACCOUNT_LIMIT_MAX = 1_000
# On the wire a sub-account's number has 16 bits; in the database it has 15.
MAX_NUMBER = 32_767
COLOURS = ("blue", "teal", "green", "lime", "amber", "orange", "red", "pink", "violet", "slate")
# A limit on every list that a user can grow: keys are kept in the memory of each edge.
LIVE_KEY_LIMIT = 50
KEY_ADDRESS_LIMIT = 20


class UserManager(BaseUserManager["User"]):
    """Make users for Django's own commands. Customers come from accounts.services."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store a user who signs in by e-mail."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Store a member of staff who may do everything in the console."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail: a customer, or a member of staff."""

    email = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="users_differ_in_more_than_case"),
        ]

    def __str__(self) -> str:
        return self.email


class Account(models.Model):
    """A margin account. Its id is the engine's; sub-accounts hold money of their own."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="accounts")
    main = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="subs")
    number = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=40)
    # How its owner finds it: the colour on its tickets, the place in lists.
    colour = models.CharField(max_length=10, default=COLOURS[0], choices=[(c, c) for c in COLOURS])
    place = models.PositiveSmallIntegerField(default=0)
    # Of a main account: how many sub-accounts it may have open.
    sub_limit = models.PositiveSmallIntegerField(default=SUB_ACCOUNT_LIMIT)
    created_at = models.DateTimeField(default=timezone.now)
    # When the engine said that it knows the account; until then it is asked again.
    opened_at = models.DateTimeField(null=True, blank=True)
    # Whether margin calls and liquidations are e-mailed; what its owner may offer, see Backstops.
    risk_mails = models.BooleanField(default=True)
    may_backstop = models.BooleanField(default=False)

    class Meta:
        ordering = ["user_id", "place", "number"]
        permissions = [("set_sub_limit", "Can set how many sub-accounts a customer may have")]
        constraints = [
            models.UniqueConstraint(fields=["user", "number"], name="account_numbers_differ"),
            models.UniqueConstraint(fields=["user", "name"], name="account_names_differ"),
            models.CheckConstraint(
                condition=models.Q(number=0, main=None)
                | models.Q(number__gt=0, main__isnull=False),
                name="only_account_zero_is_main",
            ),
        ]
        indexes = [
            # ensure_accounts_open() looks for these after a time without an engine.
            models.Index(
                fields=["id"], name="accounts_not_open", condition=models.Q(opened_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"

    @property
    def owner_id(self) -> int:
        """Return the id of the main account, which the engine calls the owner."""
        return self.main_id or self.pk


class ApiKey(models.Model):
    """An ED25519 public key that may act for one account until it is revoked or expires.

    Limited to its scopes, and to the networks in `addresses` (CIDR; none: from anywhere).
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="keys")
    # The member of the owner's team who made it and may use it; null: the owner.
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=40)
    public_key = models.CharField(max_length=44, unique=True)
    scopes = ArrayField(models.CharField(max_length=10), default=usual_scopes)
    addresses = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_address = models.CharField(max_length=45, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "API key"
        permissions = [("revoke_any_key", "Can revoke any API key")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=list(SCOPES), scopes__len__gt=0),
                name="key_has_known_scopes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_key[:8]}…)"

    @property
    def holder_id(self) -> int:
        """Return the user whose key it is."""
        return self.made_by_id or self.account.user_id

    @property
    def is_expired(self) -> bool:
        """Return whether its time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()
