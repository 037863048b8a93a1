"""WebSocket as uvicorn speaks it, with a shorter way for messages in both directions.

What a client says goes straight to who listens, and ready frames go straight to the transport:
the way through ASGI costs a task switch and a dictionary for each. Handshake, pings, fragments and
closing stay uvicorn's.
"""

import logging
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.server import ServerProtocol

from edge.frames import WINDOW_BITS
from edge.protocol import JoinedWrites

GOING_AWAY: Final = 1001
INVALID_TEXT: Final = 1007
# How long a client may take to read why its socket ends, and to agree.
GOODBYE_SECONDS: Final = 10.0
# The process itself does not wait longer for its clients.
SHUTDOWN_SECONDS: Final = 2.0
# The name under which the application finds this in the scope's extensions.
WIRE: Final = "satchel.wire"
_log = logging.getLogger("uvicorn.error")


class Wire(WebSocketsSansIOProtocol):
    """One socket. `heard` gets each text (None for anything else), `drained` says: write on."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.heard: Callable[[str | None], None] | None = None
        self.drained: Callable[[], None] | None = None
        # Each message stands for itself, so that all clients can be sent the same bytes.
        deflate = ServerPerMessageDeflateFactory(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=WINDOW_BITS,
        )
        self.conn = ServerProtocol(
            extensions=[deflate], max_size=self.config.ws_max_size, logger=_log
        )

    @property
    def packs(self) -> bool:
        """Whether the client takes compressed frames of ours."""
        return any(
            isinstance(one, PerMessageDeflate) and one.local_max_window_bits >= WINDOW_BITS
            for one in self.conn.extensions
        )

    @property
    def takes_more(self) -> bool:
        """Whether what was written so far has mostly left."""
        return self.writable.is_set()

    def write(self, frames: bytes) -> None:
        """Send whole frames now."""
        if not self.close_sent and not self.transport.is_closing():
            cast(JoinedWrites, self.transport).write_now(frames)

    def end(self, code: int, reason: str, *, seconds: float = GOODBYE_SECONDS) -> None:
        """Say why, then drop the socket when the client agrees or after some seconds."""
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(seconds, self.transport.abort)

    def shutdown(self) -> None:
        """End because the process does: clients come back when they are told 1001."""
        if self.handshake_complete and not self.close_sent:
            self.end(GOING_AWAY, "The exchange restarts: connect again", seconds=SHUTDOWN_SECONDS)
        else:
            super().shutdown()

    async def run_asgi(self) -> None:
        """Serve the socket, with this in its scope."""
        extensions = cast(dict[str, Any], self.scope["extensions"])
        extensions[WIRE] = self
        await super().run_asgi()

    def send_receive_event_to_app(self) -> None:
        """Give a whole message to who listens."""
        if self.heard is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type != "text":
            self.heard(None)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.end(INVALID_TEXT, "Not UTF-8")
            return
        self.heard(text)

    def resume_writing(self) -> None:
        """Go on with what waits."""
        super().resume_writing()
        if self.drained is not None:
            self.drained()
