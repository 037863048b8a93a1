"""Write a snapshot of the engine's state, beside the running engine."""

from typing import Any

from django.core.management.base import BaseCommand

from sequencer.services import write_snapshot


class Command(BaseCommand):
    help = "Write a snapshot of the latest committed state; the engine is not disturbed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it and say up to which command it goes."""
        self.stdout.write(f"snapshot at {write_snapshot()}")
