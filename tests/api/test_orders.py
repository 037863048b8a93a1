"""Orders over the hot path: what is answered, what is refused and changes nothing."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from edge.http import wrong_method
from engine.catalog import MarketState
from engine.commands import SetMarketState
from engine.events import CommandRejected
from engine.kinds import OrderTerms
from engine.rejects import Reject
from engine.snapshot import digest
from gateway.errors import EngineUnavailable, OutcomeUnknown
from tests.api.front import Front, front
from trading import services
from trading.models import Order
from trading.reads import close_readers
from trading.refusals import Refusal, refusal_of

__all__ = ["front"]
ORDER = "/api/v1/order"
ORDERS = "/api/v1/orders"
NO_ORDER = (404, "RESOURCE_NOT_FOUND", "Order not found")
LIMIT_KEYS = [
    "clientId", "createdAt", "executedQuantity", "executedQuoteQuantity", "id", "orderType",
    "postOnly", "price", "quantity", "reduceOnly", "relatedOrderId", "selfTradePrevention", "side",
    "status", "stopLossLimitPrice", "stopLossTriggerBy", "stopLossTriggerPrice", "strategyId",
    "symbol", "takeProfitLimitPrice", "takeProfitTriggerBy", "takeProfitTriggerPrice",
    "timeInForce", "triggerBy", "triggerPrice", "triggerQuantity", "triggeredAt",
]  # fmt: skip
MARKET_KEYS = sorted(
    {*LIMIT_KEYS, "quoteQuantity", "slippageTolerance", "slippageToleranceType"}
    - {"price", "postOnly"}
)


def test_a_limit_order_rests_and_is_told_with_every_key_in_order(front: Front) -> None:
    reply = front.order(front.alice, price="99.50", quantity="1.50", clientId=12, postOnly=True)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert list(reply.json) == LIMIT_KEYS
    created = reply.json.pop("createdAt")
    assert abs(created - time.time() * 1000) < 60_000
    order_id = reply.json.pop("id")
    assert {name: value for name, value in reply.json.items() if value is not None} == {
        "clientId": 12,
        "createdAt": created,
        "executedQuantity": "0",
        "executedQuoteQuantity": "0",
        "id": order_id,
        "orderType": "Limit",
        "postOnly": True,
        "price": "99.5",
        "quantity": "1.5",
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "status": "New",
        "symbol": "SOL_USDC",
        "timeInForce": "GTC",
    }


def test_a_market_order_says_what_it_did(front: Front) -> None:
    front.order(front.alice, side="Ask", price="101", quantity="3")
    reply = front.order(front.bob, orderType="Market", price=..., quantity="2")
    assert list(reply.json) == MARKET_KEYS
    told = {name: reply.json[name] for name in ("status", "executedQuantity", "quoteQuantity")}
    assert told == {"status": "Filled", "executedQuantity": "2", "quoteQuantity": "202"}


def test_a_market_order_may_name_what_it_spends(front: Front) -> None:
    front.order(front.alice, side="Ask", price="100", quantity="3")
    reply = front.order(
        front.bob, orderType="Market", price=..., quantity=..., quoteQuantity="150.004"
    )
    assert reply.json["quantity"] is None
    assert reply.json["quoteQuantity"] == "150.004"
    assert reply.json["executedQuantity"] == "1.5"
    assert reply.json["executedQuoteQuantity"] == "150"


def test_numbers_and_client_ids_may_be_text_or_json_numbers(front: Front) -> None:
    body = (
        b'{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit",'
        b'"price":99.50,"quantity":1e0,"clientId":"7"}'
    )
    signed = (
        "instruction=orderExecute&clientId=7&orderType=Limit&price=99.50&quantity=1e0&side=Bid"
        "&symbol=SOL_USDC&timestamp={}&window=5000"
    )
    timestamp = str(time.time_ns() // 1_000_000)
    headers = {
        "X-API-Key": front.alice.key,
        "X-Signature": front.alice.sign(signed.format(timestamp)),
        "X-Timestamp": timestamp,
    }
    reply = front.request("POST", ORDER, body=body, headers=headers)
    assert (reply.status, reply.json["price"], reply.json["clientId"]) == (200, "99.5", 7)


def test_unknown_fields_are_signed_and_ignored(front: Front) -> None:
    reply = front.order(front.alice, brokerId=1400, triggeredBy="LastPrice", price="90")
    assert reply.status == 200


def test_a_perpetual_says_whether_it_only_reduces(front: Front) -> None:
    reply = front.order(front.alice, symbol="SOL_USDC_PERP", reduceOnly=False)
    assert reply.json["reduceOnly"] is False
    reply = front.order(front.alice, symbol="SOL_USDC_PERP", side="Ask", reduceOnly=True)
    assert reply.refusal()[1] == "INVALID_ORDER"
    assert reply.headers["x-reject-code"] == "REDUCE_ONLY_NOT_REDUCED"


def test_a_cancelled_order_is_told_once_and_frees_what_it_held(front: Front) -> None:
    before = digest_of_money(front)
    placed = front.order(front.alice, clientId=5).json
    body = {"symbol": "SOL_USDC", "clientId": "5"}
    reply = front.send("DELETE", ORDER, front.alice, body)
    assert list(reply.json) == LIMIT_KEYS
    assert (reply.json["id"], reply.json["status"]) == (placed["id"], "Cancelled")
    assert digest_of_money(front) == before
    again = front.send("DELETE", ORDER, front.alice, body)
    assert again.refusal() == (400, "INVALID_CLIENT_REQUEST", "Order not found")


@pytest.fixture
def committed(transactional_db: None) -> Iterator[None]:
    """Let the reader's own connections see what a test stores; close them afterwards."""
    yield
    asyncio.run(close_readers())


@pytest.mark.usefixtures("committed")
def test_live_orders_are_read_as_they_were_answered(front: Front) -> None:
    limit = front.order(front.alice, price="99.50", clientId=4)
    perp = front.order(front.alice, symbol="SOL_USDC_PERP", side="Ask", price="101")
    done = front.order(front.alice, price="98")
    front.send("DELETE", ORDER, front.alice, {"symbol": "SOL_USDC", "orderId": done.json["id"]})
    for order in front.engine.state.accounts[front.alice.account].orders.values():
        store(order.terms, status="New", lots_open=order.lots_open)
    found = front.get(ORDERS, front.alice)
    assert found.json == [limit.json, perp.json]
    assert found.body == b"[" + limit.body + b"," + perp.body + b"]"
    assert front.get(ORDERS, front.alice, symbol="SOL_USDC").json == [limit.json]
    assert front.get(ORDERS, front.alice, marketType="PERP").json == [perp.json]
    assert front.get(ORDERS, front.bob).json == []
    assert front.get(ORDER, front.alice, symbol="SOL_USDC", clientId="4").json == limit.json
    by_id = {"symbol": "SOL_USDC", "orderId": limit.json["id"]}
    assert front.get(ORDER, front.alice, **by_id).json == limit.json
    assert front.get(ORDER, front.bob, **by_id).refusal() == NO_ORDER
    gone = {"symbol": "SOL_USDC", "orderId": done.json["id"]}
    assert front.get(ORDER, front.alice, **gone).refusal() == NO_ORDER
    both = front.get(ORDER, front.alice, **by_id, clientId="4").refusal()
    assert both[1:] == (
        "INVALID_CLIENT_REQUEST",
        "Must specify exactly one of `orderId` and `clientId`",
    )


def store(terms: OrderTerms, *, status: str, lots_open: int) -> None:
    Order.objects.create(
        id=terms.order_id,
        account_id=terms.account,
        market=terms.market,
        side=terms.side.value,
        type=terms.type.value,
        status=status,
        price_ticks=terms.price_ticks,
        lots=terms.lots,
        lots_open=lots_open,
        executed_lots=0,
        executed_quote_atoms=Decimal(0),
        time_in_force=terms.time_in_force.value,
        self_trade_prevention=terms.self_trade_prevention.value,
        post_only=terms.post_only,
        reduce_only=terms.reduce_only,
        client_id=terms.client_id,
        created_at=datetime.fromtimestamp(terms.created_at_ns // 10**9, UTC)
        + timedelta(microseconds=terms.created_at_ns % 10**9 // 1000),
        updated_sequence=1,
    )


def digest_of_money(front: Front) -> dict[str, Any]:
    holdings = front.engine.state.accounts[front.alice.account].holdings
    return {name: (one.available.atoms, one.locked.atoms) for name, one in holdings.items()}


def test_anothers_order_is_unknown_and_stays(front: Front) -> None:
    placed = front.order(front.alice).json
    reply = front.send("DELETE", ORDER, front.bob, {"symbol": "SOL_USDC", "orderId": placed["id"]})
    assert reply.refusal() == (400, "INVALID_CLIENT_REQUEST", "Order not found")
    assert len(front.engine.depth("SOL_USDC").bids) == 1


@pytest.mark.parametrize("order_id", ["1", "x", "-1", "9" * 30, "１", ""])
def test_an_order_id_that_cannot_be_is_not_found(front: Front, order_id: str) -> None:
    body = {"symbol": "SOL_USDC", "orderId": order_id}
    reply = front.send("DELETE", ORDER, front.alice, body)
    assert reply.refusal() == (400, "INVALID_CLIENT_REQUEST", "Order not found")


def test_cancel_all_lists_what_it_cancelled_in_one_market(front: Front) -> None:
    first = front.order(front.alice).json["id"]
    second = front.order(front.alice, side="Ask", price="105").json["id"]
    kept = front.order(front.alice, symbol="BTC_USDC", price="49000", quantity="0.1").json["id"]
    others = front.order(front.bob).json["id"]
    reply = front.send("DELETE", ORDERS, front.alice, {"symbol": "SOL_USDC"})
    assert [(one["id"], one["status"]) for one in reply.json] == [
        (first, "Cancelled"),
        (second, "Cancelled"),
    ]
    live = front.engine.state.accounts
    assert [str(one) for one in live[front.alice.account].orders] == [kept]
    assert [str(one) for one in live[front.bob.account].orders] == [others]
    conditional = {"symbol": "BTC_USDC", "orderType": "ConditionalOrder"}
    assert front.send("DELETE", ORDERS, front.alice, conditional).json == []
    assert [str(one) for one in live[front.alice.account].orders] == [kept]


def test_a_batch_answers_each_item_in_its_place(front: Front) -> None:
    good = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "1"}
    batch = [
        good | {"price": "99"},
        good | {"price": "99.001"},
        good | {"symbol": "NO_SUCH", "price": "99"},
        good | {"price": "9999"},
        good | {"price": "98", "clientId": 3},
    ]
    reply = front.send("POST", ORDERS, front.alice, batch)
    assert reply.status == 200
    told = [(one["operation"], one.get("code", one.get("price"))) for one in reply.json]
    assert told == [
        ("Ok", "99"),
        ("Err", "INVALID_PRICE"),
        ("Err", "INVALID_CLIENT_REQUEST"),
        ("Err", "INVALID_PRICE"),
        ("Ok", "98"),
    ]
    assert set(reply.json[1]) == {"operation", "code", "message"}
    assert list(reply.json[0]) == sorted([*LIMIT_KEYS, "operation"])


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_holds_one_to_fifty_orders(front: Front, count: int) -> None:
    batch = [{"symbol": "SOL_USDC"}] * count
    timestamp = str(time.time_ns() // 1_000_000)
    text = "instruction=orderExecute&symbol=SOL_USDC&" * count
    headers = {
        "X-API-Key": front.alice.key,
        "X-Signature": front.alice.sign(f"{text}timestamp={timestamp}&window=5000"),
        "X-Timestamp": timestamp,
    }
    reply = front.request("POST", ORDERS, body=json.dumps(batch).encode(), headers=headers)
    status, code, message = reply.refusal()
    assert (status, code) == (400, "INVALID_CLIENT_REQUEST")
    assert f"this one has {count}" in message


BAD_ORDERS: dict[str, tuple[dict[str, object], str, str]] = {
    "no symbol": ({"symbol": ...}, "INVALID_CLIENT_REQUEST", "`symbol` is required"),
    "unknown market": ({"symbol": "NO_SUCH"}, "INVALID_CLIENT_REQUEST", "Invalid market symbol"),
    "unknown side": ({"side": "Buy"}, "INVALID_CLIENT_REQUEST", "`side` must be one of Bid, Ask"),
    "unknown type": ({"orderType": "Stop"}, "INVALID_CLIENT_REQUEST", "`orderType` must be"),
    "unknown time in force": ({"timeInForce": "DAY"}, "INVALID_CLIENT_REQUEST", "`timeInForce`"),
    "unknown prevention": ({"selfTradePrevention": "Allow"}, "INVALID_CLIENT_REQUEST", "must be"),
    "a flag that is none": ({"postOnly": "perhaps"}, "INVALID_CLIENT_REQUEST", "true or false"),
    "no price": ({"price": None}, "INVALID_ORDER", "needs `price` and `quantity`"),
    "no quantity": ({"quantity": ...}, "INVALID_ORDER", "needs `price` and `quantity`"),
    "price off tick": ({"price": "100.001"}, "INVALID_PRICE", "Price decimal too long"),
    "price zero": ({"price": "0"}, "INVALID_PRICE", "must be above 0"),
    "price negative": ({"price": "-1"}, "INVALID_PRICE", "plain positive decimal"),
    "price not a number": ({"price": "NaN"}, "INVALID_PRICE", "plain positive decimal"),
    "price infinite": ({"price": "Infinity"}, "INVALID_PRICE", "plain positive decimal"),
    "price huge": ({"price": "1e40"}, "INVALID_PRICE", "must be above 0 and at most"),
    "price far off": ({"price": "5"}, "INVALID_PRICE", "Allowed: 25 to 200"),
    "quantity off step": ({"quantity": "1.001"}, "INVALID_QUANTITY", "Quantity decimal too long"),
    "quantity zero": ({"quantity": "0.00"}, "INVALID_QUANTITY", "below the minimum 0.01"),
    "quantity of 40 digits": ({"quantity": "1" * 40}, "INVALID_QUANTITY", "above the maximum"),
    "quantity of 400 digits": ({"quantity": "1" * 400}, "INVALID_QUANTITY", "plain positive"),
    "quantity a list": ({"quantity": [1]}, "INVALID_QUANTITY", "plain positive decimal"),
    "quantity an object": ({"quantity": {"a": 1}}, "INVALID_QUANTITY", "plain positive decimal"),
    "quote quantity on a limit order": ({"quoteQuantity": "5"}, "INVALID_ORDER", "market orders"),
    "price on a market order": ({"orderType": "Market"}, "INVALID_ORDER", "has no `price`"),
    "client id negative": ({"clientId": -1}, "INVALID_CLIENT_REQUEST", "`clientId` must be"),
    "client id too large": ({"clientId": 2**32}, "INVALID_CLIENT_REQUEST", "`clientId` must be"),
    "client id a fraction": ({"clientId": 1.5}, "INVALID_CLIENT_REQUEST", "`clientId` must be"),
    "half a trigger": (
        {"triggerPrice": "90"},
        "INVALID_CLIENT_REQUEST",
        "Must specify both `triggerPrice` and `triggerQuantity` or neither",
    ),
    "trigger of no price": (
        {"triggerPrice": "x", "triggerQuantity": "1"},
        "INVALID_PRICE",
        "plain positive decimal",
    ),
    "trigger by the weather": (
        {"triggerPrice": "90", "triggerQuantity": "1", "triggerBy": "Weather"},
        "INVALID_CLIENT_REQUEST",
        "`triggerBy` must be one of LastPrice, MarkPrice, IndexPrice",
    ),
    "trigger by alone": ({"triggerBy": "MarkPrice"}, "INVALID_CLIENT_REQUEST", "needs"),
    "trigger for a share of spot": (
        {"triggerPrice": "90", "triggerQuantity": "50%"},
        "INVALID_ORDER",
        "of a perpetual position",
    ),
    "trigger for too much": (
        {"symbol": "SOL_USDC_PERP", "triggerPrice": "90", "triggerQuantity": "101%"},
        "INVALID_ORDER",
        "up to 100%",
    ),
    "trigger for minus a share": (
        {"symbol": "SOL_USDC_PERP", "triggerPrice": "90", "triggerQuantity": "-5%"},
        "INVALID_ORDER",
        "plain decimal",
    ),
    "exit without a price": (
        {"stopLossLimitPrice": "9"},
        "INVALID_CLIENT_REQUEST",
        "`stopLossTriggerPrice` is required",
    ),
    "exit on spot": ({"stopLossTriggerPrice": "9"}, "INVALID_ORDER", "perpetual position"),
    "exit on the wrong side": (
        {"symbol": "SOL_USDC_PERP", "takeProfitTriggerPrice": "99"},
        "INVALID_ORDER",
        "where the order would gain",
    ),
    "tolerance of a limit order": (
        {"slippageTolerance": "1", "slippageToleranceType": "Percent"},
        "INVALID_ORDER",
        "market orders",
    ),
    "half a tolerance": (
        {"orderType": "Market", "price": ..., "slippageTolerance": "1"},
        "INVALID_CLIENT_REQUEST",
        "TickSize or Percent",
    ),
    "tolerance of half a tick": (
        {
            "orderType": "Market",
            "price": ...,
            "slippageTolerance": "0.5",
            "slippageToleranceType": "TickSize",
        },
        "INVALID_ORDER",
        "whole number of ticks",
    ),
    "too much money": ({"quantity": "100000"}, "INSUFFICIENT_FUNDS", ""),
}


@pytest.mark.parametrize("name", BAD_ORDERS)
def test_a_bad_order_is_refused_and_changes_nothing(front: Front, name: str) -> None:
    words, code, part = BAD_ORDERS[name]
    sequence = front.engine.state.sequence
    money = digest_of_money(front)
    status, told, message = front.order(front.alice, **words).refusal()
    assert (status, told) == (400, code), message
    assert part in message
    assert digest_of_money(front) == money
    assert not front.engine.state.accounts[front.alice.account].orders
    # Only what needs the engine's knowledge reaches it.
    asks_the_engine = (
        *("price far off", "too much money"),
        *("exit on spot", "exit on the wrong side"),
    )
    assert front.engine.state.sequence - sequence == (name in asks_the_engine)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b"[]", b'"x"', b"null", b"\xff", b'{"price":NaN}', b"[1]"]
)
def test_a_body_that_is_no_order_is_refused(front: Front, body: bytes) -> None:
    before = digest(front.engine.state)
    status, code, message = front.request("POST", ORDER, user=front.alice, body=body).refusal()
    assert (status, code) == (400, "INVALID_CLIENT_REQUEST")
    assert message
    assert digest(front.engine.state) == before


def test_a_body_that_is_too_long_is_refused(front: Front) -> None:
    reply = front.request("POST", ORDER, user=front.alice, body=b" " * (256 * 1024 + 1))
    assert reply.refusal()[0] == 413


def test_only_what_was_signed_is_believed(front: Front) -> None:
    body = json.dumps({"symbol": "SOL_USDC", "orderId": "1"}).encode()
    good = front.signed(front.alice, "orderCancel", {}, body)
    wrong = {
        "another instruction": front.signed(front.alice, "orderExecute", {}, body),
        "another body": front.signed(front.alice, "orderCancel", {}, b'{"symbol":"BTC_USDC"}'),
        "another key": good | {"X-API-Key": front.bob.key},
        "another window": good | {"X-Window": "6000"},
        "no signature text": good | {"X-Signature": "abc"},
    }
    for name, headers in wrong.items():
        reply = front.request("DELETE", ORDER, body=body, headers=headers)
        assert reply.refusal() == (400, "INVALID_CLIENT_REQUEST", "Invalid signature"), name


def test_a_stale_or_too_patient_request_is_refused(front: Front) -> None:
    for shift_ms, part in [(-5_100, "Request has expired"), (5_500, "in the future")]:
        timestamp = str(time.time_ns() // 1_000_000 + shift_ms)
        headers = {
            "X-API-Key": front.alice.key,
            "X-Signature": front.alice.sign(f"instruction=orderQueryAll&timestamp={timestamp}"),
            "X-Timestamp": timestamp,
        }
        status, code, message = front.request("GET", ORDERS, headers=headers).refusal()
        assert (status, code) == (400, "INVALID_CLIENT_REQUEST")
        assert part in message
    headers = front.signed(front.alice, "orderQueryAll", {}, b"") | {"X-Window": "60001"}
    refusal = front.request("GET", ORDERS, headers=headers).refusal()
    assert refusal[2] == "Invalid window: X-Window must be 1 to 60000 milliseconds"


def test_unsigned_and_unknown_callers_are_not_let_in(front: Front) -> None:
    assert front.request("GET", ORDERS).refusal()[:2] == (401, "UNAUTHORIZED")
    del front.keys.users[front.bob.key]
    assert front.order(front.bob).refusal()[:2] == (401, "UNAUTHORIZED")


def test_who_may_not_trade_perpetuals_may_trade_spot_and_cancel(front: Front) -> None:
    user = front.user(3, allowed=frozenset({"view", "trade_spot"}))
    refusal = front.order(user, symbol="SOL_USDC_PERP").refusal()
    assert refusal == (403, "FORBIDDEN", "Perpetuals are not offered where you live")
    assert front.order(user).status == 200
    body = {"symbol": "SOL_USDC_PERP"}
    assert front.send("DELETE", ORDERS, user, body).status == 200
    # Nobody is kept in a position: what is missing here is only the position.
    refusal = front.order(user, symbol="SOL_USDC_PERP", reduceOnly=True).refusal()
    assert refusal[0] == 400
    for flag in ("autoBorrow", "autoLend"):
        assert front.order(user, **{flag: True}).refusal()[:2] == (403, "FORBIDDEN")


def test_a_paused_market_takes_cancels_only(front: Front) -> None:
    placed = front.order(front.alice).json["id"]
    front.accepted(SetMarketState(market="SOL_USDC", state=MarketState.CANCEL_ONLY))
    assert front.order(front.alice).refusal()[:2] == (400, "TRADING_PAUSED")
    body = {"symbol": "SOL_USDC", "orderId": placed}
    assert front.send("DELETE", ORDER, front.alice, body).json["status"] == "Cancelled"


def test_an_account_that_asks_too_often_must_wait(front: Front) -> None:
    front.hot.signed.limit = 3
    replies = [front.order(front.alice, clientId=number) for number in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert replies[3].refusal()[1] == "TOO_MANY_REQUESTS"
    assert front.order(front.bob).status == 200


def test_many_wrong_signatures_are_not_checked_for_ever(front: Front) -> None:
    front.hot.unsigned.limit = 2
    wrong = {"X-Signature": "abc"}
    statuses = [
        front.request("GET", ORDERS, user=front.alice, headers=wrong).status for _ in range(3)
    ]
    assert statuses == [400, 400, 429]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (EngineUnavailable("away"), "MAINTENANCE"),
        (OutcomeUnknown("no answer"), "TIMEOUT"),
    ],
)
def test_an_engine_that_is_away_is_said_plainly(
    front: Front, failure: Exception, code: str
) -> None:
    front.failure = failure
    assert front.order(front.alice).refusal()[:2] == (503, code)
    batch = [{"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "1"}]
    good = [batch[0] | {"price": "99", "quantity": "1"}]
    assert front.send("POST", ORDERS, front.alice, good).refusal()[:2] == (503, code)


def test_a_mistake_of_ours_shows_no_traceback(
    front: Front, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(access: object, request: object) -> Refusal:
        raise KeyError("secret detail")

    monkeypatch.setattr(services, "order_command", broken)
    status, code, message = front.order(front.alice).refusal()
    assert (status, code) == (500, "SERVER_ERROR")
    assert "secret detail" not in message
    assert "secret detail" in caplog.text


def test_a_hot_path_names_the_methods_it_takes() -> None:
    answer = wrong_method("/api/v1/orders")
    assert answer.status == 405
    assert answer.headers == ((b"allow", b"POST, GET, DELETE"),)
    assert json.loads(answer.body)["code"] == "INVALID_CLIENT_REQUEST"


@pytest.mark.parametrize("reject", Reject)
def test_every_reject_of_the_engine_has_an_answer(reject: Reject) -> None:
    refusal = refusal_of(CommandRejected(code=reject, message="Say what to do"), {})
    assert refusal.status in (400, 403, 404, 409)
    assert refusal.code.isupper()
    assert refusal.message
    assert refusal.reject == reject


def test_a_refusal_for_want_of_money_names_the_numbers(front: Front) -> None:
    refusal = front.order(front.alice, quantity="1000000").refusal()
    assert refusal[1] == "INSUFFICIENT_FUNDS"
    assert "available " in refusal[2] and " USDC" in refusal[2], refusal[2]
