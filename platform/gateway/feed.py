"""What the exchange shows: a snapshot, then a batch after each commit."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from django.conf import settings

from gateway import codec
from gateway.codec import FeedBatch, FeedItem, FeedSnapshot, MarketSnapshot, decode_events
from gateway.transport import Address, parse_addresses

__all__ = ["FeedBatch", "FeedItem", "FeedSnapshot", "MarketSnapshot", "decode_events", "follow"]

RECONNECT_SECONDS = 0.1
_LENGTH_BYTES = 4
_log = logging.getLogger(__name__)


async def follow(
    address: str | None = None, *, lost: Callable[[], None] | None = None
) -> AsyncIterator[FeedSnapshot | FeedBatch]:
    """Yield the feed for ever; a connection that breaks is opened again.

    The first item after each connection is a FeedSnapshot: what the reader kept is replaced by it.
    `lost` is called when a connection ends: until the next item, what the reader keeps is old.
    """
    addresses = parse_addresses(address or settings.ENGINE_ADDRESS)
    connected = True
    while True:
        for candidate in addresses:
            try:
                async for message in _follow_once(candidate):
                    connected = True
                    yield message
            except (OSError, EOFError, codec.FrameError) as error:
                if connected and lost is not None:
                    lost()
                if connected:
                    _log.warning("the feed of %s is away (%s); connecting again", candidate, error)
                connected = False
        await asyncio.sleep(RECONNECT_SECONDS)


async def _follow_once(address: Address) -> AsyncIterator[FeedSnapshot | FeedBatch]:
    if address.path is not None:
        reader, writer = await asyncio.open_unix_connection(address.path)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(codec.frame(codec.encode(codec.Follow())))
        while True:
            length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
            if length > codec.MAX_FEED_BYTES:
                raise codec.FrameError(f"a feed frame of {length} bytes")
            yield codec.decode_feed(await reader.readexactly(length))
    finally:
        writer.close()
