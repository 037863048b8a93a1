"""Scheduled strategies through the API: created, seen executing, cancelled, remembered."""

from typing import Any

import pytest

from compliance import services as compliance
from compliance.models import Customer, Status
from engine.commands import AdvanceTime, Side
from engine.units import SECOND_NS
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from trading.models import Order, Strategy

ONE, MANY, HISTORY = "/api/v1/strategy", "/api/v1/strategies", "/wapi/v1/history/strategies"
# 1 SOL in four parts, at the market.
PLAN: dict[str, Any] = {
    "symbol": "SOL_USDC",
    "side": "Bid",
    "strategyType": "Scheduled",
    "quantity": "1",
    "duration": 40_000,
    "interval": 10_000,
}
LIVE_KEYS = {
    *("clientStrategyId", "createdAt", "duration", "executedQuantity", "executedQuoteQuantity"),
    *("id", "interval", "postOnly", "price", "quantity", "randomizedIntervalQuantity"),
    *("reduceOnly", "selfTradePrevention", "side", "slippageTolerance", "slippageToleranceType"),
    *("status", "strategyType", "symbol", "timeInForce"),
}
HISTORY_KEYS = (LIVE_KEYS | {"cancelReason"}) - {"postOnly", "price", "reduceOnly"}


@pytest.fixture
def offered(bob: Trader) -> Trader:
    """Bob offers 10 SOL at 100, on both markets."""
    bob.limit("SOL_USDC", Side.ASK, ticks=10_000, lots=1_000)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=1_000)
    return bob


def create(trader: Trader, **changes: Any) -> Any:
    answer = trader.send("POST", ONE, "strategyCreate", PLAN | changes)
    assert answer.status_code == 200, answer.content
    return answer.json()


def refused(trader: Trader, **changes: Any) -> tuple[int, str]:
    answer = trader.send("POST", ONE, "strategyCreate", PLAN | changes)
    assert answer.json()["message"].strip()
    return answer.status_code, answer.json()["code"]


def wait(engine: InlineEngine, seconds: int) -> None:
    engine.ahead_ns += seconds * SECOND_NS
    accepted(AdvanceTime())


def test_it_is_created_and_executes_as_time_goes_by(
    alice: Trader, offered: Trader, live_engine: InlineEngine
) -> None:
    created = create(
        alice, clientStrategyId=7, slippageTolerance="0.5", slippageToleranceType="Percent"
    )
    assert set(created) == LIVE_KEYS
    assert created | {"id": "", "createdAt": 0} == {
        "clientStrategyId": 7,
        "createdAt": 0,
        "duration": 40_000,
        # The first part is traded at once.
        "executedQuantity": "0.25",
        "executedQuoteQuantity": "25",
        "id": "",
        "interval": 10_000,
        "postOnly": None,
        "price": None,
        "quantity": "1",
        "randomizedIntervalQuantity": False,
        "reduceOnly": None,
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "slippageTolerance": "0.5",
        "slippageToleranceType": "Percent",
        "status": "Running",
        "strategyType": "Scheduled",
        "symbol": "SOL_USDC",
        "timeInForce": "GTC",
    }
    for name in (("strategyId", created["id"]), ("clientStrategyId", "7")):
        found = alice.get(ONE, "strategyQuery", ("symbol", "SOL_USDC"), name)
        assert found.json() == created
    assert alice.get(MANY, "strategyQueryAll").json() == [created]
    assert alice.get(HISTORY, "strategyHistoryQueryAll").json() == []
    wait(live_engine, 10)
    (running,) = alice.get(MANY, "strategyQueryAll").json()
    assert running == created | {"executedQuantity": "0.5", "executedQuoteQuantity": "50"}
    wait(live_engine, 10)
    wait(live_engine, 10)
    assert alice.get(MANY, "strategyQueryAll").json() == []
    (ended,) = alice.get(HISTORY, "strategyHistoryQueryAll").json()
    assert set(ended) == HISTORY_KEYS
    assert isinstance(ended["createdAt"], str)
    done = (ended["status"], ended["cancelReason"], ended["executedQuoteQuantity"])
    assert done == ("Completed", None, "100")
    orders = Order.objects.filter(strategy_id=created["id"], account_id=alice.id)
    assert [order.executed_lots for order in orders] == [25] * 4
    of_it = ("strategyId", created["id"])
    told = alice.get("/wapi/v1/history/orders", "orderHistoryQueryAll", of_it).json()
    assert [(one["strategyId"], one["status"]) for one in told] == [(created["id"], "Filled")] * 4
    fills = alice.get("/wapi/v1/history/fills", "fillHistoryQueryAll", of_it).json()
    assert [fill["quantity"] for fill in fills] == ["0.25"] * 4
    assert alice.get("/api/v1/capital", "balanceQuery").json()["USDC"]["available"] == "99900"


def test_one_strategy_and_all_of_a_market_are_cancelled(
    alice: Trader, offered: Trader, live_engine: InlineEngine
) -> None:
    resting = {"price": "99", "quantity": "2"}
    first, second = create(alice, **resting), create(alice, **resting, clientStrategyId=3)
    perp = create(alice, symbol="SOL_USDC_PERP")
    assert Order.objects.filter(account_id=alice.id, status="New").count() == 2
    name = {"symbol": "SOL_USDC", "strategyId": first["id"]}
    cancelled = alice.send("DELETE", ONE, "strategyCancel", name).json()
    assert cancelled == first | {"status": "Cancelled"}
    answer = alice.send("DELETE", MANY, "strategyCancelAll", {"symbol": "SOL_USDC"})
    assert answer.json() == [second | {"status": "Cancelled"}]
    assert not Order.objects.filter(account_id=alice.id, status="New").exists()
    assert [one["id"] for one in alice.get(MANY, "strategyQueryAll").json()] == [perp["id"]]
    assert alice.get(MANY, "strategyQueryAll", ("marketType", "SPOT")).json() == []
    assert alice.get(MANY, "strategyQueryAll", ("symbol", "SOL_USDC")).json() == []


def test_the_history_is_paged_and_narrowed(alice: Trader, bob: Trader, offered: Trader) -> None:
    made = [create(alice, symbol=symbol) for symbol in ("SOL_USDC", "SOL_USDC_PERP", "SOL_USDC")]
    for symbol in ("SOL_USDC", "SOL_USDC_PERP"):
        alice.send("DELETE", MANY, "strategyCancelAll", {"symbol": symbol})

    def ids(*pairs: tuple[str, str]) -> list[str]:
        answer = alice.get(HISTORY, "strategyHistoryQueryAll", *pairs)
        return [one["id"] for one in answer.json()]

    first, perp, last = (one["id"] for one in made)
    assert ids() == [last, perp, first]
    assert ids(("sortDirection", "Asc")) == [first, perp, last]
    assert ids(("symbol", "SOL_USDC")) == [last, first]
    assert ids(("marketType", "PERP")) == [perp]
    assert ids(("strategyId", perp)) == [perp]
    assert ids(("strategyId", "none")) == []
    assert ids(("limit", "1"), ("offset", "1")) == [perp]
    paged = alice.get(HISTORY, "strategyHistoryQueryAll", ("limit", "2"))
    assert (paged.headers["X-Total"], paged.headers["X-Page-Count"]) == ("3", "2")
    assert bob.get(HISTORY, "strategyHistoryQueryAll").json() == []


def test_another_accounts_strategy_is_an_unknown_one(
    alice: Trader, bob: Trader, offered: Trader
) -> None:
    created = create(alice)
    name = {"symbol": "SOL_USDC", "strategyId": created["id"]}
    unknown = {"symbol": "SOL_USDC", "strategyId": "1"}
    answers = [
        (answer.status_code, answer.content)
        for asked in (name, unknown)
        for answer in (
            bob.send("DELETE", ONE, "strategyCancel", asked),
            bob.get(ONE, "strategyQuery", *asked.items()),
        )
    ]
    expected = b'{"code":"RESOURCE_NOT_FOUND","message":"Strategy not found"}'
    assert answers == [(404, expected)] * 4
    assert Strategy.objects.get(pk=created["id"]).status == "Running"


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"symbol": "XRP_USDC"}, (400, "INVALID_CLIENT_REQUEST")),
        ({"strategyType": "Random"}, (400, "INVALID_CLIENT_REQUEST")),
        ({"duration": None}, (400, "INVALID_CLIENT_REQUEST")),
        ({"interval": 999}, (400, "INVALID_CLIENT_REQUEST")),
        ({"interval": 0}, (400, "INVALID_CLIENT_REQUEST")),
        ({"quantity": None}, (400, "INVALID_CLIENT_REQUEST")),
        ({"quantity": "0.001"}, (400, "INVALID_QUANTITY")),
        ({"quantity": "9" * 30}, (400, "INVALID_QUANTITY")),
        ({"price": "1000"}, (400, "INVALID_PRICE")),
        ({"postOnly": True}, (400, "INVALID_ORDER")),
        ({"reduceOnly": True}, (400, "INVALID_ORDER")),
        ({"slippageTolerance": "1"}, (400, "INVALID_CLIENT_REQUEST")),
        (
            {"price": "99", "slippageTolerance": "1", "slippageToleranceType": "TickSize"},
            (400, "INVALID_ORDER"),
        ),
        ({"clientStrategyId": 2**32}, (400, "INVALID_CLIENT_REQUEST")),
        ({"clientStrategyId": 7}, (400, "INVALID_CLIENT_REQUEST")),
    ],
    ids=str,
)
def test_what_no_strategy_can_be_is_refused(
    alice: Trader, offered: Trader, changes: dict[str, Any], answer: tuple[int, str]
) -> None:
    create(alice, clientStrategyId=7)
    assert refused(alice, **changes) == answer


def test_a_strategy_is_named_in_one_way(alice: Trader) -> None:
    for pairs in ((), (("strategyId", "1"), ("clientStrategyId", "1"))):
        answer = alice.get(ONE, "strategyQuery", ("symbol", "SOL_USDC"), *pairs)
        assert answer.status_code == 400
        body = {"symbol": "SOL_USDC", **dict(pairs)}
        assert alice.send("DELETE", ONE, "strategyCancel", body).status_code == 400


def test_what_cannot_be_paid_is_terminated_with_the_reason(alice: Trader, offered: Trader) -> None:
    ended = create(alice, quantity="10000", price="100", duration=10_000)
    assert (ended["status"], ended["executedQuantity"]) == ("Terminated", "0")
    (row,) = alice.get(HISTORY, "strategyHistoryQueryAll").json()
    assert row["cancelReason"] == "InsufficientFunds"


def test_a_reason_that_clients_do_not_know_is_told_as_unknown(alice: Trader) -> None:
    create(alice)
    alice.send("DELETE", MANY, "strategyCancelAll", {"symbol": "SOL_USDC"})
    Strategy.objects.update(status="Terminated", reason="PositionLimit")
    (row,) = alice.get(HISTORY, "strategyHistoryQueryAll").json()
    assert row["cancelReason"] == "Unknown"


def test_who_may_not_trade_may_not_have_it_traded_but_may_cancel(
    alice: Trader, offered: Trader
) -> None:
    created = create(alice)
    customer = Customer.objects.get(user=alice.user)
    compliance.change_status(customer, None, status=Status.RESTRICTED, reason="under review")
    assert refused(alice) == (403, "FORBIDDEN")
    assert refused(alice, symbol="SOL_USDC_PERP") == (403, "FORBIDDEN")
    name = {"symbol": "SOL_USDC", "strategyId": created["id"]}
    assert alice.send("DELETE", ONE, "strategyCancel", name).status_code == 200
