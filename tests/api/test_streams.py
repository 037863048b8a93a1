"""Streams: what a subscriber is told, in what order, and what an unruly one is told."""

import asyncio
import json
import time
from typing import Any

import pytest

from edge import feeds
from edge.feeds import Client
from engine.commands import AdvanceTime, CreateStrategy, PlaceOrder, Side, UpdatePrices
from engine.events import StrategyCreated
from tests.api.front import Front, Socket, front
from trading.live import LIVE

__all__ = ["front"]
SOL = "SOL_USDC"
PERP = "SOL_USDC_PERP"


def without_times(data: dict[str, Any]) -> dict[str, Any]:
    """Check the two times of a message and leave them out."""
    for name in ("E", "T"):
        assert abs(data[name] - time.time() * 1e6) < 60e6, f"{name} is in microseconds"
    return {name: value for name, value in data.items() if name not in ("E", "T")}


def trade_once(front: Front, *, price: str = "100", symbol: str = SOL) -> None:
    front.order(front.alice, symbol=symbol, side="Ask", price=price)
    front.order(front.bob, symbol=symbol, price=price)


def test_depth_deltas_follow_each_other_and_rebuild_the_book(front: Front) -> None:
    front.order(front.alice, price="99")
    snapshot = front.get("/api/v1/depth", symbol=SOL).json
    socket = front.socket()
    socket.subscribe(f"depth.{SOL}")
    front.order(front.alice, price="99.50", quantity="1.50")
    front.order(front.bob, side="Ask", price="99.50", quantity="1")
    front.order(front.bob, side="Ask", price="101")
    front.send("DELETE", "/api/v1/orders", front.alice, {"symbol": SOL})
    bids, asks, last = dict(snapshot["bids"]), dict(snapshot["asks"]), int(snapshot["lastUpdateId"])
    for data in socket.data():
        assert data["U"] == data["u"] == last + 1
        last = data["u"]
        for side, levels in ((bids, data["b"]), (asks, data["a"])):
            side.update({f"{float(price):g}": size for price, size in levels})
    assert {price for price, size in bids.items() if float(size)} == set()
    assert {price: size for price, size in asks.items() if float(size)} == {"101": "1.00"}


def test_a_depth_message_is_padded_and_names_its_stream(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"depth.{SOL}")
    front.order(front.alice, price="99.5", quantity="1")
    (frame,) = socket.told()
    assert frame["stream"] == f"depth.{SOL}"
    assert without_times(frame["data"]) == {
        "e": "depth",
        "s": SOL,
        "a": [],
        "b": [["99.50", "1.00"]],
        "U": 1,
        "u": 1,
    }


def test_a_window_of_depth_merges_its_updates(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"depth.200ms.{SOL}")
    for price in ("98", "99", "98.50"):
        front.order(front.alice, price=price)
    front.send("DELETE", "/api/v1/orders", front.alice, {"symbol": SOL})
    front.order(front.alice, price="97")
    assert socket.told() == []
    front.keeper.streams.flush_depth("200ms")
    (data,) = socket.data()
    assert (data["U"], data["u"]) == (1, 5)
    assert ["97.00", "1.00"] in data["b"]
    assert ["99.00", "0.00"] in data["b"]
    front.keeper.streams.flush_depth("200ms")
    assert socket.told() == []


def test_a_trade_names_both_orders_and_who_was_the_maker(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"trade.{SOL}")
    maker = front.order(front.alice, side="Ask", price="100").json["id"]
    taker = front.order(front.bob, price="100").json["id"]
    (data,) = socket.data()
    assert without_times(data) == {
        "e": "trade",
        "s": SOL,
        "p": "100.00",
        "q": "1.00",
        "b": taker,
        "a": maker,
        "t": 1,
        "m": False,
    }


def test_the_top_of_a_book_is_told_only_when_it_changes(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"bookTicker.{SOL}")
    front.order(front.alice, price="99")
    (data,) = socket.data()
    assert without_times(data) == {
        "e": "bookTicker",
        "s": SOL,
        "a": None,
        "A": None,
        "b": "99.00",
        "B": "1.00",
        "u": 1,
    }
    front.order(front.alice, price="98")
    assert socket.told() == []
    front.order(front.alice, price="99.01")
    front.order(front.alice, price="99.02")
    # Two changes which nobody had read yet are one.
    (data,) = socket.data()
    assert data["b"] == "99.02"


def test_tickers_marks_and_candles_go_out_by_the_clock(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"ticker.{SOL}", f"markPrice.{PERP}", f"kline.1m.{SOL}", f"kline.1d.{SOL}")
    trade_once(front)
    front.command(UpdatePrices(prices_e8={"SOL": 101 * 10**8}))
    front.keeper.streams.every_second()
    told = {frame["stream"]: frame["data"] for frame in socket.told()}
    assert set(told) == {f"ticker.{SOL}", f"markPrice.{PERP}", f"kline.1m.{SOL}", f"kline.1d.{SOL}"}
    ticker = told[f"ticker.{SOL}"]
    assert (ticker["o"], ticker["c"], ticker["v"], ticker["n"]) == ("100.00", "100.00", "1.00", 1)
    mark = told[f"markPrice.{PERP}"]
    assert (mark["p"], mark["i"], mark["f"]) == ("101", "101", "0")
    kline = told[f"kline.1m.{SOL}"]
    assert (kline["o"], kline["v"], kline["n"], kline["X"]) == ("100.00", "1.00", 1, False)
    assert kline["t"].endswith(":00")
    assert "T" in kline["t"]
    front.keeper.streams.every_second()
    assert {frame["stream"] for frame in socket.told()} == {f"ticker.{SOL}", f"markPrice.{PERP}"}


def test_a_candle_is_closed_once_when_its_time_is_over(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = front.socket()
    socket.subscribe(f"kline.1m.{SOL}")
    trade_once(front)
    front.keeper.streams.every_second()
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    front.keeper.streams.every_second()
    front.keeper.streams.every_second()
    assert [data["X"] for data in socket.data()] == [True]


def test_a_private_order_is_told_from_its_entry_to_its_end(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("account.orderUpdate", user=front.alice)
    placed = front.order(front.alice, side="Ask", price="100", quantity="2", clientId=9).json
    front.order(front.bob, price="100", quantity="0.50")
    front.send("DELETE", "/api/v1/order", front.alice, {"symbol": SOL, "orderId": placed["id"]})
    accepted, fill, cancelled = (without_times(data) for data in socket.data())
    assert accepted == {
        "e": "orderAccepted",
        "s": SOL,
        "i": placed["id"],
        "S": "Ask",
        "o": "LIMIT",
        "f": "GTC",
        "V": "RejectTaker",
        "X": "New",
        "q": "2.00",
        "Q": "200.0000",
        "p": "100.00",
        "z": "0",
        "Z": "0",
        "r": False,
        "y": False,
        "c": 9,
        "O": "USER",
        "t": None,
    }
    part = {name: fill[name] for name in ("e", "X", "l", "L", "m", "N", "t", "z", "Z")}
    assert part == {
        "e": "orderFill",
        "X": "PartiallyFilled",
        "l": "0.50",
        "L": "100.00",
        "m": True,
        "N": "USDC",
        "t": 1,
        "z": "0.50",
        "Z": "50.0000",
    }
    assert (cancelled["e"], cancelled["X"], cancelled["z"]) == (
        "orderCancelled",
        "Cancelled",
        "0.50",
    )


def test_an_order_of_a_strategy_names_it(front: Front) -> None:
    front.order(front.bob, side="Ask", price="100", quantity="1")
    socket = front.socket()
    socket.subscribe("account.orderUpdate", user=front.alice)
    plan = CreateStrategy(
        account=front.alice.account,
        market=SOL,
        side=Side.BID,
        lots=100,
        duration_ms=2_000,
        interval_ms=1_000,
    )
    created = front.accepted(plan).answer
    assert isinstance(created, StrategyCreated)
    front.accepted(AdvanceTime())
    told = [(data["e"], data["q"], data["H"]) for data in socket.data()]
    strategy_id = created.terms.strategy_id
    assert told == [("orderAccepted", "0.50", strategy_id), ("orderFill", "0.50", strategy_id)]


def test_an_order_that_expires_says_why(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"account.orderUpdate.{SOL}", user=front.alice)
    front.order(front.alice, timeInForce="IOC")
    first, last = socket.data()
    assert (first["e"], last["e"], last["X"]) == ("orderAccepted", "orderExpired", "Expired")
    assert last["R"] == "ImmediateOrCancel"


def test_private_streams_tell_nobody_elses_orders(front: Front) -> None:
    alice, bob = front.socket(), front.socket()
    alice.subscribe("account.orderUpdate", f"account.orderUpdate.{PERP}", user=front.alice)
    bob.subscribe("account.orderUpdate", user=front.bob)
    front.order(front.alice)
    assert [frame["stream"] for frame in alice.told()] == ["account.orderUpdate"]
    assert bob.told() == []


def test_a_position_is_told_as_it_opens_grows_and_closes(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("account.positionUpdate", user=front.bob)
    trade_once(front, symbol=PERP)
    trade_once(front, symbol=PERP, price="102")
    front.order(front.alice, symbol=PERP, price="103", quantity="2")
    front.order(front.bob, symbol=PERP, side="Ask", price="103", quantity="2")
    told = socket.data()
    assert [(data["e"], data["q"]) for data in told] == [
        ("positionOpened", "1"),
        ("positionAdjusted", "2"),
        ("positionClosed", "0"),
    ]
    assert (told[1]["B"], told[1]["P"], told[1]["n"]) == ("101", "-2", "200")


def test_a_balance_is_told_when_it_changes(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("account.balanceUpdate", user=front.alice)
    front.order(front.alice, price="99")
    (data,) = socket.data()
    assert without_times(data) == {
        "e": "balanceUpdate",
        "a": "USDC",
        "A": "999901",
        "L": "99",
        "S": "0",
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", 4002),
        ("[]", 4002),
        ('{"method":"SUBSCRIBE"}', 4002),
        ('{"method":"DANCE","params":[]}', 4002),
        ('{"method":"SUBSCRIBE","params":["account.orderUpdate"]}', 4003),
        (
            '{"method":"SUBSCRIBE","params":["account.orderUpdate"],"signature":["a","b","1","5"]}',
            4003,
        ),
        ('{"method":"SUBSCRIBE","params":["nonsense"]}', 4006),
        ('{"method":"SUBSCRIBE","params":["kline.2m.SOL_USDC"]}', 4006),
        ('{"method":"SUBSCRIBE","params":["trade"]}', 4006),
        ('{"method":"SUBSCRIBE","params":["depth.500ms.SOL_USDC"]}', 4008),
    ],
)
def test_a_wrong_message_is_answered_with_its_code(front: Front, text: str, code: int) -> None:
    socket = front.socket()
    socket.say(text)
    (frame,) = socket.told()
    assert frame["id"] is None
    assert frame["error"]["code"] == code
    assert front.topics.find("account.orderUpdate", front.alice.account) is None


def test_an_unknown_symbol_and_an_unsubscribe_are_silent(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("trade.NO_SUCH", f"trade.{SOL}", f"trade.{SOL}")
    trade_once(front)
    assert len(socket.told()) == 1, "subscribing twice does not double"
    socket.say(json.dumps({"method": "UNSUBSCRIBE", "params": [f"trade.{SOL}", "account.x"]}))
    trade_once(front)
    assert socket.told() == []
    assert front.topics.find(f"trade.{SOL}") is None


def test_a_revoked_key_hears_no_more(front: Front) -> None:
    socket = serve(front)
    socket.subscribe("account.orderUpdate", f"trade.{SOL}", user=front.alice)
    access = front.keys.users.pop(front.alice.key)
    front.feeds.drop_revoked()
    front.keys.users[front.alice.key] = access
    trade_once(front)
    assert [frame["stream"] for frame in socket.told()] == [f"trade.{SOL}"]


def serve(front: Front) -> Socket:
    """Return a socket which the feeds know, as while it is served."""
    socket = front.socket()
    front.feeds.clients[socket.client] = None
    return socket


def test_a_client_that_does_not_read_is_cut_off(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MAX_QUEUED", 3)
    socket = front.socket()
    socket.subscribe(f"trade.{SOL}", f"bookTicker.{SOL}")
    for _ in range(3):
        trade_once(front)
    assert not socket.client.overrun
    trade_once(front)
    assert socket.client.overrun


def test_values_which_replace_each_other_do_not_pile_up() -> None:
    client = Client()
    for number in range(feeds.MAX_QUEUED * 2):
        client.push_latest("ticker.X", str(number))
    assert client.take() == str(feeds.MAX_QUEUED * 2 - 1)
    assert client.take() is None
    assert not client.overrun


def test_trades_which_the_database_gave_are_not_counted_twice(front: Front) -> None:
    trade_once(front)
    market = LIVE.markets[SOL]
    again = market.trades[-1]
    assert market.add_trade(again) == []
    assert (len(market.trades), market.latest["1d"].trades) == (1, 1)


def test_a_socket_is_served_from_its_handshake_to_its_end(front: Front) -> None:
    sent: list[dict[str, Any]] = []

    async def talk() -> None:
        said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        said.put_nowait({"type": "websocket.connect"})
        frame = json.dumps({"method": "SUBSCRIBE", "params": [f"trade.{SOL}"]})
        said.put_nowait({"type": "websocket.receive", "text": frame})

        async def send(message: Any) -> None:
            sent.append(dict(message))
            if message["type"] == "websocket.send":
                said.put_nowait({"type": "websocket.disconnect", "code": 1000})

        serving = asyncio.create_task(front.feeds.serve({"path": "/"}, said.get, send))
        while front.topics.find(f"trade.{SOL}") is None:
            await asyncio.sleep(0)
        front.command(bid_and_ask[0])
        front.command(bid_and_ask[1])
        await asyncio.wait_for(serving, 5)

    bid_and_ask = [
        PlaceOrder(account=user.account, market=SOL, side=side, price_ticks=10_000, lots=100)
        for user, side in ((front.alice, Side.ASK), (front.bob, Side.BID))
    ]
    asyncio.run(talk())
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
    assert json.loads(sent[1]["text"])["data"]["e"] == "trade"
    assert front.topics.find(f"trade.{SOL}") is None, "who has left is forgotten"


def test_sockets_are_at_the_root_only(front: Front) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(front.feeds.serve({"path": "/stream"}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
