"""A venue with a memory that misbehaves to order, and a desk's record in memory."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from hedging.decision import (
    Attempt,
    Ending,
    Exposure,
    Place,
    Reason,
    Rules,
    Settle,
    Sighting,
    Standing,
    Terms,
)
from hedging.venue import VenueAway, VenueFill, VenueRefused

D = Decimal
ZERO = D(0)
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
RULES = Rules(step=D("0.01"), minimum=D("0.05"), tick=D("0.1"))
TERMS = Terms(limit_usd=D(1_000), slippage_ppm=5_000, max_order=D(30))
MARK = D(100)
RESEND_AFTER = timedelta(seconds=30)
# The venue takes no request that is older: as signed ones are.
LIFETIME = timedelta(seconds=20)
FAILURES = (Ending.UNFILLED, Ending.REFUSED, Ending.LAPSED)


class Killed(BaseException):
    """kill -9."""


@dataclass
class World:
    """What is true, whoever knows it."""

    now: datetime = NOW
    inventory: Decimal = ZERO

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Taken:
    """An order which the venue has taken."""

    number: int
    attempt: Attempt
    filled: Decimal
    is_open: bool = False


@dataclass
class FakeVenue:
    """One market at a venue. `fates` say what becomes of the next orders; then all is well."""

    world: World
    fates: list[str] = field(default_factory=list)
    is_away: bool = False
    orders: list[Taken] = field(default_factory=list)
    trades: list[VenueFill] = field(default_factory=list)
    # Trades not shown yet; requests not arrived yet, and when each was sent.
    hidden: list[VenueFill] = field(default_factory=list)
    air: list[tuple[Attempt, datetime]] = field(default_factory=list)
    refused: int = 0
    # What others have traded on the same account.
    strange: Decimal = ZERO

    def rules(self) -> Rules:
        self._answer()
        return RULES

    def position(self) -> Decimal:
        self._answer()
        return self.true_position()

    def true_position(self) -> Decimal:
        fills = (*self.trades, *self.hidden)
        return self.strange + sum((f.quantity if f.is_buy else -f.quantity for f in fills), D(0))

    def open_orders(self) -> list[Sighting]:
        self._answer()
        return [_sighting(order) for order in self.orders if order.is_open]

    def find(self, attempt: Attempt) -> Sighting | None:
        self._answer()
        found = [o for o in self.orders if o.attempt.client_id == attempt.client_id]
        return _sighting(found[0]) if found else None

    def fills(self, since: datetime) -> list[VenueFill]:
        self._answer()
        return [fill for fill in self.trades if fill.at >= since]

    def place(self, attempt: Attempt) -> None:
        fate = self.fates.pop(0) if self.fates else "filled"
        if fate == "lost":
            raise VenueAway("timed out")
        if fate == "late":
            self.air.append((attempt, self.world.now))
            raise VenueAway("timed out")
        if fate == "refused":
            self.refused += 1
            raise VenueRefused("not enough margin")
        self.take(attempt, fate)
        if fate.endswith("unheard"):
            raise VenueAway("garbage")

    def cancel(self, order_id: str) -> None:
        self._answer()
        for order in self.orders:
            if str(order.number) == order_id:
                order.is_open = False

    def take(self, attempt: Attempt, fate: str) -> None:
        """Accept an order, and trade."""
        wanted = attempt.quantity
        parts = {"half": [wanted / 2], "unfilled": [], "twice": [wanted, wanted]}
        number = len(self.orders) + 1
        order = Taken(number, attempt, D(0), is_open=fate == "resting")
        self.orders.append(order)
        for part in parts.get(fate.split("-", maxsplit=1)[0], [wanted]):
            order.filled += part
            at = len(self.trades) + len(self.hidden) + 1
            fill = VenueFill(
                trade_id=str(at),
                order_id=str(number),
                is_buy=attempt.is_buy,
                quantity=part,
                price=attempt.price,
                fee=D("0.01"),
                fee_asset="USDC",
                at=self.world.now,
            )
            (self.hidden if "hidden" in fate else self.trades).append(fill)

    def deliver(self) -> None:
        """Let what is on its way arrive, unless it is too old."""
        for attempt, sent_at in self.air:
            if self.world.now - sent_at < LIFETIME:
                self.take(attempt, "filled")
        self.air.clear()

    def show(self) -> None:
        """Show all trades."""
        self.trades += self.hidden
        self.hidden.clear()

    def may_still_arrive(self) -> bool:
        return any(self.world.now - sent_at < LIFETIME for _, sent_at in self.air)

    def _answer(self) -> None:
        if self.is_away:
            raise VenueAway("silence")


def _sighting(order: Taken) -> Sighting:
    return Sighting(
        order_id=str(order.number),
        client_id=order.attempt.client_id,
        is_buy=order.attempt.is_buy,
        quantity=order.attempt.quantity,
        filled=order.filled,
        is_open=order.is_open,
    )


@dataclass
class Stored:
    """A row of the attempts."""

    attempt: Attempt
    order_id: str = ""
    ending: Ending | None = None
    settled_at: datetime | None = None


@dataclass
class MemoryRecord:
    """The record of one desk, which outlives any process."""

    world: World
    terms_now: Terms = TERMS
    rows: list[Stored] = field(default_factory=list)
    taken: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    alarms: set[str] = field(default_factory=set)
    rung: list[str] = field(default_factory=list)
    stopped: Reason | None = None
    is_paused: bool = False
    disagrees_since: datetime | None = None
    mark: Decimal | None = MARK

    def terms(self) -> Terms:
        return self.terms_now

    def standing(self) -> Standing:
        settled = [row for row in self.rows if row.ending is not None]
        last = settled[-1] if settled else None
        failed = last is not None and last.ending in FAILURES
        return Standing(
            now=self.world.now,
            is_paused=self.is_paused,
            is_stopped=self.stopped is not None,
            disagrees_since=self.disagrees_since,
            failed_at=last.settled_at if last and failed else None,
            failure=last.ending if last and failed else None,
            resend_after=RESEND_AFTER,
        )

    def exposure(self, position: Decimal) -> Exposure:
        return Exposure(
            inventory=self.world.inventory,
            position=position,
            explained=sum((quantity for _, quantity in self.taken.values()), D(0)),
            mark=self.mark,
            mark_at=self.world.now,
        )

    def open_attempt(self) -> Attempt | None:
        return next((row.attempt for row in self.rows if row.ending is None), None)

    def plan(self, order: Place) -> Attempt | None:
        if self.open_attempt() or self.stopped or self.is_paused:
            return None
        attempt = Attempt(
            client_id=len(self.rows) + 1,
            is_buy=order.is_buy,
            quantity=order.quantity,
            price=order.price,
            planned_at=self.world.now,
            sent_at=self.world.now,
        )
        self.rows.append(Stored(attempt))
        return attempt

    def note_sending(self, attempt: Attempt) -> Attempt:
        return self._change(attempt, sent_at=self.world.now)

    def note_answer(self, attempt: Attempt, answer: str, *, refused: bool = False) -> None:
        if refused:
            self._change(attempt, refused=answer)

    def note_order(self, attempt: Attempt, order_id: str) -> None:
        self._row(attempt).order_id = order_id

    def take_fills(self, fills: list[VenueFill]) -> None:
        owners = {row.order_id: row.attempt.client_id for row in self.rows if row.order_id}
        for fill in fills:
            if fill.order_id in owners:
                signed = fill.quantity if fill.is_buy else -fill.quantity
                self.taken[fill.trade_id] = (owners[fill.order_id], signed)

    def booked(self, attempt: Attempt) -> Decimal:
        signed = sum((q for owner, q in self.taken.values() if owner == attempt.client_id), D(0))
        return signed if attempt.is_buy else -signed

    def settle(self, attempt: Attempt, act: Settle) -> None:
        row = self._row(attempt)
        row.ending, row.settled_at = act.ending, self.world.now

    def recent_since(self) -> datetime | None:
        return min((row.attempt.planned_at for row in self.rows), default=None)

    def note_position(self, position: Decimal, *, agrees: bool) -> None:
        self.disagrees_since = None if agrees else self.disagrees_since or self.world.now

    def stop(self, reason: Reason) -> None:
        self.stopped = self.stopped or reason

    def alarm(self, kind: str, message: str) -> None:
        self.alarms.add(str(kind))
        self.rung.append(str(kind))

    def calm(self, kind: str) -> None:
        self.alarms.discard(str(kind))

    def _row(self, attempt: Attempt) -> Stored:
        return next(row for row in self.rows if row.attempt.client_id == attempt.client_id)

    def _change(self, attempt: Attempt, **changes: Any) -> Attempt:
        row = self._row(attempt)
        row.attempt = msgspec.structs.replace(row.attempt, **changes)
        return row.attempt


class Mortal:
    """Passes every call on, and is killed before or after the one whose turn has come."""

    def __init__(self, target: Any, death: "Death") -> None:
        self._target = target
        self._death = death

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self._death.pass_by()
            answer = method(*arguments, **named)
            self._death.pass_by()
            return answer

        return call


@dataclass
class Death:
    """Comes after so many steps; never, if that is None."""

    steps: int | None = None

    def pass_by(self) -> None:
        if self.steps is None:
            return
        if self.steps == 0:
            raise Killed
        self.steps -= 1


def sighting_of(attempt: Attempt, **more: Any) -> Sighting:
    """Return the attempt's order, filled and finished unless said otherwise."""
    whole = Taken(7, attempt, attempt.quantity)
    return msgspec.structs.replace(_sighting(replace(whole)), **more)
