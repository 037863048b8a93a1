"""HTTP as uvicorn speaks it, except that all which is said in one turn of the loop is one write.

Head and body of an answer, or the messages for one socket, are otherwise a system call and a packet
each, and each of them wakes the reader.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# More than this goes out at once, so that a reader's slowness is noticed when it begins.
JOIN_BYTES: Final = 64 * 1024


class JoinedWrites(asyncio.Transport):
    """A transport which writes at the end of the loop's turn; all else is the real one's."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._parts: list[Any] = []
        self._bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue data."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._bytes += len(data)
        if self._bytes > JOIN_BYTES:
            self._flush()

    def write_now(self, data: bytes) -> None:
        """Write data which its writer has joined already, after what was queued."""
        if self._parts:
            self._flush()
        self._transport.write(data)

    def _flush(self) -> None:
        parts, self._parts, self._bytes = self._parts, [], 0
        # A client that has gone away within this turn is not written to.
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Close after what was queued."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._parts.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def get_write_buffer_size(self) -> int:
        return self._bytes + self._transport.get_write_buffer_size()


class Protocol(HttpToolsProtocol):
    """A connection of a browser or a bot."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a WebSocket inherits the transport."""
        # uvloop's transports are asyncio's by what they can do, not by class.
        super().connection_made(JoinedWrites(cast(asyncio.Transport, transport), self.loop))
