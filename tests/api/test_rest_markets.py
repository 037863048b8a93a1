"""Public rows of the contract: assets, collateral, pools, markets, open interest."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from msgspec.structs import replace

from engine.catalog import Band, MarketState
from engine.commands import AccrueInterest, Borrow, Lend, SetMarketState, UpdateMarket
from engine.vocabulary import Side
from tests.api.house import Trader, accepted
from tests.engine.listings import SOL_PERP
from trading import selectors


def body(path: str) -> Any:
    answer = Client().get(path)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    return json.loads(answer.content, object_pairs_hook=in_order)


def in_order(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert [name for name, _ in pairs] == sorted(name for name, _ in pairs)
    return dict(pairs)


def test_a_perpetual_is_described_with_every_key_and_its_margin(house: object) -> None:
    assert body("/api/v1/market?symbol=SOL_USDC_PERP") | {"createdAt": None} == {
        "baseSymbol": "SOL",
        "createdAt": None,
        "filters": {
            "price": {
                "borrowEntryFeeMaxMultiplier": None,
                "borrowEntryFeeMinMultiplier": None,
                "maxImpactMultiplier": "1.05",
                "maxMultiplier": "2",
                "maxPrice": "10000000000000",
                "maxPriceUpdateMultiplier": None,
                "meanMarkPriceBand": None,
                "meanPremiumBand": None,
                "minImpactMultiplier": "0.95",
                "minMultiplier": "0.25",
                "minPrice": "0.01",
                "minPriceUpdateMultiplier": None,
                "tickSize": "0.01",
            },
            "quantity": {
                "maxQuantity": "10000000000000",
                "minQuantity": "0.01",
                "stepSize": "0.01",
            },
        },
        "fundingInterval": 3_600_000,
        "fundingRateLowerBound": "-150",
        "fundingRateUpperBound": "150",
        "imfFunction": {"base": "0.02", "factor": "0.00006", "type": "sqrt"},
        "marketType": "PERP",
        "mmfFunction": {"base": "0.0135", "factor": "0.000036", "type": "sqrt"},
        "openInterestLimit": None,
        "orderBookState": "Open",
        "positionLimitWeight": "1",
        "quoteSymbol": "USDC",
        "symbol": "SOL_USDC_PERP",
        "visible": True,
    }


def test_a_market_names_its_bands_as_they_are_now(house: object) -> None:
    rules = replace(SOL_PERP.mark, step_ppb=2_500_000)
    changed = replace(
        SOL_PERP,
        mean_mark_band=Band(900_000_000, 1_100_000_000),
        premium_tolerance_ppb=50_000_000,
        open_interest_limit_lots=400_000_000,
        mark=rules,
    )
    accepted(UpdateMarket(market=changed))
    market = body("/api/v1/market?symbol=SOL_USDC_PERP")
    price = market["filters"]["price"]
    assert price["meanMarkPriceBand"] == {"maxMultiplier": "1.1", "minMultiplier": "0.9"}
    assert price["meanPremiumBand"] == {"tolerancePct": "0.05"}
    assert price["maxPriceUpdateMultiplier"] == "1.0025"
    assert price["minPriceUpdateMultiplier"] == "0.9975"
    assert market["openInterestLimit"] == "4000000"


def test_markets_are_listed_in_order_and_by_repeated_type(house: object) -> None:
    symbols = [market["symbol"] for market in body("/api/v1/markets")]
    assert symbols == ["BTC_USDC", "SOL_USDC", "BTC_USDC_PERP", "SOL_USDC_PERP"]
    both = body("/api/v1/markets?marketType=SPOT&marketType=PERP")
    assert len(both) == 4
    spot = body("/api/v1/markets?marketType=SPOT")
    assert {market["marketType"] for market in spot} == {"SPOT"}
    assert {market["openInterestLimit"] for market in spot} == {"0"}
    joined = Client().get("/api/v1/markets?marketType=SPOT,PERP")
    assert joined.status_code == 400
    assert joined.json()["code"] == "INVALID_CLIENT_REQUEST"


def test_a_market_shows_its_state_at_once(house: object) -> None:
    accepted(SetMarketState(market="SOL_USDC", state=MarketState.POST_ONLY))
    assert body("/api/v1/market?symbol=SOL_USDC")["orderBookState"] == "PostOnly"


def test_an_unknown_market_is_a_bad_request_in_the_words_clients_know(house: object) -> None:
    for path in ("/api/v1/market?symbol=NO_SUCH", "/api/v1/openInterest?symbol=NO_SUCH"):
        answer = Client().get(path)
        assert (answer.status_code, answer.json()) == (
            400,
            {"code": "INVALID_CLIENT_REQUEST", "message": "Invalid market symbol"},
        )
    missing = Client().get("/api/v1/market").json()
    assert missing["message"] == "Invalid `symbol`: This field is required."


def test_assets_and_collateral_terms_are_listed(house: object) -> None:
    assert body("/api/v1/assets")[1] == {
        "coingeckoId": None,
        "displayName": "Bitcoin",
        "symbol": "BTC",
        "tokens": [],
    }
    terms = {row["symbol"]: row for row in body("/api/v1/collateral")}
    assert terms["USDC"]["haircutFunction"] == {"kind": {"type": "identity"}, "weight": "1"}
    assert terms["SOL"]["haircutFunction"] == {
        "kind": {"base": "1.1", "positiveCurvePenalty": "0.00005", "type": "inverseSqrt"},
        "weight": "0.9",
    }
    assert terms["SOL"]["imfFunction"] == {"base": "0.2", "factor": "0", "type": "sqrt"}


def test_a_pool_shows_what_is_lent_and_borrowed_and_the_rates(alice: Trader, bob: Trader) -> None:
    alice.deposit("BTC", 2)
    accepted(Lend(account=alice.id, asset="BTC", amount_atoms=200_000_000))
    accepted(Borrow(account=bob.id, asset="BTC", amount_atoms=50_000_000))
    accepted(AccrueInterest(asset="BTC"))
    pool = {row["symbol"]: row for row in body("/api/v1/borrowLend/markets")}["BTC"]
    assert pool["lentQuantity"] == "2"
    assert pool["borrowedQuantity"] in ("0.5", "0.50000001")
    # A quarter is lent: 3 % × 0.25 / 0.75 for borrowers; lenders get a quarter of it, less 10 %.
    assert pool["utilization"][:4] == "0.25"
    assert pool["borrowInterestRate"][:4] == "0.01"
    assert pool["lendInterestRate"][:7] == "0.00225"
    assert (pool["fee"], pool["state"]) == ("0.1", "Open")
    assert (pool["stepSize"], pool["assetMarkPrice"]) == ("0.00000001", "50000")
    assert (pool["optimalUtilization"], pool["maxUtilization"]) == ("0.75", "0.98")
    assert pool["timestamp"].endswith("Z")


def test_open_interest_counts_each_pair_once(
    alice: Trader, bob: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The cache outlives a test's database.
    monkeypatch.setattr(selectors, "OPEN_INTEREST_KEY", str(uuid.uuid4()))
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_000, lots=250)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=250)
    rows = {row["symbol"]: row for row in body("/api/v1/openInterest")}
    assert set(rows) == {"BTC_USDC_PERP", "SOL_USDC_PERP"}
    assert rows["SOL_USDC_PERP"]["openInterest"] == "2.5"
    assert rows["BTC_USDC_PERP"]["openInterest"] == "0"
    assert isinstance(rows["SOL_USDC_PERP"]["timestamp"], int)
    # Summed once for all who ask within seconds.
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_000, lots=50)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=50)
    again = {row["symbol"]: row for row in body("/api/v1/openInterest")}
    assert again["SOL_USDC_PERP"]["openInterest"] == "2.5"
    assert body("/api/v1/openInterest?symbol=SOL_USDC") == [
        {"openInterest": None, "symbol": "SOL_USDC", "timestamp": pytest.approx(0, abs=10**14)}
    ]


@pytest.mark.parametrize("path", ["/api/v1/markets", "/api/v1/prediction"])
def test_a_flood_of_parameters_is_refused(db: None, path: str) -> None:
    answer = Client().get(f"{path}?{'a=1&' * 1_500}")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_CLIENT_REQUEST")


def test_a_body_longer_than_the_fast_paths_take_is_refused(alice: Trader) -> None:
    answer = Client().post("/api/v1/rfq", b" " * 270_000, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "INVALID_CLIENT_REQUEST")


def test_what_is_no_choice_is_told_the_choices(alice: Trader) -> None:
    wrong = {"symbol": "SOL_USDC_RFQ", "side": "Buy", "quantity": "1"}
    answer = alice.send("POST", "/api/v1/rfq", "rfqSubmit", wrong)
    assert answer.json()["message"] == "Invalid `side`: must be one of Bid, Ask"
    path, words = "/wapi/v1/history/fills", ("marketType", "SPOTS")
    answer = alice.get(path, "fillHistoryQueryAll", words)
    assert answer.json()["message"].startswith("Invalid `marketType`: must be one of SPOT, PERP")


def test_wallets_are_an_empty_list(db: None) -> None:
    assert body("/api/v1/wallets") == []


def test_an_unsigned_key_header_does_not_disturb_a_public_call(db: None) -> None:
    assert Client().get("/api/v1/wallets", headers={"X-API-Key": "x"}).status_code == 200


def test_an_unknown_path_is_not_found_in_json(db: None) -> None:
    for path in ("/api/v1/nothing", "/wapi/v1/nothing", "/api/v1/markets/"):
        answer = Client().get(path)
        assert answer.status_code == 404
        assert answer.json()["code"] == "RESOURCE_NOT_FOUND"
        assert Client(enforce_csrf_checks=True).post(path).json()["code"] == "RESOURCE_NOT_FOUND"


def test_public_answers_say_how_long_they_may_be_kept(house: object) -> None:
    assert Client().get("/api/v1/markets").headers["Cache-Control"] == "s-maxage=300"
    assert Client().get("/api/v1/openInterest").headers["Cache-Control"] == "s-maxage=5"
