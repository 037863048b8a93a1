"""A load generator over raw sockets: many keep-alive connections, one request in flight on each."""

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from nacl.signing import SigningKey

# A window as clients have it: what is good for longer is looked up in the journal each time.
WINDOW_MS = 10_000


class Signer:
    """Signs orders of one account ahead of time."""

    def __init__(self, user: dict[str, Any], rest: str) -> None:
        self.key = user["apiKey"]
        self.signer = SigningKey(base64.b64decode(user["secret"]))
        self.host = urlsplit(rest).netloc

    def order(self, order: dict[str, Any]) -> bytes:
        """Return the whole request which places one order."""
        return self._request("POST", "/api/v1/order", _signed("orderExecute", order), order)

    def batch(self, orders: list[dict[str, Any]]) -> bytes:
        """Return the whole request which places many orders under one signature."""
        signed = "&".join(_signed("orderExecute", order) for order in orders)
        return self._request("POST", "/api/v1/orders", signed, orders)

    def cancel_all(self, symbol: str) -> bytes:
        """Return the whole request which cancels the account's orders in one market."""
        terms = {"symbol": symbol}
        return self._request("DELETE", "/api/v1/orders", _signed("orderCancelAll", terms), terms)

    def _request(self, method: str, path: str, signed: str, content: Any) -> bytes:
        at = int(time.time() * 1000)
        text = f"{signed}&timestamp={at}&window={WINDOW_MS}".encode()
        signature = base64.b64encode(self.signer.sign(text).signature).decode()
        body = json.dumps(content).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nX-API-Key: {self.key}\r\n"
            f"X-Signature: {signature}\r\nX-Timestamp: {at}\r\nX-Window: {WINDOW_MS}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _signed(instruction: str, terms: dict[str, Any]) -> str:
    pairs = [f"{name}={_text(value)}" for name, value in sorted(terms.items())]
    return "&".join([f"instruction={instruction}", *pairs])


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class Result:
    """What the server answered, and how long each answer took."""

    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    errors: int = 0
    example: str = ""


class _Connection(asyncio.Protocol):
    """Sends its requests one after the other, each when the answer to the last is whole."""

    def __init__(self, requests: list[bytes], result: Result, done: asyncio.Future[None]) -> None:
        self.requests = requests[::-1]
        self.result = result
        self.done = done
        self.buffer = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by class, only by what they can do.
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        status = int(head[9:12])
        self.result.seconds.append(time.perf_counter() - self.sent_at)
        self.result.statuses[status] = self.result.statuses.get(status, 0) + 1
        bad = body.count(b'"operation":"Err"') + (status != 200)
        if bad:
            self.result.errors += bad
            self.result.example = body[:200].decode()
        self.buffer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))

    def _send(self) -> None:
        if not self.requests:
            self.done.set_result(None)
            self.transport.close()
            return
        self.sent_at = time.perf_counter()
        self.transport.write(self.requests.pop())


async def run(rest: str, requests: list[list[bytes]]) -> Result:
    """Send each list over a connection of its own, all at the same time."""
    address, result = urlsplit(rest), Result()
    assert address.hostname is not None
    assert address.port is not None
    loop = asyncio.get_running_loop()
    waiting = []
    began = time.perf_counter()
    for part in requests:
        done: asyncio.Future[None] = loop.create_future()
        waiting.append(done)
        await loop.create_connection(
            lambda part=part, done=done: _Connection(part, result, done),  # type: ignore[misc]
            address.hostname,
            address.port,
        )
    await asyncio.gather(*waiting)
    result.wall = time.perf_counter() - began
    return result
