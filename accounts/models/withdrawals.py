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

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account_id", "client_id"], name="withdrawal_client_id_once"
            ),
            models.UniqueConstraint(fields=["request_digest"], name="withdrawal_request_once"),
        ]

    def __str__(self) -> str:
        return f"withdrawal {self.number} to {self.address}"
