"""The pages of API keys. Views parse and call services."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.choice import accounts_with_keys, user_of
from accounts.forms import KeyForm, KeyLimitsForm, key_initial
from accounts.models import ApiKey, User
from compliance.services import Refusal

# Which field of the form a refused limit of a key belongs to.
_LIMIT_FIELDS = {
    "KEY_SCOPES": "scopes",
    "KEY_ADDRESS": "addresses",
    "KEY_ADDRESSES": "addresses",
    "KEY_EXPIRY": "expires_at",
}


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
        account, name = data["account"], data["name"]
        made_by = None if account.user_id == user.pk else user
        if data["public_key"]:
            services.import_api_key(
                account, name, data["public_key"], form.limits(), made_by=made_by
            )
            messages.success(request, "The key may be used now.")
            return redirect("accounts:keys")
        key, secret = services.create_api_key(account, name, form.limits(), made_by=made_by)
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
    user = user_of(request)
    row = get_object_or_404(_keys_of(user), pk=key, revoked_at=None)
    if row.holder_id != user.pk:
        raise Http404("a member's key is for its owner to revoke, not to change")
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
    user = user_of(request)
    row = get_object_or_404(_keys_of(user), pk=key)
    try:
        services.revoke_api_key(row, by=user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{row.name} is revoked. Orders it has placed stay open.")
    return redirect("accounts:keys")


def _keys_page(
    request: HttpRequest, form: KeyForm, *, status: int = 200, **made: Any
) -> HttpResponse:
    user = user_of(request)
    context = {
        "form": form,
        "keys": [(row, row.holder_id == user.pk) for row in _keys_of(user)],
        "has_account": bool(accounts_with_keys(user)),
        **made,
    }
    return render(request, "accounts/keys.html", context, status=status)


def _keys_of(user: User) -> QuerySet[ApiKey]:
    """Return the keys of the user's accounts, and those which the user has made for others'."""
    rows = ApiKey.objects.filter(Q(account__user=user) | Q(made_by=user))
    return rows.select_related("account__user", "made_by")
