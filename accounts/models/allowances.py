"""What members of a team may do in an account: a table of the engine, written by projections."""

from datetime import date, timedelta
from typing import ClassVar

from django.db import models

from accounts.models.ledger import atoms_field


class MemberAllowance(models.Model):
    """A member's limits in an account per UTC day, and what of them is used; both null: none.

    In micros of a dollar. `spent_micros` is of `day`, which counts from 1970: of a later day
    nothing is spent. `base_micros` is what the account would be worth had it lost nothing that day.
    """

    account_id = models.BigIntegerField()
    # The user whose acts it bounds.
    member_id = models.BigIntegerField()
    spend_micros = models.BigIntegerField(null=True)
    loss_micros = models.BigIntegerField(null=True)
    day = models.BigIntegerField()
    spent_micros = atoms_field()
    base_micros = atoms_field(null=True)
    # The loss limit was reached: until the day is over the member only reduces.
    is_stopped = models.BooleanField()

    class Meta:
        constraints: ClassVar = [
            # Serves the reads of an account's members, and the upsert of each commit.
            models.UniqueConstraint(fields=["account_id", "member_id"], name="allowance_of_member"),
        ]

    def __str__(self) -> str:
        return f"limits of member {self.member_id} in {self.account_id}"

    @property
    def date(self) -> date:
        """The UTC day that the numbers are about."""
        return date(1970, 1, 1) + timedelta(days=self.day)
