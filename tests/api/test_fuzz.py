"""Hostile values for every parameter and body member of every operation in docs/openapi.yaml.

Whatever is sent, the answer is the contract's, no log holds a traceback, and no money has moved.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import yaml
from django.urls import resolve
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from edge.routes import ROUTES, BatchRoute, SignedRoute
from tests.api.signed import SignedClient
from tests.live import LiveExchange

pytestmark = pytest.mark.live
ERIN = 4
DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())

# Complete requests which would be understood, and refused for want of funds or of a market.
GOOD: dict[str, Any] = {
    "address": "demo-address-1",
    "asset": "BTC",
    "blockchain": "Bitcoin",
    "clientId": 9,
    "interval": "1m",
    "limit": 5,
    "orderId": "1",
    "orderType": "Limit",
    "price": "100",
    "quantity": "900000000",
    "side": "Bid",
    "startTime": 1,
    "symbol": "SOL_USDC",
    "timeInForce": "GTC",
    "vaultId": 1,
}
GOOD_ELSEWHERE: dict[str, dict[str, Any]] = {
    "/api/v1/vaults/history": {"interval": "1d"},
    "/api/v1/borrowLend": {"side": "Lend", "symbol": "USDC"},
    "/api/v1/strategy": {"duration": 1_000, "interval": 1_000, "strategyType": "Scheduled"},
    "/wapi/v1/capital/withdrawals": {"symbol": "BTC"},
}
TEXTS = (
    *("", " ", " 1", "-1", "NaN", "-Infinity", "1e400", "1e-400", "0x10", "1_0", "１", "0.1.2"),
    *("9" * 40, "0." + "1" * 40, "9" * 5_000, str(2**63), str(-(2**63) - 1), str(2**128)),
    *("\0", "a\0b", "\U0001f4a5", "%", "%00", "' OR 1=1", "../..", "null", "[]", "{}"),
)
# As they stand in the JSON: most have no counterpart in Python.
TOKENS = (
    *("null", "[]", "{}", "[[1]]", '{"a":{"b":[]}}', "-1", "-0", "0.5e", "1e400", "1e-400"),
    *("NaN", "Infinity", "9" * 40, "9" * 5_000, str(2**64), '"\\ud800"', '"\\u0000"'),
    *("[" * 500 + "]" * 500, "[" * 50_000, '"\\x"'),
)
BODIES = (
    *(
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b"\xff\xfe",
        b"{}{}",
        b"\0",
        b'{"symbol":"\xff"}',
    ),
    *(b'{"symbol":"SOL_USDC","symbol":"BTC_USDC"}', b"[" * 100_000, b'{"a":' * 50_000),
    *(b"[{}]", b"[null]", b"[[]]", b"[1]", b'{"":""}', b" " * 10_000_000),
)


def operations() -> Iterator[tuple[str, str]]:
    """Yield each method and path."""
    for path, methods in DOCUMENT["paths"].items():
        for method in methods:
            yield method.upper(), path


def instruction(method: str, path: str) -> str:
    """Return what a signature of this operation names; nothing if it is public."""
    route = ROUTES.get((method, path))
    if isinstance(route, SignedRoute | BatchRoute):
        return route.instruction
    if route is not None:
        return ""
    view = resolve(path).func.view_class  # type: ignore[attr-defined]
    return str(getattr(view, "instructions", {}).get(method, ""))


def members(method: str, path: str) -> list[str]:
    """Return the names of the query or the body."""
    operation = DOCUMENT["paths"][path][method.lower()]
    names = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return names + list(_properties(body.get("schema", {})))


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return dict(_properties(schema["items"]) if "items" in schema else schema.get("properties", {}))


class Attacker:
    """Signs whatever it sends, so that it is read and not merely turned away at the door."""

    def __init__(self, exchange: LiveExchange, method: str, path: str) -> None:
        self.client = SignedClient(exchange, ERIN)
        self.method, self.path = method, path
        self.instruction = instruction(method, path)
        self.names = members(method, path)
        known = GOOD | GOOD_ELSEWHERE.get(path, {})
        self.good = {name: known[name] for name in self.names if name in known}

    def ask(self, query: Mapping[str, Any]) -> None:
        """Send a query."""
        text = urlencode(query, quote_via=quote)
        self._send(f"{self.path}?{text}", self._headers({k: str(v) for k, v in query.items()}))

    def tell(self, tokens: Mapping[str, str]) -> None:
        """Send a JSON object of tokens, or of one such object where a list is expected."""
        body = "{" + ",".join(f'"{name}":{token}' for name, token in tokens.items()) + "}"
        if isinstance(ROUTES.get((self.method, self.path)), BatchRoute):
            body = f"[{body}]"
        shown = {name: token.strip('"') for name, token in tokens.items()}
        self._send(self.path, self._headers(shown), body.encode())

    def throw(self, body: bytes) -> None:
        """Send bytes as they are."""
        try:
            self._send(self.path, self._headers({}), body)
        except (BrokenPipeError, ConnectionResetError):
            assert len(body) > 1_000_000, "hung up on"

    def _headers(self, shown: Mapping[str, str]) -> dict[str, str]:
        if not self.instruction:
            return {"Content-Type": "application/json"}
        pairs = [f"{name}={text}" for name, text in sorted(shown.items())]
        return self.client.headers("&".join([f"instruction={self.instruction}", *pairs]))

    def _send(self, path: str, headers: dict[str, str], body: bytes | None = None) -> None:
        answer = self.client.send(self.method, path, headers, body)
        what = f"{self.method} {path[:200]} {(body or b'')[:200]!r}: {self.client.status} {answer}"
        assert 200 <= self.client.status < 500, what
        assert self.client.status != 429, what
        if isinstance(answer, dict) and self.client.status >= 400:
            assert set(answer) == {"code", "message"}, what
            assert answer["message"], what
        assert "Traceback" not in str(answer), what


@pytest.fixture
def unharmed(exchange: LiveExchange) -> Iterator[None]:
    """Check afterwards that no log has a new traceback and erin's money is where it was."""
    erin = SignedClient(exchange, ERIN)
    logs = [exchange.data / "log" / f"{name}.log" for name in ("edge", "engine")]
    sizes = [log.stat().st_size for log in logs]
    before = _standing(erin)
    yield
    assert _standing(erin) == before
    for log, size in zip(logs, sizes, strict=True):
        added = log.read_bytes()[size:].decode(errors="replace")
        assert "Traceback" not in added, added[-3_000:]


def _standing(client: SignedClient) -> Any:
    orders = client.call("GET", "/wapi/v1/history/orders", {"limit": 5})
    assert client.status == 200, orders
    return client.call("GET", "/api/v1/capital"), orders


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(("method", "path"), list(operations()))
def test_hostile_values_are_answered_and_change_nothing(
    exchange: LiveExchange, method: str, path: str
) -> None:
    attacker = Attacker(exchange, method, path)
    if method == "GET":
        for name in attacker.names:
            for text in TEXTS:
                attacker.ask(attacker.good | {name: text})
        return
    good = {name: json.dumps(value) for name, value in attacker.good.items()}
    for name in attacker.names:
        for token in (*TOKENS, *(json.dumps(text, ensure_ascii=False) for text in TEXTS)):
            attacker.tell(good | {name: token})
    for body in BODIES:
        attacker.throw(body)


FRAMES: tuple[str | bytes, ...] = (
    *("", "{", "null", "[]", "1", '"SUBSCRIBE"', "[" * 50_000, '{"a":' * 12_000, b"\xff\xfe"),
    '{"method":"SUBSCRIBE","a":' + "[" * 60_000,
    *('{"method":null}', '{"method":"SUBSCRIBE"}', '{"method":"SUBSCRIBE","params":null}'),
    *('{"method":"SUBSCRIBE","params":"depth"}', '{"method":"SUBSCRIBE","params":[null,1,[],{}]}'),
    '{"method":"SUBSCRIBE","params":["depth.XRP_USDC","depth.","kline.2m.BTC_USDC","\\u0000"]}',
    '{"method":"SUBSCRIBE","params":["account.orderUpdate"]}',
    '{"method":"SUBSCRIBE","params":["account.orderUpdate"],"signature":null}',
    '{"method":"SUBSCRIBE","params":["account.orderUpdate"],"signature":["a","b","c","d"]}',
    '{"method":"SUBSCRIBE","params":["account.orderUpdate"],"signature":[1,[],{},null]}',
    '{"method":"SUBSCRIBE","params":["' + "x" * 100_000 + '"]}',
    '{"method":"SUBSCRIBE","params":' + json.dumps([f"trade.{n}" for n in range(5_000)]) + "}",
    '{"method":"UNSUBSCRIBE","params":["never.there",7]}',
    '{"method":"DROP TABLE","id":1e400}',
    '{"method":"SUBSCRIBE","params":[],"id":NaN}',
)


DEPTH = '{"method":"SUBSCRIBE","params":["depth.BTC_USDC"]}'


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: repr(frame)[:60])
def test_a_hostile_frame_is_refused_and_sockets_go_on(
    exchange: LiveExchange, frame: str | bytes
) -> None:
    with connect(exchange["ws"]) as socket:
        socket.send(frame)
        try:
            socket.send(DEPTH)
            _assert_depth_follows(socket)
        except ConnectionClosed:
            pass  # hung up on, as after a frame that is no text at all
    with connect(exchange["ws"]) as socket:
        socket.send(DEPTH)
        _assert_depth_follows(socket)


def _assert_depth_follows(socket: ClientConnection) -> None:
    while "depth.BTC_USDC" not in (said := str(socket.recv(timeout=30))):
        # Nothing but errors is told to who has asked for nothing.
        assert set(json.loads(said)["error"]) == {"code", "message"}
