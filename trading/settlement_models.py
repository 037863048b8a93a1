"""What settlement has turned into dollars, and what statements closed with."""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from accounts.models.ledger import atoms_field
from engine.kinds import RealizeKind


class Settlement(models.Model):
    """Profit or loss turned into dollars; a positive amount was paid to the account.

    `source` says why, as the engine's RealizeKind does. `position_id` is 0 in rows from before it
    was told.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    market = models.TextField()
    asset = models.TextField(default="")
    position_id = models.BigIntegerField(default=0)
    amount_atoms = atoms_field()
    source = models.TextField(choices=[(kind.value, kind.value) for kind in RealizeKind])

    class Meta:
        indexes: ClassVar = [
            # Serves the settlement history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="settlement_by_account"),
        ]

    def __str__(self) -> str:
        return f"settlement {self.pk}"


class PositionInterest(models.Model):
    """Interest on what a position had not realized, put into its quote; negative was charged.

    `hour` is the whole hour in which it was posted.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    market = models.TextField()
    asset = models.TextField()
    position_id = models.BigIntegerField()
    hour = models.DateTimeField()
    amount_atoms = atoms_field()

    class Meta:
        indexes: ClassVar = [
            # Serves the position interest of an account, newest first.
            models.Index(fields=["account_id", "id"], name="position_interest_by_account"),
            # Serves the interest lines of an hour; rows lie in the order of time on disk.
            BrinIndex(fields=["at"], name="position_interest_by_time"),
        ]

    def __str__(self) -> str:
        return f"interest of position {self.position_id}"


class StatementClose(models.Model):
    """What an account held at the end of a month, once its statement of that month was final.

    Written by the shell. `balances` has, for each asset, what was in hand, lent and owed, in atoms
    as text.
    """

    account_id = models.BigIntegerField()
    month = models.DateField()
    closed_at = models.DateTimeField()
    balances = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            # A month is closed once; serves the last close of an account before a month.
            models.UniqueConstraint(fields=["account_id", "month"], name="close_of_month"),
        ]

    def __str__(self) -> str:
        return f"close of {self.account_id} for {self.month:%Y-%m}"


class Clearing(models.Model):
    """What stands behind all positions of a perpetual market, after its last settlement.

    Lend and debt are scaled by the indexes of the quote asset's pool; the lend is in bucket 0. Only
    `dust` and `funding` change between settlements, with fees that a trader had no cash for and
    with funding that some have paid and others not yet got (docs/ledger.md).
    """

    market = models.TextField(primary_key=True)
    cash = atoms_field()
    lend_scaled = atoms_field()
    debt_scaled = atoms_field()
    settled = atoms_field()
    dust = atoms_field()
    interest = atoms_field()
    funding = atoms_field(default=0)

    def __str__(self) -> str:
        return f"clearing of {self.market}"
