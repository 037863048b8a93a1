"""What the endpoints that act must do, said once for all clients: each as a check.

A check asks through the client and looks at what came of it without the client.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.api.clients.world import OUTSIDE, PERP, RFQ, SPOT, World, plain

Ask = Callable[..., Any]
Check = Callable[[Ask, World], None]
SETTINGS = (
    *("autoBorrowSettlements", "autoLend", "autoRealizePnl", "autoRepayBorrows"),
    "leverageLimit",
)


def place_order(ask: Ask, world: World) -> None:
    """Place; the same order is found by its id, and stands in the database."""
    number, price = world.number(), world.away()
    terms = {"side": "Bid", "orderType": "Limit", "price": price, "quantity": "0.1"}
    placed = ask(symbol=SPOT, clientId=number, **terms)
    found = world.read("/api/v1/order", symbol=SPOT, clientId=number)
    assert plain(placed) == plain(found)
    stored = world.row(
        "SELECT o.market, o.side, o.status, o.client_id, o.lots_open FROM trading_order o"
        " WHERE o.id = %s",
        int(found["id"]),
    )
    assert stored[:4] == (SPOT, "Bid", "New", number), stored
    assert stored[4] > 0
    world.cancel_all()


def place_trigger(*, repeated: bool) -> Check:
    """Return a check of an order which waits for a price. bpx-py repeats the quantity."""

    def check(ask: Ask, world: World) -> None:
        terms = {"side": "Ask", "orderType": "Market", "triggerPrice": world.away(PERP)}
        more = {"quantity": "0.1"} if repeated else {}
        placed = ask(symbol=PERP, triggerQuantity="0.1", **terms, **more)
        try:
            assert placed["status"] == "TriggerPending"
            assert Decimal(placed["triggerPrice"]) == Decimal(terms["triggerPrice"])
            found = world.read("/api/v1/order", symbol=PERP, orderId=placed["id"])
            assert plain(found) == plain(placed)
        finally:
            world.cancel_all(PERP)

    return check


def place_with_exits(ask: Ask, world: World) -> None:
    """Place an entry with take-profit and stop-loss; it is told back with both."""
    best = world.best(PERP)[0]
    exits = {
        "takeProfitTriggerPrice": str((best * 2).quantize(Decimal("0.01"))),
        "stopLossTriggerPrice": str((best / 2).quantize(Decimal("0.01"))),
    }
    terms = {"side": "Bid", "orderType": "Limit", "price": world.away(PERP), "quantity": "0.1"}
    placed = ask(symbol=PERP, **terms, **exits)
    try:
        assert {name: Decimal(placed[name]) for name in exits} == {
            name: Decimal(price) for name, price in exits.items()
        }
    finally:
        world.cancel_all(PERP)


def take_with_tolerance(ask: Ask, world: World) -> None:
    """Take with a slippage tolerance of five percent."""
    tolerance = {"slippageTolerance": "5", "slippageToleranceType": "Percent"}
    taken = ask(symbol=SPOT, side="Bid", orderType="Market", quantity="0.1", **tolerance)
    assert (taken["status"], taken["executedQuantity"]) == ("Filled", "0.1")


def find_order(ask: Ask, world: World) -> None:
    """Find a resting order by its id."""
    placed = world.place()
    assert plain(ask(symbol=SPOT, orderId=placed["id"])) == plain(placed)
    world.cancel_all()


def cancel_order(ask: Ask, world: World) -> None:
    """Cancel one of two orders; the other rests."""
    first, second = world.place(), world.place()
    cancelled = ask(symbol=SPOT, orderId=first["id"])
    assert plain(cancelled) == plain(first | {"status": "Cancelled"})
    assert plain(world.read("/api/v1/orders", symbol=SPOT)) == plain([second])
    world.cancel_all()


def read_orders(ask: Ask, world: World) -> None:
    """Read all live orders of a market."""
    placed = [world.place(), world.place()]
    assert sorted(row["id"] for row in ask(symbol=SPOT)) == sorted(row["id"] for row in placed)
    assert plain(ask(symbol=SPOT)) == plain(world.read("/api/v1/orders", symbol=SPOT))
    world.cancel_all()


def cancel_orders(ask: Ask, world: World) -> None:
    """Cancel all orders of one market; those of another rest."""
    here, there = [world.place(), world.place()], world.place(PERP)
    assert {row["id"] for row in ask(symbol=SPOT)} == {row["id"] for row in here}
    assert world.read("/api/v1/orders", symbol=SPOT) == []
    assert plain(world.read("/api/v1/orders", symbol=PERP)) == plain([there])
    world.cancel_all(PERP)


def place_orders(ask: Ask, world: World) -> None:
    """Place three at once of which one is wrong: the two others rest."""
    order = {"symbol": SPOT, "side": "Bid", "orderType": "Limit", "price": world.away()}
    answers = ask(orders=[order | {"quantity": size} for size in ("0.1", "0.001", "0.2")])
    assert [row["operation"] for row in answers] == ["Ok", "Err", "Ok"]
    assert answers[1]["code"] == "INVALID_QUANTITY"
    rest = world.read("/api/v1/orders", symbol=SPOT)
    assert {row["id"] for row in rest} == {answers[0]["id"], answers[2]["id"]}
    world.cancel_all()


def change_account(ask: Ask, world: World) -> None:
    """Change one setting; all others stay."""
    before = world.read("/api/v1/account")
    ask(leverageLimit="7")
    try:
        after = world.read("/api/v1/account")
        # The other members are limits, which move with the market.
        assert {name: after[name] for name in SETTINGS} == {
            **{name: before[name] for name in SETTINGS},
            "leverageLimit": "7",
        }
    finally:
        world.write("PATCH", "/api/v1/account", leverageLimit=before["leverageLimit"])


def lend(ask: Ask, world: World) -> None:
    """Lend one dollar and take it back; it moves between what is available and what is lent."""
    for side, moved in (("Lend", 1), ("Borrow", -1)):
        before = Decimal(world.read("/api/v1/capital")["USDC"]["available"])
        ask(symbol="USDC", side=side, quantity="1")
        after = Decimal(world.read("/api/v1/capital")["USDC"]["available"])
        # A settlement of the open position may fall between, and rounding may take an atom.
        assert abs(before - after - moved) < Decimal("0.5")
    (newest, *_) = world.read("/wapi/v1/history/borrowLend", symbol="USDC")
    assert newest["eventType"] == "LendRedeem"


def convert_dust(ask: Ask, world: World) -> None:
    """Sell to the house what is worth less than a dollar."""
    world.take("USDT_USDC", quantity="1")
    held = world.read("/api/v1/capital")["USDT"]["available"]
    ask(symbol="USDT")
    left = world.read("/api/v1/capital").get("USDT", {"available": "0"})
    assert left["available"] == "0"
    (newest, *_) = world.read("/wapi/v1/history/dust", symbol="USDT")
    assert newest["quantity"] == held


def withdraw(ask: Ask, world: World) -> None:
    """Ask for a withdrawal; its id is signed in whatever way the client encodes it."""
    number = str(world.number())
    asked = {"address": OUTSIDE, "blockchain": "Ethereum", "symbol": "USDC", "quantity": "20"}
    sent = ask(clientId=number, **asked)
    (stored,) = world.read("/wapi/v1/capital/withdrawals", clientId=number)
    assert plain(sent) == plain(stored)
    known = {name: stored[name] for name in ("blockchain", "symbol", "quantity")}
    assert known | {"address": stored["toAddress"]} == asked


def ask_for_quotes(ask: Ask, world: World) -> None:
    """Ask for quotes; the request is open."""
    made = ask(symbol=RFQ, side="Bid", quantity="1")
    (found,) = world.read("/api/v1/rfqs", rfqId=made["rfqId"])
    assert plain(found["rfq"]) == plain(made)
    world.write("POST", "/api/v1/rfq/cancel", rfqId=made["rfqId"])


def quote(ask: Ask, world: World) -> None:
    """Quote bob's request; bob takes it, and both agree on the price."""
    made = world.request(world.bob)
    bid, best = world.best(SPOT)
    prices = {"bidPrice": str(bid), "askPrice": str(best)}
    quoted = ask(rfqId=made["rfqId"], **prices)
    ids = {"rfqId": made["rfqId"], "quoteId": quoted["quoteId"]}
    filled = world.write("POST", "/api/v1/rfq/accept", who=world.bob, **ids)
    assert filled["status"] == "Filled"
    (newest, *_) = world.read("/wapi/v1/history/quote/fill")
    assert newest["quoteId"] == quoted["quoteId"]
    assert Decimal(newest["fillPrice"]) == Decimal(prices["askPrice"])


def accept_quote(ask: Ask, world: World) -> None:
    """Accept bob's quote."""
    made = world.request(world.alice)
    quoted = world.quote(world.bob, made["rfqId"])
    filled = ask(rfqId=made["rfqId"], quoteId=quoted["quoteId"])
    assert (filled["rfqId"], filled["status"]) == (made["rfqId"], "Filled")


def refresh_rfq(ask: Ask, world: World) -> None:
    """Let a request live longer."""
    made = world.request(world.alice)
    longer = ask(rfqId=made["rfqId"])
    assert int(longer["expiryTime"]) > int(made["expiryTime"])
    world.write("POST", "/api/v1/rfq/cancel", rfqId=made["rfqId"])


def cancel_rfq(ask: Ask, world: World) -> None:
    """Cancel a request."""
    made = world.request(world.alice)
    ended = ask(rfqId=made["rfqId"])
    assert (ended["rfqId"], ended["status"]) == (made["rfqId"], "Cancelled")
    assert world.read("/api/v1/rfqs", rfqId=made["rfqId"]) == []


def _plan(world: World) -> dict[str, Any]:
    plan = {"symbol": SPOT, "side": "Bid", "strategyType": "Scheduled", "quantity": "0.4"}
    return plan | {"price": world.away(), "duration": 60000, "interval": 15000}


def create_strategy(ask: Ask, world: World) -> None:
    """Let the exchange place four orders over a minute."""
    number = world.number()
    made = ask(clientStrategyId=number, **_plan(world))
    found = world.read("/api/v1/strategy", symbol=SPOT, clientStrategyId=number)
    assert (found["id"], found["quantity"]) == (made["id"], "0.4")
    world.write("DELETE", "/api/v1/strategies", symbol=SPOT)


def with_strategy(check: Callable[[Ask, World, Any], None]) -> Check:
    """Return a check of something that is asked about a running strategy."""

    def begin(ask: Ask, world: World) -> None:
        made = world.write("POST", "/api/v1/strategy", **_plan(world))
        try:
            check(ask, world, made)
        finally:
            world.write("DELETE", "/api/v1/strategies", symbol=SPOT)

    return begin


def find_strategy(ask: Ask, world: World, made: Any) -> None:
    """Find one by its id."""
    assert ask(symbol=SPOT, strategyId=made["id"])["id"] == made["id"]


def cancel_strategy(ask: Ask, world: World, made: Any) -> None:
    """Cancel one."""
    assert ask(symbol=SPOT, strategyId=made["id"])["id"] == made["id"]
    assert world.read("/api/v1/strategies", symbol=SPOT) == []


def read_strategies(ask: Ask, world: World, made: Any) -> None:
    """Read all that run."""
    assert [row["id"] for row in ask(symbol=SPOT)] == [made["id"]]


def cancel_strategies(ask: Ask, world: World, made: Any) -> None:
    """Cancel all of a market."""
    assert [row["id"] for row in ask(symbol=SPOT)] == [made["id"]]


def delay(ask: Ask, world: World) -> None:
    """Ask for a withdrawal delay; without an authenticator it is refused."""
    ask(withdrawalDelayHours=24, twoFactorToken="123456")
