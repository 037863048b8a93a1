"""Pages of a user's accounts, below /account/."""

from django.urls import path

from accounts import (
    account_pages,
    address_pages,
    approval_pages,
    money_pages,
    settings_page,
    team_pages,
    transfer_pages,
    views,
)

app_name = "accounts"

urlpatterns = [
    path("", account_pages.accounts, name="sub_accounts"),
    path("new", account_pages.create_sub_account, name="create_sub_account"),
    path("<int:account>/name", account_pages.rename_account, name="rename_account"),
    path("<int:account>/move", account_pages.move_account, name="move_account"),
    path("<int:account>/freeze", account_pages.freeze_account, name="freeze_account"),
    path("<int:account>/close", account_pages.close_account, name="close_account"),
    path("<int:account>/reopen", account_pages.reopen_account, name="reopen_account"),
    path("transfers", transfer_pages.transfer, name="transfers"),
    path("transfers/most", transfer_pages.most, name="most_transfer"),
    path("transfers/rules", transfer_pages.create_sweep, name="create_sweep"),
    path("transfers/rules/<int:rule>/end", transfer_pages.end_sweep, name="end_sweep"),
    path("team", team_pages.team, name="team"),
    path("team/<int:member>", team_pages.member, name="member"),
    path("team/<int:member>/end", team_pages.end_membership, name="end_membership"),
    path("team/<int:member>/expiry", team_pages.set_expiry, name="set_expiry"),
    path("team/<int:member>/invitation", team_pages.renew_invitation, name="renew_invitation"),
    path("team/<int:member>/<int:account>/take-back", team_pages.take_back, name="take_back"),
    path("team/invitation/<str:token>", team_pages.invitation, name="invitation"),
    path("approvals", approval_pages.approval_list, name="approvals"),
    path("approvals/<int:number>", approval_pages.decide, name="decide_withdrawal"),
    path("approvals/threshold", approval_pages.set_threshold, name="set_threshold"),
    path("deposits", money_pages.deposits, name="deposits"),
    path("withdrawals", money_pages.withdraw, name="withdrawals"),
    path(
        "withdrawals/<int:number>/cancel", money_pages.cancel_withdrawal, name="cancel_withdrawal"
    ),
    path("addresses", address_pages.addresses, name="addresses"),
    path("addresses/<int:entry>/remove", address_pages.remove_address, name="remove_address"),
    path("addresses/whitelist-only", address_pages.whitelist_only, name="whitelist_only"),
    path("addresses/delay", address_pages.set_delay, name="set_delay"),
    path("settings", settings_page.settings, name="settings"),
    path("settings/mails", settings_page.set_risk_mails, name="risk_mails"),
    path("keys", views.keys, name="keys"),
    path("keys/<int:key>", views.edit_key, name="edit_key"),
    path("keys/<int:key>/revoke", views.revoke_key, name="revoke_key"),
]
