"""The unified methods of ccxt: one case each, for Python, asynchronous Python and JavaScript alike.

ccxt parses what the exchange answers into rows of its own; `info` in them is the answer itself.
What was parsed is compared with what the exchange says without ccxt.
"""

import time
from typing import Any

from tests.api.clients import orders
from tests.api.clients.parsed import COIN, SWAP, Call, Case, number, until_equal
from tests.api.clients.world import OUTSIDE, PERP, SPOT, World


def order_history(call: Call, world: World) -> None:
    """The history, oldest first."""
    known = world.read("/wapi/v1/history/orders", symbol=SPOT, limit=5)
    told = call("fetchOrders", COIN, None, 5)
    assert {row["id"]: row["filled"] for row in told} == {
        row["id"]: number(row["executedQuantity"]) for row in known
    }


def my_trades(call: Call, world: World) -> None:
    """The fills, with what each cost."""
    known = world.read("/wapi/v1/history/fills", symbol=SPOT, limit=5, fillType="User")
    told = {row["id"]: row for row in call("fetchMyTrades", COIN, None, 5)}
    assert len(told) == len(known) > 0
    for row in known:
        ours = told[str(row["tradeId"])]
        fee = {"cost": number(row["fee"]), "currency": row["feeSymbol"]}
        assert (ours["order"], ours["price"]) == (row["orderId"], number(row["price"]))
        assert {name: ours["fee"][name] for name in fee} == fee


def balance(call: Call, world: World) -> None:
    """What is free and what is held, by asset."""

    def told() -> Any:
        said = call("fetchBalance")
        return {asset: [said["free"][asset], said["used"][asset]] for asset in said["free"]}

    def known() -> Any:
        rows = world.read("/api/v1/capital")
        return {a: [number(row["available"]), number(row["locked"])] for a, row in rows.items()}

    assert "USDC" in until_equal(told, known)


def positions(call: Call, world: World) -> None:
    """The open position, long, with its size and entry."""
    world.take(PERP)

    def told() -> Any:
        (row,) = call("fetchPositions", [SWAP])
        return [row["symbol"], row["side"], row["contracts"], row["entryPrice"]]

    def known() -> Any:
        (row,) = world.read("/api/v1/position", symbol=PERP)
        return [SWAP, "long", number(row["netQuantity"]), number(row["entryPrice"])]

    until_equal(told, known)


def ticker(call: Call, world: World) -> None:
    """The last day."""

    def told() -> Any:
        row = call("fetchTicker", COIN)
        return [row[name] for name in ("open", "high", "low", "last", "baseVolume", "quoteVolume")]

    def known() -> Any:
        row = world.read("/api/v1/ticker", symbol=SPOT)
        names = ("firstPrice", "high", "low", "lastPrice", "volume", "quoteVolume")
        return [number(row[name]) for name in names]

    until_equal(told, known)


def tickers(call: Call, world: World) -> None:
    """The last day of all."""

    def told() -> Any:
        return {row["info"]["symbol"]: row["last"] for row in call("fetchTickers").values()}

    def known() -> Any:
        return {row["symbol"]: number(row["lastPrice"]) for row in world.read("/api/v1/tickers")}

    until_equal(told, known)


def book(method: str) -> Case:
    """Return a case of the book: bids best first, as ccxt sorts them."""

    def case(call: Call, world: World) -> None:
        def told() -> Any:
            said = call(method, COIN)
            return [list(map(list, said["bids"])), list(map(list, said["asks"]))]

        def known() -> Any:
            said = world.read("/api/v1/depth", symbol=SPOT)
            bids, asks = ([[number(p), number(q)] for p, q in said[side]] for side in BOOK_SIDES)
            return [bids[::-1], asks]

        until_equal(told, known)

    return case


BOOK_SIDES = ("bids", "asks")


def candles(method: str, price_type: str) -> Case:
    """Return a case of candles; `priceType` says whose."""

    def case(call: Call, world: World) -> None:
        since = (int(time.time()) - 600) // 60 * 60

        def told() -> Any:
            return [row[1:5] for row in call(method, SWAP, "1m", since * 1000)]

        def known() -> Any:
            terms: Any = {"symbol": PERP, "interval": "1m", "priceType": price_type}
            rows = world.read("/api/v1/klines", startTime=since, **terms)
            return [[number(row[n]) for n in ("open", "high", "low", "close")] for row in rows]

        assert any(row[0] for row in until_equal(told, known))

    return case


def trades(call: Call, world: World) -> None:
    """The newest trades of all."""

    def told() -> Any:
        rows = [(row["id"], row["price"], row["amount"]) for row in call("fetchTrades", COIN)]
        return [list(row) for row in sorted(rows, key=lambda row: int(row[0]))]

    def known() -> Any:
        rows = world.read("/api/v1/trades", symbol=SPOT)
        told = [[r["id"], number(r["price"]), number(r["quantity"])] for r in rows]
        return sorted(told, key=lambda row: int(row[0]))

    assert until_equal(told, known)


def markets(method: str) -> Case:
    """Return a case of what may be traded, with its steps."""

    def case(call: Call, world: World) -> None:
        said = call(method)
        rows = list(said.values()) if isinstance(said, dict) else said
        told = {row["id"]: row for row in rows}
        for known in world.read("/api/v1/markets"):
            ours, filters = told[known["symbol"]], known["filters"]
            steps = (filters["price"]["tickSize"], filters["quantity"]["stepSize"])
            assert (ours["precision"]["price"], ours["precision"]["amount"]) == (
                number(steps[0]),
                number(steps[1]),
            )
            assert ours["active"] is (known["orderBookState"] == "Open")

    return case


def currencies(call: Call, world: World) -> None:
    """What may be held."""
    known = {row["symbol"] for row in world.read("/api/v1/assets")}
    assert set(call("fetchCurrencies")) == known


def deposits(call: Call, world: World) -> None:
    """What came in."""
    known = {str(row["id"]): number(row["quantity"]) for row in _capital(world, "deposits")}
    assert {row["id"]: row["amount"] for row in call("fetchDeposits")} == known


def withdrawals(call: Call, world: World) -> None:
    """What went out."""
    known = {str(row["id"]): number(row["quantity"]) for row in _capital(world, "withdrawals")}
    assert {row["id"]: row["amount"] for row in call("fetchWithdrawals")} == known


def _capital(world: World, kind: str) -> Any:
    return world.read(f"/wapi/v1/capital/{kind}")


def withdraw(call: Call, world: World) -> None:
    """An id of the client's with signs which ccxt percent-encodes in what it signs."""
    name = f"a/b+c={world.number()}"
    sent = call("withdraw", "USDC", 20, OUTSIDE, None, {"network": "ERC20", "clientId": name})
    (known,) = world.read("/wapi/v1/capital/withdrawals", clientId=name)
    assert (sent["id"], sent["amount"]) == (str(known["id"]), 20)
    assert (known["toAddress"], known["blockchain"]) == (OUTSIDE, "Ethereum")


def deposit_address(call: Call, world: World) -> None:
    """Where money may come in."""
    known = world.read("/wapi/v1/capital/deposit/address", blockchain="Ethereum")
    told = call("fetchDepositAddress", "USDC", {"network": "ERC20"})
    assert told["address"] == known["address"]


def funding_rate(call: Call, world: World) -> None:
    """Mark, index and rate of a perpetual."""

    def told() -> Any:
        row = call("fetchFundingRate", SWAP)
        return [row["markPrice"], row["indexPrice"], row["fundingRate"]]

    def known() -> Any:
        (row,) = world.read("/api/v1/markPrices", symbol=PERP)
        return [number(row[name]) for name in ("markPrice", "indexPrice", "fundingRate")]

    until_equal(told, known)


def open_interest(call: Call, world: World) -> None:
    """How much is open."""

    def known() -> Any:
        (row,) = world.read("/api/v1/openInterest", symbol=PERP)
        return number(row["openInterest"])

    assert until_equal(lambda: call("fetchOpenInterest", SWAP)["openInterestValue"], known)


def funding_rates(call: Call, world: World) -> None:
    """Every interval with its rate; that of the running one moves."""

    def told() -> list[Any]:
        return sorted(row["fundingRate"] for row in call("fetchFundingRateHistory", SWAP))

    def known() -> list[Any]:
        rows = world.read("/api/v1/fundingRates", symbol=PERP)
        return sorted(number(row["fundingRate"]) for row in rows)

    assert until_equal(told, known), "the running interval is always there"


def funding_payments(call: Call, world: World) -> None:
    """Every payment that the exchange has: none before the first whole hour."""

    def told() -> list[Any]:
        return sorted(row["amount"] for row in call("fetchFundingHistory", SWAP))

    def known() -> list[Any]:
        rows = world.read("/wapi/v1/history/funding", symbol=PERP)
        return sorted(number(row["quantity"]) for row in rows)

    until_equal(told, known)


def status(call: Call, world: World) -> None:
    """Orders are taken."""
    assert call("fetchStatus")["status"] == "ok"


def tell_time(call: Call, world: World) -> None:
    """The time in ms."""
    assert abs(call("fetchTime") - time.time() * 1000) < 60_000


def unsupported(method: str, *args: Any) -> Case:
    """Return a case of something that ccxt says it has, and has not."""

    def case(call: Call, world: World) -> None:
        call(method, *args)

    return case


CASES: dict[str, Case] = {
    "createOrder": orders.limit("createOrder", "buy"),
    "createLimitOrder": orders.limit("createLimitOrder", "buy"),
    "createLimitBuyOrder": orders.limit("createLimitBuyOrder", "buy"),
    "createLimitSellOrder": orders.limit("createLimitSellOrder", "sell"),
    "createMarketOrder": orders.market("createMarketOrder", "buy", "buy"),
    "createMarketBuyOrder": orders.market("createMarketBuyOrder", "buy"),
    "createMarketSellOrder": orders.market("createMarketSellOrder", "sell"),
    "createMarketOrderWithCost": orders.market("createMarketOrderWithCost", "buy", "buy", size=20),
    "createMarketBuyOrderWithCost": orders.market("createMarketBuyOrderWithCost", "buy", size=20),
    "createMarketSellOrderWithCost": orders.market(
        "createMarketSellOrderWithCost", "sell", size=20
    ),
    "createPostOnlyOrder": orders.post_only,
    "createReduceOnlyOrder": orders.reduce_only,
    "createTriggerOrder": orders.trigger,
    "createOrderWithTakeProfitAndStopLoss": orders.with_exits,
    "createOrders": orders.several,
    "editOrder": orders.edit,
    "cancelOrder": orders.cancel,
    "cancelAllOrders": orders.cancel_all,
    "fetchOpenOrder": orders.open_order,
    "fetchOpenOrders": orders.open_orders,
    "fetchOrders": order_history,
    "fetchMyTrades": my_trades,
    "fetchBalance": balance,
    "fetchPositions": positions,
    "fetchTicker": ticker,
    "fetchTickers": tickers,
    "fetchOrderBook": book("fetchOrderBook"),
    "fetchL2OrderBook": book("fetchL2OrderBook"),
    "fetchOHLCV": candles("fetchOHLCV", "Last"),
    "fetchMarkOHLCV": candles("fetchMarkOHLCV", "Mark"),
    "fetchIndexOHLCV": candles("fetchIndexOHLCV", "Index"),
    "fetchTrades": trades,
    "loadMarkets": markets("loadMarkets"),
    "fetchMarkets": markets("fetchMarkets"),
    "fetchCurrencies": currencies,
    "fetchDeposits": deposits,
    "fetchWithdrawals": withdrawals,
    "withdraw": withdraw,
    "fetchDepositAddress": deposit_address,
    "fetchFundingRate": funding_rate,
    "fetchFundingRateHistory": funding_rates,
    "fetchFundingHistory": funding_payments,
    "fetchOpenInterest": open_interest,
    "fetchOpenInterestHistory": unsupported("fetchOpenInterestHistory", SWAP),
    "fetchStatus": status,
    "fetchTime": tell_time,
    "createMarketOrderWs": unsupported("createMarketOrderWs", COIN, "buy", 0.1),
    "fetchCurrenciesWs": currencies,
}
