"""What the trading page's session asks of the future: what an order would do, and other prices.

Answers are those of the API, as JSON.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.access import access_of
from accounts.api import errors
from accounts.api.fields import by_asset
from accounts.choice import user_of
from accounts.models import Account
from gateway.errors import EngineUnavailable
from trading import outlooks, screens
from trading.api.outlooks import PreviewOutput, RiskOutput
from trading.catalog import catalog
from trading.forms import OrderForm, as_labelled
from trading.refusals import (
    ENGINE_AWAY,
    Refusal,
    Refused,
    forbidden,
    invalid_request,
    refusal_of,
)
from trading.views import with_account


@require_POST
@never_cache
@with_account
def preview(request: HttpRequest, account: Account) -> HttpResponse:
    """Tell what would become of the order in the ticket."""
    form = OrderForm(request.POST)
    if not form.is_valid():
        return _refused(invalid_request(form.first_error()))
    asked, access = form.order_request(), access_of(account, user_of(request))

    def found() -> dict[str, Any]:
        row = outlooks.preview_order(access, asked)
        reason = None if row.reason is None else screens.reason_words(row.reason)
        return {**PreviewOutput(row).data, "reasonText": reason}

    return _answer(found)


@require_GET
@never_cache
@with_account
def what_if(request: HttpRequest, account: Account) -> HttpResponse:
    """Tell how the account would stand if prices were others."""
    access = access_of(account, user_of(request))
    not_seen = access.refusal("view")
    if not_seen is not None:
        return _refused(forbidden(not_seen))

    def found() -> dict[str, Any]:
        row = outlooks.suppose_prices(
            access,
            prices=by_asset(request.GET.get("prices", ""), "prices"),
            moves=by_asset(request.GET.get("moves", ""), "moves"),
        )
        return dict(RiskOutput(row).data)

    return _answer(found)


def _answer(ask: Callable[[], Any]) -> HttpResponse:
    try:
        return JsonResponse(ask())
    except EngineUnavailable:
        return _refused(ENGINE_AWAY)
    except errors.EngineRefused as refused:
        return _refused(refusal_of(refused.rejected, catalog().decimals))
    except errors.Refused as refused:
        return _refused(Refusal(refused.status_code, refused.code, refused.message))
    except Refused as refused:
        return _refused(refused.refusal)


def _refused(refusal: Refusal) -> HttpResponse:
    body = {"code": refusal.code, "message": as_labelled(refusal.message)}
    return JsonResponse(body, status=refusal.status)
