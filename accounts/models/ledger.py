"""What accounts hold and how it moved: tables of the engine, written by projections only.

Amounts are whole atoms of the asset. Account numbers are plain columns without foreign keys: the
engine has checked them, and a constraint would halve the rate of commits.
"""

from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from engine.kinds import AccountState
from engine.units import MAX_ATOMS


def atoms_field(
    *, null: bool = False, default: int | None = None
) -> "models.DecimalField[Decimal, Decimal]":
    """Return a column for an amount in atoms: 38 digits, no decimals.

    Args:
        default: for rows that are older than the column; projections give every column.
    """
    if default is None:
        return models.DecimalField(max_digits=38, decimal_places=0, null=null)
    return models.DecimalField(max_digits=38, decimal_places=0, null=null, default=default)


class Balance(models.Model):
    """An account's holding of one asset. Lend and debt are scaled by the pool's indexes.

    The lend's index is that of `lend_bucket`.
    """

    account_id = models.BigIntegerField()
    asset = models.TextField()
    available = atoms_field()
    locked = atoms_field()
    lend_scaled = atoms_field()
    debt_scaled = atoms_field()
    lend_bucket = models.SmallIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            # Serves every read of an account's balances, and the upsert of each commit.
            models.UniqueConstraint(fields=["account_id", "asset"], name="balance_of_account"),
            models.CheckConstraint(
                condition=models.Q(available__gte=0, locked__gte=0)
                & models.Q(lend_scaled__gte=0, debt_scaled__gte=0),
                name="balance_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.asset}"


class LedgerTransfer(models.Model):
    """One transfer of the double-entry ledger: `amount` leaves `debit` and enters `credit`.

    One row holds both sides, so each transfer balances by construction.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    asset = models.TextField()
    debit = models.TextField()
    credit = models.TextField()
    amount = atoms_field()
    kind = models.TextField()

    class Meta:
        indexes: ClassVar = [
            # Serves the console's look-up of what one command moved; rows lie in its order on disk.
            BrinIndex(fields=["sequence"], name="ledger_by_sequence"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="ledger_amount_positive"),
            models.CheckConstraint(
                condition=~models.Q(debit=models.F("credit")), name="ledger_two_sides"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.asset} {self.debit} → {self.credit}"


class AccountSettings(models.Model):
    """An account as the engine knows it: its owner, its switches, and what it may do at all."""

    account_id = models.BigIntegerField(primary_key=True)
    owner_id = models.BigIntegerField()
    auto_lend = models.BooleanField()
    auto_repay_borrows = models.BooleanField()
    auto_borrow_settlements = models.BooleanField()
    auto_realize_pnl = models.BooleanField()
    leverage_limit = models.BigIntegerField()
    # The most that may be owed in all, in USD × 1e6; MAX_ATOMS is no limit.
    borrow_limit_micros = models.BigIntegerField(default=MAX_ATOMS)
    # The most that it may hold in one perpetual, in USD × 1e6; MAX_ATOMS: what the market says.
    position_limit_micros = models.BigIntegerField(default=MAX_ATOMS)
    # An AccountState: frozen, it opens nothing; closed, it is empty and does nothing.
    state = models.TextField(default=AccountState.OPEN.value)

    class Meta:
        verbose_name_plural = "account settings"

    def __str__(self) -> str:
        return f"settings of {self.account_id}"


class Deposit(models.Model):
    """Money that arrived from outside."""

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    asset = models.TextField()
    amount = atoms_field()
    # The row of DepositArrival which says where it came from; 0 for none.
    arrival_id = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            # Serves the deposit history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="deposit_by_account"),
            # Serves the look whether an arrival has been credited.
            models.Index(
                fields=["arrival_id"],
                name="deposit_by_arrival",
                condition=models.Q(arrival_id__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"deposit {self.pk}"


class Withdrawal(models.Model):
    """Money on its way out. The number is drawn from this table's sequence before the request."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SETTLED = "settled"
        RETURNED = "returned"

    sequence = models.BigIntegerField()
    requested_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    account_id = models.BigIntegerField()
    asset = models.TextField()
    amount = atoms_field()
    # A part of the amount.
    fee = atoms_field(default=0)
    status = models.TextField(choices=Status.choices)

    class Meta:
        indexes: ClassVar = [
            # Serves the withdrawal history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="withdrawal_by_account"),
            # Serves the queue of withdrawals which still have to be sent or returned.
            models.Index(
                fields=["id"], name="withdrawal_pending", condition=models.Q(status="pending")
            ),
        ]

    def __str__(self) -> str:
        return f"withdrawal {self.pk}"


class Transfer(models.Model):
    """Money moved at once between two accounts of one owner."""

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    source_id = models.BigIntegerField()
    destination_id = models.BigIntegerField()
    asset = models.TextField()
    amount = atoms_field()

    class Meta:
        indexes: ClassVar = [
            # Serve the transfer history of an account, as giver and as taker.
            models.Index(fields=["source_id", "id"], name="transfer_by_source"),
            models.Index(fields=["destination_id", "id"], name="transfer_by_destination"),
        ]

    def __str__(self) -> str:
        return f"transfer {self.pk}"
