"""The pages of statements: one a month for each of the user's accounts, and the same as CSV."""

import logging
from datetime import date
from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.access import access_of
from accounts.assets import decimals_of
from accounts.choice import accounts_of, user_of
from accounts.models import Account
from gateway.decimals import format_padded
from trading.statement_csv import csv_lines
from trading.statements import Statement, StatementWrong, months, statement

log = logging.getLogger(__name__)

PAGE = "trading/statement.html"
_POSITION_WORDS = {
    "UnrealizedPositivePnl": "Earned on open profit",
    "UnrealizedNegativePnl": "Paid on open loss",
}


class Row(NamedTuple):
    """A line of the page: words, and an amount of one asset."""

    words: str
    market: str
    asset: str
    amount: str
    day: date | None = None


@never_cache
@require_GET
@login_required
def chosen(request: HttpRequest) -> HttpResponse:
    """Lead to the statement that the form or nobody has chosen: by itself the latest."""
    accounts = _accounts(request)
    named = request.GET.get("account")
    account = next((row for row in accounts if named is None or str(row.pk) == named), None)
    if account is None:
        if named is None:
            return render(request, PAGE, {"accounts": accounts})
        raise Http404
    offered = _months(account)
    if not offered:
        return render(request, PAGE, {"accounts": accounts, "account": account})
    names = [month.strftime("%Y-%m") for month in offered]
    wanted = request.GET.get("month")
    name = wanted if wanted in names else names[0]
    return redirect("trading:statement", account=account.pk, month=name)


@never_cache
@require_GET
@login_required
def page(request: HttpRequest, account: int, month: str) -> HttpResponse:
    """Show the statement of a month; one that does not add up is an error, and no figures."""
    row = _account(request, account)
    refusal = access_of(row, user_of(request)).refusal("view")
    offered, found = _months(row), _month(row, month)
    context: dict[str, Any] = {
        "accounts": _accounts(request),
        "account": row,
        "months": offered,
        "month": found,
    }
    if refusal is not None:
        return render(request, PAGE, context | {"refusal": refusal}, status=403)
    try:
        made = statement(row.pk, found)
    except StatementWrong as error:
        log.error("%s", error)
        return render(request, PAGE, context | {"wrong": _differences(error)}, status=500)
    return render(request, PAGE, context | _words(made))


@never_cache
@require_GET
@login_required
def download(request: HttpRequest, account: int, month: str) -> HttpResponseBase:
    """Send the statement as CSV, line by line; one that does not add up leads to its page."""
    row = _account(request, account)
    found = _month(row, month)
    if access_of(row, user_of(request)).refusal("view") is not None:
        return page(request, account, month)
    try:
        made = statement(row.pk, found)
    except StatementWrong:
        return page(request, account, month)
    answer = StreamingHttpResponse(csv_lines(made), content_type="text/csv; charset=utf-8")
    name = f"statement-{row.pk}-{month}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _account(request: HttpRequest, account: int) -> Account:
    # Whose account it is decides; an id of another user is not there.
    for row in _accounts(request):
        if row.pk == account:
            return row
    raise Http404


def _accounts(request: HttpRequest) -> list[Account]:
    """Return the user's accounts, closed ones too, and those which others share with them."""
    user = user_of(request)
    own = list(Account.objects.filter(user=user).select_related("user"))
    return own + [row for row in accounts_of(request) if row.user_id != user.pk]


def _months(account: Account) -> list[date]:
    return [] if account.opened_at is None else months(account.opened_at)


def _month(account: Account, name: str) -> date:
    for month in _months(account):
        if month.strftime("%Y-%m") == name:
            return month
    raise Http404


def _words(made: Statement) -> dict[str, Any]:
    name = made.month.strftime("%Y-%m")
    return {
        "statement": made,
        "csv_url": reverse("trading:statement_csv", args=[made.account, name]),
        "assets": [
            {
                "asset": asset.asset,
                "opening": _amount(asset.opening, asset.asset),
                "rows": [
                    Row(row.kind, row.market, asset.asset, _amount(row.amount, asset.asset))
                    for row in asset.movements
                ],
                "closing": _amount(asset.closing, asset.asset),
                "cash": _amount(asset.held.cash, asset.asset),
                "lent": _amount(asset.held.lent, asset.asset),
                "owed": _amount(asset.held.owed, asset.asset),
                "bad_debt": asset.asset in made.bad_debts and bool(asset.held.lent),
            }
            for asset in made.assets
        ],
        "days": [
            Row(row.kind, row.market, row.asset, _amount(row.amount, row.asset), row.day.date())
            for row in made.days
            if row.amount
        ],
        "position_interest": [
            (
                Row(
                    _POSITION_WORDS[row.kind], row.market, row.asset, _amount(row.amount, row.asset)
                ),
                row.position_id,
            )
            for row in made.position_interest
        ],
    }


def _differences(error: StatementWrong) -> list[str]:
    return [f"{_amount(atoms, asset)} {asset}" for asset, atoms in error.differences.items()]


def _amount(atoms: int, asset: str) -> str:
    return format_padded(atoms, decimals_of(asset))
