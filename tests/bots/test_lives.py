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
    """Just enough of an exchange for a maker: it keeps orders, and fails when told to.

    Once both sides of its book have been quoted, a call which leaves one empty is noted.
    """

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.index = "86712.34"
        self.calls: list[str] = []
        self.fail_next = 0
        self.emptied: list[str] = []
        self._quoted = False
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
            answer = web.json_response([self._placed(order) for order in body])
            self._note_empty_sides()
            return answer
        if request.method == "DELETE":
            answer = self._cancelled(request.path, json.loads(await request.text()))
            self._note_empty_sides()
            return answer
        answers: dict[str, object] = {
            "/api/v1/markets": [MARKET],
            "/api/v1/markPrices": [{"symbol": "BTC_USDC_PERP", "indexPrice": self.index}],
            "/api/v1/capital": {"BTC": {"available": "9", "locked": "1", "staked": "0"}},
            "/api/v1/position": [],
            "/api/v1/orders": list(self.orders.values()),
        }
        return web.json_response(answers[request.path])

    def prices(self, side: str) -> list[Decimal]:
        """Return the prices which rest on a side."""
        return [Decimal(o["price"]) for o in self.orders.values() if o["side"] == side]

    def _note_empty_sides(self) -> None:
        both = bool(self.prices("Bid") and self.prices("Ask"))
        if self._quoted and not both:
            self.emptied.append(self.calls[-1])
        self._quoted = self._quoted or both

    def _placed(self, order: dict[str, Any]) -> dict[str, Any]:
        price = Decimal(order["price"])
        if order["side"] == "Bid":
            taking = any(price >= ask for ask in self.prices("Ask"))
        else:
            taking = any(price <= bid for bid in self.prices("Bid"))
        if taking:
            return {"operation": "Err", "code": "INVALID_ORDER", "message": "it would take"}
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


def old_order(number: str, price: str, side: str = "Bid") -> dict[str, Any]:
    """Return an order which an earlier life has left behind."""
    terms = {"symbol": "BTC_USDC", "side": side, "price": price, "quantity": "0.1"}
    return {**terms, "id": number, "executedQuantity": "0", "status": "New"}


def test_the_maker_takes_over_old_orders_quotes_and_follows_the_index() -> None:
    async def run() -> None:
        exchange = Exchange()
        # One far away, and two at one wanted price: a batch was sent twice.
        exchange.orders = {
            "far": old_order("far", "70000.0"),
            "one": old_order("one", "86690.0"),
            "two": old_order("two", "86690.0"),
        }
        server = await serve(exchange)
        async with Client(str(server.make_url("")), SECRET, Pace(1000)) as client:
            maker = Maker(client, ME, (PLAN,))
            await maker.begin()
            await maker._look()
            await maker._quote()
            assert len(exchange.orders) == 2 * LEVELS
            assert "one" in exchange.orders
            before = len(exchange.calls)
            await maker._quote()
            assert exchange.calls[before:] == ["GET /api/v1/markPrices"]
            await maker.end()
            assert exchange.orders == {}
        await server.close()

    asyncio.run(run())


@pytest.mark.parametrize("jump", ["0.0001", "0.0005", "0.002", "0.05", "-0.0003", "-0.002", "-0.1"])
def test_no_side_of_the_book_is_empty_while_the_maker_follows_the_index(jump: str) -> None:
    async def run() -> None:
        exchange = Exchange()
        server = await serve(exchange)
        async with Client(str(server.make_url("")), SECRET, Pace(1000)) as client:
            maker = Maker(client, ME, (PLAN,))
            await maker.begin()
            await maker._look()
            for _ in range(4):
                await maker._quote()
                index = Decimal(exchange.index)
                bids, asks = exchange.prices("Bid"), exchange.prices("Ask")
                assert max(bids) < index < min(asks)
                assert len(bids) >= LEVELS
                assert len(asks) >= LEVELS
                exchange.index = str(index * (1 + Decimal(jump)))
        await server.close()
        assert exchange.emptied == []
        assert not any(call == "DELETE /api/v1/orders" for call in exchange.calls)

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
