"""The REST API's manners: how bodies are read and written, and the one shape of every refusal."""

import json
import logging
from decimal import Decimal
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import EngineRefused, Refused
from gateway.errors import EngineUnavailable, OutcomeUnknown
from trading import refusals

logger = logging.getLogger(__name__)
JSON = "application/json; charset=utf-8"


class SortedJSON(BaseRenderer):
    """JSON with the keys of every object in alphabetical order; nothing at all for no data."""

    media_type = "application/json"
    format = "json"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, context: Any = None) -> bytes:
        return b"" if data is None else msgspec.json.encode(data, order="sorted")


class ExactJSON(BaseParser):
    """JSON whose fractions stay decimal: a price never passes through a float."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read()
        if not body:
            return {}
        try:
            return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
        except ValueError as error:
            raise exceptions.ParseError(f"The body is not JSON: {error}") from error


class OnlyJSON(BaseContentNegotiation):
    """Read and write JSON whatever the headers ask for: clients send all sorts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Answer any exception as {"code", "message"}; what nobody foresaw is logged, not shown."""
    headers = {}
    if isinstance(error, EngineRefused):
        status, code = refusals.status_and_code(error.rejected.code)
        message = error.rejected.message
        headers["X-Reject-Code"] = error.rejected.code.value
    else:
        status, code, message = _describe(error)
    if status == 500:
        logger.error("%s failed", context["request"].path, exc_info=error)
    return Response({"code": code, "message": message}, status=status, headers=headers)


def not_found(request: HttpRequest) -> HttpResponse:
    """Answer an API path which does not exist."""
    message = f"Not Found: {request.path} is no path of this API (docs/api.md lists them)"
    body = msgspec.json.encode({"code": "RESOURCE_NOT_FOUND", "message": message})
    return HttpResponse(body, status=404, content_type=JSON)


def _describe(error: Exception) -> tuple[int, str, str]:
    match error:
        case Refused():
            return error.status_code, error.code, error.message
        case exceptions.ValidationError():
            return 400, "INVALID_CLIENT_REQUEST", _first_fault(error.detail)
        case exceptions.ParseError():
            return 400, "INVALID_CLIENT_REQUEST", str(error.detail)
        case exceptions.MethodNotAllowed():
            return 405, "INVALID_CLIENT_REQUEST", str(error.detail)
        case exceptions.NotAuthenticated():
            return 401, "UNAUTHORIZED", "Sign the request with an API key"
        case exceptions.PermissionDenied() | PermissionDenied():
            return 403, "FORBIDDEN", "This key may not do that"
        case exceptions.NotFound() | Http404():
            return 404, "RESOURCE_NOT_FOUND", "Not Found"
        case RequestDataTooBig():
            return 413, "INVALID_CLIENT_REQUEST", "The body is too large"
        case EngineUnavailable():
            return 503, "MAINTENANCE", "The exchange is restarting; nothing happened: try again"
        case OutcomeUnknown():
            message = "No answer in time; the request may still happen: look before you repeat it"
            return 504, "TIMEOUT", message
        case _:
            return 500, "SERVER_ERROR", "Something went wrong here; it has been logged"


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


def _refuse_constant(token: str) -> Any:
    raise ValueError(f"{token} is not a number")
