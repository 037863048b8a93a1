"""How index prices came about: the tables, the pages, the API, the console and its switch."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import User
from compliance.models import AuditRecord
from engine.catalog import PriceState
from gateway.explained import Exclusion, Explained, Explanation, SourcePrice, Why
from prices.recorder import Records
from sequencer.inline import InlineEngine
from sequencer.models import JournalEntry
from tests.api.house import Trader
from tests.house_fixture import alice, bob, house
from trading.models import Asset
from trading.price_models import PriceHalt, PriceRecord
from trading.price_records import PriceRecords, at_second, forget, latest, states_now
from trading.price_words import basis_points, shown_price
from trading.tasks import forget_prices

__all__ = ["alice", "bob", "house"]

E8 = 10**8
DAY = 86_400
NOW = int(time.time())
WELL = Explained(
    index_e8=100 * E8,
    raw_e8=100 * E8,
    is_capped=False,
    state=PriceState.OK,
    why=Why.AGREED,
    since=NOW - 60,
    sources=(
        SourcePrice("kraken", 10_001_000_000, 3),
        SourcePrice("okx", 9_999_000_000, 2),
        SourcePrice("bitstamp", 100 * E8, 1),
    ),
    perp_e8=9_990_000_000,
)
ILL = msgspec.structs.replace(
    WELL,
    raw_e8=102 * E8,
    is_capped=True,
    state=PriceState.DEGRADED,
    why=Why.FEW_SOURCES,
    sources=(
        SourcePrice("kraken", 102 * E8, 3),
        SourcePrice("okx", 6_500_000_000, 0, Exclusion.OUTLIER),
        SourcePrice("bitstamp", None, 0, Exclusion.SILENT),
    ),
)
ONE = Explained(
    index_e8=E8, raw_e8=E8, is_capped=False, state=PriceState.OK, why=Why.UNIT_OF_ACCOUNT, since=NOW
)


def second(at: int, sol: Explained = WELL, *, sequence: int | None = 7) -> Explanation:
    return Explanation(second=at, sequence=sequence, assets={"USDC": ONE, "SOL": sol})


def keep(*explanations: Explanation) -> None:
    records: Records = PriceRecords()
    records.keep(explanations)


def staff(group: str) -> Client:
    user = User.objects.create_user(f"{group}@prices.example", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def explained(**query: Any) -> Any:
    answer = Client().get("/api/v1/x/prices", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


# -- the tables ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_second_is_kept_as_it_was_told_and_once() -> None:
    keep(second(NOW), second(NOW - 1, ILL))
    keep(second(NOW, ILL))
    assert latest() == second(NOW)
    assert at_second(NOW - 1) == second(NOW - 1, ILL)
    assert at_second(NOW + 59) == second(NOW)
    assert at_second(NOW + 60) is None
    assert at_second(NOW - 2) is None
    row = PriceRecord.objects.get(second=NOW - 1)
    assert {"Degraded", "SOL", "SOL:Degraded", "SOL:okx:Outlier", "Silent"} <= set(row.troubles)
    assert PriceRecord.objects.get(second=NOW).troubles == []


@pytest.mark.django_db
def test_quiet_seconds_are_forgotten_first(settings: Any) -> None:
    settings.PRICE_RECORD_DAYS, settings.PRICE_TROUBLE_DAYS = 2, 10
    for days in (1, 3, 11):
        keep(second(NOW - days * DAY), second(NOW - days * DAY - 1, ILL))
    assert forget(NOW) == 3
    left = PriceRecord.objects.order_by("-second").values_list("second", flat=True)
    assert list(left) == [NOW - DAY, NOW - DAY - 1, NOW - 3 * DAY - 1]
    forget_prices()


# -- the pages -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_before_the_first_explanation_the_pages_say_so() -> None:
    assert "No index price has been explained yet" in Client().get("/prices").content.decode()
    assert Client().get("/prices/SOL").status_code == 404


@pytest.mark.django_db
def test_a_trader_reads_why_a_price_is_what_it_is() -> None:
    keep(second(NOW - 3, ILL), second(NOW - 2, ILL), second(NOW - 1))
    every = Client().get("/prices").content.decode()
    assert 'href="/prices/SOL"' in every
    assert "3 of 3" in every
    page = Client().get("/prices/SOL").content.decode()
    assert "Three or more sources agree." in page
    assert "99.9000" in page
    assert "+1.0" in page
    # What was wrong before stands below as one span, and leads to its last second.
    assert page.count("okx: too far from the others") == 1
    moment = datetime.fromtimestamp(NOW - 2, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert f"/prices/SOL?at={moment}" in page
    then = Client().get("/prices/SOL", {"at": moment}).content.decode()
    for words in (
        "Only one or two sources count.",
        "Capped:",
        "Too far from the others",
        "Not heard from",
        "−3,500.0",
    ):
        assert words in then, words
    assert "data-live" not in then


@pytest.mark.django_db
def test_what_the_engine_did_not_take_and_what_is_old_is_said() -> None:
    keep(second(NOW - 100, sequence=None))
    page = Client().get("/prices/SOL").content.decode()
    assert "Not published:" in page
    assert "Newer prices are not explained yet." in page


@pytest.mark.django_db
@pytest.mark.parametrize("moment", ["2000-01-01T00:00:00", "2000-01-01T00:00"])
def test_a_moment_of_which_nothing_is_kept_is_answered_so(moment: str) -> None:
    keep(second(NOW))
    answer = Client().get("/prices/SOL", {"at": moment})
    assert answer.status_code == 404
    assert "No explanation of SOL is kept" in answer.content.decode()
    assert Client().get("/prices/SOL", {"at": "yesterday"}).status_code == 302
    assert Client().get("/prices/NOSUCH").status_code == 404


def test_prices_are_shown_with_about_seven_digits() -> None:
    assert [shown_price(e8) for e8 in (8_670_012_345_678, 13_201_234_567, 99_961_234, 123)] == [
        *("86,700.12", "132.0123", "0.999612", "0.000001")
    ]
    assert shown_price(99_999_999) == "1.000000"
    assert [basis_points(one, 10_000) for one in (10_010, 9_995, 10_000, None)] == [
        *("+10.0", "−5.0", "0.0", "–")
    ]


def test_the_market_page_leads_to_the_explanation(alice: Trader) -> None:
    assert 'href="/prices/SOL"' in Client().get("/trade/SOL_USDC").content.decode()


# -- the API ---------------------------------------------------------------------------------------


def test_a_program_reads_the_same(alice: Trader) -> None:
    keep(second(NOW - 5, ILL), second(NOW))
    assert [one["symbol"] for one in explained()] == ["SOL", "USDC"]
    (told,) = explained(symbol="SOL", timestamp=(NOW - 5) * 1_000 + 999)
    assert told == {
        "capped": True,
        "indexPrice": "100",
        "perpPrice": "99.9",
        "rawPrice": "102",
        "sequence": 7,
        "since": (NOW - 60) * 1_000,
        "sources": [
            {"excluded": None, "price": "102", "venue": "kraken", "weight": 3},
            {"excluded": "Outlier", "price": "65", "venue": "okx", "weight": 0},
            {"excluded": "Silent", "price": None, "venue": "bitstamp", "weight": 0},
        ],
        "state": "Degraded",
        "symbol": "SOL",
        "timestamp": (NOW - 5) * 1_000,
        "why": "FewSources",
    }


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"symbol": "NOSUCH"}, 400, "INVALID_ASSET"),
        ({"timestamp": "x"}, 400, "INVALID_CLIENT_REQUEST"),
        ({"timestamp": "1"}, 404, "RESOURCE_NOT_FOUND"),
        ({}, 404, "RESOURCE_NOT_FOUND"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    alice: Trader, query: dict[str, str], status: int, code: str
) -> None:
    answer = Client().get("/api/v1/x/prices", query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


# -- the console -----------------------------------------------------------------------------------


def test_staff_find_seconds_by_state_and_by_what_was_thrown_out(alice: Trader) -> None:
    keep(second(NOW - 2, ILL), second(NOW))
    client = staff("auditor")
    for query, found in (
        ("", 2),
        ("?state=Degraded", 1),
        ("?state=Halt", 0),
        ("?out=Outlier", 1),
        ("?out=Wide", 0),
        ("?asset=SOL", 1),
        ("?asset=USDC", 0),
        (f"?q={NOW}", 1),
    ):
        page = client.get(f"/ops/trading/pricerecord/{query}").context["cl"]
        assert page.result_count == found, query
    detail = client.get(f"/ops/trading/pricerecord/{NOW - 2}/change/").content.decode()
    assert "SOL:okx:Outlier" in detail
    assert "<td>okx</td>" in detail


@pytest.mark.django_db
def test_the_first_page_of_the_console_shows_each_state_and_since_when() -> None:
    keep(second(NOW, ILL))
    states, age = states_now()
    assert [(one.symbol, one.is_well, one.counted) for one in states] == [
        ("SOL", False, 1),
        ("USDC", True, 0),
    ]
    assert age is not None
    page = staff("auditor").get("/ops/").content.decode()
    assert 'data-price="SOL"' in page
    assert "FewSources" in page
    PriceRecord.objects.all().delete()
    keep(second(NOW - 100))
    assert "look at the feed" in staff("risk").get("/ops/").content.decode()


def act(client: Client, name: str, symbol: str = "SOL") -> str:
    answer = client.post(
        "/ops/trading/asset/",
        {
            "action": name,
            "_selected_action": [symbol],
            "reason": "The venues were told to stop by phone",
            "confirmed": "1",
        },
        follow=True,
    )
    return answer.content.decode()


def test_staff_halt_an_index_with_a_reason_and_let_it_go(
    alice: Trader, live_engine: InlineEngine
) -> None:
    records: Records = PriceRecords()
    client = staff("risk")
    assert records.halted() == frozenset()
    assert "is halted" in act(client, "halt_price")
    assert records.halted() == frozenset({"SOL"})
    assert timezone.now() - PriceHalt.objects.get().since < timedelta(minutes=1)
    trail = AuditRecord.objects.get(action="console.halt_price")
    assert trail.reason.startswith("The venues")
    # The engine knows at once, by a command that names the record.
    assert JournalEntry.objects.filter(command_id=f"audit:{trail.pk}").exists()
    assert live_engine.engine.state.prices["SOL"].state is PriceState.HALT
    assert "after its good seconds" in act(client, "release_price")
    assert records.halted() == frozenset()
    assert "Staff have not halted this index." in act(client, "release_price")


def test_the_unit_of_account_cannot_be_halted_and_only_risk_may(alice: Trader) -> None:
    assert "it is always 1" in act(staff("risk"), "halt_price", "USDC")
    act(staff("auditor"), "halt_price")
    assert not PriceHalt.objects.exists()
    assert Asset.objects.filter(symbol="SOL").exists()
