"""Run the engine: one process, one writer. A second one stands by and takes over."""

import logging
import sys
import time
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from engine.snapshot import SnapshotError
from gateway.transport import INLINE, parse_addresses
from sequencer import process
from sequencer.database import connect
from sequencer.replica import Diverged

# A database that restarts under its supervisor is back well within this time.
DATABASE_WAIT_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run the engine, the one process which changes money. A second one stands by."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--address", help="where to listen (default: the first ENGINE_ADDRESS)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse what would be unsafe, then run until asked to end."""
        if sys.flags.optimize:
            raise CommandError("python -O drops the asserts that protect money: run without it")
        text = options["address"] or settings.ENGINE_ADDRESS
        if text == INLINE:
            raise CommandError('ENGINE_ADDRESS is "inline": there is no engine to run')
        address = parse_addresses(text)[0]
        _wait_for_database()
        try:
            process.run(address)
        except (Diverged, SnapshotError) as error:
            raise CommandError(f"{error}. Nothing was changed; see docs/ledger.md") from error
        except psycopg.Error as error:
            raise CommandError(f"the database failed: {error}") from error
        except OSError as error:
            raise CommandError(f"cannot listen on {address}: {error}") from error
        except KeyboardInterrupt:
            _log.info("stopped while standing by")


def _wait_for_database() -> None:
    deadline = time.monotonic() + DATABASE_WAIT_SECONDS
    while True:
        try:
            connect("probe").close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise CommandError(f"the database cannot be reached: {error}") from error
            time.sleep(0.2)
        else:
            return
