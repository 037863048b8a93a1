"""`manage.py run_desk`: hedge what the desks' accounts hold, as soon as it changes."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from hedging import services, worker


class Command(BaseCommand):
    help = "Follow the engine's feed and hedge the desks' inventory at their venues."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether to look once only."""
        parser.add_argument("--once", action="store_true", help="look at every desk once, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or Ctrl-C; a look under way is finished."""
        if options["once"]:
            for market, outcome in services.hedge_all().items():
                words = "another process is at it" if outcome is None else outcome.message
                self.stdout.write(f"{market}: {words}")
            return
        asyncio.run(_run())


async def _run() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await worker.run(stop)
