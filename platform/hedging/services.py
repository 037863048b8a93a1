"""Hedging as the worker, the job and the console ask for it: one look at one desk at a time."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from hedging import alarms
from hedging.ccxt_venue import CcxtVenue, NoSuchVenue, read_venue
from hedging.cycle import VENUE_AWAY, Outcome, look
from hedging.models import Desk
from hedging.paper import PaperVenue
from hedging.record import DeskRecord
from hedging.venue import Venue, VenueAway

log = logging.getLogger(__name__)

# Of PostgreSQL's advisory locks, those of desks.
LOCK_CLASS = 0x4DE5
# A requests session is for one thread, and so is a ccxt exchange.
_local = threading.local()


def hedge(market: str, *, may_order: bool = True) -> Outcome | None:
    """Look at the desk of a market and send what is missing; None if another process is at it.

    Safe to call from anywhere, at any time, however often: what was begun is taken up, and what
    was sent is never sent as another order.

    Args:
        may_order: false to find out only how things stand.
    """
    desk = Desk.objects.get(market=market)
    with desk_lock(desk) as held:
        if not held:
            return None
        # Staff may have changed it before the lock was ours.
        desk.refresh_from_db()
        try:
            venue = venue_of(desk)
        except (NoSuchVenue, VenueAway) as error:
            alarms.begin(desk, VENUE_AWAY, str(error))
            return Outcome(act=None, waits=True, message=str(error))
        return look(DeskRecord(desk, may_order=may_order), venue)


def hedge_all() -> dict[str, Outcome | None]:
    """Look at every desk; one that fails must not keep the others waiting."""
    outcomes: dict[str, Outcome | None] = {}
    for market in Desk.objects.order_by("market").values_list("market", flat=True):
        try:
            outcomes[market] = hedge(market)
        except Exception:
            log.exception("the desk of %s failed", market)
            desk = Desk.objects.get(market=market)
            alarms.begin(desk, alarms.FAILED, "A look at the desk failed: see the log.")
            outcomes[market] = Outcome(act=None, waits=True, message="failed")
        else:
            alarms.end(Desk.objects.get(market=market), alarms.FAILED)
    return outcomes


def venue_of(desk: Desk) -> Venue:
    """Return the venue of a desk, as this thread keeps it. Raises NoSuchVenue, VenueAway."""
    if desk.paper:
        return PaperVenue(desk.market, desk.venue_symbol)
    described = read_venue(settings.HEDGE_VENUES_FILE, desk.venue)
    kept: dict[tuple[str, str], tuple[object, Venue]] = _local.__dict__.setdefault("venues", {})
    key = (desk.venue, desk.venue_symbol)
    if key not in kept or kept[key][0] != described:
        try:
            kept[key] = (described, CcxtVenue(described, desk.venue_symbol))
        except (AttributeError, TypeError) as error:
            raise NoSuchVenue(f"ccxt has no class {described['class']!r}: {error}") from error
    return kept[key][1]


@contextmanager
def desk_lock(desk: Desk) -> Iterator[bool]:
    """Hold the desk for this connection; yields whether it could be had.

    It ends with the connection. Whoever then comes before the answer to an order is back finds its
    attempt stored, and waits for longer than the order can be on its way.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, desk.pk])
        row = cursor.fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held:
            with suppress(OperationalError, InterfaceError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_CLASS, desk.pk])
