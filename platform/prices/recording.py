"""Write what a source says onto a tape, second by second."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import IO

from gateway.decimals import format_decimal
from prices.quotes import Quote
from prices.sources import Source
from prices.tape import Heard, Second, Words, write_head, write_second
from prices.terms import Plan

PRICE_DECIMALS = 8


async def record(
    source: Source, tape: IO[str], *, plan: Plan, listed: Sequence[str], seconds: int
) -> int:
    """Write so many seconds of the plan's venues, and return how many quotes that were.

    The source is closed at the end. Numbers are written as they were read: what was no price is 0.
    """
    write_head(tape, plan.venues)
    began = time.time_ns() // 1_000_000
    written = 0
    for second in range(seconds):
        heard = await source.quotes(now_ms=began + second * 1_000, listed=listed, last_e8={})
        since_ms = began + (second - 1) * 1_000
        line = Second(
            s=second,
            spot=_heard_since(heard.spot, since_ms),
            perps=_heard_since(heard.perps, since_ms),
        )
        written += sum(len(assets) for part in (line.spot, line.perps) for assets in part.values())
        write_second(tape, line)
        await asyncio.sleep(max(0.0, (began + (second + 1) * 1_000) / 1_000 - time.time()))
    await source.close()
    return written


def _heard_since(assets: Mapping[str, Sequence[Quote]], since_ms: int) -> Heard:
    heard: Heard = {}
    for symbol, quotes in assets.items():
        for quote in quotes:
            if quote.heard_ms >= since_ms:
                heard.setdefault(quote.venue, {})[symbol] = _words(quote)
    return heard


def _words(quote: Quote) -> Words:
    bid, ask, last = (
        format_decimal(price, PRICE_DECIMALS)
        for price in (quote.bid_e8, quote.ask_e8, quote.last_e8)
    )
    return Words(bid, ask, last, quote.at_ms - quote.heard_ms)
