"""Who signed a request: headers, time window, key, signature, in this order. Memory only."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from accounts import acts, signature
from accounts.access import Access, Denial
from trading.refusals import INVALID_SIGNATURE, Refusal, invalid_request

UNSIGNED = Refusal(
    401,
    "UNAUTHORIZED",
    "Sign the request: X-API-Key, X-Signature and X-Timestamp are required",
)
UNKNOWN_KEY = Refusal(401, "UNAUTHORIZED", "Unknown or revoked API key: make one in the settings")


class Keys(Protocol):
    """Finds what a live key may do; see accounts.access_book.AccessBook."""

    def find(self, public_key: str) -> Access | None: ...

    def used(self, public_key: str, address: str) -> None: ...


class Signed(NamedTuple):
    """What a caller sent to prove itself, as text, and from where."""

    public_key: str
    signature: str
    timestamp: str
    window: str
    address: str

    @classmethod
    def of(cls, parts: Sequence[str], address: str) -> "Signed":
        """Return what the four parts of a socket's signature say."""
        public_key, sealed, timestamp, window = parts
        return cls(public_key, sealed, timestamp, window, address)


def signed_headers(headers: Iterable[tuple[bytes, bytes]], address: str) -> Signed | None:
    """Return the signature headers (names in lower case), or None if one is missing."""
    key = sealed = timestamp = ""
    window = signature.DEFAULT_WINDOW_MS
    for name, value in headers:
        if name == b"x-api-key":
            key = value.decode("latin-1")
        elif name == b"x-signature":
            sealed = value.decode("latin-1")
        elif name == b"x-timestamp":
            timestamp = value.decode("latin-1")
        elif name == b"x-window":
            window = value.decode("latin-1")
    if not (key and sealed and timestamp):
        return None
    return Signed(key, sealed, timestamp, window, address)


def authenticate(
    keys: Keys,
    signed: Signed,
    *,
    instruction: str,
    segments: Sequence[signature.Parameters],
    scope: str,
    now_ms: int,
) -> Access | Refusal:
    """Return what the signer may do, or why the request is not believed or not allowed.

    Args:
        scope: which scope of a key such a request needs.
    """
    stale = signature.staleness(timestamp=signed.timestamp, window=signed.window, now_ms=now_ms)
    if stale is not None:
        return invalid_request(stale)
    if keys.find(signed.public_key) is None:
        return UNKNOWN_KEY
    genuine = signature.verify(
        public_key=signed.public_key,
        signature=signed.signature,
        instruction=instruction,
        segments=segments,
        expiry=signature.signed_expiry(signed.timestamp, signed.window),
    )
    if not genuine:
        return INVALID_SIGNATURE
    return admitted(keys, signed.public_key, scope=scope, address=signed.address, now=now_ms / 1000)


def admitted(
    keys: Keys, public_key: str, *, scope: str, address: str, now: float
) -> Access | Refusal:
    """Return what a key may do now whose holder has proved to have it, or why nothing.

    Args:
        now: Unix seconds.
    """
    access = keys.find(public_key)
    if access is None:
        return UNKNOWN_KEY
    objection = access.objection(scope=scope, address=address, now=now)
    if objection is not None:
        acts.note_denial(access, Denial(scope, "key", objection.message))
        return Refusal(*objection)
    keys.used(public_key, address)
    return access
