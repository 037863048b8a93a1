"""The pages of accounts, transfers and API keys. Views parse and call services."""

import uuid
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import history, selectors, services
from accounts.choice import user_of
from accounts.forms import KeyForm, KeyLimitsForm, NameForm, TransferForm, key_initial
from accounts.models import Account, ApiKey
from accounts.models.users import SUB_ACCOUNT_LIMIT
from compliance.services import Refusal
from gateway.errors import EngineUnavailable, OutcomeUnknown

# Which field of the form a refused limit of a key belongs to.
_LIMIT_FIELDS = {
    "KEY_SCOPES": "scopes",
    "KEY_ADDRESS": "addresses",
    "KEY_ADDRESSES": "addresses",
    "KEY_EXPIRY": "expires_at",
}


@require_GET
@login_required
def sub_accounts(request: HttpRequest) -> HttpResponse:
    """List the user's accounts, with forms to add and to rename them."""
    return _sub_accounts_page(request, NameForm())


@require_POST
@login_required
def create_sub_account(request: HttpRequest) -> HttpResponse:
    """Add a sub-account."""
    form = NameForm(request.POST)
    if form.is_valid():
        try:
            services.create_sub_account(user_of(request), form.cleaned_data["name"])
        except Refusal as refusal:
            form.add_error(None, refusal.message)
    if form.errors:
        return _sub_accounts_page(request, form, status=422)
    messages.success(request, f"{form.cleaned_data['name']} is open. Transfer funds to use it.")
    return redirect("accounts:sub_accounts")


@require_POST
@login_required
def rename_account(request: HttpRequest, account: int) -> HttpResponse:
    """Give one of the user's accounts another name."""
    row = get_object_or_404(Account, pk=account, user=user_of(request))
    form = NameForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A name has 1 to 40 characters.")
        return redirect("accounts:sub_accounts")
    try:
        services.rename_account(row, form.cleaned_data["name"])
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Renamed.")
    return redirect("accounts:sub_accounts")


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def transfers(request: HttpRequest) -> HttpResponse:
    """Move money between the user's own accounts, and show what was moved."""
    user = user_of(request)
    form = TransferForm(user, request.POST or None)
    if not form.is_valid():
        return _transfers_page(request, form, status=422 if form.is_bound else 200)
    data = form.cleaned_data
    try:
        services.transfer_funds(
            user,
            source=data["source"],
            destination=data["destination"],
            asset=data["asset"],
            amount_atoms=data["amount_atoms"],
            command_id=f"transfer:{user.pk}:{data['request_id']}",
        )
    except OutcomeUnknown:
        form.add_error(
            None,
            "The exchange has not answered in time. Press Transfer again: "
            "the money moves once, even if the first answer was lost.",
        )
        return _transfers_page(request, form, status=503)
    except EngineUnavailable:
        form.add_error(None, "The exchange is restarting. Nothing was moved: try again.")
        return _transfers_page(request, form, status=503)
    except Refusal as refusal:
        # A refused request is answered for good under its id: another try needs another one.
        form.data = {**request.POST.dict(), "request_id": str(uuid.uuid4())}
        form.add_error(None, refusal.message)
        return _transfers_page(request, form, status=422)
    messages.success(request, f"Transferred {data['amount']} {data['asset']}.")
    return redirect("accounts:transfers")


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def keys(request: HttpRequest) -> HttpResponse:
    """List the user's API keys, and make or upload one. The secret is shown in this answer only."""
    user = user_of(request)
    form = KeyForm(user, request.POST or None)
    if not form.is_valid():
        return _keys_page(request, form, status=422 if form.is_bound else 200)
    data = form.cleaned_data
    try:
        if data["public_key"]:
            services.import_api_key(
                data["account"], data["name"], data["public_key"], form.limits()
            )
            messages.success(request, "The key may be used now.")
            return redirect("accounts:keys")
        key, secret = services.create_api_key(data["account"], data["name"], form.limits())
    except Refusal as refusal:
        usual = "public_key" if data["public_key"] else None
        form.add_error(_LIMIT_FIELDS.get(refusal.code, usual), refusal.message)
        return _keys_page(request, form, status=422)
    return _keys_page(request, KeyForm(user), made=key, secret=secret)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def edit_key(request: HttpRequest, key: int) -> HttpResponse:
    """Show the limits of one of the user's live keys, and change them."""
    row = get_object_or_404(ApiKey, pk=key, account__user=user_of(request), revoked_at=None)
    form = KeyLimitsForm(request.POST or None, initial=key_initial(row))
    if form.is_valid():
        try:
            services.update_api_key(row, form.cleaned_data["name"], form.limits())
        except Refusal as refusal:
            form.add_error(_LIMIT_FIELDS.get(refusal.code), refusal.message)
        else:
            messages.success(request, f"The limits of {form.cleaned_data['name']} hold now.")
            return redirect("accounts:keys")
    status = 422 if form.is_bound else 200
    return render(request, "accounts/key.html", {"key": row, "form": form}, status=status)


@require_POST
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def revoke_key(request: HttpRequest, key: int) -> HttpResponse:
    """Stop one of the user's keys, at once."""
    row = get_object_or_404(ApiKey, pk=key, account__user=user_of(request))
    try:
        services.revoke_api_key(row)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{row.name} is revoked. Orders it has placed stay open.")
    return redirect("accounts:keys")


def _sub_accounts_page(request: HttpRequest, form: NameForm, *, status: int = 200) -> HttpResponse:
    accounts = list(Account.objects.filter(user=user_of(request)))
    context = {
        "accounts": accounts,
        "form": form,
        "may_add": 0 < len(accounts) <= SUB_ACCOUNT_LIMIT,
        "limit": SUB_ACCOUNT_LIMIT,
    }
    return render(request, "accounts/sub_accounts.html", context, status=status)


def _transfers_page(request: HttpRequest, form: TransferForm, *, status: int) -> HttpResponse:
    accounts = list(Account.objects.filter(user=user_of(request)))
    context = {
        "form": form,
        "accounts": [(account, selectors.balances(account.pk)) for account in accounts],
        "transfers": history.recent_transfers(accounts),
    }
    return render(request, "accounts/transfers.html", context, status=status)


def _keys_page(
    request: HttpRequest, form: KeyForm, *, status: int = 200, **made: Any
) -> HttpResponse:
    user = user_of(request)
    rows = ApiKey.objects.filter(account__user=user).select_related("account")
    has_account = Account.objects.filter(user=user).exists()
    context = {"form": form, "keys": rows, "has_account": has_account, **made}
    return render(request, "accounts/keys.html", context, status=status)
