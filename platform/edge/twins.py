"""Equal signatures which may be honest: two equal orders signed in the same millisecond.

ED25519 is deterministic, so such orders carry the same signature. They come together, to one
process and from one address. A request which was captured and is sent again does not, or meets a
first which the engine had carried out for somebody else: then it has no twins.
docs/decisions/0015-replayed-requests.md
"""

import asyncio
from typing import Final

GRACE_NS: Final = 250_000_000
# Whoever can send in another's name before the other does gains no more than this.
MAX_TWINS: Final = 3


class First:
    """The first of equal requests, while it is answered and for the grace after it came."""

    __slots__ = ("_verdict", "_waiting", "at_ns", "twins")

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self.twins = 0
        self._verdict: bool | None = None
        self._waiting: asyncio.Future[bool] | None = None

    def answered(self, *, carried_out: bool) -> None:
        """Tell its twins whether it was the one which the engine has carried out."""
        self._verdict = carried_out
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(carried_out)

    async def was_carried_out(self) -> bool:
        """Wait until it is answered, and return what became of it."""
        if self._verdict is not None:
            return self._verdict
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        # One twin that goes away must not take the answer from the others.
        return await asyncio.shield(self._waiting)


class Twins:
    """The signatures which this process has just seen, each with the address it came from."""

    def __init__(self) -> None:
        # An entry stays in one of the two for at least the grace, and for little more than twice.
        self._recent: dict[tuple[str, str], First] = {}
        self._older: dict[tuple[str, str], First] = {}
        self._began_ns = 0

    def meet(self, signature: str, address: str, now_ns: int) -> tuple[First, int]:
        """Return the first of equal requests, and how many have come since: 0 for the first itself.

        Args:
            now_ns: of a clock which is never set back.
        """
        if now_ns - self._began_ns > GRACE_NS:
            self._older, self._recent = self._recent, {}
            self._began_ns = now_ns
        key = (signature, address)
        first = self._recent.get(key) or self._older.get(key)
        if first is None or now_ns - first.at_ns > GRACE_NS:
            first = self._recent[key] = First(now_ns)
            return first, 0
        first.twins += 1
        return first, first.twins
