"""Lending through the API: lend, redeem, borrow, repay, what is open and how it came about."""

from typing import Any

import pytest

from accounts.models import Balance
from lending.models import BorrowLendMovement
from tests.api.house import Trader

POSITIONS = "/api/v1/borrowLend/positions"


def move(trader: Trader, side: str, quantity: str, symbol: str = "BTC") -> Any:
    body = {"quantity": quantity, "side": side, "symbol": symbol}
    return trader.send("POST", "/api/v1/borrowLend", "borrowLendExecute", body)


def net(trader: Trader) -> dict[str, str]:
    rows = trader.get(POSITIONS, "borrowLendPositionQuery").json()
    return {row["symbol"]: row["netQuantity"] for row in rows}


@pytest.fixture
def lender(alice: Trader) -> Trader:
    alice.deposit("BTC", 2)
    assert move(alice, "Lend", "2").status_code == 200
    return alice


def test_lending_and_the_other_side_of_it_answer_with_an_empty_body(lender: Trader) -> None:
    assert net(lender) == {"BTC": "2"}
    redeemed = move(lender, "Borrow", "0.5")
    assert (redeemed.status_code, redeemed.content) == (200, b"")
    assert net(lender) == {"BTC": "1.5"}
    kinds = BorrowLendMovement.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["Lend", "LendRedeem"]


def test_a_loan_is_shown_with_its_margin_and_repaid_by_lending(lender: Trader, bob: Trader) -> None:
    assert move(bob, "Borrow", "0.5").status_code == 200
    (loan,) = bob.get(POSITIONS, "borrowLendPositionQuery").json()
    assert list(loan) == sorted(loan)
    assert loan["netQuantity"] in ("-0.5", "-0.50000001")
    assert loan["id"] == f"{bob.id}-BTC"
    assert loan["imf"] == "0.2"
    assert loan["imfFunction"] == {"base": "0.2", "factor": "0", "type": "sqrt"}
    assert loan["markPrice"] == "50000"
    assert loan["netExposureQuantity"] == loan["netQuantity"].removeprefix("-")
    assert float(loan["netExposureNotional"]) == pytest.approx(25_000)
    margin = bob.get("/api/v1/capital/collateral", "collateralQuery").json()
    assert float(margin["borrowLiability"]) == pytest.approx(25_000)
    assert move(bob, "Lend", "0.2").status_code == 200
    assert float(net(bob)["BTC"]) == pytest.approx(-0.3)


def test_repaying_all_forgives_the_interest_of_a_moment_but_not_a_crossing(
    lender: Trader, bob: Trader
) -> None:
    bob.deposit("BTC", 1)
    refused = move(bob, "Borrow", "0.1")
    assert refused.status_code == 200
    crossing = move(bob, "Lend", "0.5")
    assert crossing.json()["code"] == "LEND_REQUIRES_BORROW_REPAY"
    assert crossing.headers["X-Reject-Code"] == "LEND_REQUIRES_BORROW_REPAY"
    assert move(bob, "Lend", "0.10000002").status_code == 200
    assert net(bob) == {}


def test_borrowing_more_than_is_lent_first_requires_redeeming(lender: Trader) -> None:
    answer = move(lender, "Borrow", "3")
    assert answer.status_code == 400
    assert answer.json()["code"] == "BORROW_REQUIRES_LEND_REDEEM"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"quantity": "1", "side": "Lend", "symbol": "NONE"}, "INVALID_ASSET"),
        ({"quantity": "1", "side": "Bend", "symbol": "BTC"}, "INVALID_CLIENT_REQUEST"),
        ({"quantity": "0.000000001", "side": "Lend", "symbol": "BTC"}, "INVALID_QUANTITY"),
        ({"quantity": "5", "side": "Lend", "symbol": "BTC"}, "INSUFFICIENT_FUNDS"),
        ({"quantity": "5", "side": "Borrow", "symbol": "BTC"}, "INSUFFICIENT_SUPPLY"),
        ({"side": "Lend", "symbol": "BTC"}, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_a_movement_that_cannot_be_says_why(bob: Trader, body: dict[str, str], code: str) -> None:
    answer = bob.send("POST", "/api/v1/borrowLend", "borrowLendExecute", body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not BorrowLendMovement.objects.exists()
    assert not Balance.objects.filter(account_id=bob.id, lend_scaled__gt=0).exists()


def test_movements_can_be_narrowed_and_paged(lender: Trader) -> None:
    move(lender, "Borrow", "0.5")
    move(lender, "Lend", "1", "USDC")
    path, name = "/wapi/v1/history/borrowLend", "borrowHistoryQueryAll"

    def found(*pairs: tuple[str, str]) -> list[tuple[str, str]]:
        rows = lender.get(path, name, *pairs).json()
        return [(row["eventType"], row["symbol"]) for row in rows]

    assert found() == [("Lend", "USDC"), ("LendRedeem", "BTC"), ("Lend", "BTC")]
    assert found(("type", "LendRedeem")) == [("LendRedeem", "BTC")]
    assert found(("symbol", "USDC")) == [("Lend", "USDC")]
    assert len(found(("sources", "Manual,AutoLend"))) == 3
    assert found(("sources", "Liquidation")) == []
    assert found(("positionId", f"{lender.id}-USDC")) == [("Lend", "USDC")]
    answer = lender.get(path, name, ("limit", "1"), ("sortDirection", "Asc"))
    assert answer.headers["X-Page-Count"] == "3"
    (row,) = answer.json()
    assert row | {"timestamp": ""} == {
        "eventType": "Lend",
        "positionId": f"{lender.id}-BTC",
        "positionQuantity": None,
        "quantity": "2",
        "source": "Manual",
        "spotMarginOrderId": None,
        "symbol": "BTC",
        "timestamp": "",
    }
