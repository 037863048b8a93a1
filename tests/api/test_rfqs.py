"""Requests for quote over REST: the round from question to trade, refusals, histories, statements.

A quote of 99.90 / 100.10 for 1 SOL; fees are 0.1 % for who asks and 0.08 % for who quotes.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Balance
from accounts.services import create_sub_account
from engine.commands import AdvanceTime, TransferFunds
from engine.units import SECOND_NS, AccountId
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from trading import flows
from trading.models import Fill, Trade
from trading.rfq_models import RfqFill, RfqQuote, RfqRequest

RFQ, ACCEPT, REFRESH, CANCEL, QUOTE = (
    f"/api/v1/rfq{end}" for end in ("", "/accept", "/refresh", "/cancel", "/quote")
)
HISTORY = "/wapi/v1/history"
SPOT, PERP = "SOL_USDC_RFQ", "SOL_USDC_PERP"


def ask_for(trader: Trader, symbol: str = SPOT, **terms: Any) -> dict[str, Any]:
    """Ask for a quote of 1 SOL unless said."""
    body = {"symbol": symbol, "side": "Bid", "quantity": "1"} | terms
    body = {name: value for name, value in body.items() if value is not ...}
    answer = trader.send("POST", RFQ, "rfqSubmit", body)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def quote(trader: Trader, rfq_id: str, **terms: Any) -> dict[str, Any]:
    """Quote 99.90 / 100.10 unless said."""
    body = {"rfqId": rfq_id, "bidPrice": "99.9", "askPrice": "100.10"} | terms
    answer = trader.send("POST", QUOTE, "quoteSubmit", body)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def accept(trader: Trader, quoted: dict[str, Any]) -> Any:
    body = {"rfqId": quoted["rfqId"], "quoteId": quoted["quoteId"]}
    return trader.send("POST", ACCEPT, "quoteAccept", body)


def history(trader: Trader, path: str, *pairs: tuple[str, str]) -> Any:
    instruction = {
        "rfq": "rfqHistoryQueryAll",
        "quote": "quoteHistoryQueryAll",
        "rfq/fill": "rfqFillHistoryQueryAll",
        "quote/fill": "quoteFillHistoryQueryAll",
    }[path]
    return trader.get(f"{HISTORY}/{path}", instruction, *pairs)


def refused(answer: Any) -> tuple[int, str, str | None]:
    assert answer.json()["message"].strip()
    return answer.status_code, answer.json()["code"], answer.headers.get("X-Reject-Code")


def test_a_quote_is_asked_for_given_and_accepted(alice: Trader, bob: Trader) -> None:
    asked = ask_for(alice, clientId=7, price="100.5")
    shown = {name: asked[name] for name in asked if name not in ("rfqId", "createdAt")}
    lives = shown.pop("expiryTime") - asked["createdAt"]
    assert (lives, shown.pop("submissionTime") - asked["createdAt"]) == (60_000, 45_000)
    assert shown == {
        "clientId": 7,
        "executionMode": "AwaitAccept",
        "price": "100.5",
        "quantity": "1",
        "quoteQuantity": None,
        "side": "Bid",
        "status": "New",
        "symbol": SPOT,
        "systemOrderType": None,
    }
    quoted = quote(bob, asked["rfqId"], clientId=9)
    assert quoted.pop("createdAt") >= asked["createdAt"]
    number = quoted["quoteId"]
    assert quoted == {
        "askPrice": "100.1",
        "bidPrice": "99.9",
        "clientId": 9,
        "quoteId": number,
        "rfqId": asked["rfqId"],
        "status": "New",
    }
    (row,) = alice.get("/api/v1/rfqs", "rfqQuery").json()
    assert row["rfq"] == asked
    # What the maker calls its quote is not told.
    assert [(one["quoteId"], one["clientId"]) for one in row["quotes"]] == [(number, None)]
    assert bob.get("/api/v1/rfqs", "rfqQuery").json() == []
    filled = accept(alice, quoted).json()
    assert filled == asked | {"status": "Filled"}
    assert alice.get("/api/v1/rfqs", "rfqQuery").json() == []
    held = {
        (balance.account_id, balance.asset): int(balance.available)
        for balance in Balance.objects.all()
    }
    assert held[alice.id, "USDC"] == 100_000 * 10**6 - 100_100_000
    assert held[alice.id, "SOL"] == 100 * 10**9 + 999_000_000
    assert held[bob.id, "USDC"] == 100_000 * 10**6 + 100_019_920
    assert held[bob.id, "SOL"] == 99 * 10**9
    assert not Fill.objects.exists()
    assert not Trade.objects.exists()


def test_histories_show_what_became_of_all_of_it(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    bought = ask_for(alice, clientId=7)
    taken = quote(bob, bought["rfqId"], clientId=9)
    accept(alice, taken)
    sold = ask_for(alice, PERP, side="Ask", quantity=..., quoteQuantity="50")
    accept(alice, quote(bob, sold["rfqId"]))
    cancelled = ask_for(alice)
    lost = quote(bob, cancelled["rfqId"])
    alice.send("POST", CANCEL, "rfqCancel", {"rfqId": cancelled["rfqId"]})
    expired = ask_for(alice)
    live_engine.ahead_ns += 60 * SECOND_NS
    accepted(AdvanceTime())

    answer = history(alice, "rfq")
    statuses = {row["rfqId"]: row["status"] for row in answer.json()}
    assert list(statuses.items()) == [
        (expired["rfqId"], "Expired"),
        (cancelled["rfqId"], "Cancelled"),
        (sold["rfqId"], "Filled"),
        (bought["rfqId"], "Filled"),
    ]
    assert answer.headers["X-Total"] == "4"
    last = answer.json()[-1]
    assert "T" in last["createdAt"] and not last["createdAt"].endswith("Z")
    assert last["deferredSettlementQuoteId"] is None
    assert history(bob, "rfq").json() == []

    (fill,) = history(alice, "rfq/fill", ("side", "Bid")).json()
    times = (fill.pop("createdAt"), fill.pop("filledAt"))
    assert times[0] <= times[1]
    assert fill == {
        "clientId": 7,
        "fillPrice": "100.1",
        "quantity": "1",
        "quoteId": taken["quoteId"],
        "quoteQuantity": "100.1",
        "rfqId": bought["rfqId"],
        "side": "Bid",
        "symbol": SPOT,
        "systemOrderType": None,
    }
    # 50 USDC are 50.05 lots of 0.999 USDC; the maker buys them, and pays 0.02 %.
    (made,) = history(bob, "quote/fill", ("side", "Bid")).json()
    assert (made["quantity"], made["fillPrice"], made["symbol"]) == ("0.5", "99.9", PERP)
    assert (made["fee"], made["feeSymbol"], made["clientId"]) == ("0.00999", "USDC", None)
    (spot,) = history(bob, "quote/fill", ("symbol", "SOL_USDC")).json()
    assert (spot["fee"], spot["feeSymbol"], spot["clientId"]) == ("0.08008", "USDC", 9)
    assert history(bob, "rfq/fill").json() == history(alice, "quote/fill").json() == []

    quotes = {row["quoteId"]: row for row in history(bob, "quote").json()}
    assert quotes[taken["quoteId"]]["status"] == "Filled"
    assert quotes[lost["quoteId"]]["status"] == "Cancelled"
    assert all(row["deferredSettlement"] is False for row in quotes.values())
    assert RfqQuote.objects.get(pk=lost["quoteId"]).reason == "RfqCancelled"


@pytest.mark.parametrize(
    ("path", "pairs", "count"),
    [
        ("rfq", [("symbol", SPOT)], 2),
        ("rfq", [("symbol", "SOL_USDC")], 2),
        ("rfq", [("symbol", PERP)], 1),
        ("rfq", [("status", "New")], 1),
        ("rfq", [("status", "TriggerPending")], 0),
        ("rfq", [("side", "Ask")], 1),
        ("rfq", [("limit", "1"), ("offset", "1"), ("sortDirection", "Asc")], 1),
        ("rfq", [("deferredSettlement", "True")], 0),
        ("rfq", [("deferredSettlement", "False")], 3),
        ("rfq", [("rfqId", "5")], 0),
        ("rfq/fill", [("fillType", "User")], 2),
        ("rfq/fill", [("fillType", "CollateralConversion")], 0),
        ("rfq/fill", [("quoteId", "5")], 0),
        ("rfq/fill", [("symbol", PERP), ("side", "Bid")], 0),
    ],
)
def test_histories_are_narrowed(
    alice: Trader, bob: Trader, path: str, pairs: list[tuple[str, str]], count: int
) -> None:
    accept(alice, quote(bob, ask_for(alice)["rfqId"]))
    accept(alice, quote(bob, ask_for(alice, PERP, side="Ask")["rfqId"]))
    ask_for(alice)
    assert len(history(alice, path, *pairs).json()) == count


@pytest.mark.parametrize(
    ("path", "pair"),
    [
        ("rfq", ("status", "Open")),
        ("rfq", ("side", "Buy")),
        ("rfq", ("limit", "1001")),
        ("rfq/fill", ("fillType", "All")),
        ("quote", ("quoteId", "x")),
    ],
)
def test_a_history_says_what_it_does_not_understand(
    alice: Trader, path: str, pair: tuple[str, str]
) -> None:
    answer = history(alice, path, pair)
    assert refused(answer) == (400, "INVALID_CLIENT_REQUEST", None)
    assert pair[0] in answer.json()["message"]


def test_an_immediate_request_is_filled_by_the_first_good_quote(alice: Trader, bob: Trader) -> None:
    asked = ask_for(alice, executionMode="Immediate", price="100.1")
    assert quote(bob, asked["rfqId"], askPrice="100.2")["status"] == "New"
    assert quote(bob, asked["rfqId"])["status"] == "Filled"
    assert RfqRequest.objects.get().status == "Filled"
    reasons = dict(RfqQuote.objects.values_list("status", "reason"))
    assert reasons == {"Cancelled": "Replaced", "Filled": None}


def test_a_refreshed_request_lives_longer(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    asked = ask_for(alice, clientId=3)
    live_engine.ahead_ns += 50 * SECOND_NS
    body = {"rfqId": asked["rfqId"]}
    fresh = alice.send("POST", REFRESH, "rfqRefresh", body).json()
    assert 50_000 <= fresh["expiryTime"] - asked["expiryTime"] < 60_000
    ended = alice.send("POST", CANCEL, "rfqCancel", {"clientId": 3}).json()
    assert ended == fresh | {"status": "Cancelled"}
    again = alice.send("POST", REFRESH, "rfqRefresh", body)
    assert refused(again) == (400, "INVALID_CLIENT_REQUEST", "UNKNOWN_RFQ")


@pytest.mark.parametrize("path", [RFQ, ACCEPT, REFRESH, CANCEL])
def test_four_paths_take_the_empty_instruction_of_a_client_and_no_other(
    alice: Trader, bob: Trader, path: str
) -> None:
    asked = ask_for(alice)
    quoted = quote(bob, asked["rfqId"])
    body: dict[str, Any] = {"rfqId": asked["rfqId"]}
    if path == RFQ:
        body = {"symbol": SPOT, "side": "Ask", "quantity": "1"}
    if path == ACCEPT:
        body["quoteId"] = quoted["quoteId"]
    wrong = alice.send("POST", path, "orderExecute", body)
    assert refused(wrong) == (400, "INVALID_CLIENT_REQUEST", None)
    assert alice.send("POST", path, "", body).status_code == 200


def test_a_quote_is_signed_under_its_own_instruction_only(alice: Trader, bob: Trader) -> None:
    body = {"rfqId": ask_for(alice)["rfqId"], "bidPrice": "99.9", "askPrice": "100.1"}
    answer = bob.send("POST", QUOTE, "", body)
    assert refused(answer) == (400, "INVALID_CLIENT_REQUEST", None)


@pytest.mark.parametrize(
    ("terms", "code", "reject"),
    [
        ({"symbol": "XRP_USDC_RFQ"}, "INVALID_CLIENT_REQUEST", None),
        ({"symbol": "SOL_USDC_PERP_RFQ"}, "INVALID_CLIENT_REQUEST", None),
        ({"side": "Buy"}, "INVALID_CLIENT_REQUEST", None),
        ({"quoteQuantity": "5"}, "INVALID_CLIENT_REQUEST", "INVALID_RFQ"),
        ({"quantity": ...}, "INVALID_CLIENT_REQUEST", "INVALID_RFQ"),
        ({"executionMode": "Immediate"}, "INVALID_CLIENT_REQUEST", "INVALID_RFQ"),
        ({"executionMode": "Later"}, "INVALID_CLIENT_REQUEST", None),
        ({"quantity": "0.001"}, "INVALID_QUANTITY", "INVALID_QUANTITY"),
        ({"quantity": "NaN"}, "INVALID_QUANTITY", "INVALID_QUANTITY"),
        ({"price": "1"}, "INVALID_PRICE", "PRICE_OUT_OF_BAND"),
        ({"price": "100.001"}, "INVALID_PRICE", "INVALID_PRICE"),
        ({"clientId": 2**32}, "INVALID_CLIENT_REQUEST", None),
        ({"autoBorrow": "perhaps"}, "INVALID_CLIENT_REQUEST", None),
    ],
)
def test_a_bad_request_says_what_to_do_and_leaves_nothing(
    alice: Trader, terms: dict[str, Any], code: str, reject: str | None
) -> None:
    body = {"symbol": SPOT, "side": "Bid", "quantity": "1"} | terms
    body = {name: value for name, value in body.items() if value is not ...}
    answer = alice.send("POST", RFQ, "rfqSubmit", body)
    assert refused(answer) == (400, code, reject)
    assert not RfqRequest.objects.exists()


def test_others_requests_look_like_unknown_ones(alice: Trader, bob: Trader) -> None:
    asked = ask_for(alice)
    quoted = quote(bob, asked["rfqId"])
    unknown = (400, "INVALID_CLIENT_REQUEST", "UNKNOWN_RFQ")
    for number in (asked["rfqId"], "5", "x", "9" * 30):
        body = {"rfqId": number}
        assert refused(bob.send("POST", CANCEL, "rfqCancel", body)) == unknown
        assert refused(bob.send("POST", REFRESH, "rfqRefresh", body)) == unknown
        body = {"rfqId": number, "quoteId": quoted["quoteId"]}
        assert refused(bob.send("POST", ACCEPT, "quoteAccept", body)) == unknown
    for number in ("5", "x"):
        body = {"rfqId": number, "bidPrice": "99", "askPrice": "101"}
        assert refused(bob.send("POST", QUOTE, "quoteSubmit", body)) == unknown
        body = {"rfqId": asked["rfqId"], "quoteId": number}
        assert refused(alice.send("POST", ACCEPT, "quoteAccept", body)) == (
            400,
            "INVALID_CLIENT_REQUEST",
            "UNKNOWN_QUOTE",
        )
    for body in ({}, {"rfqId": asked["rfqId"], "clientId": 1}):
        answer = alice.send("POST", CANCEL, "rfqCancel", body)
        assert refused(answer) == (400, "INVALID_CLIENT_REQUEST", None)


def test_a_quote_out_of_band_is_told_the_band(alice: Trader, bob: Trader) -> None:
    body = {"rfqId": ask_for(alice)["rfqId"], "bidPrice": "1", "askPrice": "100"}
    answer = bob.send("POST", QUOTE, "quoteSubmit", body)
    assert refused(answer) == (400, "INVALID_PRICE", "PRICE_OUT_OF_BAND")
    assert "Allowed: " in answer.json()["message"]


def test_a_maker_who_can_no_longer_pay_is_told_of_as_such(alice: Trader, bob: Trader) -> None:
    quoted = quote(bob, ask_for(alice)["rfqId"])
    savings = AccountId(create_sub_account(bob.user, "Savings").pk)
    accepted(
        TransferFunds(source=bob.id, destination=savings, asset="SOL", amount_atoms=100 * 10**9)
    )
    assert refused(accept(alice, quoted)) == (409, "PRECONDITION_FAILED", "QUOTE_NOT_COVERED")
    assert RfqQuote.objects.get().reason == "NotCovered"
    assert RfqRequest.objects.get().status == "New"


def test_who_may_not_trade_may_neither_ask_nor_quote(alice: Trader) -> None:
    asked = ask_for(alice)
    carol = Trader("carol", tier=0)
    for trader, path, instruction, body in (
        (carol, RFQ, "rfqSubmit", {"symbol": SPOT, "side": "Bid", "quantity": "1"}),
        (carol, RFQ, "rfqSubmit", {"symbol": PERP, "side": "Bid", "quantity": "1"}),
        (
            carol,
            QUOTE,
            "quoteSubmit",
            {"rfqId": asked["rfqId"], "bidPrice": "99", "askPrice": "101"},
        ),
    ):
        assert refused(trader.send("POST", path, instruction, body))[:2] == (403, "FORBIDDEN")
    assert RfqRequest.objects.count() == 1
    assert not RfqQuote.objects.exists()


def test_markets_for_quotes_are_listed_on_request(alice: Trader) -> None:
    def listed(*kinds: str) -> dict[str, str]:
        query = "&".join(f"marketType={kind}" for kind in kinds)
        rows = Client().get(f"/api/v1/markets?{query}").json()
        return {row["symbol"]: row["marketType"] for row in rows}

    assert listed("RFQ") == {"BTC_USDC_RFQ": "RFQ", "SOL_USDC_RFQ": "RFQ"}
    assert set(listed().values()) == {"SPOT", "PERP"}
    assert set(listed("SPOT", "RFQ").values()) == {"SPOT", "RFQ"}
    assert alice.get("/api/v1/market", "", ("symbol", SPOT)).json()["marketType"] == "RFQ"


def test_statements_know_what_was_traded_by_quotes(alice: Trader, bob: Trader) -> None:
    accept(alice, quote(bob, ask_for(alice)["rfqId"]))
    accept(alice, quote(bob, ask_for(alice, PERP)["rfqId"]))
    assert RfqFill.objects.count() == 4
    end = timezone.now() + timedelta(hours=1)
    for trader in (alice, bob):
        sums: dict[str, int] = {}
        for day in flows.day_sums(trader.id, start=None, end=end):
            sums[day.asset] = sums.get(day.asset, 0) + day.amount
        held = {
            row.asset: int(row.available + row.locked)
            for row in Balance.objects.filter(account_id=trader.id)
        }
        assert sums == held
