"""Pages of a user's accounts, below /account/."""

from django.urls import path

from accounts import settings_page, views

app_name = "accounts"

urlpatterns = [
    path("", views.sub_accounts, name="sub_accounts"),
    path("new", views.create_sub_account, name="create_sub_account"),
    path("<int:account>/name", views.rename_account, name="rename_account"),
    path("transfers", views.transfers, name="transfers"),
    path("settings", settings_page.settings, name="settings"),
    path("keys", views.keys, name="keys"),
    path("keys/<int:key>", views.edit_key, name="edit_key"),
    path("keys/<int:key>/revoke", views.revoke_key, name="revoke_key"),
]
