"""Addresses of the trading page. Market symbols are upper case, so they meet no other name."""

from django.urls import path, re_path

from trading import views

app_name = "trading"

urlpatterns = [
    path("", views.trade, name="home"),
    path("trade/account", views.account, name="account"),
    path("trade/history", views.history, name="history"),
    path("trade/fills", views.fills, name="fills"),
    path("trade/order", views.order, name="order"),
    path("trade/cancel", views.cancel, name="cancel"),
    path("trade/cancel-all", views.cancel_all, name="cancel_all"),
    re_path(r"^trade/(?P<symbol>[A-Z0-9_]{1,60})$", views.trade, name="market"),
]
