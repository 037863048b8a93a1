"""The page of what was done with accounts, by whom; and the same as CSV."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.choice import accounts_of, permitted, user_of
from accounts.models import Account, Act
from trading.activity import MOST, SHOWN, ActRow, acts, people_in
from trading.csv_lines import lines, time_cell

HEADINGS = ("time", "account", "who", "what", "outcome", "reason", "count")
_DIGITS = 18


@never_cache
@require_GET
@login_required
def activity(request: HttpRequest) -> HttpResponse:
    """Show the acts in the accounts that the user owns or whose members they manage."""
    accounts = _accounts(request)
    rows = acts(_chosen(request, accounts), **_filters(request))
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "rows": [(row, accounts[row.account]) for row in rows],
        "accounts": list(accounts.values()),
        "people": people_in(list(accounts)),
        "outcomes": Act.Outcome.choices,
        "asked": request.GET,
        "query": query.urlencode(),
        "next_before": rows[-1].id if len(rows) == SHOWN else None,
    }
    return render(request, "trading/activity.html", context)


@never_cache
@require_GET
@login_required
def download(request: HttpRequest) -> HttpResponseBase:
    """Send the acts as CSV, the newest ten thousand at most."""
    accounts = _accounts(request)
    rows = acts(_chosen(request, accounts), **_filters(request), limit=MOST)
    answer = StreamingHttpResponse(_lines(rows, accounts), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="activity.csv"'
    return answer


def _accounts(request: HttpRequest) -> dict[int, Account]:
    """Return the accounts of whose activity the user may know."""
    person = user_of(request)
    own = {account.pk: account for account in Account.objects.filter(user=person)}
    shared = (account for account in accounts_of(request) if account.user_id != person.pk)
    managed = permitted(list(shared), person, "manage_members")
    return own | {account.pk: account for account in managed}


def _chosen(request: HttpRequest, accounts: dict[int, Account]) -> list[int]:
    named = request.GET.get("account", "")
    if not named:
        return list(accounts)
    return [number for number in accounts if str(number) == named]


def _filters(request: HttpRequest) -> dict[str, Any]:
    outcome = request.GET.get("outcome", "")
    return {
        "person": _number(request, "person"),
        "outcome": outcome if outcome in Act.Outcome.values else None,
        "before": _number(request, "before"),
    }


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if is_number else None


def _lines(rows: list[ActRow], accounts: dict[int, Account]) -> Iterator[str]:
    cells = (
        (
            time_cell(row.at),
            f"{accounts[row.account].name} ({row.account})",
            *(row.person, row.what, row.outcome, row.reason, str(row.times)),
        )
        for row in rows
    )
    return lines(HEADINGS, cells)
