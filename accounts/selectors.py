"""Reads of balances, settings, deposits and withdrawals. Amounts come out as decimal text."""

from collections.abc import Mapping, Sequence
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
    DepositArrival,
    ExchangeWallet,
    Withdrawal,
    WithdrawalInstruction,
)
from gateway.decimals import format_decimal


class BalanceRow(NamedTuple):
    available: str
    locked: str
    staked: str = "0"


class DepositRow(NamedTuple):
    """No chain is connected: staff book what has come in, and it stands at once."""

    id: int
    symbol: str
    quantity: str
    created_at: datetime
    source: str
    to_address: str | None
    from_address: str | None
    transaction_hash: str | None
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
    fee: str
    is_internal: bool
    trigger_at: datetime | None
    transaction_hash: str | None
    # Whether it may still be taken back, and waits for a second person.
    may_cancel: bool
    unapproved: bool


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
    return balances_of([account])[account]


def balances_of(accounts: Sequence[int]) -> dict[int, dict[str, BalanceRow]]:
    """Return the same of each of these accounts."""
    decimals = {symbol: asset.decimals for symbol, asset in assets().items()}
    held: dict[int, dict[str, BalanceRow]] = {account: {} for account in accounts}
    for row in Balance.objects.filter(account_id__in=accounts).order_by("asset"):
        held[row.account_id][row.asset] = BalanceRow(
            format_decimal(int(row.available), decimals[row.asset]),
            format_decimal(int(row.locked), decimals[row.asset]),
        )
    return held


def account_settings(account: int) -> AccountSettings:
    """Return the switches which the engine keeps for the account."""
    return AccountSettings.objects.get(account_id=account)


def subaccount_number(account: int) -> int | None:
    """Return the number of a sub-account; None for a main account, as on the wire."""
    return Account.objects.values_list("number", flat=True).get(pk=account) or None


def deposits(
    account: int, *, span: Q, page: Page, exclude_platform: bool = False
) -> list[DepositRow]:
    """Return the account's deposits, newest first.

    Args:
        span: a condition on `at`.
        exclude_platform: leave out what came from inside the exchange, and not over a chain.
    """
    decimals = {symbol: asset.decimals for symbol, asset in assets().items()}
    rows = Deposit.objects.filter(span, account_id=account)
    if exclude_platform:
        outside = DepositArrival.objects.filter(account_id=account, withdrawal=None)
        rows = rows.filter(arrival_id__in=outside.exclude(blockchain="").values("pk"))
    chosen = list(rows.order_by("-id")[page.offset : page.offset + page.limit])
    arrivals = DepositArrival.objects.in_bulk([row.arrival_id for row in chosen if row.arrival_id])
    return [_deposit_row(row, arrivals.get(row.arrival_id), decimals[row.asset]) for row in chosen]


def _deposit_row(row: Deposit, arrival: DepositArrival | None, decimals: int) -> DepositRow:
    return DepositRow(
        id=row.pk,
        symbol=row.asset,
        quantity=format_decimal(int(row.amount), decimals),
        created_at=row.at,
        source=_source_of(arrival),
        to_address=(arrival.address or None) if arrival else None,
        from_address=(arrival.from_address or None) if arrival else None,
        transaction_hash=arrival.transaction_hash if arrival else None,
    )


def _source_of(arrival: DepositArrival | None) -> str:
    """Name where a deposit came from as the wire does: the chain, its first letter small."""
    if arrival is None or not arrival.blockchain:
        return "administrator"
    if arrival.withdrawal is not None:
        return "internal"
    return arrival.blockchain[0].lower() + arrival.blockchain[1:]


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
    """Return the exchange's own addresses, by chain, as staff keep them."""
    rows = ExchangeWallet.objects.filter(listed=True).order_by("blockchain", "id")
    return [WalletRow(row.blockchain, row.address) for row in rows]


def _withdrawal_rows(account: int, rows: QuerySet[Withdrawal]) -> list[WithdrawalRow]:
    decimals = {symbol: asset.decimals for symbol, asset in assets().items()}
    chosen = list(rows)
    instructions = WithdrawalInstruction.objects.in_bulk([row.pk for row in chosen])
    subaccount = subaccount_number(account)
    listed = []
    for row in chosen:
        # A withdrawal which was not asked for through `accounts.withdrawals` has no destination.
        told = instructions.get(row.pk) or WithdrawalInstruction()
        unapproved = told.needs_approval and told.approved_at is None
        waits = (told.trigger_at is not None or unapproved) and told.released_at is None
        listed.append(
            WithdrawalRow(
                id=row.pk,
                symbol=row.asset,
                quantity=format_decimal(int(row.amount), decimals[row.asset]),
                fee=format_decimal(int(row.fee), decimals[row.asset]),
                status=_WITHDRAWAL_STATUS[row.status],
                blockchain=told.blockchain,
                address=told.address,
                client_id=told.client_id,
                subaccount=subaccount,
                created_at=row.requested_at,
                is_internal=told.to_account_id is not None,
                trigger_at=told.trigger_at,
                transaction_hash=told.transaction_hash or None,
                may_cancel=waits and row.status == Withdrawal.Status.PENDING,
                unapproved=unapproved and row.status == Withdrawal.Status.PENDING,
            )
        )
    return listed
