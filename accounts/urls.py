"""Pages of a user's accounts, below /account/."""

from django.urls import path

from accounts import address_pages, money_pages, settings_page, views

app_name = "accounts"

urlpatterns = [
    path("", views.sub_accounts, name="sub_accounts"),
    path("new", views.create_sub_account, name="create_sub_account"),
    path("<int:account>/name", views.rename_account, name="rename_account"),
    path("transfers", views.transfers, name="transfers"),
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
