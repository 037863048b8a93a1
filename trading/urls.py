"""Addresses of the trading and lending pages, of portfolio, statements, and how prices came about.

Symbols are upper case, so they meet no other name.
"""

from django.urls import path, re_path

from trading import (
    activity_page,
    backstop_page,
    lend_page,
    outlook_views,
    portfolio_page,
    price_views,
    risk_pages,
    statement_views,
    views,
)

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
    path("account/portfolio", portfolio_page.page, name="portfolio"),
    re_path(
        r"^account/portfolio/(?P<table>accounts|assets|exposure|days)\.csv$",
        portfolio_page.download,
        name="portfolio_csv",
    ),
    path("account/activity", activity_page.activity, name="activity"),
    path("account/activity.csv", activity_page.download, name="activity_csv"),
    path("account/backstops", backstop_page.backstops, name="backstops"),
    path("account/liquidations", risk_pages.liquidations, name="liquidations"),
    path("trade/notices", risk_pages.notices, name="notices"),
    path("trade/notices/read", risk_pages.read_notices, name="read_notices"),
    path("trade/adl", risk_pages.adl, name="adl"),
    path("trade/account", views.account, name="account"),
    path("trade/history", views.history, name="history"),
    path("trade/fills", views.fills, name="fills"),
    path("trade/order", views.order, name="order"),
    path("trade/preview", outlook_views.preview, name="preview"),
    path("trade/what-if", outlook_views.what_if, name="what_if"),
    path("trade/cancel", views.cancel, name="cancel"),
    path("trade/cancel-all", views.cancel_all, name="cancel_all"),
    path("trade/cancel-strategy", views.cancel_strategy, name="cancel_strategy"),
    path("trade/borrow-lends", views.borrow_lends, name="borrow_lends"),
    path("trade/funding", views.funding, name="funding"),
    path("trade/interest", views.interest, name="interest"),
    re_path(r"^trade/(?P<symbol>[A-Z0-9_]{1,60})$", views.trade, name="market"),
    path("prices", price_views.every, name="prices"),
    re_path(r"^prices/(?P<symbol>[A-Z0-9]{1,30})$", price_views.one, name="price"),
    path("lend", lend_page.lend, name="lend"),
    path("lend/dust", lend_page.convert_dust, name="convert_dust"),
    re_path(r"^lend/(?P<symbol>[A-Z0-9]{1,30})$", lend_page.lend, name="lend_asset"),
    re_path(
        r"^lend/(?P<symbol>[A-Z0-9]{1,30})/(?P<act>lend|redeem|borrow|repay)$",
        lend_page.move,
        name="lend_move",
    ),
    re_path(
        r"^lend/(?P<symbol>[A-Z0-9]{1,30})/terms$", lend_page.set_lend_terms, name="lend_terms"
    ),
]
