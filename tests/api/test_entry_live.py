"""Order entry, margin and open interest over a socket of a whole running exchange."""

import json
import time
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.api.signed import SignedClient
from tests.live import LiveExchange

pytestmark = pytest.mark.live
SYMBOL = "SOL_USDC"
DAVE = 3


class Caller:
    """A socket on which one account trades; what streams say meanwhile is kept."""

    def __init__(self, socket: ClientConnection, client: SignedClient) -> None:
        self.socket = socket
        self.client = client
        self.told: list[dict[str, Any]] = []
        self._asked = 0

    def signature(self, instruction: str) -> list[str]:
        at = str(time.time_ns() // 1_000_000)
        text = f"instruction={instruction}&timestamp={at}&window=5000"
        sealed = self.client.signer.sign(text.encode()).signature
        return [self.client.key, b64encode(sealed).decode(), at, "5000"]

    def ask(self, method: str, **more: Any) -> dict[str, Any]:
        """Say something and return its answer."""
        self._asked += 1
        self.socket.send(json.dumps({"id": self._asked, "method": method, **more}))
        return self.until(lambda frame: frame.get("id") == self._asked)

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first message that is wanted, of those told already or from now on."""
        for frame in self.told:
            if wanted(frame):
                return frame
        while True:
            frame = json.loads(self.socket.recv(timeout=30))
            self.told.append(frame)
            if wanted(frame):
                return dict(frame)


def test_orders_over_a_socket_are_the_accounts_own_and_end_with_it(exchange: LiveExchange) -> None:
    client = SignedClient(exchange, DAVE)
    with connect(exchange["ws"]) as socket:
        caller = Caller(socket, client)
        assert caller.ask("x.order.place", params={})["error"]["code"] == "UNAUTHORIZED"
        assert caller.ask("x.login", signature=caller.signature("xLogin"))["result"] == {}
        names = ["account.orderUpdate", "account.x.margin", "openInterest.SOL_USDC_PERP"]
        frame = {"method": "SUBSCRIBE", "params": names, "signature": caller.signature("subscribe")}
        socket.send(json.dumps(frame))
        depth = client.send("GET", f"/api/v1/depth?symbol={SYMBOL}", {})
        price = str((Decimal(depth["bids"][-1][0]) * Decimal("0.8")).quantize(Decimal("0.01")))
        terms = {"symbol": SYMBOL, "side": "Bid", "orderType": "Limit", "price": price}
        placed = caller.ask("x.order.place", params=terms | {"quantity": "0.1"})["result"]
        by_rest = client.call("GET", "/api/v1/order", {"symbol": SYMBOL, "orderId": placed["id"]})
        assert by_rest == placed
        told = caller.until(lambda frame: frame.get("data", {}).get("i") == placed["id"])
        assert (told["data"]["e"], told["data"]["O"]) == ("orderAccepted", "USER")
        too_dear = terms | {"quantity": "1e9"}
        batch = caller.ask("x.orders.place", params=[terms | {"quantity": "0.2"}, too_dear])
        assert [one["operation"] for one in batch["result"]] == ["Ok", "Err"]
        one = {"symbol": SYMBOL, "orderId": placed["id"]}
        assert caller.ask("x.order.cancel", params=one)["result"]["status"] == "Cancelled"
        switch = caller.ask("x.cancelOnDisconnect", params={"symbols": [SYMBOL]})
        assert switch["result"] == {"symbols": [SYMBOL]}
        margin = caller.until(lambda frame: frame.get("stream") == "account.x.margin")["data"]
        assert Decimal(margin["netEquity"]) > 0
        interest = caller.until(lambda frame: frame.get("stream", "").startswith("openInterest"))
        assert set(interest["data"]) == {"e", "E", "s", "o"}
        left = batch["result"][0]["id"]
        assert left in _open(client)
    deadline = time.monotonic() + 30
    while left in _open(client):
        assert time.monotonic() < deadline, "the order outlives its socket"
        time.sleep(0.05)


def _open(client: SignedClient) -> list[str]:
    return [order["id"] for order in client.call("GET", "/api/v1/orders", {"symbol": SYMBOL})]
