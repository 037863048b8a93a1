"""What a desk does next, as tables: inventory, venue, attempts → act."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from hedging.decision import (
    DISAGREE_LIMIT,
    MARK_AGE_LIMIT,
    REFUSED_PAUSE,
    UNFILLED_PAUSE,
    Act,
    Attempt,
    Cancel,
    Ending,
    Exposure,
    Place,
    Reason,
    Resend,
    Rest,
    Settle,
    Standing,
    Stop,
    Wait,
    next_for_attempt,
    next_for_position,
    rounded,
)
from tests.hedging.fakes import MARK, NOW, RESEND_AFTER, RULES, TERMS, D, sighting_of

EXPOSURE = Exposure(inventory=D(0), position=D(0), explained=D(0), mark=MARK, mark_at=NOW)
STANDING = Standing(now=NOW, resend_after=RESEND_AFTER)
SHORT_20 = Place(is_buy=False, quantity=D(20), price=D("99.5"))
LONG_20 = Place(is_buy=True, quantity=D(20), price=D("100.5"))


def ago(span: timedelta) -> Any:
    return NOW - span


def held(inventory: Any, position: Any = 0, **more: Any) -> Exposure:
    holds = {"inventory": D(inventory), "position": D(position), "explained": D(position)}
    return msgspec.structs.replace(EXPOSURE, **holds | more)


@pytest.mark.parametrize(
    ("exposure", "act"),
    [
        # Nothing to do: flat, hedged, and just at the limit of 1,000 USD.
        (held(0), Rest(Reason.WITHIN_LIMIT)),
        (held(50, -50), Rest(Reason.WITHIN_LIMIT)),
        (held(10), Rest(Reason.WITHIN_LIMIT)),
        (held(-10), Rest(Reason.WITHIN_LIMIT)),
        # Beyond it all of the residual is hedged, on the other side, down to the venue's step.
        (held("10.019"), Place(is_buy=False, quantity=D("10.01"), price=D("99.5"))),
        (held("-10.019"), Place(is_buy=True, quantity=D("10.01"), price=D("100.5"))),
        # No more at once than staff allow.
        (held(1_000), Place(is_buy=False, quantity=D(30), price=D("99.5"))),
        # The inventory has gone or has turned: the hedge goes as well.
        (held(0, -25), Place(is_buy=True, quantity=D(25), price=D("100.5"))),
        (held(-20, -9), Place(is_buy=True, quantity=D(29), price=D("100.5"))),
        # Too much hedged, by an order which was filled twice.
        (held(20, -40), LONG_20),
        # The price stays on the near side of the slippage limit.
        (held(20, mark=D("100.07")), Place(is_buy=False, quantity=D(20), price=D("99.6"))),
        (held(-20, mark=D("100.07")), Place(is_buy=True, quantity=D(20), price=D("100.5"))),
        # The smallest order of the venue.
        (held("0.04", mark=D(1_000_000)), Rest(Reason.BELOW_SMALLEST)),
        # Without a mark, or with an old one, no price can be bounded.
        (held(20, mark=None), Rest(Reason.NO_MARK)),
        (held(20, mark_at=ago(MARK_AGE_LIMIT * 2)), Rest(Reason.NO_MARK)),
        # What the fills do not explain.
        (held(20, -5, explained=D(0)), Wait(Reason.POSITION_DISAGREES)),
        (held(0, 0, explained=D(5)), Wait(Reason.POSITION_DISAGREES)),
    ],
)
def test_a_desk_without_an_attempt(exposure: Exposure, act: Act) -> None:
    assert decide(exposure) == act


@pytest.mark.parametrize(
    ("standing", "exposure", "act"),
    [
        ({"is_paused": True}, held(20), Rest(Reason.PAUSED)),
        ({"is_stopped": True}, held(20), Rest(Reason.STOPPED)),
        ({"is_stopped": True}, held(20, 5, explained=D(0)), Rest(Reason.STOPPED)),
        ({"may_order": False}, held(20), Rest(Reason.LOOKED_ONLY)),
        ({"may_order": False}, held(0), Rest(Reason.WITHIN_LIMIT)),
        (
            {"disagrees_since": ago(DISAGREE_LIMIT)},
            held(20, 5, explained=D(0)),
            Stop(Reason.UNEXPLAINED_POSITION),
        ),
        (
            {"disagrees_since": ago(DISAGREE_LIMIT / 2)},
            held(20, 5, explained=D(0)),
            Wait(Reason.POSITION_DISAGREES),
        ),
        # A paused desk is watched all the same.
        (
            {"is_paused": True, "disagrees_since": ago(DISAGREE_LIMIT)},
            held(20, 5, explained=D(0)),
            Stop(Reason.UNEXPLAINED_POSITION),
        ),
        (
            {"failed_at": ago(UNFILLED_PAUSE / 2), "failure": Ending.UNFILLED},
            held(20),
            Wait(Reason.AFTER_FAILURE),
        ),
        ({"failed_at": ago(UNFILLED_PAUSE), "failure": Ending.UNFILLED}, held(20), SHORT_20),
        (
            {"failed_at": ago(REFUSED_PAUSE / 2), "failure": Ending.REFUSED},
            held(20),
            Wait(Reason.AFTER_FAILURE),
        ),
        ({"failed_at": ago(REFUSED_PAUSE), "failure": Ending.REFUSED}, held(20), SHORT_20),
    ],
)
def test_how_it_stands_decides_first(
    standing: dict[str, Any], exposure: Exposure, act: Act
) -> None:
    assert decide(exposure, **standing) == act


def test_an_order_of_somebody_else_stops_it() -> None:
    assert decide(held(0), strangers=True) == Stop(Reason.UNEXPLAINED_ORDER)


def decide(exposure: Exposure, *, strangers: bool = False, **standing: Any) -> Act:
    return next_for_position(
        exposure,
        strangers=strangers,
        terms=TERMS,
        rules=RULES,
        standing=msgspec.structs.replace(STANDING, **standing),
    )


ATTEMPT = Attempt(
    client_id=1,
    is_buy=False,
    quantity=D(20),
    price=D("99.5"),
    planned_at=NOW,
    sent_at=NOW,
)
OLD = msgspec.structs.replace(ATTEMPT, sent_at=ago(RESEND_AFTER))
REFUSED = msgspec.structs.replace(ATTEMPT, refused="no margin")
WITHIN = Rest(Reason.WITHIN_LIMIT)


@pytest.mark.parametrize(
    ("attempt", "found", "booked", "act"),
    [
        # Found and finished: settled by its fills, however many.
        (ATTEMPT, {}, 20, Settle(ending=Ending.FILLED, order_id="7")),
        (ATTEMPT, {"filled": D(5)}, 5, Settle(ending=Ending.PARTLY_FILLED, order_id="7")),
        (ATTEMPT, {"filled": D(0)}, 0, Settle(ending=Ending.UNFILLED, order_id="7")),
        (ATTEMPT, {}, 40, Settle(ending=Ending.FILLED, order_id="7", over=D(20))),
        # Its fills are not all there yet.
        (ATTEMPT, {}, 5, Wait(Reason.FILLS_MISSING)),
        # It rests, against what was asked for.
        (ATTEMPT, {"is_open": True}, 0, Cancel("7")),
        # The id belongs to another order.
        (ATTEMPT, {"quantity": D(21)}, 0, Stop(Reason.OTHER_ORDER)),
        (ATTEMPT, {"is_buy": True}, 0, Stop(Reason.OTHER_ORDER)),
        # The answer was a refusal, and yet it was taken.
        (REFUSED, {}, 20, Settle(ending=Ending.FILLED, order_id="7")),
    ],
)
def test_an_attempt_which_the_venue_knows(
    attempt: Attempt, found: dict[str, Any], booked: int, act: Act
) -> None:
    sighting = sighting_of(attempt, **found)
    assert (
        next_for_attempt(
            attempt, sighting=sighting, booked=D(booked), wanted=WITHIN, standing=STANDING
        )
        == act
    )


@pytest.mark.parametrize(
    ("attempt", "wanted", "booked", "act"),
    [
        # It may still arrive.
        (ATTEMPT, SHORT_20, 0, Wait(Reason.ORDER_UNKNOWN)),
        (ATTEMPT, WITHIN, 0, Wait(Reason.ORDER_UNKNOWN)),
        # It cannot any more: once more under its id, if all of it is still wanted at its price.
        (OLD, SHORT_20, 0, Resend()),
        (OLD, Place(is_buy=False, quantity=D(30), price=D(99)), 0, Resend()),
        (OLD, Place(is_buy=False, quantity=D(19), price=D(99)), 0, Settle(ending=Ending.LAPSED)),
        (OLD, Place(is_buy=False, quantity=D(20), price=D(100)), 0, Settle(ending=Ending.LAPSED)),
        (OLD, LONG_20, 0, Settle(ending=Ending.LAPSED)),
        (OLD, WITHIN, 0, Settle(ending=Ending.LAPSED)),
        (OLD, Rest(Reason.STOPPED), 0, Settle(ending=Ending.LAPSED)),
        # A position that nobody explains may be its own.
        (OLD, Wait(Reason.POSITION_DISAGREES), 0, Wait(Reason.POSITION_DISAGREES)),
        (OLD, Stop(Reason.UNEXPLAINED_POSITION), 0, Stop(Reason.UNEXPLAINED_POSITION)),
        # Refused for certain.
        (REFUSED, SHORT_20, 0, Settle(ending=Ending.REFUSED)),
        # Its fills were seen before: the venue's lists are behind.
        (OLD, SHORT_20, 5, Wait(Reason.ORDER_UNKNOWN)),
    ],
)
def test_an_attempt_which_the_venue_does_not_know(
    attempt: Attempt, wanted: Any, booked: int, act: Act
) -> None:
    assert (
        next_for_attempt(attempt, sighting=None, booked=D(booked), wanted=wanted, standing=STANDING)
        == act
    )


@pytest.mark.parametrize("value", ["0.3", "1.1", "123456.7", "99999999.99"])
def test_rounding_is_exact_and_keeps_to_its_side(value: str) -> None:
    number, step = Decimal(value), Decimal("0.07")
    down, up = rounded(number, step), rounded(number, step, up=True)
    assert down <= number <= up
    assert up - down in (0, step)
    assert not down % step
