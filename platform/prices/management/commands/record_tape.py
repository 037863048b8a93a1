"""`manage.py record_tape`: write what the real venues say onto a tape."""

import asyncio
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from prices.recording import record
from prices.terms import read_plan
from prices.venues import VenueSource


class Command(BaseCommand):
    help = "Record the venues' quotes of some seconds; FEED=tape plays them (docs/runbook.md)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what to record, for how long, and where to."""
        parser.add_argument("path", type=Path, help="The file to write; it must not exist.")
        parser.add_argument("--seconds", type=int, default=600)
        parser.add_argument("--assets", nargs="+", help="Symbols; without, those of the plan.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Record, and say how many quotes were heard."""
        try:
            plan = read_plan(settings.PRICES_FILE)
            with options["path"].open("x", encoding="utf-8") as tape:
                heard = asyncio.run(
                    record(
                        VenueSource(plan),
                        tape,
                        plan=plan,
                        listed=options["assets"] or list(plan.assets),
                        seconds=options["seconds"],
                    )
                )
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{heard} quotes in {options['seconds']} seconds: {options['path']}")
