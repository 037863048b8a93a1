"""Whatever is sent, the answer is the contract's error with HTTP 4xx, and nothing has changed."""

import json
import time
from typing import Any

import pytest

from tests.api.signed import SignedClient
from tests.live import LiveExchange

pytestmark = pytest.mark.live
GOOD = {
    "symbol": "SOL_USDC",
    "side": "Bid",
    "orderType": "Limit",
    "price": "100",
    "quantity": "0.1",
}


@pytest.fixture
def erin(exchange: LiveExchange) -> SignedClient:
    return SignedClient(exchange, 4)


def standing(client: SignedClient) -> Any:
    """Return what may not change."""
    orders = client.call("GET", "/wapi/v1/history/orders", {"limit": 50})
    return client.call("GET", "/api/v1/capital"), orders


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"symbol": "XRP_USDC"}, None),
        ({"price": "100.001"}, "INVALID_PRICE"),
        ({"price": "0"}, None),
        ({"price": "-100"}, None),
        ({"price": "NaN"}, None),
        ({"price": "Infinity"}, None),
        ({"price": "1e400"}, None),
        ({"price": "100000"}, "INVALID_PRICE"),
        ({"price": None}, None),
        ({"quantity": "0.001"}, "INVALID_QUANTITY"),
        ({"quantity": "0"}, "INVALID_QUANTITY"),
        ({"quantity": "-1"}, None),
        ({"quantity": "NaN"}, None),
        ({"quantity": "1" * 40}, None),
        ({"quantity": "0." + "1" * 40}, None),
        ({"quantity": "9" * 25}, None),
        ({"quantity": "１"}, None),
        ({"quantity": [1]}, None),
        ({"side": "Buy"}, None),
        ({"orderType": "Stop"}, None),
        ({"timeInForce": "GTD"}, None),
        ({"clientId": -1}, None),
        ({"clientId": 2**40}, None),
        ({"reduceOnly": True}, None),
        ({"postOnly": True, "timeInForce": "IOC"}, None),
        ({"quantity": "9000000"}, "INSUFFICIENT_FUNDS"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else None,
)
def test_a_bad_order_changes_nothing(
    erin: SignedClient, terms: dict[str, Any], code: str | None
) -> None:
    before = standing(erin)
    answer = erin.call("POST", "/api/v1/order", GOOD | terms)
    assert 400 <= erin.status < 500, answer
    if code is not None:
        assert answer["code"] == code
        assert answer["message"]
    assert standing(erin) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{}" * 9])
def test_a_body_which_is_no_order_is_refused(erin: SignedClient, body: bytes) -> None:
    before = standing(erin)
    answer = erin.send("POST", "/api/v1/order", erin.headers("instruction=orderExecute"), body)
    assert 400 <= erin.status < 500, answer
    assert "Traceback" not in str(answer)
    assert standing(erin) == before


def test_a_wrong_signature_is_refused(exchange: LiveExchange, erin: SignedClient) -> None:
    stranger = SignedClient(exchange, 0)
    stranger.key = erin.key
    answer = stranger.call("POST", "/api/v1/order", GOOD)
    assert stranger.status == 400
    assert answer["code"] in ("INVALID_SIGNATURE", "INVALID_CLIENT_REQUEST")


def test_a_changed_value_breaks_the_signature(erin: SignedClient) -> None:
    signed = "&".join(["instruction=orderExecute", *(f"{k}={v}" for k, v in sorted(GOOD.items()))])
    body = json.dumps(GOOD | {"quantity": "0.2"}).encode()
    answer = erin.send("POST", "/api/v1/order", erin.headers(signed), body)
    assert erin.status == 400
    assert answer["code"] in ("INVALID_SIGNATURE", "INVALID_CLIENT_REQUEST")


@pytest.mark.parametrize(
    "when",
    [
        {"timestamp": int(time.time() * 1000) - 3_600_000},
        {"timestamp": int(time.time() * 1000) + 3_600_000},
        {"window": 60_001},
        {"window": 0},
        {"window": -1},
        {"window": "x"},
    ],
    ids=str,
)
def test_a_request_outside_its_window_is_refused(erin: SignedClient, when: dict[str, Any]) -> None:
    answer = erin.call("POST", "/api/v1/order", GOOD, **when)
    assert 400 <= erin.status < 500
    assert answer["code"]


def test_another_accounts_order_is_unknown(exchange: LiveExchange, erin: SignedClient) -> None:
    dave = SignedClient(exchange, 3)
    order = dave.call("POST", "/api/v1/order", GOOD)
    assert dave.status == 200, order
    for method in ("GET", "DELETE"):
        named = {"symbol": "SOL_USDC", "orderId": order["id"]}
        answer = erin.call(method, "/api/v1/order", named)
        assert 400 <= erin.status < 500, answer
        # Not even whether such an order exists can be told from the answer.
        missing = erin.call(method, "/api/v1/order", named | {"orderId": "1"})
        assert missing == answer
    assert (
        dave.call("DELETE", "/api/v1/order", {"symbol": "SOL_USDC", "orderId": order["id"]})[
            "status"
        ]
        == "Cancelled"
    )


def test_a_client_id_in_use_is_refused(erin: SignedClient) -> None:
    first = erin.call("POST", "/api/v1/order", GOOD | {"clientId": 77})
    assert erin.status == 200, first
    erin.call("POST", "/api/v1/order", GOOD | {"clientId": 77})
    assert erin.status == 400
    rows = erin.call("GET", "/api/v1/orders", {"symbol": "SOL_USDC"})
    assert [row["id"] for row in rows if row["clientId"] == 77] == [first["id"]]
    erin.call("DELETE", "/api/v1/order", {"symbol": "SOL_USDC", "clientId": 77})
    assert erin.status == 200
