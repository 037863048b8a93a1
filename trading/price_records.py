"""The explanations of index prices in PostgreSQL: kept for the feed, read by pages, API, console.

settings.PRICE_RECORDS names PriceRecords to the feed, which may not import this app.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from django.conf import settings
from django.db import DatabaseError, connection

from engine.catalog import PriceState
from gateway.explained import Explained, Explanation, troubles
from trading.price_models import PriceHalt, PriceRecord

# A price that is asked for by time is that of the second, or the last one of a minute before it.
LOOK_BACK_SECONDS = 60
# How far back the page looks for seconds in which something was wrong, and how many it reads.
RECENT_SECONDS = 3_600
RECENT_ROWS = 600
DAY_SECONDS = 86_400


class PriceRecords:
    """The tables, as the feed knows them (prices.recorder.Records); called by threads of its."""

    def keep(self, explanations: Sequence[Explanation]) -> None:
        """Write seconds; one that is written already stays."""
        rows = [_row(explanation) for explanation in explanations]
        with _closed_if_broken():
            PriceRecord.objects.bulk_create(rows, ignore_conflicts=True)

    def halted(self) -> frozenset[str]:
        """Return the assets whose index staff have halted."""
        with _closed_if_broken():
            return frozenset(PriceHalt.objects.values_list("symbol", flat=True))


@contextmanager
def _closed_if_broken() -> Iterator[None]:
    """Have what comes after a failure begin with a new connection: no request does it here."""
    try:
        yield
    except DatabaseError:
        connection.close()
        raise


def latest() -> Explanation | None:
    """Return the newest second; None before the first."""
    return _read(PriceRecord.objects.order_by("-second").first())


def at_second(second: int) -> Explanation | None:
    """Return what held at a second: of it, or of the last one told within a minute before."""
    rows = PriceRecord.objects.filter(second__lte=second, second__gt=second - LOOK_BACK_SECONDS)
    return _read(rows.order_by("-second").first())


def recent_troubles(symbol: str, *, until: int) -> list[tuple[int, Explained]]:
    """Return the last seconds of an hour in which something was wrong with an asset."""
    rows = PriceRecord.objects.filter(
        second__gt=until - RECENT_SECONDS, second__lte=until, troubles__contains=[symbol]
    )
    found = rows.order_by("-second").values_list("second", f"assets__{symbol}")[:RECENT_ROWS]
    return [(second, msgspec.convert(told, Explained)) for second, told in found]


class StateNow(NamedTuple):
    """An asset's index as staff see it at a glance."""

    symbol: str
    told: Explained
    since: datetime
    is_well: bool
    counted: int


def states_now() -> tuple[list[StateNow], int | None]:
    """Return each asset's state, and how many seconds old that is; None before the first."""
    newest = latest()
    if newest is None:
        return [], None
    found = [
        StateNow(
            symbol=symbol,
            told=told,
            since=datetime.fromtimestamp(told.since, UTC),
            is_well=told.state is PriceState.OK,
            counted=sum(source.excluded is None for source in told.sources),
        )
        for symbol, told in newest.assets.items()
    ]
    return found, max(0, int(time.time()) - newest.second)


def forget(now: int) -> int:
    """Delete what is older than the settings keep, and return how many seconds that were.

    Seconds in which nothing was wrong go first.
    """
    quiet_before = now - settings.PRICE_RECORD_DAYS * DAY_SECONDS
    any_before = now - settings.PRICE_TROUBLE_DAYS * DAY_SECONDS
    quiet, _ = PriceRecord.objects.filter(second__lt=quiet_before, troubles=[]).delete()
    old, _ = PriceRecord.objects.filter(second__lt=any_before).delete()
    return quiet + old


def explained(row: PriceRecord) -> dict[str, Explained]:
    """Return what a row tells of each asset, by name: the database has its own order."""
    return msgspec.convert(dict(sorted(row.assets.items())), dict[str, Explained])


def _row(explanation: Explanation) -> PriceRecord:
    return PriceRecord(
        second=explanation.second,
        sequence=explanation.sequence,
        assets=msgspec.to_builtins(explanation.assets),
        troubles=troubles(explanation.assets),
    )


def _read(row: PriceRecord | None) -> Explanation | None:
    if row is None:
        return None
    return Explanation(second=row.second, sequence=row.sequence, assets=explained(row))
