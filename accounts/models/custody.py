"""Where money comes from and may go: what staff keep, and what each customer has been given.

No chain is connected: addresses are derived by a custodian or signer and imported, arrivals are
entered by staff. Written by `accounts.custody` and `accounts.arrivals` only.
"""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models.ledger import atoms_field
from accounts.models.users import Account, ApiKey


class TokenTerms(models.Model):
    """On which terms an asset comes in and goes out over one chain. Amounts are atoms."""

    asset = models.TextField()
    blockchain = models.TextField()
    # Empty for a chain's own coin.
    contract_address = models.TextField(blank=True)
    native_decimals = models.PositiveSmallIntegerField()
    deposit_enabled = models.BooleanField(default=False)
    minimum_deposit = atoms_field(default=0)
    withdraw_enabled = models.BooleanField(default=False)
    minimum_withdrawal = atoms_field(default=0)
    maximum_withdrawal = atoms_field(null=True)
    withdrawal_fee = atoms_field(default=0)

    class Meta:
        verbose_name_plural = "token terms"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["asset", "blockchain"], name="token_terms_once"),
            models.CheckConstraint(
                # What is withdrawn is more than its fee.
                condition=models.Q(withdrawal_fee__gte=0)
                & models.Q(minimum_deposit__gte=0, minimum_withdrawal__gt=0)
                & models.Q(minimum_withdrawal__gt=models.F("withdrawal_fee")),
                name="token_terms_make_sense",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset} on {self.blockchain}"


class ExchangeWallet(models.Model):
    """An address of the exchange itself, shown to everybody while it is listed."""

    blockchain = models.TextField()
    address = models.TextField()
    listed = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["blockchain", "address"], name="wallet_once"),
        ]

    def __str__(self) -> str:
        return f"{self.blockchain} {self.address}"


class DepositAddress(models.Model):
    """An address of the pool: given to one account, once, and never to another.

    `key` is the address as `addresses.address_key` spells it; it is on one chain only, so that
    money sent over the wrong one is never taken for somebody else's.
    """

    blockchain = models.TextField()
    address = models.TextField()
    key = models.TextField(unique=True)
    imported_at = models.DateTimeField(default=timezone.now)
    account = models.ForeignKey(Account, models.PROTECT, null=True, blank=True)
    assigned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deposit addresses"
        constraints: ClassVar = [
            # Serves the look-up of an account's address, and keeps it one.
            models.UniqueConstraint(
                fields=["account", "blockchain"],
                name="one_address_of_an_account_on_a_chain",
                condition=models.Q(account__isnull=False),
            ),
            models.CheckConstraint(
                condition=models.Q(account=None, assigned_at=None)
                | models.Q(account__isnull=False, assigned_at__isnull=False),
                name="address_given_at_a_time",
            ),
        ]
        indexes: ClassVar = [
            # Serves the next free address of a chain.
            models.Index(
                fields=["blockchain", "id"],
                name="free_addresses",
                condition=models.Q(account=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.blockchain} {self.address}"


class DepositArrival(models.Model):
    """Money that has come in over a chain, or from another account of the exchange.

    Stored before the engine is asked to credit it; the engine's row names it (`arrival_id`).
    `blockchain` is "" for what came over no chain; of internal transfers `withdrawal` is the
    number of what the other account has sent.
    """

    account = models.ForeignKey(Account, models.PROTECT)
    asset = models.TextField()
    amount = atoms_field()
    blockchain = models.TextField(blank=True)
    address = models.TextField(blank=True)
    from_address = models.TextField(blank=True)
    # Null where there is none, so that the constraint compares only what is known.
    transaction_hash = models.TextField(null=True, blank=True)
    output_index = models.PositiveIntegerField(default=0)
    withdrawal = models.BigIntegerField(null=True, blank=True, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["blockchain", "transaction_hash", "output_index"],
                name="arrival_is_credited_once",
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="arrival_above_zero"),
        ]

    def __str__(self) -> str:
        return f"arrival {self.pk}"


class PageKey(models.Model):
    """A key which a page made for itself: revoked when its time is over."""

    key = models.OneToOneField(ApiKey, models.PROTECT, primary_key=True, related_name="page_key")
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key} until {self.expires_at:%H:%M}"
