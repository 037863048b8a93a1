"""The lending page: pools, rates, and what the session's account lends, owes, and on which terms.

A visitor sees the pools. Every form is one command; after success the browser is sent back to the
page, and a refusal shows the form again with its reason and the number.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Access, Denial, access_of
from accounts.api.errors import EngineRefused, Refused
from accounts.assets import assets
from accounts.choice import accounts_of, chosen_account, user_of
from accounts.models import Account, AccountSettings
from engine.any_event import AnyEvent
from engine.catalog import Asset
from engine.events import BorrowLendMoved, DustConverted
from engine.state import Account as EngineAccount
from engine.state import State
from gateway.decimals import format_decimal, group_digits
from gateway.errors import EngineUnavailable, OutcomeUnknown
from lending import rates, services
from lending.charts import curve_plot, rates_plot, utilization_plot
from lending.forms import AmountForm, OnceForm, TermsForm, terms_initial
from lending.selectors import pools
from lending.sentences import sentence_of
from trading import lend_screen

SPANS = tuple(rates.SPANS)


class Act(NamedTuple):
    """One of the four forms of an asset; one that `reduces` only takes risk away."""

    name: str
    label: str
    run: Callable[..., AnyEvent]
    permission: str
    reduces: bool
    done: str


ACTS = {
    "lend": Act("lend", "Lend", services.lend, "lend", False, "Lent"),
    "redeem": Act("redeem", "Redeem", services.redeem, "lend", True, "Redeemed"),
    "borrow": Act("borrow", "Borrow", services.borrow, "borrow", False, "Borrowed"),
    "repay": Act("repay", "Repay", services.repay, "borrow", True, "Repaid"),
}


@require_GET
@never_cache
def lend(request: HttpRequest, symbol: str | None = None) -> HttpResponse:
    """Show all pools, and one of them closely."""
    listed = assets()
    if symbol is None:
        first = next(iter(listed.values()), None)
        return _page(request, first) if first else render(request, "trading/no_markets.html")
    return _page(request, _asset(symbol))


@require_POST
@never_cache
def move(request: HttpRequest, symbol: str, act: str) -> HttpResponse:
    """Lend, redeem, borrow or repay an amount."""
    asset, what = _asset(symbol), ACTS[act]
    account = _account(request)
    if account is None:
        return _sign_in(request, asset)
    form = AmountForm(asset, request.POST, auto_id=f"{act}-%s")

    def run(access: Access, command_id: str) -> str:
        atoms = form.cleaned_data["amount"]
        moved = what.run(access, symbol, atoms, command_id=command_id)
        assert isinstance(moved, BorrowLendMoved), f"{moved} is no movement"
        amount = group_digits(format_decimal(moved.amount_atoms, asset.decimals))
        return f"{what.done} {amount} {symbol}."

    return _act(request, account, asset, form, run=run, forms={act: form})


@require_POST
@never_cache
def set_lend_terms(request: HttpRequest, symbol: str) -> HttpResponse:
    """Change the account's terms for an asset; they act at once."""
    asset = _asset(symbol)
    account = _account(request)
    if account is None:
        return _sign_in(request, asset)
    form = TermsForm(asset, request.POST, auto_id="terms-%s")

    def run(access: Access, command_id: str) -> str:
        services.set_lend_terms(access, symbol, form.terms(), command_id=command_id)
        return f"Your terms for {symbol} hold from now on."

    return _act(request, account, asset, form, run=run, forms={"terms": form})


@require_POST
@never_cache
def convert_dust(request: HttpRequest) -> HttpResponse:
    """Sell all dust of the account to the house."""
    asset = next(iter(assets().values()), None)
    if asset is None:
        raise Http404("nothing is listed")
    account = _account(request)
    if account is None:
        return _sign_in(request, asset)
    form = OnceForm(request.POST, auto_id="dust-%s")

    def run(access: Access, command_id: str) -> str:
        answer = services.convert_dust(access, command_id=command_id)
        assert isinstance(answer, DustConverted), f"{answer} is no conversion"
        return "Your dust is sold."

    return _act(request, account, asset, form, run=run, forms={"dust": form})


def _act(
    request: HttpRequest,
    account: Account,
    asset: Asset,
    form: Form,
    *,
    run: Callable[[Access, str], str],
    forms: Mapping[str, Form],
) -> HttpResponse:
    """Run a valid form's act once, and go back to the page; or show why it was not done."""
    if not form.is_valid():
        return _page(request, asset, forms=forms, status=422)
    request_id = form.cleaned_data["request_id"]
    try:
        done = run(access_of(account, user_of(request)), f"lend-page:{account.pk}:{request_id}")
    except OutcomeUnknown:
        form.add_error(
            None,
            "The exchange has not answered in time. Send the form again: "
            "it is done once, even if the first answer was lost.",
        )
        return _page(request, asset, forms=forms, status=503)
    except EngineUnavailable:
        form.add_error(None, "The exchange is restarting. Nothing has happened: try again.")
        return _page(request, asset, forms=forms, status=503)
    except EngineRefused as refused:
        # A refused request is answered for good under its id: another try needs another one.
        form.data = {**request.POST.dict(), "request_id": str(uuid.uuid4())}
        form.add_error(None, sentence_of(refused.rejected, asset))
        return _page(request, asset, forms=forms, status=422)
    except Refused as refused:
        form.add_error(None, refused.message)
        return _page(request, asset, forms=forms, status=422)
    messages.success(request, done)
    return redirect("trading:lend_asset", asset.symbol)


def _page(
    request: HttpRequest,
    asset: Asset,
    *,
    forms: Mapping[str, Form] | None = None,
    status: int = 200,
) -> HttpResponse:
    choices = accounts_of(request)
    account = _account(request)
    context = _pool_context(request, asset)
    if account is not None:
        context |= _account_context(access_of(account, user_of(request)), asset, forms or {})
    # A refused form stands under the address of its act, which cannot be looked at.
    path = reverse("trading:lend_asset", args=[asset.symbol])
    context |= {"account_choices": choices, "account": account, "switch_path": path}
    return render(request, "lending/lend.html", context, status=status)


def _pool_context(request: HttpRequest, asset: Asset) -> dict[str, Any]:
    by_asset = pools()
    span = request.GET.get("span")
    span = span if span in SPANS else SPANS[0]
    now, length = timezone.now(), rates.SPANS[span][0]
    rows = rates.history(span, symbol=asset.symbol)
    return {
        "asset": asset,
        "pool": lend_screen.pool_row(by_asset[asset.symbol]),
        "pools": [(lend_screen.pool_row(pool), None) for pool in by_asset.values()],
        "curve": curve_plot(by_asset[asset.symbol]),
        "history": rows,
        "rates_plot": rates_plot(rows, length=length, now=now),
        "utilization_plot": utilization_plot(rows, length=length, now=now),
        "spans": SPANS,
        "span": span,
    }


def _account_context(access: Access, asset: Asset, forms: Mapping[str, Form]) -> dict[str, Any]:
    if not AccountSettings.objects.filter(account_id=access.account).exists():
        # Signed up a moment ago: the engine has not opened the account yet.
        return {"opening": True}
    state, held = lend_screen.load(access.account)
    return {
        "mine": lend_screen.mine_row(state, held, asset.symbol),
        "pools": [
            (lend_screen.pool_row(pool), lend_screen.mine_row(state, held, symbol))
            for symbol, pool in state.pools.items()
        ],
        "gauge": lend_screen.gauge(state, held),
        "auto_lend": held.auto_lend,
        "acts": [(act, _amount_form(act, asset, forms), _denial(access, act)) for act in ACTS],
        "terms": forms.get("terms") or _terms_form(state, held, asset),
        "terms_denial": access.denial("lend"),
        "terms_sentences": lend_screen.terms_sentences(state, held, asset.symbol),
        "dust": lend_screen.dust_rows(state, held),
        "dust_form": forms.get("dust") or OnceForm(auto_id="dust-%s"),
        "dust_denial": access.denial("trade_spot"),
    }


def _amount_form(act: str, asset: Asset, forms: Mapping[str, Form]) -> Form:
    return forms.get(act) or AmountForm(asset, auto_id=f"{act}-%s")


def _terms_form(state: State, held: EngineAccount, asset: Asset) -> TermsForm:
    terms = held.holding(asset.symbol).terms
    return TermsForm(asset, initial=terms_initial(asset, terms), auto_id="terms-%s")


def _denial(access: Access, act: str) -> Denial | None:
    what = ACTS[act]
    return access.denial(what.permission, reduces=what.reduces)


def _account(request: HttpRequest) -> Account | None:
    """Return the session's account, None for visitors and staff; another user's is not found."""
    choices = accounts_of(request)
    account = chosen_account(request, choices)
    named = request.POST.get("account") or request.GET.get("account")
    if account is None and named and request.user.is_authenticated:
        raise Http404("no such account of this user")
    return account


def _sign_in(request: HttpRequest, asset: Asset) -> HttpResponse:
    if request.user.is_authenticated:
        raise Http404("this sign-in has no trading account")
    return redirect_to_login(reverse("trading:lend_asset", args=[asset.symbol]))


def _asset(symbol: str) -> Asset:
    asset = assets().get(symbol)
    if asset is None:
        raise Http404(f"no asset {symbol}")
    return asset
