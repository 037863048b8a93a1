"""Lending pools, their rates over time, what moved in them, and on which terms accounts lend.

Amounts are whole atoms; scaled amounts times the pool's index (1e27) give atoms. All but
InterestHour and InterestPayment are written by projections only.
"""

from typing import ClassVar

from django.db import models

from accounts.models.ledger import atoms_field
from engine.catalog import PoolState


class Pool(models.Model):
    """The lending pool of an asset, as it stands. Yearly rates are in parts of 1e9.

    cash × 1e27 + debt_scaled × debt_index_ray
        = Σ of its PoolLends, lend_scaled × lend_index_ray, + reserve_ray.
    """

    asset = models.TextField(primary_key=True)
    state = models.TextField(
        choices=[(state.value, state.value) for state in PoolState], default=PoolState.OPEN.value
    )
    cash = atoms_field()
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


class PoolLends(models.Model):
    """What is lent to a pool at one least rate, as it stands; `active_ppb` of it is at work.

    `bucket` numbers the rate among those which lenders of the asset may ask for.
    """

    asset = models.TextField()
    bucket = models.SmallIntegerField()
    lend_scaled = atoms_field()
    lend_index_ray = atoms_field()
    active_ppb = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "pool lends"
        constraints: ClassVar = [
            # Serves every read of a pool, and the upsert of each commit.
            models.UniqueConstraint(fields=["asset", "bucket"], name="lends_of_pool"),
        ]

    def __str__(self) -> str:
        return f"lends of {self.asset}, bucket {self.bucket}"


class PoolHour(models.Model):
    """A pool's indexes at a whole hour; `lend_indexes_ray` has one a bucket, as decimal text.

    A pool which nobody owed anything may skip hours: its indexes stood still meanwhile.
    """

    asset = models.TextField()
    hour = models.DateTimeField()
    debt_index_ray = atoms_field()
    lend_indexes_ray = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            # Serves the indexes of a pool over a span of time.
            models.UniqueConstraint(fields=["asset", "hour"], name="hour_of_pool"),
        ]

    def __str__(self) -> str:
        return f"{self.asset} at {self.hour}"


class PoolRate(models.Model):
    """A pool's rates and sizes at one accrual of interest.

    `insured` and `fees` are what the house took of its reserve with it.
    """

    asset = models.TextField()
    at = models.DateTimeField()
    borrow_rate_ppb = models.BigIntegerField()
    lend_rate_ppb = models.BigIntegerField()
    utilization_ppb = models.BigIntegerField()
    lent = atoms_field()
    borrowed = atoms_field()
    insured = atoms_field(default=0)
    fees = atoms_field(default=0)

    class Meta:
        indexes: ClassVar = [
            # Serves the rate history of an asset over a span of time.
            models.Index(fields=["asset", "at"], name="pool_rate_by_asset"),
        ]

    def __str__(self) -> str:
        return f"rate of {self.asset} at {self.at}"


class LendTerms(models.Model):
    """On which terms an account lends an asset; without a row, at any rate and all of it."""

    account_id = models.BigIntegerField()
    asset = models.TextField()
    bucket = models.SmallIntegerField()
    min_rate_ppb = models.BigIntegerField()
    cap = atoms_field(null=True)
    keep = atoms_field()
    as_collateral = models.BooleanField()

    class Meta:
        verbose_name_plural = "lend terms"
        constraints: ClassVar = [
            # Serves every read of an account's terms, and the upsert of each commit.
            models.UniqueConstraint(fields=["account_id", "asset"], name="lend_terms_of_account"),
        ]

    def __str__(self) -> str:
        return f"lend terms of {self.account_id} for {self.asset}"


class BorrowLendMovement(models.Model):
    """A loan or a lend of an account that grew or shrank, and what it is after, scaled.

    Rows from before the scaled amounts were told have zeros there.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    asset = models.TextField()
    kind = models.TextField()
    source = models.TextField()
    amount = atoms_field()
    lend_scaled = atoms_field(default=0)
    debt_scaled = atoms_field(default=0)
    bucket = models.SmallIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            # Serves the borrow-lend history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="movement_by_account"),
            # Serves the interest of an account's lend or debt, which lies between its movements.
            models.Index(fields=["account_id", "asset", "id"], name="movement_by_asset"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.asset} of {self.account_id}"


class BorrowLendPosition(models.Model):
    """All movements of a lend or debt from its opening to its close, added up.

    `opened` is the number of the command which opened it; 0 if that was before numbers were kept.
    In its own direction movements count positive: Lend for a lend, Borrow for a debt. Σ `moment` is
    amount × time in Unix milliseconds: net × end − moment is what was held, times how long.
    """

    class Side(models.TextChoices):
        LEND = "Lend"
        BORROW = "Borrow"

    account_id = models.BigIntegerField()
    asset = models.TextField()
    side = models.TextField(choices=Side.choices)
    opened = models.BigIntegerField()
    source = models.TextField()
    opened_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    closed = models.BooleanField()
    net = atoms_field()
    put_in = atoms_field()
    moment = atoms_field()

    class Meta:
        constraints: ClassVar = [
            # Serves the upsert of each movement.
            models.UniqueConstraint(
                fields=["account_id", "asset", "side", "opened"], name="position_of_lend_or_debt"
            ),
        ]
        indexes: ClassVar = [
            # Serves the history of an account's lends and debts, newest first.
            models.Index(fields=["account_id", "id"], name="loan_position_by_account"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.asset} of {self.account_id}"


class DebtWriteOff(models.Model):
    """A debt that nobody will pay, and by whom it was borne."""

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    asset = models.TextField()
    amount = atoms_field()
    reserve = atoms_field()
    insured = atoms_field()
    lenders = atoms_field()

    def __str__(self) -> str:
        return f"write-off of {self.account_id}'s {self.asset}"


class DustConversion(models.Model):
    """A small balance which an account sold to the house."""

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    asset = models.TextField()
    amount = atoms_field()
    received_asset = models.TextField()
    received = atoms_field()

    class Meta:
        indexes: ClassVar = [
            # Serves the dust history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="dust_by_account"),
        ]

    def __str__(self) -> str:
        return f"dust of {self.account_id}: {self.asset}"


class InterestHour(models.Model):
    """An hour whose interest is accounted for: every account's lines of it are written."""

    hour = models.DateTimeField(primary_key=True)
    lines = models.IntegerField()
    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"interest of {self.hour}"


class InterestPayment(models.Model):
    """What an account earned (positive) or paid in one hour, by source.

    Written by the shell, from movements, PoolHour and PositionInterest. `hour` is its beginning;
    `rate_ppb` the yearly rate that the amount comes to. A lend's or a debt's own interest has no
    market, and position 0.
    """

    class Kind(models.TextChoices):
        LEND = "Lend"
        BORROW = "Borrow"
        UNREALIZED_POSITIVE = "UnrealizedPositivePnl"
        UNREALIZED_NEGATIVE = "UnrealizedNegativePnl"

    account_id = models.BigIntegerField()
    asset = models.TextField()
    hour = models.DateTimeField()
    kind = models.TextField(choices=Kind.choices)
    amount = atoms_field()
    rate_ppb = models.BigIntegerField()
    market = models.TextField(blank=True, default="")
    position_id = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            # An hour is paid once, however often the job runs.
            models.UniqueConstraint(
                fields=["account_id", "asset", "kind", "hour", "position_id"],
                name="interest_of_hour",
            ),
        ]
        indexes: ClassVar = [
            # Serves the interest history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="interest_by_account"),
        ]

    def __str__(self) -> str:
        return f"interest of {self.account_id} in {self.asset} at {self.hour}"
