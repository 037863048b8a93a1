"""WebSocket clients: their sockets, what they say, subscriptions and their signatures.

Pings are the server's (edge/__main__.py); orders through a socket are edge/entry.py.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from accounts.access import Access
from accounts.scopes import READ
from edge.auth import Keys, Signed, authenticate
from edge.clients import Client, Sender
from edge.entry import METHOD_PREFIX, Entry, Frame
from edge.http import Receive, Scope, Send, address_of
from edge.topics import (
    INVALID_SIGNATURE,
    INVALID_STREAM,
    PARSE_ERROR,
    PRIVATE_PREFIX,
    StreamError,
    Topics,
)
from edge.wire import WIRE, Wire
from trading.refusals import Refusal

INSTRUCTION: Final = "subscribe"
MAX_SUBSCRIPTIONS: Final = 1_000
# Subscribing needs few messages; each costs up to a signature. Orders have a limit of their own.
MAX_MESSAGES_PER_MINUTE: Final = 600
MAX_MESSAGE_CHARACTERS: Final = 64 * 1024
TOO_TALKATIVE: Final = 1008

Welcome = Callable[[Client, str, int], None]


_decode = msgspec.json.Decoder(Frame).decode
_decode_names = msgspec.json.Decoder(list[str]).decode
_BROKEN: Final = (msgspec.DecodeError, UnicodeError, RecursionError)


class Feeds:
    """All sockets of this process."""

    def __init__(self, keys: Keys, topics: Topics, welcome: Welcome, entry: Entry) -> None:
        self.keys = keys
        self.topics = topics
        # Called for each new subscription: (client, stream, account).
        self.welcome = welcome
        self.entry = entry
        self.sender = Sender()
        self.clients: dict[Client, None] = {}

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one socket from its handshake to its end."""
        await receive()
        if scope["path"] not in ("/", ""):
            await send({"type": "websocket.close", "code": 1000})
            return
        wire: Wire = scope["extensions"][WIRE]
        client = Client(wire, self.sender, address=address_of(scope))
        await send({"type": "websocket.accept"})
        self.clients[client] = None
        wire.heard = lambda text: self.hear(client, text)
        wire.drained = lambda: self.sender.due(client)
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                # What was said before anybody listened.
                self.hear(client, message.get("text"))
        finally:
            wire.heard = wire.drained = None
            self._forget(client)
            await self.entry.ended(client)

    def drop_revoked(self) -> None:
        """End private subscriptions and logins whose key is revoked, expired or limited."""
        now = time.time()
        for client in list(self.clients):
            for (account, name), public_key in list(client.subscriptions.items()):
                if public_key and not self._may_listen(public_key, account, client.address, now):
                    self._leave(client, name, account)
            self.entry.drop_revoked(client)

    def _may_listen(self, public_key: str, account: int, address: str, now: float) -> bool:
        access = self.keys.find(public_key)
        if access is None or access.account != account:
            return False
        return access.objection(scope=READ, address=address, now=now) is None

    def hear(self, client: Client, text: str | None) -> None:
        """Do what one message of a client says; text is None for what is no text."""
        if text is None or len(text) > MAX_MESSAGE_CHARACTERS:
            heard = False
            client.push_error(PARSE_ERROR)
        else:
            heard = self.handle(client, text)
        if not heard and client.says(time.monotonic()) > MAX_MESSAGES_PER_MINUTE:
            client.end(TOO_TALKATIVE, f"More than {MAX_MESSAGES_PER_MINUTE} messages a minute")

    def handle(self, client: Client, text: str) -> bool:
        """Do what a text says; True if that is counted elsewhere. Subscribing is not answered."""
        try:
            frame = _decode(text)
            if frame.method.startswith(METHOD_PREFIX):
                return self.entry.hear(client, frame)
            names = _decode_names(frame.params)
        except _BROKEN:
            client.push_error(PARSE_ERROR)
            return False
        if frame.method == "SUBSCRIBE":
            self._subscribe(client, names, frame.signature)
        elif frame.method == "UNSUBSCRIBE":
            for key in [key for key in client.subscriptions if key[1] in names]:
                self._leave(client, key[1], key[0])
        else:
            client.push_error(PARSE_ERROR)
        return False

    def _subscribe(self, client: Client, names: list[str], signature: list[str] | None) -> None:
        access, public_key = None, ""
        if any(name.startswith(PRIVATE_PREFIX) for name in names):
            if signature is None or len(signature) != 4:
                client.push_error(INVALID_SIGNATURE)
                return
            found = self._signer(signature, client.address)
            if isinstance(found, Refusal):
                client.push_error(_told(found))
                return
            access, public_key = found, signature[0]
        for name in names:
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
            Signed.of(signature, address),
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
