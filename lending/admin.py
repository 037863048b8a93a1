"""The console of lending: pools, their rates over time, and what moved. Nothing is edited here."""

from typing import Any

from django.contrib import admin

from accounts.admin_columns import amount
from compliance.staff import ReadOnlyAdmin
from compliance.tables import LargeTableAdmin
from gateway.decimals import format_decimal
from lending.models import (
    BorrowLendMovement,
    DebtWriteOff,
    DustConversion,
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
