"""Requests for quote, quotes and their fills: tables of the engine, written by projections only."""

from typing import ClassVar

from django.db import models

from accounts.models.ledger import atoms_field


class RfqRequest(models.Model):
    """A request for quote, as it stands. Spot markets are named without `_RFQ`.

    Makers may quote until `submission_at`. `reason` says why it ended before its time.
    """

    id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    market = models.TextField()
    side = models.TextField()
    mode = models.TextField()
    price_ticks = models.BigIntegerField(null=True)
    lots = models.BigIntegerField(null=True)
    quote_atoms = atoms_field(null=True)
    client_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    status = models.TextField()
    submission_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    reason = models.TextField(null=True)
    updated_sequence = models.BigIntegerField()

    class Meta:
        verbose_name = "request for quote"
        verbose_name_plural = "requests for quote"
        indexes: ClassVar = [
            # Serves the request history of an account, newest first (ids grow with time).
            models.Index(fields=["account_id", "id"], name="rfq_by_account"),
            # Serves the open requests of an account; holds only those, so it stays small.
            models.Index(fields=["account_id"], name="rfq_open", condition=models.Q(status="New")),
        ]

    def __str__(self) -> str:
        return f"request {self.pk}"


class RfqQuote(models.Model):
    """A maker's quote, as it stands. `reason` says why it ended without a trade."""

    id = models.BigIntegerField(primary_key=True)
    rfq_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    market = models.TextField()
    bid_ticks = models.BigIntegerField()
    ask_ticks = models.BigIntegerField()
    client_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    status = models.TextField()
    reason = models.TextField(null=True)
    updated_sequence = models.BigIntegerField()

    class Meta:
        verbose_name = "quote"
        indexes: ClassVar = [
            # Serves the quote history of a maker, newest first (ids grow with time).
            models.Index(fields=["account_id", "id"], name="quote_by_account"),
            # Serves the quotes of a request.
            models.Index(fields=["rfq_id"], name="quote_by_rfq"),
        ]

    def __str__(self) -> str:
        return f"quote {self.pk}"


class RfqFill(models.Model):
    """One side of a trade with a quote: the requester's, or the maker's. It was in no book.

    `asked_at` is when its request, or its quote, was made. `fee_owed_atoms` of the fee could not be
    paid, and is owed in the position.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    rfq_id = models.BigIntegerField()
    quote_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    market = models.TextField()
    side = models.TextField()
    is_maker = models.BooleanField()
    price_ticks = models.BigIntegerField()
    lots = models.BigIntegerField()
    quote_atoms = atoms_field()
    fee_atoms = atoms_field()
    fee_asset = models.TextField()
    fee_owed_atoms = atoms_field(default=0)
    client_id = models.BigIntegerField(null=True)
    asked_at = models.DateTimeField()

    class Meta:
        verbose_name = "fill of a quote"
        verbose_name_plural = "fills of quotes"
        indexes: ClassVar = [
            # Serves the fills of an account, newest first, and its statements.
            models.Index(fields=["account_id", "id"], name="rfq_fill_by_account"),
        ]

    def __str__(self) -> str:
        return f"fill of quote {self.quote_id}"
