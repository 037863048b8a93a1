"""A venue over HTTP which speaks as much Backpack as ccxt asks a desk's venue for, and misbehaves.

Its memory outlives every caller. At a named moment it hangs until it is told what to do, so that a
caller can be killed exactly there.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

MARKET = "SOL_USDC_PERP"
D = Decimal
_MARKETS = [
    {
        "symbol": MARKET,
        "baseSymbol": "SOL",
        "quoteSymbol": "USDC",
        "marketType": "PERP",
        "orderBookState": "Open",
        "createdAt": "2025-01-21T06:34:54.691858",
        "filters": {
            "price": {"minPrice": "0.01", "maxPrice": None, "tickSize": "0.01"},
            "quantity": {"minQuantity": "0.01", "maxQuantity": None, "stepSize": "0.01"},
        },
    }
]
Words = dict[str, Any]


class HttpVenue:
    """The venue's memory, and what it does with the next requests."""

    def __init__(self) -> None:
        self.orders: list[Words] = []
        self.fills: list[Words] = []
        self.asked: list[str] = []
        # By path: what is answered instead, as (status, text); and what an order's fate is.
        self.instead: dict[str, tuple[int, str]] = {}
        self.fate = "filled"
        # Where it hangs, by method and path, "before" or "after" it has done what was asked.
        self.hang: tuple[str, str] | None = None
        self.hung = threading.Event()
        self._go_on = threading.Event()
        self.does_it = True
        self.url = ""

    def position(self) -> Decimal:
        return sum((_signed(fill) for fill in self.fills), D(0))

    def go_on(self, *, does_it: bool = True) -> None:
        """End the hanging: the request is done, or was never received."""
        self.hang, self.does_it = None, does_it
        self._go_on.set()

    def serve(self, method: str, path: str, body: Words) -> tuple[int, Any] | None:
        """Answer a request; None closes the connection without an answer."""
        name = f"{method} {path}"
        self.asked.append(name)
        if self._hangs(name, "before") and not self.does_it:
            return None
        answer = self._do(name, body)
        self._hangs(name, "after")
        return answer

    def _hangs(self, name: str, moment: str) -> bool:
        if self.hang != (name, moment):
            return False
        self._go_on.clear()
        self.hung.set()
        self._go_on.wait(60)
        return True

    def _do(self, name: str, body: Words) -> tuple[int, Any]:
        if name in self.instead:
            return self.instead[name]
        if name == "GET /api/v1/markets":
            return 200, _MARKETS
        if name == "GET /api/v1/assets":
            return 200, []
        if name == "GET /api/v1/position":
            return 200, self._positions()
        if name == "GET /api/v1/orders":
            return 200, [order for order in self.orders if order["status"] == "New"]
        if name == "GET /wapi/v1/history/orders":
            return 200, [_in_history(order) for order in reversed(self.orders)]
        if name == "GET /wapi/v1/history/fills":
            return 200, list(reversed(self.fills))
        if name == "POST /api/v1/order":
            return self._take(body)
        if name == "DELETE /api/v1/order":
            return self._cancel(str(body["orderId"]))
        return 404, {"code": "RESOURCE_NOT_FOUND", "message": name}

    def _positions(self) -> list[Words]:
        held = self.position()
        if not held:
            return []
        row = {
            "symbol": MARKET,
            "positionId": "1",
            "netQuantity": str(held),
            "netExposureQuantity": str(abs(held)),
            "netCost": str(held * 100),
            "entryPrice": "100",
            "markPrice": "100",
            "imf": "0.02",
            "mmf": "0.01",
        }
        return [row]

    def _take(self, body: Words) -> tuple[int, Any]:
        if self.fate == "refused":
            return 400, {"code": "INSUFFICIENT_MARGIN", "message": "no"}
        assert body["timeInForce"] == "IOC"
        quantity = D(body["quantity"])
        filled = {"unfilled": D(0), "half": quantity / 2, "resting": D(0)}.get(self.fate, quantity)
        order: Words = {
            "id": str(len(self.orders) + 1),
            "clientId": body["clientId"],
            "symbol": MARKET,
            "side": body["side"],
            "orderType": "Limit",
            "price": body["price"],
            "quantity": body["quantity"],
            "executedQuantity": str(filled),
            "executedQuoteQuantity": "0",
            "timeInForce": "IOC",
            "createdAt": int(time.time() * 1_000),
            "status": {"resting": "New", "filled": "Filled"}.get(self.fate, "Expired"),
        }
        self.orders.append(order)
        for _ in range(2 if self.fate == "twice" else 1):
            if filled:
                self._fill(order, filled)
        return 200, order

    def _fill(self, order: Words, quantity: Decimal) -> None:
        self.fills.append(
            {
                "tradeId": len(self.fills) + 1,
                "orderId": order["id"],
                "clientId": str(order["clientId"]),
                "symbol": MARKET,
                "side": order["side"],
                "price": order["price"],
                "quantity": str(quantity),
                "fee": "0.01",
                "feeSymbol": "USDC",
                "isMaker": False,
                "timestamp": datetime.now(UTC).replace(tzinfo=None).isoformat("T", "milliseconds"),
            }
        )

    def _cancel(self, number: str) -> tuple[int, Any]:
        for order in self.orders:
            if order["id"] == number and order["status"] == "New":
                order["status"] = "Cancelled"
                return 200, order
        return 404, {"code": "RESOURCE_NOT_FOUND", "message": "no such order"}


def _signed(fill: Words) -> Decimal:
    return D(fill["quantity"]) if fill["side"] == "Bid" else -D(fill["quantity"])


def _in_history(order: Words) -> Words:
    at = datetime.fromtimestamp(order["createdAt"] / 1_000, UTC).replace(tzinfo=None)
    return {**order, "createdAt": at.isoformat("T", "milliseconds")}


@contextmanager
def serving() -> Iterator[HttpVenue]:
    """Yield a venue that listens on loopback."""
    venue = HttpVenue()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or "{}")
            found = venue.serve(self.command, urlsplit(self.path).path, body)
            if found is None:
                return
            status, content = found
            text = content if isinstance(content, str) else json.dumps(content)
            # Whoever asked may have been killed meanwhile.
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 -- the names which http.server calls

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    venue.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield venue
    finally:
        venue.go_on()
        server.shutdown()
        server.server_close()


def described(url: str, **more: Any) -> Words:
    """Return a venue's part of the venues' file: ccxt's own class, at another address."""
    config = {"urls": {"api": {"public": url, "private": url}}, "apiKey": "key"}
    secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    return {"class": "backpack", "config": {**config, "secret": secret, **more}}
