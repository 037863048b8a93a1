"""The portfolio through the API: whose it is, over which span, and that it adds up."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from nacl.signing import SigningKey

from accounts import services
from accounts.models import Account
from accounts.scopes import READ, TRADE
from engine.commands import TransferFunds
from engine.units import AccountId
from engine.vocabulary import Side
from tests.api.house import Trader, accepted

PORTFOLIO, QUERY = "/api/v1/x/portfolio", "xPortfolioQuery"
HISTORY, HISTORY_QUERY = "/api/v1/x/portfolio/history", "xPortfolioHistoryQuery"
PERP = "SOL_USDC_PERP"


def portfolio(trader: Trader, **query: str) -> Any:
    return trader.get(PORTFOLIO, QUERY, *query.items())


def history(trader: Trader, **query: str) -> Any:
    return trader.get(HISTORY, HISTORY_QUERY, *query.items())


class Sub(Trader):
    """The same customer with a key of a sub-account."""

    def __init__(self, owner: Trader, name: str) -> None:
        account = services.create_sub_account(owner.user, name)
        self.user, self.account, self.id = owner.user, account, AccountId(account.pk)
        self.key, secret = services.create_api_key(account, "bot")
        self.signer = SigningKey(b64decode(secret))
        self.window_ms = owner.window_ms


@pytest.fixture
def sub(alice: Trader, bob: Trader) -> Sub:
    """Alice's sub-account: she has given it 40,000 USDC, and it is long 100 SOL at 100."""
    made = Sub(alice, "Grid")
    amount = 40_000 * 10**6
    accepted(TransferFunds(source=alice.id, destination=made.id, asset="USDC", amount_atoms=amount))
    made.limit(PERP, Side.BID, ticks=10_000, lots=10_000)
    bob.limit(PERP, Side.ASK, ticks=10_000, lots=10_000)
    return made


def adds_up(change: dict[str, str]) -> None:
    amounts = {name: Decimal(change[name]) for name in change if name not in ("symbol", "until")}
    came = amounts["netInflow"] + amounts["fromOtherAssets"] + amounts["profit"]
    assert amounts["opening"] + came == amounts["closing"]
    parts = sum(amounts[name] for name in ("trading", "fees", "funding", "interest"))
    assert parts == amounts["profit"]


def test_a_key_sees_its_own_account_and_the_main_one_all(alice: Trader, sub: Sub) -> None:
    own = portfolio(alice).json()
    assert [row["accountId"] for row in own["accounts"]] == [alice.id]
    assert (own["equity"], own["change"]["netInflow"]) == ("70000", "70000")
    grid = portfolio(sub).json()
    assert [(row["subaccountId"], row["name"]) for row in grid["accounts"]] == [(1, "Grid")]
    # 10,000 dollars at 0.02 % as a maker.
    assert (grid["change"]["fees"], grid["change"]["profit"]) == ("-2", "-2")
    everything = portfolio(alice, scope="all").json()
    assert [row["accountId"] for row in everything["accounts"]] == [alice.id, sub.id]
    # The transfer is no inflow of both together: 100,000 USDC and 100 SOL came from outside.
    assert everything["change"]["netInflow"] == "110000"
    assert everything["equity"] == "109998"
    assert everything["volume30d"] == "10000"
    exposure = {row["symbol"]: row for row in everything["exposure"]}
    assert (exposure["SOL"]["balance"], exposure["SOL"]["perpetuals"]) == ("100", "100")
    assert (exposure["SOL"]["exposure"], exposure["SOL"]["value"]) == ("200", "20000")
    for changes in (everything["assets"], [row["change"] for row in everything["accounts"]]):
        for change in changes:
            adds_up(change)
        whole = sum(Decimal(change["profit"]) for change in changes)
        assert whole == Decimal(everything["change"]["profit"])
    (leveraged,) = [row for row in everything["accounts"] if row["accountId"] == sub.id]
    assert leveraged["status"] == "Healthy"
    assert Decimal(leveraged["leverage"]) == pytest.approx(Decimal("0.25"), abs=Decimal("0.001"))


def test_all_accounts_are_refused_to_a_key_of_a_sub_account(alice: Trader, sub: Sub) -> None:
    for call in (portfolio, history):
        refused = call(sub, scope="all")
        assert refused.status_code == 403
        assert refused.json()["code"] == "FORBIDDEN"
        assert "keys of the main account" in refused.json()["message"]
        assert call(sub, scope="own").status_code == 200


def test_nobody_is_told_of_the_accounts_of_others(alice: Trader, bob: Trader, sub: Sub) -> None:
    names = {"account": str(bob.id), "accountId": str(bob.id), "subaccountId": "1"}
    for query in ({}, {"scope": "all"}):
        for call in (portfolio, history):
            told = call(alice, **query, **names)
            assert told.status_code == 200
            assert str(bob.id) not in told.content.decode()
    assert [row["accountId"] for row in portfolio(bob, scope="all").json()["accounts"]] == [bob.id]


def test_a_key_needs_the_scope_to_read(alice: Trader) -> None:
    alice.key.scopes = [TRADE]
    alice.key.save()
    for call in (portfolio, history):
        assert call(alice).status_code == 403
    alice.key.scopes = [READ]
    alice.key.save()
    assert portfolio(alice, scope="all").status_code == 200


def test_history_by_day_and_by_hour(alice: Trader, sub: Sub) -> None:
    (today,) = history(alice, scope="all").json()
    adds_up({name: today[name] for name in today if name not in ("accountId", "complete")})
    assert (today["accountId"], today["complete"], today["profit"]) == (None, False, "-2")
    by_hour = history(alice, scope="all", interval="1h").json()
    assert sum(Decimal(row["profit"]) for row in by_hour) == Decimal("-2")
    each = history(alice, scope="all", perAccount="true").json()
    assert {row["accountId"]: row["profit"] for row in each} == {alice.id: "0", sub.id: "-2"}


@pytest.mark.parametrize(
    "query",
    [
        {"days": "0"},
        {"days": "-7"},
        {"days": "9" * 300},
        {"days": "7", "from": "2026-01-01"},
        {"from": "yesterday"},
        {"from": "2999-01-01"},
        {"from": "-1"},
        {"from": "1000-01-01"},
        {"to": "2026-01-01"},
        {"from": "2026-02-02", "to": "2026-02-01"},
        {"scope": "everybody"},
    ],
)
def test_bad_spans_are_refused_with_what_to_do(alice: Trader, query: dict[str, str]) -> None:
    for call in (portfolio, history):
        answer = call(alice, **query)
        assert answer.status_code == 400, query
        assert answer.json()["code"] == "INVALID_CLIENT_REQUEST"
        assert len(answer.json()["message"]) > 15


def test_hours_of_long_ago_are_refused(alice: Trader) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=40)).date().isoformat()
    answer = history(alice, interval="1h", **{"from": long_ago})
    assert answer.status_code == 400
    assert "Hours are kept for 35 days" in answer.json()["message"]
    assert history(alice, interval="1d", **{"from": long_ago}).status_code == 200
    assert history(alice, interval="1s").status_code == 400


def test_an_account_that_is_not_open_yet_is_shown_empty(alice: Trader) -> None:
    waiting = Account.objects.create(user=alice.user, main=alice.account, number=9, name="Waiting")
    rows = portfolio(alice, scope="all").json()["accounts"]
    (row,) = [row for row in rows if row["accountId"] == waiting.pk]
    assert (row["equity"], row["status"], row["leverage"]) == ("0", None, None)
