"""One look at a desk: what came of the open attempt, what the venue holds, and what is next.

    1  the open attempt    found at the venue by its id, its fills recorded, settled; or sent again
    2  the position        as the venue says it, against the recorded fills
    3  the decision        at most one new attempt, stored before it is sent
    4  what came of it     as 1

Whoever is killed on the way leaves an open attempt or none; the next look begins with it.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

import msgspec

from hedging.decision import (
    FILLS_LIMIT,
    Attempt,
    Cancel,
    Exposure,
    Place,
    Reason,
    Resend,
    Rest,
    Rules,
    Settle,
    Sighting,
    Standing,
    Stop,
    Terms,
    Wait,
    next_for_attempt,
    next_for_position,
)
from hedging.venue import Venue, VenueAway, VenueFill, VenueRefused

# Alarms beside those which a Reason names.
VENUE_AWAY = "venue_away"
ORDER_REFUSED = "order_refused"
OVERFILLED = "overfilled"
# An attempt is looked up, cancelled, looked up, settled: more turns are a venue that plays.
TURNS_MAX = 6
NOT_ASKED = Rest(Reason.LOOKED_ONLY)
# Clocks differ, and a fill may be stamped before the answer to its order.
CLOCK_SLACK = timedelta(minutes=5)


class Record(Protocol):
    """What a desk remembers. Each method is one transaction."""

    def terms(self) -> Terms: ...

    def standing(self) -> Standing: ...

    def exposure(self, position: Decimal) -> Exposure:
        """Return what there is to hedge now, beside a position at the venue."""

    def open_attempt(self) -> Attempt | None: ...

    def plan(self, order: Place) -> Attempt | None:
        """Store an attempt to be sent at once; None if the desk may not order any more."""

    def note_sending(self, attempt: Attempt) -> Attempt:
        """Store that it is sent once more, before it is."""

    def note_answer(self, attempt: Attempt, answer: str, *, refused: bool = False) -> None: ...

    def note_order(self, attempt: Attempt, order_id: str) -> None:
        """Store the venue's number of the attempt's order: its fills carry it."""

    def take_fills(self, fills: list[VenueFill]) -> None:
        """Store the fills of our orders which are not stored yet."""

    def booked(self, attempt: Attempt) -> Decimal:
        """Return what the recorded fills of an attempt come to."""

    def settle(self, attempt: Attempt, act: Settle) -> None: ...

    def recent_since(self) -> datetime | None:
        """Return since when late fills of settled attempts are looked for."""

    def note_position(self, position: Decimal, *, agrees: bool) -> None:
        """Store what the venue holds, and since when that has not been what the fills say."""

    def stop(self, reason: Reason) -> None: ...

    def alarm(self, kind: str, message: str) -> None: ...

    def calm(self, kind: str) -> None: ...


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a look ended. `waits`: look again in a moment; `exposure` is None if it broke off."""

    act: Rest | Wait | Stop | None
    waits: bool = False
    message: str = ""
    exposure: Exposure | None = None


def look(record: Record, venue: Venue) -> Outcome:
    """Look at a desk once, and do what is next. Safe to break off and to begin again anywhere."""
    try:
        outcome = _look(record, venue)
    except VenueAway as error:
        record.alarm(VENUE_AWAY, f"The venue gives no usable answer: {error}")
        return Outcome(act=None, waits=True, message=str(error))
    record.calm(VENUE_AWAY)
    return outcome


def _look(record: Record, venue: Venue) -> Outcome:
    rules = venue.rules()
    attempt = record.open_attempt()
    if attempt is not None:
        halt = _pursue(record, venue, rules, attempt)
        if halt is not None:
            return _halted(record, halt)
    exposure = _exposure(record, venue)
    act = next_for_position(
        exposure,
        strangers=bool(venue.open_orders()),
        terms=record.terms(),
        rules=rules,
        standing=record.standing(),
    )
    if not isinstance(act, Place):
        return _halted(record, act, exposure)
    attempt = record.plan(act)
    if attempt is None:
        return Outcome(act=None, waits=True, message="nothing was stored", exposure=exposure)
    _send(record, venue, attempt)
    halt = _pursue(record, venue, rules, attempt)
    if halt is not None:
        return _halted(record, halt)
    # The residual may be more than one order, and the order may not have filled.
    return Outcome(act=None, waits=True, message="an order was settled")


def _pursue(record: Record, venue: Venue, rules: Rules, attempt: Attempt) -> Wait | Stop | None:
    """Find out what became of an attempt; return what keeps it from being settled, or None."""
    for _ in range(TURNS_MAX):
        attempt = record.open_attempt() or attempt
        sighting = venue.find(attempt)
        if sighting is not None:
            record.note_order(attempt, sighting.order_id)
            record.take_fills(venue.fills(attempt.planned_at - CLOCK_SLACK))
        act = next_for_attempt(
            attempt,
            sighting=sighting,
            booked=record.booked(attempt),
            wanted=NOT_ASKED if sighting else _wanted(record, venue, rules),
            standing=record.standing(),
        )
        if isinstance(act, Settle):
            _settle(record, attempt, act)
            return None
        if isinstance(act, Wait | Stop):
            _tell_waiting(record, attempt, act, sighting)
            return act
        if isinstance(act, Cancel):
            venue.cancel(act.order_id)
        if isinstance(act, Resend):
            message = f"Order {attempt.client_id} did not reach the venue: it is sent again."
            record.alarm(Reason.ORDER_UNKNOWN, message)
            attempt = record.note_sending(attempt)
            _send(record, venue, attempt)
    return Wait(Reason.ORDER_UNKNOWN)


def _wanted(record: Record, venue: Venue, rules: Rules) -> Place | Rest | Wait | Stop:
    """Return what would be done now if there were no attempt."""
    exposure = _exposure(record, venue)
    # Its own failures keep an attempt from nothing.
    standing = msgspec.structs.replace(record.standing(), failed_at=None)
    return next_for_position(
        exposure, strangers=False, terms=record.terms(), rules=rules, standing=standing
    )


def _send(record: Record, venue: Venue, attempt: Attempt) -> None:
    """Send a stored attempt. Whatever comes back, the venue is asked what it has."""
    try:
        venue.place(attempt)
    except VenueRefused as refusal:
        record.note_answer(attempt, str(refusal), refused=True)
    except VenueAway as error:
        record.note_answer(attempt, f"no usable answer: {error}")
        record.alarm(VENUE_AWAY, f"The venue gave no usable answer to an order: {error}")
    else:
        record.note_answer(attempt, "taken")


def _settle(record: Record, attempt: Attempt, act: Settle) -> None:
    if act.over:
        message = f"Order {attempt.client_id} was filled by {act.over} more than asked for."
        record.alarm(OVERFILLED, message)
    if attempt.refused and act.order_id == "":
        record.alarm(ORDER_REFUSED, f"The venue refuses orders: {attempt.refused}")
    else:
        record.calm(ORDER_REFUSED)
    record.calm(Reason.FILLS_MISSING)
    record.calm(Reason.ORDER_UNKNOWN)
    record.settle(attempt, act)


def _tell_waiting(
    record: Record, attempt: Attempt, act: Wait | Stop, sighting: Sighting | None
) -> None:
    now = record.standing().now
    if act == Wait(Reason.FILLS_MISSING) and now - attempt.sent_at >= FILLS_LIMIT:
        assert sighting is not None  # It said that it was filled.
        message = f"Order {attempt.client_id}: filled {sighting.filled}, but no such trades."
        record.alarm(Reason.FILLS_MISSING, message)
    if act == Wait(Reason.ORDER_UNKNOWN) and now - attempt.planned_at >= FILLS_LIMIT:
        message = f"The venue does not know order {attempt.client_id}."
        record.alarm(Reason.ORDER_UNKNOWN, message)


def _exposure(record: Record, venue: Venue) -> Exposure:
    """Compare the venue's position with the fills, also those which came late."""
    exposure = record.exposure(venue.position())
    since = record.recent_since()
    if exposure.position != exposure.explained and since is not None:
        before = exposure.explained
        record.take_fills(venue.fills(since - CLOCK_SLACK))
        exposure = record.exposure(exposure.position)
        if exposure.explained != before:
            message = f"Fills came after their order was settled: {exposure.explained - before}."
            record.alarm(OVERFILLED, message)
    record.note_position(exposure.position, agrees=exposure.position == exposure.explained)
    return exposure


def _halted(record: Record, act: Rest | Wait | Stop, exposure: Exposure | None = None) -> Outcome:
    if isinstance(act, Stop):
        record.stop(act.reason)
    if act == Rest(Reason.NO_MARK):
        record.alarm(Reason.NO_MARK, "There is no fresh mark to bound a price with.")
    elif exposure is not None:
        record.calm(Reason.NO_MARK)
    return Outcome(act=act, waits=isinstance(act, Wait), message=str(act.reason), exposure=exposure)
