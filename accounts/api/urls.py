"""Addresses of the accounts' part of the REST API. No trailing slashes: clients sign the path."""

from django.urls import path

from accounts.api import capital, custody, limits, subaccounts, team, transfers

urlpatterns = [
    path("api/v1/account/limits/withdrawal", limits.MaxWithdrawalView.as_view()),
    path("api/v1/capital", capital.CapitalView.as_view()),
    path("api/v1/x/approvals", team.ApprovalsView.as_view()),
    path("api/v1/x/keys", team.KeysView.as_view()),
    path("api/v1/x/members", team.MembersView.as_view()),
    path("api/v1/x/subaccount", subaccounts.SubaccountView.as_view()),
    path("api/v1/x/subaccount/close", subaccounts.CloseView.as_view()),
    path("api/v1/x/subaccount/freeze", subaccounts.FreezeView.as_view()),
    path("api/v1/x/subaccount/reopen", subaccounts.ReopenView.as_view()),
    path("api/v1/x/subaccounts", subaccounts.SubaccountsView.as_view()),
    path("api/v1/x/sweeps", transfers.SweepsView.as_view()),
    path("api/v1/x/transfer", transfers.TransferView.as_view()),
    path("api/v1/x/transfer/basket", transfers.BasketView.as_view()),
    path("api/v1/x/transfer/limit", transfers.MaxTransferView.as_view()),
    path("api/v1/x/transfers", transfers.TransfersView.as_view()),
    path("api/v1/wallets", capital.WalletsView.as_view()),
    path("wapi/v1/capital/deposits", capital.DepositsView.as_view()),
    path("wapi/v1/capital/deposit/address", custody.DepositAddressView.as_view()),
    path("wapi/v1/capital/withdrawals/delay", custody.WithdrawalDelayView.as_view()),
    path("wapi/v1/user/2fa", custody.TwoFactorView.as_view()),
    path("wapi/v1/capital/withdrawals", capital.WithdrawalsView.as_view()),
]
