"""Conditional orders, exits and tolerances through the API: answers, streams, tables, history."""

from typing import Any

import pytest

from engine.commands import CancelAllOrders, PlaceOrder, UpdatePrices
from engine.events import CommandRejected
from engine.units import AccountId
from engine.vocabulary import (
    BID,
    CancelKind,
    Conditions,
    Exit,
    OrderType,
    Side,
    Slippage,
    Trigger,
    TriggerBy,
)
from gateway.client import submit
from sequencer.inline import InlineEngine
from tests.api.front import Front, front
from tests.engine_fixture import assert_tables_agree
from tests.sequencer.market import ACCOUNTS, PERP, PRICE_TICKS, order, set_up
from trading.models import Order

__all__ = ["front"]
SOL_PERP = "SOL_USDC_PERP"
ORDERS = "/api/v1/orders"
A, B, _ = map(AccountId, ACCOUNTS)


def waiting(front: Front, **words: object) -> dict[str, Any]:
    """Have Alice place a stop for one SOL, and return the answer."""
    usual: dict[str, object] = {
        "symbol": SOL_PERP,
        "side": "Ask",
        "orderType": "Market",
        "price": ...,
        "quantity": ...,
        "triggerPrice": "90",
        "triggerQuantity": "1",
    }
    reply = front.order(front.alice, **usual | words)
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.json
    return answer


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({}, {"triggerBy": "MarkPrice", "triggerQuantity": "1", "quantity": None}),
        (
            {"triggerBy": "IndexPrice", "triggerQuantity": 1.5},
            {"triggerBy": "IndexPrice", "triggerQuantity": "1.5"},
        ),
        # bpx-py's own spelling.
        ({"triggeredBy": "IndexPrice"}, {"triggerBy": "IndexPrice"}),
        (
            {"orderType": "Limit", "price": "89.5"},
            {"price": "89.5", "quantity": "1", "orderType": "Limit"},
        ),
        # A share is told as the amount it comes to now: clients read it as a number.
        ({"triggerQuantity": "12.5%", "reduceOnly": True}, {"triggerQuantity": "0.25"}),
        (
            {"slippageTolerance": "0.5", "slippageToleranceType": "Percent"},
            {"slippageTolerance": "0.5", "slippageToleranceType": "Percent"},
        ),
    ],
    ids=str,
)
def test_a_conditional_order_is_answered_as_it_waits(
    front: Front, words: dict[str, object], told: dict[str, object]
) -> None:
    front.order(front.bob, symbol=SOL_PERP, side="Ask", price="100", quantity="2")
    front.order(front.alice, symbol=SOL_PERP, price="100", quantity="2")
    answer = waiting(front, **words)
    assert {name: answer[name] for name in told} == told
    usual = {"status": "TriggerPending", "triggerPrice": "90", "triggeredAt": None}
    assert {name: answer[name] for name in usual} == usual
    assert answer["executedQuantity"] == "0"
    cancelled = front.send(
        "DELETE", "/api/v1/order", front.alice, {"symbol": SOL_PERP, "orderId": answer["id"]}
    ).json
    assert (cancelled["id"], cancelled["status"]) == (answer["id"], "Cancelled")


def test_exits_are_told_with_their_order(front: Front) -> None:
    words = {
        "takeProfitTriggerPrice": "120",
        "takeProfitLimitPrice": "119",
        "stopLossTriggerPrice": "90",
        "stopLossTriggerBy": "IndexPrice",
    }
    answer = front.order(front.alice, symbol=SOL_PERP, **words).json
    assert {name: answer[name] for name in words} == words
    assert answer["takeProfitTriggerBy"] == "MarkPrice"
    assert answer["stopLossLimitPrice"] is None


def test_cancel_all_tells_the_kinds_apart(front: Front) -> None:
    stop = waiting(front)
    rests = front.order(front.alice, symbol=SOL_PERP, price="95").json
    body = {"symbol": SOL_PERP, "orderType": "ConditionalOrder"}
    cancelled = front.send("DELETE", ORDERS, front.alice, body).json
    assert [one["id"] for one in cancelled] == [stop["id"]]
    cancelled = front.send("DELETE", ORDERS, front.alice, body | {"orderType": "RestingLimitOrder"})
    assert [one["id"] for one in cancelled.json] == [rests["id"]]


def test_the_stream_tells_a_stop_from_its_placing_to_its_fill(front: Front) -> None:
    socket = front.socket()
    front.order(front.bob, symbol=SOL_PERP, side="Bid", price="88", quantity="5")
    socket.subscribe("account.orderUpdate", user=front.alice)
    stop = waiting(front, clientId=7)
    failing = waiting(front, triggerQuantity="50%", reduceOnly=True)
    front.command(UpdatePrices(prices_e8={"SOL": 89 * 10**8}))
    front.advance()
    placed, _, *rest = socket.data()
    keys = {"e": "triggerPlaced", "X": "TriggerPending", "i": stop["id"], "P": "90.00", "c": 7}
    keys |= {"B": "MarkPrice", "Y": "1.00", "q": "0", "t": None, "o": "MARKET", "z": "0"}
    assert {name: placed[name] for name in keys} == keys
    told = [(one["e"], one["X"], one["i"]) for one in rest]
    assert told == [
        ("orderAccepted", "New", stop["id"]),
        ("orderFill", "Filled", stop["id"]),
        ("triggerFailed", "TriggerFailed", failing["id"]),
    ]
    assert rest[2]["R"] == "StopWithoutPosition"


def test_the_stream_tells_exits_and_to_whom_they_belong(front: Front) -> None:
    socket = front.socket()
    socket.subscribe("account.orderUpdate", user=front.alice)
    parent = front.order(
        front.alice, symbol=SOL_PERP, takeProfitTriggerPrice="120", stopLossTriggerPrice="90"
    ).json
    front.order(front.bob, symbol=SOL_PERP, side="Ask", price="100", quantity="0.4")
    front.order(front.bob, symbol=SOL_PERP, side="Ask", price="100", quantity="0.6")
    events = socket.data()
    kinds = [one["e"] for one in events]
    assert kinds == [
        "orderAccepted",
        *("orderFill", "triggerPlaced", "triggerPlaced"),
        *("orderFill", "orderModified", "orderModified"),
    ]
    accepted, _, profit, loss = events[:4]
    assert (accepted["a"], accepted["b"], accepted["d"]) == ("120.00", "90.00", "MarkPrice")
    assert profit["I"] == loss["I"] == int(parent["id"])
    assert (profit["P"], loss["P"], profit["Y"], profit["r"]) == ("120.00", "90.00", "0.40", True)


# -- Tables ----------------------------------------------------------------------------------


def _conditional(trigger: Trigger | None, **changes: Any) -> PlaceOrder:
    terms: dict[str, Any] = {"type": OrderType.MARKET, "lots": 10, **changes}
    rest = {name: terms.pop(name) for name in ("stop_loss", "slippage") if name in terms}
    return PlaceOrder(
        account=A,
        market=PERP,
        side=terms.pop("side", Side.ASK),
        conditions=Conditions(trigger=trigger, **rest),
        **terms,
    )


def _accept(command: Any) -> Any:
    answer = submit(command).answer
    assert not isinstance(answer, CommandRejected), answer
    return answer


def test_rows_follow_an_order_from_waiting_to_its_end(live_engine: InlineEngine) -> None:
    set_up(submit)
    _accept(order(B, Side.BID, -100, 25, PERP))
    _accept(order(B, Side.ASK, 0, 30, PERP))
    _accept(_conditional(None, side=BID, lots=30, stop_loss=Exit(PRICE_TICKS - 500)))
    share = _accept(
        _conditional(
            Trigger(PRICE_TICKS - 10, TriggerBy.INDEX, 5 * 10**8), lots=None, reduce_only=True
        )
    )
    rests = _accept(
        _conditional(Trigger(PRICE_TICKS - 20), type=OrderType.LIMIT, price_ticks=PRICE_TICKS - 50)
    )
    slips = _accept(_conditional(Trigger(PRICE_TICKS + 9), slippage=Slippage(ticks=3), client_id=4))
    assert_tables_agree(live_engine)
    row = Order.objects.get(pk=share.terms.order_id)
    assert (row.status, row.lots, row.lots_open) == ("TriggerPending", None, 15)
    assert row.conditions is not None
    assert row.conditions["trigger"]["by"] == "IndexPrice"
    _accept(UpdatePrices(prices_e8={"BTC": (PRICE_TICKS - 40) * 10**7}))
    assert_tables_agree(live_engine)
    row.refresh_from_db()
    # Half of 30 lots; what the exit closes shrinks when it fires, not before.
    assert (row.status, row.lots, row.executed_lots) == ("Filled", 15, 15)
    assert row.triggered_at is not None
    row = Order.objects.get(pk=rests.terms.order_id)
    assert (row.status, row.lots_open, row.triggered_at is None) == ("New", 10, False)
    exit_ = Order.objects.exclude(related_id=None).get()
    assert (exit_.status, exit_.lots_open, exit_.reduce_only) == ("TriggerPending", 30, True)
    _accept(order(B, Side.BID, -50, 4, PERP))
    _accept(CancelAllOrders(account=A, kind=CancelKind.CONDITIONAL))
    assert Order.objects.get(pk=slips.terms.order_id).status == "Cancelled"
    _accept(CancelAllOrders(account=A))
    assert_tables_agree(live_engine)
    row.refresh_from_db()
    assert (row.status, row.executed_lots) == ("Cancelled", 4)
