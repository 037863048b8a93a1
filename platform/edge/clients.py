"""One bounded queue for each socket, and who empties them all.

A client that does not read costs its queue and no more: it is cut off when that is full, and nobody
waits for it. Values which replace each other (tickers, marks, the top of the book) are conflated
before that.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from edge.frames import Message
from edge.topics import TopicKey

# A client this far behind would see a market that is long gone.
MAX_QUEUED: Final = 2_000
MAX_QUEUED_BYTES: Final = 4 * 1024 * 1024
# About as much as a transport takes before it says that the client does not keep up.
WRITE_BYTES: Final = 64 * 1024
TOO_SLOW: Final = 1013
# However many clients there are, none waits longer than this for what the loop could send it.
MAX_REST_SECONDS: Final = 0.05
_encode = msgspec.json.encode


class Outlet(Protocol):
    """A socket to write to; see edge.wire.Wire."""

    @property
    def packs(self) -> bool: ...

    @property
    def takes_more(self) -> bool: ...

    def write(self, frames: bytes) -> None: ...

    def end(self, code: int, reason: str) -> None: ...


class Client:
    """One socket: what waits to be sent, and what it listens to."""

    def __init__(
        self,
        outlet: Outlet | None = None,
        sender: "Sender | None" = None,
        *,
        address: str = "",
    ) -> None:
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._latest: dict[str, Message] = {}
        self._outlet = outlet
        self._sender = sender
        self.packs = outlet is not None and outlet.packs
        self.address = address
        self._said = (0, 0)
        self.overrun = False
        # Each subscription with the key that proved it ("" for public ones).
        self.subscriptions: dict[TopicKey, str] = {}

    def says(self, now: float) -> int:
        """Count a message of the client and return how many there were in this minute."""
        minute, messages = self._said
        this = int(now) // 60
        self._said = (this, messages + 1 if this == minute else 1)
        return self._said[1]

    def push(self, message: Message) -> None:
        """Queue a message which must arrive, in order."""
        self._queue_up(message)
        if self._sender is not None:
            self._sender.due(self)

    def push_latest(self, slot: str, message: Message) -> None:
        """Queue a message which replaces an unsent one of the same slot."""
        if len(self._latest) >= MAX_QUEUED and slot not in self._latest:
            self._overrun()
        else:
            self._latest[slot] = message
        if self._sender is not None:
            self._sender.due(self)

    def push_error(self, error: tuple[int, str]) -> None:
        """Queue an error as the protocol writes it."""
        code, text = error
        self.push(Message(_encode({"id": None, "error": {"code": code, "message": text}})))

    def answer(self, message: Message) -> None:
        """Queue the answer to something that this client asked; it does not wait for others."""
        self._queue_up(message)
        if self._sender is not None:
            self._sender.due_now(self)

    def take(self) -> Message | None:
        """Return the next message to send; what must arrive goes first."""
        if self._queue:
            message = self._queue.popleft()
            self._queued_bytes -= len(message.body)
            return message
        return self._latest.pop(next(iter(self._latest))) if self._latest else None

    def flush(self) -> None:
        """Write what the socket takes of what waits; what it does not take goes on waiting."""
        outlet = self._outlet
        assert outlet is not None, "only a client with a socket is ever due"
        if self.overrun:
            outlet.end(TOO_SLOW, "You read too slowly: subscribe again and refetch")
            return
        while outlet.takes_more and (frames := self._frames()):
            outlet.write(frames)

    def end(self, code: int, reason: str) -> None:
        """End the socket, and say why."""
        if self._outlet is not None:
            self._outlet.end(code, reason)

    def _frames(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while size < WRITE_BYTES and (message := self.take()) is not None:
            frame = message.frame(packed=self.packs)
            parts.append(frame)
            size += len(frame)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _queue_up(self, message: Message) -> None:
        if len(self._queue) >= MAX_QUEUED or self._queued_bytes >= MAX_QUEUED_BYTES:
            self._overrun()
        if self.overrun:
            return
        self._queue.append(message)
        self._queued_bytes += len(message.body)

    def _overrun(self) -> None:
        """Give up on the client: what it has not read would be of no use to it."""
        self.overrun = True
        self._queue.clear()
        self._latest.clear()
        self._queued_bytes = 0


class Sender:
    """Writes to all clients that have something waiting, at the end of the loop's turn.

    After a long round it rests as long as that took: with many clients messages go out together,
    one write for each client and round, and half of the time is left for everything else.
    """

    def __init__(self) -> None:
        self._due: dict[Client, None] = {}
        self._due_now: dict[Client, None] = {}
        self._rested_at = 0.0

    def due(self, client: Client) -> None:
        """Note that a client has something waiting."""
        if not self._due:
            loop = asyncio.get_running_loop()
            rest = self._rested_at - loop.time()
            _call(loop, rest, self._round)
        self._due[client] = None

    def due_now(self, client: Client) -> None:
        """Note that a client has an answer waiting: of those there is no more than was asked."""
        if not self._due_now:
            asyncio.get_running_loop().call_soon(self._answers)
        self._due_now[client] = None

    def _round(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        due, self._due = self._due, {}
        for client in due:
            client.flush()
        ended = loop.time()
        self._rested_at = ended + min(ended - began, MAX_REST_SECONDS)

    def _answers(self) -> None:
        due, self._due_now = self._due_now, {}
        for client in due:
            client.flush()


def _call(loop: asyncio.AbstractEventLoop, rest: float, work: Callable[[], None]) -> None:
    if rest > 0:
        loop.call_later(rest, work)
    else:
        loop.call_soon(work)
