"""What an account's pages show of the past. Amounts come out as decimal text."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from accounts.assets import assets
from accounts.models import Account, Transfer
from gateway.decimals import format_decimal

RECENT = 20


class TransferRow(NamedTuple):
    at: datetime
    source: str
    destination: str
    quantity: str
    symbol: str


def recent_transfers(accounts: Sequence[Account]) -> list[TransferRow]:
    """Return the latest transfers between these accounts of one user, newest first."""
    names = {account.pk: account.name for account in accounts}
    listed = assets()
    rows = Transfer.objects.filter(source_id__in=names, destination_id__in=names)
    return [
        TransferRow(
            at=row.at,
            source=names[row.source_id],
            destination=names[row.destination_id],
            quantity=format_decimal(int(row.amount), listed[row.asset].decimals),
            symbol=row.asset,
        )
        for row in rows.order_by("-id")[:RECENT]
    ]
