"""The page of withdrawals which wait for a second person, and of the threshold above which."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import approvals
from accounts.access import access_of
from accounts.api.errors import EngineRefused, Refused
from accounts.assets import decimals_of
from accounts.choice import accounts_of, user_of
from accounts.models import User
from accounts.team_forms import ThresholdForm
from accounts.words import sentence, usd_text
from gateway.decimals import format_decimal, group_digits
from gateway.errors import EngineUnavailable, OutcomeUnknown


@never_cache
@require_GET
@login_required
def approval_list(request: HttpRequest) -> HttpResponse:
    """List what waits for a second person in the accounts that the user sees."""
    return _page(request, None)


@require_POST
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Approve a withdrawal, or turn it down."""
    person = user_of(request)
    try:
        if request.POST.get("act") == "approve":
            approvals.approve(person, number, request.POST.get("code"))
            messages.success(request, "Approved: it leaves now, or when its delay is over.")
        else:
            approvals.turn_down(person, number)
            messages.success(request, "Turned down: the money is back in the account.")
    except Refused as refused:
        messages.error(request, refused.message)
    except EngineRefused as refused:
        messages.error(request, sentence(str(refused)))
    except (EngineUnavailable, OutcomeUnknown):
        messages.error(request, "The exchange does not answer: look at the list, then try again.")
    return redirect("accounts:approvals")


@require_POST
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def set_threshold(request: HttpRequest) -> HttpResponse:
    """Say above which worth the user's own withdrawals wait."""
    form = ThresholdForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    data = form.cleaned_data
    try:
        held = approvals.set_threshold(user_of(request), data["threshold"], data["code"])
    except Refused as refused:
        form.add_error("code" if "TWO_FACTOR" in refused.code else None, refused.message)
        return _page(request, form, status=422)
    said = "The threshold holds from now on."
    if held.next_at is not None:
        said = f"The threshold becomes weaker {held.next_at:%Y-%m-%d %H:%M} UTC."
    messages.success(request, said)
    return redirect("accounts:approvals")


def _page(request: HttpRequest, form: ThresholdForm | None, *, status: int = 200) -> HttpResponse:
    person, shown = user_of(request), accounts_of(request)
    names = {account.pk: account for account in shown}
    rows = approvals.waiting(list(names))
    people = User.objects.in_bulk({row.asked_by for row in rows if row.asked_by})
    threshold = approvals.threshold_of(person.pk)
    context = {
        "rows": [
            {
                "number": row.number,
                "account": names[row.account_id],
                "amount": group_digits(format_decimal(int(row.amount), decimals_of(row.asset))),
                "asset": row.asset,
                "worth": usd_text(row.worth_micros),
                "address": row.address,
                "blockchain": row.blockchain,
                "asked_by": people.get(row.asked_by or 0),
                "at": row.created_at,
                "is_own": row.asked_by == person.pk,
                "may": access_of(names[row.account_id], person).refusal("withdraw") is None,
            }
            for row in rows
        ],
        "threshold": threshold,
        "threshold_text": usd_text(threshold.micros),
        "next_text": usd_text(threshold.next_micros),
        "form": form or ThresholdForm(initial={"threshold": usd_text(threshold.micros)}),
        "owns": any(account.user_id == person.pk for account in shown),
    }
    return render(request, "accounts/approvals.html", context, status=status)
