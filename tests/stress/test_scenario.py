"""Scenarios: what a path comes to, what is refused and in which words, what people may write."""

import pytest

from prices.stories import true_price_e8
from stress.named import SCENARIOS, TITLES
from stress.scenario import Books, Path, Scenario, ScenarioError, check, moved_ppm, straight
from stress.spoken import Spoken, say, scenario_of

PRICED = ("USDC", "USDT", "BTC", "SOL")
RECOVERS: Path = ((100, -300_000), (200, -200_000))
UP_AND_DOWN: Path = ((10, 50_000), (20, -50_000), (21, 10_000_000))


@pytest.mark.parametrize(
    ("path", "second", "moved"),
    [
        (straight(-300_000, 600), 0, 0),
        (straight(-300_000, 600), 1, -500),
        (straight(-300_000, 600), 599, -299_500),
        (straight(-300_000, 600), 600, -300_000),
        (straight(-300_000, 600), 90_000, -300_000),
        (straight(-999_999, 1), 1, -999_999),
        # A third of a step is rounded down, whichever way it goes.
        (straight(-100, 3), 1, -34),
        (straight(100, 3), 1, 33),
        (RECOVERS, 50, -150_000),
        (RECOVERS, 100, -300_000),
        (RECOVERS, 175, -225_000),
        (RECOVERS, 201, -200_000),
        (UP_AND_DOWN, 10, 50_000),
        (UP_AND_DOWN, 15, 0),
        (UP_AND_DOWN, 20, -50_000),
        (UP_AND_DOWN, 21, 10_000_000),
        ((), 5, 0),
    ],
)
def test_a_path_by_the_second(path: Path, second: int, moved: int) -> None:
    assert moved_ppm(path, second) == moved


def test_the_crash_with_a_name_is_the_one_that_is_played_through_venues() -> None:
    """Both are one shape: the story of the tape, and the scenario."""
    october = SCENARIOS["october"]
    for asset in ("BTC", "SOL", "ATOM"):
        home = true_price_e8(asset, 0)
        for second in range(0, 1_600, 7):
            moved = moved_ppm(october.path_of(asset), second)
            told = true_price_e8(asset, second)
            assert abs(home * (1_000_000 + moved) // 1_000_000 - told) * 10**6 <= home
    assert october.path_of("USDT") == ()
    assert min(ppm for _, ppm in october.path_of("BTC")) < -150_000
    assert min(ppm for _, ppm in october.path_of("ATOM")) < -600_000
    assert SCENARIOS["fast"].path_of("SOL") == straight(-300_000, 600)
    assert set(TITLES) == set(SCENARIOS)


def test_a_scenario_with_a_name_runs_where_not_all_of_its_assets_are_listed() -> None:
    check(SCENARIOS["october"], priced=("USDC", "BTC"))
    with pytest.raises(ScenarioError, match="no price moves"):
        check(SCENARIOS["october"], priced=("USDC", "USDT"))


def written(**words: str) -> Scenario:
    scenario = scenario_of(Spoken(**words))
    check(scenario, priced=PRICED)
    return scenario


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ({"shocks": "SOL=-30"}, Scenario(paths={"SOL": straight(-300_000, 600)})),
        (
            {"shocks": "SOL=-30, BTC=+12.5%", "seconds": "60"},
            Scenario(paths={"SOL": straight(-300_000, 60), "BTC": straight(125_000, 60)}),
        ),
        ({"all": "-20", "seconds": "1"}, Scenario(others=straight(-200_000, 1))),
        # What is named goes its own way; a beta multiplies what the others do.
        (
            {"all": "-20", "shocks": "USDT=-35", "betas": "SOL=1.5"},
            Scenario(
                paths={"USDT": straight(-350_000, 600), "SOL": straight(-300_000, 600)},
                others=straight(-200_000, 600),
            ),
        ),
        (
            {"shocks": "SOL=-30", "path": "60:50 300:120 600:100"},
            Scenario(paths={"SOL": ((60, -150_000), (300, -360_000), (600, -300_000))}),
        ),
        (
            {"all": "1000", "books": "followed:50_000"},
            Scenario(others=straight(10_000_000, 600), books=Books.FOLLOWED, follow_usd=50_000),
        ),
        (
            {"scenario": "fast", "books": "emptied"},
            Scenario(name="fast", others=straight(-300_000, 600), books=Books.EMPTIED),
        ),
    ],
)
def test_what_is_written_is_what_is_meant(words: dict[str, str], meant: Scenario) -> None:
    assert written(**words) == meant


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "no price moves"),
        ({"shocks": "SOL"}, "a shock is ASSET=PERCENT, such as SOL=-30"),
        ({"shocks": "SOL=much"}, "SOL: 'much' is no number such as -30"),
        ({"shocks": "SOL=-30 SOL=-20"}, "SOL is there twice"),
        ({"shocks": "SOL=-100"}, "SOL: a price moves by more than -100 %"),
        ({"shocks": "SOL=1000.1"}, "at most +1000 %"),
        ({"shocks": "DOGE=-5"}, "there is no asset DOGE with a price; there are BTC, SOL, USDT"),
        ({"shocks": "USDC=-5"}, "USDC is the unit of account"),
        ({"shocks": "SOL=0"}, "no price moves"),
        ({"shocks": "SOL=-5", "seconds": "0"}, "from 1 to 86,400"),
        ({"shocks": "SOL=-5", "seconds": "86401"}, "from 1 to 86,400"),
        ({"shocks": "SOL=-5", "seconds": "ten"}, "from 1 to 86,400"),
        ({"shocks": "SOL=-5", "path": "60"}, "'60' is no SECOND:PERCENT"),
        ({"shocks": "SOL=-5", "path": "60:50 60:100"}, "seconds ascend"),
        ({"shocks": "SOL=-5", "path": "60:50 99999:100"}, "seconds ascend, from 1 to 86,400"),
        ({"shocks": "SOL=-5", "path": "60:-29999"}, "SOL: a price moves"),
        ({"shocks": "SOL=-5", "books": "deep"}, "kept, emptied, or followed:USD"),
        ({"shocks": "SOL=-5", "books": "followed"}, "kept, emptied, or followed:USD"),
        ({"shocks": "SOL=-5", "books": "kept:5"}, "kept, emptied, or followed:USD"),
        ({"shocks": "SOL=-5", "books": "followed:0"}, "1 to 100,000,000 USD"),
        ({"betas": "SOL=2"}, "say that, too"),
        ({"all": "-20", "shocks": "SOL=-5", "betas": "SOL=2"}, "leave its beta out"),
        ({"all": "-60", "betas": "SOL=2"}, "SOL: a price moves by more than -100 %"),
        ({"scenario": "november"}, "there are fast, october"),
        ({"scenario": "fast", "all": "-5"}, "has its own shocks"),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_to_write(words: dict[str, str], said: str) -> None:
    with pytest.raises(ScenarioError) as refusal:
        written(**words)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_scenario_in_a_line() -> None:
    assert say(written(all="-20", shocks="SOL=-30", seconds="3600", books="followed:5000")) == (
        "SOL −30 %, others −20 % in 3,600 s, books followed with 5,000 USD a side"
    )
    assert say(SCENARIOS["october"]).startswith("october: BTC −17 %, ETH −17 %, SOL −17 %, others")
