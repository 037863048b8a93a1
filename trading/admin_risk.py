"""The console of accounts at risk: statuses, liquidations, who paid. Nothing is edited here."""

from typing import Any

from django.contrib import admin

from accounts.assets import decimals_of
from compliance.tables import LargeTableAdmin
from gateway.decimals import format_decimal
from trading.risk_models import AccountRisk, Backstop, Liquidation, LiquidationPayment

MICROS_DECIMALS = 6


def _usd(field: str, title: str) -> Any:
    """Return a column which shows micros as dollars."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else format_decimal(int(value), MICROS_DECIMALS)

    show.__name__ = field
    return show


@admin.register(AccountRisk)
class AccountRiskAdmin(LargeTableAdmin):
    """How far accounts are above their maintenance margin."""

    list_display = (
        *("account_id", "status"),
        _usd("equity_micros", "equity, USD"),
        _usd("margin_micros", "maintenance margin, USD"),
        "at",
    )
    list_filter = ("status",)
    search_fields = ("=account_id",)


@admin.register(Backstop)
class BackstopAdmin(LargeTableAdmin):
    """Who takes over positions that are liquidated, and how much of them."""

    list_display = (
        *("account_id", "market"),
        _usd("minute_micros", "USD in a minute"),
        _usd("hour_micros", "USD in an hour"),
        "at",
    )
    list_filter = ("market",)
    search_fields = ("=account_id",)


@admin.register(Liquidation)
class LiquidationAdmin(LargeTableAdmin):
    """Liquidations, under way and ended."""

    list_display = (
        *("sequence", "account_id", "started_at"),
        _usd("equity_micros", "equity, USD"),
        _usd("margin_micros", "maintenance margin, USD"),
        *("ended_at", "end"),
        _usd("end_equity_micros", "equity at the end, USD"),
    )
    list_filter = ("end",)
    search_fields = ("=account_id", "=sequence")


@admin.register(LiquidationPayment)
class LiquidationPaymentAdmin(LargeTableAdmin):
    """Fees into the insurance fund, what it paid, and losses that winners bore."""

    list_display = ("id", "at", "account_id", "kind", "market", "amount", "asset", "sequence")
    list_filter = ("kind", "market")
    search_fields = ("=account_id", "=sequence")

    @admin.display(description="amount", ordering="amount_atoms")
    def amount(self, row: LiquidationPayment) -> str:
        """Show the amount; what the account lost is negative."""
        return format_decimal(int(row.amount_atoms), decimals_of(row.asset))
