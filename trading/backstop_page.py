"""The page on which an account's owner offers, changes and ends backstops."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access import access_of
from accounts.api.errors import EngineRefused, Refused
from accounts.choice import accounts_of, chosen_account, user_of
from accounts.models import Account
from gateway.errors import EngineUnavailable, OutcomeUnknown
from trading import backstops as services

PAGE = "trading/backstops.html"


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def backstops(request: HttpRequest) -> HttpResponse:
    """Show the offers of the chosen account; offer, change or end one."""
    choices = accounts_of(request)
    account = chosen_account(request, choices)
    if account is None:
        if choices:
            raise Http404("no such account of this user")
        return render(request, PAGE, {"account": None})
    if request.method == "POST":
        error = _act(request, account)
        if error is None:
            return redirect("trading:backstops")
        return _page(request, account, error=error, status=422)
    return _page(request, account)


def _act(request: HttpRequest, account: Account) -> str | None:
    """Do what a form asks for; return why not, in words."""
    symbol = request.POST.get("symbol", "")
    access = access_of(account, user_of(request))
    try:
        if request.POST.get("act") == "end":
            services.end_backstop(access, symbol=symbol)
            messages.success(request, f"You take over nothing in {symbol} any more.")
            return None
        if request.POST.get("understood") != "on":
            return "Say that you have understood the risk: tick the box."
        minute, hour = request.POST.get("minute", ""), request.POST.get("hour", "")
        services.offer_backstop(access, symbol=symbol, minute=minute, hour=hour)
    except Refused as refused:
        return refused.message
    except EngineRefused as refused:
        said = str(refused)
        return f"{said[:1].upper()}{said[1:]}."
    except OutcomeUnknown:
        return "The exchange has not answered in time: look at the page before trying again."
    except EngineUnavailable:
        return "The exchange is restarting. Nothing has changed: try again."
    messages.success(
        request, f"You back {symbol} with ${minute} a minute and ${hour} an hour from now on."
    )
    return None


def _page(
    request: HttpRequest, account: Account, *, error: str | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "account": account,
        "account_choices": accounts_of(request),
        "offers": services.offers(account.pk, every_market=True),
        "may_offer": account.may_backstop,
        "denial": access_of(account, user_of(request)).denial("trade_perp"),
        "no_right": services.NO_RIGHT,
        "error": error,
        "typed": request.POST if error else {},
    }
    return render(request, PAGE, context, status=status)
