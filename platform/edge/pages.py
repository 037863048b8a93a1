"""Django's pages behind the same port: WSGI, in threads, so that they may wait."""

from collections.abc import MutableMapping
from typing import Any, Final, cast

from a2wsgi import WSGIMiddleware

from edge.http import Receive, Scope, Send

# Pages wait for the engine and for PostgreSQL, so there are more of them than cores.
PAGE_THREADS: Final = 16


class Pages:
    """A WSGI application as an ASGI one, each answer of which ends with its last byte.

    The adapter says that an answer has ended in an empty message of its own, later. By then the
    client, which has counted its bytes, may have turned the connection into a socket; the server
    would take it for an idle one and cut it off seconds later.
    """

    def __init__(self, application: Any) -> None:
        # The two sides of this call type the same messages in different words.
        self._adapted: Any = WSGIMiddleware(cast("Any", application), workers=PAGE_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._adapted(scope, receive, _Ending(send))


class _Ending:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._bytes_left: int | None = None
        self._ended = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if self._ended:
            return
        if message["type"] == "http.response.start":
            length = dict(message["headers"]).get(b"content-length")
            self._bytes_left = None if length is None else int(length)
        elif self._bytes_left is not None:
            self._bytes_left -= len(message["body"])
            self._ended = self._bytes_left == 0
            if self._ended:
                message["more_body"] = False
        await self._send(message)
