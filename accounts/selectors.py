"""Reads of balances, settings, deposits and withdrawals. Amounts come out as decimal text."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

from accounts.api.paging import Page
from accounts.assets import assets
from accounts.models import (
    Account,
    AccountSettings,
    Balance,
    Deposit,
    Withdrawal,
    WithdrawalInstruction,
)
from gateway.decimals import format_decimal


class BalanceRow(NamedTuple):
    available: str
    locked: str
    staked: str = "0"


class DepositRow(NamedTuple):
    """No chain is connected: every deposit is booked by staff, and stands at once."""

    id: int
    symbol: str
    quantity: str
    created_at: datetime
    source: str = "administrator"
    status: str = "confirmed"


class WithdrawalRow(NamedTuple):
    id: int
    symbol: str
    quantity: str
    status: str
    blockchain: str
    address: str
    client_id: str | None
    subaccount: int | None
    created_at: datetime
    fee: str = "0"
    is_internal: bool = False


class WalletRow(NamedTuple):
    blockchain: str
    address: str


# How the wire names what has become of a withdrawal.
_WITHDRAWAL_STATUS: Mapping[str, str] = {
    Withdrawal.Status.PENDING: "pending",
    Withdrawal.Status.SETTLED: "confirmed",
    Withdrawal.Status.RETURNED: "void",
}


def balances(account: int) -> dict[str, BalanceRow]:
    """Return what the account holds of each asset it has ever held; what is lent is not in it."""
    decimals = {symbol: asset.decimals for symbol, asset in assets().items()}
    return {
        row.asset: BalanceRow(
            format_decimal(int(row.available), decimals[row.asset]),
            format_decimal(int(row.locked), decimals[row.asset]),
        )
        for row in Balance.objects.filter(account_id=account).order_by("asset")
    }


def account_settings(account: int) -> AccountSettings:
    """Return the switches which the engine keeps for the account."""
    return AccountSettings.objects.get(account_id=account)


def subaccount_number(account: int) -> int | None:
    """Return the number of a sub-account; None for a main account, as on the wire."""
    return Account.objects.values_list("number", flat=True).get(pk=account) or None


def deposits(account: int, *, span: Q, page: Page) -> list[DepositRow]:
    """Return the account's deposits, newest first.

    Args:
        span: a condition on `at`.
    """
    decimals = {symbol: asset.decimals for symbol, asset in assets().items()}
    rows = Deposit.objects.filter(span, account_id=account).order_by("-id")
    return [
        DepositRow(
            id=row.pk,
            symbol=row.asset,
            quantity=format_decimal(int(row.amount), decimals[row.asset]),
            created_at=row.at,
        )
        for row in rows[page.offset : page.offset + page.limit]
    ]


def withdrawals(
    account: int, *, span: Q, page: Page, number: int | None = None, client_id: str | None = None
) -> list[WithdrawalRow]:
    """Return the account's withdrawals, newest first, each with its destination.

    Args:
        span: a condition on `requested_at`.
    """
    rows = Withdrawal.objects.filter(span, account_id=account)
    if number is not None:
        rows = rows.filter(pk=number)
    if client_id is not None:
        named = WithdrawalInstruction.objects.filter(account_id=account, client_id=client_id)
        rows = rows.filter(pk__in=named.values("number"))
    return _withdrawal_rows(account, rows.order_by("-id")[page.offset : page.offset + page.limit])


def withdrawal(account: int, number: int) -> WithdrawalRow:
    """Return one withdrawal of the account."""
    return _withdrawal_rows(account, Withdrawal.objects.filter(account_id=account, pk=number))[0]


def wallets() -> list[WalletRow]:
    """Return the exchange's own addresses, by chain: none until a chain is connected."""
    return []


def _withdrawal_rows(account: int, rows: QuerySet[Withdrawal]) -> list[WithdrawalRow]:
    decimals = {symbol: asset.decimals for symbol, asset in assets().items()}
    chosen = list(rows)
    instructions = WithdrawalInstruction.objects.in_bulk([row.pk for row in chosen])
    subaccount = subaccount_number(account)
    listed = []
    for row in chosen:
        # A withdrawal which was not asked for through `accounts.withdrawals` has no destination.
        instruction = instructions.get(row.pk)
        listed.append(
            WithdrawalRow(
                id=row.pk,
                symbol=row.asset,
                quantity=format_decimal(int(row.amount), decimals[row.asset]),
                status=_WITHDRAWAL_STATUS[row.status],
                blockchain=instruction.blockchain if instruction else "",
                address=instruction.address if instruction else "",
                client_id=instruction.client_id if instruction else None,
                subaccount=subaccount,
                created_at=row.requested_at,
            )
        )
    return listed
