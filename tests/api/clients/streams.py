"""What each client does over WebSocket: ccxt.pro in Python and JavaScript, and the SDK."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from backpack_exchange_sdk.websocket import WebSocketClient

from tests.api.clients.parsed import COIN, SWAP, number
from tests.api.clients.world import PERP, RFQ, SPOT, World

Begin = Callable[..., "Future[Any]"]
Case = Callable[[Begin, World], None]
SECONDS = 30.0


def last_price(begin: Begin, world: World) -> None:
    """The last price is one at which somebody traded."""
    told = begin("watchTicker", COIN).result(SECONDS)
    assert (told["symbol"], told["low"] <= told["last"] <= told["high"]) == (COIN, True)
    assert told["last"] in _traded(world)


def last_prices(begin: Begin, world: World) -> None:
    """The same of several markets."""
    told = begin("watchTickers", [COIN, SWAP]).result(SECONDS)
    assert set(told) <= {COIN, SWAP}
    assert all(row["low"] <= row["last"] <= row["high"] for row in told.values())


def best(begin: Begin, world: World) -> None:
    """Best bid and ask, with sizes."""
    told = begin("watchBidsAsks", [COIN]).result(SECONDS)[COIN]
    assert told["bid"] < told["ask"]
    assert min(told["bidVolume"], told["askVolume"]) > 0


def book(method: str, symbols: Any) -> Case:
    """Return a case of a book kept from changes: it equals the one read at the same counter."""

    def case(begin: Begin, world: World) -> None:
        kept: dict[str, Any] = {}
        read: dict[str, Any] = {}
        deadline = time.monotonic() + SECONDS
        while not set(kept) & set(read):
            assert time.monotonic() < deadline, f"no counter in common: {[*kept]} and {[*read]}"
            watching = begin(method, symbols)
            while not watching.done() and time.monotonic() < deadline:
                said = world.read("/api/v1/depth", symbol=PERP)
                sides = [said["bids"][:-6:-1], said["asks"][:5]]
                time.sleep(0.05)
                read[said["lastUpdateId"]] = [
                    [[float(p), float(q)] for p, q in side] for side in sides
                ]
            told = watching.result(SECONDS)
            kept[str(told["nonce"])] = [
                [list(level[:2]) for level in told[side][:5]] for side in ("bids", "asks")
            ]
        for counter in set(kept) & set(read):
            assert kept[counter] == read[counter]

    return case


def trades(method: str, symbols: Any) -> Case:
    """Return a case of the trades of a market: one of ours comes."""

    def case(begin: Begin, world: World) -> None:
        watching = begin(method, symbols)
        _settle_down()
        world.take(SPOT)
        (told, *_) = watching.result(SECONDS)[-1:]
        assert (told["symbol"], told["amount"] > 0) == (COIN, True)
        assert told["price"] in _traded(world)

    return case


def candle(begin: Begin, world: World) -> None:
    """The candle of this minute."""
    watching = begin("watchOHLCV", COIN, "1m")
    _settle_down()
    world.take(SPOT)
    _check_candle(watching.result(SECONDS)[-1])


def candles(begin: Begin, world: World) -> None:
    """The same of several markets."""
    watching = begin("watchOHLCVForSymbols", [[COIN, "1m"]])
    _settle_down()
    world.take(SPOT)
    _check_candle(watching.result(SECONDS)[COIN]["1m"][-1])


def life_of_an_order(begin: Begin, world: World) -> None:
    """An order is seen open, then cancelled."""
    watching = begin("watchOrders", COIN)
    _settle_down()
    placed = world.place()
    first = watching.result(SECONDS)[-1]
    assert (first["id"], first["status"], first["amount"]) == (placed["id"], "open", 0.1)
    watching = begin("watchOrders", COIN)
    _settle_down(0.2)
    world.cancel_all()
    last = watching.result(SECONDS)[-1]
    assert (last["id"], last["status"]) == (placed["id"], "canceled")


def position(begin: Begin, world: World) -> None:
    """The open position grows by a trade."""
    watching = begin("watchPositions", [SWAP])
    _settle_down()
    world.take(PERP)
    told = watching.result(SECONDS)[-1]
    (known,) = world.read("/api/v1/position", symbol=PERP)
    assert (told["symbol"], told["side"]) == (SWAP, "long")
    assert number(told["contracts"]) == number(known["netQuantity"])


def ended(method: str, *args: Any) -> Case:
    """Return a case of the end of a subscription, which the exchange does not acknowledge."""

    def case(begin: Begin, world: World) -> None:
        begin(method, *args).result(SECONDS)

    return case


def _check_candle(row: Any) -> None:
    start, opened, high, low, closed, volume = row
    assert start % 60_000 == 0
    assert low <= min(opened, closed) <= max(opened, closed) <= high
    assert volume > 0


def _traded(world: World) -> set[float]:
    return {float(row["price"]) for row in world.read("/api/v1/trades", symbol=SPOT, limit=1000)}


def _settle_down(seconds: float = 1.0) -> None:
    """Wait until a subscription is there: nothing acknowledges it."""
    time.sleep(seconds)


CASES: dict[str, Case] = {
    "watchTicker": last_price,
    "watchTickers": last_prices,
    "watchBidsAsks": best,
    "watchOrderBook": book("watchOrderBook", SWAP),
    "watchOrderBookForSymbols": book("watchOrderBookForSymbols", [SWAP]),
    "watchTrades": trades("watchTrades", COIN),
    "watchTradesForSymbols": trades("watchTradesForSymbols", [COIN]),
    "watchOHLCV": candle,
    "watchOHLCVForSymbols": candles,
    "watchOrders": life_of_an_order,
    "watchPositions": position,
    "unWatchTicker": ended("unWatchTicker", COIN),
    "unWatchTickers": ended("unWatchTickers", [SWAP]),
    "unWatchBidsAsks": ended("unWatchBidsAsks", [COIN]),
    "unWatchOrderBook": ended("unWatchOrderBook", SWAP),
    "unWatchOrderBookForSymbols": ended("unWatchOrderBookForSymbols", [COIN]),
    "unWatchTrades": ended("unWatchTrades", COIN),
    "unWatchTradesForSymbols": ended("unWatchTradesForSymbols", [SWAP]),
    "unWatchOHLCV": ended("unWatchOHLCV", COIN, "1m"),
    "unWatchOHLCVForSymbols": ended("unWatchOHLCVForSymbols", [[SWAP, "1m"]]),
    "unWatchOrders": ended("unWatchOrders", COIN),
    "unWatchPositions": ended("unWatchPositions", [SWAP]),
}


class Socket:
    """The SDK's WebSocketClient; `methods` are those which its users call."""

    def __init__(self, world: World) -> None:
        facts = world.exchange["users"][0]

        class Pointed(WebSocketClient):
            """The address is fixed in the client's constructor, so a property stands in for it."""

            base_url = property(lambda self: world.exchange["ws"], lambda self, value: None)

        self.client: Any = Pointed(api_key=facts["apiKey"], secret_key=facts["secret"])

    def first(self, stream: str, cause: Callable[[], Any] | None = None) -> Any:
        """Subscribe, let something happen, and return the first message."""
        heard: queue.Queue[Any] = queue.Queue()
        self.client.subscribe([stream], heard.put, is_private=stream.startswith("account."))
        if cause is not None:
            _settle_down(0.5)
            cause()
        try:
            return heard.get(timeout=SECONDS)
        finally:
            self.client.unsubscribe([stream])

    def close(self) -> None:
        """Close for good: by itself the client connects again five seconds after any end."""
        self.client._connect = lambda: None
        self.client.close()


def _rfq(world: World) -> Any:
    made = world.request(world.bob)
    return world.write("POST", "/api/v1/rfq/cancel", who=world.bob, rfqId=made["rfqId"])


def _order(world: World) -> None:
    world.place()
    world.cancel_all()


# Each stream: what makes it speak, and what its first message says.
Stream = tuple[Callable[[World], Any] | None, dict[str, Any]]
STREAMS: dict[str, Stream] = {
    f"depth.{PERP}": (None, {"e": "depth", "s": PERP}),
    f"depth.200ms.{PERP}": (None, {"e": "depth", "s": PERP}),
    f"depth.600ms.{PERP}": (None, {"e": "depth", "s": PERP}),
    f"depth.1000ms.{PERP}": (None, {"e": "depth", "s": PERP}),
    f"trade.{SPOT}": (lambda world: world.take(SPOT), {"e": "trade", "s": SPOT}),
    f"bookTicker.{PERP}": (None, {"e": "bookTicker", "s": PERP}),
    f"ticker.{SPOT}": (None, {"e": "ticker", "s": SPOT}),
    f"markPrice.{PERP}": (None, {"e": "markPrice", "s": PERP}),
    f"openInterest.{PERP}": (None, {"e": "openInterest", "s": PERP}),
    f"kline.1m.{SPOT}": (lambda world: world.take(SPOT), {"e": "kline", "s": SPOT}),
    "account.orderUpdate": (
        _order,
        {"e": "orderAccepted", "s": SPOT, "S": "Bid", "X": "New"},
    ),
    f"account.orderUpdate.{SPOT}": (
        _order,
        {"e": "orderAccepted", "s": SPOT, "S": "Bid", "X": "New"},
    ),
    # What is open is told on subscribing, without `e`.
    "account.positionUpdate": (None, {"s": PERP}),
    f"account.positionUpdate.{PERP}": (None, {"s": PERP}),
    "account.balanceUpdate": (lambda world: world.take(SPOT), {"e": "balanceUpdate"}),
    "account.rfqUpdate": (_rfq, {"e": "rfqActive", "s": RFQ}),
}


def hear(socket: Socket, world: World, stream: str) -> None:
    """Subscribe to one stream and compare its first message."""
    cause, known = STREAMS[stream]
    told = socket.first(stream, None if cause is None else lambda: cause(world))
    assert {name: told.get(name) for name in known} == known
    assert told["E"] > 1e15, "times are in microseconds"


def silence(socket: Socket, world: World) -> None:
    """After the end of a subscription nothing comes."""
    came = threading.Event()
    stream = f"markPrice.{PERP}"
    socket.client.subscribe([stream], lambda told: came.set())
    assert came.wait(SECONDS)
    heard: queue.Queue[Any] = queue.Queue()
    socket.client.unsubscribe([stream])
    _settle_down(0.5)
    # The client forgets its listeners too: another one hears whether the exchange goes on.
    socket.client.callbacks[stream] = [heard.put]
    _settle_down(2.5)
    assert heard.empty()


def closed(socket: Socket, world: World) -> None:
    """The socket is closed."""
    socket.close()
    deadline = time.monotonic() + 10
    while socket.client.ws.sock is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert socket.client.ws.sock is None


SOCKET_METHODS: dict[str, Callable[[Socket, World], None]] = {
    "unsubscribe": silence,
    "close": closed,
}
