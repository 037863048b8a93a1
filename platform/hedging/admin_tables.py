"""The console of what desks did: orders, fills, minutes, alarms. Nothing is edited here."""

from django.contrib import admin

from compliance.tables import LargeTableAdmin
from hedging.admin_columns import moment, number, side
from hedging.models import (
    HedgeAlarm,
    HedgeFill,
    HedgeOrder,
    HedgeReport,
    InsuredProfit,
    PaperOrder,
)


@admin.register(HedgeOrder)
class HedgeOrderAdmin(LargeTableAdmin):
    """Every attempt, with what it was decided on and what the venue answered."""

    list_display = (
        *("id", moment("planned_at", "planned at"), "desk__market", "venue", side),
        number("quantity", "quantity"),
        number("price", "price"),
        number("mark", "mark"),
        number("inventory", "inventory"),
        *("status", "sends", "client_id", "order_id", "answer"),
    )
    list_filter = ("desk", "status", "venue", "is_buy")
    list_select_related = ("desk",)
    search_fields = ("=id", "=client_id", "=order_id")


@admin.register(HedgeFill)
class HedgeFillAdmin(LargeTableAdmin):
    """Every trade at a venue, and positions which staff took over."""

    list_display = (
        *("id", moment("at", "at"), "desk__market", "venue", side),
        number("quantity", "quantity"),
        number("price", "price"),
        number("fee", "fee, USD"),
        number("slippage", "slippage, USD"),
        number("realized", "realized, USD"),
        number("position", "position after"),
        *("order__client_id", "trade_id"),
    )
    list_filter = ("desk", "venue", "is_buy")
    list_select_related = ("desk", "order")
    search_fields = ("=id", "=trade_id", "=order__client_id")


@admin.register(HedgeReport)
class HedgeReportAdmin(LargeTableAdmin):
    """How each desk stood, minute by minute."""

    list_display = (
        *(moment("minute", "minute"), "desk__market"),
        number("inventory", "inventory"),
        number("hedge", "hedge"),
        number("delta", "not hedged"),
        *("asset", number("asset_delta", "of the asset")),
        number("mark", "mark"),
        number("unhedged_usd", "not hedged, USD"),
        *("is_over", "market_lots"),
    )
    list_filter = ("desk", "asset", "is_over")
    list_select_related = ("desk",)


@admin.register(HedgeAlarm)
class HedgeAlarmAdmin(LargeTableAdmin):
    """What staff had to know, and until when. docs/runbook.md says what to do."""

    list_display = (
        *(moment("began_at", "began at"), moment("ended_at", "ended at")),
        *("desk__market", "kind", "message"),
    )
    list_filter = ("desk", "kind", ("ended_at", admin.EmptyFieldListFilter))
    list_select_related = ("desk",)


@admin.register(InsuredProfit)
class InsuredProfitAdmin(LargeTableAdmin):
    """Which profit is in the insurance."""

    list_display = (
        *(moment("at", "at"), "desk__market", number("amount", "amount"), "asset", "record_id"),
    )
    list_filter = ("desk",)
    list_select_related = ("desk",)


@admin.register(PaperOrder)
class PaperOrderAdmin(LargeTableAdmin):
    """What the paper venue took."""

    list_display = (
        *("id", moment("at", "at"), "client_id", "symbol", side),
        number("quantity", "quantity"),
        number("filled", "filled"),
        number("fill_price", "at"),
        number("fee", "fee"),
    )
    list_filter = ("symbol",)
    search_fields = ("=client_id",)
