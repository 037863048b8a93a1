"""Does the proof have teeth? A report that forgets something fails, whatever it is.

And the proof itself holds over exchanges that have lived through thousands of random commands.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine import events as e
from engine import order_events as oe
from engine import risk_events as re
from engine import settlement_events as se
from engine.engine import Engine
from engine.kinds import SystemOrder
from engine.snapshot import dump_state, load_state
from prices.terms import OTHER, Plan
from stress import tally
from stress.scenario import LEAST_PPM, Books, Scenario, straight
from stress.simulate import simulate
from stress.worth import worth_of
from tests.engine.long_run import LongRun
from tests.stress.world import WINNER, World

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]
READERS: dict[Any, Any] = tally._READERS
ALL_STAGES = Scenario(others=straight(-400_000, 3_600))
# Within a second, by a feed without a cap: losses that only winners can bear.
SUDDEN = Scenario(paths={"BTC": straight(-300_000, 1)}, books=Books.EMPTIED)
UNCAPPED = Plan(assets={"BTC": replace(OTHER, cap_ppm=400_000, far_ppm=900_000)})


def forgets(kind: type[e.Event]) -> Plant:
    """Have the tally not look at events of one kind."""

    def plant(patch: Patch) -> None:
        patch.delitem(READERS, kind)

    plant.__name__ = f"forgets_{kind.__name__}"
    return plant


def forgets_fills(
    system: SystemOrder | None, of: Callable[[oe.OrderFilled], bool] = lambda _: True
) -> Plant:
    """Have the tally not look at some fills of one kind of order."""

    def plant(patch: Patch) -> None:
        filled = tally.Tally.filled

        def forgetful(self: Any, event: oe.OrderFilled) -> None:
            if event.terms.system is not system or not of(event):
                filled(self, event)

        patch.setitem(READERS, oe.OrderFilled, forgetful)

    plant.__name__ = f"forgets_fills_{system}"
    return plant


def the_deleveraged_are_forgotten(patch: Patch) -> None:
    forgets_fills(SystemOrder.LIQUIDATE_ON_ADL, lambda fill: fill.terms.account == WINNER)(patch)


def adl_is_told_as_an_ordinary_trade(patch: Patch) -> None:
    patch.delitem(tally._STAGES, SystemOrder.LIQUIDATE_ON_ADL)


def a_backstop_is_told_to_have_given(patch: Patch) -> None:
    backstop = (tally.Part.BACKSTOP, tally.Part.BACKSTOP)
    patch.setitem(tally._STAGES, SystemOrder.LIQUIDATE_ON_BACKSTOP, backstop)


def an_account_is_left_out_of_the_balance(patch: Patch) -> None:
    def forgetful(state: Any, account: Any) -> Any:
        return {} if account.account_id == WINNER else worth_of(state, account)

    patch.setattr("stress.reporting.worth_of", forgetful)


def insurance_is_told_twice(patch: Patch) -> None:
    insured = tally.Tally.insured

    def twice(self: Any, event: re.InsurancePaid) -> None:
        insured(self, event)
        insured(self, event)

    patch.setitem(READERS, re.InsurancePaid, twice)


def a_fee_is_an_atom_too_small(patch: Patch) -> None:
    charged = tally.Tally.charged

    def short(self: Any, event: re.LiquidationFeeCharged) -> None:
        charged(self, replace(event, amount_atoms=event.amount_atoms - 1))

    patch.setitem(READERS, re.LiquidationFeeCharged, short)


@pytest.mark.parametrize(
    "plant",
    [
        the_deleveraged_are_forgotten,
        adl_is_told_as_an_ordinary_trade,
        a_backstop_is_told_to_have_given,
        an_account_is_left_out_of_the_balance,
        insurance_is_told_twice,
        a_fee_is_an_atom_too_small,
        forgets_fills(SystemOrder.LIQUIDATE_ON_ADL),
        forgets_fills(SystemOrder.LIQUIDATE_ON_BACKSTOP),
        forgets_fills(SystemOrder.LIQUIDATE_ON_BOOK),
        forgets_fills(None),
        forgets(re.InsurancePaid),
        forgets(re.LiquidationFeeCharged),
        forgets(e.DebtWrittenOff),
        forgets(se.ProfitRealized),
        forgets(e.LedgerPosted),
    ],
)
def test_a_report_that_forgets_something_fails(plant: Plant, monkeypatch: Patch) -> None:
    plant(monkeypatch)
    report = simulate(World(insurance=3).copy(), ALL_STAGES)
    assert report.failure, "nothing was found"
    assert f"second {report.seconds}: " in report.failure


def test_nothing_is_found_where_nothing_is_planted() -> None:
    assert simulate(World(insurance=3).copy(), ALL_STAGES).failure == ""
    assert simulate(World().copy(), SUDDEN, plan=UNCAPPED).failure == ""


@pytest.mark.parametrize("kind", [re.LossShared, re.InsurancePaid])
def test_a_report_that_forgets_who_bore_a_loss_fails(
    kind: type[e.Event], monkeypatch: Patch
) -> None:
    forgets(kind)(monkeypatch)
    assert simulate(World().copy(), SUDDEN, plan=UNCAPPED).failure


@cache
def lived_exchange(seed: int, stages: int) -> bytes:
    """Return an exchange after so many times 500 random commands of every kind."""
    run = LongRun(seed)
    run.run(500 * stages)
    return dump_state(run.engine.state)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    seconds = sorted(draw(st.sets(st.integers(1, 300), min_size=1, max_size=3)))
    path = tuple((second, draw(st.integers(LEAST_PPM + 50_000, 900_000))) for second in seconds)
    books = draw(st.sampled_from(Books))
    return Scenario(
        paths={"SOL": path} if draw(st.booleans()) else {},
        others=path,
        books=books,
        follow_usd=draw(st.integers(100, 50_000)) if books is Books.FOLLOWED else 0,
        patience_seconds=60,
    )


@settings(max_examples=20)
@given(
    seed=st.integers(1, 4),
    stages=st.integers(1, 3),
    scenario=scenarios(),
    cap_ppm=st.sampled_from((2_500, 50_000, 400_000)),
    far_ppm=st.sampled_from((50_000, 900_000)),
)
def test_every_report_adds_up(
    seed: int, stages: int, scenario: Scenario, cap_ppm: int, far_ppm: int
) -> None:
    terms = replace(OTHER, cap_ppm=cap_ppm, far_ppm=far_ppm)
    plan = Plan(assets={"SOL": terms, "BTC": terms})
    if not any(ppm for _, ppm in scenario.others):
        return
    report = simulate(Engine(load_state(lived_exchange(seed, stages))), scenario, plan=plan)
    assert report.failure == ""
    for balance in report.balances:
        house = balance.insurance_atoms + balance.fees_atoms + balance.carried_atoms
        assert sum(balance.roles_atoms.values()) + house + balance.outside_atoms == 0
