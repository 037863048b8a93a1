"""WebSocket frames, made once for everybody who is sent the same (RFC 6455, RFC 7692)."""

import zlib
from typing import Final

# Shorter messages hardly shrink: most of what they say, they say once.
PACK_FROM_BYTES: Final = 400
# A client that wants a smaller window than this is sent its messages as they are.
WINDOW_BITS: Final = 12
_TEXT: Final = 0x81
_PACKED_TEXT: Final = 0xC1
_LEVEL: Final = 1
_MEMORY_LEVEL: Final = 5
_EMPTY_BLOCK_BYTES: Final = 4


class Message:
    """A text message. Its frames are made when somebody needs them first."""

    __slots__ = ("_packed", "_plain", "body")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._plain: bytes | None = None
        self._packed: bytes | None = None

    def frame(self, *, packed: bool) -> bytes:
        """Return the frame, compressed if that is `packed` for and worth it."""
        if packed and len(self.body) >= PACK_FROM_BYTES:
            if self._packed is None:
                self._packed = _frame(_deflate(self.body), first=_PACKED_TEXT)
            return self._packed
        if self._plain is None:
            self._plain = _frame(self.body, first=_TEXT)
        return self._plain


def _frame(payload: bytes, *, first: int) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def _deflate(body: bytes) -> bytes:
    """Compress without the messages before it: so one frame serves every client."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -WINDOW_BITS, _MEMORY_LEVEL)
    return (packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH))[:-_EMPTY_BLOCK_BYTES]
