"""Backstops by their owners: who may offer them, what is taken, and how they end."""

from typing import Any

import pytest
from django.test import Client

from accounts import services
from accounts.models import Account, User
from compliance import services as compliance
from compliance.models import AuditRecord, Customer, Status
from sequencer.inline import InlineEngine
from tests.api.house import Trader
from tests.api.test_console_tables import staff
from tests.api.test_notices import PERP, carol, prices
from tests.api.test_rest_lend_terms import act
from trading.risk_models import Backstop

__all__ = ["carol"]

PATH = "/api/v1/x/backstop"
pytestmark = pytest.mark.django_db


def allow(trader: Trader, action: str = "allow_backstops") -> None:
    """Give, or take, the right as staff do."""
    known = User.objects.filter(email="risk@example.org").first()
    who = Client() if known else staff("risk")
    if known:
        who.force_login(known)
    act(who, "accounts_accountsettings", action, trader.id)


def offer(trader: Trader, minute: Any = "1000", hour: Any = "5000", symbol: Any = PERP) -> Any:
    body = {"symbol": symbol, "notionalPerMinute": minute, "notionalPerHour": hour}
    return trader.send("POST", PATH, "xBackstopOffer", body)


def end(trader: Trader, symbol: str = PERP) -> Any:
    return trader.send("DELETE", PATH, "xBackstopEnd", {"symbol": symbol})


def shown(trader: Trader) -> dict[str, tuple[str, str]]:
    answer = trader.get(PATH, "xBackstopQuery")
    assert answer.status_code == 200
    return {
        row["symbol"]: (row["notionalPerMinute"], row["notionalPerHour"]) for row in answer.json()
    }


def test_only_who_was_given_the_right_offers_and_whoever_has_offered_may_end(bob: Trader) -> None:
    refused = offer(bob)
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert "support" in refused.json()["message"]
    allow(bob)
    assert AuditRecord.objects.filter(action="console.allow_backstops").exists()
    assert offer(bob).json()[0]["notionalPerHour"] == "5000"
    assert offer(bob, "1000.5", "1000.5").status_code == 200
    assert shown(bob) == {PERP: ("1000.5", "1000.5")}
    allow(bob, "forbid_backstops")
    assert offer(bob).status_code == 403
    assert shown(bob) == {PERP: ("1000.5", "1000.5")}
    assert end(bob).json() == []
    assert int(Backstop.objects.get(account_id=bob.id).minute_micros) == 0
    gone = end(bob)
    assert (gone.status_code, gone.json()["code"]) == (404, "RESOURCE_NOT_FOUND")


def test_the_right_is_one_accounts_and_nobody_elses(alice: Trader, bob: Trader) -> None:
    allow(bob)
    assert offer(alice).status_code == 403
    offer(bob)
    assert shown(alice) == {}
    assert end(alice).status_code == 404
    # A sub-account has its own right.
    sub = services.create_sub_account(bob.user, "desk two")
    key, _ = services.create_api_key(sub, "bot two")
    assert not Account.objects.get(pk=key.account_id).may_backstop
    assert shown(bob) == {PERP: ("1000", "5000")}


@pytest.mark.parametrize(
    ("minute", "hour", "symbol"),
    [
        ("0", "10", PERP),
        ("-1", "10", PERP),
        ("10", "9", PERP),
        ("1e3x", "5000", PERP),
        ("0.0000001", "1", PERP),
        ("9" * 40, "9" * 40, PERP),
        ("9223372036854.775808", "9223372036854.775808", PERP),
        ("NaN", "Infinity", PERP),
        (True, "10", PERP),
        (["1"], "10", PERP),
        ({"a": 1}, "10", PERP),
        (None, "10", PERP),
        ("10", "20", "SOL_USDC"),
        ("10", "20", "NOWHERE"),
        ("10", "20", ""),
        ("10", "20", "SOL_USDC_PERP\0"),
    ],
)
def test_what_makes_no_sense_is_refused(bob: Trader, minute: Any, hour: Any, symbol: Any) -> None:
    allow(bob)
    refused = offer(bob, minute, hour, symbol)
    assert refused.status_code == 400, refused.content
    assert refused.json()["message"]
    assert shown(bob) == {}


def test_who_may_not_trade_offers_nothing_but_may_end(bob: Trader) -> None:
    allow(bob)
    offer(bob)
    customer = Customer.objects.get(user=bob.user)
    compliance.change_status(customer, None, status=Status.RESTRICTED, reason="papers have expired")
    assert offer(bob).status_code == 403
    assert end(bob).status_code == 200


def test_a_key_without_the_scope_offers_nothing(bob: Trader) -> None:
    allow(bob)
    bob.key.scopes = ["read"]
    bob.key.save()
    assert offer(bob).status_code == 403
    assert end(bob).status_code == 403
    assert shown(bob) == {}


def test_what_was_taken_is_counted(bob: Trader, carol: Trader, live_engine: InlineEngine) -> None:
    allow(bob)
    offer(bob)
    prices(live_engine, 9_450)
    (row,) = bob.get(PATH, "xBackstopQuery").json()
    taken = float(row["taken"])
    assert 0 < taken <= 1_000
    assert row["takenLastMinute"] == row["takenLastHour"] == row["taken"]
    assert row["takeovers"] == 1
    offers = live_engine.engine.state.backstops[PERP][bob.id]
    assert taken == sum(size for _, size in offers.taken) / 10**6
    # What is over stays to be seen.
    end(bob)
    assert shown(bob) == {PERP: ("0", "0")}
    # Who is liquidated cannot be a backstop.
    allow(carol)
    refused = offer(carol)
    assert (refused.status_code, refused.json()["code"]) == (400, "ACCOUNT_LIQUIDATING")


def test_the_page_offers_changes_and_ends(alice: Trader, bob: Trader) -> None:
    browser = Client()
    browser.force_login(bob.user)
    form = {"account": bob.id, "symbol": PERP, "minute": "10", "hour": "20", "understood": "on"}
    page = browser.get("/account/backstops").content.decode()
    assert "support" in page
    assert 'name="minute"' not in page
    assert browser.post("/account/backstops", form).status_code == 422
    allow(bob)
    unread = browser.post("/account/backstops", {**form, "understood": ""})
    assert unread.status_code == 422
    assert "tick the box" in unread.content.decode()
    assert browser.post("/account/backstops", form, follow=True).status_code == 200
    assert shown(bob) == {PERP: ("10", "20")}
    wrong = browser.post("/account/backstops", {**form, "minute": "30"})
    assert "notionalPerHour" in wrong.content.decode()
    assert browser.post("/account/backstops", {**form, "account": alice.id}).status_code == 404
    assert browser.post("/account/backstops", {**form, "act": "end"}).status_code == 302
    assert shown(bob) == {}
    assert Client().get("/account/backstops").status_code == 302
