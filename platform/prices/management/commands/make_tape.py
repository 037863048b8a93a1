"""`manage.py make_tape`: write a tape which is made up, for a demo."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from prices.stories import VENUES, crash, quiet
from prices.tape import write_head, write_second

QUIET_SECONDS = 60


class Command(BaseCommand):
    help = "Write a made-up tape: `quiet`, or `crash`, a day such as 10 October 2025 in shape."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Say which story, and where to."""
        parser.add_argument("story", choices=("quiet", "crash"))
        parser.add_argument("path", type=Path, help="The file to write; it must not exist.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        story = crash() if options["story"] == "crash" else quiet(QUIET_SECONDS)
        try:
            with options["path"].open("x", encoding="utf-8") as tape:
                write_head(tape, VENUES)
                for second in story:
                    write_second(tape, second)
        except OSError as error:
            raise CommandError(str(error)) from error
