"""WebSocket clients: subscriptions, signatures, and one bounded queue each.

A client that does not read is cut off; values which replace each other (tickers, marks, the top
of the book) are conflated before that. Pings are the server's (`--ws-ping-interval`).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from accounts.access import Access
from accounts.scopes import READ
from edge.auth import Keys, Signed, authenticate
from edge.http import Receive, Scope, Send, address_of
from edge.topics import (
    INVALID_SIGNATURE,
    INVALID_STREAM,
    PARSE_ERROR,
    PRIVATE_PREFIX,
    StreamError,
    TopicKey,
    Topics,
)
from trading.refusals import Refusal

INSTRUCTION: Final = "subscribe"
# A client this far behind would see a market that is long gone.
MAX_QUEUED: Final = 2_000
MAX_SUBSCRIPTIONS: Final = 1_000
# Subscribing needs few messages; each costs up to a signature.
MAX_MESSAGES_PER_MINUTE: Final = 600
MAX_MESSAGE_CHARACTERS: Final = 64 * 1024
TOO_SLOW: Final = 1013

Welcome = Callable[["Client", str, int], None]


class Frame(msgspec.Struct):
    """What a client says."""

    method: str
    params: list[str]
    signature: list[str] | None = None


_decode = msgspec.json.Decoder(Frame).decode
_encode = msgspec.json.encode


class Client:
    """One socket: what waits to be sent, what it listens to, and the address it comes from."""

    def __init__(self, address: str = "") -> None:
        self.address = address
        self._queue: deque[str] = deque()
        self._latest: dict[str, str] = {}
        self._wake = asyncio.Event()
        self.overrun = False
        # Each subscription with the key that proved it ("" for public ones).
        self.subscriptions: dict[TopicKey, str] = {}

    def push(self, text: str) -> None:
        """Queue a message which must arrive, in order."""
        if len(self._queue) >= MAX_QUEUED:
            self.overrun = True
        else:
            self._queue.append(text)
        self._wake.set()

    def push_latest(self, slot: str, text: str) -> None:
        """Queue a message which replaces an unsent one of the same slot."""
        if len(self._latest) >= MAX_QUEUED and slot not in self._latest:
            self.overrun = True
        else:
            self._latest[slot] = text
        self._wake.set()

    def push_error(self, error: tuple[int, str]) -> None:
        """Queue an error as the protocol writes it."""
        code, text = error
        self.push(_encode({"id": None, "error": {"code": code, "message": text}}).decode())

    def take(self) -> str | None:
        """Return the next message to send; what must arrive goes first."""
        if self._queue:
            return self._queue.popleft()
        return self._latest.pop(next(iter(self._latest))) if self._latest else None

    async def write(self, send: Send) -> None:
        """Send what is queued, until the client is cut off for not reading."""
        while not self.overrun:
            text = self.take()
            if text is None:
                self._wake.clear()
                await self._wake.wait()
            else:
                await send({"type": "websocket.send", "text": text})


class Feeds:
    """All sockets of this process."""

    def __init__(self, keys: Keys, topics: Topics, welcome: Welcome) -> None:
        self.keys = keys
        self.topics = topics
        # Called for each new private subscription: (client, stream, account).
        self.welcome = welcome
        self.clients: dict[Client, None] = {}

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one socket from its handshake to its end."""
        await receive()
        if scope["path"] not in ("/", ""):
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "websocket.accept"})
        client = Client(address_of(scope))
        self.clients[client] = None
        tasks = [
            asyncio.create_task(client.write(send)),
            asyncio.create_task(self._read(client, receive)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._forget(client)
            for task in tasks:
                task.cancel()
            # A socket that ends while something is sent to it is an ordinary end.
            await asyncio.gather(*tasks, return_exceptions=True)
        if client.overrun:
            await _close(send, TOO_SLOW, "You read too slowly: subscribe again and refetch")

    def drop_revoked(self) -> None:
        """End private subscriptions whose key may no longer listen: revoked, expired, limited."""
        now = time.time()
        for client in list(self.clients):
            for (account, name), public_key in list(client.subscriptions.items()):
                if public_key and not self._may_listen(public_key, account, client.address, now):
                    self._leave(client, name, account)

    def _may_listen(self, public_key: str, account: int, address: str, now: float) -> bool:
        access = self.keys.find(public_key)
        if access is None or access.account != account:
            return False
        return access.objection(scope=READ, address=address, now=now) is None

    async def _read(self, client: Client, receive: Receive) -> None:
        minute, messages = 0, 0
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            now = int(time.monotonic()) // 60
            minute, messages = (minute, messages + 1) if now == minute else (now, 1)
            if messages > MAX_MESSAGES_PER_MINUTE:
                return
            text = message.get("text")
            if text is None or len(text) > MAX_MESSAGE_CHARACTERS:
                client.push_error(PARSE_ERROR)
            else:
                self.handle(client, text)

    def handle(self, client: Client, text: str) -> None:
        """Do what one message of a client says. There is no acknowledgement."""
        try:
            frame = _decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            client.push_error(PARSE_ERROR)
            return
        if frame.method == "SUBSCRIBE":
            self._subscribe(client, frame)
        elif frame.method == "UNSUBSCRIBE":
            for key in [key for key in client.subscriptions if key[1] in frame.params]:
                self._leave(client, key[1], key[0])
        else:
            client.push_error(PARSE_ERROR)

    def _subscribe(self, client: Client, frame: Frame) -> None:
        access, public_key = None, ""
        if any(name.startswith(PRIVATE_PREFIX) for name in frame.params):
            if frame.signature is None or len(frame.signature) != 4:
                client.push_error(INVALID_SIGNATURE)
                return
            found = self._signer(frame.signature, client.address)
            if isinstance(found, Refusal):
                client.push_error(_told(found))
                return
            access, public_key = found, frame.signature[0]
        for name in frame.params:
            private = name.startswith(PRIVATE_PREFIX) and access is not None
            account = access.account if private and access is not None else 0
            if len(client.subscriptions) >= MAX_SUBSCRIPTIONS:
                client.push_error(INVALID_STREAM)
                return
            try:
                joined = self.topics.join(name, client, account=account)
            except StreamError as error:
                client.push_error(error.error)
                continue
            client.subscriptions[(account, name)] = public_key if private else ""
            if joined:
                self.welcome(client, name, account)

    def _signer(self, signature: list[str], address: str) -> Access | Refusal:
        """Return whose key signed a subscription."""
        return authenticate(
            self.keys,
            Signed(signature[0], signature[1], signature[2], signature[3], address),
            instruction=INSTRUCTION,
            segments=[()],
            scope=READ,
            now_ms=time.time_ns() // 1_000_000,
        )

    def _leave(self, client: Client, name: str, account: int) -> None:
        client.subscriptions.pop((account, name), None)
        self.topics.leave(name, client, account=account)

    def _forget(self, client: Client) -> None:
        self.clients.pop(client, None)
        for account, name in list(client.subscriptions):
            self._leave(client, name, account)


def _told(refusal: Refusal) -> tuple[int, str]:
    """Return the protocol's error, which has one code for all; a limit of the key is named."""
    is_limit = refusal.code in ("FORBIDDEN", "UNAUTHORIZED")
    return INVALID_SIGNATURE[0], refusal.message if is_limit else INVALID_SIGNATURE[1]


async def _close(send: Send, code: int, reason: str) -> None:
    """Say why, if the socket still takes it; the server drops it in any case."""
    try:
        async with asyncio.timeout(1):
            await send({"type": "websocket.close", "code": code, "reason": reason})
    except (TimeoutError, OSError, RuntimeError):
        return
