"""Addresses of the trading page and of statements.

Market symbols are upper case, so they meet no other name.
"""

from django.urls import path, re_path

from trading import statement_views, views

app_name = "trading"

urlpatterns = [
    path("", views.trade, name="home"),
    path("account/statements", statement_views.chosen, name="statements"),
    path(
        "account/statements/<int:account>/<str:month>.csv",
        statement_views.download,
        name="statement_csv",
    ),
    path("account/statements/<int:account>/<str:month>", statement_views.page, name="statement"),
    path("trade/account", views.account, name="account"),
    path("trade/history", views.history, name="history"),
    path("trade/fills", views.fills, name="fills"),
    path("trade/order", views.order, name="order"),
    path("trade/cancel", views.cancel, name="cancel"),
    path("trade/cancel-all", views.cancel_all, name="cancel_all"),
    re_path(r"^trade/(?P<symbol>[A-Z0-9_]{1,60})$", views.trade, name="market"),
]
