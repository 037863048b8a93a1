"""The pages of deposits and withdrawals of the session's account."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import custody, outgoing, selectors, withdrawals
from accounts.access import Access, access_of
from accounts.api.errors import EngineRefused, Refused
from accounts.api.paging import Page
from accounts.choice import accounts_of, chosen_account, permitted, user_of
from accounts.models import Account, AddressBookEntry, DepositAddress
from accounts.money_forms import DepositForm, WithdrawalForm
from accounts.second_factor import has_authenticator
from accounts.withdrawals import OtherWithdrawal, WithdrawalRequest
from gateway.errors import EngineUnavailable, OutcomeUnknown

RECENT = Page(limit=20)
LATER = "The exchange has not answered in time: send the same form again, it counts once."
RESTARTING = "The exchange is restarting. Nothing has happened: try again."
SENT_BEFORE = (
    "This form was sent before: that withdrawal is below. Send it again if you want another one."
)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def deposits(request: HttpRequest) -> HttpResponse:
    """Show the account's deposit addresses and deposits, and issue an address."""
    account = _account(request)
    if account is None:
        return render(request, "accounts/deposits.html", {"account": None})
    tokens = _tokens(deposit=True)
    form = DepositForm(sorted({token.blockchain for _, token in tokens}), request.POST or None)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        chain = form.cleaned_data["blockchain"]
        try:
            custody.deposit_address(access_of(account, user_of(request)), chain)
        except Refused as refused:
            form.add_error(None, refused.message)
        else:
            messages.success(request, f"This is the {chain} address of {account.name}.")
            return redirect("accounts:deposits")
    context = {
        "account": account,
        "account_choices": accounts_of(request),
        "form": form,
        "tokens": tokens,
        "addresses": DepositAddress.objects.filter(account=account).order_by("blockchain"),
        "rows": selectors.deposits(account.pk, span=Q(), page=RECENT),
    }
    return render(request, "accounts/deposits.html", context, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
def withdraw(request: HttpRequest) -> HttpResponse:
    """Show the account's withdrawals, and ask for one."""
    account = _account(request)
    if account is None:
        return render(request, "accounts/withdrawals.html", {"account": None})
    tokens = _tokens(deposit=False)
    names = [(symbol, token.blockchain) for symbol, token in tokens]
    form = WithdrawalForm(names, request.POST or None, initial=_wanted(request, account))
    if not form.is_valid():
        return _withdrawals_page(request, account, form, tokens, 422 if form.is_bound else 200)
    try:
        withdrawals.request_withdrawal(access_of(account, user_of(request)), _request(form))
    except OutcomeUnknown:
        form.add_error(None, LATER)
    except EngineUnavailable:
        form.add_error(None, RESTARTING)
    except EngineRefused as refused:
        said = str(refused)
        form.add_error(None, f"{said[:1].upper()}{said[1:]}.")
        form.draw_anew()
    except OtherWithdrawal:
        form.add_error(None, SENT_BEFORE)
        form.draw_anew()
    except Refused as refused:
        form.add_error("code" if "TWO_FACTOR" in refused.code else None, refused.message)
    else:
        data = form.cleaned_data
        messages.success(request, f"{data['amount']} {data['asset']} are on their way.")
        return redirect("accounts:withdrawals")
    return _withdrawals_page(request, account, form, tokens, 422)


@require_POST
@login_required
def cancel_withdrawal(request: HttpRequest, number: int) -> HttpResponse:
    """Take back a withdrawal which still waits, of an account from which the user may withdraw."""
    shown = accounts_of(request)
    may = [one.pk for one in permitted(shown, user_of(request), "withdraw", reduces=True)]
    try:
        outgoing.cancel_withdrawal(may, number, person=user_of(request))
    except (EngineUnavailable, OutcomeUnknown):
        messages.error(request, LATER)
    except (EngineRefused, Refused) as refused:
        messages.error(request, getattr(refused, "message", str(refused)))
    else:
        messages.success(request, "The withdrawal is cancelled; the money is back.")
    return redirect("accounts:withdrawals")


def _may_take_back(access: Access) -> bool:
    return access.denial("withdraw", reduces=True) is None


def _account(request: HttpRequest) -> Account | None:
    choices = accounts_of(request)
    account = chosen_account(request, choices)
    if account is None and choices:
        raise Http404("no such account of this user")
    return account


def _tokens(*, deposit: bool) -> list[tuple[str, custody.TokenRow]]:
    return [
        (symbol, token)
        for symbol, tokens in custody.token_rows().items()
        for token in tokens
        if (token.deposit_enabled if deposit else token.withdraw_enabled)
    ]


def _wanted(request: HttpRequest, account: Account) -> dict[str, Any]:
    """Return what an entry of the owner's address book fills in."""
    number = request.GET.get("to", "")
    if not (number.isascii() and number.isdigit() and len(number) < 18):
        return {}
    own = AddressBookEntry.objects.filter(user_id=account.user_id)
    entry = own.filter(pk=int(number)).first()
    return {"blockchain": entry.blockchain, "address": entry.address} if entry else {}


def _request(form: WithdrawalForm) -> WithdrawalRequest:
    data = form.cleaned_data
    return WithdrawalRequest(
        asset=data["asset"],
        amount_atoms=data["amount_atoms"],
        blockchain=data["blockchain"],
        address=data["address"],
        client_id=f"page:{data['request_id']}",
        code=data["code"],
    )


def _withdrawals_page(
    request: HttpRequest,
    account: Account,
    form: Form,
    tokens: list[tuple[str, custody.TokenRow]],
    status: int,
) -> HttpResponse:
    access = access_of(account, user_of(request))
    context = {
        "account": account,
        "account_choices": accounts_of(request),
        "form": form,
        "denial": access.denial("withdraw"),
        "may_take_back": _may_take_back(access),
        "tokens": tokens,
        "balances": selectors.balances(account.pk),
        "needs_code": has_authenticator(access.person),
        "book": AddressBookEntry.objects.filter(user_id=account.user_id).order_by("label"),
        "rows": selectors.withdrawals(account.pk, span=Q(), page=RECENT),
    }
    return render(request, "accounts/withdrawals.html", context, status=status)
