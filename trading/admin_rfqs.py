"""The console of requests for quote, quotes and their fills. Nothing is edited here."""

from django.contrib import admin

from compliance.tables import LargeTableAdmin
from trading.admin_columns import fee, price, quantity, quote
from trading.rfq_models import RfqFill, RfqQuote, RfqRequest


@admin.register(RfqRequest)
class RfqRequestAdmin(LargeTableAdmin):
    """Requests for quote, open and ended."""

    list_display = (
        *("id", "account_id", "market", "side", "mode", "status", "reason"),
        price("price_ticks", "price"),
        quantity("lots", "quantity"),
        quote("quote_atoms", "quote quantity"),
        *("created_at", "submission_at", "expires_at"),
    )
    list_filter = ("status", "market", "side", "mode")
    search_fields = ("=id", "=account_id", "=client_id")


@admin.register(RfqQuote)
class RfqQuoteAdmin(LargeTableAdmin):
    """Makers' quotes, live and ended."""

    list_display = (
        *("id", "rfq_id", "account_id", "market", "status", "reason"),
        price("bid_ticks", "bid"),
        price("ask_ticks", "ask"),
        "created_at",
    )
    list_filter = ("status", "market")
    search_fields = ("=id", "=rfq_id", "=account_id")


@admin.register(RfqFill)
class RfqFillAdmin(LargeTableAdmin):
    """Each side of each trade with a quote."""

    list_display = (
        *("id", "at", "account_id", "rfq_id", "quote_id", "market", "side", "is_maker"),
        price("price_ticks", "price"),
        quantity("lots", "quantity"),
        quote("quote_atoms", "quote"),
        fee,
    )
    list_filter = ("market", "is_maker")
    search_fields = ("=id", "=rfq_id", "=quote_id", "=account_id", "=sequence")
