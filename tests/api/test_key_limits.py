"""Scopes, addresses and expiry of a key, at every door: fast paths, REST views, sockets."""

import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from accounts.scopes import ALL_SCOPES, MANAGE, READ, TRADE, TRANSFER, WITHDRAW, allow_list
from edge.routes import ROUTES, BatchRoute, SignedRoute
from tests.accesses import access_to
from tests.api.front import Front, User, front
from tests.api.house import Trader
from tests.api.test_isolation import ADDRESS, signed_routes

__all__ = ["front"]

# Which scope each request needs that is neither a read nor a trade.
OTHERS = {
    ("POST", "/wapi/v1/capital/withdrawals"): WITHDRAW,
    ("POST", "/wapi/v1/capital/withdrawals/delay"): WITHDRAW,
    ("PATCH", "/wapi/v1/capital/withdrawals/delay"): WITHDRAW,
    ("POST", "/api/v1/x/approvals"): WITHDRAW,
    ("POST", "/api/v1/x/transfer"): TRANSFER,
    ("POST", "/api/v1/x/transfer/basket"): TRANSFER,
    ("POST", "/api/v1/x/sweeps"): TRANSFER,
    ("DELETE", "/api/v1/x/sweeps"): TRANSFER,
    ("GET", "/api/v1/x/activity"): MANAGE,
    **{(method, "/api/v1/x/keys"): MANAGE for method in ("GET", "POST", "DELETE")},
    **{(method, "/api/v1/x/members"): MANAGE for method in ("GET", "POST", "PUT", "DELETE")},
    ("POST", "/api/v1/x/subaccounts"): MANAGE,
    ("PATCH", "/api/v1/x/subaccount"): MANAGE,
    **{("POST", f"/api/v1/x/subaccount/{act}"): MANAGE for act in ("freeze", "close", "reopen")},
}
HOT = [at for at, route in ROUTES.items() if isinstance(route, SignedRoute | BatchRoute)]
REST = sorted(signed_routes().keys() - set(HOT))


def scope_of(at: tuple[str, str]) -> str:
    return OTHERS.get(at, READ if at[0] == "GET" else TRADE)


def limited(front: Front, user: User, **limits: Any) -> None:
    front.keys.users[user.key] = msgspec.structs.replace(user.access, **limits)


def lacks(scope: str) -> str:
    return f"This API key has no scope `{scope}`: add it to the key, or use a key which has it"


@pytest.mark.parametrize("at", HOT, ids=" ".join)
def test_a_fast_path_asks_for_its_scope(front: Front, at: tuple[str, str]) -> None:
    limited(front, front.alice, scopes=ALL_SCOPES - {scope_of(at)})
    body = b"[{}]" if at[1].endswith("/orders") and at[0] == "POST" else b"{}"
    reply = front.request(*at, user=front.alice, body=b"" if at[0] == "GET" else body)
    assert reply.refusal() == (403, "FORBIDDEN", lacks(scope_of(at)))


@pytest.mark.parametrize("at", REST, ids=" ".join)
def test_a_rest_view_asks_for_its_scope(alice: Trader, at: tuple[str, str]) -> None:
    method, path = at
    headers = alice.headers(signed_routes()[at], [])
    content = {"content_type": "application/json", "headers": headers}
    ApiKey.objects.update(scopes=sorted(ALL_SCOPES - {scope_of(at)}))
    answer = Client().generic(method, path, b"", **content)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["message"]) == (403, lacks(scope_of(at)))
    ApiKey.objects.update(scopes=[scope_of(at)])
    answer = Client().generic(method, path, b"", **content)  # type: ignore[arg-type]
    assert answer.status_code not in (401, 403)


def test_a_permission_needs_the_scope_as_well_as_the_law(front: Front, alice: Trader) -> None:
    limited(front, front.alice, scopes=frozenset({READ}))
    assert front.get("/api/v1/orders", front.alice, symbol="NONE").status == 400
    assert front.order(front.alice).refusal()[2] == lacks(TRADE)
    # To borrow for a withdrawal is a trade.
    ApiKey.objects.update(scopes=[WITHDRAW])
    body = {"address": ADDRESS, "blockchain": "Ethereum", "quantity": "5", "symbol": "USDC"}
    path = "/wapi/v1/capital/withdrawals"
    refused = alice.send("POST", path, "withdraw", body | {"autoBorrow": True})
    assert (refused.status_code, refused.json()["message"]) == (403, lacks(TRADE))
    assert alice.send("POST", path, "withdraw", body).status_code == 200
    # What could be withdrawn with this key: it has no such scope.
    ApiKey.objects.update(scopes=[READ])
    path = "/api/v1/account/limits/withdrawal"
    found = alice.get(path, "maxWithdrawalQuantity", ("symbol", "USDC")).json()
    assert found["maxWithdrawalQuantity"] == "0"


def test_a_key_is_good_from_its_addresses_only(front: Front, alice: Trader) -> None:
    message = "This API key may not be used from 127.0.0.1: add the address to the key's list"
    limited(front, front.alice, addresses=allow_list(("192.0.2.0/24",)))
    assert front.order(front.alice).refusal() == (403, "FORBIDDEN", message)
    limited(front, front.alice, addresses=allow_list(("192.0.2.0/24", "127.0.0.0/8")))
    assert front.order(front.alice).status == 200
    ApiKey.objects.update(addresses=["192.0.2.0/24"])
    answer = alice.get("/api/v1/capital", "balanceQuery")
    assert (answer.status_code, answer.json()["message"]) == (403, message)
    ApiKey.objects.update(addresses=["127.0.0.1"])
    assert alice.get("/api/v1/capital", "balanceQuery").status_code == 200
    assert ApiKey.objects.get(pk=alice.key.pk).last_address == "127.0.0.1"
    # Nobody's word is taken for an address: this comes from no proxy of ours.
    ApiKey.objects.update(addresses=["192.0.2.7"])
    headers = alice.headers("balanceQuery", []) | {"X-Forwarded-For": "192.0.2.7"}
    assert Client().get("/api/v1/capital", headers=headers).status_code == 403


def test_an_expired_key_is_told_so(front: Front, alice: Trader) -> None:
    message = "This API key has expired: extend it in the settings, or make another"
    limited(front, front.alice, expires_at=time.time() + 60)
    assert front.order(front.alice).status == 200
    limited(front, front.alice, expires_at=time.time() - 1)
    assert front.order(front.alice).refusal() == (401, "UNAUTHORIZED", message)
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = alice.get("/api/v1/capital", "balanceQuery")
    assert (answer.status_code, answer.json()["message"]) == (401, message)
    # Only who has the key is told: others hear what they hear of any key.
    wrong = front.send("POST", "/api/v1/order", front.alice, {}, headers={"X-Signature": "AAAA"})
    assert wrong.refusal()[2] == "Invalid signature"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"scopes": frozenset({TRADE})}, lacks(READ)),
        ({"addresses": allow_list(("2001:db8::/32",))}, "This API key may not be used from"),
        ({"expires_at": 1.0}, "This API key has expired"),
    ],
)
def test_limits_hold_on_sockets_open_or_new(
    front: Front, limits: dict[str, Any], message: str
) -> None:
    before = front.socket()
    before.subscribe("account.orderUpdate", user=front.alice)
    front.order(front.alice)
    assert [data["e"] for data in before.data()] == ["orderAccepted"]
    limited(front, front.alice, **limits)
    front.feeds.clients[before.client] = None
    front.feeds.drop_revoked()
    after = front.socket()
    after.subscribe("account.orderUpdate", user=front.alice)
    error = after.told()[0]["error"]
    assert error["code"] == 4003
    assert error["message"].startswith(message)
    front.keys.users[front.alice.key] = front.alice.access
    front.order(front.alice)
    assert before.data() == after.data() == []


def test_a_page_has_no_limits_of_a_key() -> None:
    access = access_to(1, frozenset({"view", "withdraw"}))
    assert access.refusal("withdraw") is None
    assert all(access.objection(scope=one, address="", now=0) is None for one in ALL_SCOPES)
