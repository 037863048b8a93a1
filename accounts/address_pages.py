"""The page of a user's address book, whitelist-only mode and withdrawal delay."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import address_book, withdrawal_delay
from accounts.api.errors import Refused
from accounts.choice import user_of
from accounts.models import Account, AddressBookEntry, WithdrawalGuard
from accounts.money_forms import DelayForm, EntryForm
from accounts.second_factor import has_authenticator


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def addresses(request: HttpRequest) -> HttpResponse:
    """Show the address book with its switches, and add an address."""
    form = EntryForm(request.POST or None)
    if not form.is_valid():
        return _page(request, entry_form=form, status=422 if form.is_bound else 200)
    data = form.cleaned_data
    code = data.pop("code")
    try:
        entry = address_book.add_entry(AddressBookEntry(user=user_of(request), **data), code)
    except Refused as refused:
        form.add_error("code" if "TWO_FACTOR" in refused.code else None, refused.message)
        return _page(request, entry_form=form, status=422)
    wait = (
        "" if entry.usable_at <= timezone.now() else f" from {entry.usable_at:%Y-%m-%d %H:%M} UTC"
    )
    messages.success(request, f"{entry.label} counts as known{wait}.")
    return redirect("accounts:addresses")


@require_POST
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def remove_address(request: HttpRequest, entry: int) -> HttpResponse:
    """Take an address out of the book."""
    if address_book.remove_entry(user_of(request).pk, entry):
        messages.success(request, "The address is out of your book.")
    return redirect("accounts:addresses")


@require_POST
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def whitelist_only(request: HttpRequest) -> HttpResponse:
    """Turn whitelist-only mode on, or off after the waiting time."""
    on = request.POST.get("on") == "1"
    guard = address_book.set_whitelist_only(user_of(request).pk, on=on)
    if on:
        told = "You withdraw to your address book only from now on."
    elif guard.open_at is None or guard.open_at <= timezone.now():
        told = "You may withdraw to any address."
    else:
        told = f"You may withdraw to any address from {guard.open_at:%Y-%m-%d %H:%M} UTC on."
    messages.success(request, told)
    return redirect("accounts:addresses")


@require_POST
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def set_delay(request: HttpRequest) -> HttpResponse:
    """Begin to delay withdrawals, or change the delay."""
    form = DelayForm(request.POST)
    if not form.is_valid():
        return _page(request, delay_form=form, status=422)
    user, hours, code = user_of(request).pk, form.cleaned_data["hours"], form.cleaned_data["code"]
    has_delay = bool(withdrawal_delay.delay_of(user).hours)
    act = withdrawal_delay.update_delay if has_delay else withdrawal_delay.create_delay
    try:
        act(user, hours, code)
    except Refused as refused:
        form.add_error("code" if "TWO_FACTOR" in refused.code else "hours", refused.message)
        return _page(request, delay_form=form, status=422)
    messages.success(request, "The delay is set.")
    return redirect("accounts:addresses")


def _page(
    request: HttpRequest,
    *,
    entry_form: Form | None = None,
    delay_form: Form | None = None,
    status: int = 200,
) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    guard = WithdrawalGuard.objects.filter(user=user).first()
    delay = withdrawal_delay.delay_of(user.pk, now)
    context = {
        "has_account": Account.objects.filter(user=user).exists(),
        "entries": AddressBookEntry.objects.filter(user=user).order_by("label"),
        "now": now,
        "entry_form": entry_form or EntryForm(),
        "delay_form": delay_form or DelayForm(initial={"hours": delay.hours}),
        "delay": delay,
        "whitelist_only": address_book.is_whitelist_only(guard, now),
        "open_at": guard.open_at if guard else None,
        "waiting_hours": int(address_book.waiting_time().total_seconds() // 3600),
        "has_authenticator": has_authenticator(user.pk),
    }
    return render(request, "accounts/addresses.html", context, status=status)
