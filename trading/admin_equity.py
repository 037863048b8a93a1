"""The console of what accounts were worth at whole hours. Nothing is edited here."""

from django.contrib import admin

from compliance.tables import LargeTableAdmin
from trading.admin_columns import usd
from trading.equity_models import AssetPoint, EquityHour, EquityPoint


@admin.register(EquityHour)
class EquityHourAdmin(LargeTableAdmin):
    """The hours whose points are written."""

    list_display = ("at", "accounts", "written_at")


@admin.register(EquityPoint)
class EquityPointAdmin(LargeTableAdmin):
    """What accounts were worth; all but equity and profit counts from their beginning."""

    list_display = (
        *("id", "account_id", "at"),
        *(usd("equity", "equity, USD"), usd("unrealized", "open profit, USD")),
        *(usd("inflow", "inflow, USD"), usd("fees", "fees, USD"), usd("funding", "funding, USD")),
        *(usd("interest", "interest, USD"), usd("volume", "volume, USD")),
    )
    search_fields = ("=account_id",)


@admin.register(AssetPoint)
class AssetPointAdmin(LargeTableAdmin):
    """The part of each asset."""

    list_display = (
        *("id", "account_id", "asset", "at", "net_atoms"),
        *(usd("worth", "worth, USD"), usd("unrealized", "open profit, USD")),
        *(usd("inflow", "inflow, USD"), usd("moved", "from other assets, USD")),
        *(usd("fees", "fees, USD"), usd("funding", "funding, USD")),
        usd("interest", "interest, USD"),
    )
    list_filter = ("asset",)
    search_fields = ("=account_id",)
