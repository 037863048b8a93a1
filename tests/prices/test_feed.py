"""The feed between its sources and the engine."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.catalog import PriceState
from engine.commands import UpdatePrices
from engine.events import AssetListed, MarketListed, PricesUpdated
from gateway.client import Outcome
from gateway.codec import MarketSnapshot
from gateway.errors import EngineUnavailable
from gateway.explained import Exclusion, Explanation, SourcePrice, Why, troubles
from gateway.feed import FeedSnapshot
from launcher.demo_listing import ASSETS, MARKETS
from prices import feed as module
from prices.feed import Feed, chosen_source
from prices.quotes import Quote
from prices.recorder import Recorder
from prices.sources import Quotes
from prices.terms import MAJOR, OTHER, Plan, Terms, read_plan
from prices.walk import PATHS, WALKERS, WalkSource, step
from tests.prices.made import SECOND, quote

E8 = 10**8
COMMITTED = {"USDC": E8, "USDT": E8, "BTC": 86_000 * E8, "ETH": 2_800 * E8, "SOL": 130 * E8}
SNAPSHOT = FeedSnapshot(
    sequence=1,
    at_ns=1,
    assets=tuple(AssetListed(asset=asset) for asset in ASSETS),
    markets=tuple(
        MarketSnapshot(
            listed=MarketListed(market=market, quote_atoms_per_tick=1),
            state=None,  # type: ignore[arg-type]
            update_id=0,
            bids=(),
            asks=(),
            last_trade_id=0,
            last_price_ticks=None,
            mark_e8=None,
        )
        for market in MARKETS
    ),
    index_e8=COMMITTED,
)


class Scripted:
    """Three venues which say what the test says."""

    name = "a script"

    def __init__(self, **prices: float) -> None:
        self.prices = prices
        self.venues: tuple[str, ...] = ("a", "b", "c")
        self.perps: dict[str, float] = {}

    def _told(self, price: float, now_ms: int) -> list[Quote]:
        return [quote(price, venue, now_ms=now_ms) for venue in self.venues]

    async def quotes(self, *, now_ms: int, **ignored: Any) -> Quotes:
        return Quotes(
            spot={symbol: self._told(price, now_ms) for symbol, price in self.prices.items()},
            perps={symbol: self._told(price, now_ms) for symbol, price in self.perps.items()},
        )

    async def close(self) -> None: ...


class Desk:
    """The engine's end: remembers what was submitted, or is away."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, UpdatePrices]] = []
        self.away = False

    async def submit(self, command: UpdatePrices, *, command_id: str, timeout: float) -> Outcome:
        if self.away:
            raise EngineUnavailable("the engine cannot be reached")
        self.commands.append((command_id, command))
        answer = PricesUpdated(index_e8=command.prices_e8, mark_e8={}, states=command.states)
        return Outcome(7, 2, answer)


class Shelf:
    """The tables: keep, or are away."""

    def __init__(self) -> None:
        self.kept: list[Explanation] = []
        self.stopped: frozenset[str] = frozenset()
        self.away = False

    def keep(self, explanations: Sequence[Explanation]) -> None:
        if self.away:
            raise OSError("no disk")
        self.kept += explanations

    def halted(self) -> frozenset[str]:
        return self.stopped


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk()
    monkeypatch.setattr(module, "submit_async", desk.submit)
    return desk


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


WELL = {"USDT": 1.0, "BTC": 86_000, "ETH": 2_800, "SOL": 130}


class House:
    """A feed, and its seconds."""

    def __init__(self, source: Any, shelf: Shelf) -> None:
        self.recorder = Recorder(shelf)
        self.feed = Feed(source, plan=Plan(), recorder=self.recorder)
        self.feed.begin_with(SNAPSHOT)
        self.second = SECOND

    def tick(self, times: int = 1, *, records: bool = True) -> None:
        async def run() -> None:
            for _ in range(times):
                await self.feed.tick(self.second * 1_000)
                self.second += 1
                if records:
                    await self.recorder.round()

        asyncio.run(run())


def test_each_second_is_one_command_with_every_listed_asset(desk: Desk, shelf: Shelf) -> None:
    House(Scripted(**WELL, DOGE=1), shelf).tick(2)
    assert [command_id for command_id, _ in desk.commands] == [
        f"prices:{SECOND}",
        f"prices:{SECOND + 1}",
    ]
    assert desk.commands[0][1] == UpdatePrices(prices_e8=COMMITTED)


def test_usdc_is_the_unit_of_account_whatever_anybody_says(desk: Desk, shelf: Shelf) -> None:
    House(Scripted(**WELL, USDC=0.65), shelf).tick()
    assert desk.commands[0][1].prices_e8["USDC"] == E8
    assert shelf.kept[0].assets["USDC"].why is Why.UNIT_OF_ACCOUNT


def test_the_walk_is_several_made_up_venues_whose_index_follows_it(
    desk: Desk, shelf: Shelf
) -> None:
    House(WalkSource("seed"), shelf).tick(600)
    walked = COMMITTED
    for second, (_, command) in enumerate(desk.commands, start=SECOND):
        walked = step(PATHS, seed="seed", second=second, last_e8=walked)
        for symbol, price in walked.items():
            assert abs(command.prices_e8[symbol] - price) * 5_000 < price
        assert command.states == {}
    kept = shelf.kept[-1].assets["SOL"].sources
    assert {source.venue: source.weight for source in kept} == WALKERS
    out = [one.excluded for told in shelf.kept for one in told.assets["SOL"].sources]
    assert {Exclusion.OUTLIER, Exclusion.OLD} & set(out)


def test_what_is_held_is_told_by_its_state_alone(desk: Desk, shelf: Shelf) -> None:
    source = Scripted(**WELL)
    house = House(source, shelf)
    house.tick()
    del source.prices["SOL"]
    house.tick(40)
    assert all("SOL" not in command.prices_e8 for _, command in desk.commands[1:])
    states = [command.states for _, command in desk.commands]
    assert states[0] == {}
    assert states[1] == {"SOL": PriceState.DEGRADED}
    assert states[-1] == {"SOL": PriceState.STALE}


def test_an_asset_without_a_first_price_has_no_state_to_tell(desk: Desk, shelf: Shelf) -> None:
    house = House(Scripted(**WELL), shelf)
    house.feed.begin_with(msgspec.structs.replace(SNAPSHOT, index_e8={**COMMITTED, "SOL": 0}))
    house.feed._source.prices.pop("SOL")  # type: ignore[attr-defined]
    house.tick()
    assert "SOL" not in desk.commands[0][1].prices_e8
    assert desk.commands[0][1].states == {}


def test_what_staff_halt_stays_where_it_is(desk: Desk, shelf: Shelf) -> None:
    house = House(Scripted(**WELL), shelf)
    house.tick()
    shelf.stopped = frozenset({"BTC"})
    house.tick(2)
    assert desk.commands[-1][1].states == {"BTC": PriceState.HALT}
    assert "BTC" not in desk.commands[-1][1].prices_e8
    assert "ETH" in desk.commands[-1][1].prices_e8
    shelf.stopped = frozenset()
    house.tick(12)
    assert desk.commands[-1][1] == UpdatePrices(prices_e8=COMMITTED)


def test_perpetuals_of_others_go_to_our_market_of_the_same_coin(desk: Desk, shelf: Shelf) -> None:
    source = Scripted(**WELL)
    source.perps = {"SOL": 129.9, "DOGE": 1}
    House(source, shelf).tick()
    assert desk.commands[0][1].perps_e8 == {"SOL_USDC_PERP": 12_990_000_000}


def test_every_published_second_is_explained(desk: Desk, shelf: Shelf) -> None:
    source = Scripted(**WELL)
    house = House(source, shelf)
    house.tick(3)
    assert [told.second for told in shelf.kept] == [SECOND, SECOND + 1, SECOND + 2]
    told = shelf.kept[0]
    assert told.sequence == 7
    assert told.assets["SOL"].sources == tuple(
        SourcePrice(venue, 130 * E8, 1) for venue in ("a", "b", "c")
    )
    assert {s: one.index_e8 for s, one in told.assets.items()} == COMMITTED
    assert troubles(told.assets) == []


def test_troubles_are_words_to_search_for(desk: Desk, shelf: Shelf) -> None:
    source = Scripted(**WELL)
    source.venues = ("a", "b")
    house = House(source, shelf)
    source.prices = {"SOL": 130}
    house.tick()
    assert {"Degraded", "SOL", "SOL:Degraded", "BTC:Degraded"} <= set(
        troubles(shelf.kept[0].assets)
    )


def test_tables_that_are_away_hold_up_no_price_and_lose_no_second(
    desk: Desk, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(Scripted(**WELL), shelf)
    shelf.away = True
    with caplog.at_level(logging.INFO):
        house.tick(5)
        shelf.away = False
        house.tick(1)
    assert len(desk.commands) == 6
    assert [told.second for told in shelf.kept] == list(range(SECOND, SECOND + 6))
    assert [record.message for record in caplog.records] == [
        "Explanations of prices wait, their tables are away: no disk",
        "Explanations of prices are kept again.",
    ]


def test_no_price_is_told_before_the_tables_have_said_what_is_halted(shelf: Shelf) -> None:
    recorder = Recorder(shelf)
    shelf.away = True

    async def run() -> None:
        await recorder.round()
        assert not recorder.heard.is_set()
        shelf.away = False
        await recorder.round()
        assert recorder.heard.is_set()

    asyncio.run(run())


def test_silent_sources_are_said_once_when_it_begins_and_once_when_it_ends(
    desk: Desk, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    source = Scripted(**WELL)
    house = House(source, shelf)
    with caplog.at_level(logging.INFO):
        house.tick(3)
        source.prices = {"USDT": 1.0}
        house.tick(60)
        source.prices = WELL
        house.tick(60)
    assert [record.message for record in caplog.records] == [
        "BTC, ETH, SOL: the index is Degraded (NoAgreement).",
        "BTC, ETH, SOL: the index is Stale (NoAgreement).",
        *(f"{symbol}: the index is Ok again, after 69 s." for symbol in ("BTC", "ETH", "SOL")),
    ]


def test_an_engine_that_is_away_is_said_once_and_the_feed_goes_on_from_what_was_committed(
    desk: Desk, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    source = Scripted(**WELL)
    house = House(source, shelf)
    house.tick()
    desk.away = True
    source.prices = {**WELL, "BTC": 86_800}
    house.tick(20)
    desk.away = False
    house.tick()
    assert [told.sequence for told in shelf.kept] == [7, *[None] * 20, 7]
    # One step of the cap, not twenty.
    assert desk.commands[-1][1].prices_e8["BTC"] == 86_000 * E8 * 10_025 // 10_000
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_an_unknown_source_is_refused_in_one_sentence(settings: Any) -> None:
    settings.FEED = "oracle"
    with pytest.raises(ValueError, match="FEED=walk, FEED=ccxt or FEED=tape"):
        chosen_source(Plan())
    settings.FEED, settings.FEED_TAPE = "tape", "/no/such/tape"
    with pytest.raises(ValueError, match="/no/such/tape"):
        chosen_source(Plan())


def test_a_plan_replaces_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    venues = [{"name": "backpack", "quote": "USDC", "books": True, "url": "http://other"}]
    path.write_text(json.dumps({"venues": venues, "assets": {"BTC": {"cap_ppm": 1}}}))
    plan = read_plan(str(path))
    assert [venue.url for venue in plan.venues] == ["http://other"]
    assert plan.terms_of("BTC") == Terms(cap_ppm=1)
    assert plan.terms_of("SOL") == OTHER
    assert read_plan("").terms_of("SOL") == MAJOR


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        '{"venue": []}',
        '{"assets": {"BTC": {"cap": 1}}}',
        '{"assets": {"BTC": {"cap_ppm": 0}}}',
        '{"venues": [{"name": "okx", "quote": "USDT", "weight": 0}]}',
        '{"venues": [{"name": "okx", "quote": "USDT"}, {"name": "okx", "quote": "USD"}]}',
    ],
)
def test_a_wrong_plan_is_refused(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(wrong)
    with pytest.raises(ValueError, match=r"prices\.json"):
        read_plan(str(path))


def test_after_a_second_that_may_be_somebody_elses_it_looks_at_what_was_committed(
    desk: Desk, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    stop = asyncio.Event()
    ticks = iter(range(1, 10))

    async def followed() -> AsyncIterator[FeedSnapshot]:
        looks.append(len(desk.commands))
        yield SNAPSHOT

    async def next_second(stop: asyncio.Event) -> None:
        number = next(ticks)
        desk.away = number == 2
        if number == 5:
            stop.set()

    monkeypatch.setattr(module, "follow", followed)
    monkeypatch.setattr(module, "_next_second", next_second)
    feed = Feed(Scripted(**WELL), plan=Plan(), recorder=Recorder(shelf))
    asyncio.run(feed.run(stop))
    assert len(desk.commands) == 4
    # At the start, and after the third second, which the engine did not answer.
    assert looks == [0, 2]
