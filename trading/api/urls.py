"""Addresses of the trading part of the REST API, less the fast paths which the edge serves."""

from django.urls import path

from trading.api import account, estimates, history, markets, positions

urlpatterns = [
    path("api/v1/account", account.AccountView.as_view()),
    path(
        "api/v1/borrowLend/position/liquidationPrice",
        estimates.LoanLiquidationPriceView.as_view(),
    ),
    path("api/v1/assets", markets.AssetsView.as_view()),
    path("api/v1/capital/collateral", account.MarginView.as_view()),
    path("api/v1/collateral", markets.CollateralView.as_view()),
    path("api/v1/market", markets.MarketView.as_view()),
    path("api/v1/markets", markets.MarketsView.as_view()),
    path("api/v1/openInterest", markets.OpenInterestView.as_view()),
    path("api/v1/position", positions.PositionView.as_view()),
    path("wapi/v1/history/fills", history.FillHistoryView.as_view()),
    path("wapi/v1/history/orders", history.OrderHistoryView.as_view()),
    path("wapi/v1/history/settlement", history.SettlementHistoryView.as_view()),
]
