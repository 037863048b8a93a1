"""What accounts were worth at whole hours, and why that changed. Written by the shell.

Amounts are in micros of a dollar. `inflow`, `moved`, `fees`, `funding`, `interest` and `volume`
count from the account's beginning: what a span brought is the difference of two points, whichever
points between them are still kept. trading/worth.py says what each figure means.
"""

from typing import ClassVar

from django.db import models

from accounts.models.ledger import atoms_field


class EquityHour(models.Model):
    """An hour at whose end (`at`) every account's points are written."""

    at = models.DateTimeField(primary_key=True)
    accounts = models.IntegerField()
    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"equity at {self.at}"


class EquityPoint(models.Model):
    """An account at a whole hour. Of what stays empty there is no point after the first.

    `is_day` is midnight, UTC: such points are kept for ever.
    """

    account_id = models.BigIntegerField()
    at = models.DateTimeField()
    is_day = models.BooleanField()
    equity = atoms_field()
    unrealized = atoms_field()
    inflow = atoms_field()
    fees = atoms_field()
    funding = atoms_field()
    interest = atoms_field()
    volume = atoms_field()

    class Meta:
        constraints: ClassVar = [
            # A point is written once; serves an account's last point before a moment, and its
            # hours.
            models.UniqueConstraint(fields=["account_id", "at"], name="point_of_account"),
        ]
        indexes: ClassVar = [
            # Serves the days of an account; holds only those.
            models.Index(
                fields=["account_id", "at"],
                name="day_of_account",
                condition=models.Q(is_day=True),
            ),
            # Serves forgetting the points of one hour.
            models.Index(fields=["at"], name="point_hour", condition=models.Q(is_day=False)),
        ]

    def __str__(self) -> str:
        return f"equity of {self.account_id} at {self.at}"


class AssetPoint(models.Model):
    """One asset's part of an EquityPoint: its balance, and positions in perpetuals on it.

    `net_atoms` is available + locked + lent − owed. Σ `moved` of an account's assets is 0.
    """

    account_id = models.BigIntegerField()
    asset = models.TextField()
    at = models.DateTimeField()
    is_day = models.BooleanField()
    net_atoms = atoms_field()
    worth = atoms_field()
    unrealized = atoms_field()
    inflow = atoms_field()
    moved = atoms_field()
    fees = atoms_field()
    funding = atoms_field()
    interest = atoms_field()

    class Meta:
        constraints: ClassVar = [
            # A point is written once; serves all assets of an account at a moment.
            models.UniqueConstraint(fields=["account_id", "at", "asset"], name="point_of_asset"),
        ]
        indexes: ClassVar = [
            # Serves forgetting the points of one hour.
            models.Index(fields=["at"], name="asset_hour", condition=models.Q(is_day=False)),
        ]

    def __str__(self) -> str:
        return f"{self.asset} of {self.account_id} at {self.at}"
