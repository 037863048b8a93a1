"""Addresses of the trading part of the REST API, less the fast paths which the edge serves."""

from django.urls import path

from trading.api import (
    account,
    estimates,
    history,
    limits,
    markets,
    positions,
    rfq_history,
    rfqs,
)

urlpatterns = [
    path("api/v1/account", account.AccountView.as_view()),
    path(
        "api/v1/borrowLend/position/liquidationPrice",
        estimates.LoanLiquidationPriceView.as_view(),
    ),
    path("api/v1/account/limits/order", limits.MaxOrderView.as_view()),
    path("api/v1/assets", markets.AssetsView.as_view()),
    path("api/v1/capital/collateral", account.MarginView.as_view()),
    path("api/v1/collateral", markets.CollateralView.as_view()),
    path("api/v1/market", markets.MarketView.as_view()),
    path("api/v1/markets", markets.MarketsView.as_view()),
    path("api/v1/openInterest", markets.OpenInterestView.as_view()),
    path("api/v1/position", positions.PositionView.as_view()),
    path("api/v1/rfq", rfqs.RfqView.as_view()),
    path("api/v1/rfq/accept", rfqs.AcceptQuoteView.as_view()),
    path("api/v1/rfq/cancel", rfqs.CancelRfqView.as_view()),
    path("api/v1/rfq/quote", rfqs.QuoteView.as_view()),
    path("api/v1/rfq/refresh", rfqs.RefreshRfqView.as_view()),
    path("api/v1/rfqs", rfqs.RfqsView.as_view()),
    path("wapi/v1/history/fills", history.FillHistoryView.as_view()),
    path("wapi/v1/history/orders", history.OrderHistoryView.as_view()),
    path("wapi/v1/history/quote", rfq_history.QuoteHistoryView.as_view()),
    path("wapi/v1/history/quote/fill", rfq_history.QuoteFillHistoryView.as_view()),
    path("wapi/v1/history/rfq", rfq_history.RfqHistoryView.as_view()),
    path("wapi/v1/history/rfq/fill", rfq_history.RfqFillHistoryView.as_view()),
    path("wapi/v1/history/settlement", history.SettlementHistoryView.as_view()),
]
