"""A lender's own terms, dust and the histories of lends, through the API and the console."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountSettings, Balance
from compliance.models import AuditRecord
from engine.catalog import PoolState, PriceState
from engine.commands import (
    AccrueInterest,
    AutoRealize,
    CreditDeposit,
    FundInsurance,
    ListAsset,
    RequestWithdrawal,
    SetLendTerms,
    SetPoolState,
    SettleWithdrawal,
    UpdateAccount,
    UpdatePrices,
)
from engine.units import HOUR_NS, MAX_ATOMS, SECOND_NS
from engine.vocabulary import Side
from lending.models import DebtWriteOff, InterestPayment, LendTerms, Pool, PoolRate
from sequencer.dashboard import ledger_proof
from sequencer.inline import InlineEngine
from sequencer.models import JournalEntry
from tests.api.house import Trader, accepted
from tests.api.test_console_tables import staff
from tests.api.test_rest_lending import POSITIONS, move, net
from tests.engine.listings import ASSETS
from trading.catalog import refresh

MARKETS = "/api/v1/borrowLend/markets"
TERMS = "/api/v1/x/lendTerms"
DUST = "/api/v1/account/convertDust"
HISTORY = "/wapi/v1/history"


def set_terms(trader: Trader, **terms: Any) -> Any:
    return trader.send("PUT", TERMS, "xLendTermsUpdate", {"symbol": "USDC", **terms})


def terms_of(trader: Trader, symbol: str = "USDC") -> dict[str, Any]:
    rows: list[dict[str, Any]] = trader.get(TERMS, "xLendTermsQuery").json()
    return {row["symbol"]: row for row in rows}[symbol]


def everything(trader: Trader) -> list[Any]:
    models = (Balance, LendTerms, AccountSettings)
    return [list(model.objects.filter(account_id=trader.id).values()) for model in models]


# -- terms -----------------------------------------------------------------------------------------


def test_terms_act_at_once_and_are_shown_with_what_they_earn(alice: Trader) -> None:
    assert terms_of(alice) == {
        "asCollateral": True,
        "cap": None,
        "keep": "0",
        "lendRate": "0",
        "lentQuantity": "0",
        "minRate": "0",
        "rates": ["0", "0.01", "0.02", "0.04", "0.06", "0.1", "0.15", "0.25"],
        "symbol": "USDC",
    }
    assert move(alice, "Lend", "100000", "USDC").status_code == 200
    answer = set_terms(alice, minRate="0.04", cap="60000", keep="50000", asCollateral=False)
    assert (answer.status_code, answer.content) == (200, b"")
    shown = terms_of(alice)
    assert (shown["minRate"], shown["cap"], shown["keep"]) == ("0.04", "60000", "50000")
    assert not shown["asCollateral"]
    # What is to stay available was redeemed at once; nobody borrows, so the rest earns nothing.
    assert (shown["lentQuantity"], shown["lendRate"]) == ("50000", "0")
    margin = alice.get("/api/v1/capital/collateral", "collateralQuery").json()
    (dollars,) = (row for row in margin["collateral"] if row["symbol"] == "USDC")
    assert (dollars["lendQuantity"], dollars["totalQuantity"]) == ("0", "50000")
    assert net(alice) == {"USDC": "50000"}
    set_terms(alice)
    assert terms_of(alice)["minRate"] == "0"


@pytest.mark.parametrize(
    ("terms", "code", "words"),
    [
        ({"symbol": "NONE"}, "INVALID_ASSET", "not listed"),
        ({"minRate": "0.05"}, "INVALID_CLIENT_REQUEST", "0.04, 0.06"),
        ({"minRate": "-0.04"}, "INVALID_RANGE", "minRate"),
        ({"minRate": "0.0000000001"}, "INVALID_RANGE", "9 decimals"),
        ({"cap": "-1"}, "INVALID_QUANTITY", "cap"),
        ({"cap": "9999999999999999"}, "INVALID_QUANTITY", "cap must be 0 to 9223372036854.775807"),
        ({"keep": "0.0000001"}, "INVALID_QUANTITY", "6 decimals"),
        ({"keep": "NaN"}, "INVALID_QUANTITY", "keep"),
        ({"asCollateral": "perhaps"}, "INVALID_CLIENT_REQUEST", "true or false"),
    ],
)
def test_terms_out_of_range_say_why_and_change_nothing(
    alice: Trader, terms: dict[str, Any], code: str, words: str
) -> None:
    move(alice, "Lend", "10", "USDC")
    before = everything(alice)
    answer = set_terms(alice, **terms)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert words in answer.json()["message"]
    assert everything(alice) == before


def test_who_may_not_lend_may_not_set_terms(house: object) -> None:
    carol = Trader("carol", tier=0)
    assert set_terms(carol, keep="1").status_code == 403
    assert carol.send("POST", DUST, "convertDust", {}).status_code == 403


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ("Lend 99990.000001 USDC", "INSUFFICIENT_FUNDS", "available 99990 USDC"),
        ("Lend 90.5 USDC", "LEND_LIMIT", "room 90 USDC"),
        ("Lend 1 GOLD", "INVALID_ASSET", "GOLD cannot be lent"),
        ("Lend 1 BTC", "LEND_LIMIT", "BTC cannot be lent now"),
        ("Borrow 10.5 SOL", "BORROW_LIMIT", "limit 1000 USD"),
        ("Borrow 48 SOL", "INSUFFICIENT_SUPPLY", "borrowable 47.5 SOL"),
        ("Borrow 1 GOLD", "INSUFFICIENT_SUPPLY", "borrowable 0 GOLD"),
        ("Borrow 0.1 BTC", "BORROW_LIMIT", "BTC cannot be borrowed now"),
    ],
)
def test_a_movement_beyond_a_limit_says_which_and_changes_nothing(
    alice: Trader, bob: Trader, wanted: str, code: str, words: str
) -> None:
    gold = msgspec.structs.replace(ASSETS[-1], symbol="GOLD", lendable=False)
    for command in (
        ListAsset(asset=gold),
        CreditDeposit(account=bob.id, asset="GOLD", amount_atoms=10**gold.decimals),
        SetPoolState(asset="BTC", state=PoolState.CLOSED),
        SetLendTerms(account=bob.id, asset="USDC", cap_atoms=90 * 10**6, keep_atoms=10**7),
        UpdateAccount(account=bob.id, borrow_limit_micros=1_000 * 10**6),
    ):
        accepted(command)
    refresh()
    move(alice, "Lend", "50", "SOL")
    before = everything(bob)
    answer = move(bob, *wanted.split())
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.json()
    assert words in answer.json()["message"]
    assert everything(bob) == before


def test_an_account_without_the_collateral_may_not_borrow(alice: Trader) -> None:
    move(alice, "Lend", "50", "SOL")
    carol = Trader("carol")
    carol.deposit("USDC", 10)
    answer = move(carol, "Borrow", "1", "SOL")
    assert answer.json()["code"] == "INSUFFICIENT_MARGIN"
    assert "needed 20 USD" in answer.json()["message"]
    assert net(carol) == {}


# -- dust ------------------------------------------------------------------------------------------


def test_dust_becomes_dollars_once_and_is_listed(alice: Trader) -> None:
    assert alice.send("POST", DUST, "convertDust", {}).json()["code"] == "INVALID_CLIENT_REQUEST"
    accepted(CreditDeposit(account=alice.id, asset="BTC", amount_atoms=1_000))
    poor = alice.send("POST", DUST, "convertDust", {"symbol": "BTC"})
    assert poor.json()["code"] == "INSUFFICIENT_SUPPLY", "the house has nothing to pay with yet"
    accepted(FundInsurance(asset="USDC", amount_atoms=10**9))
    # ccxt signs under an empty name.
    answer = alice.send("POST", DUST, "", {"symbol": "BTC"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert alice.send("POST", DUST, "convertDust", {"symbol": "BTC"}).status_code == 400
    assert alice.send("POST", DUST, "convertDust", {"symbol": "NO"}).json()["code"] == (
        "INVALID_ASSET"
    )
    balances = alice.get("/api/v1/capital", "balanceQuery").json()
    assert (balances["BTC"]["available"], balances["USDC"]["available"]) == ("0", "100000.5")
    (row,) = alice.get(f"{HISTORY}/dust", "dustHistoryQueryAll").json()
    assert row | {"id": 0, "timestamp": ""} == {
        "id": 0,
        "quantity": "0.00001",
        "symbol": "BTC",
        "timestamp": "",
        "usdcReceived": "0.5",
    }
    other = ("symbol", "SOL")
    assert alice.get(f"{HISTORY}/dust", "dustHistoryQueryAll", other).json() == []
    one = ("id", str(row["id"]))
    assert alice.get(f"{HISTORY}/dust", "dustHistoryQueryAll", one).json() == [row]


def test_no_other_call_may_be_signed_without_a_name(alice: Trader) -> None:
    body = {"quantity": "1", "side": "Lend", "symbol": "USDC"}
    refused = alice.send("POST", "/api/v1/borrowLend", "", body)
    assert refused.json()["message"] == "Invalid signature"


# -- interest and positions ------------------------------------------------------------------------


def test_lends_and_debts_show_their_interest_while_open_and_after(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    alice.deposit("BTC", 2)
    move(alice, "Lend", "2")
    accepted(UpdateAccount(account=bob.id, auto_repay_borrows=False))
    move(bob, "Borrow", "1")
    live_engine.ahead_ns += 24 * HOUR_NS
    accepted(AccrueInterest(asset="BTC"))
    (lend,) = alice.get(POSITIONS, "borrowLendPositionQuery").json()
    (debt,) = bob.get(POSITIONS, "borrowLendPositionQuery").json()
    earned, paid = Decimal(lend["cumulativeInterest"]), Decimal(debt["cumulativeInterest"])
    assert Decimal(lend["netQuantity"]) == 2 + earned
    assert Decimal(debt["netQuantity"]) == -1 + paid
    # One BTC at 50 % utilization costs 2 % a year; lenders get 90 % of it.
    assert paid == pytest.approx(Decimal("-0.00005479"), abs=Decimal("2e-8"))
    assert earned == pytest.approx(-paid * 9 / 10, abs=Decimal("2e-8"))
    bob.deposit("BTC", 1)
    assert move(bob, "Lend", str(-Decimal(debt["netQuantity"]))).status_code == 200
    history = (f"{HISTORY}/borrowLend/positions", "borrowPositionHistoryQueryAll")
    (closed,) = bob.get(*history).json()
    assert closed | {"avgInterestRate": "", "createdAt": "", "positionId": ""} == {
        "avgInterestRate": "",
        "createdAt": "",
        "cumulativeInterest": debt["cumulativeInterest"],
        "positionId": "",
        "quantity": "1",
        "side": "Borrow",
        "source": "Manual",
        "symbol": "BTC",
    }
    assert Decimal(closed["avgInterestRate"]) == pytest.approx(Decimal("0.02"), rel=Decimal("1e-3"))
    assert move(bob, "Borrow", "0.5").status_code == 200
    states = [
        [row["positionId"] == f"{bob.id}-BTC" for row in bob.get(*history, pair).json()]
        for pair in (("state", "Open"), ("state", "Closed"), ("sortDirection", "Asc"))
    ]
    assert states == [[True], [False], [False, True]]
    assert bob.get(*history, ("side", "Lend")).json() == []
    page = bob.get(*history, ("limit", "1"), ("offset", "1"))
    assert (page.headers["X-Total"], len(page.json())) == ("2", 1)


def test_what_was_just_lent_can_be_redeemed_whole_although_it_is_rounded(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    alice.deposit("BTC", 2)
    move(alice, "Lend", "2")
    move(bob, "Borrow", "1")
    live_engine.ahead_ns += 1_000 * HOUR_NS
    carol = Trader("carol")
    carol.deposit("BTC", 1)
    # At an index above one, some amounts are worth an atom less as soon as they are lent.
    wanted = [f"0.000{number}" for number in range(1_001, 1_021)]
    for amount in wanted:
        assert move(carol, "Lend", amount).status_code == 200
        assert move(carol, "Borrow", amount).status_code == 200, amount
    rounded = carol.get(f"{HISTORY}/borrowLend", "borrowHistoryQueryAll", ("type", "LendRedeem"))
    assert [row["quantity"] for row in rounded.json()] != wanted[::-1]


def test_open_profit_that_is_not_realized_shows_its_interest(
    alice: Trader, bob: Trader, live_engine: InlineEngine
) -> None:
    perp = "SOL_USDC_PERP"
    for trader in (alice, bob):
        accepted(UpdateAccount(account=trader.id, auto_realize_pnl=False, auto_lend=True))
        move(trader, "Lend", "10000", "USDC")
    carol = Trader("carol")
    carol.deposit("USDC", 20_000)
    alice.limit(perp, Side.BID, ticks=10_000, lots=10_000)
    bob.limit(perp, Side.ASK, ticks=10_000, lots=10_000)
    accepted(UpdatePrices(prices_e8={"SOL": 110 * 10**8}))
    carol.deposit("SOL", 1_000)
    assert move(carol, "Borrow", "15000", "USDC").status_code == 200
    for _ in range(5):
        live_engine.ahead_ns += HOUR_NS
        accepted(AutoRealize(market=perp))
    (won,) = alice.get("/api/v1/position", "positionQuery").json()
    (lost,) = bob.get("/api/v1/position", "positionQuery").json()
    assert (won["entryPrice"], won["pnlUnrealized"], won["pnlRealized"]) == ("100", "1000", "0")
    assert (lost["entryPrice"], lost["pnlUnrealized"]) == ("100", "-1000")
    gained, charged = Decimal(won["cumulativeInterest"]), Decimal(lost["cumulativeInterest"])
    assert charged < 0 < gained < -charged, "the house keeps the difference, never below zero"
    assert alice.get(f"{HISTORY}/settlement", "settlementHistoryQueryAll").json() == []


def test_settlements_name_their_position_and_can_be_asked_for_by_kind(
    alice: Trader, bob: Trader
) -> None:
    perp = "SOL_USDC_PERP"
    accepted(UpdateAccount(account=alice.id, auto_realize_pnl=False))
    alice.limit(perp, Side.BID, ticks=10_000, lots=50_000)
    bob.limit(perp, Side.ASK, ticks=10_000, lots=50_000)
    accepted(UpdatePrices(prices_e8={"SOL": 200 * 10**8}))
    accepted(AutoRealize(market=perp))
    path = (f"{HISTORY}/settlement", "settlementHistoryQueryAll")
    (culled,) = alice.get(*path).json()
    (position,) = alice.get("/api/v1/position", "positionQuery").json()
    assert culled["source"] == "CulledRealizePnlAccountThreshold"
    assert culled["positionId"] == position["positionId"]
    assert alice.get(*path, ("source", "CulledRealizePnl")).json() == [culled]
    assert alice.get(*path, ("source", "RealizePnl")).json() == []
    assert [row["source"] for row in bob.get(*path).json()] == ["RealizePnl"]


def test_a_loan_tells_before_it_is_made_where_it_would_end(alice: Trader, bob: Trader) -> None:
    path = "/api/v1/borrowLend/position/liquidationPrice"
    name = "borrowLendPositionLiquidationPrice"

    def ask(**payload: str) -> Any:
        encoded = b64encode(json.dumps(payload).encode()).decode()
        return bob.get(path, name, ("borrow", encoded))

    alice.deposit("BTC", 2)
    move(alice, "Lend", "2")
    told = ask(quantity="1", side="Borrow", symbol="BTC").json()
    assert told["markPrice"] == "50000"
    assert move(bob, "Borrow", "1").status_code == 200
    # All in dollars but the loan: 100,000 + 100 SOL at weight, and 1 BTC at weight against 1 BTC.
    ruin = int(Decimal(told["liquidationPrice"]) * 10**8)
    for price, sound in ((ruin - 10**8, True), (ruin + 10**8, False)):
        accepted(UpdatePrices(prices_e8={"BTC": price}))
        margin = bob.get("/api/v1/capital/collateral", "collateralQuery").json()
        assert (Decimal(margin["marginFraction"]) >= Decimal(margin["mmf"])) is sound
    for payload, code in (
        ({"quantity": "500", "side": "Lend", "symbol": "SOL"}, "INSUFFICIENT_FUNDS"),
        ({"quantity": "5", "side": "Bend", "symbol": "SOL"}, "INVALID_CLIENT_REQUEST"),
        ({"quantity": "5", "side": "Lend"}, "INVALID_CLIENT_REQUEST"),
        ({"quantity": "5", "side": "Lend", "symbol": "NONE"}, "INVALID_ASSET"),
    ):
        assert ask(**payload).json()["code"] == code
    assert bob.get(path, name, ("borrow", "no base64")).json()["code"] == "INVALID_CLIENT_REQUEST"


def test_collateral_that_the_house_sold_is_told_apart(alice: Trader, bob: Trader) -> None:
    perp, carol = "SOL_USDC_PERP", Trader("carol")
    carol.deposit("SOL", 100)
    accepted(UpdateAccount(account=carol.id, auto_borrow_settlements=False))
    alice.limit("SOL_USDC", Side.BID, ticks=8_990, lots=5_000)
    bob.limit(perp, Side.ASK, ticks=10_000, lots=2_000)
    carol.limit(perp, Side.BID, ticks=10_000, lots=2_000)
    accepted(UpdatePrices(prices_e8={"SOL": 90 * 10**8}))
    accepted(AutoRealize(market=perp))
    (settled,) = carol.get(f"{HISTORY}/settlement", "settlementHistoryQueryAll").json()
    assert settled["quantity"] == "-201", "the loss, and the fee that was owed in the position"

    def fills(*pairs: tuple[str, str]) -> list[tuple[str, str | None]]:
        rows = carol.get(f"{HISTORY}/fills", "fillHistoryQueryAll", *pairs).json()
        return [(row["symbol"], row["systemOrderType"]) for row in rows]

    sold, own = ("SOL_USDC", "CollateralConversion"), (perp, None)
    assert fills() == [sold, own]
    assert fills(("fillType", "User")) == [own]
    assert fills(("fillType", "CollateralConversion")) == [sold]
    assert fills(("fillType", "Adl")) == []
    orders = carol.get(f"{HISTORY}/orders", "orderHistoryQueryAll").json()
    assert [row["systemOrderType"] for row in orders] == ["CollateralConversion", None]


def test_interest_is_listed_by_source_asset_and_position(alice: Trader) -> None:
    hour = datetime(2026, 11, 25, 13, tzinfo=UTC)
    kinds = InterestPayment.Kind
    perp = {"market": "SOL_USDC_PERP", "position_id": 7}
    for kind, amount, more in (
        (kinds.LEND, 1_500_000, {}),
        (kinds.UNREALIZED_POSITIVE, 250_000, perp),
        (kinds.UNREALIZED_NEGATIVE, -40, perp),
    ):
        InterestPayment.objects.create(
            account_id=alice.id,
            asset="USDC",
            hour=hour,
            kind=kind,
            amount=Decimal(amount),
            rate_ppb=40_000_000,
            **more,
        )
    path = (f"{HISTORY}/interest", "interestHistoryQueryAll")
    answer = alice.get(*path)
    assert answer.headers["X-Total"] == "3"
    lent = answer.json()[-1]
    assert lent == {
        "interestRate": "0.04",
        "interval": 3_600_000,
        "marketSymbol": "",
        "paymentType": "Lend",
        "positionId": f"{alice.id}-USDC",
        "quantity": "1.5",
        "symbol": "USDC",
        "timestamp": "2026-11-25T14:00:00.000",
    }

    def found(*pairs: tuple[str, str]) -> list[str]:
        return [row["quantity"] for row in alice.get(*path, *pairs).json()]

    assert found(("source", "UnrealizedPnl")) == ["-0.00004", "0.25"]
    assert found(("source", "BorrowLend")) == found(("positionId", lent["positionId"])) == ["1.5"]
    assert found(("symbol", "SOL_USDC_PERP"), ("sortDirection", "Asc")) == ["0.25", "-0.00004"]
    assert found(("positionId", "7")) == found(("symbol", "SOL_USDC_PERP"))
    for unknown in ("0", "71", f"{7:018}1", "9" * 5_000):
        assert found(("positionId", unknown)) == []
    assert found(("asset", "BTC")) == []
    assert alice.get(*path, ("source", "Elsewhere")).status_code == 400


# -- rates -----------------------------------------------------------------------------------------


def test_rates_are_kept_and_thinned_out_by_the_length_of_the_span(alice: Trader) -> None:
    now = timezone.now()
    for number, minutes in enumerate((1, 2, 60 * 30, 60 * 24 * 20, 60 * 24 * 300)):
        PoolRate.objects.create(
            asset="BTC",
            at=now - timedelta(minutes=minutes),
            borrow_rate_ppb=number * 10**7,
            lend_rate_ppb=number * 10**6,
            utilization_ppb=10**8,
            lent=Decimal(2 * 10**8),
            borrowed=Decimal(10**8),
        )
    path, client = "/api/v1/borrowLend/markets/history", Client()

    def rates(interval: str) -> list[str]:
        query = {"interval": interval, "symbol": "BTC"}
        return [row["borrowInterestRate"] for row in client.get(path, query).json()]

    # The two of the last minutes may lie in one step, or on both sides of its end.
    assert rates("1d") in (["0"], ["0.01", "0"])
    assert rates("1w") in (["0.02", "0"], ["0.02", "0.01", "0"])
    assert [rates("1month")[0], rates("1year")[0]] == ["0.03", "0.04"]
    row = client.get(path, {"interval": "1d"}).json()[-1]
    assert row | {"timestamp": ""} == {
        "borrowInterestRate": "0",
        "borrowedQuantity": "1",
        "lendInterestRate": "0",
        "lentQuantity": "2",
        "timestamp": "",
        "utilization": "0.1",
    }
    assert row["timestamp"].endswith("Z")
    for query in ({}, {"interval": "2d"}, {"interval": "1d", "symbol": "NONE"}):
        assert client.get(path, query).status_code == 400


def test_a_years_yield_compounds_the_rates_of_now(alice: Trader, bob: Trader) -> None:
    alice.deposit("BTC", 2)
    move(alice, "Lend", "2")
    move(bob, "Borrow", "1.5")
    answer = Client().get("/api/v1/borrowLend/apy", {"tierId": "3"}).json()
    assert answer["staking"] == []
    (btc,) = (row for row in answer["borrowLend"] if row["symbol"] == "BTC")
    # 3 % a year at 75 % utilization: 2.025 % for lenders, after the fee.
    assert Decimal(btc["borrowRate"]) == pytest.approx(Decimal("0.030454482"), abs=Decimal("2e-9"))
    assert Decimal(btc["lendRate"]) == pytest.approx(Decimal("0.020456401"), abs=Decimal("2e-8"))


# -- staff -----------------------------------------------------------------------------------------


def act(who: Client, table: str, action: str, chosen: object, **more: str) -> Any:
    body = {"action": action, "_selected_action": [chosen], "confirmed": "1"}
    url = reverse(f"admin:{table}_changelist")
    return who.post(url, {**body, "reason": "Agreed in the risk meeting", **more})


def test_risk_says_what_a_pool_accepts(alice: Trader) -> None:
    move(alice, "Lend", "10", "SOL")
    risk, support = staff("risk"), staff("support")
    act(support, "lending_pool", "close_pool", "SOL")
    assert Pool.objects.get(pk="SOL").state == "Open"
    for action, state in (
        ("close_pool", "Closed"),
        ("repay_only", "RepayOnly"),
        ("open_pool", "Open"),
    ):
        act(risk, "lending_pool", action, "SOL")
        assert Pool.objects.get(pk="SOL").state == state
        record = AuditRecord.objects.get(action=f"console.{action}")
        assert JournalEntry.objects.filter(command_id=f"audit:{record.pk}").exists()
        shown = {row["symbol"]: row["state"] for row in Client().get(MARKETS).json()}
        assert shown["SOL"] == state


def test_risk_limits_what_one_account_may_owe(alice: Trader) -> None:
    risk = staff("risk")
    table, action = "accounts_accountsettings", "limit_borrows"
    asked = act(risk, table, action, alice.id)
    assert b"The most that it may owe in USD" in asked.content
    assert not AuditRecord.objects.filter(action="console.limit_borrows").exists()
    act(risk, table, action, alice.id, answer="much")
    act(risk, table, action, alice.id, answer="-5")
    assert AccountSettings.objects.get(pk=alice.id).borrow_limit_micros == MAX_ATOMS
    act(risk, table, action, alice.id, answer="250.5")
    assert AccountSettings.objects.get(pk=alice.id).borrow_limit_micros == 250_500_000
    assert AuditRecord.objects.latest("id").details == {"answer": "250.5"}
    assert alice.get("/api/v1/account", "accountQuery").json()["borrowLimit"] == "250.5"
    act(risk, table, action, alice.id, answer="none")
    assert AccountSettings.objects.get(pk=alice.id).borrow_limit_micros == MAX_ATOMS


def test_treasury_funds_the_insurance_and_writes_off_what_nobody_will_pay(
    alice: Trader, live_engine: InlineEngine
) -> None:
    treasury = staff("treasury")
    move(alice, "Lend", "10", "SOL")
    act(treasury, "lending_pool", "fund_insurance", "SOL", answer="lots")
    act(treasury, "lending_pool", "fund_insurance", "SOL", answer="2")
    carol = Trader("carol")
    carol.deposit("USDC", 1_000)
    assert move(carol, "Borrow", "5", "SOL").status_code == 200
    debt = Balance.objects.get(account_id=carol.id, asset="SOL")
    act(treasury, "accounts_balance", "write_off", debt.pk)
    assert not DebtWriteOff.objects.exists(), "it still has assets"
    _lose_everything(carol, live_engine)
    act(staff("risk"), "accounts_balance", "write_off", debt.pk)
    assert not DebtWriteOff.objects.exists(), "risk may not"
    act(treasury, "accounts_balance", "write_off", debt.pk)
    written = DebtWriteOff.objects.get()
    assert (written.account_id, written.asset, int(written.insured)) == (carol.id, "SOL", 2 * 10**9)
    # The reserve is told in whole atoms, rounded down.
    assert written.amount - (written.reserve + written.insured + written.lenders) in (0, 1)
    assert Pool.objects.get(pk="SOL").state == "RepayOnly"
    last = carol.get(f"{HISTORY}/borrowLend", "borrowHistoryQueryAll").json()[0]
    assert (last["eventType"], last["source"]) == ("BorrowRepay", "Reconciliation")
    assert net(carol) == {}
    assert all(proof.holds for proof in ledger_proof())


def _lose_everything(trader: Trader, engine: InlineEngine) -> None:
    """Have an account take its collateral out while its debt of SOL is worth nothing."""
    accepted(CreditDeposit(account=trader.id, asset="BTC", amount_atoms=10))
    for _ in range(2):
        # Initial margin looks back five minutes.
        accepted(UpdatePrices(prices_e8={"SOL": 1}))
        engine.ahead_ns += 600 * SECOND_NS
    accepted(UpdatePrices(prices_e8={"SOL": 1}))
    for number, (asset, amount) in enumerate((("USDC", 10**9), ("SOL", 5 * 10**9)), 1):
        accepted(
            RequestWithdrawal(
                account=trader.id, asset=asset, amount_atoms=amount, withdrawal=number
            )
        )
        accepted(SettleWithdrawal(withdrawal=number))
    # In doubt, so that it is not liquidated before the treasury acts.
    doubted = {"SOL": PriceState.DEGRADED}
    accepted(UpdatePrices(prices_e8={"SOL": 100 * 10**8, "BTC": 1}, states=doubted))


# -- the page --------------------------------------------------------------------------------------


def test_auto_realize_is_changed_by_the_page_and_by_nothing_else(alice: Trader) -> None:
    body = {"autoRealizePnl": False, "leverageLimit": "5"}
    assert alice.send("PATCH", "/api/v1/account", "accountUpdate", body).status_code == 200
    kept = AccountSettings.objects.get(pk=alice.id)
    assert (kept.auto_realize_pnl, kept.leverage_limit) == (True, 5)
    page = reverse("accounts:settings")
    switches = {"account": alice.id, "auto_lend": "on", "leverage_limit": "8"}
    own, stranger = Client(), Client()
    own.force_login(alice.user)
    stranger.force_login(Trader("carol").user)
    assert stranger.post(page, switches).status_code == 404
    own.post(page, switches | {"leverage_limit": "0"})
    assert AccountSettings.objects.get(pk=alice.id).auto_realize_pnl
    own.post(page, switches)
    kept = AccountSettings.objects.get(pk=alice.id)
    assert (kept.auto_lend, kept.auto_realize_pnl, kept.leverage_limit) == (True, False, 8)
    shown = alice.get("/api/v1/account", "accountQuery").json()
    assert (shown["autoLend"], shown["autoRealizePnl"]) == (True, False)
