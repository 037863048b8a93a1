"""Addresses of the trading part of the REST API, less the fast paths which the edge serves."""

from django.urls import path

from trading.api import (
    account,
    estimates,
    funding,
    history,
    limits,
    markets,
    positions,
    unlisted,
    vaults,
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
    path("api/v1/fundingRates", funding.FundingRatesView.as_view()),
    path("api/v1/market", markets.MarketView.as_view()),
    path("api/v1/market-holidays", unlisted.MarketHolidaysView.as_view()),
    path("api/v1/market-sessions", unlisted.MarketSessionsView.as_view()),
    path("api/v1/markets", markets.MarketsView.as_view()),
    path("api/v1/openInterest", markets.OpenInterestView.as_view()),
    path("api/v1/position", positions.PositionView.as_view()),
    path("api/v1/prediction", unlisted.PredictionView.as_view()),
    path("api/v1/prediction/tags", unlisted.PredictionTagsView.as_view()),
    path("api/v1/securities", unlisted.SecuritiesView.as_view()),
    path("api/v1/vault/mint", vaults.VaultMintView.as_view()),
    path("api/v1/vault/nav", vaults.VaultNavView.as_view()),
    path("api/v1/vault/redeem", vaults.VaultRedeemView.as_view()),
    path("api/v1/vault/redeems/pending", vaults.PendingRedeemsView.as_view()),
    path("api/v1/vaults", vaults.VaultsView.as_view()),
    path("api/v1/vaults/history", vaults.VaultsHistoryView.as_view()),
    path("wapi/v1/history/fills", history.FillHistoryView.as_view()),
    path("wapi/v1/history/funding", funding.FundingHistoryView.as_view()),
    path("wapi/v1/history/orders", history.OrderHistoryView.as_view()),
    path("wapi/v1/history/pnl", history.ProfitHistoryView.as_view()),
    path("wapi/v1/history/position", history.PositionHistoryView.as_view()),
    path("wapi/v1/history/settlement", history.SettlementHistoryView.as_view()),
    path("wapi/v1/history/vault/mint", vaults.VaultMintHistoryView.as_view()),
    path("wapi/v1/history/vault/redeem", vaults.VaultRedeemHistoryView.as_view()),
]
