"""WebSocket clients over raw sockets, as light as they can be: the server is what is measured."""

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop
from nacl.signing import SigningKey

Order = dict[str, Any]
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A
_HELLO = (
    b"GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SETTLE_SECONDS = 1.0


def frame(content: Any, kind: int = _TEXT) -> bytes:
    """Return a client's frame. Its mask is zero, which is a mask too."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    size = len(body)
    if size < 126:
        return bytes((kind, 0x80 | size)) + bytes(4) + body
    assert size < 65_536
    return bytes((kind, 0x80 | 126)) + size.to_bytes(2, "big") + bytes(4) + body


def login(user: dict[str, Any]) -> bytes:
    """Return the frame which logs a user in."""
    at = str(int(time.time() * 1000))
    text = f"instruction=xLogin&timestamp={at}&window=60000".encode()
    sealed = SigningKey(base64.b64decode(user["secret"])).sign(text).signature
    signature = [user["apiKey"], base64.b64encode(sealed).decode(), at, "60000"]
    return frame({"id": -1, "method": "x.login", "signature": signature})


class Link(asyncio.Protocol):
    """One socket; `heard` gets the text of each message."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not asyncio's by class, only by what they can do.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_HELLO)

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self.opened, self.closed):
            if not waiting.done():
                waiting.set_exception(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        if not self.opened.done():
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._data = head
                return
            assert b" 101 " in head, head
            self.opened.set_result(None)
        at, end = 0, len(data)
        while end - at >= 2:
            size, begin = data[at + 1], at + 2
            if size == 126:
                size, begin = int.from_bytes(data[begin : begin + 2], "big"), at + 4
            elif size == 127:
                size, begin = int.from_bytes(data[begin : begin + 8], "big"), at + 10
            if end - begin < size:
                break
            self._frame(data[at], data[begin : begin + size])
            at = begin + size
        self._data = data[at:]

    def _frame(self, kind: int, body: bytes) -> None:
        if kind == _TEXT:
            self.heard(body)
        elif kind == _PING:
            self.transport.write(frame(body, _PONG))
        elif kind == _CLOSE:
            raise ConnectionError(f"the server closed: {body!r}")

    def heard(self, body: bytes) -> None:
        """Take a message."""


async def open_link(ws: str, link: Link) -> None:
    """Connect and shake hands."""
    address = urlsplit(ws)
    assert address.hostname is not None
    assert address.port is not None
    await asyncio.get_running_loop().create_connection(lambda: link, address.hostname, address.port)
    await link.opened


# -- orders -----------------------------------------------------------------------------------


@dataclass
class Answers:
    """What the server answered, and how long each answer took."""

    seconds: list[float] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    errors: int = 0
    example: str = ""


class Trader(Link):
    """Sends the first orders when told, and, if eager, one more for each that is answered."""

    def __init__(
        self, user: dict[str, Any], orders: list[Order], answers: Answers, *, eager: bool
    ) -> None:
        super().__init__()
        self._eager = eager
        self._login = login(user)
        self._frames = [
            frame({"id": number, "method": "x.order.place", "params": order})
            for number, order in enumerate(orders)
        ]
        self._sent_at = [0.0] * len(orders)
        self._next = 0
        self._left = len(orders)
        self._answers = answers
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def log_in(self) -> None:
        self.transport.write(self._login)

    def send(self) -> None:
        """Send the next order."""
        if self._next < len(self._frames):
            self._sent_at[self._next] = time.perf_counter()
            self.transport.write(self._frames[self._next])
            self._next += 1

    def heard(self, body: bytes) -> None:
        number = int(body[6 : body.index(b",")])
        if b'"error"' in body[:40]:
            self._answers.errors += 1
            self._answers.example = body[:200].decode()
        if number < 0:
            self.ready.set_result(None)
            return
        self._answers.seconds.append(time.perf_counter() - self._sent_at[number])
        self._left -= 1
        if not self._left:
            # Whoever hangs up is not hung up on.
            self.closed.set_result(None)
            self.transport.close()
        elif self._eager:
            self.send()


def place(
    ws: str, users: list[dict[str, Any]], orders: list[Order], connections: int, in_flight: int
) -> Answers:
    """Place the orders over so many sockets, so many in flight on each, and time each answer."""
    return uvloop.run(_place(ws, users, orders, connections, in_flight))


async def _place(
    ws: str, users: list[dict[str, Any]], orders: list[Order], connections: int, in_flight: int
) -> Answers:
    answers = Answers()
    traders = [
        Trader(users[slot % len(users)], orders[slot::connections], answers, eager=True)
        for slot in range(connections)
    ]
    for trader in traders:
        await open_link(ws, trader)
        trader.log_in()
        await trader.ready
    answers.began = time.time()
    for trader in traders:
        for _ in range(in_flight):
            trader.send()
    await asyncio.gather(*[trader.closed for trader in traders])
    answers.ended = time.time()
    return answers


# -- listeners --------------------------------------------------------------------------------


@dataclass
class Delivered:
    """How many messages each client got, and how long each was on its way, in microseconds."""

    counts: list[int]
    microseconds: list[int]


class Listener(Link):
    """Counts messages and how old each is: from the engine's time to here."""

    def __init__(self, microseconds: list[int]) -> None:
        super().__init__()
        self.count = 0
        self._microseconds = microseconds

    def heard(self, body: bytes) -> None:
        self.count += 1
        at = body.index(b'"T":') + 4
        self._microseconds.append(time.time_ns() // 1_000 - int(body[at : at + 16]))


def listen(ws: str, streams: list[str], clients: int, start: float, seconds: float) -> Delivered:
    """Have clients listen from `start` (Unix seconds) on, and return what they got."""
    return uvloop.run(_listen(ws, streams, clients, start + seconds + SETTLE_SECONDS))


async def _listen(ws: str, streams: list[str], clients: int, until: float) -> Delivered:
    microseconds: list[int] = []
    listeners = [Listener(microseconds) for _ in range(clients)]
    subscribe = frame({"method": "SUBSCRIBE", "params": streams})
    for listener in listeners:
        await open_link(ws, listener)
        listener.transport.write(subscribe)
    assert time.time() < until - SETTLE_SECONDS, "connecting took too long"
    await asyncio.sleep(until - time.time())
    return Delivered([listener.count for listener in listeners], microseconds)


async def trade_steadily(
    ws: str, users: list[dict[str, Any]], price: str, *, symbol: str, changes: int, a_second: int
) -> int:
    """Offer and take by turns, one order at a time: each changes the book, each second trades."""
    answers = Answers()
    terms: Order = {"symbol": symbol, "orderType": "Limit", "price": price, "quantity": "0.01"}
    sides: list[Order] = [terms | {"side": "Ask"}, terms | {"side": "Bid", "timeInForce": "IOC"}]
    pair = [
        Trader(user, [order] * (changes // 2), answers, eager=False)
        for user, order in zip(users, sides, strict=False)
    ]
    for one in pair:
        await open_link(ws, one)
        one.log_in()
        await one.ready
    began = time.perf_counter()
    for number in range(changes):
        await asyncio.sleep(max(0.0, began + number / a_second - time.perf_counter()))
        pair[number % 2].send()
    await asyncio.gather(*[one.closed for one in pair])
    assert not answers.errors, answers.example
    return len(answers.seconds)
