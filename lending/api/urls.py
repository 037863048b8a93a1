"""Addresses of the lending part of the REST API."""

from django.urls import path

from lending.api import history, markets, positions

urlpatterns = [
    path("api/v1/account/convertDust", positions.ConvertDustView.as_view()),
    path("api/v1/borrowLend", positions.BorrowLendView.as_view()),
    path("api/v1/borrowLend/apy", markets.ApyView.as_view()),
    path("api/v1/borrowLend/markets", markets.BorrowLendMarketsView.as_view()),
    path("api/v1/borrowLend/markets/history", markets.BorrowLendMarketsHistoryView.as_view()),
    path("api/v1/borrowLend/positions", positions.BorrowLendPositionsView.as_view()),
    path("api/v1/x/lendTerms", positions.LendTermsView.as_view()),
    path("wapi/v1/history/borrowLend", history.BorrowLendHistoryView.as_view()),
    path("wapi/v1/history/borrowLend/positions", history.BorrowLendPositionHistoryView.as_view()),
    path("wapi/v1/history/dust", history.DustHistoryView.as_view()),
    path("wapi/v1/history/interest", history.InterestHistoryView.as_view()),
]
