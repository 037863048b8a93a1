"""Pages through the WSGI adapter: when an answer ends, and for whom."""

import asyncio
import threading
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest

from edge.pages import Pages

SCOPE = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "query_string": b"",
    "headers": [],
    "server": ("127.0.0.1", 80),
    "client": ("127.0.0.1", 1),
}


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize("length", ["5", None])
def test_an_answer_of_known_length_ends_with_its_last_byte(length: str | None) -> None:
    may_return = threading.Event()
    told: list[tuple[bytes, bool]] = []

    def page(environ: object, start: Callable[..., object]) -> Iterator[bytes]:
        start("200 OK", [] if length is None else [("Content-Length", length)])
        yield b"he"
        yield b"llo"
        may_return.wait(30)

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            told.append((message["body"], message.get("more_body", False)))

    async def serve() -> None:
        serving = asyncio.ensure_future(Pages(page)(SCOPE, receive, send))
        async with asyncio.timeout(30):
            while len(told) < 2:
                await asyncio.sleep(0.001)
            # The page has not returned yet, but its reader has every byte it was promised.
            assert told == [(b"he", True), (b"llo", length is None)]
            may_return.set()
            await serving

    try:
        asyncio.run(serve())
    finally:
        may_return.set()
    assert told[2:] == ([(b"", False)] if length is None else [])
