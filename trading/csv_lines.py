"""CSV, line by line: cells that are safe to open in a spreadsheet, times in UTC."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

# What spreadsheets take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the headings and the rows as lines of CSV."""
    write = csv.writer(_Echo()).writerow
    yield write(headings)
    for cells in rows:
        yield write([_plain(cell) for cell in cells])


def time_cell(at: datetime) -> str:
    """Return a moment (UTC) to the microsecond."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(cell: str) -> str:
    """Return the cell so that no spreadsheet runs it; numbers stay numbers."""
    if cell.startswith(_FORMULA) and not cell[1:].replace(".", "", 1).isdigit():
        return "'" + cell
    return cell
