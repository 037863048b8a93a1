"""`manage.py run_bots`: trade on the exchange through its public API, as a demo."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bots.lives import run
from bots.roster import Roster, RosterError, read_roster


class Command(BaseCommand):
    help = "Run the demo's market maker and taker: outside clients of the REST API."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the roster's path."""
        parser.add_argument("--file", type=Path, default=None, help="default: $DATA/bots.json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or Ctrl-C; the quotes are taken back on the way out."""
        try:
            roster = read_roster(options["file"])
        except RosterError as error:
            raise CommandError(str(error)) from error
        asyncio.run(_run(roster))


async def _run(roster: Roster) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(run(roster))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
