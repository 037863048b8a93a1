"""Jobs that run twice, late, out of order or not at all change no amount: lives compared.

The same things happen in each life, on a clock that only the test moves; what differs is when the
jobs run in between.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Balance
from engine import commands as c
from gateway import period
from gateway.transport import install_inline
from lending.models import InterestPayment, PoolHour
from lending.tasks import accrue_interest, auto_lend, thin_rates, write_interest_lines
from sequencer.inline import InlineEngine
from tests.trading import months as story
from tests.trading.months import ANN, EVE, GUS, HAL, PERP, USDC, Clock
from trading.models import Position
from trading.settlement_models import Settlement, StatementClose
from trading.tasks import auto_realize, close_statements

pytestmark = pytest.mark.django_db
MINUTES = 10
JOBS: dict[str, Callable[[], None]] = {
    "auto-realize": lambda: auto_realize(10),
    "auto-lend": lambda: auto_lend(60),
    "accrue-interest": lambda: accrue_interest(60),
    "write-interest-lines": write_interest_lines,
    "close-statements": close_statements,
    "thin-rates": thin_rates,
}
Round = Callable[[Clock, int], None]


def on_time(clock: Clock, number: int) -> None:
    for run in JOBS.values():
        run()


def twice(clock: Clock, number: int) -> None:
    on_time(clock, number)
    on_time(clock, number)


def out_of_order(clock: Clock, number: int) -> None:
    """Run what was due before again after what is due now, the other way round."""
    for run in reversed(JOBS.values()):
        run()
    clock.pass_minutes(-MINUTES)
    on_time(clock, number)
    clock.pass_minutes(MINUTES)


def late(clock: Clock, number: int) -> None:
    clock.pass_minutes(3)
    on_time(clock, number)
    clock.pass_minutes(-3)


def seldom(clock: Clock, number: int) -> None:
    if number % 5 == 4:
        on_time(clock, number)


def without(missed: str) -> Round:
    def others(clock: Clock, number: int) -> None:
        for name, run in JOBS.items():
            if name != missed:
                run()

    return others


LIVES: dict[str, Round] = {
    "twice": twice,
    "out of order": out_of_order,
    "late": late,
    "seldom": seldom,
    **{f"without {name}": without(name) for name in JOBS},
}


@pytest.fixture(scope="module")
def lives() -> dict[str, Any]:
    """Keep the life in which every job runs on time, to compare others with."""
    return {}


@pytest.mark.parametrize("way", LIVES)
def test_a_life_is_the_same_however_its_jobs_run(
    way: str, lives: dict[str, Any], live_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not lives:
        lives["on time"] = _lived(monkeypatch, on_time)
    _, lines, settled, _, _, closes = lives["on time"]
    assert len(lines) == 20
    assert settled
    assert closes
    assert _lived(monkeypatch, LIVES[way]) == lives["on time"]


class _Undone(Exception):
    """Ends a life without a trace."""


def _lived(monkeypatch: pytest.MonkeyPatch, jobs: Round) -> tuple[Any, ...]:
    seen: tuple[Any, ...] = ()
    try:
        with transaction.atomic():
            install_inline(InlineEngine())
            clock = Clock(monkeypatch)
            monkeypatch.setattr(period, "time", clock.seconds)
            _live(clock, jobs)
            seen = _figures()
            raise _Undone
    except _Undone:
        install_inline(None)
    return seen


def _live(clock: Clock, jobs: Round) -> None:
    """Five hours over the end of a month; a price that moves is settled in its own minute."""
    story.open_house()
    story.do(c.Borrow(account=EVE, asset="USDC", amount_atoms=30_000 * USDC + 7))
    story.trade(ANN, EVE, PERP, ticks=10_000, lots=20_000)
    for number in range(5 * 60 // MINUTES):
        clock.pass_minutes(MINUTES // 2)
        if number % 12 == 6:
            story.price(100 + number % 5)
            auto_realize(10)
        if number == 15:
            terms: dict[str, Any] = {"asset": "USDC", "amount_atoms": 700 * USDC + 1}
            story.do(c.TransferFunds(source=ANN, destination=GUS, **terms))
            story.do(c.CreditDeposit(account=HAL, asset="USDC", amount_atoms=11 * USDC))
        clock.pass_minutes(MINUTES // 2)
        jobs(clock, number)
    # In the end everything is run once more, in a period of its own.
    clock.pass_minutes(MINUTES)
    on_time(clock, 0)


def _figures() -> tuple[Any, ...]:
    held = ("account_id", "asset", "available", "locked", "lend_scaled", "debt_scaled")
    line = ("account_id", "asset", "hour", "kind", "amount", "rate_ppb", "market", "position_id")
    place = ("account_id", "market", "lots", "quote_atoms", "entry_quote_atoms", "realized_atoms")
    return (
        sorted(Balance.objects.values_list(*held)),
        sorted(InterestPayment.objects.values_list(*line)),
        sorted(Settlement.objects.values_list("account_id", "market", "amount_atoms")),
        sorted(Position.objects.values_list(*place)),
        # A pool that nobody owes anything may skip hours.
        sorted(PoolHour.objects.filter(asset="USDC").values_list("hour", "debt_index_ray")),
        sorted(StatementClose.objects.values_list("account_id", "month", "balances__USDC")),
    )
