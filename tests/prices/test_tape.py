"""Tapes: their format, and the story of a bad day."""

import asyncio
import io
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from engine.catalog import PriceState
from gateway.explained import Exclusion, Explained, Why
from prices.indexes import Indexes
from prices.recording import record
from prices.stories import (
    ALTS,
    CRASH_SECONDS,
    HOME_E8,
    MISPRINTED,
    VENUES,
    crash,
    quiet,
    true_price_e8,
)
from prices.tape import Second, TapeSource, open_tape, write_head, write_second
from prices.terms import MAJOR, OTHER, Plan
from tests.prices.made import NOW

E8 = 10**8
LISTED = ("USDC", *HOME_E8)
PLAN = Plan(venues=VENUES)
TAPE = Path(__file__).parent / "tapes" / "quiet.jsonl"
HEAD = '{"tape": 1, "venues": [{"name": "kraken", "quote": "USD"}]}'


def lines(seconds: Iterable[Second]) -> list[str]:
    tape = io.StringIO()
    write_head(tape, VENUES)
    for second in seconds:
        write_second(tape, second)
    return tape.getvalue().splitlines()


def play(source: TapeSource, seconds: int) -> list[dict[str, Explained]]:
    """Return what is published in each second, each going on from the one before."""
    indexes, told = Indexes(PLAN), []
    last_e8: dict[str, int] = {}

    async def run() -> None:
        for second in range(seconds):
            now_ms = NOW + second * 1_000
            heard = await source.quotes(now_ms=now_ms, listed=LISTED, last_e8=last_e8)
            told.append(indexes.take(heard, now_ms=now_ms, listed=LISTED, last_e8=last_e8))
            last_e8.update({s: one.index_e8 for s, one in told[-1].items() if one.index_e8})

    asyncio.run(run())
    return told


@pytest.fixture(scope="module")
def crashed() -> list[dict[str, Explained]]:
    return play(TapeSource(lines(crash())), CRASH_SECONDS)


def test_the_committed_tape_is_what_its_generator_writes() -> None:
    assert TAPE.read_text(encoding="utf-8").splitlines() == lines(quiet(12))


def test_a_needle_and_a_venue_without_numbers_move_nothing() -> None:
    told = play(open_tape(str(TAPE)), 12)
    for symbol in HOME_E8:
        # The median of three venues or five is a hair apart; nothing else moves it.
        indexes = [one[symbol].index_e8 or 0 for one in told]
        assert max(indexes) - min(indexes) <= indexes[0] // 10_000
        assert {one[symbol].state for one in told} == {PriceState.OK}
    for second, venue, excluded in (
        (5, "emptied", Exclusion.OUTLIER),
        (7, "misprint", Exclusion.NO_PRICE),
    ):
        sources = told[second]["SOL"].sources
        assert [(one.venue, one.excluded) for one in sources if one.excluded] == [(venue, excluded)]


def test_after_its_last_second_a_tape_is_silent() -> None:
    told = play(open_tape(str(TAPE)), 60)
    assert {one.excluded for one in told[30]["SOL"].sources} == {Exclusion.SILENT}
    assert told[-1]["SOL"].state is PriceState.STALE
    assert told[-1]["SOL"].index_e8 == told[11]["SOL"].index_e8


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ([], "empty"),
        (['{"tape": 2, "venues": []}'], "format 2"),
        (["{"], "line 1"),
        ([HEAD, '{"s": 0}', '{"s": 0}'], "line 3 of the tape: seconds must ascend"),
        ([HEAD, '{"s": 0, "spot": {"kraken": {"BTC": ["1"]}}}'], "line 2"),
        ([HEAD, '{"s": 0, "spot": {"okx": {"BTC": ["1", "2", "3"]}}}'], "no venue 'okx'"),
    ],
)
def test_a_broken_tape_is_refused_with_the_line(broken: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        play(TapeSource(broken), 2)


def test_what_is_recorded_plays_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_time(seconds: float) -> None: ...

    def recorded() -> Iterator[str]:
        tape = io.StringIO()
        source = TapeSource(lines(quiet(8)))
        heard = asyncio.run(record(source, tape, plan=PLAN, listed=LISTED, seconds=8))
        # Five venues of five coins, of which one does not quote the coin it quotes in.
        assert heard == 8 * (5 * 5 - 1)
        yield from tape.getvalue().splitlines()

    monkeypatch.setattr("prices.recording.asyncio.sleep", no_time)
    again, before = play(TapeSource(recorded()), 8), play(TapeSource(lines(quiet(8))), 8)
    assert [{s: one.index_e8 for s, one in told.items()} for told in again] == [
        {s: one.index_e8 for s, one in told.items()} for told in before
    ]


# -- 10 October 2025, in shape ---------------------------------------------------------------------


def test_in_the_crash_the_index_follows_the_majority_within_its_caps(
    crashed: list[dict[str, Explained]],
) -> None:
    for symbol in ("BTC", "ETH", "SOL", "ATOM"):
        cap_ppm = (OTHER if symbol in ALTS else MAJOR).cap_ppm
        indexes = [told[symbol].index_e8 or 0 for told in crashed]
        for before, after in pairwise(indexes):
            assert abs(after - before) * 1_000_000 <= before * cap_ppm
        # No needle. Majors are where they belong in each second; the alt falls faster than its cap
        # for a while, and is late by that.
        late_ppm = 20_000 if symbol in ALTS else 2_000
        for second, index in enumerate(indexes):
            assert abs(index - true_price_e8(symbol, second)) * 1_000_000 <= index * late_ppm
    assert min(told["BTC"].index_e8 or 0 for told in crashed) < HOME_E8["BTC"] * 85 // 100
    assert min(told["ATOM"].index_e8 or 0 for told in crashed) < HOME_E8["ATOM"] * 40 // 100


def test_in_the_crash_the_stablecoin_stays_where_most_venues_see_it(
    crashed: list[dict[str, Explained]],
) -> None:
    for told in crashed:
        assert abs((told["USDT"].index_e8 or 0) - E8) * 100 <= E8
    middle = crashed[MISPRINTED[0]]["USDT"]
    (misprint,) = [source for source in middle.sources if source.venue == "misprint"]
    assert misprint.price_e8 == 65_000_000
    assert (misprint.weight, misprint.excluded) == (0, Exclusion.OUTLIER)


def test_in_the_crash_the_empty_venue_is_thrown_out_and_trust_is_less(
    crashed: list[dict[str, Explained]],
) -> None:
    for told in crashed[430:890]:
        (emptied,) = [source for source in told["SOL"].sources if source.venue == "emptied"]
        assert emptied.weight == 0
    why = {told["ATOM"].why for told in crashed}
    assert Why.FAR_FROM_AVERAGE in why
    assert {told["ATOM"].state for told in crashed} == {PriceState.OK, PriceState.DEGRADED}
    assert crashed[-1]["ATOM"].state is PriceState.OK
    assert {told["USDT"].state for told in crashed} == {PriceState.OK}


def test_in_the_crash_perpetuals_of_others_are_told_as_well(
    crashed: list[dict[str, Explained]],
) -> None:
    for second, told in enumerate(crashed):
        perp_e8 = told["SOL"].perp_e8 or 0
        assert abs(perp_e8 - true_price_e8("SOL", second) * 998 // 1_000) <= 1
