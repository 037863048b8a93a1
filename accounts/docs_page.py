"""The page of the API: our OpenAPI document to read and to try, with a key of its own.

The browser draws the key pair and keeps the secret in the page's memory. We are given the public
half only, let it act for an hour, and are told when the page is left.
"""

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import page_keys
from accounts.choice import accounts_of, chosen_account, user_of
from compliance.services import Refusal

TEMPLATE = "accounts/api_docs.html"


@never_cache
@require_GET
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show the document to anyone."""
    return render(request, TEMPLATE, {"own_accounts": accounts_of(request)})


@never_cache
@require_GET
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def try_api(request: HttpRequest) -> HttpResponse:
    """Show the document as a page which signs for one of the user's accounts.

    A key moves money, so the password is asked for as on the page of keys.
    """
    choices = accounts_of(request)
    account = chosen_account(request, choices)
    if account is None:
        raise Http404("no such account of this user")
    return render(request, TEMPLATE, {"own_accounts": choices, "signing_for": account})


@require_POST
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def make_key(request: HttpRequest) -> HttpResponse:
    """Let the page's public key act for one of the user's accounts for an hour."""
    account = chosen_account(request, accounts_of(request))
    if account is None:
        raise Http404("no such account of this user")
    try:
        made = page_keys.make_page_key(
            account, request.POST.get("public_key", ""), user_of(request)
        )
    except Refusal as refusal:
        return JsonResponse({"code": refusal.code, "message": refusal.message}, status=422)
    return JsonResponse({"key": made.key.public_key, "until": f"{made.expires_at:%H:%M}"})


@require_POST
@login_required
def end_key(request: HttpRequest) -> HttpResponse:
    """Revoke the page's key: it is being left."""
    page_keys.end_page_key(user_of(request), request.POST.get("public_key", ""))
    return HttpResponse(status=204)
