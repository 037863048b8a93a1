"""What the pages show of accounts at risk to their owners: notices, ADL, liquidations."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import access_of
from accounts.api.paging import Page
from accounts.choice import accounts_of, chosen_account, user_of
from accounts.models import Account
from trading import adl_queue, liquidation_history, notice_board
from trading.views import with_account

NOTICES_SHOWN = 30
CASES_A_PAGE = 10
SHARES_SHOWN = 100
NUMBER_DIGITS = 18


def _refusal(request: HttpRequest, account: Account) -> JsonResponse | None:
    refused = access_of(account, user_of(request)).refusal("view")
    if refused is None:
        return None
    return JsonResponse({"code": "FORBIDDEN", "message": refused}, status=403)


@require_GET
@never_cache
@with_account
def notices(request: HttpRequest, account: Account) -> HttpResponse:
    """Answer with the newest notices of all of the user's accounts, and how many are unread.

    Whoever trades on one account must hear of a margin call on another.
    """
    return _refusal(request, account) or JsonResponse(_notices(request))


@require_POST
@with_account
def read_notices(request: HttpRequest, account: Account) -> HttpResponse:
    """Mark the notices of the user's accounts as read up to one of them."""
    number = request.POST.get("id", "")
    if not number.isdecimal() or not number.isascii() or len(number) > NUMBER_DIGITS:
        body = {"code": "INVALID_CLIENT_REQUEST", "message": "id must be that of a notice"}
        return JsonResponse(body, status=400)
    refused = _refusal(request, account)
    if refused is not None:
        return refused
    for one in accounts_of(request):
        # A mark is the account's, not a person's: who only looks leaves it to who trades there.
        if access_of(one, user_of(request)).denial("trade_perp", reduces=True) is None:
            notice_board.mark_read(one.pk, int(number))
    return JsonResponse(_notices(request))


@require_GET
@never_cache
@with_account
def adl(request: HttpRequest, account: Account) -> HttpResponse:
    """Answer with where each open position stands among those that would be reduced."""
    refused = _refusal(request, account)
    if refused is not None:
        return refused
    rows = [row._asdict() for row in adl_queue.queue_rows(account.pk)]
    return JsonResponse(rows, safe=False)


def _notices(request: HttpRequest) -> dict[str, Any]:
    names = {account.pk: account.name for account in accounts_of(request)}
    rows = notice_board.newest(list(names), NOTICES_SHOWN)
    return {
        "unread": notice_board.unread_count(list(names)),
        "notices": [
            {
                "id": row.id,
                "account": names[row.account] if len(names) > 1 else None,
                "at": row.at.isoformat(),
                "kind": row.kind,
                "severity": row.severity,
                "title": row.title,
                "message": row.message,
                "advice": row.advice,
                "isRead": row.is_read,
            }
            for row in rows
        ],
    }


@never_cache
@require_GET
@login_required
def liquidations(request: HttpRequest) -> HttpResponse:
    """Show what was liquidated of the chosen account, and what others' liquidations did to it."""
    choices = accounts_of(request)
    account = chosen_account(request, choices)
    if account is None:
        if choices:
            raise Http404("no such account of this user")
        return render(request, "trading/liquidations.html", {"account": None})
    context: dict[str, Any] = {"account": account, "account_choices": choices}
    refused = access_of(account, user_of(request)).refusal("view")
    if refused is not None:
        return render(
            request, "trading/liquidations.html", context | {"refusal": refused}, status=403
        )
    number = request.GET.get("page", "1")
    at = int(number) if number.isdecimal() and number.isascii() and len(number) < 5 else 1
    at = max(1, at)
    page = Page(limit=CASES_A_PAGE, offset=(at - 1) * CASES_A_PAGE)
    cases = liquidation_history.liquidations(account.pk, page=page)
    shares = liquidation_history.shares(account.pk, page=Page(limit=SHARES_SHOWN))
    more = {
        "cases": cases.rows,
        "page": at,
        "is_last": at * CASES_A_PAGE >= cases.total,
        "shares": shares.rows,
        "is_cut": shares.total > SHARES_SHOWN,
    }
    return render(request, "trading/liquidations.html", context | more)
