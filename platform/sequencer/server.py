"""The engine's socket: callers with commands and questions, and followers of the feed.

A connection that breaks the protocol, or does not read what it is sent, is ended; no other notices.
"""

import asyncio
import logging
import socket
from pathlib import Path
from typing import cast

import msgspec

from gateway import codec
from gateway.transport import Address
from sequencer.batch import Batch
from sequencer.loop import Asked, Query, Sequencer
from sequencer.publish import Feed

# More unread than this means a reader that has stopped reading.
MAX_UNREAD_BYTES = 32 * 1024 * 1024
_BACKLOG = 1024
_log = logging.getLogger(__name__)


def listening_socket(address: Address) -> socket.socket:
    """Return a bound socket. Only for the leader: it takes the place of a dead one's socket."""
    if address.path is None:
        return socket.create_server((address.host, address.port), backlog=_BACKLOG)
    path, unready = Path(address.path), Path(f"{address.path}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in (path, unready):
        if stale.is_socket():
            stale.unlink()
    if path.exists():
        raise FileExistsError(f"{path} is there and is no socket: ENGINE_ADDRESS must be another")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Whoever may open the socket may move money: only this user may, from the first moment on.
    listening.bind(str(unready))
    unready.chmod(0o600)
    listening.listen(_BACKLOG)
    unready.rename(path)
    return listening


class Hub:
    """What all connections share."""

    def __init__(self) -> None:
        self.sequencer: Sequencer
        self.feed: Feed
        self.connections: set[Connection] = set()
        self.answered: dict[Connection, None] = {}

    def committed(self, batch: Batch) -> None:
        """Send each caller its answers, in one write, and the feed to its followers."""
        for connection in self.answered:
            connection.flush()
        self.answered.clear()
        self.feed.publish(batch)


class Connection(asyncio.Protocol):
    """One caller or follower."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._reader = codec.FrameReader(codec.MAX_REQUEST_BYTES)
        self._transport: asyncio.WriteTransport | None = None
        self._answers: list[bytes] = []
        self._allowed_unread = MAX_UNREAD_BYTES

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._hub.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        # Garbage collection is off: break the cycle with the transport by hand.
        self._transport = None
        self._hub.connections.discard(self)
        self._hub.answered.pop(self, None)
        self._hub.feed.leave(self)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._reader.take(data):
                self._received(codec.decode_request(body))
        except codec.FrameError as error:
            _log.warning("a caller broke the protocol and was cut off: %s", error)
            self.abort()

    def reply(
        self, correlation: int, *, sequence: int, at_ns: int, answer: bytes, repeated: bool = False
    ) -> None:
        """Queue an outcome or answer; it leaves with the others of its commit."""
        reply = codec.Reply(correlation, sequence, at_ns, msgspec.Raw(answer), repeated)
        self._answers.append(codec.frame(codec.encode(reply)))
        self._hub.answered[self] = None

    def flush(self) -> None:
        """Send the queued answers."""
        answers, self._answers = self._answers, []
        self.send(b"".join(answers))

    def send(self, frame: bytes) -> None:
        """Send a frame, or end the connection if too much is unread already."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > self._allowed_unread:
            _log.warning("a reader was cut off: it left %d bytes unread", self._allowed_unread)
            self.abort()
            return
        self._transport.write(frame)
        # A single large frame (a snapshot, a long answer) is no sign of a slow reader.
        self._allowed_unread = max(self._allowed_unread, MAX_UNREAD_BYTES + len(frame))

    def close(self) -> None:
        """End the connection after what has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def refuse(self, correlation: int, message: str) -> None:
        """Say at once that a command or question was not taken."""
        self.send(codec.frame(codec.encode(codec.Refusal(correlation, message))))

    def _received(self, request: codec.Request | codec.Ask | codec.Follow) -> None:
        if isinstance(request, codec.Follow):
            self._hub.feed.join(self, committed=self._hub.sequencer.idle)
            return
        try:
            if isinstance(request, codec.Ask):
                question = codec.decode_question(request.question)
                refusal = self._hub.sequencer.ask(Query(question, self, request.correlation))
            else:
                raw = bytes(request.command)
                command = codec.decode_command(raw)
                asked = Asked(request.command_id, command, raw, self, request.correlation)
                refusal = self._hub.sequencer.accept(asked)
        except codec.FrameError as error:
            refusal = str(error)
        if refusal is not None:
            self.refuse(request.correlation, refusal)
