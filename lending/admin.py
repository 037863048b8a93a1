"""The console of lending: pools, their rates over time, and what moved. Nothing is edited here."""

from typing import Any

from django.contrib import admin

from accounts.admin_columns import amount
from compliance.staff import ReadOnlyAdmin
from compliance.tables import LargeTableAdmin
from gateway.decimals import format_decimal
from lending.models import BorrowLendMovement, Pool, PoolRate

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
        "asset",
        amount("cash", "cash"),
        percent("utilization_ppb", "utilization"),
        percent("borrow_rate_ppb", "borrow rate"),
        percent("lend_rate_ppb", "lend rate"),
        "accrued_at",
    )
    ordering = ("-utilization_ppb", "asset")
    search_fields = ("=asset",)


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
    )
    list_filter = ("asset",)


@admin.register(BorrowLendMovement)
class BorrowLendMovementAdmin(LargeTableAdmin):
    """Loans and lends that grew or shrank."""

    list_display = ("id", "at", "account_id", "asset", "kind", "source", amount("amount", "amount"))
    list_filter = ("asset", "kind", "source")
    search_fields = ("=id", "=account_id", "=sequence")
