"""What the gate lets through to the engine."""

import pytest

from prices.gate import CONFIRM_TICKS, Gate

BTC = 86_700 * 10**8


@pytest.mark.parametrize(
    "nonsense", [0, -BTC, float("nan"), float("inf"), 86_700.5, "86700", None, True, 10**21]
)
def test_what_is_no_price_is_refused_and_the_last_one_held(nonsense: object) -> None:
    gate = Gate({"BTC": BTC})
    assert gate.admit("BTC", nonsense) is not None
    assert gate.last_e8 == {"BTC": BTC}


def test_a_first_price_and_a_small_move_pass() -> None:
    gate = Gate({})
    assert gate.admit("BTC", BTC) is None
    assert gate.admit("BTC", BTC * 109 // 100) is None
    assert gate.last_e8 == {"BTC": BTC * 109 // 100}


@pytest.mark.parametrize("factor", [(112, 100), (88, 100), (10, 1), (1, 1000)])
def test_one_absurd_tick_never_passes(factor: tuple[int, int]) -> None:
    gate = Gate({"BTC": BTC})
    for _ in range(CONFIRM_TICKS * 2):
        # A needle each other tick: it never stands long enough.
        assert gate.admit("BTC", BTC * factor[0] // factor[1]) is not None
        assert gate.admit("BTC", BTC) is None


def test_a_new_level_that_stands_is_believed_at_last() -> None:
    gate = Gate({"BTC": BTC})
    answers = [gate.admit("BTC", BTC * 2 + tick) for tick in range(CONFIRM_TICKS)]
    assert answers[-1] is None
    assert None not in answers[:-1]
    assert gate.admit("BTC", BTC * 2) is None
