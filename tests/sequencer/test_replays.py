"""Captured requests sent again to edges over a real engine: nothing happens twice."""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from nacl.signing import SigningKey

from edge import twins
from edge.http import HotPath
from edge.routes import ROUTES
from gateway import signed_request
from gateway.client import submit
from sequencer.models import JournalEntry
from tests.accesses import access_to
from tests.api.front import EVERYTHING, Keys, Reply
from tests.sequencer.conftest import StartEngine
from tests.sequencer.market import ACCOUNTS, PERP, SPOT, set_up
from trading import catalog
from trading.models import Order
from trading.reads import close_readers

SIGNER = SigningKey(b"\x05" * 32)
KEY = b64encode(bytes(SIGNER.verify_key)).decode()
HOME, ELSEWHERE = "192.0.2.7", "203.0.113.9"
ORDER = {
    "orderType": "Limit",
    "price": "80000",
    "quantity": "0.001",
    "side": "Bid",
    "symbol": SPOT,
}
REPEATED = (400, "INVALID_CLIENT_REQUEST", "REQUEST_REPEATED")


class Captured(NamedTuple):
    """A signed request as somebody on the way sees it."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


def captured(
    body: Any, *, method: str = "POST", path: str = "/api/v1/order", window: int = 10_000
) -> Captured:
    """Sign a request, which is good for ten seconds."""
    stamp = str(time.time_ns() // 1_000_000)
    text = ""
    for one in body if isinstance(body, list) else [body]:
        text += f"instruction={ROUTES[method, path].instruction}&"  # type: ignore[union-attr]
        text += "".join(f"{name}={one[name]}&" for name in sorted(one))
    text += f"timestamp={stamp}&window={window}"
    headers = {
        "x-api-key": KEY,
        "x-signature": b64encode(SIGNER.sign(text.encode()).signature).decode(),
        "x-timestamp": stamp,
        "x-window": str(window),
    }
    return Captured(method, path, json.dumps(body).encode(), headers)


def new_edge() -> HotPath:
    """Return another edge process, which remembers nothing."""
    keys = Keys()
    account = ACCOUNTS[0]
    keys.users[KEY] = access_to(account, EVERYTHING)
    return HotPath(keys)


async def send(edge: HotPath, request: Captured, address: str = HOME) -> Reply:
    scope = {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "query_string": b"",
        "headers": [(name.encode(), text.encode()) for name, text in request.headers.items()],
        "client": (address, 1),
    }
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def keep(message: Any) -> None:
        messages.append(message)

    # A task has a context of its own, as each request has in the server.
    route = ROUTES[request.method, request.path]
    await asyncio.create_task(edge.serve(route, scope, receive, keep))
    return Reply(messages)


def together(*sendings: tuple[HotPath, Captured, str]) -> list[int]:
    """Send requests at once, in this order, and return the statuses."""

    return [reply.status for reply in asyncio.run(_sent(*sendings))]


def sent(edge: HotPath, request: Captured, address: str = HOME) -> Reply:
    return asyncio.run(_sent((edge, request, address)))[0]


async def _sent(*sendings: tuple[HotPath, Captured, str]) -> list[Reply]:
    try:
        return await asyncio.gather(*(send(*one) for one in sendings))
    finally:
        await close_readers()


def refusal(reply: Reply) -> tuple[int, str, str]:
    return reply.status, reply.json["code"], reply.headers["x-reject-code"]


Restart = Callable[[], None]


@pytest.fixture
def restart(start_engine: StartEngine) -> Iterator[Restart]:
    """A running engine with markets; call it to kill the engine and start the next."""
    engines = [start_engine().wait_until_leading()]
    set_up(submit)
    catalog.refresh()

    def again() -> None:
        engines[-1].kill()
        engines.append(start_engine().wait_until_leading())

    yield again
    catalog._state.clear()


def test_a_captured_order_is_worth_nothing_whoever_sends_it_when(
    restart: Restart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twins, "GRACE_NS", 10**15)
    edge, other = new_edge(), new_edge()
    order = captured(ORDER)
    assert together((edge, order, HOME), (edge, order, ELSEWHERE), (other, order, HOME)) == [
        *(200, 400, 400)
    ]
    # A first which is a repeat itself has no twins, however fast they follow.
    assert together(*[(edge, order, ELSEWHERE)] * 4, *[(other, order, HOME)] * 4) == [400] * 8
    monkeypatch.setattr(twins, "GRACE_NS", 0)
    assert together(*[(edge, order, HOME)] * 4) == [400] * 4
    restart()
    assert together(*[(edge, order, HOME)] * 2, *[(new_edge(), order, HOME)] * 2) == [400] * 4
    assert refusal(sent(edge, order)) == REPEATED
    assert Order.objects.count() == 1
    assert sent(edge, captured(ORDER | {"clientId": 7})).status == 200


def test_equal_orders_signed_in_the_same_millisecond_are_all_placed(restart: Restart) -> None:
    edge, order, market = new_edge(), captured(ORDER), captured(ORDER | {"symbol": PERP})
    assert together(*[(edge, order, HOME)] * 2) == [200, 200]
    assert Order.objects.count() == 2
    # There is an end to it: a first which somebody else got in before its signer has no more.
    assert together(*[(edge, market, HOME)] * 7) == [200] * 4 + [400] * 3
    assert Order.objects.count() == 6
    assert together(*[(new_edge(), order, HOME)] * 2) == [400, 400]
    assert Order.objects.count() == 6


def test_a_batch_is_placed_once_and_its_twin_too(restart: Restart) -> None:
    edge = new_edge()
    orders = [ORDER, ORDER | {"price": "1.23456789"}, ORDER | {"symbol": PERP}]
    batch = captured(orders, path="/api/v1/orders")
    first = sent(edge, batch)
    assert [item["operation"] for item in first.json] == ["Ok", "Err", "Ok"]
    assert together((edge, batch, ELSEWHERE), (new_edge(), batch, HOME)) == [400, 400]
    assert Order.objects.count() == 2
    twin = captured(orders, path="/api/v1/orders")
    assert together(*[(edge, twin, HOME)] * 2) == [200, 200]
    assert Order.objects.count() == 6
    # An item which the exchange could not understand then and does now moves none of the others.
    listed = catalog.catalog().markets.pop(SPOT)
    partly = captured([ORDER, ORDER | {"symbol": PERP}], path="/api/v1/orders")
    assert [item["operation"] for item in sent(edge, partly).json] == ["Err", "Ok"]
    catalog.catalog().markets[SPOT] = listed
    later = sent(new_edge(), partly, ELSEWHERE).json
    assert [item["operation"] for item in later] == ["Ok", "Err"]
    assert "answered before" in later[1]["message"]
    assert Order.objects.count() == 8


def test_cancels_and_refused_orders_are_not_carried_out_again(restart: Restart) -> None:
    edge = new_edge()
    placed = sent(edge, captured(ORDER)).json["id"]
    cancel = {"orderId": placed, "symbol": SPOT}
    one = captured(cancel, method="DELETE")
    every = captured({"symbol": SPOT}, method="DELETE", path="/api/v1/orders")
    dear = captured(ORDER | {"quantity": "1000000"})
    assert [sent(edge, request).status for request in (one, every, dear)] == [200, 200, 400]
    kept = sent(edge, captured(ORDER)).json["id"]
    count = JournalEntry.objects.count()
    for request in (one, every, dear):
        assert refusal(sent(edge, request, ELSEWHERE)) == REPEATED
    assert JournalEntry.objects.count() == count
    assert Order.objects.get(pk=kept).status == "New"


def test_a_request_that_no_engine_took_is_still_good_for_once(
    restart: Restart, start_engine: StartEngine, settings: Any
) -> None:
    edge, order = new_edge(), captured(ORDER)
    address, settings.ENGINE_ADDRESS = settings.ENGINE_ADDRESS, "unix:/nowhere/engine.sock"
    settings.ENGINE_TIMEOUT_SECONDS = 0.1
    assert together(*[(edge, order, HOME)] * 2) == [503, 503]
    settings.ENGINE_ADDRESS, settings.ENGINE_TIMEOUT_SECONDS = address, 15.0
    assert sent(edge, order).status == 200
    assert together((edge, order, ELSEWHERE), (new_edge(), order, HOME)) == [400, 400]
    assert Order.objects.count() == 1


def test_a_long_window_outlives_the_engines_memory_but_not_the_journal(restart: Restart) -> None:
    edge = new_edge()
    long, usual, batch = (
        captured(ORDER, window=10_001),
        captured(ORDER | {"clientId": 1}),
        captured([ORDER, ORDER], path="/api/v1/orders", window=60_000),
    )
    # As if the engine had carried them out and forgotten since.
    for number, (request, place) in enumerate([(long, 0), (usual, 0), (batch, 1)], 10**9):
        named = signed_request.begin(
            public_key=KEY,
            signature=request.headers["x-signature"],
            timestamp=request.headers["x-timestamp"],
        )
        signed_request.end()
        JournalEntry.objects.create(
            sequence=number,
            at_ns=0,
            epoch=1,
            command_id=f"{named.name}.{place}",
            command=b"",
            answer=b"",
            chain=b"",
        )
    assert refusal(sent(edge, long)) == refusal(sent(edge, batch)) == REPEATED
    assert sent(edge, usual).status == 200
    assert together(*[(edge, captured(ORDER, window=60_000), HOME)] * 2) == [200, 200]
