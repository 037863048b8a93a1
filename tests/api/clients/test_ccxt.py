"""Unmodified ccxt, class `backpack`, with nothing but its base URL changed, on a live exchange."""

import asyncio
import html
import re
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest

from tests.api.clients import conversation
from tests.api.clients.site import SiteSession
from tests.live import LiveExchange

pytestmark = pytest.mark.live
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
UNIFIED = {SPOT: "SOL/USDC", PERP: "SOL/USDC:USDC"}


class CcxtTrader:
    """An account through ccxt's unified methods; `info` holds the server's own texts."""

    def __init__(self, exchange: LiveExchange, user: int) -> None:
        facts = exchange["users"][user]
        rest = exchange["rest"]
        self.client = ccxt.backpack(
            {
                "apiKey": facts["apiKey"],
                "secret": facts["secret"],
                "urls": {"api": {"public": rest, "private": rest}},
            }
        )
        self.client.load_markets()

    def depth(self, symbol: str) -> conversation.Row:
        """Read the book; ccxt sorts bids best first, the wire best last."""
        book = self.client.fetch_order_book(UNIFIED[symbol])
        return {"bids": _texts(book["bids"][::-1]), "asks": _texts(book["asks"])}

    def balances(self) -> dict[str, conversation.Row]:
        """Return each asset's texts."""
        return dict(self.client.private_get_api_v1_capital())

    def place(
        self, symbol: str, side: str, *, price: str, quantity: str, **terms: Any
    ) -> conversation.Row:
        """Place a limit order."""
        placed = self.client.create_order(
            UNIFIED[symbol],
            "limit",
            "buy" if side == "Bid" else "sell",
            float(quantity),
            float(price),
            terms,
        )
        return dict(placed["info"])

    def open_orders(self, symbol: str) -> list[conversation.Row]:
        """Return the server's rows."""
        return [order["info"] for order in self.client.fetch_open_orders(UNIFIED[symbol])]

    def cancel(self, symbol: str, order_id: str) -> conversation.Row:
        """Cancel one order."""
        return dict(self.client.cancel_order(order_id, UNIFIED[symbol])["info"])

    def fills(self, symbol: str) -> list[conversation.Row]:
        """Return the newest fills."""
        return [trade["info"] for trade in self.client.fetch_my_trades(UNIFIED[symbol], limit=20)]

    def positions(self) -> list[conversation.Row]:
        """Return the open positions."""
        return list(self.client.private_get_api_v1_position())

    def settlements(self) -> list[conversation.Row]:
        """Return the settlement history."""
        return list(self.client.private_get_wapi_v1_history_settlement({"limit": 1000}))

    def account_settings(self) -> conversation.Row:
        """Return settings, fees and limits."""
        return dict(self.client.private_get_api_v1_account())

    def set_leverage(self, limit: str) -> None:
        """Change one setting."""
        self.client.private_patch_api_v1_account({"leverageLimit": limit})

    def borrow_or_lend(self, side: str, quantity: str, symbol: str) -> None:
        """Lend, borrow, redeem or repay."""
        terms = {"quantity": quantity, "side": side, "symbol": symbol}
        self.client.privatePostApiV1BorrowLend(terms)

    def loans(self) -> list[conversation.Row]:
        """Return what is lent and owed."""
        return list(self.client.privateGetApiV1BorrowLendPositions())

    def movements(self, symbol: str) -> list[conversation.Row]:
        """Return the newest borrows, repayments, lends and redemptions."""
        return list(self.client.privateGetWapiV1HistoryBorrowLend({"symbol": symbol}))

    def pools(self) -> list[conversation.Row]:
        """Return the pools."""
        return list(self.client.publicGetApiV1BorrowLendMarkets())

    def pool_history(self, symbol: str) -> list[conversation.Row]:
        """Return a day of a pool's rates."""
        return list(
            self.client.publicGetApiV1BorrowLendMarketsHistory({"interval": "1d", "symbol": symbol})
        )

    def collateral(self) -> conversation.Row:
        """Return the margin summary."""
        return dict(self.client.private_get_api_v1_capital_collateral())

    def interest(self) -> list[conversation.Row]:
        """Return interest paid and received."""
        return list(self.client.private_get_wapi_v1_history_interest())


def _texts(levels: list[list[float]]) -> list[list[str]]:
    return [[str(price), str(size)] for price, size in levels]


@pytest.fixture(scope="module")
def alice(exchange: LiveExchange) -> CcxtTrader:
    return CcxtTrader(exchange, 0)


@pytest.fixture(scope="module")
def bob(exchange: LiveExchange) -> CcxtTrader:
    return CcxtTrader(exchange, 1)


def test_markets_are_listed_with_their_precision(alice: CcxtTrader) -> None:
    markets = alice.client.load_markets(reload=True)
    assert {"BTC/USDC", "ETH/USDC", "SOL/USDC", "USDT/USDC", "SOL/USDC:USDC"} <= set(markets)
    assert markets["SOL/USDC"]["precision"] == {"amount": 0.01, "price": 0.01}
    assert markets["SOL/USDC:USDC"]["swap"]
    assert all(market["active"] for market in markets.values())


def test_public_data_is_alive(alice: CcxtTrader) -> None:
    bid, ask = conversation.best_prices(alice.depth, PERP)
    assert bid < ask
    book = alice.client.fetch_order_book("SOL/USDC:USDC")
    assert book["bids"] == sorted(book["bids"], reverse=True)
    trades = conversation.wait_for_trades(lambda: alice.client.fetch_trades("SOL/USDC", limit=10))
    assert len(trades) <= 10
    ticker = alice.client.fetch_ticker("SOL/USDC")
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    candles = alice.client.fetch_ohlcv("SOL/USDC", "1m", limit=5)
    assert candles
    assert all(low <= min(start, end) for _, start, _, low, end, _ in candles if low is not None)
    assert alice.client.fetch_status()["status"] == "ok"


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_an_order_is_placed_read_and_cancelled(alice: CcxtTrader, symbol: str) -> None:
    conversation.place_read_and_cancel(alice, symbol)


def test_a_batch_places_each_order_and_cancel_all_ends_them(alice: CcxtTrader) -> None:
    price = float(conversation.away_from_market(alice, SPOT))
    request = {"symbol": "SOL/USDC", "type": "limit", "side": "buy", "amount": 0.1}
    placed = alice.client.create_orders(
        [{**request, "price": price - number} for number in range(3)]
    )
    assert [order["price"] for order in placed] == [price, price - 1, price - 2]
    ids = {order["id"] for order in placed}
    assert ids <= {order["id"] for order in alice.open_orders(SPOT)}
    alice.client.cancel_all_orders("SOL/USDC")
    assert not ids & {order["id"] for order in alice.open_orders(SPOT)}


def test_money_is_lent_redeemed_and_counted(alice: CcxtTrader) -> None:
    conversation.lend_and_read(alice)


def test_what_cannot_be_borrowed_raises_the_class_for_its_code(alice: CcxtTrader) -> None:
    with pytest.raises(ccxt.InsufficientFunds, match="borrowable"):
        alice.borrow_or_lend("Borrow", "900000000", "BTC")
    with pytest.raises(ccxt.BadRequest, match="converted"):
        # Signed under an empty name, as ccxt does.
        alice.client.private_post_api_v1_account_convertdust({"symbol": "USDC"})


def test_rates_are_read_over_time(alice: CcxtTrader) -> None:
    conversation.read_rates(alice)


def test_settings_are_read_and_changed(alice: CcxtTrader) -> None:
    conversation.change_settings(alice)


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_a_trade_agrees_to_the_last_digit(alice: CcxtTrader, bob: CcxtTrader, symbol: str) -> None:
    conversation.trade_and_compare(alice, bob, symbol)


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"price": "100.001"}, ccxt.InvalidOrder),
        ({"quantity": "0.001"}, ccxt.BadRequest),
        ({"price": "100000"}, ccxt.InvalidOrder),
        ({"symbol": "XRP_USDC"}, ccxt.BadRequest),
        ({"quantity": "9999999"}, ccxt.InsufficientFunds),
    ],
)
def test_a_bad_order_raises_the_class_for_its_code(
    alice: CcxtTrader, terms: dict[str, str], error: type[Exception]
) -> None:
    order = {"symbol": SPOT, "side": "Bid", "orderType": "Limit", "quantity": "0.1"}
    order["price"] = conversation.away_from_market(alice, SPOT)
    with pytest.raises(error):
        alice.client.private_post_api_v1_order(order | terms)


def test_a_wrong_secret_is_refused(exchange: LiveExchange, bob: CcxtTrader) -> None:
    stranger = CcxtTrader(exchange, 0)
    stranger.client.secret = bob.client.secret
    with pytest.raises((ccxt.BadRequest, ccxt.AuthenticationError)):
        stranger.balances()


@pytest.fixture
def streams(exchange: LiveExchange) -> Iterator[ccxt.pro.backpack]:
    facts = exchange["users"][0]
    rest, ws = exchange["rest"], exchange["ws"]
    api = {"public": rest, "private": rest, "ws": {"public": ws, "private": ws}}
    yield ccxt.pro.backpack(
        {"apiKey": facts["apiKey"], "secret": facts["secret"], "urls": {"api": api}}
    )


def test_the_watched_book_equals_the_one_read(
    streams: ccxt.pro.backpack, alice: CcxtTrader
) -> None:
    async def watch() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        try:
            async with asyncio.timeout(60):
                for _ in range(20):
                    book = await streams.watch_order_book("SOL/USDC:USDC")
                while not (book["bids"] and book["asks"]):
                    book = await streams.watch_order_book("SOL/USDC:USDC")
                trades = await streams.watch_trades("SOL/USDC:USDC")
            return dict(book), list(trades)
        finally:
            await streams.close()

    book, trades = asyncio.run(watch())
    assert book["bids"][0][0] < book["asks"][0][0]
    assert trades[-1]["price"] > 0
    assert trades[-1]["symbol"] == "SOL/USDC:USDC"


def test_the_life_of_an_order_is_watched(streams: ccxt.pro.backpack, alice: CcxtTrader) -> None:
    price = conversation.away_from_market(alice, SPOT)

    async def watch() -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []
        try:
            async with asyncio.timeout(30):
                watching = asyncio.ensure_future(streams.watch_orders("SOL/USDC"))
                await asyncio.sleep(1)
                placed = await asyncio.to_thread(
                    alice.place, SPOT, "Bid", price=price, quantity="0.1"
                )
                seen += [(o["id"], o["status"]) for o in await watching]
                watching = asyncio.ensure_future(streams.watch_orders("SOL/USDC"))
                await asyncio.sleep(0)
                await asyncio.to_thread(alice.cancel, SPOT, placed["id"])
                seen += [(o["id"], o["status"]) for o in await watching]
            assert {order_id for order_id, _ in seen} == {placed["id"]}
            return seen
        finally:
            await streams.close()

    statuses = [status for _, status in asyncio.run(watch())]
    assert (statuses[0], statuses[-1]) == ("open", "canceled")


def test_capital_is_said_in_plain_decimals(alice: CcxtTrader) -> None:
    for row in alice.balances().values():
        for text in (row["available"], row["locked"]):
            assert "e" not in text.lower()
            assert Decimal(text) >= 0


def test_the_largest_quantities_are_asked_for(alice: CcxtTrader) -> None:
    ask = alice.client
    order = {
        "symbol": SPOT,
        "side": "Bid",
        "price": conversation.away_from_market(alice, SPOT),
        "autoBorrow": True,
        "reduceOnly": False,
    }
    withdrawal = {"symbol": "USDC", "autoLendRedeem": True}
    conversation.check_limits(
        borrow=ask.private_get_api_v1_account_limits_borrow({"symbol": "USDC"}),
        order=ask.private_get_api_v1_account_limits_order(order),
        withdrawal=ask.private_get_api_v1_account_limits_withdrawal(withdrawal),
    )


def test_each_sub_account_is_traded_by_its_key(exchange: LiveExchange, bob: CcxtTrader) -> None:
    """Opened and funded on the website; ccxt sees its money and orders, and none of its sibling."""
    site = SiteSession(exchange, 1)
    site.send("/account/new", page="/account/", name="Grid")
    rows = re.findall(r'<tr data-account="(\d+)"', site.read("/account/"))
    main, grid = int(rows[0]), int(rows[-1])
    site.send(
        "/account/transfers",
        source=main,
        destination=grid,
        asset="USDC",
        amount="500",
        request_id=str(uuid.uuid4()),
    )
    key, secret = site.new_key(grid, ["read", "trade"])
    sub = CcxtTrader(exchange, 1)
    sub.client.apiKey, sub.client.secret = key, secret
    assert sub.client.fetch_balance()["USDC"]["total"] == 500
    bid = Decimal(bob.depth(PERP)["bids"][-1][0]) * Decimal("0.9")
    placed = sub.place(PERP, "Bid", price=f"{bid:.2f}", quantity="0.1")
    assert [row["id"] for row in sub.open_orders(PERP)] == [placed["id"]]
    assert placed["id"] not in [row["id"] for row in bob.open_orders(PERP)]
    with pytest.raises(ccxt.BadRequest, match="Order not found"):
        bob.cancel(PERP, placed["id"])
    assert sub.cancel(PERP, placed["id"])["status"] == "Cancelled"
    # What a key may not do is refused on the fast path, and told to its owner with the reason.
    sub.client.apiKey, sub.client.secret = site.new_key(grid, ["read"])
    with pytest.raises(ccxt.ExchangeError, match="no scope `trade`"):
        sub.place(PERP, "Bid", price=f"{bid:.2f}", quantity="0.1")
    deadline = time.monotonic() + 15
    while "no scope `trade`" not in html.unescape(site.read(f"/account/activity?account={grid}")):
        assert time.monotonic() < deadline, "the denial is not on the activity page"
        time.sleep(0.2)
