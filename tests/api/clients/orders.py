"""The unified methods of ccxt that place, find and end orders: one case each."""

from typing import Any

from tests.api.clients.parsed import COIN, SWAP, Call, Case, number
from tests.api.clients.world import PERP, SPOT, World, plain


def resting(call: Call, world: World, placed: Any, **expected: Any) -> None:
    """Check an order which should rest: as ccxt parsed it, and as the exchange has it."""
    found = world.read("/api/v1/order", symbol=SPOT, orderId=placed["id"])
    # Some methods only hand the exchange's words on, parsed again.
    known = {"status": "open", "symbol": COIN, "price": number(found["price"])} | expected
    assert {name: placed[name] for name in known} == known
    assert plain(placed["info"]) == plain(found)
    world.cancel_all()


def executed(placed: Any, *, side: str, symbol: str = COIN) -> None:
    """Check an order which should have traded at once."""
    assert (placed["status"], placed["symbol"], placed["side"]) == ("closed", symbol, side)
    assert placed["filled"] == number(placed["info"]["executedQuantity"]) > 0
    assert placed["cost"] == number(placed["info"]["executedQuoteQuantity"])


def limit(method: str, side: str, *, named: bool = False) -> Case:
    """Return a case of a limit order far from the market; `named`: side and type are given."""

    def case(call: Call, world: World) -> None:
        price = float(world.away(share="0.8" if side == "buy" else "1.2"))
        words: tuple[Any, ...] = {
            "createOrder": ("limit", side),
            "createLimitOrder": (side,),
        }.get(method, ())
        placed = call(method, COIN, *words, 0.1, price)
        resting(call, world, placed, side=side, amount=0.1, price=price)

    return case


def market(method: str, side: str, *words: Any, size: float = 0.1) -> Case:
    """Return a case of a market order, of a quantity or a cost."""

    def case(call: Call, world: World) -> None:
        executed(call(method, COIN, *words, size), side=side)

    return case


def post_only(call: Call, world: World) -> None:
    """It rests, and says that it may only rest."""
    price = float(world.away())
    placed = call("createPostOnlyOrder", COIN, "limit", "buy", 0.1, price)
    assert placed["postOnly"] is True
    resting(call, world, placed, side="buy")


def reduce_only(call: Call, world: World) -> None:
    """It closes a part of the position."""
    world.take(PERP, quantity="0.2")
    placed = call("createReduceOnlyOrder", SWAP, "market", "sell", 0.1)
    executed(placed, side="sell", symbol=SWAP)
    assert placed["reduceOnly"] is True


def trigger(call: Call, world: World) -> None:
    """It waits for its price."""
    price = float(world.away(PERP))
    placed = call("createTriggerOrder", SWAP, "market", "sell", 0.1, None, price)
    try:
        assert placed["info"]["status"] == "TriggerPending"
        assert placed["triggerPrice"] == price
    finally:
        world.cancel_all(PERP)


def with_exits(call: Call, world: World) -> None:
    """The entry tells both exits."""
    best = float(world.best(PERP)[0])
    profit, loss = round(best * 2, 2), round(best / 2, 2)
    entry = ("limit", "buy", 0.1, float(world.away(PERP)))
    placed = call("createOrderWithTakeProfitAndStopLoss", SWAP, *entry, profit, loss)
    try:
        told = placed["info"]
        assert number(told["takeProfitTriggerPrice"]) == profit
        assert number(told["stopLossTriggerPrice"]) == loss
    finally:
        world.cancel_all(PERP)


def several(call: Call, world: World) -> None:
    """Two orders in one request."""
    price = float(world.away())
    order = {"symbol": COIN, "type": "limit", "side": "buy", "amount": 0.1}
    placed = call("createOrders", [order | {"price": price - step} for step in (0, 1)])
    known = {row["id"]: number(row["price"]) for row in world.read("/api/v1/orders", symbol=SPOT)}
    assert {row["id"]: row["price"] for row in placed} == known
    world.cancel_all()


def edit(call: Call, world: World) -> None:
    """ccxt cancels and places anew."""
    placed, price = world.place(), float(world.away(share="0.7"))
    changed = call("editOrder", placed["id"], COIN, "limit", "buy", 0.2, price)
    (left,) = world.read("/api/v1/orders", symbol=SPOT)
    assert (left["id"], number(left["price"])) == (changed["id"], price)
    world.cancel_all()


def cancel(call: Call, world: World) -> None:
    """One order ends."""
    placed = world.place()
    ended = call("cancelOrder", placed["id"], COIN)
    assert (ended["id"], ended["status"], ended["amount"]) == (placed["id"], "canceled", 0.1)
    assert world.read("/api/v1/orders", symbol=SPOT) == []


def cancel_all(call: Call, world: World) -> None:
    """All orders of a market end."""
    placed = {world.place()["id"], world.place()["id"]}
    assert {row["id"] for row in call("cancelAllOrders", COIN)} == placed
    assert world.read("/api/v1/orders", symbol=SPOT) == []


def open_order(call: Call, world: World) -> None:
    """One order, by its id."""
    placed = world.place()
    resting(call, world, call("fetchOpenOrder", placed["id"], COIN), id=placed["id"])


def open_orders(call: Call, world: World) -> None:
    """All of a market."""
    placed = {world.place()["id"], world.place()["id"]}
    assert {row["id"] for row in call("fetchOpenOrders", COIN)} == placed
    world.cancel_all()
