"""`manage.py run_feed`: give every listed asset its index price, once a second."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prices.feed import Feed, Source, chosen_source


class Command(BaseCommand):
    help = "Submit index prices once a second: FEED=walk (demo, a random walk) or FEED=ccxt."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        try:
            source = chosen_source()
        except ValueError as error:
            raise CommandError(str(error)) from error
        asyncio.run(_run(source))


async def _run(source: Source) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    feed = asyncio.ensure_future(Feed(source).run(stop))
    stopped = asyncio.ensure_future(stop.wait())
    # While the engine is away the feed waits for it: a signal must end that wait as well.
    await asyncio.wait((feed, stopped), return_when=asyncio.FIRST_COMPLETED)
    if feed.done():
        feed.result()
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)
    await source.close()
