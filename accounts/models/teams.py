"""Who else may act for an owner's accounts, and what was done there.

Account (main) 1 ─ n Member 1 ─ n Grant n ─ 1 Account     written by accounts.teams
Act                                                      append-only: the database refuses changes
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models.users import Account
from accounts.rights import RIGHTS

# A limit on every list that a user can grow.
MEMBER_LIMIT = 200


class Member(models.Model):
    """A person in the team of an owner: invited, then accepted by the user of that e-mail.

    The invitation's token is not kept, only its SHA-256.
    """

    owner = models.ForeignKey(Account, models.PROTECT, related_name="members")
    email = models.EmailField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="memberships"
    )
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    invited_at = models.DateTimeField(default=timezone.now)
    invitation = models.BinaryField(max_length=32)
    invitation_until = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    # From then on they may do nothing.
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["email", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "email"],
                condition=models.Q(ended_at=None),
                name="one_membership_of_an_email",
            ),
            models.UniqueConstraint(fields=["invitation"], name="invitations_differ"),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(user__isnull=False),
                name="who_accepted_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} in the team of {self.owner_id}"

    @property
    def state(self) -> str:
        """Return Invited, Lapsed (the invitation), Active, Expired or Ended."""
        now = timezone.now()
        if self.ended_at is not None:
            return "Ended"
        if self.accepted_at is None:
            return "Invited" if now < self.invitation_until else "Lapsed"
        return "Active" if self.expires_at is None or now < self.expires_at else "Expired"


class Grant(models.Model):
    """What a member may do with one account, and how much of it in a UTC day.

    The limits are in USD × 1e6, null for none; the engine keeps to them (docs/risk.md).
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="grants")
    account = models.ForeignKey(Account, models.PROTECT, related_name="grants")
    rights = ArrayField(models.CharField(max_length=24))
    spend_micros = models.BigIntegerField(null=True, blank=True)
    loss_micros = models.BigIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["account__number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["member", "account"], name="one_grant_of_an_account"),
            models.CheckConstraint(
                condition=models.Q(rights__contained_by=list(RIGHTS), rights__len__gt=0),
                name="grant_has_known_rights",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} for {self.account_id}"


class SweepRule(models.Model):
    """A transfer between accounts of one owner which the clock makes; written by accounts.sweeps.

    Moves `amount` atoms each time; or, if it `keeps`, what `source` holds beyond that amount and,
    if it also tops up, what `source` lacks back from `destination`.
    """

    class Every(models.TextChoices):
        MINUTE = "minute", "Every minute"
        HOUR = "hour", "Every hour"
        DAY = "day", "Every day"
        WEEK = "week", "Every week"

    owner = models.ForeignKey(Account, models.PROTECT, related_name="sweeps")
    source = models.ForeignKey(Account, models.PROTECT, related_name="+")
    destination = models.ForeignKey(Account, models.PROTECT, related_name="+")
    asset = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=0)
    keeps = models.BooleanField(default=False)
    tops_up = models.BooleanField(default=False)
    every = models.CharField(max_length=10, choices=Every.choices)
    # Whose rights each run needs.
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    # What the last run came to, in words.
    ran_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["id"]
        indexes: ClassVar = [
            # Serves the job: what is due now.
            models.Index(fields=["next_at"], name="sweeps_due", condition=models.Q(ended_at=None)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(source=models.F("destination")), name="sweep_has_two_ends"
            ),
        ]

    def __str__(self) -> str:
        return f"sweep {self.pk}"


class Act(models.Model):
    """Something that was done, or tried, with an account which a team shares.

    Of what became a command, `sequence` names the journal's entry, which has all of its terms. An
    act which was not allowed says why, and `count` how often it was tried within a minute.
    """

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        DENIED = "denied", "Not allowed"

    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    # The user who did it.
    actor_id = models.BigIntegerField()
    action = models.TextField()
    outcome = models.TextField(choices=Outcome.choices)
    reason = models.TextField(blank=True, default="")
    details = models.TextField(blank=True, default="")
    count = models.BigIntegerField(default=1)
    sequence = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes: ClassVar = [
            # Serves the audit page of an owner, newest first.
            models.Index(fields=["account_id", "-id"], name="act_by_account"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_id}"
