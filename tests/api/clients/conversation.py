"""What every client must be able to do on a live exchange, said once; each test file says how.

The demo's market makers trade at the same time, so a trade between two given accounts is made
inside the spread and tried again if somebody else was faster.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

FEES = {
    "SPOT": (Decimal("0.0008"), Decimal("0.001")),
    "PERP": (Decimal("0.0002"), Decimal("0.0005")),
}
UNITS = {"USDC": Decimal("1e-6"), "SOL": Decimal("1e-9"), "ETH": Decimal("1e-9")}
ATTEMPTS = 20
Row = dict[str, Any]


class Trader(Protocol):
    """One account seen through one client; amounts are the texts which the server sent."""

    def depth(self, symbol: str) -> Row: ...
    def balances(self) -> dict[str, Row]: ...
    def place(self, symbol: str, side: str, *, price: str, quantity: str, **terms: Any) -> Row: ...
    def open_orders(self, symbol: str) -> list[Row]: ...
    def cancel(self, symbol: str, order_id: str) -> Row: ...
    def fills(self, symbol: str) -> list[Row]: ...
    def positions(self) -> list[Row]: ...
    def settlements(self) -> list[Row]: ...


class Lender(Trader, Protocol):
    """What a client can say about lending, borrowing and the account."""

    def account_settings(self) -> Row: ...
    def set_leverage(self, limit: str) -> None: ...
    def borrow_or_lend(self, side: str, quantity: str, symbol: str) -> None: ...
    def loans(self) -> list[Row]: ...
    def movements(self, symbol: str) -> list[Row]: ...
    def pools(self) -> list[Row]: ...
    def pool_history(self, symbol: str) -> list[Row]: ...
    def collateral(self) -> Row: ...
    def interest(self) -> list[Row]: ...


def wait_for_trades(recent_trades: Callable[[], list[Row]]) -> list[Row]:
    """Ask for the public trades until the demo's taker has made one."""
    deadline = time.monotonic() + 60
    while not (trades := recent_trades()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert trades, "nobody has traded for a minute"
    return trades


def best_prices(depth: Callable[[str], Row], symbol: str) -> tuple[Decimal, Decimal]:
    """Return best bid and ask: the demo's maker always quotes both sides."""
    book = depth(symbol)
    return Decimal(book["bids"][-1][0]), Decimal(book["asks"][0][0])


def away_from_market(trader: Trader, symbol: str) -> str:
    """Return a bid price far below the book but inside the price band."""
    best, _ = best_prices(trader.depth, symbol)
    return str((best * Decimal("0.8")).quantize(Decimal("0.01")))


def check_limits(*, borrow: Row, order: Row, withdrawal: Row) -> None:
    """Look at the largest loan and withdrawal of USDC, and at the largest bid for SOL on loan."""
    asked = {"autoBorrow": True, "reduceOnly": False, "side": "Bid", "symbol": "SOL_USDC"}
    assert {name: order[name] for name in asked} == asked
    assert (withdrawal["autoBorrow"], withdrawal["autoLendRedeem"]) == (None, True)
    assert borrow["symbol"] == withdrawal["symbol"] == "USDC"
    own = Decimal(withdrawal["maxWithdrawalQuantity"])
    most = Decimal(order["maxOrderQuantity"])
    assert own > 0
    assert Decimal(borrow["maxBorrowQuantity"]) > 0
    assert most % Decimal("0.01") == 0
    # What is borrowed buys too.
    assert most * Decimal(order["price"]) > own


def place_read_and_cancel(trader: Trader, symbol: str) -> None:
    """Place a resting bid, find it again, cancel it; what it held is free again, to the digit."""
    before = trader.balances()["USDC"]
    price = away_from_market(trader, symbol)
    placed = trader.place(symbol, "Bid", price=price, quantity="0.15")
    assert placed["status"] == "New"
    assert Decimal(placed["price"]) == Decimal(price)
    assert Decimal(placed["quantity"]) == Decimal("0.15")
    assert placed["executedQuantity"] == "0"
    found = [row for row in trader.open_orders(symbol) if row["id"] == placed["id"]]
    assert len(found) == 1
    assert found[0]["price"] == placed["price"]
    if not symbol.endswith("PERP"):
        held = Decimal(trader.balances()["USDC"]["locked"]) - Decimal(before["locked"])
        assert held == Decimal(price) * Decimal("0.15")
    cancelled = trader.cancel(symbol, placed["id"])
    assert cancelled["status"] == "Cancelled"
    assert placed["id"] not in [row["id"] for row in trader.open_orders(symbol)]
    assert trader.balances()["USDC"]["locked"] == before["locked"]


def trade_and_compare(seller: Trader, buyer: Trader, symbol: str) -> None:
    """Trade between two accounts; balances, positions and fills must agree to the last digit."""
    for _ in range(ATTEMPTS):
        before = _standing(seller, symbol), _standing(buyer, symbol)
        sold, bought = _try_to_trade(seller, buyer, symbol)
        if sold is None or bought is None:
            continue
        assert (sold["isMaker"], bought["isMaker"]) == (True, False)
        for fill in (sold, bought):
            assert fill["quantity"] == "0.2"
            assert fill["price"] == sold["price"]
            _check_fee(fill, symbol)
        _check_standing(seller, symbol, before[0], sold)
        _check_standing(buyer, symbol, before[1], bought)
        return
    raise AssertionError(f"no trade between the two in {ATTEMPTS} attempts")


def _try_to_trade(seller: Trader, buyer: Trader, symbol: str) -> tuple[Row | None, Row | None]:
    """Offer inside the spread and take it at once; return both fills of the common trade."""
    bid, ask = best_prices(seller.depth, symbol)
    if ask - bid < Decimal("0.02"):
        time.sleep(0.2)
        return None, None
    price = str(ask - Decimal("0.01"))
    offer = seller.place(symbol, "Ask", price=price, quantity="0.2", postOnly=True)
    if offer.get("status") != "New":
        return None, None
    take = buyer.place(symbol, "Bid", price=price, quantity="0.2", timeInForce="IOC")
    sold = [row for row in seller.fills(symbol) if row["orderId"] == offer["id"]]
    bought = [row for row in buyer.fills(symbol) if row["orderId"] == take["id"]]
    if not sold:
        seller.cancel(symbol, offer["id"])
    if len(sold) == len(bought) == 1 and sold[0]["tradeId"] == bought[0]["tradeId"]:
        return sold[0], bought[0]
    time.sleep(0.2)
    return None, None


def _check_fee(fill: Row, symbol: str) -> None:
    """The fee is the listed rate of what was received (perpetuals: of the notional), rounded up."""
    perpetual = symbol.endswith("PERP")
    rate = FEES["PERP" if perpetual else "SPOT"][0 if fill["isMaker"] else 1]
    quantity, price = Decimal(fill["quantity"]), Decimal(fill["price"])
    in_base = fill["side"] == "Bid" and not perpetual
    asset = symbol.split("_", maxsplit=1)[0] if in_base else "USDC"
    exact = (quantity if in_base else quantity * price) * rate
    rounded = exact.quantize(UNITS[asset], rounding="ROUND_CEILING")
    assert fill["feeSymbol"] == asset
    assert Decimal(fill["fee"]) == rounded


def _standing(trader: Trader, symbol: str) -> dict[str, Decimal]:
    base = symbol.split("_", maxsplit=1)[0]
    held = trader.balances()
    totals = {
        asset: Decimal(held[asset]["available"]) + Decimal(held[asset]["locked"])
        for asset in (base, "USDC")
    }
    sizes = [Decimal(row["netQuantity"]) for row in trader.positions() if row["symbol"] == symbol]
    settled = [
        Decimal(row["quantity"]) for row in trader.settlements() if row["source"] == "RealizePnl"
    ]
    return totals | {"position": sum(sizes, Decimal(0)), "settled": sum(settled, Decimal(0))}


def _check_standing(trader: Trader, symbol: str, before: dict[str, Decimal], fill: Row) -> None:
    """What changed is the fill and its fee, and, for a perpetual, what was settled meanwhile."""
    base = symbol.split("_", maxsplit=1)[0]
    signed = Decimal(fill["quantity"]) * (1 if fill["side"] == "Bid" else -1)
    expected = {base: before[base], "USDC": before["USDC"], "position": before["position"]}
    expected[fill["feeSymbol"]] -= Decimal(fill["fee"])
    if symbol.endswith("PERP"):
        expected["position"] += signed
    else:
        expected[base] += signed
        expected["USDC"] -= signed * Decimal(fill["price"])
    for _ in range(10):
        after = _standing(trader, symbol)
        wanted = dict(expected)
        wanted["USDC"] += after["settled"] - before["settled"]
        found = {name: after[name] for name in wanted}
        if found == wanted:
            return
        # A settlement may have fallen between two of the reads: read again.
        time.sleep(0.3)
    assert found == wanted


def lend_and_read(lender: Lender, symbol: str = "USDC") -> None:
    """Lend one and redeem it; the position, the movements, the pool and the collateral agree."""
    sides = ("Borrow", "Lend") if _net(lender, symbol) >= 1 else ("Lend", "Borrow")
    for side in sides:
        before = _net(lender, symbol)
        lender.borrow_or_lend(side, "1", symbol)
        moved = _net(lender, symbol) - before
        # Interest grows meanwhile.
        assert abs(moved - (1 if side == "Lend" else -1)) < Decimal("0.01")
    ours = [row for row in lender.movements(symbol) if row["source"] == "Manual"]
    assert [row["eventType"] for row in ours[:2]] == [
        "LendRedeem" if side == "Borrow" else "Lend" for side in reversed(sides)
    ]
    # What was just lent may be worth an atom less.
    assert all(1 - Decimal(row["quantity"]) in (0, UNITS[symbol]) for row in ours[:2])
    (pool,) = (row for row in lender.pools() if row["symbol"] == symbol)
    assert pool["state"] == "Open"
    assert Decimal(pool["lentQuantity"]) >= Decimal(pool["borrowedQuantity"])
    assert Decimal(pool["utilization"]) <= 1
    summary = lender.collateral()
    (held,) = (row for row in summary["collateral"] if row["symbol"] == symbol)
    parts = ("availableQuantity", "lendQuantity", "openOrderQuantity")
    assert sum(Decimal(held[part]) for part in parts) == Decimal(held["totalQuantity"])
    assert Decimal(summary["netEquity"]) > 0
    kinds = {"Lend", "Borrow", "UnrealizedPositivePnl", "UnrealizedNegativePnl"}
    assert {row["paymentType"] for row in lender.interest()} <= kinds


def read_rates(lender: Lender, symbol: str = "USDC") -> None:
    """Read how a pool's rates moved; they are kept once a minute."""
    deadline = time.monotonic() + 120
    while not (rows := lender.pool_history(symbol)):
        assert time.monotonic() < deadline, "no rate was kept for two minutes"
        time.sleep(1)
    for row in rows:
        assert Decimal(row["lendInterestRate"]) <= Decimal(row["borrowInterestRate"])
        assert row["timestamp"].endswith("Z")


def change_settings(lender: Lender) -> None:
    """Change the leverage limit and back; everything else stays."""
    names = ("autoBorrowSettlements", "autoLend", "autoRealizePnl", "autoRepayBorrows")
    before = lender.account_settings()
    assert Decimal(before["borrowLimit"]) > 0
    lender.set_leverage("7")
    changed = lender.account_settings()
    assert changed["leverageLimit"] == "7"
    assert [changed[name] for name in names] == [before[name] for name in names]
    lender.set_leverage(before["leverageLimit"])
    assert lender.account_settings()["leverageLimit"] == before["leverageLimit"]


def _net(lender: Lender, symbol: str) -> Decimal:
    return sum(
        (Decimal(row["netQuantity"]) for row in lender.loans() if row["symbol"] == symbol),
        Decimal(0),
    )
