"""What the public sees over the hot path: books, trades, tickers, marks."""

import time
from datetime import UTC, datetime

import pytest

from engine.catalog import MarketState
from engine.commands import SetMarketState
from engine.order_events import TradeExecuted
from engine.units import OrderId
from tests.api.front import Front, front
from tests.api.test_candles import store_trade
from tests.api.test_orders import committed
from tests.engine.listings import ASSETS, SOL_USDC
from trading import klines
from trading.catalog import ListedMarket, listed_market
from trading.live import LIVE, LiveMarket, merge

__all__ = ["committed", "front"]
HOT = "/api/v1/"
SOL = "SOL_USDC"


def test_both_sides_of_a_book_ascend_and_share_the_streams_counter(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"depth.{SOL}")
    for price in ("99.5", "98", "99"):
        front.order(front.alice, price=price, quantity="1.50")
    for price in ("101", "100.25"):
        front.order(front.alice, side="Ask", price=price)
    book = front.get(f"{HOT}depth", symbol=SOL).json
    assert list(book) == ["asks", "bids", "lastUpdateId", "timestamp"]
    assert book["bids"] == [["98", "1.5"], ["99", "1.5"], ["99.5", "1.5"]]
    assert book["asks"] == [["100.25", "1"], ["101", "1"]]
    assert book["lastUpdateId"] == str(socket.data()[-1]["u"])
    assert abs(book["timestamp"] - time.time() * 1e6) < 60e6
    best = front.get(f"{HOT}depth", symbol=SOL, limit="5").json
    assert best["bids"][-1] == ["99.5", "1.5"]


def test_a_depth_is_cut_to_the_best_levels(front: Front) -> None:
    for cents in range(9000, 9007):
        front.order(front.alice, price=f"{cents / 100}")
    bids = front.get(f"{HOT}depth", symbol=SOL, limit="5").json["bids"]
    assert [price for price, _ in bids] == ["90.02", "90.03", "90.04", "90.05", "90.06"]


def test_the_book_in_memory_is_the_engines(front: Front) -> None:
    for number in range(30):
        side, price = ("Bid", 97 + number % 5) if number % 2 else ("Ask", 100 - number % 4)
        front.order(front.alice if number % 3 else front.bob, side=side, price=str(price))
    book, depth = LIVE.markets[SOL].book, front.engine.depth(SOL)
    assert book.update_id == depth.update_id
    assert sorted(book.bids.items(), reverse=True) == list(depth.bids)
    assert sorted(book.asks.items()) == list(depth.asks)
    assert book.top() == (
        depth.bids[0] if depth.bids else None,
        depth.asks[0] if depth.asks else None,
    )


@pytest.mark.parametrize(
    ("path", "query", "code", "part"),
    [
        ("depth", {}, "INVALID_CLIENT_REQUEST", "`symbol` is required"),
        ("depth", {"symbol": "X"}, "INVALID_CLIENT_REQUEST", "Invalid market symbol"),
        ("depth", {"symbol": SOL, "limit": "7"}, "INVALID_CLIENT_REQUEST", "5, 10, 20, 50"),
        (
            "depth",
            {"symbol": SOL, "limit": "07"},
            "INVALID_CLIENT_REQUEST",
            'failed to parse parameter `limit`: failed to parse "DepthLimit": '
            "Expect a valid enumeration value.",
        ),
        ("trades", {"symbol": SOL, "limit": "0"}, "INVALID_CLIENT_REQUEST", "at least 1"),
        ("trades", {"symbol": SOL, "limit": "x"}, "INVALID_CLIENT_REQUEST", "whole number"),
        ("trades", {"symbol": SOL, "limit": "1001"}, "INVALID_CLIENT_REQUEST", "at most 1000"),
        ("trades/history", {"symbol": SOL, "offset": "-1"}, "INVALID_CLIENT_REQUEST", "whole"),
        ("ticker", {"symbol": SOL, "interval": "1m"}, "INVALID_CLIENT_REQUEST", "1d or 1w"),
        ("klines", {"symbol": SOL, "interval": "2m"}, "INVALID_CLIENT_REQUEST", "`interval`"),
        ("klines", {"symbol": SOL, "interval": "1m"}, "INVALID_CLIENT_REQUEST", "`startTime`"),
        (
            "klines",
            {"symbol": SOL, "interval": "1m", "startTime": "9", "endTime": "8"},
            "INVALID_RANGE",
            "after",
        ),
        (
            "klines",
            {"symbol": SOL, "interval": "1m", "startTime": "1", "priceType": "Bid"},
            "INVALID_CLIENT_REQUEST",
            "`priceType` must be one of Last, Index, Mark",
        ),
        ("markPrices", {"symbol": "X"}, "INVALID_CLIENT_REQUEST", "Symbol not found"),
    ],
)
def test_a_question_without_sense_is_refused(
    front: Front, path: str, query: dict[str, object], code: str, part: str
) -> None:
    status, told, message = front.request("GET", HOT + path, query=query).refusal()
    assert (status, told) == (400, code)
    assert part in message


def test_a_closed_market_has_no_depth(front: Front) -> None:
    front.accepted(SetMarketState(market=SOL, state=MarketState.CLOSED))
    refusal = front.get(f"{HOT}depth", symbol=SOL).refusal()
    assert refusal == (404, "RESOURCE_NOT_FOUND", "Not Found")


def test_trades_are_told_newest_first(front: Front) -> None:
    front.order(front.alice, side="Ask", price="100", quantity="2")
    front.order(front.bob, price="100", quantity="0.50")
    front.order(front.bob, price="98")
    front.order(front.alice, side="Ask", price="98", quantity="0.25")
    trades = front.get(f"{HOT}trades", symbol=SOL, limit="2").json
    assert list(trades[0]) == [
        "id",
        "isBuyerMaker",
        "price",
        "quantity",
        "quoteQuantity",
        "timestamp",
    ]
    told = [(one["id"], one["isBuyerMaker"], one["price"], one["quantity"]) for one in trades]
    assert told == [(2, True, "98", "0.25"), (1, False, "100", "0.5")]
    assert trades[0]["quoteQuantity"] == "24.5"


def test_a_ticker_sums_the_last_day_and_is_absent_before_any_trade(front: Front) -> None:
    assert front.get(f"{HOT}ticker", symbol=SOL).status == 204
    assert front.get(f"{HOT}tickers").json == []
    for price in ("100", "104", "96", "102"):
        front.order(front.alice, side="Ask", price=price)
        front.order(front.bob, price=price)
    ticker = front.get(f"{HOT}ticker", symbol=SOL).json
    assert ticker == {
        "firstPrice": "100",
        "high": "104",
        "lastPrice": "102",
        "low": "96",
        "priceChange": "2",
        "priceChangePercent": "0.02",
        "quoteVolume": "402",
        "symbol": SOL,
        "trades": "4",
        "volume": "4",
    }
    assert list(ticker) == sorted(ticker)
    assert front.get(f"{HOT}tickers").json == [ticker]


def test_a_day_forgets_what_is_older_but_keeps_the_last_price(front: Front) -> None:
    front.order(front.alice, side="Ask", price="100")
    front.order(front.bob, price="100")
    market = LIVE.markets[SOL]
    now = int(time.time())
    day = market.day(now + 2 * klines.DAY)
    assert day is not None
    assert (day.open_ticks, day.close_ticks, day.lots, day.trades) == (10_000, 10_000, 0, 0)


def test_a_day_is_the_sum_of_its_minutes_at_any_time() -> None:
    market, start = LiveMarket(listed_sol()), 1_790_000_040
    for number in range(1, 400):
        at = start + number * 37 % 90 + number * 50
        market.add_trade(trade(number, at, 10_000 + number * 31 % 97))
        now = at + number % 2 * (klines.DAY - 9_000)
        merged = market.day(now)
        expected = merge(now - klines.DAY, market.minutes) if market.minutes else None
        if expected is not None:
            assert merged == expected
    assert len(market.minutes) > 100


def listed_sol() -> ListedMarket:
    assets = {asset.symbol: asset for asset in ASSETS}
    return listed_market(SOL_USDC, assets=assets, quote_atoms_per_tick=100, state=MarketState.OPEN)


def trade(number: int, at: int, ticks: int) -> TradeExecuted:
    return TradeExecuted(
        market=SOL,
        trade_id=number,
        price_ticks=ticks,
        lots=number,
        quote_atoms=ticks * number * 100,
        buyer_order=OrderId(1),
        seller_order=OrderId(2),
        buyer_is_maker=False,
        at_ns=at * 10**9,
    )


def test_marks_are_of_perpetuals_unless_asked(front: Front) -> None:
    marks = front.get(f"{HOT}markPrices").json
    assert [mark["symbol"] for mark in marks] == ["BTC_USDC_PERP", "SOL_USDC_PERP"]
    assert marks[1] | {"nextFundingTimestamp": 0} == {
        "fundingRate": "0",
        "indexPrice": "100",
        "markPrice": "100",
        "nextFundingTimestamp": 0,
        "symbol": "SOL_USDC_PERP",
    }
    wait_ms = marks[1]["nextFundingTimestamp"] - time.time() * 1000
    assert 0 < wait_ms <= 3_600_000
    assert front.get(f"{HOT}markPrices", symbol=SOL).json[0]["fundingRate"] is None


def test_the_system_says_how_it_is(front: Front) -> None:
    assert front.get(f"{HOT}ping").body == b"pong"
    told = front.get(f"{HOT}time")
    assert told.headers["content-type"].startswith("text/plain")
    assert abs(int(told.body) - time.time() * 1000) < 60_000
    assert front.get(f"{HOT}status").json == {"message": None, "status": "Ok"}
    front.keeper.lost()
    assert front.get(f"{HOT}status").json["status"] == "Maintenance"


def test_how_long_a_shared_cache_may_keep_an_answer(front: Front) -> None:
    front.order(front.alice, side="Ask", price="100")
    front.order(front.bob, price="100")
    table = {
        "ticker": "s-maxage=20",
        "tickers": "s-maxage=20",
        "trades": "s-maxage=5",
        "markPrices": "s-maxage=1",
        "depth": "no-store",
        "status": "no-store",
    }
    for path, expected in table.items():
        assert front.get(HOT + path, symbol=SOL).headers["cache-control"] == expected, path


def test_what_clients_send_beyond_the_contract_is_ignored(front: Front) -> None:
    front.order(front.alice, side="Ask", price="100")
    front.order(front.bob, price="100")
    plain = front.get(f"{HOT}ticker", symbol=SOL).json
    assert front.get(f"{HOT}ticker", symbol=SOL, source="External", interval="1d").json == plain
    assert front.get(f"{HOT}tickers", source="Venue").json == [plain]


@pytest.mark.usefixtures("committed")
def test_older_trades_are_read_page_by_page(front: Front) -> None:
    for number in range(1, 6):
        store_trade(number, datetime(2026, 10, 5, 14, number, tzinfo=UTC), 10_000 + number)
    for offset in (5, 10**9):
        assert front.get(f"{HOT}trades/history", symbol=SOL, offset=offset).json == []
    page = front.get(f"{HOT}trades/history", symbol=SOL, limit="2", offset="1").json
    assert [(one["id"], one["price"], one["quoteQuantity"]) for one in page] == [
        (4, "100.04", "100.04"),
        (3, "100.03", "100.03"),
    ]
