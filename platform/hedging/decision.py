"""What a desk does next. Pure: no clock, no database, no venue; all of that comes in.

    target   = −inventory of the desk's account on our exchange
    residual = target − position at the venue
    an order goes out if |residual × mark| > limit, for the residual, as one IOC limit order

An attempt is an order which was stored before it was sent. While one is not settled nothing else
is sent: it may be at the venue, whatever became of its answer.

Quantities are of the base asset, prices in USD for one whole unit; longs are above zero.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

MILLION: Final = Decimal(1_000_000)
# A mark older than this bounds no price.
MARK_AGE_LIMIT: Final = timedelta(seconds=30)
# How long the venue's position may disagree with its fills before the desk stops: two answers of
# one venue may come from two of its machines.
DISAGREE_LIMIT: Final = timedelta(seconds=10)
# How long the fills of a finished order may be missing before somebody is told.
FILLS_LIMIT: Final = timedelta(seconds=30)
# After an order which filled nothing, and after one which the venue refused.
UNFILLED_PAUSE: Final = timedelta(seconds=5)
REFUSED_PAUSE: Final = timedelta(seconds=30)


class Reason(StrEnum):
    """Why a desk rests, waits or stops; names an alarm where somebody must know."""

    WITHIN_LIMIT = "within_limit"
    BELOW_SMALLEST = "below_smallest"
    PAUSED = "paused"
    STOPPED = "stopped"
    LOOKED_ONLY = "looked_only"
    AFTER_FAILURE = "after_failure"
    ORDER_UNKNOWN = "order_unknown"
    FILLS_MISSING = "fills_missing"
    NO_MARK = "no_mark"
    POSITION_DISAGREES = "position_disagrees"
    UNEXPLAINED_POSITION = "unexplained_position"
    UNEXPLAINED_ORDER = "unexplained_order"
    OTHER_ORDER = "other_order"


class Ending(StrEnum):
    """How an attempt ended."""

    FILLED = "filled"
    PARTLY_FILLED = "partly_filled"
    UNFILLED = "unfilled"
    REFUSED = "refused"
    # It never reached the venue, and is not wanted any more.
    LAPSED = "lapsed"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What staff allow a desk."""

    limit_usd: Decimal
    slippage_ppm: int
    max_order: Decimal


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's step and smallest quantity, and its tick."""

    step: Decimal
    minimum: Decimal
    tick: Decimal


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A stored order. `refused` is the venue's refusal, if it gave one."""

    client_id: int
    is_buy: bool
    quantity: Decimal
    price: Decimal
    planned_at: datetime
    sent_at: datetime
    refused: str = ""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the venue has it."""

    order_id: str
    client_id: int | None
    is_buy: bool
    quantity: Decimal
    filled: Decimal
    is_open: bool


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to hedge, and how far the hedge is.

    `explained` is the position which the recorded fills come to.
    """

    inventory: Decimal
    position: Decimal
    explained: Decimal
    mark: Decimal | None
    mark_at: datetime | None

    @property
    def residual(self) -> Decimal:
        """What the venue's position lacks; above zero must be bought."""
        return -self.inventory - self.position


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the desk stands apart from its position."""

    now: datetime
    may_order: bool = True
    is_paused: bool = False
    is_stopped: bool = False
    disagrees_since: datetime | None = None
    # The last settled attempt, if it brought nothing.
    failed_at: datetime | None = None
    failure: Ending | None = None
    resend_after: timedelta = timedelta(seconds=30)


class Rest(msgspec.Struct, frozen=True):
    """Nothing is to be done until something changes."""

    reason: Reason


class Wait(msgspec.Struct, frozen=True):
    """Look again in a moment: what is next depends on the venue."""

    reason: Reason


class Stop(msgspec.Struct, frozen=True):
    """Send nothing any more until staff say so."""

    reason: Reason


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Store a new attempt and send it."""

    is_buy: bool
    quantity: Decimal
    price: Decimal


class Resend(msgspec.Struct, frozen=True):
    """Send the attempt again, under its own id."""


class Cancel(msgspec.Struct, frozen=True):
    """Take an order back that should not rest."""

    order_id: str


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt has ended. `over` is what was filled beyond what was asked for."""

    ending: Ending
    order_id: str = ""
    over: Decimal = Decimal(0)


Act = Rest | Wait | Stop | Place | Resend | Cancel | Settle


def next_for_attempt(
    attempt: Attempt,
    *,
    sighting: Sighting | None,
    booked: Decimal,
    wanted: Place | Rest | Wait | Stop,
    standing: Standing,
) -> Wait | Stop | Resend | Cancel | Settle:
    """Return what becomes of an attempt that is not settled.

    Args:
        sighting: the venue's order under the attempt's id; None if it certainly has none.
        booked: what the recorded fills of the attempt come to.
        wanted: what would be done now if there were no attempt; matters only without a sighting.
    """
    if sighting is None:
        return _next_for_unknown(attempt, booked=booked, wanted=wanted, standing=standing)
    if (sighting.is_buy, sighting.quantity) != (attempt.is_buy, attempt.quantity):
        return Stop(Reason.OTHER_ORDER)
    if sighting.is_open:
        return Cancel(sighting.order_id)
    if booked < sighting.filled:
        return Wait(Reason.FILLS_MISSING)
    over = max(Decimal(0), booked - attempt.quantity)
    return Settle(ending=_ending(attempt, booked), order_id=sighting.order_id, over=over)


def _next_for_unknown(
    attempt: Attempt,
    *,
    booked: Decimal,
    wanted: Place | Rest | Wait | Stop,
    standing: Standing,
) -> Wait | Stop | Resend | Settle:
    if booked:
        # Its fills are there, so the order is: the venue's list of orders is behind.
        return Wait(Reason.ORDER_UNKNOWN)
    if attempt.refused:
        return Settle(ending=Ending.REFUSED)
    if standing.now - attempt.sent_at < standing.resend_after:
        # What was sent may still arrive.
        return Wait(Reason.ORDER_UNKNOWN)
    if isinstance(wanted, Wait | Stop):
        # The position disagrees: it may have been filled although the venue does not name it.
        return wanted
    if isinstance(wanted, Place) and _is_still_wanted(attempt, wanted):
        return Resend()
    return Settle(ending=Ending.LAPSED)


def _is_still_wanted(attempt: Attempt, wanted: Place) -> bool:
    if wanted.is_buy != attempt.is_buy or wanted.quantity < attempt.quantity:
        return False
    return attempt.price <= wanted.price if attempt.is_buy else attempt.price >= wanted.price


def _ending(attempt: Attempt, booked: Decimal) -> Ending:
    if booked >= attempt.quantity:
        return Ending.FILLED
    return Ending.PARTLY_FILLED if booked else Ending.UNFILLED


def next_for_position(
    exposure: Exposure,
    *,
    strangers: bool,
    terms: Terms,
    rules: Rules,
    standing: Standing,
) -> Rest | Wait | Stop | Place:
    """Return what a desk without an open attempt does.

    Args:
        strangers: whether an order rests at the venue which is none of ours.
    """
    if standing.is_stopped:
        return Rest(Reason.STOPPED)
    if strangers:
        return Stop(Reason.UNEXPLAINED_ORDER)
    if exposure.position != exposure.explained:
        since = standing.disagrees_since
        if since is not None and standing.now - since >= DISAGREE_LIMIT:
            return Stop(Reason.UNEXPLAINED_POSITION)
        return Wait(Reason.POSITION_DISAGREES)
    if standing.is_paused:
        return Rest(Reason.PAUSED)
    if not _has_fresh_mark(exposure, standing.now):
        return Rest(Reason.NO_MARK)
    wanted = order_for(exposure, terms=terms, rules=rules)
    if wanted is None:
        is_within = not exceeds(exposure, terms.limit_usd)
        return Rest(Reason.WITHIN_LIMIT if is_within else Reason.BELOW_SMALLEST)
    if not standing.may_order:
        return Rest(Reason.LOOKED_ONLY)
    if _rests_after_failure(standing):
        return Wait(Reason.AFTER_FAILURE)
    return wanted


def order_for(exposure: Exposure, *, terms: Terms, rules: Rules) -> Place | None:
    """Return the order which the residual asks for, or None.

    Its quantity is rounded towards zero, its price to the near side of the slippage limit:

        price = mark × (1 ± slippage)
    """
    mark = exposure.mark
    if mark is None or not exceeds(exposure, terms.limit_usd):
        return None
    is_buy = exposure.residual > 0
    quantity = rounded(min(abs(exposure.residual), terms.max_order), rules.step)
    if quantity < rules.minimum or not quantity:
        return None
    slip = mark * terms.slippage_ppm / MILLION
    if slip >= mark:
        return None
    bound = mark + slip if is_buy else mark - slip
    price = rounded(bound, rules.tick, up=not is_buy)
    return Place(is_buy=is_buy, quantity=quantity, price=price) if price else None


def exceeds(exposure: Exposure, limit_usd: Decimal) -> bool:
    """Return whether what is not hedged is worth more than the limit; not without a mark."""
    return exposure.mark is not None and abs(exposure.residual * exposure.mark) > limit_usd


def rounded(value: Decimal, step: Decimal, *, up: bool = False) -> Decimal:
    """Return `value`, which is not below zero, as a multiple of `step`, rounded down, or up.

    >>> step = Decimal("0.05")
    >>> rounded(Decimal("1.29"), step), rounded(Decimal("1.29"), step, up=True)
    (Decimal('1.25'), Decimal('1.30'))
    """
    steps = value // step
    if up and steps * step < value:
        steps += 1
    return steps * step


def _has_fresh_mark(exposure: Exposure, now: datetime) -> bool:
    at = exposure.mark_at
    return exposure.mark is not None and at is not None and now - at <= MARK_AGE_LIMIT


def _rests_after_failure(standing: Standing) -> bool:
    if standing.failed_at is None:
        return False
    pause = REFUSED_PAUSE if standing.failure is Ending.REFUSED else UNFILLED_PAUSE
    return standing.now - standing.failed_at < pause
