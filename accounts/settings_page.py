"""The page of one account's settings. Turning borrowing on is asked about once more.

The form says what shall be, not what shall change: sent twice, it does nothing more.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import access_of
from accounts.api.errors import EngineRefused, Refused, require
from accounts.choice import accounts_of, chosen_account, user_of
from accounts.forms import SettingsForm, settings_initial
from accounts.models import Account, AccountSettings
from accounts.settings import choose_risk_mails, update_settings
from engine.units import MAX_ATOMS
from gateway.decimals import format_decimal, group_digits
from gateway.errors import EngineUnavailable, OutcomeUnknown

MICROS_DECIMALS = 6
# Which permission each switch needs to be turned on.
_PERMISSIONS = {"auto_lend": "lend", "auto_borrow_settlements": "borrow"}


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def settings(request: HttpRequest) -> HttpResponse:
    """Show the settings of the chosen account, and change them."""
    choices = accounts_of(request)
    account = chosen_account(request, choices)
    if account is None:
        if choices:
            raise Http404("no such account of this user")
        return render(request, "accounts/settings.html", {"account": None})
    current = AccountSettings.objects.filter(account_id=account.pk).first()
    if current is None:
        # Signed up a moment ago: the engine has not opened the account yet.
        context = {"account": account, "account_choices": choices, "opening": True}
        return render(request, "accounts/settings.html", context)
    if request.method == "GET":
        form = SettingsForm(initial=settings_initial(current))
        return _page(request, account, current, form)
    return _change(request, account, current, SettingsForm(request.POST))


@require_POST
@login_required
def set_risk_mails(request: HttpRequest) -> HttpResponse:
    """Have margin calls and liquidations of the chosen account e-mailed, or not."""
    account = chosen_account(request, accounts_of(request))
    if account is None:
        raise Http404("no such account of this user")
    wanted = request.POST.get("risk_mails") == "on"
    try:
        # The mails are the owner's: nobody else may silence them.
        require(access_of(account, user_of(request)), "manage_accounts")
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("accounts:settings")
    choose_risk_mails(account, wanted=wanted)
    told = "are e-mailed" if wanted else "are not e-mailed any more; the notices stay"
    messages.success(request, f"Margin calls and liquidations of {account.name} {told}.")
    return redirect("accounts:settings")


def _change(
    request: HttpRequest, account: Account, current: AccountSettings, form: SettingsForm
) -> HttpResponse:
    if not form.is_valid():
        return _page(request, account, current, form, status=422)
    changes = form.changes(current)
    if changes.get("auto_borrow_settlements") and not form.cleaned_data["confirmed"]:
        return _page(request, account, current, form, confirm=True)
    if not changes:
        messages.success(request, "Nothing was changed.")
        return redirect("accounts:settings")
    try:
        update_settings(access_of(account, user_of(request)), **changes)
    except OutcomeUnknown:
        form.add_error(None, "The exchange has not answered in time: send the form again.")
        return _page(request, account, current, form, status=503)
    except EngineUnavailable:
        form.add_error(None, "The exchange is restarting. Nothing has changed: try again.")
        return _page(request, account, current, form, status=503)
    except EngineRefused as refused:
        said = str(refused)
        form.add_error(None, f"{said[:1].upper()}{said[1:]}.")
        return _page(request, account, current, form, status=422)
    except Refused as refused:
        form.add_error(None, refused.message)
        return _page(request, account, current, form, status=422)
    messages.success(request, f"The settings of {account.name} hold from now on.")
    return redirect("accounts:settings")


def _page(
    request: HttpRequest,
    account: Account,
    current: AccountSettings,
    form: SettingsForm,
    *,
    confirm: bool = False,
    status: int = 200,
) -> HttpResponse:
    access = access_of(account, user_of(request))
    rows: list[dict[str, Any]] = []
    for name in SettingsForm.SWITCHES:
        permission = _PERMISSIONS.get(name)
        denial = None if permission is None else access.denial(permission)
        # What is on may always be turned off.
        locked = denial is not None and not getattr(current, name)
        if locked:
            form.fields[name].disabled = True
        rows.append({"field": form[name], "denial": denial if locked else None})
    limit = current.borrow_limit_micros
    context = {
        "account": account,
        "account_choices": accounts_of(request),
        "form": form,
        "rows": rows,
        "confirm": confirm,
        "borrow_limit": None
        if limit >= MAX_ATOMS
        else group_digits(format_decimal(limit, MICROS_DECIMALS)),
    }
    return render(request, "accounts/settings.html", context, status=status)
