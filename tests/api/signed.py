"""A client of our own which can also sign wrongly: what well-behaved clients never send."""

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from nacl.signing import SigningKey

from tests.live import LiveExchange

INSTRUCTIONS = {
    ("POST", "/api/v1/order"): "orderExecute",
    ("GET", "/api/v1/order"): "orderQuery",
    ("DELETE", "/api/v1/order"): "orderCancel",
    ("GET", "/api/v1/orders"): "orderQueryAll",
    ("DELETE", "/api/v1/orders"): "orderCancelAll",
    ("GET", "/api/v1/capital"): "balanceQuery",
    ("GET", "/wapi/v1/history/orders"): "orderHistoryQueryAll",
    ("GET", "/wapi/v1/history/fills"): "fillHistoryQueryAll",
}


class SignedClient:
    """One account over plain HTTP; the last status and body stand in `status` and the return."""

    def __init__(self, exchange: LiveExchange, user: int, *, timeout: float = 30) -> None:
        facts = exchange["users"][user]
        self.key = facts["apiKey"]
        self.signer = SigningKey(base64.b64decode(facts["secret"]))
        self.address = urlsplit(exchange["rest"]).netloc
        self.timeout = timeout
        self.status = 0

    def headers(
        self, signed: str, *, timestamp: int | None = None, window: int | str = 5000
    ) -> dict[str, str]:
        """Return the headers which sign `signed` ("instruction=…&…" without time and window)."""
        at = int(time.time() * 1000) if timestamp is None else timestamp
        text = f"{signed}&timestamp={at}&window={window}"
        signature = self.signer.sign(text.encode()).signature
        return {
            "X-API-Key": self.key,
            "X-Signature": base64.b64encode(signature).decode(),
            "X-Timestamp": str(at),
            "X-Window": str(window),
            "Content-Type": "application/json",
        }

    def call(
        self, method: str, path: str, params: dict[str, Any] | None = None, **when: Any
    ) -> Any:
        """Sign and send; return the parsed body, or its text where it is not JSON."""
        params = params or {}
        pairs = [f"{name}={_text(value)}" for name, value in sorted(params.items())]
        signed = "&".join([f"instruction={INSTRUCTIONS[method, path]}", *pairs])
        if method == "GET":
            query = f"?{urlencode(params)}" if params else ""
            return self.send(method, path + query, self.headers(signed, **when))
        body = json.dumps(params).encode()
        return self.send(method, path, self.headers(signed, **when), body)

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> Any:
        """Send exactly this."""
        connection = http.client.HTTPConnection(self.address, timeout=self.timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            self.status = response.status
            text = response.read().decode()
        finally:
            connection.close()
        try:
            return json.loads(text)
        except ValueError:
            return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
