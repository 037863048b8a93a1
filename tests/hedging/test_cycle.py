"""A desk and its venue over time: whatever breaks, nothing is ordered twice or beyond the need."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hedging.cycle import look
from hedging.decision import Ending, Place, Reason
from tests.hedging.fakes import (
    LIFETIME,
    RESEND_AFTER,
    D,
    Death,
    FakeVenue,
    Killed,
    MemoryRecord,
    Mortal,
    World,
)

FATES = (
    *("filled", "half", "unfilled", "refused", "lost", "late", "twice", "resting"),
    *("filled-unheard", "half-unheard", "unfilled-unheard", "filled-hidden", "twice-hidden"),
    "resting-unheard",
)


class Desk:
    """One desk at one venue."""

    def __init__(self, inventory: int = 0, *fates: str) -> None:
        self.world = World(inventory=D(inventory))
        self.venue = FakeVenue(self.world, fates=list(fates))
        self.record = MemoryRecord(self.world)

    def look(self, times: int = 1, *, every_seconds: float = 1) -> Any:
        for _ in range(times):
            outcome = look(self.record, self.venue)
            self.world.pass_time(every_seconds)
        return outcome


def test_the_inventory_is_hedged_order_by_order() -> None:
    desk = Desk(75)
    desk.look(4)
    assert [taken.attempt.quantity for taken in desk.venue.orders] == [30, 30, 15]
    assert desk.venue.true_position() == -75
    desk.world.inventory = D(-10)
    desk.look(4)
    assert desk.venue.true_position() == 10
    assert not desk.record.rung


@pytest.mark.parametrize(
    ("fate", "endings", "rung"),
    [
        ("filled", [Ending.FILLED], set()),
        ("half", [Ending.PARTLY_FILLED], set()),
        ("unfilled", [Ending.UNFILLED, Ending.FILLED], set()),
        ("refused", [Ending.REFUSED, Ending.FILLED], {"order_refused"}),
        # Sent again under its own id: one attempt.
        ("lost", [Ending.FILLED], {"order_unknown", "venue_away"}),
        ("filled-unheard", [Ending.FILLED], {"venue_away"}),
        ("resting", [Ending.FILLED], set()),
        # Filled twice: told, and what is too much goes back.
        ("twice", [Ending.FILLED, Ending.FILLED], {"overfilled"}),
    ],
)
def test_each_fate_of_an_order(fate: str, endings: list[Ending], rung: set[str]) -> None:
    desk = Desk(20, fate)
    desk.look(50)
    assert [row.ending for row in desk.record.rows] == endings
    assert set(desk.record.rung) == rung
    assert abs(desk.venue.true_position() + 20) <= 10
    assert desk.record.stopped is None


def test_late_fills_of_a_settled_order_are_found_and_told() -> None:
    desk = Desk(20)
    desk.look(2)
    desk.venue.take(desk.record.rows[0].attempt, "filled")
    desk.venue.orders.pop()
    desk.venue.trades[-1] = type(desk.venue.trades[-1])(
        **{
            name: getattr(desk.venue.trades[-1], name)
            for name in ("trade_id", "is_buy", "quantity", "price", "fee", "fee_asset", "at")
        },
        order_id="1",
    )
    desk.look(3)
    assert "overfilled" in desk.record.rung
    assert desk.venue.true_position() == -20
    assert desk.record.stopped is None


def test_a_position_that_nobody_explains_stops_the_desk_after_a_while() -> None:
    desk = Desk(0)
    desk.venue.strange = D(3)
    assert desk.look().waits
    assert desk.record.stopped is None
    desk.look(15)
    assert desk.record.stopped is Reason.UNEXPLAINED_POSITION
    desk.world.inventory = D(50)
    desk.look(50)
    assert not desk.venue.orders


def test_a_position_that_is_explained_in_time_does_not() -> None:
    desk = Desk(0)
    desk.venue.strange = D(3)
    desk.look(5)
    desk.venue.strange = D(0)
    desk.look(20)
    assert desk.record.stopped is None
    assert desk.record.disagrees_since is None


def test_missing_fills_keep_everything_waiting_and_are_told() -> None:
    desk = Desk(75, "filled-hidden")
    desk.look(60)
    assert len(desk.venue.orders) == 1
    assert desk.record.alarms == {"fills_missing"}
    desk.venue.show()
    desk.look(5)
    assert desk.venue.true_position() == -75
    assert not desk.record.alarms


def test_a_silent_venue_is_told_and_gone_on_with() -> None:
    desk = Desk(20)
    desk.venue.is_away = True
    assert desk.look(5).waits
    assert desk.record.alarms == {"venue_away"}
    desk.venue.is_away = False
    desk.look(2)
    assert desk.venue.true_position() == -20
    assert not desk.record.alarms


def test_what_is_not_wanted_any_more_is_not_sent_again() -> None:
    desk = Desk(20, "lost")
    desk.look()
    desk.world.inventory = D(0)
    desk.look(60)
    assert [row.ending for row in desk.record.rows] == [Ending.LAPSED]
    assert not desk.venue.orders


def test_a_paused_desk_follows_up_what_it_has_sent() -> None:
    desk = Desk(75, "filled-unheard")
    desk.venue.is_away = False
    desk.look()
    desk.record.is_paused = True
    desk.look(5)
    assert [row.ending for row in desk.record.rows] == [Ending.FILLED]
    assert desk.venue.true_position() == -30


class Watched(MemoryRecord):
    """Checks each plan against what is true at the venue, whatever the desk knows of it."""

    venue: FakeVenue

    def plan(self, order: Place) -> Any:
        attempt = super().plan(order)
        if attempt is not None:
            need = -self.world.inventory - self.venue.true_position()
            assert (need > 0) is order.is_buy, "an order on the wrong side"
            assert order.quantity <= abs(need), "an order for more than is needed"
            assert not self.venue.may_still_arrive(), "another order may still arrive"
            assert not [taken for taken in self.venue.orders if taken.is_open]
        return attempt


class DeskMachine(RuleBasedStateMachine):
    """Orders, fates, deaths and time, in any order.

    A venue that does what it is asked for is never asked for more than was needed: what it took
    lies between no hedge and the hedge of the largest inventory on either side.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.venue = FakeVenue(self.world)
        self.record = Watched(self.world)
        self.record.venue = self.venue
        self.most = self.least = D(0)
        self.betrayed = False

    @rule(inventory=st.sampled_from((-60, -25, 0, 25, 60)))
    def inherit(self, inventory: int) -> None:
        if self.record.open_attempt() is None:
            self.world.inventory = D(inventory)
            self.most = max(self.most, self.world.inventory)
            self.least = min(self.least, self.world.inventory)

    @rule(
        fate=st.sampled_from(FATES),
        steps=st.sampled_from((*[None] * 12, *range(0, 48, 3))),
        is_away=st.sampled_from((False, False, False, True)),
        seconds=st.sampled_from((1, 4, 7, 11, 31)),
    )
    def look(self, fate: str, steps: int | None, is_away: bool, seconds: int) -> None:
        self.venue.fates, self.venue.is_away = [fate], is_away
        self.betrayed |= "twice" in fate
        death = Death(steps)
        with suppress(Killed):
            look(Mortal(self.record, death), Mortal(self.venue, death))
        self.world.pass_time(seconds)

    @precondition(lambda self: self.venue.air)
    @rule()
    def arrive(self) -> None:
        self.venue.deliver()

    @precondition(lambda self: self.venue.hidden)
    @rule()
    def show(self) -> None:
        self.venue.show()

    @invariant()
    def each_order_was_taken_once(self) -> None:
        ids = [taken.attempt.client_id for taken in self.venue.orders]
        assert len(ids) == len(set(ids)), "an order was taken twice"

    @invariant()
    def no_more_was_hedged_than_was_there(self) -> None:
        if not self.betrayed:
            assert -self.most <= self.venue.true_position() <= -self.least

    def teardown(self) -> None:
        """When all is well again, the desk gets where it should be, by itself."""
        self.venue.is_away, self.venue.fates = False, []
        self.venue.deliver()
        self.venue.show()
        for _ in range(40):
            look(self.record, self.venue)
            self.world.pass_time(6)
        if self.record.stopped is None:
            residual = self.world.inventory + self.venue.true_position()
            assert abs(residual * D(100)) <= self.record.terms_now.limit_usd
            assert self.record.open_attempt() is None
        else:
            assert self.betrayed, f"stopped without a reason: {self.record.stopped}"


TestDeskMachine = DeskMachine.TestCase


def test_the_window_is_longer_than_a_request_lives() -> None:
    assert RESEND_AFTER > LIFETIME


SEARCH = settings(
    # It stops at the first find.
    max_examples=2_000,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def _forgetful(record: Any) -> None:
    """Lose the attempts that are not settled."""
    record.open_attempt = lambda: None


def _hasty(record: Any) -> None:
    """Send again while the first may still arrive."""
    standing = record.standing
    record.standing = lambda: msgspec.structs.replace(standing(), resend_after=LIFETIME / 4)


def _blind(record: Any) -> None:
    """Take the hedge for what it was in the beginning."""
    exposure = record.exposure
    zero = {"position": D(0), "explained": D(0)}
    record.exposure = lambda position: msgspec.structs.replace(exposure(position), **zero)


@pytest.mark.parametrize("bug", [_forgetful, _hasty, _blind])
def test_a_planted_bug_is_found(bug: Any) -> None:
    class Broken(DeskMachine):
        def __init__(self) -> None:
            super().__init__()
            bug(self.record)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Broken, settings=SEARCH)
