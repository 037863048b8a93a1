"""Where an answer of Django's ends, as the server hears it."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from edge.pages import EndWithLastByte

LENGTH_5 = [(b"Content-Type", b"text/html"), (b"Content-Length", b"5")]
Message = MutableMapping[str, Any]


def heard(status: int, headers: Any, parts: list[bytes], *, has_body: bool = True) -> list[Any]:
    """Answer as WSGI does, its end in a message of its own; return (body, is it the end) each."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer() -> None:
        ending = EndWithLastByte(send, has_body=has_body)
        await ending({"type": "http.response.start", "status": status, "headers": headers})
        for part in parts:
            await ending({"type": "http.response.body", "body": part, "more_body": True})
        # By now the client has the last byte and may have sent its next request.
        before = len(sent)
        await ending({"type": "http.response.body", "body": b""})
        ended_before = len(sent) == before
        assert ended_before == (headers is LENGTH_5 or not has_body or status in (204, 304))

    asyncio.run(answer())
    assert sent[0] == {"type": "http.response.start", "status": status, "headers": headers}
    return [(message["body"], not message.get("more_body")) for message in sent[1:]]


@pytest.mark.parametrize(
    ("status", "headers", "parts", "expected"),
    [
        (200, LENGTH_5, [b"hello"], [(b"hello", True)]),
        (200, LENGTH_5, [b"he", b"", b"llo"], [(b"he", False), (b"", False), (b"llo", True)]),
        (200, [], [b"he", b"llo"], [(b"he", False), (b"llo", False), (b"", True)]),
        (204, [], [], [(b"", True)]),
        (304, [], [b""], [(b"", True)]),
    ],
)
def test_an_answer_ends_with_its_last_byte(
    status: int, headers: Any, parts: list[bytes], expected: list[tuple[bytes, bool]]
) -> None:
    assert heard(status, headers, parts) == expected


def test_an_answer_to_head_ends_with_its_headers() -> None:
    assert heard(200, LENGTH_5, [b""], has_body=False) == [(b"", True)]
