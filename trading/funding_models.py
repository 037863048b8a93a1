"""Funding of perpetuals: tables of the engine, written by projections only."""

from typing import ClassVar

from django.db import models

from accounts.models.ledger import atoms_field


class FundingRate(models.Model):
    """The rate of one hour of a perpetual: positive is paid by longs to shorts.

    Of the running hour it is what the hour comes to if it goes on so; the other figures are known
    when the hour has ended. Payments are rate × mark × size.
    """

    market = models.TextField()
    ends_at = models.DateTimeField()
    rate_ppb = models.BigIntegerField()
    # The mean premium, of how many samples, and the mark.
    premium_ppb = models.BigIntegerField(null=True)
    samples = models.BigIntegerField(null=True)
    mark_e8 = atoms_field(null=True)

    class Meta:
        constraints: ClassVar = [
            # Serves the rates of a market, newest first, and the upsert of each update.
            models.UniqueConstraint(fields=["market", "ends_at"], name="funding_rate_of_hour"),
        ]

    def __str__(self) -> str:
        return f"funding rate of {self.market} {self.ends_at}"


class FundingPayment(models.Model):
    """What a position got (positive) or paid as funding of one hour; put into its quote."""

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    market = models.TextField()
    asset = models.TextField()
    position_id = models.BigIntegerField()
    ends_at = models.DateTimeField()
    rate_ppb = models.BigIntegerField()
    lots = models.BigIntegerField()
    amount_atoms = atoms_field()

    class Meta:
        indexes: ClassVar = [
            # Serves the funding history of an account, newest first.
            models.Index(fields=["account_id", "id"], name="funding_payment_by_account"),
        ]

    def __str__(self) -> str:
        return f"funding of position {self.position_id} {self.ends_at}"
