"""Lending pools, their rates over time and what moved in them: written by projections only.

Amounts are whole atoms; scaled amounts times the pool's index (1e27) give atoms.
"""

from typing import ClassVar

from django.db import models

from accounts.models.ledger import atoms_field


class Pool(models.Model):
    """The lending pool of an asset, as it stands. Yearly rates are in parts of 1e9.

    cash × 1e27 + debt_scaled × debt_index_ray = lend_scaled × lend_index_ray + reserve_ray.
    """

    asset = models.TextField(primary_key=True)
    cash = atoms_field()
    lend_scaled = atoms_field()
    lend_index_ray = atoms_field()
    debt_scaled = atoms_field()
    debt_index_ray = atoms_field()
    # Atoms × 1e27: more digits than a plain amount.
    reserve_ray = models.DecimalField(max_digits=66, decimal_places=0)
    accrued_at = models.DateTimeField()
    borrow_rate_ppb = models.BigIntegerField(null=True)
    lend_rate_ppb = models.BigIntegerField(null=True)
    utilization_ppb = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"pool of {self.asset}"


class PoolRate(models.Model):
    """A pool's rates and sizes at one accrual of interest."""

    asset = models.TextField()
    at = models.DateTimeField()
    borrow_rate_ppb = models.BigIntegerField()
    lend_rate_ppb = models.BigIntegerField()
    utilization_ppb = models.BigIntegerField()
    lent = atoms_field()
    borrowed = atoms_field()

    class Meta:
        indexes: ClassVar = [
            # Serves the rate history of an asset over a span of time.
            models.Index(fields=["asset", "at"], name="pool_rate_by_asset"),
        ]

    def __str__(self) -> str:
        return f"rate of {self.asset} at {self.at}"


class BorrowLendMovement(models.Model):
    """A loan or a lend of an account that grew or shrank."""

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    asset = models.TextField()
    kind = models.TextField()
    source = models.TextField()
    amount = atoms_field()

    class Meta:
        indexes: ClassVar = [
            # Serves the borrow-lend history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="movement_by_account"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.asset} of {self.account_id}"
