"""Sockets over a real server and real TCP: how they end, what is packed, and who does not read."""

import asyncio
import json
import os
import socket as sockets
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from edge import clients, wire
from edge.__main__ import OPTIONS
from edge.clients import MAX_QUEUED, WRITE_BYTES
from edge.frames import PACK_FROM_BYTES, Message
from tests.api.front import Front, frames_in, front

__all__ = ["front"]
SOL = "SOL_USDC"
SUBSCRIBE = json.dumps({"method": "SUBSCRIBE", "params": [f"trade.{SOL}"]})
# Some message, of the length that trades of a busy second have together.
PADDED = {"e": "trade", "pad": os.urandom(1_000).hex()}
TEXT = 0x81
TOO_LONG = 1009


class Server:
    """The edge's sockets on a port of their own, in the test's loop."""

    def __init__(self, front: Front, **options: Any) -> None:
        self.front = front
        self.listening = sockets.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        settings = {**OPTIONS, "lifespan": "off", "log_config": None, "interface": "asgi3"}
        self.server = uvicorn.Server(uvicorn.Config(front.feeds.serve, **(settings | options)))

    async def __aenter__(self) -> "Server":
        self._serving = asyncio.create_task(self.server.serve([self.listening]))
        while not self.server.started:
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.should_exit = True
        await asyncio.wait_for(self._serving, 20)

    def connect(self, **options: Any) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}", **options)

    def send(self, **more: object) -> None:
        """Publish a message to everybody who listens to trades."""
        topic = self.front.topics.find(f"trade.{SOL}")
        assert topic is not None, "nobody listens"
        topic.send(PADDED | more)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)


def run(work: Callable[[], Awaitable[None]]) -> None:
    uvloop.run(work())  # type: ignore[arg-type]


async def listening(server: Server, client: ClientConnection) -> None:
    heard = server.front.topics.find(f"trade.{SOL}")
    before = len(heard.listeners) if heard else 0
    await client.send(SUBSCRIBE)
    await server.until(
        lambda: (
            (topic := server.front.topics.find(f"trade.{SOL}")) and len(topic.listeners) > before
        )
    )


async def end_of(client: ClientConnection) -> int:
    """Return the code with which the server ends a socket."""
    with pytest.raises(ConnectionClosed) as ended:
        await asyncio.wait_for(client.recv(), 20)
    assert ended.value.rcvd is not None
    return int(ended.value.rcvd.code)


class Deaf:
    """A client which asks for trades and does not read a byte of them."""

    def __init__(self, port: int) -> None:
        self.socket = sockets.socket()
        self.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)

    async def subscribe(self) -> None:
        loop = asyncio.get_running_loop()
        head = (
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await loop.sock_sendall(self.socket, head)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await loop.sock_recv(self.socket, 1)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        text = SUBSCRIBE.encode()
        # A mask of zeros is a mask.
        await loop.sock_sendall(self.socket, bytes((TEXT, 0x80 | len(text))) + bytes(4) + text)

    async def read_until(self, last: bytes) -> bytes:
        """Wake up and read all that was sent, up to these bytes; then hang up."""
        loop, data = asyncio.get_running_loop(), b""
        async with asyncio.timeout(20):
            while not data.endswith(last):
                part = await loop.sock_recv(self.socket, 65_536)
                assert part, "the end came first"
                data += part
        self.socket.close()
        return data


def test_who_does_not_read_is_cut_off_and_slows_nobody(front: Front) -> None:
    async def work() -> None:
        async with Server(front) as server, server.connect(max_queue=None) as reader:
            deaf = Deaf(server.port)
            await deaf.subscribe()
            await server.until(lambda: front.topics.find(f"trade.{SOL}"))
            (slow,) = (client for client in front.feeds.clients if client.subscriptions)
            await listening(server, reader)
            number = 0
            while not slow.overrun:
                # The reader is always up to date before more is said, however far behind the other.
                for _ in range(20):
                    server.send(number=number)
                    number += 1
                for expected in range(number - 20, number):
                    heard = json.loads(await asyncio.wait_for(reader.recv(), 20))
                    assert heard["data"]["number"] == expected
                assert len(slow._queue) <= MAX_QUEUED
                outlet: Any = slow._outlet
                assert outlet.transport.get_write_buffer_size() < 3 * WRITE_BYTES
                assert number < 50_000, "nobody was cut off"
            await server.until(lambda: slow not in front.feeds.clients)
            assert not slow._queue, "what it would never read is dropped"
            server.send(number=-1)
            assert json.loads(await reader.recv())["data"]["number"] == -1
            data = await deaf.read_until(b"refetch")
            told = frames_in(data)
            assert int.from_bytes(told[-1][:2], "big") == clients.TOO_SLOW
            seen = [json.loads(text)["data"]["number"] for text in told[:-1]]
            assert seen == list(range(len(seen))), "nothing is missing before the cut"

    run(work)


def test_a_long_message_is_packed_once_for_all_who_take_it_so(front: Front) -> None:
    async def work() -> None:
        async with (
            Server(front) as server,
            server.connect() as packed,
            server.connect(compression=None) as plain,
        ):
            await listening(server, packed)
            await listening(server, plain)
            assert packed.protocol.extensions
            assert not plain.protocol.extensions
            sent = {client.packs: client for client in front.feeds.clients}
            for text in ("y" * 3_000, "short"):
                server.send(pad=text)
                for client in (packed, plain):
                    assert json.loads(await client.recv())["data"]["pad"] == text
            topic = front.topics.find(f"trade.{SOL}")
            assert topic is not None
            assert set(sent) == {True, False}
            # Both sides go on to understand each other, message by message.
            await packed.send(json.dumps({"method": "SUBSCRIBE", "params": ["nonsense"]}))
            assert json.loads(await packed.recv())["error"]["code"] == 4006

    run(work)


def test_a_frame_is_the_same_object_for_everybody() -> None:
    message = Message(b"z" * PACK_FROM_BYTES)
    for packed in (True, False):
        assert message.frame(packed=packed) is message.frame(packed=packed)
    squeezed = message.frame(packed=True)
    assert squeezed[0] == 0xC1
    whole = zlib.decompressobj(-12).decompress(squeezed[2:] + b"\0\0\xff\xff")
    assert whole == message.body
    assert frames_in(message.frame(packed=False)) == [message.body]
    long = Message(os.urandom(70_000))
    assert frames_in(long.frame(packed=False)) == [long.body]


def test_the_process_takes_leave_of_its_clients_with_1001(front: Front) -> None:
    async def work() -> None:
        async with Server(front) as server:
            client = await server.connect()
            await listening(server, client)
        assert await end_of(client) == wire.GOING_AWAY

    run(work)


def test_the_rhythm_of_pings_is_the_contracts() -> None:
    assert (OPTIONS["ws_ping_interval"], OPTIONS["ws_ping_timeout"]) == (60.0, 120.0)


def test_who_does_not_answer_a_ping_is_let_go(front: Front) -> None:
    async def work() -> None:
        hurried = {"ws_ping_interval": 0.02, "ws_ping_timeout": 0.05}
        async with Server(front, **hurried) as server, server.connect() as alive:
            await listening(server, alive)
            deaf = Deaf(server.port)
            await deaf.subscribe()
            data = await deaf.read_until(b"keepalive ping timeout")
            assert data[0] == 0x89, "a ping of the protocol"
            server.send(number=1)
            assert json.loads(await alive.recv())["data"]["number"] == 1

    run(work)


def test_messages_in_parts_and_messages_that_are_no_text(front: Front) -> None:
    async def work() -> None:
        async with Server(front) as server, server.connect() as client:
            await client.send([SUBSCRIBE[:10], SUBSCRIBE[10:]])
            await server.until(lambda: front.topics.find(f"trade.{SOL}"))
            await client.send(b"\x00\xff")
            assert json.loads(await client.recv())["error"]["code"] == 4002
            await client.ping()
            server.send(number=1)
            assert json.loads(await client.recv())["data"]["number"] == 1
            await client.send(b"\xff\xfe", text=True)
            assert await end_of(client) == wire.INVALID_TEXT
            long = await server.connect()
            await long.send("[" * 300_000)
            assert await end_of(long) == TOO_LONG

    run(work)
