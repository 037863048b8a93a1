"""Real venues through ccxt, here with exchanges that answer what a test says, late, or never."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from engine.catalog import PriceState
from gateway.explained import Exclusion, Explained
from prices import venues as module
from prices.indexes import Indexes
from prices.terms import Plan, Venue
from prices.venues import VenueSource, through_ccxt
from tests.prices.made import E8

LISTED = ("USDC", "USDT", "BTC")
PRICES = {"BTC/USD": "86700", "USDT/USD": "0.9998", "BTC/USDT": "86717.34"}


class Fake:
    """An exchange as ccxt shows it."""

    def __init__(self, prices: Mapping[str, Any], **more: Any) -> None:
        self.markets = dict.fromkeys(prices)
        self.prices = prices
        self.more = more
        self.closed = False

    async def load_markets(self) -> None: ...

    async def fetch_tickers(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: ticker(self.prices[name]) | self.more for name in names}

    async def close(self) -> None:
        self.closed = True


class Hanging(Fake):
    async def fetch_tickers(self, names: Sequence[str]) -> dict[str, Any]:
        await asyncio.sleep(3_600)
        raise AssertionError("given up long before")


class Broken(Fake):
    async def load_markets(self) -> None:
        raise ConnectionError("no route")


class Garbage(Fake):
    async def fetch_tickers(self, names: Sequence[str]) -> Any:
        return ["<html>"]


class Empty(Fake):
    async def fetch_tickers(self, names: Sequence[str]) -> Any:
        return {}


def ticker(price: object) -> dict[str, Any]:
    if not isinstance(price, str):
        return dict.fromkeys(("bid", "ask", "last"), price)
    middle = float(price)
    return {"bid": str(middle * 0.9999), "ask": str(middle * 1.0001), "last": price}


NO_PRICES: tuple[object, ...] = (float("nan"), 0, -1, None, "nan", [], {})
HONEST = {"a": Fake(PRICES), "b": Fake(PRICES), "c": Fake(PRICES)}


def asked(
    exchanges: Mapping[str, Fake],
    *,
    venues: Sequence[Venue] = (),
    ticks: int = 3,
    meanwhile: Callable[[int], Awaitable[None]] | None = None,
) -> list[dict[str, Explained]]:
    """Return what is published tick by tick, with some turns of the loop between them."""
    plan = Plan(venues=tuple(venues or (Venue(name=name, quote="USD") for name in exchanges)))
    indexes, told = Indexes(plan), []
    last_e8 = {"BTC": 86_700 * E8, "USDT": 99_980_000}

    async def run() -> None:
        source = VenueSource(plan, connect=lambda venue: exchanges[venue.name])
        for number in range(ticks):
            now_ms = time.time_ns() // 1_000_000
            quotes = await source.quotes(now_ms=now_ms, listed=LISTED, last_e8=last_e8)
            told.append(indexes.take(quotes, now_ms=now_ms, listed=LISTED, last_e8=last_e8))
            last_e8.update({s: one.index_e8 for s, one in told[-1].items() if one.index_e8})
            await asyncio.sleep(0.01)
            if meanwhile is not None:
                await meanwhile(number)
        await source.close()

    asyncio.run(run())
    return told


def test_venues_that_agree_give_the_index() -> None:
    told = asked(HONEST)[-1]
    assert told["BTC"].index_e8 == 86_700 * E8
    assert told["USDT"].index_e8 == 99_980_000
    assert [source.excluded for source in told["BTC"].sources] == [None] * 3
    assert all(exchange.closed for exchange in HONEST.values())


@pytest.mark.parametrize(
    ("bad", "excluded"),
    [
        pytest.param(Hanging(PRICES), Exclusion.SILENT, id="never answers"),
        pytest.param(Broken(PRICES), Exclusion.SILENT, id="cannot be reached"),
        pytest.param(Garbage(PRICES), Exclusion.SILENT, id="answers with something else"),
        pytest.param(Empty(PRICES), Exclusion.SILENT, id="answers with nothing"),
        pytest.param(Fake(dict.fromkeys(PRICES, "86700000")), Exclusion.OUTLIER, id="1,000 times"),
        pytest.param(Fake(dict.fromkeys(PRICES, "0.0001")), Exclusion.OUTLIER, id="nearly nothing"),
        pytest.param(Fake(PRICES, ask="1"), Exclusion.CROSSED, id="crossed"),
        pytest.param(Fake(PRICES, ask="99999"), Exclusion.WIDE, id="wide"),
        pytest.param(Fake(PRICES, timestamp=1), Exclusion.OLD, id="old"),
        pytest.param(Fake(PRICES, timestamp=2**52), Exclusion.FROM_THE_FUTURE, id="future"),
        *(
            pytest.param(Fake(dict.fromkeys(PRICES, no)), Exclusion.NO_PRICE, id=f"price {no!r}")
            for no in NO_PRICES
        ),
    ],
)
def test_one_bad_venue_moves_nothing(bad: Fake, excluded: Exclusion) -> None:
    told = asked(HONEST | {"bad": bad}, ticks=5)
    assert [one["BTC"].index_e8 for one in told] == [86_700 * E8] * 5
    sources = {source.venue: source for source in told[-1]["BTC"].sources}
    assert sources["bad"].excluded in (excluded, Exclusion.QUARANTINED)
    assert sources["bad"].weight == 0


def test_a_venue_that_hangs_is_given_up_said_once_and_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    hanging: Fake = Hanging(PRICES)

    async def heal(number: int) -> None:
        await asyncio.sleep(0.05)
        if number == 2:
            hanging.__class__ = Fake

    with caplog.at_level(logging.INFO):
        asked({"bad": hanging}, ticks=5, meanwhile=heal)
    assert [record.message for record in caplog.records] == [
        "bad does not answer (TimeoutError); it is left out.",
        "bad answers again.",
    ]


def test_a_venue_that_quotes_in_a_coin_is_turned_into_dollars_by_its_index() -> None:
    exchanges = HONEST | {"coin": Fake({"BTC/USDT": "86717.34"})}
    venues = [Venue(name=name, quote="USDT" if name == "coin" else "USD") for name in exchanges]
    told = asked(exchanges, venues=venues)[-1]["BTC"]
    (coin,) = [source for source in told.sources if source.venue == "coin"]
    assert coin.excluded is None
    assert coin.price_e8 is not None
    assert abs(coin.price_e8 - 86_700 * E8) < E8 // 100


def test_a_coin_that_one_venue_misprints_carries_no_other_price_with_it() -> None:
    # On that venue a BTC costs half as much again in the coin.
    odd = Fake(PRICES | {"USDT/USD": "0.65"})
    exchanges = HONEST | {"odd": odd, "coin": Fake({"BTC/USDT": "133384"})}
    venues = [Venue(name=name, quote="USDT" if name == "coin" else "USD") for name in exchanges]
    for told in asked(exchanges, venues=venues, ticks=5)[1:]:
        assert told["USDT"].index_e8 == 99_980_000
        assert told["BTC"].index_e8 == 86_700 * E8
        assert told["BTC"].state is not PriceState.HALT


def test_perpetuals_are_asked_for_by_the_venues_own_ending() -> None:
    perps = {"BTC/USDT:USDT": "86717.34"}
    exchanges = {name: Fake(PRICES | perps) for name in ("a", "b", "c")}
    venues = [Venue(name=name, quote="USD", perp="USDT:USDT") for name in exchanges]
    told = asked(exchanges, venues=venues)[-1]["BTC"]
    assert told.perp_e8 is not None
    assert abs(told.perp_e8 - 86_700 * E8) < E8 // 100


def test_perpetuals_that_cannot_be_asked_for_cost_no_spot_price(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Half(Fake):
        async def fetch_tickers(self, names: Sequence[str]) -> dict[str, Any]:
            if any(":" in name for name in names):
                raise ValueError("no such market type")
            return await super().fetch_tickers(names)

    exchanges = {name: Half(PRICES | {"BTC/USD:USD": "86700"}) for name in ("a", "b", "c")}
    venues = [Venue(name=name, quote="USD", perp="USD:USD") for name in exchanges]
    told = asked(exchanges, venues=venues)[-1]["BTC"]
    assert told.index_e8 == 86_700 * E8
    assert told.perp_e8 is None
    assert {record.message for record in caplog.records} == {
        f"{name} (perpetuals) does not answer (no such market type); it is left out."
        for name in exchanges
    }


def test_a_book_is_asked_for_where_tickers_tell_no_top() -> None:
    class Books(Fake):
        async def fetch_tickers(self, names: Sequence[str]) -> dict[str, Any]:
            return {"BTC/USD": {"bid": None, "ask": None, "last": "86700"}}

        async def fetch_order_book(self, name: str, limit: int) -> dict[str, Any]:
            # Text, and sorted as text: 99 looks more than 86,700.
            return {"bids": [["99", "1"], ["86699", "1"]], "asks": [["86701", "1"], ["9e6", "1"]]}

    exchanges = {"books": Books(PRICES)}
    venues = [Venue(name="books", quote="USD", books=True)]
    told = asked(exchanges, venues=venues)[-1]
    assert told["BTC"].sources[0].price_e8 == 86_700 * E8
    # It has never traded USDT: its bid stands for the last trade.
    assert told["USDT"].sources[0].price_e8 == 86_699 * E8


def test_another_instance_of_this_exchange_is_asked_at_its_own_address() -> None:
    venue = Venue(name="backpack", quote="USDC", books=True, url="https://other.example")
    exchange = through_ccxt(venue)
    assert set(exchange.urls["api"].values()) == {"https://other.example"}
    asyncio.run(exchange.close())
