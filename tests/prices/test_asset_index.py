"""One asset's index over time: its cap, quarantine, and states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import PriceState
from gateway.explained import Exclusion, Explained, Why
from prices.asset_index import AssetIndex, capped
from prices.quotes import Quote
from prices.terms import MAJOR, OTHER, Terms
from tests.prices.made import E8, SECOND, quotes

OK, DEGRADED, STALE, HALT = PriceState.OK, PriceState.DEGRADED, PriceState.STALE, PriceState.HALT
AGREED = (100.0, 100.01, 100.02)
# Equal weights on both sides: nobody can say which is right.
CONTRADICTION = (100.0, 110.0)


class Clock:
    """An index and its seconds."""

    def __init__(self, terms: Terms = MAJOR) -> None:
        self.index = AssetIndex(terms)
        self.second = SECOND
        self.last_e8: int | None = None
        self.seen: list[Explained] = []

    def tick(self, prices: tuple[float, ...], times: int = 1, *, halted: bool = False) -> Explained:
        for _ in range(times):
            now_ms = self.second * 1_000
            told: list[Quote] = quotes(*prices, now_ms=now_ms)
            one = self.index.take(told, now_ms=now_ms, last_e8=self.last_e8, is_halted=halted)
            self.last_e8 = one.index_e8
            self.seen.append(one)
            self.second += 1
        return self.seen[-1]

    def states(self) -> list[tuple[PriceState, Why]]:
        """The states in their order, each once."""
        found: list[tuple[PriceState, Why]] = []
        for one in self.seen:
            if not found or found[-1] != (one.state, one.why):
                found.append((one.state, one.why))
        return found


def test_a_step_of_two_percent_takes_eight_seconds() -> None:
    # Vector D5.
    price, steps = 100 * E8, [100 * E8]
    while price != 102 * E8:
        price = capped(102 * E8, price, MAJOR.cap_ppm)
        steps.append(price)
    assert len(steps) - 1 == 8
    assert steps[1] == 10025 * E8 // 100


@pytest.mark.parametrize(("last", "raw"), [(1, 3), (3, 1), (399, 500)])
def test_the_smallest_prices_can_move(last: int, raw: int) -> None:
    assert abs(capped(raw, last, 2_500) - last) == 1


def test_all_is_well_from_the_first_second() -> None:
    clock = Clock()
    first = clock.tick(AGREED)
    assert (first.state, first.why, first.index_e8) == (OK, Why.AGREED, 10001 * E8 // 100)
    assert not first.is_capped


def test_after_a_restart_far_from_the_last_price_the_index_walks_and_is_not_trusted() -> None:
    clock = Clock()
    clock.last_e8 = 98 * E8
    first = clock.tick(AGREED)
    assert (first.state, first.why, first.is_capped) == (DEGRADED, Why.RECOVERING, True)
    clock.tick(AGREED, 20)
    assert clock.states() == [(DEGRADED, Why.RECOVERING), (OK, Why.AGREED)]
    assert clock.last_e8 == 10001 * E8 // 100


def test_a_jump_walks_by_the_cap_and_is_trusted_on_the_way() -> None:
    clock = Clock()
    clock.tick(AGREED)
    one = clock.tick((101, 101.01, 101.02))
    assert (one.state, one.is_capped) == (OK, True)
    assert one.index_e8 == 100_01 * E8 // 100 * 10_025 // 10_000


@pytest.mark.parametrize("prices", [(100,), (100, 100.01)])
def test_one_or_two_sources_are_degraded_until_ten_good_seconds(prices: tuple[float, ...]) -> None:
    clock = Clock()
    clock.tick(AGREED)
    clock.tick(prices, 100)
    clock.tick(AGREED, 9)
    assert clock.seen[-1].state is DEGRADED
    clock.tick(AGREED)
    assert clock.states() == [
        (OK, Why.AGREED),
        (DEGRADED, Why.FEW_SOURCES),
        (DEGRADED, Why.RECOVERING),
        (OK, Why.AGREED),
    ]


def test_a_good_second_between_bad_ones_does_not_count() -> None:
    clock = Clock()
    clock.tick(AGREED)
    clock.tick((100,))
    for _ in range(5):
        clock.tick(AGREED, 9)
        assert clock.tick((100,)).state is DEGRADED


def test_without_sources_it_is_degraded_then_stale_and_the_last_index_holds() -> None:
    clock = Clock()
    clock.tick(AGREED)
    held = clock.last_e8
    clock.tick((), 30)
    assert clock.seen[-1].state is DEGRADED
    clock.tick((), 100)
    assert clock.seen[-1].state is STALE
    assert clock.seen[-1].since == SECOND + 31
    assert {one.index_e8 for one in clock.seen} == {held}
    clock.tick(AGREED, 9)
    assert (clock.seen[-1].state, clock.seen[-1].why) == (STALE, Why.RECOVERING)
    assert clock.tick(AGREED).state is OK


def test_stale_turns_into_degraded_when_two_sources_agree_long_enough() -> None:
    clock = Clock()
    clock.tick(AGREED)
    clock.tick((), 40)
    clock.tick((100, 100.01), 9)
    assert clock.seen[-1].state is STALE
    assert clock.tick((100, 100.01)).state is DEGRADED


def test_sources_that_contradict_each_other_halt_it() -> None:
    clock = Clock()
    clock.tick(AGREED)
    held = clock.last_e8
    clock.tick(CONTRADICTION, 40)
    assert clock.states() == [
        (OK, Why.AGREED),
        (DEGRADED, Why.CONTRADICTION),
        (HALT, Why.CONTRADICTION),
    ]
    assert clock.seen[-1].since == SECOND + 1 + MAJOR.contradiction_seconds
    assert clock.last_e8 == held
    # A halt only ends by agreement, also if the sources fall silent.
    clock.tick((), 100)
    assert clock.seen[-1].state is HALT
    clock.tick((110, 110.01, 110.02), 9)
    assert (clock.seen[-1].state, clock.seen[-1].why) == (HALT, Why.RECOVERING)
    # Meanwhile it walks to where they agree.
    assert held is not None
    assert clock.last_e8 is not None
    assert held < clock.last_e8 < 110 * E8
    clock.tick((110, 110.01, 110.02), 400)
    assert clock.seen[-1].state is OK


def test_staff_halt_it_where_it_is_and_it_comes_back_after_ten_good_seconds() -> None:
    clock = Clock()
    clock.tick(AGREED)
    held = clock.last_e8
    one = clock.tick((101, 101.1, 101.2), 60, halted=True)
    assert (one.state, one.why, one.index_e8, one.since) == (HALT, Why.STAFF, held, SECOND + 1)
    assert one.raw_e8 is not None
    clock.tick(AGREED, 9)
    assert (clock.seen[-1].state, clock.seen[-1].why) == (HALT, Why.RECOVERING)
    assert clock.tick(AGREED).state is OK


def test_far_from_its_own_average_it_is_degraded() -> None:
    clock = Clock(OTHER)
    clock.tick(AGREED, 300)
    clock.tick((90, 90.01, 90.02), 10)
    assert clock.seen[-1].state is OK
    clock.tick((90, 90.01, 90.02), 20)
    assert (clock.seen[-1].state, clock.seen[-1].why) == (DEGRADED, Why.FAR_FROM_AVERAGE)
    # Until the average has come after it.
    clock.tick((90, 90.01, 90.02), 400)
    assert clock.seen[-1].state is OK


def test_three_outliers_in_a_minute_are_left_out_for_five() -> None:
    clock = Clock()
    for _ in range(3):
        clock.tick((*AGREED, 103))
    assert [one.sources[3].excluded for one in clock.seen] == [Exclusion.OUTLIER] * 3
    # It is back where all are, and still does not count.
    clock.tick((*AGREED, 100), MAJOR.quarantine_seconds)
    assert {one.sources[3].excluded for one in clock.seen[3:]} == {Exclusion.QUARANTINED}
    assert clock.tick((*AGREED, 100)).sources[3].excluded is None
    assert {one.state for one in clock.seen} == {OK}


def test_outliers_far_apart_in_time_are_forgiven() -> None:
    clock = Clock()
    for _ in range(5):
        clock.tick((*AGREED, 103))
        clock.tick((*AGREED, 100), 30)
    assert Exclusion.QUARANTINED not in {one.sources[3].excluded for one in clock.seen}


def test_one_quote_that_stands_is_one_strike() -> None:
    index = AssetIndex(MAJOR)
    needle = quotes(100, 100.01, 100.02, 103)
    for second in range(SECOND, SECOND + 10):
        told = [*quotes(100, 100.01, 100.02, now_ms=second * 1_000), needle[3]]
        one = index.take(told, now_ms=second * 1_000, last_e8=100 * E8)
        assert one.sources[3].excluded is Exclusion.OUTLIER


def test_while_sources_contradict_none_is_blamed() -> None:
    clock = Clock()
    clock.tick(CONTRADICTION, 20)
    assert clock.tick((100, 110, 110.1, 110.2)).sources[0].excluded is Exclusion.OUTLIER
    assert clock.tick((110, 110.1, 110.2)).sources[0].excluded is None


@given(
    st.lists(st.tuples(st.floats(1, 200), st.floats(1, 200)), min_size=1, max_size=40),
    st.lists(st.floats(99.95, 100.05), min_size=3, max_size=3),
)
def test_whatever_two_of_five_say_for_how_long_the_index_stays_with_the_three(
    lies: list[tuple[float, float]], honest: list[float]
) -> None:
    clock = Clock()
    low, high = min(honest) * 0.999_999, max(honest) * 1.000_001
    for lie in lies:
        told = clock.tick((*lie, *honest))
        assert told.state is OK
        assert low * E8 <= (told.index_e8 or 0) <= high * E8
