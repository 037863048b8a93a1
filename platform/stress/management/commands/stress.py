"""`manage.py stress`: shock prices over a copy of the live exchange, and print what follows."""

import json
import sys
from typing import Any, NoReturn

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from engine.snapshot import SnapshotError
from sequencer.replica import Diverged
from stress import services, shown
from stress.named import TITLES
from stress.report import Report, to_data
from stress.scenario import ScenarioError
from stress.spoken import Spoken, scenario_of

WRONG_INPUT = 2
EXAMPLE = "manage.py stress --shock SOL=-30 --shock BTC=-15 --seconds 600 --books followed:50000"


class Command(BaseCommand):
    help = f"Shock prices over a copy of the live exchange, which is not touched. {EXAMPLE}"
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a scenario as people write it; stress/spoken.py explains each word."""
        several: dict[str, Any] = {"action": "append", "default": []}
        parser.add_argument("--shock", metavar="ASSET=PERCENT", help="may be repeated", **several)
        parser.add_argument("--all", default="", metavar="PERCENT", help="all but dollars")
        parser.add_argument(
            "--beta", metavar="ASSET=FACTOR", help="multiplies --all for one asset", **several
        )
        parser.add_argument("--seconds", default="", help="how long prices move (600)")
        parser.add_argument(
            "--path", default="", metavar="'60:50 600:100'", help="second:percent of the shock"
        )
        parser.add_argument("--scenario", default="", help=f"one of {', '.join(sorted(TITLES))}")
        parser.add_argument(
            "--books", default="kept", help="kept, emptied, or followed:USD quoted on each side"
        )
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report. Ends with 2 for wrong input and 1 for a run that failed."""
        spoken = Spoken(
            scenario=options["scenario"],
            shocks=" ".join(options["shock"]),
            all=options["all"],
            betas=" ".join(options["beta"]),
            seconds=options["seconds"],
            path=options["path"],
            books=options["books"],
        )
        try:
            report = services.stress(scenario_of(spoken))
        except ScenarioError as error:
            self._refuse(str(error))
        except (psycopg.Error, Diverged, SnapshotError, ValueError) as error:
            raise CommandError(f"no copy of the exchange can be shocked: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(to_data(report), indent=1))
        else:
            self._print(report)
        if report.failure:
            raise CommandError(f"the run failed: {report.failure}")

    def _refuse(self, words: str) -> NoReturn:
        self.stderr.write(f"stress: {words}")
        sys.exit(WRONG_INPUT)

    def _print(self, report: Report) -> None:
        self.stdout.write(shown.began(report))
        for figure in shown.headline(report):
            self.stdout.write(f"  {figure.title:32}{figure.value:>32}   {figure.more}")
        for table in shown.tables(report):
            self.stdout.write(f"\n{table.title}")
            rows = [table.columns, *table.rows]
            widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
            for row in rows:
                cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                self.stdout.write("  " + "  ".join(cells).rstrip())
