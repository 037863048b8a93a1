"""Orders through a socket: REST's own answers under an id, and what ends with the socket."""

import asyncio
import json
import time
from typing import Any

import msgspec
import pytest

from edge import entry, feeds
from gateway.errors import EngineUnavailable
from tests.api.front import EVERYTHING, FakeWire, Front, Socket, User, front
from trading import services

__all__ = ["front"]
SOL = "SOL_USDC"
PERP = "SOL_USDC_PERP"
BID = {"symbol": SOL, "side": "Bid", "orderType": "Limit", "price": "99.5", "quantity": "1"}
Frame = dict[str, Any]


def login(user: User, *, number: object = 0, instruction: str = "xLogin", **changes: str) -> Frame:
    at = changes.get("at", str(time.time_ns() // 1_000_000))
    sealed = user.sign(f"instruction={instruction}&timestamp={at}&window=5000")
    return {"id": number, "method": "x.login", "signature": [user.key, sealed, at, "5000"]}


def ask(method: str, params: object, number: object = 1) -> Frame:
    return {"id": number, "method": method, "params": params}


def talk(front: Front, socket: Socket, *frames: Frame | str) -> list[Frame]:
    """Say the frames, wait for all that is worked on, and return what was told."""

    async def say() -> None:
        for frame in frames:
            text = frame if isinstance(frame, str) else json.dumps(frame)
            front.feeds.hear(socket.client, text)
        await settled(front, socket)

    asyncio.run(say())
    return socket.told()


async def settled(front: Front, socket: Socket) -> None:
    while working := front.entry._working.get(socket.client):
        await asyncio.wait(working)


def logged_in(front: Front, user: User) -> Socket:
    socket = front.socket()
    front.feeds.clients[socket.client] = None
    assert talk(front, socket, login(user)) == [{"id": 0, "result": {}}]
    return socket


def leave(front: Front, socket: Socket) -> None:
    asyncio.run(front.entry.ended(socket.client))


def open_orders(front: Front, user: User) -> list[str]:
    """Return the markets in which the user's orders rest, one for each."""
    orders = front.engine.state.accounts[user.account].orders
    return sorted(order.terms.market for order in orders.values())


def test_an_order_is_placed_and_cancelled_with_the_answers_of_rest(front: Front) -> None:
    socket = logged_in(front, front.alice)
    (placed,) = talk(front, socket, ask("x.order.place", BID, "mine"))
    assert placed["id"] == "mine"
    by_rest = front.order(front.alice, price="99.5").json
    same = {"id", "createdAt"}
    assert {k: v for k, v in placed["result"].items() if k not in same} == {
        k: v for k, v in by_rest.items() if k not in same
    }
    order_id = placed["result"]["id"]
    (cancelled,) = talk(
        front, socket, ask("x.order.cancel", {"symbol": SOL, "orderId": order_id}, 7)
    )
    assert (cancelled["id"], cancelled["result"]["status"]) == (7, "Cancelled")
    assert open_orders(front, front.alice) == [SOL]


def test_a_batch_says_ok_or_err_for_each_and_all_of_a_market_end_at_once(front: Front) -> None:
    socket = logged_in(front, front.alice)
    batch = [BID, BID | {"price": "1e9"}, BID | {"side": "Ask", "price": 101, "clientId": None}]
    (placed,) = talk(front, socket, ask("x.orders.place", batch))
    assert [one["operation"] for one in placed["result"]] == ["Ok", "Err", "Ok"]
    (ended,) = talk(front, socket, ask("x.orders.cancel", {"symbol": SOL}))
    assert len(ended["result"]) == 2
    assert open_orders(front, front.alice) == []
    (refused,) = talk(front, socket, ask("x.orders.place", [BID] * 51))
    assert "1 to 50" in refused["error"]["message"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("x.order.place", BID | {"price": "99.555"}, "INVALID_PRICE"),
        ("x.order.place", BID | {"quantity": 10**9}, "INSUFFICIENT_FUNDS"),
        ("x.order.place", BID | {"symbol": "NO_SUCH"}, "INVALID_CLIENT_REQUEST"),
        ("x.order.place", {}, "INVALID_CLIENT_REQUEST"),
        ("x.order.place", [BID], "INVALID_CLIENT_REQUEST"),
        ("x.order.place", None, "INVALID_CLIENT_REQUEST"),
        ("x.orders.place", BID, "INVALID_CLIENT_REQUEST"),
        ("x.orders.place", [], "INVALID_CLIENT_REQUEST"),
        ("x.order.cancel", {"symbol": SOL, "orderId": "1"}, "INVALID_CLIENT_REQUEST"),
        ("x.orders.cancel", {}, "INVALID_CLIENT_REQUEST"),
        ("x.dance", {}, "INVALID_CLIENT_REQUEST"),
        ("x.cancelOnDisconnect", {}, "INVALID_CLIENT_REQUEST"),
        ("x.cancelOnDisconnect", {"symbols": ["NO_SUCH"]}, "INVALID_CLIENT_REQUEST"),
        ("x.cancelOnDisconnect", {"symbols": 7}, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_a_refusal_has_the_code_of_rest_and_the_socket_stays(
    front: Front, method: str, params: object, code: str
) -> None:
    socket = logged_in(front, front.alice)
    before = front.engine.state.sequence
    (told,) = talk(front, socket, ask(method, params, 3))
    assert told["id"] == 3
    assert set(told) == {"id", "error"}
    assert told["error"]["code"] == code
    assert set(told["error"]) == {"code", "message"}
    assert front.engine.state.sequence - before <= 1
    assert open_orders(front, front.alice) == []
    (placed,) = talk(front, socket, ask("x.order.place", BID))
    assert "result" in placed


@pytest.mark.parametrize(
    "text",
    [
        '{"id":1,"method":"x.order.place","params":{',
        '{"method":"x.order.place","params":{}}',
        '{"id":null,"method":"x.order.place","params":{}}',
        '{"id":"","method":"x.order.place","params":{}}',
        '{"id":{},"method":"x.order.place","params":{}}',
        '{"id":1e400,"method":"x.order.place","params":{}}',
        '{"id":"' + "x" * 65 + '","method":"x.order.place","params":{}}',
        '{"id":99999999999999999999,"method":"x.login"}',
        '{"id":1,"method":"x.login","signature":[1,2,3,4]}',
        '{"id":1,"method":"order.place","params":{}}',
    ],
)
def test_what_cannot_be_read_is_a_parse_error_without_an_id(front: Front, text: str) -> None:
    socket = logged_in(front, front.alice)
    (told,) = talk(front, socket, text)
    assert told == {"id": None, "error": {"code": 4002, "message": "Parse error"}}
    (placed,) = talk(front, socket, ask("x.order.place", BID))
    assert "result" in placed


def test_a_captured_login_opens_no_other_socket(front: Front) -> None:
    captured = login(front.alice)
    first, second = front.socket(), front.socket()
    for socket in (first, second):
        front.feeds.clients[socket.client] = None
    assert talk(front, first, captured) == [{"id": 0, "result": {}}]
    (told,) = talk(front, second, captured)
    assert "has logged in before" in told["error"]["message"]
    (told,) = talk(front, second, ask("x.order.place", BID))
    assert told["error"]["code"] == "UNAUTHORIZED"


def test_a_login_is_proved_like_a_request(front: Front) -> None:
    stranger = User(99)
    old = str(time.time_ns() // 1_000_000 - 6_000)
    tries = [
        (login(front.alice, instruction="subscribe"), "Invalid signature"),
        (login(front.alice, at=old), "expired"),
        (login(stranger), "Unknown or revoked"),
        ({"id": 0, "method": "x.login"}, "Log in first"),
        ({"id": 0, "method": "x.login", "signature": ["a"]}, "Log in first"),
        (ask("x.order.place", BID, 0), "Log in first"),
    ]
    for frame, words in tries:
        (told,) = talk(front, front.socket(), frame)
        assert words in told["error"]["message"]
    blind = front.user(7, allowed=EVERYTHING - {"view"})
    (told,) = talk(front, front.socket(), login(blind))
    assert told["error"]["code"] == "FORBIDDEN"
    assert open_orders(front, front.alice) == []


def test_wrong_logins_count_against_the_address(front: Front) -> None:
    front.hot.unsigned.limit = 3
    socket = front.socket()
    wrong = login(front.alice, instruction="subscribe")
    told = talk(front, socket, wrong, wrong, wrong, login(front.alice))
    assert [one["error"]["code"] for one in told][-1] == "TOO_MANY_REQUESTS"


def test_permissions_are_asked_at_every_message(front: Front) -> None:
    spot_only = front.user(5, allowed=EVERYTHING - {"trade_perp"})
    socket = logged_in(front, spot_only)
    told = talk(
        front, socket, ask("x.order.place", BID, 1), ask("x.order.place", BID | {"symbol": PERP}, 2)
    )
    assert {one["id"]: one.get("error", {}).get("code") for one in told} == {
        1: None,
        2: "FORBIDDEN",
    }


def test_a_revoked_key_ends_the_login_at_once(front: Front) -> None:
    socket = logged_in(front, front.alice)
    access = front.keys.users.pop(front.alice.key)
    (told,) = talk(front, socket, ask("x.order.place", BID))
    assert told["error"]["code"] == "UNAUTHORIZED"
    # Not even if it should come back: whoever wants in again logs in again.
    front.keys.users[front.alice.key] = access
    (told,) = talk(front, socket, ask("x.order.place", BID))
    assert "Log in first" in told["error"]["message"]
    assert open_orders(front, front.alice) == []


def test_both_doors_have_one_limit_a_minute(front: Front) -> None:
    front.hot.signed.limit = 3
    socket = logged_in(front, front.alice)
    front.order(front.alice)
    told = talk(front, socket, *[ask("x.order.place", BID, number) for number in (1, 2, 3)])
    codes = {one["id"]: one.get("error", {}).get("code") for one in told}
    assert codes == {1: None, 2: None, 3: "TOO_MANY_REQUESTS"}
    assert front.order(front.alice).status == 429
    assert len(open_orders(front, front.alice)) == 3


def test_answers_come_as_they_are_done_and_only_so_many_are_worked_on(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "MAX_IN_FLIGHT", 2)
    gates: list[asyncio.Event] = []
    submit = front._submit

    async def slowly(command: Any) -> Any:
        gate = asyncio.Event()
        gates.append(gate)
        await gate.wait()
        return await submit(command)

    monkeypatch.setattr(services, "submit_async", slowly)
    socket = logged_in(front, front.alice)

    async def say() -> None:
        for number in (1, 2, 3):
            front.feeds.hear(socket.client, json.dumps(ask("x.order.place", BID, number)))
        await asyncio.sleep(0)
        gates[1].set()
        await asyncio.sleep(0)
        gates[0].set()
        await settled(front, socket)

    asyncio.run(say())
    told = socket.told()
    assert [one["id"] for one in told] == [3, 2, 1]
    assert told[0]["error"]["code"] == "TOO_MANY_REQUESTS"
    assert "unanswered" in told[0]["error"]["message"]


def test_an_engine_that_is_away_is_answered_as_by_rest(front: Front) -> None:
    socket = logged_in(front, front.alice)
    front.failure = EngineUnavailable("away")
    (told,) = talk(front, socket, ask("x.order.place", BID))
    assert told["error"]["code"] == "MAINTENANCE"


@pytest.mark.parametrize(
    ("symbols", "left"),
    [(None, []), ([PERP], [SOL]), ([SOL, PERP, SOL], []), ([], [SOL, PERP])],
)
def test_orders_end_with_their_socket_where_that_is_asked_for(
    front: Front, symbols: list[str] | None, left: list[str]
) -> None:
    socket = logged_in(front, front.alice)
    told = talk(
        front,
        socket,
        ask("x.cancelOnDisconnect", {"symbols": symbols}, 1),
        ask("x.order.place", BID, 2),
        ask("x.order.place", BID | {"symbol": PERP}, 3),
    )
    assert told[0] == {"id": 1, "result": {"symbols": symbols and sorted(set(symbols))}}
    front.order(front.bob, price="98")
    leave(front, socket)
    assert open_orders(front, front.alice) == left
    assert open_orders(front, front.bob) == [SOL]


def test_orders_on_their_way_end_with_the_socket_too(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "RETRY_SECONDS", 0)
    submit = front._submit
    calls: list[str] = []

    async def slowly(command: Any) -> Any:
        calls.append(type(command).__name__)
        await asyncio.sleep(0.01)
        if calls.count("CancelAllOrders") == 1 and calls[-1] == "CancelAllOrders":
            raise EngineUnavailable("away, once")
        return await submit(command)

    monkeypatch.setattr(services, "submit_async", slowly)
    socket = logged_in(front, front.alice)

    async def say_and_leave() -> None:
        front.feeds.hear(socket.client, json.dumps(ask("x.cancelOnDisconnect", {"symbols": None})))
        front.feeds.hear(socket.client, json.dumps(ask("x.order.place", BID)))
        await front.entry.ended(socket.client)

    asyncio.run(say_and_leave())
    assert calls == ["PlaceOrder", "CancelAllOrders", "CancelAllOrders"]
    assert open_orders(front, front.alice) == []
    assert not front.entry._working
    assert not front.entry._logins


def test_the_switch_is_the_logins(front: Front) -> None:
    socket = logged_in(front, front.alice)
    talk(front, socket, ask("x.cancelOnDisconnect", {"symbols": None}), ask("x.order.place", BID))
    # The same key again keeps it; a revoked key sets it off; another login has none.
    talk(front, socket, login(front.alice))
    assert open_orders(front, front.alice) == [SOL]
    del front.keys.users[front.alice.key]

    async def tick() -> None:
        front.feeds.drop_revoked()
        await settled(front, socket)

    asyncio.run(tick())
    assert open_orders(front, front.alice) == []
    talk(front, socket, login(front.bob), ask("x.order.place", BID))
    leave(front, socket)
    assert open_orders(front, front.bob) == [SOL]


def test_a_member_who_is_cut_off_cancels_nothing_any_more(front: Front) -> None:
    """The orders of an account are its owner's too: only who may still cancel them does."""
    member = msgspec.structs.replace(front.alice.access, person=99, actor=99)

    def as_member() -> Socket:
        front.keys.users[front.alice.key] = member
        socket = logged_in(front, front.alice)
        switch = ask("x.cancelOnDisconnect", {"symbols": None})
        talk(front, socket, switch, ask("x.order.place", BID))
        return socket

    leave(front, as_member())
    assert open_orders(front, front.alice) == []
    socket = as_member()
    del front.keys.users[front.alice.key]

    async def tick() -> None:
        front.feeds.drop_revoked()
        await settled(front, socket)

    asyncio.run(tick())
    assert socket.client not in front.entry._logins
    assert open_orders(front, front.alice) == [SOL]


def test_who_only_talks_is_cut_off(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MAX_MESSAGES_PER_MINUTE", 2)
    wire, socket = FakeWire(), logged_in(front, front.alice)
    socket.client._outlet = wire
    talk(front, socket, *[ask("x.order.place", BID, number) for number in range(5)], "{")
    assert wire.ended is None, "orders have a limit of their own"
    talk(front, socket, "{", "{")
    assert wire.ended is not None
    assert wire.ended[0] == 1008
