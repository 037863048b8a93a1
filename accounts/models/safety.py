"""How a user guards withdrawals: the address book, whitelist-only mode, the delay.

Written by `accounts.address_book` and `accounts.withdrawal_delay` only.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models


class AddressBookEntry(models.Model):
    """An address to which a user withdraws. Shared by all accounts of the user.

    `exempt` addresses need no second factor. From `usable_at` on it counts as known.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    blockchain = models.TextField()
    address = models.TextField()
    # As `addresses.address_key` spells it.
    key = models.TextField()
    label = models.CharField(max_length=40)
    exempt = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    usable_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "address book entries"
        constraints: ClassVar = [
            # Serves the question whether an address is known.
            models.UniqueConstraint(
                fields=["user", "blockchain", "key"], name="address_once_in_a_book"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.blockchain})"


class WithdrawalGuard(models.Model):
    """The switches of one user. A weaker setting holds only from its `…_at` on.

    `delay_hours` 0 is no delay. `open_at` is when whitelist-only mode ends. What is worth more than
    `approval_micros` (USD × 1e6) a day leaves once a second person has approved it; null: none is
    asked for.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True)
    whitelist_only = models.BooleanField(default=False)
    open_at = models.DateTimeField(null=True)
    delay_hours = models.PositiveIntegerField(default=0)
    next_delay_hours = models.PositiveIntegerField(null=True)
    next_delay_at = models.DateTimeField(null=True)
    approval_micros = models.BigIntegerField(null=True)
    next_approval_micros = models.BigIntegerField(null=True)
    next_approval_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(next_delay_hours=None, next_delay_at=None)
                | models.Q(next_delay_hours__isnull=False, next_delay_at__isnull=False),
                name="next_delay_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"guard of user {self.user_id}"
