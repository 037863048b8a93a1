"""What a source of quotes is: real venues, a tape, or the walk. All go through the same index."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from prices.quotes import Quote


class Quotes(msgspec.Struct, frozen=True):
    """What each source says in one second: by asset, of the asset and of perpetuals on it."""

    spot: Mapping[str, Sequence[Quote]]
    perps: Mapping[str, Sequence[Quote]] = {}


class Source(Protocol):
    """Where quotes come from. It answers at once with what it has; an old quote shows its age."""

    name: str

    async def quotes(
        self, *, now_ms: int, listed: Sequence[str], last_e8: Mapping[str, int]
    ) -> Quotes: ...

    async def close(self) -> None: ...
