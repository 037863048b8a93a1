"""The OpenAPI document: what Django serves, and the fast paths which the edge serves before it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from drf_spectacular.utils import OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import serializers

from accounts.api.views import PublicView, SignedView
from trading.api import backstops, strategies
from trading.api import described as d

Form = type[serializers.Serializer[Any]]
Endpoint = tuple[str, str, str, Callable[..., Any]]


class SchemaView(SpectacularAPIView):
    """Serve the document to anyone."""

    authentication_classes = ()
    permission_classes = ()


class FastPath(NamedTuple):
    """An endpoint of the edge. `instruction` is None for public ones."""

    method: str
    path: str
    name: str
    words: str
    instruction: str | None
    query: Form | None
    body: Form | None
    answer: Any


_TEXT = OpenApiResponse(response={"type": "string"}, description="Plain text")
_ORDERS = d.OrderOutput(many=True)
FAST_PATHS = (
    FastPath(
        "POST", "/api/v1/order", "executeOrder", "Place an order; the answer says what came of it.",
        "orderExecute", None, d.OrderInput, d.OrderOutput,
    ),
    FastPath(
        "GET", "/api/v1/order", "getOrder", "Return a resting order.",
        "orderQuery", d.OrderName, None, d.OrderOutput,
    ),
    FastPath(
        "DELETE", "/api/v1/order", "cancelOrder", "Cancel a resting order.",
        "orderCancel", None, d.OrderName, d.OrderOutput,
    ),
    FastPath(
        "POST", "/api/v1/orders", "executeOrders", "Place up to 50 orders, each with its answer.",
        "orderExecute", None, d.OrderInput, d.BATCH_RESULTS,
    ),
    FastPath(
        "GET", "/api/v1/orders", "getOpenOrders", "Return the resting orders.",
        "orderQueryAll", d.OpenOrdersQuery, None, _ORDERS,
    ),
    FastPath(
        "DELETE", "/api/v1/orders", "cancelOpenOrders", "Cancel all resting orders of a market.",
        "orderCancelAll", None, d.CancelAll, _ORDERS,
    ),
    FastPath(
        "GET", "/api/v1/depth", "getDepth", "Return a book.",
        None, d.DepthQuery, None, d.DepthOutput,
    ),
    FastPath(
        "GET", "/api/v1/trades", "getRecentTrades", "Return the latest trades, newest first.",
        None, d.TradesQuery, None, d.TradeOutput(many=True),
    ),
    FastPath(
        "GET", "/api/v1/trades/history", "getHistoricalTrades", "Return trades, newest first.",
        None, d.TradeHistoryQuery, None, d.TradeOutput(many=True),
    ),
    FastPath(
        "GET", "/api/v1/ticker", "getTicker", "Return rolling statistics; 204 without trades.",
        None, d.TickerQuery, None, d.TickerOutput,
    ),
    FastPath(
        "GET", "/api/v1/tickers", "getTickers", "Return rolling statistics of every market.",
        None, d.TickersQuery, None, d.TickerOutput(many=True),
    ),
    FastPath(
        "GET", "/api/v1/klines", "getKlines", "Return candles.",
        None, d.KlinesQuery, None, d.KlineOutput(many=True),
    ),
    FastPath(
        "GET", "/api/v1/markPrices", "getMarkPrices", "Return mark and index prices.",
        None, d.MarkPricesQuery, None, d.MarkPriceOutput(many=True),
    ),
    FastPath(
        "GET", "/api/v1/status", "getStatus", "Say whether orders are taken.",
        None, None, None, d.StatusOutput,
    ),
    FastPath(
        "GET", "/api/v1/x/marketStates", "getMarketStates",
        "Return what markets take now, who ordered it and why.",
        None, d.MarketStatesQuery, None, d.MarketStateOutput(many=True),
    ),
    FastPath("GET", "/api/v1/ping", "ping", "Answer pong.", None, None, None, _TEXT),
    FastPath("GET", "/api/v1/time", "getTime", "Tell the time in ms.", None, None, None, _TEXT),
)  # fmt: skip
# Bodies of DELETE, which the tools leave out, of what Django serves.
_DELETE_BODIES = {
    "/api/v1/x/backstop": backstops.EndInput,
    "/api/v1/strategies": strategies.CancelAllInput,
    "/api/v1/strategy": strategies.NameInput,
}
_BATCHES = frozenset({("POST", "/api/v1/orders")})


def add_fast_paths(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Keep the API's own paths and add those of the edge (a preprocessing hook)."""
    ours = [endpoint for endpoint in endpoints if endpoint[0].startswith(("/api/", "/wapi/"))]
    return ours + [(fast.path, fast.path, fast.method, _view(fast)) for fast in FAST_PATHS]


# What any operation may answer, and what those which are signed may answer besides.
_REFUSALS = {
    "400": "A parameter is wrong, or a rule of the market forbids it",
    "404": "There is no such thing",
    "429": "Too many requests",
    "503": "The engine is away",
}
_SIGNED_REFUSALS = {
    "401": "Not signed, or by an unknown key",
    "403": "Law, licence or the limits of the key forbid it",
    "409": "What it needs is no longer so, or it has been carried out before",
    "413": "The body is too large",
}


def add_refusals(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Describe the one shape of every refusal, and the bodies of DELETE (a postprocessing hook)."""
    result["components"].setdefault("schemas", {})["ApiError"] = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ApiError"}}}
    result["components"]["responses"] = {
        f"Refused{status}": {"description": words, "content": content}
        for status, words in (_REFUSALS | _SIGNED_REFUSALS).items()
    }
    for path in result["paths"].values():
        for operation in path.values():
            told = operation["responses"]
            for status in _REFUSALS | (_SIGNED_REFUSALS if _is_signed(operation) else {}):
                told.setdefault(status, {"$ref": f"#/components/responses/Refused{status}"})
            operation["responses"] = dict(sorted(told.items()))
    bodies = {one.path: one.body for one in FAST_PATHS if one.method == "DELETE" and one.body}
    for address, form in (bodies | _DELETE_BODIES).items():
        content = {"application/json": {"schema": _members(form())}}
        body = {"required": True, "content": content}
        result["paths"][address]["delete"]["requestBody"] = body
    return result


def _is_signed(operation: dict[str, Any]) -> bool:
    return any(operation.get("security", ()))


def _members(form: serializers.Serializer[Any]) -> dict[str, Any]:
    """Return the JSON schema of a flat body: OpenAPI's tools leave the bodies of DELETE out."""
    members = {}
    required = []
    for name, field in form.fields.items():
        is_number = isinstance(field, serializers.IntegerField)
        members[name] = {"type": "integer" if is_number else "string"}
        if field.required:
            required.append(name)
    return {"type": "object", "properties": members, "required": required}


def _view(fast: FastPath) -> Callable[..., Any]:
    """Return a view which exists to be described; the address is the edge's."""

    def described(self: Any, request: Any) -> None:
        raise AssertionError(f"{fast.path} is served by the edge")

    described.__doc__ = fast.words
    body: Any = fast.body
    if (fast.method, fast.path) in _BATCHES:
        body = d.OrderInput(many=True)
    method = extend_schema(
        operation_id=fast.name,
        parameters=[fast.query] if fast.query else None,
        request=body,
        responses={(200, "text/plain") if fast.answer is _TEXT else 200: fast.answer},
    )(described)
    parent = SignedView if fast.instruction else PublicView
    members: dict[str, Any] = {fast.method.lower(): method}
    if fast.instruction:
        members["instructions"] = {fast.method: fast.instruction}
    view: Any = type(f"Fast_{fast.name}", (parent,), members)
    callback: Callable[..., Any] = view.as_view()
    return callback
