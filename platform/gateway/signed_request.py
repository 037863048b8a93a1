"""Command ids of a signed request: however often it is sent, what it asks for happens once.

The signature names the request. Whoever checked it calls `begin`, and each command that is then
submitted without an id of its own gets one made of that name, so that the engine's memory of
command ids meets every repeat: from another address, through another process, after a restart.
Nothing which a request does can escape by somebody forgetting to pass an id on.
"""

from contextvars import ContextVar
from hashlib import blake2b

_DIGEST_BYTES = 12


class SignedRequest:
    """The request that is being answered.

    `twins` is how many equal requests may have been carried out before and this one still counts;
    `carried_out` says that the engine has answered a command of it which it had not met before.
    """

    __slots__ = ("_places", "carried_out", "name", "twins")

    def __init__(self, name: str) -> None:
        self.name = name
        self.twins = 0
        self.carried_out = False
        self._places = 0

    def next_place(self) -> int:
        """Return where the next command stands in the request: 0, 1, …"""
        self._places += 1
        return self._places - 1

    def command_id(self, place: int, twin: int) -> str:
        """Return the id of the command at `place`, of the first of equal requests or of a twin."""
        return f"{self.name}.{place}.{twin}" if twin else f"{self.name}.{place}"


_current: ContextVar[SignedRequest | None] = ContextVar("signed_request", default=None)


def begin(*, public_key: str, signature: str, timestamp: str) -> SignedRequest:
    """Name the commands of this context after a request whose signature was verified.

    Key and signature are in their one canonical spelling: another would be another name. The id
    begins with the signed time, so that index pages are filled nearly in order.
    """
    digest = blake2b(f"{public_key}{signature}".encode(), digest_size=_DIGEST_BYTES).hexdigest()
    request = SignedRequest(f"{int(timestamp):011x}{digest}")
    _current.set(request)
    return request


def end() -> None:
    """Forget the request: a thread that goes on serves another."""
    _current.set(None)


def current() -> SignedRequest | None:
    """Return the signed request which is being answered here, if one is."""
    return _current.get()
