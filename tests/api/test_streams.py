"""Streams: what a subscriber is told, in what order, and what an unruly one is told."""

import asyncio
import json
import time
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import pytest

from edge import clients, open_interest
from edge.clients import Client
from edge.frames import Message
from edge.open_interest import OpenInterest
from edge.private import ORIGINS
from edge.wire import WIRE
from engine.commands import (
    AdvanceTime,
    CreateStrategy,
    Lend,
    PlaceOrder,
    UpdateAsset,
    UpdateMarket,
    UpdatePrices,
)
from engine.events import BorrowLendMoved, Event
from engine.kinds import BorrowLendKind, MovementSource, OrderStatus, OrderTerms, SystemOrder
from engine.order_events import OrderFilled, StrategyCreated
from engine.units import AccountId, OrderId
from engine.vocabulary import OrderType, SelfTradePrevention, Side, TimeInForce
from gateway.feed import FeedBatch, decode_events
from sequencer.batch import Entry
from sequencer.publish import feed_item, feed_snapshot
from tests.api.front import FakeWire, Front, Socket, frames_in, front
from trading.catalog import catalog
from trading.live import LIVE

__all__ = ["front"]
SOL = "SOL_USDC"
PERP = "SOL_USDC_PERP"


def without_times(data: dict[str, Any]) -> dict[str, Any]:
    """Check the two times of a message and leave them out."""
    for name in ("E", "T"):
        assert abs(data[name] - time.time() * 1e6) < 60e6, f"{name} is in microseconds"
    return {name: value for name, value in data.items() if name not in ("E", "T")}


def trade_once(front: Front, *, price: str = "100", symbol: str = SOL) -> None:
    front.order(front.alice, symbol=symbol, side="Ask", price=price)
    front.order(front.bob, symbol=symbol, price=price)


def test_depth_deltas_follow_each_other_and_rebuild_the_book(front: Front) -> None:
    front.order(front.alice, price="99")
    snapshot = front.get("/api/v1/depth", symbol=SOL).json
    socket = front.socket()
    socket.subscribe(f"depth.{SOL}")
    front.order(front.alice, price="99.50", quantity="1.50")
    front.order(front.bob, side="Ask", price="99.50", quantity="1")
    front.order(front.bob, side="Ask", price="101")
    front.send("DELETE", "/api/v1/orders", front.alice, {"symbol": SOL})
    bids, asks, last = dict(snapshot["bids"]), dict(snapshot["asks"]), int(snapshot["lastUpdateId"])
    for data in socket.data():
        assert data["U"] == data["u"] == last + 1
        last = data["u"]
        for side, levels in ((bids, data["b"]), (asks, data["a"])):
            side.update({f"{float(price):g}": size for price, size in levels})
    assert {price for price, size in bids.items() if float(size)} == set()
    assert {price: size for price, size in asks.items() if float(size)} == {"101": "1.00"}


def test_a_depth_message_is_padded_and_names_its_stream(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"depth.{SOL}")
    front.order(front.alice, price="99.5", quantity="1")
    (frame,) = socket.told()
    assert frame["stream"] == f"depth.{SOL}"
    assert without_times(frame["data"]) == {
        "e": "depth",
        "s": SOL,
        "a": [],
        "b": [["99.50", "1.00"]],
        "U": 1,
        "u": 1,
    }


def test_a_window_of_depth_merges_its_updates(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"depth.200ms.{SOL}")
    for price in ("98", "99", "98.50"):
        front.order(front.alice, price=price)
    front.send("DELETE", "/api/v1/orders", front.alice, {"symbol": SOL})
    front.order(front.alice, price="97")
    assert socket.told() == []
    front.keeper.streams.flush_depth("200ms")
    (data,) = socket.data()
    assert (data["U"], data["u"]) == (1, 5)
    assert ["97.00", "1.00"] in data["b"]
    assert ["99.00", "0.00"] in data["b"]
    front.keeper.streams.flush_depth("200ms")
    assert socket.told() == []


def test_a_trade_names_both_orders_and_who_was_the_maker(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"trade.{SOL}")
    maker = front.order(front.alice, side="Ask", price="100").json["id"]
    taker = front.order(front.bob, price="100").json["id"]
    (data,) = socket.data()
    assert without_times(data) == {
        "e": "trade",
        "s": SOL,
        "p": "100.00",
        "q": "1.00",
        "b": taker,
        "a": maker,
        "t": 1,
        "m": False,
    }


def test_the_top_of_a_book_is_told_only_when_it_changes(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"bookTicker.{SOL}")
    front.order(front.alice, price="99")
    (data,) = socket.data()
    assert without_times(data) == {
        "e": "bookTicker",
        "s": SOL,
        "a": None,
        "A": None,
        "b": "99.00",
        "B": "1.00",
        "u": 1,
    }
    front.order(front.alice, price="98")
    assert socket.told() == []
    front.order(front.alice, price="99.01")
    front.order(front.alice, price="99.02")
    # Two changes which nobody had read yet are one.
    (data,) = socket.data()
    assert data["b"] == "99.02"


def test_tickers_marks_and_candles_go_out_by_the_clock(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"ticker.{SOL}", f"markPrice.{PERP}", f"kline.1m.{SOL}", f"kline.1d.{SOL}")
    trade_once(front)
    front.command(UpdatePrices(prices_e8={"SOL": 101 * 10**8}))
    front.keeper.streams.every_second()
    told = {frame["stream"]: frame["data"] for frame in socket.told()}
    assert set(told) == {f"ticker.{SOL}", f"markPrice.{PERP}", f"kline.1m.{SOL}", f"kline.1d.{SOL}"}
    ticker = told[f"ticker.{SOL}"]
    assert (ticker["o"], ticker["c"], ticker["v"], ticker["n"]) == ("100.00", "100.00", "1.00", 1)
    mark = told[f"markPrice.{PERP}"]
    assert (mark["p"], mark["i"], mark["f"]) == ("101", "101", "0")
    kline = told[f"kline.1m.{SOL}"]
    assert (kline["o"], kline["v"], kline["n"], kline["X"]) == ("100.00", "1.00", 1, False)
    assert kline["t"].endswith(":00")
    assert "T" in kline["t"]
    front.keeper.streams.every_second()
    assert {frame["stream"] for frame in socket.told()} == {f"ticker.{SOL}", f"markPrice.{PERP}"}


def test_the_rate_to_come_is_told_by_stream_rest_and_snapshot(front: Front) -> None:
    """Bids for 100,000 dollars, 2 % above the index: (2 % − 0.05 %) / 8."""
    front.order(front.alice, symbol=PERP, price="102", quantity="1000")
    front.order(front.alice, symbol=PERP, side="Ask", price="102.10", quantity="1000")
    socket = front.socket()
    socket.subscribe(f"markPrice.{PERP}")
    front.command(UpdatePrices(prices_e8={"SOL": 100 * 10**8}))
    front.keeper.streams.every_second()
    (mark,) = socket.data()
    assert mark["f"] == "0.0024375"
    assert 0 < mark["n"] - mark["E"] // 1_000 <= 3_600_000
    assert mark["n"] % 3_600_000 == 0
    (row,) = front.get("/api/v1/markPrices", symbol=PERP).json
    assert (row["fundingRate"], row["nextFundingTimestamp"]) == (mark["f"], mark["n"])
    LIVE.markets[PERP].funding_ppb = 0
    asyncio.run(front.keeper.adopt(feed_snapshot(front.engine)))
    assert LIVE.markets[PERP].funding_ppb == 2_437_500


def test_a_candle_is_closed_once_when_its_time_is_over(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = front.socket()
    socket.subscribe(f"kline.1m.{SOL}")
    trade_once(front)
    front.keeper.streams.every_second()
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    front.keeper.streams.every_second()
    front.keeper.streams.every_second()
    assert [data["X"] for data in socket.data()] == [True]


def test_a_private_order_is_told_from_its_entry_to_its_end(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("account.orderUpdate", user=front.alice)
    placed = front.order(front.alice, side="Ask", price="100", quantity="2", clientId=9).json
    front.order(front.bob, price="100", quantity="0.50")
    front.send("DELETE", "/api/v1/order", front.alice, {"symbol": SOL, "orderId": placed["id"]})
    accepted, fill, cancelled = (without_times(data) for data in socket.data())
    assert accepted == {
        "e": "orderAccepted",
        "s": SOL,
        "i": placed["id"],
        "S": "Ask",
        "o": "LIMIT",
        "f": "GTC",
        "V": "RejectTaker",
        "X": "New",
        "q": "2.00",
        "Q": "200.0000",
        "p": "100.00",
        "z": "0",
        "Z": "0",
        "r": False,
        "y": False,
        "c": 9,
        "O": "USER",
        "t": None,
    }
    part = {name: fill[name] for name in ("e", "X", "l", "L", "m", "N", "t", "z", "Z")}
    assert part == {
        "e": "orderFill",
        "X": "PartiallyFilled",
        "l": "0.50",
        "L": "100.00",
        "m": True,
        "N": "USDC",
        "t": 1,
        "z": "0.50",
        "Z": "50.0000",
    }
    assert (cancelled["e"], cancelled["X"], cancelled["z"]) == (
        "orderCancelled",
        "Cancelled",
        "0.50",
    )


def test_an_order_of_a_strategy_names_it(front: Front) -> None:
    front.order(front.bob, side="Ask", price="100", quantity="1")
    socket = front.socket()
    socket.subscribe("account.orderUpdate", user=front.alice)
    plan = CreateStrategy(
        account=front.alice.account,
        market=SOL,
        side=Side.BID,
        lots=100,
        duration_ms=2_000,
        interval_ms=1_000,
    )
    created = front.accepted(plan).answer
    assert isinstance(created, StrategyCreated)
    front.accepted(AdvanceTime())
    told = [(data["e"], data["q"], data["H"]) for data in socket.data()]
    strategy_id = created.terms.strategy_id
    assert told == [("orderAccepted", "0.50", strategy_id), ("orderFill", "0.50", strategy_id)]


def test_an_order_that_expires_says_why(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"account.orderUpdate.{SOL}", user=front.alice)
    front.order(front.alice, timeInForce="IOC")
    first, last = socket.data()
    assert (first["e"], last["e"], last["X"]) == ("orderAccepted", "orderExpired", "Expired")
    assert last["R"] == "ImmediateOrCancel"


def test_private_streams_tell_nobody_elses_orders(front: Front) -> None:
    alice, bob = front.socket(), front.socket()
    alice.subscribe("account.orderUpdate", f"account.orderUpdate.{PERP}", user=front.alice)
    bob.subscribe("account.orderUpdate", user=front.bob)
    front.order(front.alice)
    assert [frame["stream"] for frame in alice.told()] == ["account.orderUpdate"]
    assert bob.told() == []


def test_a_position_is_told_as_it_opens_grows_and_closes(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("account.positionUpdate", user=front.bob)
    trade_once(front, symbol=PERP)
    trade_once(front, symbol=PERP, price="102")
    front.order(front.alice, symbol=PERP, price="103", quantity="2")
    front.order(front.bob, symbol=PERP, side="Ask", price="103", quantity="2")
    told = socket.data()
    assert [(data["e"], data["q"]) for data in told] == [
        ("positionOpened", "1"),
        ("positionAdjusted", "2"),
        ("positionClosed", "0"),
    ]
    assert (told[1]["B"], told[1]["P"], told[1]["n"]) == ("101", "-2", "200")


def test_a_balance_is_told_when_it_changes(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("account.balanceUpdate", user=front.alice)
    front.order(front.alice, price="99")
    (data,) = socket.data()
    assert without_times(data) == {
        "e": "balanceUpdate",
        "a": "USDC",
        "A": "999901",
        "L": "99",
        "S": "0",
    }


class House(StrEnum):
    """The wire's names for orders of the house, also those which the engine does not know yet."""

    ADL = "LiquidatePositionOnAdl"
    BACKSTOP = "LiquidatePositionOnBackstop"
    BOOK = "LiquidatePositionOnBook"
    CLOSED = "OrderBookClosed"
    CONVERSION = "CollateralConversion"
    EXPIRY = "FutureExpiry"


def filled_by_house(
    account: AccountId, system: House, *, trade: int = 1, side: Side = Side.ASK
) -> OrderFilled:
    return OrderFilled(
        terms=OrderTerms(
            order_id=OrderId(77),
            account=account,
            market=PERP,
            side=side,
            type=OrderType.LIMIT,
            price_ticks=9_900,
            lots=150,
            quote_atoms=None,
            time_in_force=TimeInForce.IOC,
            self_trade_prevention=SelfTradePrevention.REJECT_TAKER,
            post_only=False,
            reduce_only=True,
            client_id=None,
            created_at_ns=time.time_ns(),
            system=system,  # type: ignore[arg-type]
        ),
        status=OrderStatus.FILLED,
        lots_open=0,
        executed_lots=150,
        executed_quote_atoms=148_500_000,
        trade_id=trade,
        price_ticks=9_900,
        lots=150,
        quote_atoms=148_500_000,
        fee_atoms=0,
        fee_asset="USDC",
        is_maker=False,
        at_ns=time.time_ns(),
    )


def tell(front: Front, *events: Event) -> None:
    """Give events to the edge as the engine's feed does, over the wire's own item."""
    entry = Entry(sequence=1, at_ns=time.time_ns(), command_id="", command=b"", events=events)
    # The decoder of what is sealed knows the engine's own kinds only, so these come unsealed.
    item = msgspec.structs.replace(feed_item(entry), private=b"", accounts=(), events=events)
    front.keeper.apply(FeedBatch((item,)))


@pytest.mark.parametrize(
    ("system", "origin", "liquidates"),
    [
        (House.BOOK, "LIQUIDATION_AUTOCLOSE", True),
        (House.ADL, "ADL_AUTOCLOSE", True),
        (House.BACKSTOP, "BACKSTOP_LIQUIDITY_PROVIDER", True),
        (House.CONVERSION, "COLLATERAL_CONVERSION", False),
        (House.EXPIRY, "SETTLEMENT_AUTOCLOSE", False),
        (House.CLOSED, "SETTLEMENT_AUTOCLOSE", False),
    ],
)
def test_an_order_of_the_house_says_why_and_a_liquidation_is_public(
    front: Front, system: House, origin: str, liquidates: bool
) -> None:
    public, own = front.socket(), front.socket()
    public.subscribe("liquidation", f"liquidation.{PERP}", f"liquidation.{SOL}")
    own.subscribe("account.orderUpdate", user=front.alice)
    mine = filled_by_house(front.alice.account, system)
    # Where both sides are the house's, the trade is told once.
    other = filled_by_house(front.bob.account, system, side=Side.BID)
    tell(front, mine, other)
    (update,) = own.data()
    assert (update["e"], update["O"], update["r"]) == ("orderFill", origin, True)
    told = public.told()
    wanted = ["liquidation", f"liquidation.{PERP}"] if liquidates else []
    assert [frame["stream"] for frame in told] == wanted
    for frame in told:
        assert without_times(frame["data"]) == {
            "e": "liquidation",
            "s": PERP,
            "p": "99.00",
            "q": "1.50",
            "S": "Ask",
        }


def test_every_order_of_the_house_has_an_origin() -> None:
    assert set(SystemOrder) <= ORIGINS.keys()


def test_a_movement_of_a_lend_is_told_in_the_words_of_its_history(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("account.x.borrowLend", user=front.alice)
    front.accepted(Lend(account=front.alice.account, asset="USDC", amount_atoms=1_500_000))
    front.accepted(Lend(account=front.bob.account, asset="USDC", amount_atoms=1_000_000))
    (data,) = socket.data()
    assert without_times(data) == {
        "e": "borrowLend",
        "eventType": "Lend",
        "positionId": f"{front.alice.account}-USDC",
        "quantity": "1.5",
        "source": "Manual",
        "symbol": "USDC",
    }


def test_the_feed_carries_movements_sealed(front: Front) -> None:
    moved = BorrowLendMoved(
        account=front.alice.account,
        asset="USDC",
        kind=BorrowLendKind.LEND,
        source=MovementSource.AUTO_LEND,
        amount_atoms=5,
    )
    item = feed_item(Entry(sequence=1, at_ns=1, command_id="", command=b"", events=(moved,)))
    assert item.events == ()
    assert item.accounts == (front.alice.account,)
    assert decode_events(item.private) == [moved]


def test_open_interest_is_told_each_minute_and_to_who_comes(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    async def rows(query: str) -> list[tuple[object, ...]]:
        reads.append(query)
        return [(PERP, Decimal(250))]

    monkeypatch.setattr(open_interest, "rows", rows)
    socket, late = front.socket(), front.socket()
    socket.subscribe(f"openInterest.{PERP}", f"openInterest.{SOL}", "openInterest.NO_SUCH")
    told = OpenInterest(front.topics, LIVE)

    async def talk() -> None:
        await told.tell(socket.client, f"openInterest.{PERP}")
        for _ in range(50):
            await told.tell(late.client, f"openInterest.{PERP}")
            await told.tell(late.client, f"openInterest.{SOL}")
        await told.tell_all()

    asyncio.run(talk())
    first, periodic = socket.data()
    assert {**first, "E": 0} == {"e": "openInterest", "E": 0, "s": PERP, "o": "2.50"}
    assert {**periodic, "E": 0} == {**first, "E": 0}
    assert len(late.data()) == 50
    assert len(reads) == 1, "however many ask"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", 4002),
        ("[]", 4002),
        ('{"method":"SUBSCRIBE"}', 4002),
        ('{"method":"DANCE","params":[]}', 4002),
        ('{"method":"SUBSCRIBE","params":["account.orderUpdate"]}', 4003),
        (
            '{"method":"SUBSCRIBE","params":["account.orderUpdate"],"signature":["a","b","1","5"]}',
            4003,
        ),
        ('{"method":"SUBSCRIBE","params":["nonsense"]}', 4006),
        ('{"method":"SUBSCRIBE","params":["kline.2m.SOL_USDC"]}', 4006),
        ('{"method":"SUBSCRIBE","params":["trade"]}', 4006),
        ('{"method":"SUBSCRIBE","params":["depth.500ms.SOL_USDC"]}', 4008),
        ('{"method":"SUBSCRIBE","params":["openInterest"]}', 4006),
        ('{"method":"SUBSCRIBE","params":["liquidation."]}', 4006),
        ('{"method":"SUBSCRIBE","params":["account.x.margin"]}', 4003),
    ],
)
def test_a_wrong_message_is_answered_with_its_code(front: Front, text: str, code: int) -> None:
    socket = front.socket()
    socket.say(text)
    (frame,) = socket.told()
    assert frame["id"] is None
    assert frame["error"]["code"] == code
    assert front.topics.find("account.orderUpdate", front.alice.account) is None


def test_an_unknown_symbol_and_an_unsubscribe_are_silent(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("trade.NO_SUCH", f"trade.{SOL}", f"trade.{SOL}")
    trade_once(front)
    assert len(socket.told()) == 1, "subscribing twice does not double"
    socket.say(json.dumps({"method": "UNSUBSCRIBE", "params": [f"trade.{SOL}", "account.x"]}))
    trade_once(front)
    assert socket.told() == []
    assert front.topics.find(f"trade.{SOL}") is None


def test_public_and_private_names_share_a_message(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(f"trade.{SOL}", "account.orderUpdate", "account.nonsense", "x", user=front.bob)
    errors = [frame["error"]["code"] for frame in socket.told()]
    assert errors == [4006, 4006]
    trade_once(front)
    kinds = [data["e"] for data in socket.data()]
    assert sorted(kinds) == ["orderAccepted", "orderFill", "trade"]
    socket.say(json.dumps({"method": "UNSUBSCRIBE", "params": ["account.orderUpdate"]}))
    trade_once(front)
    assert [data["e"] for data in socket.data()] == ["trade"]


def test_a_revoked_key_hears_no_more(front: Front) -> None:
    socket = serve(front)
    socket.subscribe("account.orderUpdate", f"trade.{SOL}", user=front.alice)
    access = front.keys.users.pop(front.alice.key)
    front.feeds.drop_revoked()
    front.keys.users[front.alice.key] = access
    trade_once(front)
    assert [frame["stream"] for frame in socket.told()] == [f"trade.{SOL}"]


def serve(front: Front) -> Socket:
    """Return a socket which the feeds know, as while it is served."""
    socket = front.socket()
    front.feeds.clients[socket.client] = None
    return socket


def test_a_client_that_does_not_read_is_cut_off(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "MAX_QUEUED", 3)
    socket = front.socket()
    socket.subscribe(f"trade.{SOL}", f"bookTicker.{SOL}")
    for _ in range(3):
        trade_once(front)
    assert not socket.client.overrun
    trade_once(front)
    assert socket.client.overrun


def test_values_which_replace_each_other_do_not_pile_up() -> None:
    client = Client()
    for number in range(clients.MAX_QUEUED * 2):
        client.push_latest("ticker.X", Message(b"%d" % number))
    last = client.take()
    assert last is not None
    assert last.body == b"%d" % (clients.MAX_QUEUED * 2 - 1)
    assert client.take() is None
    assert not client.overrun


def test_trades_which_the_database_gave_are_not_counted_twice(front: Front) -> None:
    trade_once(front)
    market = LIVE.markets[SOL]
    again = market.trades[-1]
    assert market.add_trade(again) == []
    assert (len(market.trades), market.latest["1d"].trades) == (1, 1)


def test_a_socket_is_served_from_its_handshake_to_its_end(front: Front) -> None:
    sent: list[dict[str, Any]] = []
    wire = FakeWire()

    async def talk() -> None:
        said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        said.put_nowait({"type": "websocket.connect"})
        frame = json.dumps({"method": "SUBSCRIBE", "params": [f"trade.{SOL}"]})
        # Before the handshake is answered messages come the long way, later ones directly.
        said.put_nowait({"type": "websocket.receive", "text": frame})

        async def send(message: Any) -> None:
            sent.append(dict(message))

        scope = {"path": "/", "client": ("127.0.0.1", 1), "extensions": {WIRE: wire}}
        serving = asyncio.create_task(front.feeds.serve(scope, said.get, send))
        while front.topics.find(f"trade.{SOL}") is None:
            await asyncio.sleep(0)
        assert wire.heard is not None
        wire.heard(json.dumps({"method": "SUBSCRIBE", "params": ["nonsense"]}))
        front.command(bid_and_ask[0])
        front.command(bid_and_ask[1])
        while not wire.written:
            await asyncio.sleep(0)
        said.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(serving, 5)

    bid_and_ask = [
        PlaceOrder(account=user.account, market=SOL, side=side, price_ticks=10_000, lots=100)
        for user, side in ((front.alice, Side.ASK), (front.bob, Side.BID))
    ]
    asyncio.run(talk())
    assert [message["type"] for message in sent] == ["websocket.accept"]
    error, trade = (json.loads(text) for text in frames_in(wire.written))
    assert error["error"]["code"] == 4006
    assert trade["data"]["e"] == "trade"
    assert front.topics.find(f"trade.{SOL}") is None, "who has left is forgotten"


def test_sockets_are_at_the_root_only(front: Front) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(front.feeds.serve({"path": "/stream"}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_changed_parameters_reach_the_edge_and_books_go_on(front: Front) -> None:
    front.order(front.alice, price="99")
    asset = msgspec.structs.replace(catalog().assets["SOL"], fee_ppm=5)
    market = msgspec.structs.replace(catalog().markets[SOL].market, taker_fee_ppm=7)
    front.accepted(UpdateAsset(asset=asset))
    front.accepted(UpdateMarket(market=market))
    listed = LIVE.markets[SOL].listed
    assert listed is catalog().markets[SOL]
    assert (catalog().assets["SOL"], listed.base, listed.market) == (asset, asset, market)
    assert LIVE.markets["BTC_USDC"].listed is catalog().markets["BTC_USDC"]
    assert front.get("/api/v1/depth", symbol=SOL).json["bids"] == [["99", "1"]]
