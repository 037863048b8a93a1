"""Addresses of the lending part of the REST API."""

from django.urls import path

from lending.api import limits, markets, positions

urlpatterns = [
    path("api/v1/account/limits/borrow", limits.MaxBorrowView.as_view()),
    path("api/v1/borrowLend", positions.BorrowLendView.as_view()),
    path("api/v1/borrowLend/markets", markets.BorrowLendMarketsView.as_view()),
    path("api/v1/borrowLend/positions", positions.BorrowLendPositionsView.as_view()),
    path("wapi/v1/history/borrowLend", positions.BorrowLendHistoryView.as_view()),
]
