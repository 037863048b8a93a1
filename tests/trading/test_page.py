"""The trading page and its session's requests: who may ask, what is answered, what is refused."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts import services as accounts
from accounts.models import User
from engine.commands import AdvanceTime, CreateStrategy, Lend, UpdatePrices
from engine.rejects import ExpiryReason
from engine.vocabulary import OrderType, Side, TimeInForce
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted
from tests.engine.listings import INDEX_E8
from tests.house_fixture import alice, bob, house
from trading.catalog import refresh
from trading.forms import OrderForm
from trading.screens import REASONS, reason_words
from trading.services import OrderRequest

__all__ = ["alice", "bob", "house"]

MARKET = "SOL_USDC"
JSON = {"accept": "application/json"}
LIMIT = {
    "symbol": MARKET,
    "side": "Bid",
    "orderType": "Limit",
    "price": "90",
    "quantity": "2",
    "unit": "base",
    "execution": "GTC",
}


def signed_in(trader: Trader, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(trader.user)
    return client


def read(client: Client, **query: str) -> dict[str, Any]:
    answer = client.get("/trade/account", query, headers=JSON)
    assert answer.status_code == 200, answer.content
    state: dict[str, Any] = json.loads(answer.content)
    return state


def page_data(client: Client, path: str = "/") -> dict[str, Any]:
    data: dict[str, Any] = client.get(path).context["page_data"]
    return data


# -- seeing ----------------------------------------------------------------------------------------


def test_a_visitor_sees_the_markets_and_no_account(alice: Trader) -> None:
    page = page_data(Client(), f"/trade/{MARKET}")
    assert page["symbol"] == MARKET
    assert page["account"] is None
    assert MARKET in [market["symbol"] for market in page["markets"]]


def test_an_exchange_without_markets_says_so(live_engine: InlineEngine) -> None:
    # The process still knows what other tests listed.
    refresh()
    assert b"No markets yet" in Client().get("/").content


def test_an_unknown_market_is_not_found(alice: Trader) -> None:
    assert Client().get("/trade/NO_SUCH").status_code == 404


def test_a_demo_says_that_it_is_one_and_an_exchange_does_not(alice: Trader, settings: Any) -> None:
    said = b"Demo: prices are a random walk, money is play money."
    settings.DEMO = True
    settings.FEED = "walk"
    assert said in Client().get("/").content
    settings.FEED = "ccxt"
    assert b"Demo: prices follow other venues, money is play money." in Client().get("/").content
    settings.DEMO = False
    assert said not in Client().get("/").content


def test_the_page_runs_under_a_policy_without_inline_scripts_and_styles(alice: Trader) -> None:
    answer = signed_in(alice).get(f"/trade/{MARKET}")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    html = answer.content.decode()
    assert "<script>" not in html
    assert " style=" not in html
    assert " onclick=" not in html


def test_the_state_is_what_the_engine_holds(alice: Trader, bob: Trader) -> None:
    alice.limit(MARKET, Side.BID, ticks=9_000, lots=100)
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_000, lots=1_000)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=1_000)
    state = read(signed_in(alice))
    usdc = next(row for row in state["balances"] if row["asset"] == "USDC")
    assert usdc["locked"] == "90"
    assert [(row["symbol"], row["price"], row["quantity"]) for row in state["orders"]] == [
        (MARKET, "90", "1")
    ]
    assert [(row["symbol"], row["netQuantity"]) for row in state["positions"]] == [
        ("SOL_USDC_PERP", "10")
    ]
    assert float(state["margin"]["equity"]) > float(state["margin"]["free"]) > 0
    fills = json.loads(signed_in(alice).get("/trade/fills", headers=JSON).content)
    assert [(row["symbol"], row["isMaker"]) for row in fills] == [("SOL_USDC_PERP", True)]
    history = json.loads(signed_in(alice).get("/trade/history", headers=JSON).content)
    assert [row["status"] for row in history] == ["Filled", "New"]


def test_what_is_lent_stands_beside_what_is_available(alice: Trader) -> None:
    accepted(Lend(account=alice.id, asset="USDC", amount_atoms=40_000 * 10**6))
    row = next(row for row in read(signed_in(alice))["balances"] if row["asset"] == "USDC")
    assert (row["available"], row["lent"], row["usable"]) == ("60000", "40000", "100000")


# -- who may ask -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/trade/account", "/trade/history", "/trade/fills"])
def test_without_a_session_nothing_private_is_read(alice: Trader, path: str) -> None:
    answer = Client().get(path, headers=JSON)
    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize(
    "path", ["/trade/order", "/trade/cancel", "/trade/cancel-all", "/trade/cancel-strategy"]
)
def test_without_a_session_a_form_leads_to_the_sign_in(alice: Trader, path: str) -> None:
    answer = Client().post(path, LIMIT)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/")


def test_an_account_of_someone_else_is_neither_read_nor_traded(alice: Trader, bob: Trader) -> None:
    client = signed_in(alice)
    stranger = {"account": str(bob.id)}
    assert client.get("/trade/account", stranger, headers=JSON).status_code == 403
    assert client.post("/trade/order", LIMIT | stranger, headers=JSON).status_code == 403
    assert read(signed_in(bob))["orders"] == []


def test_an_order_of_someone_else_is_not_cancelled(alice: Trader, bob: Trader) -> None:
    bob.limit(MARKET, Side.BID, ticks=9_000, lots=100)
    order_id = read(signed_in(bob))["orders"][0]["id"]
    answer = signed_in(alice).post(
        "/trade/cancel", {"symbol": MARKET, "orderId": order_id}, headers=JSON
    )
    assert (answer.status_code, answer.json()["message"]) == (400, "Order not found")
    assert len(read(signed_in(bob))["orders"]) == 1


@pytest.mark.parametrize(
    "path", ["/trade/order", "/trade/cancel", "/trade/cancel-all", "/trade/cancel-strategy"]
)
def test_another_site_cannot_make_the_browser_trade(alice: Trader, path: str) -> None:
    client = signed_in(alice, enforce_csrf_checks=True)
    assert client.post(path, LIMIT, headers=JSON).status_code == 403
    assert read(signed_in(alice))["orders"] == []


def test_the_chosen_sub_account_is_remembered(alice: Trader) -> None:
    sub = accounts.create_sub_account(alice.user, "Strategy")
    client = signed_in(alice)
    assert page_data(client)["account"] == alice.id
    assert page_data(client, f"/?account={sub.pk}")["account"] == sub.pk
    assert page_data(client)["account"] == sub.pk
    assert read(client)["balances"] == []


def test_a_customer_without_verification_is_told_the_step_on_the_page_and_by_the_order(
    alice: Trader,
) -> None:
    newcomer = Trader("newcomer", tier=0)
    client = signed_in(newcomer)
    refusal = client.get(f"/trade/{MARKET}").context["denial"].message
    assert "erify" in refusal
    answer = client.post("/trade/order", LIMIT, headers=JSON)
    assert (answer.status_code, answer.json()) == (
        403,
        {"code": "FORBIDDEN", "message": refusal},
    )


def test_staff_see_the_page_and_have_nothing_to_trade_with(alice: Trader) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("ops@example.org", "long-password-1"))
    page = client.get(f"/trade/{MARKET}").content
    assert b"This sign-in has no trading account" in page
    assert client.post("/trade/order", LIMIT, headers=JSON).status_code == 403


# -- trading ---------------------------------------------------------------------------------------


def test_a_limit_order_rests_and_is_cancelled(alice: Trader) -> None:
    client = signed_in(alice)
    placed = client.post("/trade/order", LIMIT, headers=JSON)
    assert placed.status_code == 200
    assert placed.json()["message"].endswith("rests in the book at 90.")
    [order] = read(client)["orders"]
    cancelled = client.post(
        "/trade/cancel", {"symbol": MARKET, "orderId": order["id"]}, headers=JSON
    )
    assert cancelled.json() == {"message": f"Order {order['id']} is cancelled."}
    assert read(client)["orders"] == []


def test_a_running_strategy_is_shown_and_cancelled(alice: Trader, bob: Trader) -> None:
    bob.limit(MARKET, Side.ASK, ticks=10_000, lots=1_000)
    plan = CreateStrategy(
        account=alice.id,
        market=MARKET,
        side=Side.BID,
        lots=300,
        duration_ms=7_200_000,
        interval_ms=2_400_000,
    )
    accepted(plan)
    client = signed_in(alice)
    (row,) = read(client)["strategies"]
    assert (row["executedQuantity"], row["quantity"], row["percent"]) == ("1", "3", 33)
    assert (row["price"], row["intervalMs"]) == (None, 2_400_000)
    name = {"symbol": MARKET, "strategyId": row["id"]}
    foreign = signed_in(bob).post("/trade/cancel-strategy", name, headers=JSON)
    assert (foreign.status_code, foreign.json()["message"]) == (404, "Strategy not found")
    page = client.get(f"/trade/{MARKET}").content.decode()
    assert f'name="strategyId" value="{row["id"]}"' in page
    answer = client.post("/trade/cancel-strategy", name, headers=JSON)
    assert answer.json()["message"] == f"Strategy {row['id']} is cancelled: 1 of 3 had been filled."
    assert read(client)["strategies"] == []
    missing = client.post("/trade/cancel-strategy", {"symbol": MARKET}, headers=JSON)
    assert missing.status_code == 404


def test_cancel_all_takes_every_market(alice: Trader) -> None:
    alice.limit(MARKET, Side.BID, ticks=9_000, lots=100)
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=9_000, lots=100)
    answer = signed_in(alice).post("/trade/cancel-all", {}, headers=JSON)
    assert answer.json() == {"message": "2 orders are cancelled."}


def test_what_a_market_order_did_is_said_in_one_sentence(alice: Trader, bob: Trader) -> None:
    bob.limit(MARKET, Side.ASK, ticks=10_000, lots=300)
    market = LIMIT | {"orderType": "Market", "price": ""}
    client = signed_in(alice)
    whole = client.post("/trade/order", market, headers=JSON).json()["message"]
    assert whole == "Bought 2 SOL for 200 USDC."
    rest = client.post("/trade/order", market, headers=JSON).json()["message"]
    assert rest.startswith("Bought 1 SOL for 100 USDC; the rest has ended: ")


PERP = "SOL_USDC_PERP"
STOP = LIMIT | {
    "symbol": PERP,
    "side": "Ask",
    "orderType": "Market",
    "price": "",
    "quantity": "1",
    "triggerPrice": "90",
    "triggerBy": "MarkPrice",
}
EXITS = LIMIT | {
    "symbol": PERP,
    "orderType": "Market",
    "price": "",
    "takeProfitTriggerPrice": "120",
    "stopLossTriggerPrice": "90",
    "stopLossLimitPrice": "89.5",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "sells 1 SOL at the market once the mark price is at or below 90."),
        (
            {"side": "Bid", "triggerPrice": "1,10", "triggerBy": "IndexPrice"},
            "buys 1 SOL at the market once the index price is at or above 110.",
        ),
        (
            {"orderType": "Limit", "price": "89"},
            "sells 1 SOL at 89 or better once the mark price is at or below 90.",
        ),
        (
            {"unit": "position", "quantity": "12.5", "reduceOnly": "on"},
            "sells 12.5% of the position (now 0.25 SOL) at the market once the mark price is at or "
            "below 90.",
        ),
    ],
    ids=str,
)
def test_an_order_which_waits_says_for_what_is_listed_and_is_cancelled(
    alice: Trader, bob: Trader, change: dict[str, str], words: str
) -> None:
    bob.limit(PERP, Side.ASK, ticks=10_000, lots=200)
    alice.take(PERP, Side.BID, lots=200)
    client = signed_in(alice)
    message = client.post("/trade/order", STOP | change, headers=JSON).json()["message"]
    [row] = read(client)["orders"]
    assert message == f"Order {row['id']} waits: it {words}"
    assert (row["status"], row["firesAbove"]) == ("TriggerPending", "above" in words)
    assert row["conditions"]["triggerPrice"] == ("110" if row["firesAbove"] else "90")
    cancelled = client.post("/trade/cancel", {"symbol": PERP, "orderId": row["id"]}, headers=JSON)
    assert cancelled.status_code == 200
    assert read(client)["orders"] == []


def test_exits_wait_with_the_order_they_belong_to_and_end_in_words(
    alice: Trader, bob: Trader
) -> None:
    bob.limit(PERP, Side.ASK, ticks=10_000, lots=200)
    client = signed_in(alice)
    message = client.post("/trade/order", EXITS, headers=JSON).json()["message"]
    assert message == (
        "Bought 2 SOL for 200 USDC. What it opens has a take-profit at 120 and a stop-loss at 90."
    )
    loss, profit = read(client)["orders"]
    [parent] = {loss["relatedId"], profit["relatedId"]}
    told = [(row["orderType"], row["price"], row["firesAbove"]) for row in (profit, loss)]
    assert told == [("Market", None, True), ("Limit", "89.5", False)]
    bob.limit(PERP, Side.BID, ticks=9_000, lots=200)
    half = STOP | {"quantity": "50", "unit": "position"}
    assert client.post("/trade/order", half, headers=JSON).status_code == 200
    closing = LIMIT | {"symbol": PERP, "side": "Ask", "quantity": "2", "reduceOnly": "on"}
    client.post("/trade/order", closing, headers=JSON)
    accepted(UpdatePrices(prices_e8=INDEX_E8 | {"SOL": 89 * 10**8}))
    accepted(AdvanceTime())
    rows = json.loads(client.get("/trade/history", headers=JSON).content)
    gone = "there was no position left to close"
    ended = {row["id"]: (row["status"], row["reason"]) for row in rows}
    assert ended[profit["id"]] == ended[loss["id"]] == ("Expired", gone)
    assert ("TriggerFailed", gone) in ended.values()
    assert ended[parent] == ("Filled", None)


def test_every_reason_has_words() -> None:
    assert {reason_words(reason) for reason in ExpiryReason} == set(REASONS.values())
    assert len(REASONS) == len(ExpiryReason)


def test_a_tolerance_holds_a_market_order_back(alice: Trader, bob: Trader) -> None:
    bob.limit(MARKET, Side.ASK, ticks=10_000, lots=100)
    bob.limit(MARKET, Side.ASK, ticks=10_100, lots=100)
    market = LIMIT | {"orderType": "Market", "price": "", "slippageTolerance": "0.5"}
    message = signed_in(alice).post("/trade/order", market, headers=JSON).json()["message"]
    assert message == (
        "Bought 1 SOL for 100 USDC; the rest has ended: "
        "the next price was beyond the slippage tolerance."
    )


@pytest.mark.parametrize(
    ("order", "change", "message"),
    [
        (STOP, {"triggerPrice": "90.001"}, "Trigger price: Price decimal too long: at most 2"),
        (STOP, {"triggerPrice": "low"}, "Trigger price: Price must be a plain positive decimal"),
        (STOP, {"triggerBy": "Moon"}, "triggerBy: Select a valid choice."),
        (STOP, {"triggerBy": "LastPrice"}, "has no LastPrice yet: trigger by another"),
        (STOP, {"unit": "quote"}, "not of what it costs: choose the other unit."),
        (STOP, {"unit": "position", "quantity": "101"}, "Quantity in percent is of a perpetual"),
        (STOP, {"unit": "position", "symbol": MARKET}, "Quantity in percent is of a perpetual"),
        (STOP, {"unit": "position", "triggerPrice": ""}, "enter a trigger price."),
        (LIMIT, {"unit": "position", "symbol": PERP}, "enter a trigger price."),
        (EXITS, {"stopLossTriggerPrice": ""}, "Stop-loss is required beside the others"),
        (EXITS, {"takeProfitTriggerPrice": "-1"}, "Take-profit: Price must be a plain positive"),
        (EXITS, {"stopLossLimitPrice": "89.555"}, "Stop-loss limit: Price decimal too long"),
        (EXITS, {"takeProfitTriggerPrice": "95"}, "a take-profit lies where the order would gain"),
        (EXITS, {"symbol": MARKET}, "belong to an order which opens a perpetual position"),
        (LIMIT, {"slippageTolerance": "1"}, "Slippage tolerance is for market orders"),
        (STOP, {"slippageTolerance": "100"}, "Slippage tolerance is a whole number of ticks, or"),
        (STOP, {"slippageTolerance": "much"}, "Slippage tolerance must be a plain decimal"),
    ],
    ids=str,
)
def test_bad_conditions_are_refused_in_words_and_change_nothing(
    alice: Trader, order: dict[str, str], change: dict[str, str], message: str
) -> None:
    answer = signed_in(alice).post("/trade/order", order | change, headers=JSON)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert "`" not in answer.json()["message"]
    assert read(signed_in(alice))["orders"] == []


def test_a_form_without_scripts_comes_back_with_a_message(alice: Trader) -> None:
    answer = signed_in(alice).post("/trade/order", LIMIT, follow=True)
    assert answer.redirect_chain == [(f"/trade/{MARKET}", 302)]
    assert [message.level_tag for message in answer.context["messages"]] == ["success"]
    assert "rests in the book" in answer.content.decode()
    refused = signed_in(alice).post("/trade/order", LIMIT | {"quantity": "9000000"}, follow=True)
    assert [message.level_tag for message in refused.context["messages"]] == ["error"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": ""}, "Enter a price."),
        ({"quantity": ""}, "Enter a quantity."),
        ({"side": "Up"}, "side: Select a valid choice. Up is not one of the available choices."),
        ({"symbol": "NOPE"}, "Invalid market symbol"),
        ({"price": "90.001"}, "Price decimal too long: at most 2 decimals"),
        ({"price": "NaN"}, "Price must be a plain positive decimal number"),
        ({"quantity": "-2"}, "Quantity must be a plain positive decimal number"),
    ],
)
def test_a_bad_ticket_is_refused_in_words(
    alice: Trader, change: dict[str, str], message: str
) -> None:
    answer = signed_in(alice).post("/trade/order", LIMIT | change, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["message"] == message
    assert read(signed_in(alice))["orders"] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"execution": "POST_ONLY"}, {"post_only": True}),
        ({"execution": "IOC"}, {"time_in_force": TimeInForce.IOC}),
        ({"execution": "FOK"}, {"time_in_force": TimeInForce.FOK}),
        ({"reduceOnly": "on"}, {"reduce_only": True}),
        ({"autoBorrow": "on"}, {"auto_borrow": True}),
        ({"price": "1,090.5", "quantity": ".5"}, {"price": "1090.5", "quantity": "0.5"}),
        (
            {"orderType": "Market", "execution": "POST_ONLY"},
            {"order_type": OrderType.MARKET, "price": None},
        ),
        (
            {"orderType": "Market", "unit": "quote"},
            {
                "order_type": OrderType.MARKET,
                "price": None,
                "quantity": None,
                "quote_quantity": "2",
            },
        ),
        # Only a market order is measured in the quote asset.
        ({"unit": "quote"}, {}),
        # What is not filled in is not asked for.
        ({"triggerBy": "LastPrice", "triggerPrice": "", "stopLossTriggerPrice": ""}, {}),
        (
            {"triggerPrice": "1,080", "triggerBy": "LastPrice"},
            {
                "quantity": None,
                "conditions": {
                    "triggerPrice": "1080",
                    "triggerBy": "LastPrice",
                    "triggerQuantity": "2",
                },
            },
        ),
        (
            {"triggerPrice": "80", "unit": "position", "quantity": "50"},
            {"quantity": None, "conditions": {"triggerPrice": "80", "triggerQuantity": "50%"}},
        ),
        (
            {
                "takeProfitTriggerPrice": "120",
                "takeProfitLimitPrice": "119",
                "stopLossTriggerPrice": "80",
                "stopLossLimitPrice": "79",
            },
            {
                "conditions": {
                    "takeProfitTriggerPrice": "120",
                    "takeProfitLimitPrice": "119",
                    "stopLossTriggerPrice": "80",
                    "stopLossLimitPrice": "79",
                }
            },
        ),
        (
            {"orderType": "Market", "slippageTolerance": ".5"},
            {
                "order_type": OrderType.MARKET,
                "price": None,
                "conditions": {"slippageTolerance": "0.5", "slippageToleranceType": "Percent"},
            },
        ),
    ],
)
def test_the_ticket_says_what_the_customer_chose(
    change: dict[str, str], expected: dict[str, Any]
) -> None:
    form = OrderForm(LIMIT | change)
    assert form.is_valid(), form.errors
    plain: dict[str, Any] = {
        "symbol": MARKET,
        "side": Side.BID,
        "order_type": OrderType.LIMIT,
        "price": "90",
        "quantity": "2",
        "auto_borrow": False,
    }
    assert form.order_request() == OrderRequest(**(plain | expected))
