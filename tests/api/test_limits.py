"""The largest loan, order and withdrawal through the API: it is accepted, one step more is not."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.api import errors
from accounts.pace import MinuteLimit
from engine.catalog import MarketState
from engine.commands import PlaceOrder, SetMarketState, Side
from engine.events import CommandRejected
from gateway.client import submit
from gateway.errors import EngineUnavailable
from sequencer.inline import InlineEngine
from sequencer.models import JournalEntry
from tests.api.house import Trader, accepted
from tests.api.test_rest_accounts import OUT
from tests.api.test_rest_accounts import WITHDRAWAL as TO_AN_ADDRESS

BORROW = "/api/v1/account/limits/borrow"
ORDER = "/api/v1/account/limits/order"
WITHDRAWAL = "/api/v1/account/limits/withdrawal"
ATOM = {"USDC": Decimal("1e-6"), "SOL": Decimal("1e-9"), "BTC": Decimal("1e-8")}


def max_borrow(trader: Trader, *pairs: tuple[str, str]) -> Any:
    return trader.get(BORROW, "maxBorrowQuantity", *pairs)


def max_order(trader: Trader, *pairs: tuple[str, str]) -> Any:
    return trader.get(ORDER, "maxOrderQuantity", *pairs)


def max_withdrawal(trader: Trader, *pairs: tuple[str, str]) -> Any:
    return trader.get(WITHDRAWAL, "maxWithdrawalQuantity", *pairs)


def lend(trader: Trader, quantity: str, symbol: str) -> None:
    assert move(trader, "Lend", quantity, symbol).status_code == 200


def move(trader: Trader, side: str, quantity: str, symbol: str) -> Any:
    body = {"quantity": quantity, "side": side, "symbol": symbol}
    return trader.send("POST", "/api/v1/borrowLend", "borrowLendExecute", body)


def withdraw(trader: Trader, quantity: str, symbol: str, **more: Any) -> Any:
    body = TO_AN_ADDRESS | {"quantity": quantity, "symbol": symbol, **more}
    return trader.send("POST", OUT, "withdraw", body)


@pytest.mark.parametrize(("symbol", "lent"), [("USDC", "50000"), ("BTC", "3")])
def test_the_largest_loan_is_lent_and_a_unit_more_is_not(
    alice: Trader, bob: Trader, symbol: str, lent: str
) -> None:
    alice.deposit("BTC", 3)
    lend(alice, lent, symbol)
    count = JournalEntry.objects.count()
    found = max_borrow(bob, ("symbol", symbol)).json()
    assert JournalEntry.objects.count() == count
    assert (list(found), found["symbol"]) == (["maxBorrowQuantity", "symbol"], symbol)
    most = Decimal(found["maxBorrowQuantity"])
    assert 0 < most < Decimal(lent)
    assert move(bob, "Borrow", f"{most + ATOM[symbol]:f}", symbol).status_code == 400
    assert move(bob, "Borrow", f"{most:f}", symbol).status_code == 200


def test_the_largest_withdrawal_leaves_and_a_unit_more_does_not(alice: Trader, bob: Trader) -> None:
    lend(alice, "40000", "USDC")
    assert move(bob, "Borrow", "20000", "USDC").status_code == 200
    plain = max_withdrawal(alice, ("symbol", "USDC")).json()
    # The pool gives back so much that a twentieth of what is lent is left over.
    assert plain == {
        "autoBorrow": None,
        "autoLendRedeem": None,
        "maxWithdrawalQuantity": plain["maxWithdrawalQuantity"],
        "symbol": "USDC",
    }
    most = Decimal(plain["maxWithdrawalQuantity"])
    assert 75_000 < most < 80_000
    kept = max_withdrawal(alice, ("autoLendRedeem", "false"), ("symbol", "USDC")).json()
    assert (kept["maxWithdrawalQuantity"], kept["autoLendRedeem"]) == ("60000", False)
    assert withdraw(alice, "60000.000001", "USDC", autoLendRedeem=False).status_code == 400
    # The loan grows meanwhile, by some units a second; tests/engine tells it to the unit.
    moment = Decimal("0.001")
    assert withdraw(alice, f"{most + moment:f}", "USDC").status_code == 400
    assert withdraw(alice, f"{most - moment:f}", "USDC").status_code == 200
    borrowing = max_withdrawal(bob, ("autoBorrow", "True"), ("symbol", "SOL")).json()
    assert (borrowing["maxWithdrawalQuantity"], borrowing["autoBorrow"]) == ("100", True)


@pytest.mark.parametrize("market", ["SOL_USDC", "SOL_USDC_PERP"])
@pytest.mark.parametrize("side", list(Side))
def test_the_largest_order_is_placed_and_a_step_more_is_not(
    bob: Trader, market: str, side: Side
) -> None:
    pairs = (("price", "100.50"), ("side", side.value), ("symbol", market))
    found = max_order(bob, *pairs).json()
    assert found == {
        "autoBorrow": None,
        "autoBorrowRepay": None,
        "autoLendRedeem": None,
        "maxOrderQuantity": found["maxOrderQuantity"],
        "price": "100.50",
        "reduceOnly": None,
        "side": side.value,
        "symbol": market,
    }
    lots = int(Decimal(found["maxOrderQuantity"]) * 100)
    assert Decimal(lots) / 100 == Decimal(found["maxOrderQuantity"])
    assert lots > (9_000 if market == "SOL_USDC" else 100_000)
    answers = [
        submit(
            PlaceOrder(
                account=bob.id, market=market, side=side, price_ticks=10_050, lots=lots + more
            )
        ).answer
        for more in (1, 0)
    ]
    assert [isinstance(answer, CommandRejected) for answer in answers] == [True, False]


def test_flags_and_a_missing_price_say_what_kind_of_order_is_meant(
    alice: Trader, bob: Trader
) -> None:
    market = ("symbol", "SOL_USDC_PERP")
    alice.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=500)
    bob.take("SOL_USDC_PERP", Side.BID, lots=300)
    closing = max_order(bob, ("price", "100"), ("reduceOnly", "true"), ("side", "Ask"), market)
    assert closing.json()["maxOrderQuantity"] == "3"
    assert closing.json()["reduceOnly"] is True
    opening = max_order(bob, ("price", "100"), ("reduceOnly", "true"), ("side", "Bid"), market)
    assert opening.json()["maxOrderQuantity"] == "0"
    at_market = max_order(bob, ("side", "Bid"), market).json()
    assert at_market["price"] is None
    assert Decimal(at_market["maxOrderQuantity"]) > 3
    lend(alice, "50", "SOL")
    spot = (("price", "100"), ("side", "Ask"), ("symbol", "SOL_USDC"))
    own = max_order(alice, ("autoLendRedeem", "false"), *spot).json()
    assert own["maxOrderQuantity"] == "50"
    assert max_order(alice, *spot).json()["maxOrderQuantity"] == "100"
    short = max_order(bob, ("autoBorrow", "true"), *spot).json()
    assert 100 < Decimal(short["maxOrderQuantity"]) < 150


def test_what_the_customer_may_not_do_at_all_has_the_maximum_zero(house: Any) -> None:
    newcomer, identified = Trader("carol", tier=0), Trader("dave", tier=1)
    for trader in (newcomer, identified):
        trader.deposit("USDC", 1_000)
    perp = (("price", "100"), ("side", "Bid"), ("symbol", "SOL_USDC_PERP"))
    spot = (("price", "100"), ("side", "Bid"), ("symbol", "SOL_USDC"))
    for trader, spot_most in ((newcomer, "0"), (identified, "10")):
        assert max_borrow(trader, ("symbol", "USDC")).json()["maxBorrowQuantity"] == "0"
        assert max_order(trader, *perp).json()["maxOrderQuantity"] == "0"
        assert max_order(trader, ("autoBorrow", "true"), *spot).json()["maxOrderQuantity"] == "0"
        assert max_order(trader, *spot).json()["maxOrderQuantity"] == spot_most
    refused = withdraw(newcomer, "1", "USDC").status_code == 403
    most = max_withdrawal(newcomer, ("symbol", "USDC")).json()["maxWithdrawalQuantity"]
    assert (most == "0") is refused


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ({"symbol": "NONE"}, "INVALID_CLIENT_REQUEST"),
        ({"symbol": "\u0000"}, "INVALID_CLIENT_REQUEST"),
        ({"side": "Buy"}, "INVALID_CLIENT_REQUEST"),
        ({"side": ""}, "INVALID_CLIENT_REQUEST"),
        ({"price": "x"}, "INVALID_PRICE"),
        ({"price": "-1"}, "INVALID_PRICE"),
        ({"price": "0"}, "INVALID_PRICE"),
        ({"price": "100.001"}, "INVALID_PRICE"),
        ({"price": "1" * 60}, "INVALID_PRICE"),
        ({"price": "1"}, "INVALID_PRICE"),
        ({"reduceOnly": "maybe"}, "INVALID_CLIENT_REQUEST"),
        ({"reduceOnly": "true"}, "INVALID_ORDER"),
        ({"symbol": "BTC_USDC", "price": ""}, "INVALID_PRICE"),
    ],
)
def test_a_question_about_an_order_that_cannot_be_says_why(
    bob: Trader, pairs: dict[str, str], code: str
) -> None:
    asked = {"price": "100", "side": "Bid", "symbol": "SOL_USDC"} | pairs
    answer = max_order(bob, *sorted(asked.items()))
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.json()
    assert answer.json()["message"]


@pytest.mark.parametrize("path", [BORROW, WITHDRAWAL])
def test_a_question_about_no_asset_says_so(bob: Trader, path: str) -> None:
    name = "maxBorrowQuantity" if path == BORROW else "maxWithdrawalQuantity"
    unknown = bob.get(path, name, ("symbol", "NONE"))
    assert (unknown.status_code, unknown.json()["code"]) == (400, "INVALID_ASSET")
    missing = bob.get(path, name)
    assert (missing.status_code, missing.json()["code"]) == (400, "INVALID_CLIENT_REQUEST")
    other = bob.get(path, "maxOrderQuantity", ("symbol", "USDC"))
    assert "signature" in other.json()["message"]


def test_shut_and_empty_markets_say_so(bob: Trader) -> None:
    pairs = (("side", "Bid"), ("symbol", "SOL_USDC"))
    empty = max_order(bob, *pairs)
    assert (empty.status_code, empty.json()["code"]) == (400, "INVALID_PRICE")
    assert empty.headers["X-Reject-Code"] == "NO_PRICE"
    accepted(SetMarketState(market="SOL_USDC", state=MarketState.CLOSED))
    shut = max_order(bob, ("price", "100"), *pairs)
    assert (shut.status_code, shut.json()["code"]) == (400, "TRADING_PAUSED")


def test_while_the_engine_is_away_the_answer_is_that_it_is(
    bob: Trader, live_engine: InlineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(question: object) -> None:
        raise EngineUnavailable("nobody listens")

    monkeypatch.setattr(live_engine, "ask", away)
    answer = max_borrow(bob, ("symbol", "USDC"))
    assert (answer.status_code, answer.json()["code"]) == (503, "MAINTENANCE")


class OneMinute(MinuteLimit):
    """A limit whose minute never ends."""

    def allows(self, key: object, now_ns: int) -> bool:
        return super().allows(key, 0)


def test_an_account_asks_only_so_often(
    alice: Trader, bob: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "_questions", OneMinute(2))
    asked = [max_borrow(alice, ("symbol", "USDC")).status_code for _ in range(3)]
    assert asked == [200, 200, 429]
    assert max_withdrawal(alice, ("symbol", "USDC")).json()["code"] == "TOO_MANY_REQUESTS"
    assert max_borrow(bob, ("symbol", "USDC")).status_code == 200, "each has a count of its own"
