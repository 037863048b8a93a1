"""The page of all accounts together, and its tables as CSV."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.access import accesses_of
from accounts.choice import accounts_of, user_of
from accounts.models import Account
from trading import portfolio_tables as tables
from trading.consolidated import Portfolio, portfolio
from trading.equity_charts import equity_chart, profit_chart
from trading.portfolio_csv import TABLES
from trading.spans import DAYS, Span, SpanWrong, last_days, span_of

PAGE = "trading/portfolio.html"


@never_cache
@require_GET
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Show the chosen accounts, or all that may be looked at, over a span."""
    offered, refusal = _offered(request)
    if not offered:
        context = {"refusal": refusal}
        return render(request, PAGE, context, status=403 if refusal else 200)
    chosen, at = _chosen(request, offered), timezone.now()
    try:
        span = _span(request, at)
    except SpanWrong as error:
        context = _choices(offered, chosen, last_days(DAYS[0], today=at.astimezone(UTC).date()))
        return render(request, PAGE, context | {"wrong": error}, status=422)
    found = portfolio([account.pk for account in chosen], span, at=at)
    context = _choices(offered, chosen, span) | _shown(found, chosen, at)
    return render(request, PAGE, context)


@never_cache
@require_GET
@login_required
def download(request: HttpRequest, table: str) -> HttpResponseBase:
    """Send one of the tables as CSV, of the same accounts and span as the page."""
    offered, _ = _offered(request)
    if not offered:
        raise Http404("no accounts to look at")
    chosen, at = _chosen(request, offered), timezone.now()
    try:
        span = _span(request, at)
    except SpanWrong:
        return page(request)
    found = portfolio([account.pk for account in chosen], span, at=at)
    rows = TABLES[table](found, {account.pk: account for account in chosen}, at)
    answer = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
    name = f"portfolio-{table}-{span.first}-{span.last}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _offered(request: HttpRequest) -> tuple[list[Account], str | None]:
    """Return the accounts that the session may look at, and why not if it may at none."""
    shown = accounts_of(request)
    offered, refusal = [], None
    for account, access in zip(shown, accesses_of(shown, user_of(request)), strict=True):
        refused = access.refusal("view")
        if refused is None:
            offered.append(account)
        refusal = refusal or refused
    return offered, refusal


def _chosen(request: HttpRequest, offered: list[Account]) -> list[Account]:
    """Return the accounts that the request names, or all. Another user's is not found."""
    named = set(request.GET.getlist("account"))
    if not named:
        return offered
    chosen = [account for account in offered if str(account.pk) in named]
    if len(chosen) != len(named):
        raise Http404("no such account of this user")
    return chosen


def _span(request: HttpRequest, at: datetime) -> Span:
    words = {name: request.GET.get(name, "").strip() for name in ("from", "to", "days")}
    return span_of(words, today=at.astimezone(UTC).date())


def _choices(offered: list[Account], chosen: list[Account], span: Span) -> dict[str, Any]:
    is_part = len(chosen) < len(offered)
    named = [("account", account.pk) for account in chosen] if is_part else []
    dates = [("from", span.first), ("to", span.last)]
    days = next((days for days in DAYS if span.is_current and span.days == days), None)
    shown = [("days", days)] if days else dates
    query = urlencode([*named, *shown])
    return {
        "offered": offered,
        "chosen": {account.pk for account in chosen},
        "is_part": is_part,
        "span": span,
        "days": days,
        "spans": [(each, urlencode([*named, ("days", each)])) for each in DAYS],
        "csv": {
            name: f"{reverse('trading:portfolio_csv', args=[name])}?{query}" for name in TABLES
        },
    }


def _shown(found: Portfolio, chosen: list[Account], at: datetime) -> dict[str, Any]:
    by_number = {account.pk: account for account in chosen}
    starts_late = found.history_from is None or found.history_from > found.span.start
    return {
        "at": at,
        "history_from": found.history_from,
        "starts_late": starts_late,
        "total": tables.total_row(found),
        "equity": tables.dollars(found.equity),
        "unrealized": tables.dollars(found.unrealized),
        "volume": tables.dollars(found.volume),
        "accounts": tables.account_rows(found, by_number),
        "account_changes": tables.change_rows(found, by_number),
        "assets": tables.asset_rows(found),
        "exposure": tables.exposure_rows(found),
        "day_rows": tables.day_rows(found),
        "equity_chart": equity_chart(found, at=at),
        "profit_chart": profit_chart(found, at=at),
        "left_out": max(0, len(chosen) - tables.ACCOUNTS_SHOWN),
    }
