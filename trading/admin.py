"""The console of trading: listings, orders, fills, trades, positions. Nothing is edited here."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from compliance.models import AuditRecord
from compliance.staff import ReadOnlyAdmin, audited_action, submit_act
from compliance.tables import LargeTableAdmin
from engine import catalog
from engine.catalog import MarketState
from engine.commands import SetMarketState, UpdateAsset, UpdateMarket
from engine.events import MarketStateChanged
from gateway.decimals import format_decimal
from trading import admin_equity, admin_rfqs, admin_risk  # noqa: F401 -- register their tables
from trading.admin_columns import fee, price, quantity, quote
from trading.admin_prices import halt_price, release_price
from trading.candle_models import Candle, HourCandle, HourPriceCandle, PriceCandle, PricePoint
from trading.funding_models import FundingPayment, FundingRate
from trading.models import (
    Asset,
    ClosedPosition,
    Fill,
    Market,
    MarketStateChange,
    Order,
    Position,
    Strategy,
    Trade,
)
from trading.parameters import changed_terms
from trading.settlement_models import Clearing, PositionInterest, Settlement, StatementClose

PRICE_DECIMALS = 8


class SpecAdmin(ReadOnlyAdmin):
    """A listing: its terms are shown as the engine has them."""

    @admin.display(description="terms")
    def terms(self, row: Any) -> SafeString:
        """Show the engine's own words."""
        return format_html("<pre>{}</pre>", json.dumps(row.spec, indent=2))


@audited_action(
    permission="trading.update_asset",
    description="Change parameters",
    asks='What changes, as it stands under "terms", such as {"haircut": {"weight_ppb": 800000000}}',
)
def update_asset(request: HttpRequest, row: Asset, reason: str, record: AuditRecord) -> str:
    """Change some of an asset's parameters; the others stay."""
    asset = changed_terms(row.spec, record.details["answer"], catalog.Asset)
    submit_act(UpdateAsset(asset=asset), record)
    return f"{row.symbol} has its new parameters now."


@admin.register(Asset)
class AssetAdmin(SpecAdmin):
    """Listed assets."""

    list_display = ("symbol", "listed_at")
    fields = ("symbol", "listed_at", "terms")
    readonly_fields = ("terms",)
    search_fields = ("=symbol",)
    actions = (halt_price, release_price, update_asset)


def _set_state(row: Market, record: AuditRecord, state: MarketState) -> str:
    told = submit_act(SetMarketState(market=row.symbol, state=state), record)
    if isinstance(told, MarketStateChanged) and told.state is not state:
        why = told.reason.value.lower()
        return f"{row.symbol} is set to {state.value}; for its {why} it is {told.state.value} now."
    return f"{row.symbol} is {state.value} now."


@audited_action(permission="trading.set_market_state", description="Open: accept every order")
def open_book(request: HttpRequest, row: Market, reason: str, record: AuditRecord) -> str:
    """Have a book accept every order."""
    return _set_state(row, record, MarketState.OPEN)


@audited_action(permission="trading.set_market_state", description="Post-only: no order may take")
def post_only(request: HttpRequest, row: Market, reason: str, record: AuditRecord) -> str:
    """Have a book accept orders which rest only."""
    return _set_state(row, record, MarketState.POST_ONLY)


@audited_action(permission="trading.set_market_state", description="Limit-only: no market orders")
def limit_only(request: HttpRequest, row: Market, reason: str, record: AuditRecord) -> str:
    """Have a book refuse market orders."""
    return _set_state(row, record, MarketState.LIMIT_ONLY)


@audited_action(permission="trading.set_market_state", description="Cancel-only: no new orders")
def cancel_only(request: HttpRequest, row: Market, reason: str, record: AuditRecord) -> str:
    """Have a book accept cancels only."""
    return _set_state(row, record, MarketState.CANCEL_ONLY)


@audited_action(permission="trading.set_market_state", description="Close: no new orders")
def close_book(request: HttpRequest, row: Market, reason: str, record: AuditRecord) -> str:
    """Close a book; its orders rest and can be cancelled."""
    return _set_state(row, record, MarketState.CLOSED)


@audited_action(
    permission="trading.update_market",
    description="Change parameters",
    asks='What changes, as it stands under "terms", such as {"auction_ms": 30000}',
)
def update_market(request: HttpRequest, row: Market, reason: str, record: AuditRecord) -> str:
    """Change some of a market's parameters; the others stay."""
    market = changed_terms(row.spec, record.details["answer"], catalog.Market)
    submit_act(UpdateMarket(market=market), record)
    return f"{row.symbol} has its new parameters now."


@admin.register(Market)
class MarketAdmin(SpecAdmin):
    """Listed markets, what their books accept, and for whom they accept no more."""

    list_display = (
        *("symbol", "kind", "state", "state_reason", "state_until"),
        *("base", "quote", "listed_at"),
    )
    list_filter = ("kind", "state", "state_reason")
    fields = (*list_display, "quote_atoms_per_tick", "terms")
    readonly_fields = ("terms",)
    search_fields = ("=symbol",)
    actions = (open_book, post_only, limit_only, cancel_only, close_book, update_market)


@admin.register(MarketStateChange)
class MarketStateChangeAdmin(LargeTableAdmin):
    """What markets accepted over time: by staff, breakers, prices and auctions."""

    list_display = ("id", "at", "market", "state", "reason", "until")
    list_filter = ("market", "reason", "state")
    search_fields = ("=market", "=sequence")


@admin.register(PricePoint)
class PricePointAdmin(ReadOnlyAdmin):
    """The latest index and mark prices."""

    list_display = ("symbol", "kind", "price", "at")
    list_filter = ("kind",)
    search_fields = ("=symbol",)
    readonly_fields = ("price",)
    fields = list_display

    @admin.display(description="price in USD", ordering="price_e8")
    def price(self, row: PricePoint) -> str:
        """Show the price."""
        return format_decimal(int(row.price_e8), PRICE_DECIMALS)


@admin.register(PriceCandle, HourPriceCandle)
class PriceCandleAdmin(LargeTableAdmin):
    """Minutes, and hours, of index and mark prices, in USD × 1e8."""

    list_display = (
        *("id", "symbol", "kind", "start"),
        *("open_e8", "high_e8", "low_e8", "close_e8"),
    )
    list_filter = ("kind",)
    search_fields = ("=symbol",)


@admin.register(Order)
class OrderAdmin(LargeTableAdmin):
    """Accepted orders, open and finished."""

    list_display = (
        *("id", "account_id", "market", "side", "type", "status", "reason"),
        price("price_ticks", "price"),
        quantity("lots", "quantity"),
        quantity("executed_lots", "executed"),
        quote("executed_quote_atoms", "executed quote"),
        "created_at",
    )
    list_filter = ("status", "market", "side", "type")
    search_fields = ("=id", "=account_id", "=client_id")


@admin.register(Strategy)
class StrategyAdmin(LargeTableAdmin):
    """Orders divided over time, running and ended."""

    list_display = (
        *("id", "account_id", "market", "side", "status", "reason"),
        price("price_ticks", "price"),
        quantity("lots", "quantity"),
        quantity("executed_lots", "executed"),
        quote("executed_quote_atoms", "executed quote"),
        *("duration_ms", "interval_ms", "created_at", "updated_at"),
    )
    list_filter = ("status", "market", "side")
    search_fields = ("=id", "=account_id", "=client_id")


@admin.register(Fill)
class FillAdmin(LargeTableAdmin):
    """Each order's side of each trade."""

    list_display = (
        *("id", "at", "account_id", "order_id", "market", "trade_id", "side", "is_maker"),
        price("price_ticks", "price"),
        quantity("lots", "quantity"),
        quote("quote_atoms", "quote"),
        fee,
    )
    list_filter = ("market", "is_maker")
    search_fields = ("=id", "=order_id", "=account_id", "=sequence")


@admin.register(Trade)
class TradeAdmin(LargeTableAdmin):
    """Trades as the public sees them."""

    list_display = (
        *("id", "at", "market", "trade_id", "buyer_order_id", "seller_order_id"),
        price("price_ticks", "price"),
        quantity("lots", "quantity"),
        quote("quote_atoms", "quote"),
    )
    list_filter = ("market",)
    search_fields = ("=trade_id", "=buyer_order_id", "=seller_order_id", "=sequence")


@admin.register(Position)
class PositionAdmin(LargeTableAdmin):
    """Perpetual positions, open and closed."""

    list_display = (
        *("id", "account_id", "market"),
        quantity("lots", "size"),
        quote("entry_quote_atoms", "cost"),
        quote("quote_atoms", "quote"),
        quote("realized_atoms", "realized"),
        quote("fees_atoms", "fees"),
        quote("funding_atoms", "funding"),
        *("opened_at", "updated_at"),
    )
    list_filter = ("market",)
    search_fields = ("=id", "=account_id")


@admin.register(ClosedPosition)
class ClosedPositionAdmin(LargeTableAdmin):
    """Perpetual positions that went flat or were turned."""

    list_display = (
        *("position_id", "account_id", "market"),
        quantity("lots", "size"),
        quote("entry_quote_atoms", "cost"),
        quote("closed_quote_atoms", "closed for"),
        quote("realized_atoms", "realized"),
        quote("fees_atoms", "fees"),
        quote("funding_atoms", "funding"),
        *("opened_at", "closed_at"),
    )
    list_filter = ("market",)
    search_fields = ("=position_id", "=account_id")


@admin.register(Candle, HourCandle)
class CandleAdmin(LargeTableAdmin):
    """Minutes, and hours, of each market's trades."""

    list_display = (
        *("id", "market", "start"),
        price("open_ticks", "open"),
        price("high_ticks", "high"),
        price("low_ticks", "low"),
        price("close_ticks", "close"),
        quantity("lots", "volume"),
        "trades",
    )
    list_filter = ("market",)


@admin.register(Settlement)
class SettlementAdmin(LargeTableAdmin):
    """Profit and loss that was turned into dollars."""

    list_display = (
        *("id", "at", "account_id", "market", "position_id"),
        quote("amount_atoms", "amount"),
        "source",
    )
    list_filter = ("market", "source")
    search_fields = ("=id", "=account_id", "=position_id", "=sequence")


@admin.register(PositionInterest)
class PositionInterestAdmin(LargeTableAdmin):
    """Interest on profit and loss that was not realized, by the hour."""

    list_display = (
        *("id", "hour", "account_id", "market", "position_id"),
        quote("amount_atoms", "amount"),
    )
    list_filter = ("market",)
    search_fields = ("=id", "=account_id", "=position_id", "=sequence")


@admin.register(FundingRate)
class FundingRateAdmin(LargeTableAdmin):
    """The rate of each hour of each perpetual; the running one as it stands."""

    list_display = ("id", "ends_at", "market", "rate_ppb", "premium_ppb", "samples", "mark_e8")
    list_filter = ("market",)


@admin.register(FundingPayment)
class FundingPaymentAdmin(LargeTableAdmin):
    """What each position got and paid as funding, by the hour."""

    list_display = (
        *("id", "ends_at", "account_id", "market", "position_id"),
        quantity("lots", "quantity"),
        quote("amount_atoms", "amount"),
        "rate_ppb",
    )
    list_filter = ("market",)
    search_fields = ("=id", "=account_id", "=position_id", "=sequence")


@admin.register(StatementClose)
class StatementCloseAdmin(LargeTableAdmin):
    """Months whose statements are final."""

    list_display = ("id", "account_id", "month", "closed_at")
    fields = (*list_display, "balances")
    search_fields = ("=account_id",)


@admin.register(Clearing)
class ClearingAdmin(ReadOnlyAdmin):
    """What stands behind all positions of each perpetual market, after its last settlement."""

    list_display = (
        "market",
        quote("cash", "cash"),
        *("lend_scaled", "debt_scaled"),
        quote("settled", "settled"),
        quote("dust", "fees owed in positions"),
        quote("interest", "interest kept"),
        quote("funding", "funding on its way"),
    )
    search_fields = ("=market",)
