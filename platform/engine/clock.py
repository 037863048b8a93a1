"""The handler of time: does what the engine has entered in its own schedule.

The sequencer sends AdvanceTime as soon as something is due. It is a command like any other, so that
a replay does the same things at the same places.
"""

from collections.abc import Callable

from engine import (
    auctions,
    breakers,
    danger,
    funding,
    liquidation,
    member_limits,
    price_states,
    rfq,
    strategies,
    triggers,
)
from engine.answers import Events
from engine.commands import AdvanceTime
from engine.events import TimeAdvanced
from engine.schedule import Work
from engine.state import State

# One command does no more than this; then other commands have their turn.
WORKS_AT_ONCE = 50

# Each looks whether its subject is still there, and leaves what it did in the record.
RUNNERS: dict[Work, Callable[[State, int], None]] = {
    Work.TRIGGER: triggers.fire,
    Work.STRATEGY: strategies.place_slice,
    Work.RFQ: rfq.end_what_is_over,
    Work.HEALTH: danger.look_on,
    Work.LIQUIDATION: liquidation.step,
    Work.BREAKER: breakers.release,
    Work.AUCTION: auctions.end_auction,
    Work.PRICE_AGE: price_states.grow_old,
    Work.FUNDING: funding.end_hour,
    Work.DAY: member_limits.begin_day,
}


def advance_time(state: State, command: AdvanceTime) -> Events:
    """Do what is due, the oldest first."""
    done = 0
    while done < WORKS_AT_ONCE and (due := state.schedule.take(state.at_ns)) is not None:
        RUNNERS[due.work](state, due.subject)
        done += 1
    return (TimeAdvanced(done=done),)
