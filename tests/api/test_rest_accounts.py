"""Signed rows of the contract: who asks, balances, settings, margin, positions, history, money."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services as account_services
from accounts.models import AccountSettings, ApiKey, Balance, Withdrawal, WithdrawalInstruction
from engine.commands import AutoRealize, CancelOrder, Side, TransferFunds
from engine.events import OrderPlaced
from engine.units import AccountId
from tests.api.house import Trader, accepted

OUT = "/wapi/v1/capital/withdrawals"
TARGET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
WITHDRAWAL = {
    "address": TARGET,
    "blockchain": "Ethereum",
    "quantity": "10.5",
    "symbol": "USDC",
}


def refusal(answer: Any) -> tuple[int, str, str]:
    body = answer.json()
    assert set(body) == {"code", "message"}
    return answer.status_code, body["code"], body["message"]


def trade_a_perp(alice: Trader, bob: Trader) -> None:
    """Alice buys 10 SOL at 100 as maker from bob; fees are 0.2 and 0.5 USDC."""
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_000, lots=1_000)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=1_000)


# -- who is asking ---------------------------------------------------------------------------------


def test_balances_are_what_the_engine_holds(alice: Trader) -> None:
    alice.limit("SOL_USDC", Side.BID, ticks=9_000, lots=100)
    answer = alice.get("/api/v1/capital", "balanceQuery")
    assert answer.json() == {
        "SOL": {"available": "100", "locked": "0", "staked": "0"},
        "USDC": {"available": "99910", "locked": "90", "staked": "0"},
    }
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "status", "code", "message"),
    [
        ({"X_Signature": "AAAA"}, 400, "INVALID_CLIENT_REQUEST", "Invalid signature"),
        ({"X_Timestamp": "1614550000000"}, 400, "INVALID_CLIENT_REQUEST", "Request has expired"),
        ({"X_Timestamp": "soon"}, 400, "INVALID_CLIENT_REQUEST", "Invalid timestamp"),
        ({"X_Window": "60001"}, 400, "INVALID_CLIENT_REQUEST", "Invalid window"),
        ({"X_Signature": ""}, 401, "UNAUTHORIZED", "Sign the request"),
    ],
)
def test_a_request_that_is_not_signed_well_is_refused(
    alice: Trader, headers: dict[str, str], status: int, code: str, message: str
) -> None:
    signed = alice.headers("balanceQuery", [], **headers)
    answer = refusal(Client().get("/api/v1/capital", headers=signed))
    assert answer[:2] == (status, code)
    assert answer[2].startswith(message)


def test_a_signature_for_another_instruction_or_other_parameters_is_refused(alice: Trader) -> None:
    assert refusal(alice.get("/api/v1/capital", "accountQuery"))[2] == "Invalid signature"
    signed = alice.headers("fillHistoryQueryAll", [("limit", "5")])
    changed = Client().get("/wapi/v1/history/fills?limit=6", headers=signed)
    assert refusal(changed)[2] == "Invalid signature"


def test_a_revoked_key_and_the_key_of_a_blocked_user_are_refused(alice: Trader) -> None:
    account_services.revoke_api_key(alice.key)
    assert refusal(alice.get("/api/v1/capital", "balanceQuery"))[:2] == (401, "UNAUTHORIZED")
    ApiKey.objects.update(revoked_at=None)
    account_services.set_active(alice.user, active=False)
    assert refusal(alice.get("/api/v1/capital", "balanceQuery"))[:2] == (401, "UNAUTHORIZED")


def test_a_customer_whom_nobody_has_approved_may_look_but_not_withdraw(house: object) -> None:
    carol = Trader("carol", tier=0)
    assert carol.get("/api/v1/capital", "balanceQuery").json() == {}
    status, code, message = refusal(carol.send("POST", OUT, "withdraw", WITHDRAWAL))
    assert (status, code) == (403, "FORBIDDEN")
    assert len(message) > 20
    lend = {"quantity": "1", "side": "Lend", "symbol": "USDC"}
    answer = carol.send("POST", "/api/v1/borrowLend", "borrowLendExecute", lend)
    assert refusal(answer)[:2] == (403, "FORBIDDEN")
    auto = carol.send("PATCH", "/api/v1/account", "accountUpdate", {"autoLend": True})
    assert refusal(auto)[:2] == (403, "FORBIDDEN")


def test_the_key_remembers_roughly_when_it_was_used(alice: Trader) -> None:
    before = timezone.now()
    alice.get("/api/v1/capital", "balanceQuery")
    used = ApiKey.objects.get(pk=alice.key.pk).last_used_at
    assert used is not None
    assert used >= before
    alice.get("/api/v1/capital", "balanceQuery")
    assert ApiKey.objects.get(pk=alice.key.pk).last_used_at == used


def test_another_method_is_refused_in_the_same_shape(alice: Trader) -> None:
    assert refusal(alice.send("DELETE", "/api/v1/capital", "balanceQuery", {}))[0] == 405


# -- settings and margin ---------------------------------------------------------------------------


def test_an_account_shows_its_settings_fees_and_limits(alice: Trader) -> None:
    alice.limit("SOL_USDC", Side.BID, ticks=9_000, lots=100)
    assert alice.get("/api/v1/account", "accountQuery").json() == {
        "autoBorrowSettlements": True,
        "autoLend": False,
        "autoRealizePnl": True,
        "autoRepayBorrows": True,
        # 100,000 USDC and 100 SOL at a weight which is 0.9: 109,000 of equity, a tenth of a loan.
        "borrowLimit": "1090000",
        "futuresMakerFee": "2",
        "futuresTakerFee": "5",
        "leverageLimit": "20",
        "limitOrders": 1,
        "liquidating": False,
        "positionLimit": "2180000",
        "spotMakerFee": "8",
        "spotTakerFee": "10",
        "triggerOrders": 0,
    }


def test_settings_change_one_by_one_with_an_empty_answer(alice: Trader) -> None:
    answer = alice.send(
        "PATCH", "/api/v1/account", "accountUpdate", {"autoLend": True, "leverageLimit": "10"}
    )
    assert (answer.status_code, answer.content) == (200, b"")
    now = AccountSettings.objects.get(account_id=alice.id)
    assert (now.auto_lend, now.leverage_limit, now.auto_repay_borrows) == (True, 10, True)
    nothing = alice.send("PATCH", "/api/v1/account", "accountUpdate", {})
    assert nothing.status_code == 200


@pytest.mark.parametrize("value", ["0", "1.5", "-3", "NaN", "100000000000000000000000"])
def test_a_leverage_limit_must_be_a_sensible_whole_number(alice: Trader, value: str) -> None:
    answer = alice.send("PATCH", "/api/v1/account", "accountUpdate", {"leverageLimit": value})
    assert refusal(answer)[:2] == (400, "INVALID_CLIENT_REQUEST")
    assert AccountSettings.objects.get(account_id=alice.id).leverage_limit == 20


def test_margin_adds_up_from_collateral_positions_and_orders(alice: Trader, bob: Trader) -> None:
    trade_a_perp(alice, bob)
    margin = alice.get("/api/v1/capital/collateral", "collateralQuery").json()
    sol = next(row for row in margin["collateral"] if row["symbol"] == "SOL")
    assert sol == {
        "assetMarkPrice": "100",
        "availableQuantity": "100",
        "balanceNotional": "10000",
        "collateralValue": "9000",
        "collateralWeight": "0.9",
        "lendQuantity": "0",
        "openOrderQuantity": "0",
        "symbol": "SOL",
        "totalQuantity": "100",
    }
    # 99,999.80 USDC after the maker's fee, and 9,000 of SOL.
    assert margin["assetsValue"] == "108999.8"
    assert margin["netEquity"] == "108999.8"
    assert margin["borrowLiability"] == margin["liabilitiesValue"] == "0"
    assert margin["pnlUnrealized"] == "0"
    assert margin["netExposureFutures"] == "1000"
    # A leverage limit of 20 asks for 5 % of 1,000.
    assert margin["netEquityLocked"] == "50"
    assert (margin["imf"], margin["mmf"]) == ("0.05", "0.0135")
    assert margin["marginFraction"] == "108.9998"


def test_an_account_without_exposure_has_no_margin_fraction(alice: Trader) -> None:
    margin = alice.get("/api/v1/capital/collateral", "collateralQuery").json()
    assert margin["marginFraction"] is None
    assert (margin["imf"], margin["netEquityLocked"]) == ("0.05", "0")
    own = alice.get("/api/v1/capital/collateral", "collateralQuery", ("subaccountId", "0"))
    assert own.status_code == 200
    other = alice.get("/api/v1/capital/collateral", "collateralQuery", ("subaccountId", "3"))
    assert refusal(other)[:2] == (403, "FORBIDDEN")


# -- positions -------------------------------------------------------------------------------------


def test_a_position_shows_entry_break_even_and_profit(alice: Trader, bob: Trader) -> None:
    trade_a_perp(alice, bob)
    (long,) = alice.get("/api/v1/position", "positionQuery").json()
    assert long | {"positionId": "", "userId": 0} == {
        "breakEvenPrice": "100.02",
        "cumulativeFundingPayment": "0",
        "cumulativeInterest": "0",
        "entryPrice": "100",
        "estLiquidationPrice": "0",
        "imf": "0.05",
        "imfFunction": {"base": "0.02", "factor": "0.00006", "type": "sqrt"},
        "markPrice": "100",
        "mmf": "0.0135",
        "mmfFunction": {"base": "0.0135", "factor": "0.000036", "type": "sqrt"},
        "netCost": "1000",
        "netExposureNotional": "1000",
        "netExposureQuantity": "10",
        "netQuantity": "10",
        "pnlRealized": "0",
        "pnlUnrealized": "0",
        "positionId": "",
        "subaccountId": None,
        "symbol": "SOL_USDC_PERP",
        "userId": 0,
    }
    assert long["userId"] == alice.user.pk
    (short,) = bob.get("/api/v1/position", "positionQuery").json()
    assert (short["netQuantity"], short["netCost"], short["entryPrice"]) == ("-10", "-1000", "100")
    assert short["breakEvenPrice"] == "99.95"


def test_a_short_is_liquidated_where_its_equity_meets_maintenance(
    alice: Trader, bob: Trader
) -> None:
    trade_a_perp(alice, bob)
    ask = ("symbol", "SOL_USDC_PERP")
    (short,) = bob.get("/api/v1/position", "positionQuery", ask).json()
    # Bob has 100 SOL himself, worth 0.9 each: he gains more from a rise than his short loses.
    assert short["estLiquidationPrice"] == "0"
    accepted(
        TransferFunds(
            source=bob.id,
            destination=_sub_account(bob),
            asset="SOL",
            amount_atoms=100 * 10**9,
        )
    )
    (short,) = bob.get("/api/v1/position", "positionQuery", ask).json()
    price = float(short["estLiquidationPrice"])
    # 99,999.50 + 1,000 − 10 p = mmf × 10 p, with mmf = 0.000036 × √(10 p) at that size.
    assert price == pytest.approx((99_999.5 + 1_000) / 10 / 1.0135, rel=0.01)


def test_being_flat_is_an_empty_list_or_not_found_for_one_market(alice: Trader) -> None:
    assert alice.get("/api/v1/position", "positionQuery").json() == []
    one = alice.get("/api/v1/position", "positionQuery", ("symbol", "SOL_USDC_PERP"))
    assert refusal(one)[:2] == (404, "RESOURCE_NOT_FOUND")
    unknown = alice.get("/api/v1/position", "positionQuery", ("symbol", "NO_SUCH"))
    assert refusal(unknown) == (400, "INVALID_CLIENT_REQUEST", "Invalid market symbol")


# -- history ---------------------------------------------------------------------------------------


def test_fills_agree_to_the_last_digit(alice: Trader, bob: Trader) -> None:
    bob.limit("SOL_USDC", Side.ASK, ticks=10_001, lots=7)
    alice.limit("SOL_USDC", Side.BID, ticks=10_001, lots=7, client_id=42)
    (fill,) = alice.get("/wapi/v1/history/fills", "fillHistoryQueryAll").json()
    assert fill | {"orderId": "", "timestamp": ""} == {
        "clientId": "42",
        "fee": "0.00007",
        "feeSymbol": "SOL",
        "isMaker": False,
        "orderId": "",
        "price": "100.01",
        "quantity": "0.07",
        "side": "Bid",
        "symbol": "SOL_USDC",
        "systemOrderType": None,
        "timestamp": "",
        "tradeId": 1,
    }
    assert len(fill["timestamp"]) == len("2025-07-27T17:39:00.092")
    (maker,) = bob.get("/wapi/v1/history/fills", "fillHistoryQueryAll").json()
    assert (maker["isMaker"], maker["fee"], maker["feeSymbol"]) == (True, "0.005601", "USDC")


def test_fills_can_be_narrowed_by_everything_the_contract_names(alice: Trader, bob: Trader) -> None:
    bob.limit("SOL_USDC", Side.ASK, ticks=10_000, lots=10)
    placed = alice.limit("SOL_USDC", Side.BID, ticks=10_000, lots=10)
    assert isinstance(placed, OrderPlaced)
    trade_a_perp(alice, bob)

    def found(*pairs: tuple[str, str]) -> list[str]:
        rows = alice.get("/wapi/v1/history/fills", "fillHistoryQueryAll", *pairs)
        assert rows.status_code == 200, rows.content
        return [row["symbol"] for row in rows.json()]

    assert found() == ["SOL_USDC_PERP", "SOL_USDC"]
    assert found(("sortDirection", "Asc")) == ["SOL_USDC", "SOL_USDC_PERP"]
    assert found(("sort_direction", "Asc")) == ["SOL_USDC", "SOL_USDC_PERP"]
    assert found(("symbol", "SOL_USDC")) == ["SOL_USDC"]
    assert found(("orderId", str(placed.terms.order_id))) == ["SOL_USDC"]
    assert found(("marketType", "PERP")) == ["SOL_USDC_PERP"]
    assert len(found(("marketType", "SPOT"), ("marketType", "PERP"))) == 2
    assert len(found(("fillType", "User"))) == 2
    assert found(("fillType", "Adl")) == []
    assert found(("strategyId", "1")) == []
    assert found(("to", "1600000000000")) == []
    assert len(found(("from", "1600000000000"))) == 2


def test_a_page_of_history_says_where_it_stands(alice: Trader) -> None:
    for ticks in range(9_000, 9_007):
        alice.limit("SOL_USDC", Side.BID, ticks=ticks, lots=1)
    page = (("limit", "3"), ("offset", "3"))
    answer = alice.get("/wapi/v1/history/orders", "orderHistoryQueryAll", *page)
    assert [row["price"] for row in answer.json()] == ["90.03", "90.02", "90.01"]
    assert {name: answer.headers[name] for name in answer.headers if name.startswith("X-P")} == {
        "X-Page-Count": "3",
        "X-Page-Size": "3",
    }
    assert (answer.headers["X-Current-Page"], answer.headers["X-Total"]) == ("2", "7")
    assert "X-Total" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "pair",
    [
        ("limit", "1001"),
        ("limit", "0"),
        ("limit", "-1"),
        ("offset", "-1"),
        ("offset", "99999999999999999999"),
        ("sortDirection", "Up"),
        ("orderId", "x"),
        ("orderId", "99999999999999999999999999"),
        ("marketType", "SPOT,PERP"),
        ("symbol", "\x00"),
    ],
)
def test_a_query_out_of_range_is_a_bad_request(alice: Trader, pair: tuple[str, str]) -> None:
    answer = alice.get("/wapi/v1/history/orders", "orderHistoryQueryAll", pair)
    assert refusal(answer)[:2] == (400, "INVALID_CLIENT_REQUEST")
    assert f"`{pair[0]}" in refusal(answer)[2]


def test_order_history_keeps_what_was_asked_and_what_became_of_it(alice: Trader) -> None:
    placed = alice.limit("SOL_USDC", Side.BID, ticks=9_000, lots=100, post_only=True, client_id=7)
    assert isinstance(placed, OrderPlaced)
    cancel = CancelOrder(
        account=alice.id, market="SOL_USDC", order_id=placed.terms.order_id, client_id=None
    )
    accepted(cancel)
    (row,) = alice.get("/wapi/v1/history/orders", "orderHistoryQueryAll").json()
    assert list(row) == sorted(row)
    assert len(row) == 29
    facts = {name: value for name, value in row.items() if value is not None}
    created = facts.pop("createdAt")
    assert created == placed_at(created)
    assert facts == {
        "clientId": 7,
        "executedQuantity": "0",
        "executedQuoteQuantity": "0",
        "id": str(placed.terms.order_id),
        "orderType": "Limit",
        "postOnly": True,
        "price": "90",
        "quantity": "1",
        "quoteQuantity": "90",
        "selfTradePrevention": "RejectTaker",
        "side": "Bid",
        "status": "Cancelled",
        "symbol": "SOL_USDC",
        "timeInForce": "GTC",
    }


def placed_at(text: str) -> str:
    """Return the text if it is ISO with milliseconds and no zone."""
    date, clock = text.split("T")
    assert (len(date), len(clock)) == (10, 12)
    return text


def test_settlements_name_account_and_sequence(alice: Trader, bob: Trader) -> None:
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_100, lots=1_000)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_100, lots=1_000)
    accepted(AutoRealize(market="SOL_USDC_PERP"))
    (lost,) = alice.get("/wapi/v1/history/settlement", "settlementHistoryQueryAll").json()
    (won,) = bob.get("/wapi/v1/history/settlement", "settlementHistoryQueryAll").json()
    assert (lost["quantity"], won["quantity"]) == ("-10", "10")
    assert lost["source"] == "RealizePnl"
    assert (lost["userId"], lost["subaccountId"]) == (alice.user.pk, None)
    assert lost["engineSequence"] == won["engineSequence"] > 0
    other = ("source", "FundingPayment")
    assert bob.get("/wapi/v1/history/settlement", "settlementHistoryQueryAll", other).json() == []


# -- money in and out ------------------------------------------------------------------------------


def test_deposits_are_listed_newest_first(alice: Trader) -> None:
    rows = alice.get("/wapi/v1/capital/deposits", "depositQueryAll").json()
    assert [(row["symbol"], row["quantity"]) for row in rows] == [
        ("SOL", "100"),
        ("USDC", "100000"),
    ]
    assert (rows[0]["source"], rows[0]["status"]) == ("administrator", "confirmed")
    assert len(rows[0]) == 13
    later = ("from", "4102444800000")
    assert alice.get("/wapi/v1/capital/deposits", "depositQueryAll", later).json() == []


def test_a_withdrawal_goes_in_flight_with_its_address(alice: Trader) -> None:
    row = alice.send("POST", OUT, "withdraw", WITHDRAWAL | {"clientId": 77}).json()
    assert row | {"createdAt": "", "id": 0} == {
        "accountIdentifier": None,
        "bankIdentifier": None,
        "bankName": None,
        "blockchain": "Ethereum",
        "clientId": "77",
        "createdAt": "",
        "fee": "0",
        "fiatFee": None,
        "fiatState": None,
        "fiatSymbol": None,
        "id": 0,
        "identifier": None,
        "isInternal": False,
        "providerId": None,
        "quantity": "10.5",
        "status": "pending",
        "subaccountId": None,
        "symbol": "USDC",
        "toAddress": TARGET,
        "transactionHash": None,
        "triggerAt": None,
    }
    assert alice.get(OUT, "withdrawalQueryAll").json() == [row]
    assert alice.get(OUT, "withdrawalQueryAll", ("clientId", "77")).json() == [row]
    assert alice.get(OUT, "withdrawalQueryAll", ("id", str(row["id"]))).json() == [row]
    assert alice.get(OUT, "withdrawalQueryAll", ("clientId", "78")).json() == []
    assert Balance.objects.get(account_id=alice.id, asset="USDC").available == 99_989_500_000


def test_the_same_withdrawal_sent_twice_happens_once(alice: Trader) -> None:
    named = WITHDRAWAL | {"clientId": "once"}
    first = alice.send("POST", OUT, "withdraw", named).json()
    assert alice.send("POST", OUT, "withdraw", named).json() == first
    other = alice.send("POST", OUT, "withdraw", named | {"quantity": "11"})
    assert refusal(other)[:2] == (400, "INVALID_CLIENT_REQUEST")
    body = dict(WITHDRAWAL)
    headers = alice.headers("withdraw", list(body.items()))
    replies = [
        Client().post(OUT, body, content_type="application/json", headers=headers).json()
        for _ in range(2)
    ]
    assert replies[0] == replies[1]
    assert Withdrawal.objects.count() == 2
    # The same 64 bytes with other base64 padding bits would be another digest.
    sealed = headers["X-Signature"]
    last = sealed[85]
    assert last in "AQgw"
    headers["X-Signature"] = f"{sealed[:85]}{chr(ord(last) + 1)}=="
    reply = Client().post(OUT, body, content_type="application/json", headers=headers)
    assert refusal(reply) == (400, "INVALID_CLIENT_REQUEST", "Invalid signature")


def test_a_refused_withdrawal_is_refused_again_when_there_is_money(alice: Trader) -> None:
    body = WITHDRAWAL | {"quantity": "150000", "clientId": "late"}
    headers = alice.headers("withdraw", list(body.items()))
    answers = []
    for _ in range(2):
        reply = Client().post(OUT, body, content_type="application/json", headers=headers)
        answers.append(refusal(reply))
        alice.deposit("USDC", 100_000)
    assert answers[0] == answers[1]
    assert answers[0][1] == "INSUFFICIENT_FUNDS"
    assert not Withdrawal.objects.exists()
    assert alice.send("POST", OUT, "withdraw", body).status_code == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity": "1000000"}, "INSUFFICIENT_FUNDS"),
        ({"quantity": "0"}, "INVALID_QUANTITY"),
        ({"quantity": "-1"}, "INVALID_QUANTITY"),
        ({"quantity": "NaN"}, "INVALID_QUANTITY"),
        ({"quantity": "0.0000001"}, "INVALID_QUANTITY"),
        ({"quantity": "1" * 40}, "INVALID_QUANTITY"),
        ({"symbol": "NONE"}, "INVALID_ASSET"),
        ({"blockchain": "Moon"}, "INVALID_CLIENT_REQUEST"),
        ({"address": ""}, "INVALID_CLIENT_REQUEST"),
        ({"address": "0xTARGET"}, "INVALID_CLIENT_REQUEST"),
        # One letter of the checksum is wrong.
        ({"address": TARGET.replace("Aed", "AeD")}, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_a_withdrawal_that_cannot_be_changes_nothing(
    alice: Trader, change: dict[str, str], code: str
) -> None:
    answer = alice.send("POST", OUT, "withdraw", WITHDRAWAL | change)
    assert refusal(answer)[:2] == (400, code)
    assert not Withdrawal.objects.exists()
    assert not WithdrawalInstruction.objects.exclude(client_id=None).exists()
    assert Balance.objects.get(account_id=alice.id, asset="USDC").available == 100_000_000_000


def test_a_body_that_is_not_an_object_is_refused(alice: Trader) -> None:
    for body in (b"{", b"[1]", b'{"quantity": NaN}', b"\xff"):
        answer = Client().generic(
            "POST", OUT, body, "application/json", headers=alice.headers("withdraw", [])
        )
        assert refusal(answer)[:2] == (400, "INVALID_CLIENT_REQUEST")


def _sub_account(trader: Trader) -> AccountId:
    return AccountId(account_services.create_sub_account(trader.user, "Savings").pk)
