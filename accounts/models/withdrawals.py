"""Where a withdrawal is to go. Written by `accounts.withdrawals`, before the engine is asked."""

from typing import ClassVar

from django.db import models


class WithdrawalInstruction(models.Model):
    """The destination of one withdrawal; the number is the engine's withdrawal number.

    `request_digest` is the SHA-256 of the signature which asked for it: the same signed request,
    sent twice, is one withdrawal. One that the engine refused stays, and keeps its refusal.
    """

    number = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField()
    asset = models.TextField()
    amount = models.DecimalField(max_digits=38, decimal_places=0)
    blockchain = models.TextField()
    address = models.TextField()
    client_id = models.TextField(null=True)
    request_digest = models.BinaryField(null=True, max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    # A part of the amount.
    fee = models.DecimalField(max_digits=38, decimal_places=0, default=0)
    # The account of this exchange to which the address belongs, and when it got the money.
    to_account_id = models.BigIntegerField(null=True)
    delivered_at = models.DateTimeField(null=True)
    # Until then its owner may cancel it; null for none.
    trigger_at = models.DateTimeField(null=True)
    # From then on staff may send it.
    released_at = models.DateTimeField(null=True)
    transaction_hash = models.TextField(blank=True, default="")
    # Who asked for it, and what it was worth then, in USD × 1e6; null where nobody looked.
    asked_by = models.BigIntegerField(null=True)
    worth_micros = models.BigIntegerField(null=True)
    # Whether a second person must approve it before it is released, and who has.
    needs_approval = models.BooleanField(default=False)
    approved_by = models.BigIntegerField(null=True)
    approved_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account_id", "client_id"], name="withdrawal_client_id_once"
            ),
            models.UniqueConstraint(fields=["request_digest"], name="withdrawal_request_once"),
        ]
        indexes: ClassVar = [
            # Serves the job which releases what has waited long enough.
            models.Index(
                fields=["trigger_at"],
                name="withdrawal_waiting",
                condition=models.Q(released_at=None),
            ),
            # Serves the list of what waits for a second person.
            models.Index(
                fields=["account_id"],
                name="withdrawal_to_approve",
                condition=models.Q(needs_approval=True, approved_at=None),
            ),
            # Serves the job which delivers what goes to another account of the exchange.
            models.Index(
                fields=["number"],
                name="withdrawal_undelivered",
                condition=models.Q(to_account_id__isnull=False, delivered_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"withdrawal {self.number} to {self.address}"
