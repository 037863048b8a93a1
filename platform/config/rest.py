"""The one shape of every refusal of the REST API."""

import logging
from typing import Any

import msgspec
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from accounts.api.errors import EngineRefused, Refused
from compliance import services as compliance
from gateway.errors import EngineUnavailable, OutcomeUnknown, RequestRepeated
from trading import refusals
from trading.catalog import catalog
from trading.refusals import Refusal

logger = logging.getLogger(__name__)
JSON = "application/json; charset=utf-8"
_NOT_FOUND = Refusal(404, "RESOURCE_NOT_FOUND", "Not Found")
# Exceptions which always get the same answer.
_ALWAYS: dict[type[Exception], Refusal] = {
    exceptions.NotAuthenticated: refusals.UNAUTHORIZED,
    exceptions.NotFound: _NOT_FOUND,
    Http404: _NOT_FOUND,
    RequestDataTooBig: Refusal(413, "INVALID_CLIENT_REQUEST", "The body is too large"),
    TooManyFieldsSent: refusals.invalid_request("There are too many parameters"),
    EngineUnavailable: refusals.ENGINE_AWAY,
    OutcomeUnknown: refusals.OUTCOME_UNKNOWN,
    RequestRepeated: refusals.REQUEST_REPEATED,
}


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Answer any exception as {"code", "message"}; what nobody foresaw is logged, not shown."""
    refusal = _refusal_of(error)
    if refusal.status == 500:
        logger.error("%s failed", context["request"].path, exc_info=error)
    headers = {refusals.REJECT_HEADER: refusal.reject} if refusal.reject else None
    body = {"code": refusal.code, "message": refusal.message}
    return Response(body, status=refusal.status, headers=headers)


@csrf_exempt
def not_found(request: HttpRequest) -> HttpResponse:
    """Answer an API path which does not exist."""
    message = f"Not Found: {request.path} is no path of this API (docs/api.md lists them)"
    body = msgspec.json.encode({"code": "RESOURCE_NOT_FOUND", "message": message})
    return HttpResponse(body, status=404, content_type=JSON)


def _refusal_of(error: Exception) -> Refusal:
    match error:
        case EngineRefused():
            return refusals.refusal_of(error.rejected, catalog().decimals)
        case refusals.Refused():
            return error.refusal
        case Refused():
            return Refusal(error.status_code, error.code, error.message)
        case compliance.Refusal():
            status, code = 400, "INVALID_CLIENT_REQUEST"
            if error.code == "FORBIDDEN":
                status, code = 403, error.code
            return Refusal(status, code, error.message, error.code)
        case exceptions.ValidationError():
            return refusals.invalid_request(_first_fault(error.detail))
        case exceptions.ParseError():
            return refusals.invalid_request(str(error.detail))
        case exceptions.MethodNotAllowed():
            return Refusal(405, "INVALID_CLIENT_REQUEST", str(error.detail))
    known = (refusal for kind, refusal in _ALWAYS.items() if isinstance(error, kind))
    return next(known, refusals.SERVER_ERROR)


def _first_fault(detail: Any, name: str = "") -> str:
    """Return the first complaint of a serializer with the path of the member it is about."""
    if isinstance(detail, dict):
        member, fault = next(iter(detail.items()))
        if member == "non_field_errors":
            return _first_fault(fault, name)
        return _first_fault(fault, f"{name}.{member}" if name else str(member))
    if isinstance(detail, list):
        return _first_fault(detail[0], name)
    return f"Invalid `{name}`: {detail}" if name else str(detail)
