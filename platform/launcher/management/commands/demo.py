"""`manage.py demo capital`: a short story that shows what the exchange does with one deposit."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from launcher import capital

STORIES = {"capital": capital.tell}


class Command(BaseCommand):
    help = "Tell a story of the exchange, on an engine of its own; nothing is stored."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name of the story."""
        parser.add_argument("story", choices=sorted(STORIES))

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell it."""
        STORIES[options["story"]](self.stdout.write)
