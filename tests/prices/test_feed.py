"""The feed between a source and the engine."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from engine.commands import UpdatePrices
from engine.events import AssetListed, PricesUpdated
from gateway.client import Outcome
from gateway.errors import EngineUnavailable
from gateway.feed import FeedSnapshot
from launcher.demo_listing import ASSETS
from prices import feed as module
from prices.feed import MISSING_TICKS, Feed, chosen_source
from prices.walk import PATHS, WalkSource, step

E8 = 10**8
COMMITTED = {"USDC": E8, "USDT": E8, "BTC": 86_000 * E8, "ETH": 2_800 * E8, "SOL": 130 * E8}
SNAPSHOT = FeedSnapshot(
    sequence=1,
    at_ns=1,
    assets=tuple(AssetListed(asset=asset) for asset in ASSETS),
    markets=(),
    index_e8=COMMITTED,
)


class Scripted:
    """A source which says what the test says."""

    name = "a script"

    def __init__(self, prices: Mapping[str, Any]) -> None:
        self.prices = dict(prices)

    async def quote(self, *, second: int, last_e8: Mapping[str, int]) -> dict[str, int]:
        return self.prices

    async def close(self) -> None: ...


class Desk:
    """The engine's end: remembers what was submitted, or is away."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, dict[str, int]]] = []
        self.away = False

    async def submit(self, command: UpdatePrices, *, command_id: str, timeout: float) -> Outcome:
        if self.away:
            raise EngineUnavailable("the engine cannot be reached")
        self.commands.append((command_id, command.prices_e8))
        return Outcome(2, 2, PricesUpdated(index_e8=command.prices_e8, mark_e8={}))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk()
    monkeypatch.setattr(module, "submit_async", desk.submit)
    return desk


def begun(source: Any) -> Feed:
    feed = Feed(source)
    feed.begin_with(SNAPSHOT, first=True)
    return feed


def tick(feed: Feed, *seconds: int) -> None:
    async def run() -> None:
        for second in seconds:
            await feed.tick(second)

    asyncio.run(run())


def test_each_second_is_one_command_with_every_listed_asset(desk: Desk) -> None:
    tick(begun(Scripted({**COMMITTED, "DOGE": 1, "USDC": 5})), 100, 101)
    assert [command_id for command_id, _ in desk.commands] == ["prices:100", "prices:101"]
    assert desk.commands[0][1] == COMMITTED


def test_the_walk_goes_on_from_what_the_engine_committed(desk: Desk) -> None:
    tick(begun(WalkSource("seed")), 100, 101)
    first = step(PATHS, seed="seed", second=100, last_e8=COMMITTED)
    second = step(PATHS, seed="seed", second=101, last_e8=first)
    assert [prices for _, prices in desk.commands] == [
        {**first, "USDC": E8},
        {**second, "USDC": E8},
    ]


@pytest.mark.parametrize("nonsense", [0, -1, float("nan"), 10**30, 86_000 * E8 * 2])
def test_nonsense_of_a_source_is_left_out_and_said_once(
    desk: Desk, caplog: pytest.LogCaptureFixture, nonsense: object
) -> None:
    tick(begun(Scripted({**COMMITTED, "BTC": nonsense})), 100, 101, 102)
    assert all("BTC" not in prices and "ETH" in prices for _, prices in desk.commands)
    assert len([r for r in caplog.records if r.message.startswith("BTC")]) == 1


def test_a_silent_source_is_one_sentence_and_the_last_prices_hold(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    tick(begun(Scripted({})), *range(100, 100 + 3 * MISSING_TICKS))
    assert {frozenset(prices) for _, prices in desk.commands} == {frozenset({"USDC"})}
    assert [record.message for record in caplog.records] == [
        "No agreed price of USDT, BTC, ETH, SOL: the last ones hold."
    ]


def test_an_engine_that_is_away_is_said_once_and_the_feed_goes_on(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    feed = begun(Scripted(COMMITTED))
    desk.away = True
    tick(feed, 100, 101)
    desk.away = False
    tick(feed, 102)
    assert [command_id for command_id, _ in desk.commands] == ["prices:102"]
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_an_unknown_source_is_refused_in_one_sentence(settings: Any) -> None:
    settings.FEED = "oracle"
    with pytest.raises(ValueError, match="FEED=walk or FEED=ccxt"):
        chosen_source()
