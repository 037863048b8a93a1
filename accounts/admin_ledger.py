"""The console of money: balances, the ledger, deposits, withdrawals. Withdrawals are ended here."""

from datetime import datetime

from django.contrib import admin
from django.http import HttpRequest

from accounts import outgoing
from accounts.admin_columns import amount
from accounts.assets import decimals_of
from accounts.models import (
    AccountSettings,
    Balance,
    Deposit,
    LedgerTransfer,
    Transfer,
    Withdrawal,
    WithdrawalInstruction,
)
from accounts.settings import choose_backstop_right
from compliance.models import AuditRecord
from compliance.services import Refusal
from compliance.staff import audited_action, submit_act
from compliance.tables import LargeTableAdmin
from engine.commands import SetBackstop, SettleWithdrawal, UpdateAccount, WriteOffDebt
from engine.events import DebtWrittenOff
from engine.units import MAX_ATOMS, AccountId
from gateway.decimals import DecimalError, format_decimal, parse_decimal

MICROS_DECIMALS = 6


@audited_action(
    permission="accounts.write_off_debt",
    description="Write off the debt of an account without assets",
)
def write_off(request: HttpRequest, row: Balance, reason: str, record: AuditRecord) -> str:
    """Forget a debt that nobody will pay; the pool lends no more until it is opened again."""
    told = submit_act(WriteOffDebt(account=AccountId(row.account_id), asset=row.asset), record)
    assert isinstance(told, DebtWrittenOff)
    decimals = decimals_of(row.asset)
    owed, reserve, insured, lenders = (
        format_decimal(atoms, decimals)
        for atoms in (
            told.amount_atoms,
            told.reserve_atoms,
            told.insured_atoms,
            told.lenders_atoms,
        )
    )
    return (
        f"{owed} {row.asset} of account {row.account_id} is written off: "
        f"{reserve} by the reserve, {insured} by the insurance, {lenders} by lenders."
    )


@admin.register(Balance)
class BalanceAdmin(LargeTableAdmin):
    """What each account holds; lend and debt are scaled by the pool's indexes."""

    list_display = (
        *("id", "account_id", "asset"),
        amount("available", "available"),
        amount("locked", "locked"),
        *("lend_scaled", "lend_bucket", "debt_scaled"),
    )
    list_filter = ("asset",)
    search_fields = ("=account_id",)
    actions = (write_off,)


@admin.register(LedgerTransfer)
class LedgerTransferAdmin(LargeTableAdmin):
    """The double-entry ledger: an amount leaves `debit` and enters `credit`."""

    list_display = (
        *("id", "sequence", "at", "asset", "debit", "credit"),
        amount("amount", "amount"),
        "kind",
    )
    list_filter = ("asset", "kind")
    search_fields = ("=sequence", "=debit", "=credit")


@audited_action(
    permission="accounts.set_borrow_limit",
    description="Limit what the account may owe",
    asks='The most that it may owe in USD, such as 50000, or "none"',
)
def limit_borrows(
    request: HttpRequest, row: AccountSettings, reason: str, record: AuditRecord
) -> str:
    """Set the most that an account may owe in all; what it owes already stays."""
    limit = _limit_micros(record.details["answer"])
    account = AccountId(row.account_id)
    submit_act(UpdateAccount(account=account, borrow_limit_micros=limit), record)
    if limit == MAX_ATOMS:
        return f"Account {row.account_id} has no borrow limit of its own now."
    return f"Account {row.account_id} may owe {format_decimal(limit, MICROS_DECIMALS)} USD now."


@audited_action(
    permission="accounts.set_position_limit",
    description="Limit what the account may hold in each perpetual",
    asks='The most in USD at the mark, such as 50000, or "none" for what each market allows',
)
def limit_positions(
    request: HttpRequest, row: AccountSettings, reason: str, record: AuditRecord
) -> str:
    """Set the most that an account may hold in one market; what it holds already stays."""
    limit = _limit_micros(record.details["answer"])
    account = AccountId(row.account_id)
    submit_act(UpdateAccount(account=account, position_limit_micros=limit), record)
    if limit == MAX_ATOMS:
        return f"Account {row.account_id} may hold what each market allows now."
    return f"Account {row.account_id} may hold {format_decimal(limit, MICROS_DECIMALS)} USD now."


@audited_action(
    permission="accounts.set_position_limit",
    description="Have the account take over positions that are liquidated",
    asks="Market, and the notional in USD in a minute and in an hour, such as "
    '"SOL_USDC_PERP 10000 50000"; with 0 and 0 it takes no more',
)
def offer_backstop(
    request: HttpRequest, row: AccountSettings, reason: str, record: AuditRecord
) -> str:
    """Set up to which notional an account backs a market; initial margin must carry it each time.

    Its owner has asked for it: the reason says how.
    """
    words = record.details["answer"].split()
    if len(words) != 3:
        raise Refusal("INVALID_LIMIT", "Write a market and two amounts in USD, and nothing else.")
    market, minute, hour = words[0], _limit_micros(words[1]), _limit_micros(words[2])
    account = AccountId(row.account_id)
    command = SetBackstop(account=account, market=market, minute_micros=minute, hour_micros=hour)
    submit_act(command, record)
    if not minute:
        return f"Account {row.account_id} takes over nothing in {market} any more."
    return (
        f"Account {row.account_id} backs {market} with {words[1]} USD a minute, {words[2]} an hour."
    )


@audited_action(
    permission="accounts.set_position_limit",
    description="Let the owner offer backstops for the account",
)
def allow_backstops(
    request: HttpRequest, row: AccountSettings, reason: str, record: AuditRecord
) -> str:
    """Give an institution the right to offer, change and end its backstops by itself."""
    return _set_backstop_right(row, allowed=True)


@audited_action(
    permission="accounts.set_position_limit",
    description="Let the owner offer no backstops any more",
)
def forbid_backstops(
    request: HttpRequest, row: AccountSettings, reason: str, record: AuditRecord
) -> str:
    """Take the right away; what is offered stays until it is ended, by its owner or here."""
    return _set_backstop_right(row, allowed=False)


def _set_backstop_right(row: AccountSettings, *, allowed: bool) -> str:
    if not choose_backstop_right(row.account_id, allowed=allowed):
        raise Refusal("NO_OWNER", "Nobody signs in for this account: enter its backstop yourself.")
    may = "may" if allowed else "may not"
    return f"The owner of account {row.account_id} {may} offer backstops now."


def _limit_micros(answer: str) -> int:
    if answer.lower() == "none":
        return MAX_ATOMS
    try:
        limit = parse_decimal(answer, MICROS_DECIMALS)
    except DecimalError:
        limit = -1
    if not 0 <= limit < MAX_ATOMS:
        raise Refusal("INVALID_LIMIT", 'Write an amount in USD, such as 50000, or "none".')
    return limit


@admin.register(AccountSettings)
class AccountSettingsAdmin(LargeTableAdmin):
    """Accounts as the engine knows them."""

    list_display = (
        *("account_id", "owner_id", "auto_lend", "auto_repay_borrows"),
        *("auto_borrow_settlements", "auto_realize_pnl", "leverage_limit", "borrow_limit"),
        *("position_limit", "state"),
    )
    list_filter = ("state",)
    search_fields = ("=account_id", "=owner_id")
    actions = (
        *(limit_borrows, limit_positions),
        *(offer_backstop, allow_backstops, forbid_backstops),
    )

    @admin.display(description="borrow limit in USD", ordering="borrow_limit_micros")
    def borrow_limit(self, row: AccountSettings) -> str:
        """Show the limit, or a dash where there is none."""
        return _limit_text(row.borrow_limit_micros)

    @admin.display(description="position limit in USD", ordering="position_limit_micros")
    def position_limit(self, row: AccountSettings) -> str:
        """Show the limit, or a dash where the market's holds."""
        return _limit_text(row.position_limit_micros)


def _limit_text(micros: int) -> str:
    return format_decimal(micros, MICROS_DECIMALS) if micros < MAX_ATOMS else "-"


@admin.register(Deposit)
class DepositAdmin(LargeTableAdmin):
    """Money that arrived."""

    list_display = (
        "id",
        "at",
        "account_id",
        "asset",
        amount("amount", "amount"),
        "arrival_id",
        "sequence",
    )
    list_filter = ("asset",)
    search_fields = ("=id", "=account_id", "=sequence", "=arrival_id")


@admin.register(Transfer)
class TransferAdmin(LargeTableAdmin):
    """Money moved between the accounts of one owner."""

    list_display = (
        *("id", "at", "source_id", "destination_id", "asset"),
        amount("amount", "amount"),
        "sequence",
    )
    list_filter = ("asset",)
    search_fields = ("=id", "=source_id", "=destination_id", "=sequence")


def _end(row: Withdrawal, record: AuditRecord, *, returned: bool) -> None:
    submit_act(SettleWithdrawal(withdrawal=row.pk, returned=returned), record)


@audited_action(
    permission="accounts.settle_withdrawal",
    description="Say that it has been sent",
    asks='The hash of the transaction, or "none"',
)
def settle(request: HttpRequest, row: Withdrawal, reason: str, record: AuditRecord) -> str:
    """End a withdrawal whose money has left."""
    told = record.details["answer"]
    outgoing.require_sendable(row.pk)
    _end(row, record, returned=False)
    if told.lower() != "none":
        outgoing.note_transaction(row.pk, told)
    return f"Withdrawal {row.pk} is settled."


@audited_action(permission="accounts.settle_withdrawal", description="Give the money back")
def give_back(request: HttpRequest, row: Withdrawal, reason: str, record: AuditRecord) -> str:
    """End a withdrawal which cannot be sent."""
    _end(row, record, returned=True)
    return f"Withdrawal {row.pk} is returned to account {row.account_id}."


@admin.register(Withdrawal)
class WithdrawalAdmin(LargeTableAdmin):
    """Money in flight out of the exchange, and what became of it."""

    list_display = (
        *("id", "status", "account_id", "asset"),
        amount("amount", "amount"),
        amount("fee", "of which fee"),
        *("destination", "requested_at", "waits_until", "settled_at"),
    )
    list_filter = ("status", "asset")
    search_fields = ("=id", "=account_id", "=sequence")
    actions = (settle, give_back)
    readonly_fields = ("destination", "waits_until")

    @admin.display(description="waits until")
    def waits_until(self, row: Withdrawal) -> datetime | None:
        """Show until when its owner may cancel it."""
        waiting = WithdrawalInstruction.objects.filter(number=row.pk, released_at=None)
        return waiting.values_list("trigger_at", flat=True).first()

    @admin.display(description="destination")
    def destination(self, row: Withdrawal) -> str:
        """Show where the money is to go."""
        instruction = WithdrawalInstruction.objects.filter(number=row.pk).first()
        if instruction is None:
            return "-"
        inside = f" (account {instruction.to_account_id})" if instruction.to_account_id else ""
        return f"{instruction.blockchain} {instruction.address}{inside}"
