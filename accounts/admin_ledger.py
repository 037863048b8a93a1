"""The console of money: balances, the ledger, deposits, withdrawals. Withdrawals are ended here."""

from django.contrib import admin
from django.http import HttpRequest

from accounts import withdrawals
from accounts.admin_columns import amount
from accounts.api.errors import EngineRefused
from accounts.models import (
    AccountSettings,
    Balance,
    Deposit,
    LedgerTransfer,
    Transfer,
    Withdrawal,
    WithdrawalInstruction,
)
from compliance.models import AuditRecord
from compliance.services import Refusal
from compliance.staff import audited_action
from compliance.tables import LargeTableAdmin
from engine.units import MAX_ATOMS
from gateway.decimals import format_decimal
from gateway.errors import GatewayError

MICROS_DECIMALS = 6


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


@admin.register(AccountSettings)
class AccountSettingsAdmin(LargeTableAdmin):
    """Accounts as the engine knows them."""

    list_display = (
        *("account_id", "owner_id", "auto_lend", "auto_repay_borrows"),
        *("auto_borrow_settlements", "auto_realize_pnl", "leverage_limit", "borrow_limit"),
    )
    search_fields = ("=account_id", "=owner_id")

    @admin.display(description="borrow limit in USD", ordering="borrow_limit_micros")
    def borrow_limit(self, row: AccountSettings) -> str:
        """Show the limit, or a dash where there is none."""
        limit = row.borrow_limit_micros
        return format_decimal(limit, MICROS_DECIMALS) if limit < MAX_ATOMS else "-"


@admin.register(Deposit)
class DepositAdmin(LargeTableAdmin):
    """Money that arrived."""

    list_display = ("id", "at", "account_id", "asset", amount("amount", "amount"), "sequence")
    list_filter = ("asset",)
    search_fields = ("=id", "=account_id", "=sequence")


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
    try:
        withdrawals.settle_withdrawal(row.pk, returned=returned, command_id=f"audit:{record.pk}")
    except EngineRefused as refused:
        raise Refusal(refused.rejected.code.value, refused.rejected.message) from refused
    except GatewayError as error:
        message = "The engine did not answer: look at the withdrawal's state before trying again."
        raise Refusal("ENGINE_AWAY", message) from error


@audited_action(permission="accounts.settle_withdrawal", description="Say that it has been sent")
def settle(request: HttpRequest, row: Withdrawal, reason: str, record: AuditRecord) -> str:
    """End a withdrawal whose money has left."""
    _end(row, record, returned=False)
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
        *("destination", "requested_at", "settled_at"),
    )
    list_filter = ("status", "asset")
    search_fields = ("=id", "=account_id", "=sequence")
    actions = (settle, give_back)
    readonly_fields = ("destination",)

    @admin.display(description="destination")
    def destination(self, row: Withdrawal) -> str:
        """Show where the money is to go."""
        instruction = WithdrawalInstruction.objects.filter(number=row.pk).first()
        return f"{instruction.blockchain} {instruction.address}" if instruction else "-"
