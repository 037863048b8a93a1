"""Inventory goes home on our own book: little at a time, at the mark or better, once a minute."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from engine.vocabulary import Side
from hedging import acts, tasks
from hedging.inventory import held
from hedging.models import Desk
from sequencer.models import JournalEntry
from tests.api.house import Trader
from tests.hedging.conftest import MARKET, inherit
from trading.candle_models import Candle
from trading.models import OPEN_STATUSES, Order

MINUTE = 60


@pytest.fixture
def inherited(desk: Desk, alice: Trader, bob: Trader, settings: Any) -> Desk:
    """Return a desk with 50 SOL, all traded in the minute before."""
    settings.HEDGE_UNWIND = True
    inherit(alice, bob, 5_000)
    a_minute_ago()
    return desk


def a_minute_ago() -> None:
    """Date the candle of what was traded just now back by a minute."""
    now = timezone.now().replace(second=0, microsecond=0)
    Candle.objects.filter(market=MARKET, start__lt=now).delete()
    Candle.objects.filter(market=MARKET).update(start=now - timedelta(minutes=1))


def resting(desk: Desk) -> list[tuple[str, int, int]]:
    rows = Order.objects.filter(account_id=desk.account_id, status__in=OPEN_STATUSES)
    return [(row.side, row.lots_open, row.price_ticks or 0) for row in rows]


def test_a_twentieth_of_a_minute_is_offered_at_the_mark(inherited: Desk) -> None:
    tasks.unwind_desks(MINUTE)
    assert resting(inherited) == [("Ask", 250, 10_000)]
    assert Order.objects.get(account_id=inherited.account_id, status="New").reduce_only
    # A job that runs twice changes nothing.
    entries = JournalEntry.objects.filter(command_id__startswith="unwind").count()
    tasks.unwind_desks(MINUTE)
    assert JournalEntry.objects.filter(command_id__startswith="unwind").count() == entries
    assert resting(inherited) == [("Ask", 250, 10_000)]


def test_the_next_minute_takes_back_what_is_left(
    inherited: Desk, bob: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.unwind_desks(MINUTE)
    bob.limit(MARKET, Side.BID, ticks=10_000, lots=100)
    assert held(inherited.account_id, MARKET) == 49
    monkeypatch.setattr("gateway.period.period_name", lambda now, seconds: "the next")
    Candle.objects.filter(market=MARKET).delete()
    tasks.unwind_desks(MINUTE)
    assert resting(inherited) == []


def test_nothing_is_placed_for_a_desk_that_does_not_run(inherited: Desk) -> None:
    acts.pause(inherited)
    tasks.unwind_desks(MINUTE)
    assert resting(inherited) == []


def test_nothing_is_placed_unless_the_house_says_so(inherited: Desk, settings: Any) -> None:
    settings.HEDGE_UNWIND = False
    tasks.unwind_desks(MINUTE)
    assert not JournalEntry.objects.filter(command_id__startswith="unwind").exists()
