"""What traders are told of accounts at risk: notices, what was read of them, what was mailed."""

from typing import ClassVar

from django.db import models

from accounts.models.ledger import atoms_field

# Those of which e-mails are sent.
MAILED_KINDS = ("MarginCall", "LiquidationStarted")


class RiskNotice(models.Model):
    """One thing an account's owner was told; written by projections only.

    `kind` says which of the amounts there are, see trading/notices.py. Of a position, `side` is the
    holder's: Bid for a long.
    """

    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    account_id = models.BigIntegerField()
    kind = models.TextField()
    market = models.TextField(blank=True)
    asset = models.TextField(blank=True)
    side = models.TextField(blank=True)
    equity_micros = atoms_field(null=True)
    margin_micros = atoms_field(null=True)
    lots = models.BigIntegerField(null=True)
    price_ticks = models.BigIntegerField(null=True)
    amount_atoms = atoms_field(null=True)

    class Meta:
        indexes: ClassVar = [
            # Serves an account's notices, newest first, and how many of them are unread.
            models.Index(fields=["account_id", "id"], name="notice_by_account"),
            # Serves the job that looks for what is to be mailed.
            models.Index(
                fields=["at"],
                name="notice_to_mail",
                condition=models.Q(kind__in=MAILED_KINDS),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id}"


class NoticeMark(models.Model):
    """Up to which of its notices an account's owner has read. The shell's own."""

    account_id = models.BigIntegerField(primary_key=True)
    read_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.account_id} has read {self.read_id}"


class NoticeMail(models.Model):
    """What became of the e-mail of one notice. The shell's own.

    It is claimed before it is handed to the mail server: what is Sending and no process sends any
    more may have been taken by the server, and is not sent again by itself.
    """

    class State(models.TextChoices):
        SENDING = "Sending", "being sent, or unsure"
        SENT = "Sent", "taken by the mail server"
        FAILED = "Failed", "refused by the mail server, tried again"
        SWITCHED_OFF = "SwitchedOff", "not wanted by the owner"
        TOO_MANY = "TooMany", "left out: one a status and hour"

    notice_id = models.BigIntegerField(unique=True)
    account_id = models.BigIntegerField()
    kind = models.TextField()
    state = models.TextField(choices=State.choices)
    claimed_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [
            # Serves the look whether one of the same status was sent within the hour.
            models.Index(fields=["account_id", "kind", "claimed_at"], name="notice_mail_recent"),
        ]

    def __str__(self) -> str:
        return f"e-mail of notice {self.notice_id}"
