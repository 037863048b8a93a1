"""What a market takes now, and why: from the engine's feed to the public row and the stream."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from engine.auctions import crossing, reference_ticks
from engine.catalog import BreakerRules, MarketState, PriceState
from engine.commands import PlaceOrder, SetMarketState, UpdateMarket, UpdatePrices
from engine.units import AccountId
from engine.vocabulary import Side
from sequencer.publish import feed_snapshot
from tests.api.front import Front, front
from tests.engine.listings import INDEX_E8, SOL_PERP, SOL_USDC

__all__ = ["front"]

PATH = "/api/v1/x/marketStates"
SPOT, PERP = SOL_USDC.symbol, SOL_PERP.symbol


def row(front: Front, symbol: str = PERP) -> dict[str, Any]:
    reply = front.get(PATH, symbol=symbol)
    assert reply.status == 200
    (found,) = reply.json
    return dict(found)


def test_each_state_says_who_ordered_it_and_what_is_left_to_do(front: Front) -> None:
    assert (row(front)["state"], row(front)["reason"]) == ("Open", None)
    for state, word in (
        (MarketState.LIMIT_ONLY, "limit orders"),
        (MarketState.POST_ONLY, "post-only orders"),
        (MarketState.CANCEL_ONLY, "cancel"),
        (MarketState.CLOSED, "cancel"),
    ):
        front.accepted(SetMarketState(market=PERP, state=state))
        told = row(front)
        assert (told["state"], told["reason"], told["until"]) == (state.value, "Staff", None)
        assert word in told["advice"]
        assert "Staff" in told["message"]
    assert row(front, SPOT)["state"] == "Open"
    assert len(front.get(PATH).json) > 2


@pytest.mark.parametrize(
    ("state", "book"),
    [
        (PriceState.DEGRADED, "LimitOnly"),
        (PriceState.STALE, "PostOnly"),
        (PriceState.HALT, "PostOnly"),
    ],
)
def test_a_price_that_is_not_certain_is_named(front: Front, state: PriceState, book: str) -> None:
    front.accepted(UpdatePrices(prices_e8={}, states={"SOL": state}))
    told = row(front)
    assert (told["state"], told["reason"]) == (book, "Prices")
    assert told["indexes"] == {"SOL": state.value, "USDC": "Ok"}
    assert told["message"].startswith("The index price of SOL is ")
    front.accepted(UpdatePrices(prices_e8=dict(INDEX_E8)))
    assert row(front)["indexes"]["SOL"] == "Ok"


def test_a_breaker_says_until_when(front: Front) -> None:
    front.accepted(UpdateMarket(market=replace(SOL_PERP, breaker=BreakerRules())))
    front.accepted(UpdatePrices(prices_e8={**INDEX_E8, "SOL": INDEX_E8["SOL"] * 9 // 10}))
    told = row(front)
    assert (told["state"], told["reason"]) == ("LimitOnly", "Breaker")
    listed = front.engine.state.markets[PERP]
    assert told["until"] == listed.breaker.until_ns // 10**6
    # Whoever follows the feed from here on knows it from the snapshot.
    (market,) = [
        one for one in feed_snapshot(front.engine).markets if one.listed.market.symbol == PERP
    ]
    assert (market.reason.value, market.until_ns) == ("Breaker", listed.breaker.until_ns)


@pytest.mark.parametrize("symbol", [SPOT, PERP])
@pytest.mark.parametrize("seed", range(8))
def test_an_auction_shows_what_it_would_come_to(front: Front, symbol: str, seed: int) -> None:
    dice = random.Random(seed)
    market = front.engine.state.markets[symbol].market
    front.accepted(UpdateMarket(market=replace(market, auction_ms=10_000)))
    front.accepted(SetMarketState(market=symbol, state=MarketState.CLOSED))
    front.accepted(SetMarketState(market=symbol, state=MarketState.OPEN))
    assert row(front, symbol)["auction"] == {"price": None, "quantity": "0", "imbalance": "0"}
    crossed = 0
    for _ in range(30):
        # Nobody crosses an order of their own.
        user, side = dice.choice(((front.alice, Side.BID), (front.bob, Side.ASK)))
        front.command(
            PlaceOrder(
                account=AccountId(user.account),
                market=symbol,
                side=side,
                price_ticks=dice.randint(9_985, 10_015),
                lots=dice.randint(1, 40),
            )
        )
        told, listed = row(front, symbol), front.engine.state.markets[symbol]
        assert (told["title"], told["reason"]) == ("Auction", "Auction")
        assert told["until"] == listed.auction_ns // 10**6
        expected = crossing(listed, reference_ticks(front.engine.state, listed))
        if expected is None:
            assert told["auction"]["price"] is None
            continue
        crossed += 1
        assert told["auction"] == {
            "price": f"{expected.price_ticks / 100:g}",
            "quantity": f"{expected.lots / 100:g}",
            "imbalance": f"{expected.imbalance / 100:g}",
        }
    assert crossed


def test_the_stream_tells_each_change_once(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"x.marketState.{PERP}")
    front.keeper.streams.every_second()
    assert [one["state"] for one in socket.data()] == ["Open"]
    front.keeper.streams.every_second()
    assert socket.data() == []
    front.accepted(SetMarketState(market=PERP, state=MarketState.CANCEL_ONLY))
    front.keeper.streams.every_second()
    (told,) = socket.data()
    assert (told["e"], told["state"], told["symbol"]) == ("marketState", "CancelOnly", PERP)


@pytest.mark.parametrize("symbol", ["", "NOWHERE", "\0", "x" * 500])
def test_a_market_that_is_not_there_is_refused(front: Front, symbol: str) -> None:
    assert front.get(PATH, symbol=symbol).status == 400


@pytest.mark.parametrize("name", ["x.marketState", "x.marketState.", "x.other.SOL_USDC"])
def test_other_names_are_no_streams(front: Front, name: str) -> None:
    socket = front.socket()
    socket.subscribe(name)
    assert [frame["error"]["code"] for frame in socket.told()] == [4006]
