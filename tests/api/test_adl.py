"""How near a position is to being reduced: fifths of a side, counted once for all who ask."""

from typing import Any

import pytest
from django.core.cache import cache
from hypothesis import given
from hypothesis import strategies as st

from engine.questions import AdlRank, AskAdlRanks
from engine.units import AccountId
from engine.vocabulary import Side
from gateway.client import ask
from gateway.errors import EngineUnavailable
from sequencer.inline import InlineEngine
from tests.api.house import Trader
from tests.api.test_notices import PERP, prices
from trading import adl_queue

PATH, QUERY = "/api/v1/x/adl", "xAdlQuery"


@given(
    longs=st.lists(st.integers(0, 5), max_size=30), shorts=st.lists(st.integers(0, 5), max_size=30)
)
def test_each_side_is_cut_into_fifths_in_the_order_of_the_engine(
    longs: list[int], shorts: list[int]
) -> None:
    ranks = [
        AdlRank(
            account=AccountId(number),
            is_long=number <= len(longs),
            is_liquidated=number % 7 == 0,
            score=str(score * 10**30),
        )
        for number, score in enumerate([*longs, *shorts], start=1)
    ]
    lights = adl_queue.lights_of(ranks)
    assert set(lights) == {rank.account for rank in ranks}
    for is_long in (True, False):
        side = sorted((one for one in ranks if one.is_long is is_long), key=lambda one: one.place)
        first = [one for one in side if not one.is_liquidated]
        assert all(lights[one.account] == 1 for one in side if one.score == "0")
        found = [lights[one.account] for one in first]
        assert found == sorted(found, reverse=True)
        if first and first[0].score != "0":
            assert found[0] == 5
        if all(one.score != "0" for one in side):
            counts = [[lights[one.account] for one in side].count(light) for light in range(1, 6)]
            assert max(counts) - min(counts) <= 1


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of questions that the engine is asked from now on."""
    cache.clear()
    questions: list[str] = []

    def counted(question: AskAdlRanks) -> Any:
        questions.append(question.market)
        return ask(question)

    monkeypatch.setattr(adl_queue, "ask", counted)
    return questions


@pytest.mark.django_db
def test_the_more_it_has_won_with_the_less_the_more_lights_it_has(
    alice: Trader, bob: Trader, live_engine: InlineEngine, asked: list[str]
) -> None:
    carol = Trader("carol")
    carol.deposit("USDC", 500)
    alice.limit(PERP, Side.BID, ticks=10_000, lots=2_000)
    for short in (bob, carol):
        short.limit(PERP, Side.ASK, ticks=10_000, lots=1_000)
    prices(live_engine, 9_900)
    lights = {}
    for name, trader in (("alice", alice), ("bob", bob), ("carol", carol)):
        (told,) = trader.get(PATH, QUERY).json()
        assert told["symbol"] == PERP
        lights[name] = (told["side"], told["lights"])
    # Alice loses: she is the last, though nobody else is long.
    assert lights == {"alice": ("Long", 1), "carol": ("Short", 5), "bob": ("Short", 3)}
    assert asked == [PERP], "one question serves all within ten seconds"


@pytest.mark.django_db
def test_without_the_engine_it_is_not_known_and_nothing_breaks(
    alice: Trader, bob: Trader, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.limit(PERP, Side.BID, ticks=10_000, lots=100)
    bob.limit(PERP, Side.ASK, ticks=10_000, lots=100)

    def away(question: Any) -> Any:
        raise EngineUnavailable("away")

    monkeypatch.setattr(adl_queue, "ask", away)
    (told,) = bob.get(PATH, QUERY).json()
    assert told["lights"] is None
    assert "Not known" in told["message"]


@pytest.mark.django_db
def test_who_holds_nothing_has_no_row_and_no_other_market_is_answered(
    alice: Trader, asked: list[str]
) -> None:
    assert alice.get(PATH, QUERY).json() == []
    assert alice.get(PATH, QUERY, ("symbol", "NOWHERE")).status_code == 400
    assert alice.get(PATH, QUERY, ("symbol", "SOL_USDC")).json() == []
    assert asked == []
