"""What the fast paths answer: a status and ready bytes, which the edge writes out."""

from typing import Final

import msgspec

from trading.refusals import REJECT_HEADER, Refusal

JSON: Final = b"application/json; charset=utf-8"
TEXT: Final = b"text/plain; charset=utf-8"
# Who asked for what is nobody else's business, and never stored on the way.
PRIVATE: Final = b"no-store"
_REJECT_HEADER: Final = REJECT_HEADER.lower().encode()

encode = msgspec.json.Encoder().encode
encode_sorted = msgspec.json.Encoder(order="sorted").encode


class Answer(msgspec.Struct, frozen=True):
    """A whole HTTP answer."""

    status: int
    body: bytes
    content_type: bytes = JSON
    cache_control: bytes = PRIVATE
    headers: tuple[tuple[bytes, bytes], ...] = ()


def answer(data: object, *, cache_seconds: int = 0) -> Answer:
    """Return 200 with `data` as JSON. A dictionary is written in its own order.

    Args:
        cache_seconds: how long a shared cache may keep it; 0 is not at all.
    """
    cache = b"s-maxage=%d" % cache_seconds if cache_seconds else PRIVATE
    return Answer(200, encode(data), JSON, cache)


def text(body: str) -> Answer:
    """Return 200 with plain text."""
    return Answer(200, body.encode(), TEXT)


def refused(refusal: Refusal) -> Answer:
    """Return the answer which says no, as every client of this API reads it."""
    body = encode({"code": refusal.code, "message": refusal.message})
    headers = ((_REJECT_HEADER, refusal.reject.encode()),) if refusal.reject else ()
    return Answer(refusal.status, body, JSON, PRIVATE, headers)
