"""Accounts at risk: their status, their liquidations, and who paid what. Written by projections."""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from accounts.models.ledger import atoms_field


class AccountRisk(models.Model):
    """How far an account's equity was above its maintenance margin when that last changed.

    Amounts are in micros of a dollar. An account without a row has always been healthy.
    """

    account_id = models.BigIntegerField(primary_key=True)
    status = models.TextField()
    equity_micros = atoms_field()
    margin_micros = atoms_field()
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "account risks"
        indexes: ClassVar = [
            # Serves the console's view of who is not healthy.
            models.Index(fields=["status"], name="account_risk_by_status"),
        ]

    def __str__(self) -> str:
        return f"risk of {self.account_id}"


class Backstop(models.Model):
    """Up to which notional an account takes over positions of a market; 0: no more.

    In micros of a dollar.
    """

    account_id = models.BigIntegerField()
    market = models.TextField()
    minute_micros = atoms_field()
    hour_micros = atoms_field()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            # An account has one offer in a market.
            models.UniqueConstraint(fields=["account_id", "market"], name="backstop_of_account"),
        ]

    def __str__(self) -> str:
        return f"backstop of {self.account_id} in {self.market}"


class Liquidation(models.Model):
    """One liquidation of an account; its end is null while it is under way.

    `sequence` is the number of the command which began it. Amounts are in micros of a dollar.
    """

    account_id = models.BigIntegerField()
    sequence = models.BigIntegerField()
    started_at = models.DateTimeField()
    equity_micros = atoms_field()
    margin_micros = atoms_field()
    closing_micros = atoms_field()
    ended_at = models.DateTimeField(null=True)
    end = models.TextField(null=True)
    end_equity_micros = atoms_field(null=True)
    end_margin_micros = atoms_field(null=True)

    class Meta:
        constraints: ClassVar = [
            # One command begins one liquidation of an account; serves an account's, newest first.
            models.UniqueConstraint(fields=["account_id", "sequence"], name="liquidation_start"),
        ]

    def __str__(self) -> str:
        return f"liquidation of {self.account_id}"


class LiquidationPayment(models.Model):
    """Money that moved because of a liquidation: out of the account (negative), or to it.

    `kind`: Fee (to the insurance fund), Insurance (from it, or back), ClaimSold (the profit of a
    position that it paid for), LossShared (a winner's claim that was given up), LossCovered (the
    loss for which it was). `owed_atoms` of it is in a position, not in a balance.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    kind = models.TextField()
    market = models.TextField(blank=True)
    asset = models.TextField()
    amount_atoms = atoms_field()
    owed_atoms = atoms_field(default=0)

    class Meta:
        indexes: ClassVar = [
            # Serves an account's payments, newest first, and its statements.
            models.Index(fields=["account_id", "id"], name="liq_payment_by_account"),
            # Serves reports over time; rows lie in the order of time on disk.
            BrinIndex(fields=["at"], name="liq_payment_by_time"),
        ]

    def __str__(self) -> str:
        return f"payment {self.pk} of {self.account_id}"


class Takeover(models.Model):
    """Lots that went from a liquidated account to another, off the book.

    `side` is the giver's; `system` says whether the taker is a backstop or is reduced (ADL).
    `worth_atoms` is at the mark, in the quote asset.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    taker_id = models.BigIntegerField()
    market = models.TextField()
    trade_id = models.BigIntegerField()
    side = models.TextField()
    lots = models.BigIntegerField()
    price_ticks = models.BigIntegerField()
    quote_atoms = atoms_field()
    worth_atoms = atoms_field()
    system = models.TextField()

    class Meta:
        indexes: ClassVar = [
            # Serves what an account took over, or lost, newest first.
            models.Index(fields=["taker_id", "id"], name="takeover_by_taker"),
        ]

    def __str__(self) -> str:
        return f"takeover {self.market} {self.trade_id}"
