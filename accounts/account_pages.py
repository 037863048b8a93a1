"""The page of an owner's accounts: add, rename, colour, order, freeze, close, open again."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import services, sub_accounts
from accounts.access import access_of, states
from accounts.account_forms import NameForm
from accounts.api.errors import EngineRefused, Refused
from accounts.choice import user_of
from accounts.models import Account
from accounts.models.users import COLOURS
from accounts.words import sentence
from compliance.services import Refusal
from engine.kinds import AccountState
from gateway.errors import EngineUnavailable, OutcomeUnknown

LATER = "The exchange has not answered in time: look at the page before trying again."
RESTARTING = "The exchange is restarting. Nothing has changed: try again."
# The switcher of the header leads to the field `new-name`.
_NEW = "new-%s"


@require_GET
@never_cache
@login_required
def accounts(request: HttpRequest) -> HttpResponse:
    """List the user's accounts, with forms to add and to change them."""
    return _page(request, NameForm(auto_id=_NEW))


@require_POST
@login_required
def create_sub_account(request: HttpRequest) -> HttpResponse:
    """Add a sub-account."""
    form = NameForm(request.POST, auto_id=_NEW)
    if form.is_valid():
        name = form.cleaned_data["name"]
        try:
            services.create_sub_account(user_of(request), name, form.cleaned_data["colour"])
        except Refusal as refusal:
            form.add_error(None, refusal.message)
    if form.errors:
        return _page(request, form, status=422)
    messages.success(request, f"{form.cleaned_data['name']} is open. Transfer funds to use it.")
    return redirect("accounts:sub_accounts")


@require_POST
@login_required
def rename_account(request: HttpRequest, account: int) -> HttpResponse:
    """Give one of the user's accounts another name, and another colour if one is chosen."""
    row = _own(request, account)
    form = NameForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A name has 1 to 40 characters; a colour is one of the list.")
        return redirect("accounts:sub_accounts")
    try:
        sub_accounts.rename_account(row, form.cleaned_data["name"])
        if form.cleaned_data["colour"]:
            sub_accounts.choose_colour(row, form.cleaned_data["colour"])
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Saved.")
    return redirect("accounts:sub_accounts")


@require_POST
@login_required
def move_account(request: HttpRequest, account: int) -> HttpResponse:
    """Move one of the user's sub-accounts up or down in the list."""
    sub_accounts.move_account(_own(request, account), up=request.POST.get("to") == "up")
    return redirect("accounts:sub_accounts")


@require_POST
@login_required
def freeze_account(request: HttpRequest, account: int) -> HttpResponse:
    """Freeze one of the user's accounts, or let it go on."""
    row = _own(request, account)
    frozen = request.POST.get("frozen") == "1"
    access = access_of(row, user_of(request))
    said = f"{row.name} is frozen: its orders are cancelled." if frozen else f"{row.name} goes on."
    return _act(request, lambda: sub_accounts.freeze_account(access, frozen=frozen), said)


@require_POST
@login_required
def close_account(request: HttpRequest, account: int) -> HttpResponse:
    """Close one of the user's sub-accounts, if it is flat and empty."""
    row = _own(request, account)
    access = access_of(row, user_of(request))
    said = f"{row.name} is closed. What arrives for it is credited to your main account."
    return _act(request, lambda: sub_accounts.close_account(access), said)


@require_POST
@login_required
def reopen_account(request: HttpRequest, account: int) -> HttpResponse:
    """Open a closed sub-account again."""
    row = _own(request, account)
    access = access_of(row, user_of(request))
    return _act(request, lambda: sub_accounts.reopen_account(access), f"{row.name} is open again.")


def _act(request: HttpRequest, act: Callable[[], None], said: str) -> HttpResponse:
    try:
        act()
    except Refused as refused:
        messages.error(request, refused.message)
    except EngineRefused as refused:
        messages.error(request, sentence(str(refused)))
    except OutcomeUnknown:
        messages.error(request, LATER)
    except EngineUnavailable:
        messages.error(request, RESTARTING)
    else:
        messages.success(request, said)
    return redirect("accounts:sub_accounts")


def _own(request: HttpRequest, account: int) -> Account:
    return get_object_or_404(Account, pk=account, user=user_of(request))


def _page(request: HttpRequest, form: NameForm, *, status: int = 200) -> HttpResponse:
    rows = list(Account.objects.filter(user=user_of(request)))
    stopped = states([row.pk for row in rows])
    listed = [(row, stopped.get(row.pk, AccountState.OPEN.value)) for row in rows]
    live = [row for row, state in listed if row.main_id and state != AccountState.CLOSED]
    limit = rows[0].sub_limit if rows else 0
    context = {
        "accounts": listed,
        "colours": COLOURS,
        "form": form,
        "may_add": bool(rows) and len(live) < limit,
        "limit": limit,
    }
    return render(request, "accounts/sub_accounts.html", context, status=status)
