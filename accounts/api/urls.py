"""Addresses of the accounts' part of the REST API. No trailing slashes: clients sign the path."""

from django.urls import path

from accounts.api import capital, custody, limits

urlpatterns = [
    path("api/v1/account/limits/withdrawal", limits.MaxWithdrawalView.as_view()),
    path("api/v1/capital", capital.CapitalView.as_view()),
    path("api/v1/wallets", capital.WalletsView.as_view()),
    path("wapi/v1/capital/deposits", capital.DepositsView.as_view()),
    path("wapi/v1/capital/deposit/address", custody.DepositAddressView.as_view()),
    path("wapi/v1/capital/withdrawals/delay", custody.WithdrawalDelayView.as_view()),
    path("wapi/v1/user/2fa", custody.TwoFactorView.as_view()),
    path("wapi/v1/capital/withdrawals", capital.WithdrawalsView.as_view()),
]
