"""Risk, other prices and previews through the API and the page: what is told is what then is."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.access import access_of
from accounts.api import errors
from accounts.models import ApiKey
from accounts.pace import MinuteLimit
from accounts.scopes import READ
from engine.catalog import MarketState
from engine.commands import SetMarketState, UpdatePrices
from engine.rehearsal import MOST_MET
from engine.vocabulary import OrderType, Side
from gateway.errors import EngineUnavailable
from sequencer.inline import InlineEngine
from sequencer.models import JournalEntry
from tests.api.house import Trader, accepted
from tests.trading.test_page import JSON, signed_in
from trading import services
from trading.refusals import Refusal
from trading.services import OrderRequest

RISK = "/api/v1/x/account/risk"
WHAT_IF = "/api/v1/x/account/whatif"
PREVIEW = "/api/v1/x/order/preview"
PERP = "SOL_USDC_PERP"
MARKET_ORDER = {"symbol": PERP, "side": "Ask", "orderType": "Market", "quantity": "2000"}
OTHERS = {"accountId": "1", "account": "1", "subaccountId": "1", "userId": "1"}


def risk(trader: Trader, **more: str) -> Any:
    return trader.get(RISK, "xAccountRiskQuery", *more.items())


def what_if(trader: Trader, **query: str) -> Any:
    return trader.get(WHAT_IF, "xWhatIfQuery", *query.items())


def preview(trader: Trader, **order: str) -> Any:
    return trader.get(PREVIEW, "xOrderPreviewQuery", *order.items())


@pytest.fixture
def quoted(alice: Trader, bob: Trader) -> Trader:
    """Alice bids in two steps; bob, who sells to her, has no SOL to gain from a rise."""
    alice.deposit("USDC", 10_000_000)
    alice.limit(PERP, Side.BID, ticks=9_990, lots=100_000)
    alice.limit(PERP, Side.BID, ticks=9_900, lots=1_000_000)
    return bob


def test_what_a_preview_tells_is_what_the_order_brings(quoted: Trader, alice: Trader) -> None:
    bob = quoted
    count = JournalEntry.objects.count()
    told = preview(bob, **MARKET_ORDER).json()
    assert JournalEntry.objects.count() == count
    assert (told["refusal"], told["status"], told["reason"]) == (None, "Filled", None)
    assert (told["executedQuantity"], told["restingQuantity"]) == ("2000", "0")
    # 1,000 SOL at 99.90 and 1,000 at 99.00.
    assert (told["averagePrice"], told["worstPrice"]) == ("99.45", "99")
    assert (told["referencePrice"], told["slippage"]) == ("100", "0.0055")
    assert (told["fee"], told["feeSymbol"]) == ("99.45", "USDC")
    assert told["before"]["liquidationPrice"] is None
    bob.take(PERP, Side.ASK, lots=200_000)
    after = told["after"]
    (position,) = bob.get("/api/v1/position", "positionQuery").json()
    assert position["estLiquidationPrice"] == after["liquidationPrice"] is not None
    assert position["netQuantity"] == after["netQuantity"] == "-2000"
    assert position["entryPrice"] == after["entryPrice"] == "99.45"
    real = risk(bob).json()
    assert real["figures"] == after["figures"]
    assert real["status"] == "Healthy"
    assert Decimal(after["figures"]["leverage"]) > Decimal(told["before"]["figures"]["leverage"])
    (told_position,) = real["positions"]
    assert told_position["liquidationPrice"] == position["estLiquidationPrice"]
    margin = bob.get("/api/v1/capital/collateral", "collateralQuery").json()
    assert margin["netEquity"] == real["figures"]["equity"]
    # Of alice, who is on the other side, bob is told nothing.
    assert risk(alice).json()["positions"][0]["netQuantity"] == "2000"


def test_prices_that_are_supposed_and_then_come_say_the_same(quoted: Trader) -> None:
    bob = quoted
    bob.take(PERP, Side.ASK, lots=200_000)
    by_price = what_if(bob, prices="SOL:120").json()
    by_move = what_if(bob, moves="SOL:0.2").json()
    assert by_price == by_move
    assert by_price["positions"][0]["pnlUnrealized"] == "-41100"
    assert risk(bob).json()["figures"] == what_if(bob).json()["figures"]
    end = risk(bob).json()["positions"][0]["liquidationPrice"]
    unit = Decimal("0.00000001")
    for price, met in ((Decimal(end), False), (Decimal(end) - unit, True)):
        told = what_if(bob, prices=f"SOL:{price:f}").json()
        assert told["figures"]["marginMet"] is met
    accepted(UpdatePrices(prices_e8={"SOL": 120 * 10**8}))
    real = risk(bob).json()["figures"]
    for name in ("equity", "maintenanceMargin", "closingMargin", "realEquity", "exposure"):
        assert real[name] == by_price["figures"][name], name


def test_a_refusal_is_told_in_the_words_with_which_the_order_would_be_refused(
    quoted: Trader,
) -> None:
    bob = quoted
    request = OrderRequest(
        symbol=PERP, side=Side.ASK, order_type=OrderType.LIMIT, price="99", quantity="900000"
    )
    told = preview(
        bob, symbol=PERP, side="Ask", orderType="Limit", price="99", quantity="900000"
    ).json()
    refused = services.place_order(access_of(bob.account, bob.user), request)
    assert isinstance(refused, Refusal)
    assert told["refusal"] == {
        "code": refused.code,
        "message": refused.message,
        "rejectCode": refused.reject,
    }
    assert refused.reject == "INSUFFICIENT_MARGIN"
    assert (told["after"], told["filled"], told["executedQuantity"]) == (None, None, "0")
    accepted(SetMarketState(market=PERP, state=MarketState.CLOSED))
    shut = preview(bob, **MARKET_ORDER).json()
    assert shut["refusal"]["code"] == "TRADING_PAUSED"


def test_an_order_that_rests_is_told_as_it_stands_and_as_if_it_had_filled(quoted: Trader) -> None:
    told = preview(
        quoted,
        symbol=PERP,
        side="Ask",
        orderType="Limit",
        price="101",
        quantity="500",
        takeProfitTriggerPrice="90",
        clientId="77",
    ).json()
    assert (told["status"], told["restingQuantity"]) == ("New", "500")
    assert (told["after"]["netQuantity"], told["filled"]["netQuantity"]) == ("0", "-500")
    assert told["after"]["liquidationPrice"] is None
    assert told["filled"]["liquidationPrice"] is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NONE"}, "INVALID_CLIENT_REQUEST"),
        ({"symbol": ""}, "INVALID_CLIENT_REQUEST"),
        ({"side": "Sell"}, "INVALID_CLIENT_REQUEST"),
        ({"orderType": "Stop"}, "INVALID_CLIENT_REQUEST"),
        ({"quantity": "-5"}, "INVALID_QUANTITY"),
        ({"quantity": "0"}, "INVALID_QUANTITY"),
        ({"quantity": "many"}, "INVALID_QUANTITY"),
        ({"quantity": "9" * 60}, "INVALID_QUANTITY"),
        ({"quantity": "0.001"}, "INVALID_QUANTITY"),
        ({"price": "1"}, "INVALID_ORDER"),
        ({"reduceOnly": "perhaps"}, "INVALID_CLIENT_REQUEST"),
        ({"clientId": "-1"}, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_an_order_that_is_none_is_refused_as_it_would_be(
    bob: Trader, changes: dict[str, str], code: str
) -> None:
    answer = preview(bob, **(MARKET_ORDER | changes))
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.json()
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"prices": "NONE:1"}, "INVALID_ASSET"),
        ({"prices": "SOL"}, "INVALID_CLIENT_REQUEST"),
        ({"prices": "SOL:"}, "INVALID_CLIENT_REQUEST"),
        ({"prices": "SOL:-1"}, "INVALID_CLIENT_REQUEST"),
        ({"prices": "SOL:1,SOL:2"}, "INVALID_CLIENT_REQUEST"),
        ({"prices": "SOL:cheap"}, "INVALID_CLIENT_REQUEST"),
        ({"prices": "SOL:0"}, "INVALID_PRICE"),
        ({"prices": "SOL:" + "9" * 39}, "INVALID_CLIENT_REQUEST"),
        ({"prices": "SOL:20000000000"}, "INVALID_PRICE"),
        ({"prices": "SOL:1" + "0" * 1_900}, "INVALID_CLIENT_REQUEST"),
        ({"moves": "SOL:-1"}, "INVALID_PRICE"),
        ({"moves": "SOL:--0.1"}, "INVALID_CLIENT_REQUEST"),
        ({"moves": "SOL:0.0000001"}, "INVALID_CLIENT_REQUEST"),
        ({"moves": "SOL:0.1", "prices": "SOL:90"}, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_what_cannot_be_supposed_says_why(bob: Trader, query: dict[str, str], code: str) -> None:
    answer = what_if(bob, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.json()
    assert answer.json()["message"]


def test_a_key_that_may_only_read_asks_all_of_it_and_only_of_its_own_account(
    quoted: Trader, alice: Trader
) -> None:
    bob = quoted
    bob.take(PERP, Side.ASK, lots=100)
    own = risk(bob).json()
    ApiKey.objects.filter(account=bob.account).update(scopes=[READ])
    assert risk(bob).json() == own
    assert what_if(bob, moves="SOL:0.1").status_code == 200
    assert preview(bob, **MARKET_ORDER).json()["refusal"] is None
    others = {name: str(alice.id) for name in OTHERS}
    assert risk(bob, **others).json() == own
    assert what_if(bob, **others).json()["figures"] == own["figures"]


def test_what_the_law_forbids_is_not_previewed(quoted: Trader) -> None:
    newcomer = Trader("carol", tier=0)
    newcomer.deposit("USDC", 1_000)
    answer = preview(newcomer, **MARKET_ORDER)
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


def test_unsigned_and_wrongly_signed_questions_are_refused_and_repeated_ones_are_answered(
    quoted: Trader,
) -> None:
    bob = quoted
    for path in (RISK, WHAT_IF, PREVIEW):
        assert Client().get(path).status_code == 401
        assert bob.get(path, "accountQuery").status_code in (400, 401)
        assert Client().post(path).status_code in (401, 405)
    count = JournalEntry.objects.count()
    headers = bob.headers("xAccountRiskQuery", [])
    first, again = (Client().get(RISK, headers=headers) for _ in range(2))
    assert (first.status_code, again.json()) == (200, first.json())
    assert JournalEntry.objects.count() == count


def test_an_order_that_meets_very_many_others_is_asked_about_in_vain(quoted: Trader) -> None:
    for _ in range(MOST_MET + 1):
        quoted.limit("SOL_USDC", Side.ASK, ticks=10_000, lots=1)
    spot = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "500"}
    alice = Trader("dave")
    alice.deposit("USDC", 100_000)
    answer = preview(alice, **spot)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_QUANTITY")
    assert answer.headers["X-Reject-Code"] == "PREVIEW_TOO_LARGE"


def test_while_the_engine_is_away_positions_still_show_where_they_end(
    quoted: Trader, live_engine: InlineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted.take(PERP, Side.ASK, lots=200_000)
    end = risk(quoted).json()["positions"][0]["liquidationPrice"]

    def away(question: object) -> None:
        raise EngineUnavailable("nobody listens")

    monkeypatch.setattr(live_engine, "ask", away)
    for answer in (risk(quoted), what_if(quoted), preview(quoted, **MARKET_ORDER)):
        assert (answer.status_code, answer.json()["code"]) == (503, "MAINTENANCE")
    (position,) = quoted.get("/api/v1/position", "positionQuery").json()
    assert position["estLiquidationPrice"] == end


def test_questions_have_a_pace(bob: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    class OneMinute(MinuteLimit):
        def allows(self, key: object, now_ns: int) -> bool:
            return super().allows(key, 0)

    monkeypatch.setattr(errors, "_questions", OneMinute(2))
    assert [risk(bob).status_code for _ in range(3)] == [200, 200, 429]


# -- the page --------------------------------------------------------------------------------------

TICKET = {
    "symbol": PERP,
    "side": "Ask",
    "orderType": "Market",
    "quantity": "2,000",
    "unit": "base",
}


def test_the_page_previews_the_ticket_as_the_api_previews_the_order(quoted: Trader) -> None:
    client = signed_in(quoted)
    told = client.post("/trade/preview", TICKET, headers=JSON).json()
    assert told.pop("reasonText") is None
    assert told == preview(quoted, **MARKET_ORDER).json()
    ends = client.post("/trade/preview", TICKET | {"quantity": "900000"}, headers=JSON).json()
    assert ends["reasonText"] == "the book offered no more"
    for changes, message in (
        ({"quantity": ""}, "Enter a quantity."),
        ({"orderType": "Limit"}, "Enter a price."),
        ({"quantity": "0.001"}, "decimal"),
    ):
        answer = client.post("/trade/preview", TICKET | changes, headers=JSON)
        assert answer.status_code == 400
        assert message in answer.json()["message"]


def test_the_page_shows_risk_from_rows_as_the_engine_tells_it(quoted: Trader) -> None:
    quoted.take(PERP, Side.ASK, lots=200_000)
    client = signed_in(quoted)
    shown = client.get("/trade/account", headers=JSON).json()
    real = risk(quoted).json()
    assert shown["risk"] == real
    assert shown["positions"][0]["liquidationPrice"] == real["positions"][0]["liquidationPrice"]
    supposed = client.get("/trade/what-if", {"moves": "SOL:-0.1"}, headers=JSON).json()
    assert supposed == what_if(quoted, moves="SOL:-0.1").json()
    assert client.get("/trade/what-if", {"prices": "SOL:0"}, headers=JSON).status_code == 400


def test_the_page_asks_for_no_account_but_the_sessions_own(quoted: Trader, alice: Trader) -> None:
    client = signed_in(quoted)
    others = {"account": str(alice.id)}
    assert client.get("/trade/what-if", others, headers=JSON).status_code == 403
    assert client.post("/trade/preview", TICKET | others, headers=JSON).status_code == 403
    assert Client().get("/trade/what-if", headers=JSON).status_code == 401
    assert Client().post("/trade/preview", TICKET, headers=JSON).status_code == 401
    strict = signed_in(quoted, enforce_csrf_checks=True)
    assert strict.post("/trade/preview", TICKET, headers=JSON).status_code == 403
    assert client.get("/trade/preview", TICKET, headers=JSON).status_code == 405
