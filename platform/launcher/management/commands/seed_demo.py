"""`manage.py seed_demo`: make or complete the demo, in a database that is empty or the demo's."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.errors import GatewayError
from launcher.demo import NotADemo, seed


class Command(BaseCommand):
    help = "Make or complete the demo: listings, users, keys, money. Needs DEMO=1 and an engine."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where its files go and where the exchange answers."""
        parser.add_argument("--data", type=Path, default=Path(os.environ.get("DATA", "var")))
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed once; at every other start only look."""
        if not settings.DEMO:
            raise CommandError("DEMO=1 is not set: only a demo is seeded with demo users.")
        options["data"].mkdir(parents=True, exist_ok=True)
        try:
            seed(options["data"], port=options["port"])
        except (NotADemo, GatewayError) as error:
            raise CommandError(str(error)) from error
