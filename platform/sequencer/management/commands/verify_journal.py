"""Replay the whole journal and compare what it gives with everything that is stored."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sequencer.database import connect
from sequencer.verify import verify


class Command(BaseCommand):
    help = "Replay the journal from the beginning; compare digests, chain and tables."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each check. Raises CommandError (exit code 1) if any failed."""
        failed = 0
        with connect("verify") as connection:
            for check in verify(connection):
                self.stdout.write(f"{'ok  ' if check.passed else 'FAIL'} {check.text}")
                failed += not check.passed
        if failed:
            raise CommandError(f"{failed} checks failed")
