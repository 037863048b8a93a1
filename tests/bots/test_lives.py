"""Bots against an exchange that misbehaves: they clean up, begin again and never flood."""

import asyncio
import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bots import lives
from bots.client import Client, Pace
from bots.maker import Maker, make
from bots.quotes import LEVELS
from bots.roster import MarketPlan, Roster, RosterError, Trader, read_roster

SECRET = base64.b64encode(bytes([7] * 32)).decode()
MARKET = {
    "symbol": "BTC_USDC",
    "orderBookState": "Open",
    "filters": {
        "price": {"tickSize": "0.1"},
        "quantity": {"stepSize": "0.00001", "minQuantity": "0.00001"},
    },
}
PLAN = MarketPlan(symbol="BTC_USDC", index="BTC_USDC_PERP", size=Decimal("0.06"))
ME = Trader(secret=SECRET, home={"BTC": Decimal(10)})


class Exchange:
    """Just enough of an exchange for a maker: it keeps orders, and fails when told to."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.index = "86712.34"
        self.calls: list[str] = []
        self.fail_next = 0
        self._number = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.calls.append(f"{request.method} {request.path}")
        if self.fail_next:
            self.fail_next -= 1
            return web.Response(status=503, text="engine restarting")
        if request.path == "/api/v1/time":
            return web.Response(text="1795352700000")
        if (request.method, request.path) == ("POST", "/api/v1/orders"):
            body = json.loads(await request.text())
            return web.json_response([self._placed(order) for order in body])
        if request.method == "DELETE":
            return self._cancelled(request.path, json.loads(await request.text()))
        answers: dict[str, object] = {
            "/api/v1/markets": [MARKET],
            "/api/v1/markPrices": [{"symbol": "BTC_USDC_PERP", "indexPrice": self.index}],
            "/api/v1/capital": {"BTC": {"available": "9", "locked": "1", "staked": "0"}},
            "/api/v1/position": [],
            "/api/v1/orders": list(self.orders.values()),
        }
        return web.json_response(answers[request.path])

    def _placed(self, order: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        placed = {**order, "id": str(self._number), "executedQuantity": "0", "status": "New"}
        self.orders[placed["id"]] = placed
        return {"operation": "Ok", **placed}

    def _cancelled(self, path: str, body: dict[str, Any]) -> web.Response:
        if path == "/api/v1/orders":
            gone, self.orders = list(self.orders.values()), {}
            return web.json_response(gone)
        if body["orderId"] not in self.orders:
            return web.json_response(
                {"code": "INVALID_CLIENT_REQUEST", "message": "Order not found"}, status=400
            )
        return web.json_response(self.orders.pop(body["orderId"]))


async def serve(exchange: Exchange) -> TestServer:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", exchange.answer)
    server = TestServer(application)
    await server.start_server()
    return server


def test_the_maker_takes_away_old_orders_quotes_and_follows_the_index() -> None:
    async def run() -> None:
        exchange = Exchange()
        exchange.orders["old"] = {"id": "old"}
        server = await serve(exchange)
        async with Client(str(server.make_url("")), SECRET, Pace(1000)) as client:
            maker = Maker(client, ME, (PLAN,))
            await maker.begin()
            assert exchange.orders == {}
            await maker._look()
            await maker._quote()
            assert len(exchange.orders) == 2 * LEVELS
            before = len(exchange.calls)
            await maker._quote()
            assert exchange.calls[before:] == ["GET /api/v1/markPrices"]
            exchange.index = "86752.34"
            await maker._quote()
            prices: dict[str, list[Decimal]] = {"Bid": [], "Ask": []}
            for order in exchange.orders.values():
                prices[order["side"]].append(Decimal(order["price"]))
            assert max(prices["Bid"]) < Decimal("86752.34") < min(prices["Ask"])
            await maker.end()
            assert exchange.orders == {}
        await server.close()

    asyncio.run(run())


def test_an_order_that_was_filled_meanwhile_does_not_disturb_the_maker() -> None:
    async def run() -> None:
        exchange = Exchange()
        server = await serve(exchange)
        async with Client(str(server.make_url("")), SECRET, Pace(1000)) as client:
            maker = Maker(client, ME, (PLAN,))
            await maker.begin()
            await maker._look()
            await maker._quote()
            exchange.orders.clear()
            exchange.index = "86722.34"
            await maker._quote()
            await maker._look()
            await maker._quote()
            assert len(exchange.orders) == 2 * LEVELS
        await server.close()

    asyncio.run(run())


def test_a_life_that_fails_is_followed_by_another_after_a_growing_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lives, "PAUSE_SECONDS_FIRST", 0.01)

    async def run() -> Exchange:
        exchange = Exchange()
        exchange.fail_next = 5
        server = await serve(exchange)
        roster = Roster(rest=str(server.make_url("")), maker=ME, taker=ME, markets=(PLAN,))
        task = asyncio.create_task(lives.live(make, ME, roster, Pace(1000)))
        async with asyncio.timeout(10):
            while len(exchange.orders) < 2 * LEVELS:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.close()
        return exchange

    exchange = asyncio.run(run())
    # Five failures, one call each: a failing exchange is not hammered.
    assert exchange.calls[:6] == ["GET /api/v1/time"] * 6
    assert exchange.orders == {}, "a maker that stops takes its quotes along"


def test_a_missing_or_broken_roster_is_one_clear_sentence(tmp_path: Any) -> None:
    with pytest.raises(RosterError, match="seed_demo"):
        read_roster(tmp_path / "bots.json")
    (tmp_path / "bots.json").write_text('{"rest": 5}')
    with pytest.raises(RosterError, match="cannot be used"):
        read_roster(tmp_path / "bots.json")
