"""`manage.py run_feed`: give every listed asset its index price, once a second."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from prices.feed import Feed, chosen_source
from prices.recorder import Recorder
from prices.sources import Source
from prices.terms import Plan, read_plan


class Command(BaseCommand):
    help = "Submit index prices once a second: FEED=walk (demo), FEED=ccxt or FEED=tape."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        # What is wrong with the plan, the source or, later, a line of a tape is one sentence.
        try:
            plan = read_plan(settings.PRICES_FILE)
            asyncio.run(_run(chosen_source(plan), plan))
        except ValueError as error:
            raise CommandError(str(error)) from error


async def _run(source: Source, plan: Plan) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # The feed may not know the tables: the settings name what keeps its explanations.
    recorder = Recorder(import_string(settings.PRICE_RECORDS)())
    recording = asyncio.ensure_future(recorder.run())
    feed = asyncio.ensure_future(_feed(source, plan, recorder, stop))
    stopped = asyncio.ensure_future(stop.wait())
    # While the engine is away the feed waits for it: a signal must end that wait as well.
    await asyncio.wait((feed, stopped), return_when=asyncio.FIRST_COMPLETED)
    feed.cancel()
    recording.cancel()
    results = await asyncio.gather(feed, recording, return_exceptions=True)
    await source.close()
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _feed(source: Source, plan: Plan, recorder: Recorder, stop: asyncio.Event) -> None:
    await recorder.heard.wait()
    await Feed(source, plan=plan, recorder=recorder).run(stop)
