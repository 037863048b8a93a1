"""The bots' client: signatures of the contract, and every way in which a call can fail."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from nacl.signing import VerifyKey

from bots.client import ApiAway, ApiRefused, Client, Fields, Pace, signing_text

SECRET = base64.b64encode(bytes([7] * 32)).decode()
PUBLIC_KEY = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def talk(handler: Handler, conversation: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handler)
        async with (
            TestServer(application) as server,
            Client(str(server.make_url("")), SECRET, Pace(1000)) as client,
        ):
            await conversation(client)

    asyncio.run(run())


def test_the_signed_text_is_that_of_the_contract() -> None:
    order: Fields = {"orderType": "Limit", "price": "141", "quantity": "12", "postOnly": True}
    assert signing_text("orderExecute", [order, order], timestamp_ms=5) == (
        "instruction=orderExecute&orderType=Limit&postOnly=true&price=141&quantity=12"
        "&instruction=orderExecute&orderType=Limit&postOnly=true&price=141&quantity=12"
        "&timestamp=5&window=10000"
    )
    assert signing_text("balanceQuery", [{}], timestamp_ms=5) == (
        "instruction=balanceQuery&timestamp=5&window=10000"
    )


def test_a_request_carries_a_signature_which_its_key_verifies() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["X-API-Key"] == PUBLIC_KEY
        body = json.loads(await request.text())
        text = (
            f"instruction=orderCancel&orderId={body['orderId']}&symbol={body['symbol']}"
            f"&timestamp={request.headers['X-Timestamp']}&window={request.headers['X-Window']}"
        )
        signature = base64.b64decode(request.headers["X-Signature"])
        VerifyKey(base64.b64decode(PUBLIC_KEY)).verify(text.encode(), signature)
        return web.json_response({"id": "28"})

    async def conversation(client: Client) -> None:
        body = {"symbol": "BTC_USDC", "orderId": "28"}
        answer = await client.send("DELETE", "/api/v1/order", "orderCancel", body)
        assert answer == {"id": "28"}

    talk(handler, conversation)


def test_a_refusal_tells_code_and_message() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"code": "INVALID_PRICE", "message": "too far"}, status=400)

    async def conversation(client: Client) -> None:
        with pytest.raises(ApiRefused, match="400 INVALID_PRICE: too far"):
            await client.read("/api/v1/markets")

    talk(handler, conversation)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_or_broken_server_is_away(status: int) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>oops", headers={"Retry-After": "0"})

    async def conversation(client: Client) -> None:
        with pytest.raises(ApiAway, match=str(status)):
            await client.read("/api/v1/markets")

    talk(handler, conversation)


def test_a_server_that_is_not_there_is_away() -> None:
    async def run() -> None:
        async with Client("http://127.0.0.1:9", SECRET, Pace(1000)) as client:
            with pytest.raises(ApiAway):
                await client.read("/api/v1/markets")

    asyncio.run(run())


def test_signatures_follow_the_clock_of_the_exchange() -> None:
    seen: list[int] = []

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/api/v1/time":
            return web.Response(text="1000000000000")
        seen.append(int(request.headers["X-Timestamp"]))
        return web.json_response({})

    async def conversation(client: Client) -> None:
        await client.set_clock()
        await client.read("/api/v1/capital", "balanceQuery")

    talk(handler, conversation)
    assert 0 <= seen[0] - 1_000_000_000_000 < 5_000


def test_the_pace_spreads_calls_and_obeys_a_request_to_wait() -> None:
    async def run() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        pace = Pace(100)
        began = loop.time()
        await asyncio.gather(*(pace.turn() for _ in range(11)))
        spread = loop.time() - began
        pace.rest(0.2)
        began = loop.time()
        await pace.turn()
        return spread, loop.time() - began

    spread, rested = asyncio.run(run())
    assert spread >= 0.09
    assert rested >= 0.19
