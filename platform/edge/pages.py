"""Django, for everything that is not hot: pages, forms, DRF and the console."""

from collections.abc import MutableMapping
from typing import Any, cast

from a2wsgi import WSGIMiddleware

from edge.http import Receive, Scope, Send

# Pages wait for the engine and for PostgreSQL, so there are more of them than cores.
PAGE_THREADS = 16
_BODILESS = frozenset({204, 304})


class Pages:
    """A WSGI application, served by threads."""

    def __init__(self, application: object) -> None:
        # The two sides of this call type the same messages in different words.
        self._application: Any = WSGIMiddleware(cast("Any", application), workers=PAGE_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ending = EndWithLastByte(send, has_body=scope["method"] != "HEAD")
        await self._application(scope, receive, ending)


class EndWithLastByte:
    """Says that an answer of known length is over when its last byte goes out, not later.

    WSGI says so in a message of its own. The client does not wait for it: it may have asked for a
    WebSocket on the same connection by then, and uvicorn, which begins to count the idle seconds of
    a connection at that message, would end the socket after five of them.
    """

    def __init__(self, send: Send, *, has_body: bool) -> None:
        self._send = send
        self._has_body = has_body
        # None while the length is unknown: then only the last message tells the client.
        self._left: int | None = None
        self._ended = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self._left = self._length_of(message)
            await self._send(message)
            if self._left == 0:
                await self._end(b"")
        elif self._left is None:
            await self._send(message)
        elif not self._ended:
            body: bytes = message.get("body", b"")
            self._left -= len(body)
            if self._left > 0:
                await self._send(message)
            else:
                await self._end(body)

    def _length_of(self, start: MutableMapping[str, Any]) -> int | None:
        if not self._has_body or start["status"] in _BODILESS:
            return 0
        for name, value in start["headers"]:
            if name.lower() == b"content-length":
                return int(value)
        return None

    async def _end(self, body: bytes) -> None:
        self._ended = True
        await self._send({"type": "http.response.body", "body": body})
