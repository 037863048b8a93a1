"""The console of lending: pools, their rates over time, and what moved.

Nothing is edited here; staff say what a pool accepts, and fund the insurance.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin_columns import amount
from accounts.assets import decimals_of
from compliance.models import AuditRecord
from compliance.services import Refusal
from compliance.staff import ReadOnlyAdmin, audited_action, submit_act
from compliance.tables import LargeTableAdmin
from engine.catalog import PoolState
from engine.commands import FundInsurance, SetPoolState
from engine.units import MAX_ATOMS
from gateway.decimals import DecimalError, format_decimal, parse_decimal
from lending.models import (
    BorrowLendMovement,
    BorrowLendPosition,
    DebtWriteOff,
    DustConversion,
    InterestHour,
    InterestPayment,
    LendTerms,
    Pool,
    PoolHour,
    PoolLends,
    PoolRate,
)

PERCENT_DECIMALS = 7  # parts of 1e9, as per cent


def percent(field: str, title: str) -> Any:
    """Return a column which shows parts of 1e9 as per cent."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else f"{format_decimal(value, PERCENT_DECIMALS)} %"

    show.__name__ = field
    return show


def _set_state(row: Pool, record: AuditRecord, state: PoolState) -> str:
    submit_act(SetPoolState(asset=row.asset, state=state), record)
    return f"The pool of {row.asset} is {state.value} now."


@audited_action(permission="lending.set_pool_state", description="Open: lend and borrow")
def open_pool(request: HttpRequest, row: Pool, reason: str, record: AuditRecord) -> str:
    """Have a pool accept everything."""
    return _set_state(row, record, PoolState.OPEN)


@audited_action(permission="lending.set_pool_state", description="Repay-only: no new loans")
def repay_only(request: HttpRequest, row: Pool, reason: str, record: AuditRecord) -> str:
    """Have a pool give no new loans."""
    return _set_state(row, record, PoolState.REPAY_ONLY)


@audited_action(permission="lending.set_pool_state", description="Close: no new loans or lends")
def close_pool(request: HttpRequest, row: Pool, reason: str, record: AuditRecord) -> str:
    """Have a pool accept redemptions and repayments only."""
    return _set_state(row, record, PoolState.CLOSED)


@audited_action(
    permission="lending.fund_insurance",
    description="Put the house's own money into the insurance",
    asks="Amount of the asset",
)
def fund_insurance(request: HttpRequest, row: Pool, reason: str, record: AuditRecord) -> str:
    """Put the house's own money into the insurance fund of an asset."""
    answer = record.details["answer"]
    try:
        amount_atoms = parse_decimal(answer, decimals_of(row.asset))
    except DecimalError as error:
        raise Refusal("INVALID_AMOUNT", f"{answer} is no amount of {row.asset}.") from error
    if not 0 < amount_atoms <= MAX_ATOMS:
        raise Refusal("INVALID_AMOUNT", f"{answer} is no amount of {row.asset}.")
    submit_act(FundInsurance(asset=row.asset, amount_atoms=amount_atoms), record)
    return f"{answer} {row.asset} is in the insurance now."


@admin.register(Pool)
class PoolAdmin(ReadOnlyAdmin):
    """The pools as they stand, the most used first."""

    list_display = (
        *("asset", "state"),
        amount("cash", "cash"),
        percent("utilization_ppb", "utilization"),
        percent("borrow_rate_ppb", "borrow rate"),
        percent("lend_rate_ppb", "lend rate"),
        "accrued_at",
    )
    list_filter = ("state",)
    ordering = ("-utilization_ppb", "asset")
    search_fields = ("=asset",)
    actions = (open_pool, repay_only, close_pool, fund_insurance)


@admin.register(PoolLends)
class PoolLendsAdmin(ReadOnlyAdmin):
    """What is lent to each pool, by the least rate which lenders ask for."""

    list_display = (
        *("asset", "bucket", "lend_scaled", "lend_index_ray"),
        percent("active_ppb", "at work"),
    )
    list_filter = ("asset",)
    ordering = ("asset", "bucket")


@admin.register(PoolRate)
class PoolRateAdmin(LargeTableAdmin):
    """Rates and sizes at each accrual."""

    list_display = (
        *("id", "asset", "at"),
        percent("utilization_ppb", "utilization"),
        percent("borrow_rate_ppb", "borrow rate"),
        percent("lend_rate_ppb", "lend rate"),
        amount("lent", "lent"),
        amount("borrowed", "borrowed"),
        amount("insured", "to the insurance"),
        amount("fees", "to the house"),
    )
    list_filter = ("asset",)


@admin.register(PoolHour)
class PoolHourAdmin(LargeTableAdmin):
    """The indexes of each pool at each whole hour; hourly interest is counted from them."""

    list_display = ("id", "asset", "hour", "debt_index_ray", "lend_indexes_ray")
    list_filter = ("asset",)


@admin.register(LendTerms)
class LendTermsAdmin(LargeTableAdmin):
    """On which terms accounts lend."""

    list_display = (
        *("id", "account_id", "asset"),
        percent("min_rate_ppb", "least rate"),
        amount("cap", "at most"),
        amount("keep", "keeps available"),
        "as_collateral",
    )
    list_filter = ("asset", "as_collateral")
    search_fields = ("=account_id",)


@admin.register(BorrowLendMovement)
class BorrowLendMovementAdmin(LargeTableAdmin):
    """Loans and lends that grew or shrank."""

    list_display = ("id", "at", "account_id", "asset", "kind", "source", amount("amount", "amount"))
    list_filter = ("asset", "kind", "source")
    search_fields = ("=id", "=account_id", "=sequence")


@admin.register(BorrowLendPosition)
class BorrowLendPositionAdmin(LargeTableAdmin):
    """Loans and lends from their opening to their close."""

    list_display = (
        *("id", "account_id", "asset", "side", "opened_at", "moved_at", "closed"),
        amount("put_in", "put in"),
        amount("net", "net"),
    )
    list_filter = ("asset", "side", "closed")
    search_fields = ("=id", "=account_id", "=opened")


@admin.register(InterestPayment)
class InterestPaymentAdmin(LargeTableAdmin):
    """Interest of each account, by hour and source."""

    list_display = (
        *("id", "hour", "account_id", "asset", "kind"),
        amount("amount", "amount"),
        percent("rate_ppb", "rate"),
        *("market", "position_id"),
    )
    list_filter = ("asset", "kind")
    search_fields = ("=account_id", "=position_id")


@admin.register(InterestHour)
class InterestHourAdmin(LargeTableAdmin):
    """The hours whose interest is accounted for."""

    list_display = ("hour", "lines", "written_at")


@admin.register(DebtWriteOff)
class DebtWriteOffAdmin(LargeTableAdmin):
    """Debts that nobody will pay, and by whom they were borne."""

    list_display = (
        *("id", "at", "account_id", "asset"),
        amount("amount", "amount"),
        amount("reserve", "by the reserve"),
        amount("insured", "by the insurance"),
        amount("lenders", "by lenders"),
    )
    list_filter = ("asset",)
    search_fields = ("=account_id", "=sequence")


@admin.register(DustConversion)
class DustConversionAdmin(LargeTableAdmin):
    """Small balances sold to the house."""

    list_display = (
        *("id", "at", "account_id", "asset"),
        amount("amount", "amount"),
        *("received_asset", "received"),
    )
    list_filter = ("asset",)
    search_fields = ("=account_id", "=sequence")
