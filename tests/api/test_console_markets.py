"""What staff do about markets and position limits, and what the console shows of it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from msgspec.structs import replace

from accounts.models import AccountSettings
from compliance.models import AuditRecord
from compliance.services import Refusal
from engine.catalog import BreakerRules, MarketState
from engine.catalog import Market as Listing
from engine.commands import AdvanceTime, SetMarketState, UpdateMarket, UpdatePrices
from engine.units import MAX_ATOMS
from sequencer.inline import InlineEngine
from sequencer.models import JournalEntry
from tests.api.house import Trader, accepted
from tests.api.test_console_tables import staff
from tests.api.test_rest_lend_terms import act
from tests.engine.listings import SOL_USDC
from tests.engine_fixture import assert_tables_agree
from trading.models import Asset, Market, MarketStateChange
from trading.parameters import changed_terms

SPOT = "SOL_USDC"


def spec() -> dict[str, Any]:
    terms: dict[str, Any] = Market.objects.get(pk=SPOT).spec
    return terms


def test_risk_changes_parameters_and_the_trail_keeps_which(house: object) -> None:
    risk, support = staff("risk"), staff("support")
    before = spec()
    asked = act(risk, "trading_market", "update_market", SPOT)
    assert b"What changes" in asked.content
    for who, answer in (
        (support, '{"auction_ms": 5000}'),
        (risk, "auction_ms=5000"),
        (risk, '{"auction": 5000}'),
        (risk, '{"auction_ms": "soon"}'),
        # A digit is wrong: the engine says so.
        (risk, '{"mean_mark_band": {"min_ppb": 90000000, "max_ppb": 1100000000}}'),
        (risk, '{"tick_e8": 2000000}'),
    ):
        act(who, "trading_market", "update_market", SPOT, answer=answer)
        assert spec() == before, answer
    told = act(
        risk,
        "trading_market",
        "update_market",
        SPOT,
        answer='{"auction_ms": 5000, "breaker": {}, "realize": {"account_ppb": 7}}',
    )
    assert told.status_code == 302
    after = spec()
    assert (after["auction_ms"], after["realize"]["account_ppb"]) == (5_000, 7)
    assert after["breaker"]["short_ms"] == 60_000
    assert after["realize"]["utilization_ppb"] == before["realize"]["utilization_ppb"]
    record = AuditRecord.objects.filter(action="console.update_market").latest("id")
    assert "auction_ms" in record.details["answer"]
    assert JournalEntry.objects.filter(command_id=f"audit:{record.pk}").exists()
    act(risk, "trading_market", "update_market", SPOT, answer='{"breaker": null}')
    assert spec()["breaker"] is None


def test_risk_changes_an_assets_parameters(house: object, live_engine: InlineEngine) -> None:
    risk, support = staff("risk"), staff("support")
    before = Asset.objects.get(pk="SOL")
    for who, answer in (
        (support, '{"fee_ppm": 200000}'),
        (risk, '{"decimals": 6}'),
        (risk, '{"haircut": {"weight_ppb": 2000000000}}'),
        (risk, '{"curve": {"optimal_ppb": "0.8"}}'),
        (risk, '{"name": "So\\u0000l"}'),
    ):
        act(who, "trading_asset", "update_asset", "SOL", answer=answer)
        assert Asset.objects.get(pk="SOL").spec == before.spec, answer
    answer = '{"haircut": {"weight_ppb": 700000000}, "fee_ppm": 200000}'
    assert act(risk, "trading_asset", "update_asset", "SOL", answer=answer).status_code == 302
    after = Asset.objects.get(pk="SOL")
    assert (after.spec["haircut"]["weight_ppb"], after.spec["fee_ppm"]) == (700_000_000, 200_000)
    assert after.spec["haircut"]["factor_ppb"] == before.spec["haircut"]["factor_ppb"]
    assert after.listed_at == before.listed_at
    assert AuditRecord.objects.filter(action="console.update_asset").exists()
    assert_tables_agree(live_engine)
    # What clients are told.
    rows = Client().get("/api/v1/collateral").json()
    told = {row["symbol"]: row["haircutFunction"]["weight"] for row in rows}
    assert told["SOL"] == "0.7"


def test_what_is_no_parameter_is_refused_in_words() -> None:
    terms = {"symbol": SPOT}
    for text, words in (("[]", "JSON"), ('{"x": 1}', "no parameter x"), ("{}", "missing")):
        with pytest.raises(Refusal) as caught:
            changed_terms(terms, text, Listing)
        assert words in caught.value.message


def test_the_console_shows_why_a_market_is_held_up_and_what_was_before(house: object) -> None:
    accepted(UpdateMarket(market=replace(SOL_USDC, breaker=BreakerRules(limit_only_ms=1))))
    accepted(UpdatePrices(prices_e8={"SOL": 120 * 10**8}))
    row = Market.objects.get(pk=SPOT)
    assert (row.state, row.state_reason) == ("LimitOnly", "Breaker")
    assert row.state_until is not None
    shown = Client().get("/api/v1/market", {"symbol": SPOT}).json()
    assert shown["orderBookState"] == "LimitOnly"
    risk = staff("risk")
    told = act(risk, "trading_market", "open_book", SPOT)
    page = risk.get(told["Location"]).content.decode()
    assert "for its breaker it is LimitOnly now" in page
    accepted(AdvanceTime())
    row = Market.objects.get(pk=SPOT)
    assert (row.state, row.state_reason, row.state_until) == ("Open", "Staff", None)
    accepted(SetMarketState(market=SPOT, state=MarketState.CLOSED))
    history = MarketStateChange.objects.filter(market=SPOT).order_by("id")
    assert [(one.state, one.reason) for one in history] == [
        ("LimitOnly", "Breaker"),
        ("LimitOnly", "Breaker"),
        ("Open", "Staff"),
        ("Closed", "Staff"),
    ]
    listed = risk.get(reverse("admin:trading_marketstatechange_changelist")).content.decode()
    assert "Breaker" in listed


def test_risk_limits_what_one_account_may_hold(alice: Trader) -> None:
    risk = staff("risk")
    for answer, micros in (
        ("much", MAX_ATOMS),
        ("250.5", 250_500_000),
        ("none", MAX_ATOMS),
    ):
        act(risk, "accounts_accountsettings", "limit_positions", alice.id, answer=answer)
        assert AccountSettings.objects.get(pk=alice.id).position_limit_micros == micros
    act(risk, "accounts_accountsettings", "limit_positions", alice.id, answer="250.5")
    summary = alice.get("/api/v1/account", "accountQuery").json()
    assert summary["positionLimit"] == "250.5"
