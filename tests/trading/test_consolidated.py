"""All accounts of an owner together: a story with numbers to check by hand, the page, the CSV."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account, User
from accounts.services import register_user
from gateway.decimals import format_decimal
from tests.trading import months, three_days
from tests.trading.months import EVERYBODY, Clock
from tests.trading.three_days import BOTS, IDLE, MAIN
from trading import portfolio_tables
from trading.cents import carried, cents, cents_of, cents_of_days
from trading.consolidated import Portfolio, hours_together, portfolio, steps_of_each
from trading.equity_history import Change
from trading.equity_points import write_closed_hours
from trading.spans import Span, SpanWrong, last_days, span_of

MICROS = 10**6
JULY = Span(date(2026, 7, 1), date(2026, 7, 4), is_current=True)
NOW = datetime(2026, 7, 4, 1, tzinfo=UTC)
PAGE = "/account/portfolio"
DATES = "from=2026-07-01&to=2026-07-04"


@pytest.fixture(name="clock")
def story_clock(live_engine: Any, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def owner(clock: Clock) -> User:
    three_days.live(clock)
    return three_days.own()


def results(changes: list[Change]) -> list[str]:
    return [format_decimal(change.result, 6) for change in changes]


def adds_up(found: Portfolio, *, at: datetime = NOW) -> None:
    """Assert that every way to cut the change comes to the same, exactly."""
    whole = found.change
    assert whole.opening + whole.inflow + whole.result == whole.closing
    each = steps_of_each(found, at=at)
    for rows in (found.accounts, found.assets, found.assets_of_each, found.days, each):
        changes: list[Change] = [row.change for row in rows]
        for figure in ("result", "inflow", "fees", "funding", "interest", "trading", "moved"):
            assert sum(getattr(change, figure) for change in changes) == getattr(whole, figure)
    for part in found.accounts:
        own = [row.change for row in found.assets_of_each if row.account == part.account]
        assert sum(change.result for change in own) == part.change.result
        assert sum(change.moved for change in own) == 0
    for before, after in zip(found.days, found.days[1:], strict=False):
        assert before.change.closing == after.change.opening


@pytest.mark.django_db
def test_three_days_by_hand(owner: User) -> None:
    found = portfolio([MAIN, BOTS, IDLE], JULY, at=NOW)
    main, bots, idle = found.accounts
    days = [day.change for day in found.days]
    # Bought 10 SOL one dollar above the index, 0.1 % fee; twenty SOL at the index, 0.05 % fee.
    # Then +10 for 9.99 and 20 SOL, and a step of funding; then -5 for the same.
    assert results(days) == ["-12", "299.855577", "-149.96934", "-0.000806"]
    assert [day.inflow // MICROS for day in days] == [10_000, 0, -395, 0]
    assert [day.fees for day in days] == [-2 * MICROS, 0, 0, 0]
    # 20 SOL × 110 × 0.00125 %.
    assert [day.funding for day in days] == [0, -27_500, 0, 0]
    assert [day.interest for day in days] == [0, -16_923, -19_340, -806]
    assert (days[0].trading, days[2].trading) == (-10 * MICROS, -149_950_000)
    # The 4,000 from Main to Bots are inflow of one and outflow of the other: no profit.
    assert (main.change.inflow, bots.change.inflow) == (5_500 * MICROS, 4_105 * MICROS)
    assert results([main.change, bots.change, idle.change]) == ["38.95", "98.935431", "0"]
    assert (bots.unrealized, main.unrealized) == (-100_027_500, 0)
    assert found.equity == 9_742_885_431 == main.equity + bots.equity
    sol, usdc = found.assets
    # What was bought cost 1,010, fees were 1; 200 of profit were settled.
    assert (sol.asset, sol.change.moved) == ("SOL", (1_010 + 1 - 200) * MICROS)
    assert usdc.change.moved == -sol.change.moved
    assert results([sol.change, usdc.change]) == ["137.9225", "-0.037069"]
    assert sol.change.inflow == 105 * MICROS
    adds_up(found)


@pytest.mark.django_db
def test_exposure_margin_and_volume_of_both_accounts(owner: User) -> None:
    found = portfolio([MAIN, BOTS, IDLE], JULY, at=NOW)
    sol, usdc = found.exposure
    assert (sol.net, sol.perps) == (10_990_000_000, 20_000_000_000)
    assert sol.value == 30_990_000 * 105
    assert usdc.perps == 0
    assert {row.account for row in found.exposure_of_each} == {MAIN, BOTS}
    _, bots, idle = found.accounts
    assert bots.margin is not None
    assert bots.margin.status == "Healthy"
    # 2,100 of the position and 1,000 of debt, over equity less the haircut of one SOL.
    assert bots.margin.leverage_ppb is not None
    leverage = Decimal(bots.margin.leverage_ppb).scaleb(-9)
    assert leverage == pytest.approx(Decimal(3_100) / Decimal("4193.4354"), abs=Decimal("0.001"))
    assert idle.margin is not None
    assert (idle.margin.used_ppb, idle.margin.leverage_ppb) == (None, None)
    # Main's 1,010 and Bots' 2,000 are one volume.
    assert found.volume == 3_010 * MICROS
    (alone,) = portfolio([BOTS], JULY, at=NOW).accounts
    assert alone == bots


@pytest.mark.django_db
def test_spans_in_the_past_and_before_the_history(owner: User) -> None:
    second = portfolio([MAIN, BOTS], Span(date(2026, 7, 2), date(2026, 7, 2), False), at=NOW)
    assert results([second.change]) == ["299.855577"]
    assert len(second.days) == 1
    # What stands is of now, whatever the span.
    assert second.equity == 9_742_885_431
    adds_up(second)
    long = portfolio([MAIN, BOTS], last_days(90, today=date(2026, 7, 4)), at=NOW)
    assert long.change == portfolio([MAIN, BOTS], JULY, at=NOW).change
    assert (len(long.days), len(long.hours)) == (4, 0)
    adds_up(long)
    hours = hours_together(second, at=NOW)
    assert len(hours) == 24
    assert sum(hour.change.result for hour in hours) == second.change.result
    before = portfolio([MAIN, BOTS], Span(date(2026, 6, 1), date(2026, 6, 2), False), at=NOW)
    assert not any(before.change)
    assert not any(any(day.change) for day in before.days)
    adds_up(before)


@pytest.mark.django_db
def test_before_the_first_hour_has_closed_everything_is_of_the_running_day(owner: User) -> None:
    whole = portfolio([MAIN, BOTS], JULY, at=NOW)
    three_days.forget()
    found = portfolio([MAIN, BOTS], JULY, at=NOW)
    assert (found.history_from, found.hours, len(found.days)) == (None, [], 1)
    assert (found.change.inflow, found.change.fees) == (whole.change.inflow, whole.change.fees)
    assert (found.change.result, found.volume) == (whole.change.result, whole.volume)
    adds_up(found)


@pytest.mark.django_db
def test_it_adds_up_with_liquidations_funding_dust_and_write_offs_at_any_moment(
    clock: Clock,
) -> None:
    june = Span(date(2026, 6, 30), date(2026, 7, 2), is_current=True)
    calls = iter(range(1_000))

    def often() -> None:
        # Points are late by some hours now and then.
        if next(calls) % 5 == 0:
            write_closed_hours()
            adds_up(portfolio(EVERYBODY, june, at=clock.now), at=clock.now)

    months.live(clock, often)
    adds_up(portfolio(EVERYBODY, june, at=clock.now), at=clock.now)


@pytest.mark.django_db
def test_many_accounts_take_as_many_queries_as_one(owner: User) -> None:
    def queries(accounts: list[int]) -> int:
        with CaptureQueriesContext(connection) as captured:
            portfolio(accounts, JULY, at=NOW)
        return len(captured)

    assert queries([MAIN, BOTS, IDLE, three_days.GONE, three_days.OTHER]) == queries([BOTS])


# -- cents -----------------------------------------------------------------------------------------

_MICROS = st.integers(-(10**12), 10**12)
_CHANGES = st.builds(Change, *[_MICROS] * 7)


@given(st.lists(_MICROS))
def test_carried_cents_have_the_sum_and_are_less_than_a_cent_off(amounts: list[int]) -> None:
    shown = carried(amounts)
    assert sum(shown) == cents(sum(amounts))
    assert all(
        abs(10_000 * cent - exact) < 10_000 for cent, exact in zip(shown, amounts, strict=True)
    )


@given(st.lists(_CHANGES, min_size=1, max_size=8))
def test_tables_of_cents_add_up_in_rows_and_columns(changes: list[Change]) -> None:
    (whole,) = cents_of([Change(*map(sum, zip(*changes, strict=True)))])
    rows = cents_of(changes)
    for row in rows:
        parts = row.trading + row.fees + row.funding + row.interest
        assert row.opening + row.inflow + row.moved + parts == row.closing
    for figure in (*Change._fields, "result", "trading"):
        assert sum(getattr(row, figure) for row in rows) == getattr(whole, figure)


@given(st.lists(st.tuples(_MICROS, *[_MICROS] * 5), min_size=1, max_size=8), _MICROS)
def test_days_of_cents_open_with_what_the_day_before_closed_with(
    rows: list[tuple[int, ...]], opening: int
) -> None:
    days = []
    for closing, *flows in rows:
        days.append(Change(opening, closing, *flows))
        opening = closing
    shown = cents_of_days(days)
    assert [day.opening for day in shown[1:]] == [day.closing for day in shown[:-1]]
    sums = [sum(column) for column in zip(*(day[2:] for day in days), strict=True)]
    (whole,) = cents_of([Change(days[0].opening, days[-1].closing, *sums)])
    assert sum(day.result for day in shown) == whole.result


# -- spans -----------------------------------------------------------------------------------------

TODAY = date(2026, 7, 4)


@pytest.mark.parametrize(
    ("words", "first", "last", "is_current"),
    [
        ({}, "2026-06-28", "2026-07-04", True),
        ({"days": "30"}, "2026-06-05", "2026-07-04", True),
        ({"from": "2026-07-01"}, "2026-07-01", "2026-07-04", True),
        ({"from": "2026-07-01", "to": "2026-07-03"}, "2026-07-01", "2026-07-03", False),
    ],
)
def test_spans(words: dict[str, str], first: str, last: str, is_current: bool) -> None:
    span = span_of(words, today=TODAY)
    assert (span.first.isoformat(), span.last.isoformat()) == (first, last)
    assert span.is_current is is_current


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"days": "8"}, "days must be one of"),
        ({"days": "-7"}, "days must be one of"),
        ({"days": "9" * 400}, "days must be one of"),
        ({"days": "7", "from": "2026-07-01"}, "not both"),
        ({"to": "2026-07-01"}, "from must be a day"),
        ({"from": "20260701"}, "from must be a day"),
        ({"from": "2026-07-01T00:00"}, "from must be a day"),
        ({"from": "0000-00-00"}, "from must be a day"),
        ({"from": "2026-07-01", "to": "x"}, "to must be a day"),
        ({"from": "2026-07-03", "to": "2026-07-02"}, "not be later than to"),
        ({"from": "2026-07-03", "to": "2026-07-05"}, "later than today"),
        ({"from": "1999-01-01"}, "3660 days at most"),
    ],
)
def test_spans_that_are_none(words: dict[str, str], message: str) -> None:
    with pytest.raises(SpanWrong, match=message):
        span_of(words, today=TODAY)


# -- the page --------------------------------------------------------------------------------------


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def table(html: str, name: str) -> list[dict[str, int]]:
    """Return the figures of a table's rows, in cents."""
    (body,) = re.findall(rf'data-table="{name}".*?<tbody>(.*?)</tbody>', html, re.S)
    rows = []
    for row in re.findall(r"<tr.*?</tr>", body, re.S):
        cells = re.findall(r'data-is="(\w+)"[^>]*>([^<]*)</td>', row)
        rows.append({name: int(re.sub(r"[.,]", "", text)) for name, text in cells})
    return rows


@pytest.mark.django_db
def test_every_table_of_the_page_adds_up_to_the_cent_it_shows(owner: User) -> None:
    client = signed_in(owner)
    answer = client.get(f"{PAGE}?{DATES}")
    assert answer.status_code == 200
    html = answer.content.decode()
    wholes = []
    for name in ("accounts", "assets", "days"):
        *rows, whole = table(html, name)
        wholes.append(whole)
        for row in (*rows, whole):
            left = row["opening"] + row["inflow"] + row.get("moved", 0) + row["result"]
            assert left == row["closing"]
            parts = row["trading"] + row["fees"] + row["funding"] + row["interest"]
            assert parts == row["result"]
        for figure in ("inflow", "result", "trading", "fees", "funding", "interest"):
            assert sum(row[figure] for row in rows) == whole[figure], (name, figure)
    assert {whole["result"] for whole in wholes} == {13_788}
    assert {(whole["opening"], whole["closing"]) for whole in wholes} == {(0, 974_288)}
    assert 'data-chart="equity"' in html
    assert html.count('<rect class="bar-') == 4
    assert "style=" not in html[html.index("<main") :]
    assert 'href="/account/portfolio">Portfolio</a>' in html


@pytest.mark.django_db
def test_what_is_shown_together_adds_up_as_well(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portfolio_tables, "ACCOUNTS_SHOWN", 2)
    monkeypatch.setattr(portfolio_tables, "DAYS_SHOWN", 2)
    html = signed_in(owner).get(f"{PAGE}?{DATES}").content.decode()
    assert "2 other accounts" in html
    assert "2 days before" in html
    for name, count in (("accounts", 3), ("days", 4)):
        *rows, whole = table(html, name)
        assert len(rows) == count - 1
        for figure in ("inflow", "result", "trading", "fees", "funding", "interest"):
            assert sum(row[figure] for row in rows) == whole[figure], (name, figure)


@pytest.mark.django_db
def test_accounts_are_chosen_and_those_of_others_are_not_found(owner: User) -> None:
    client = signed_in(owner)
    one = client.get(f"{PAGE}?account={BOTS}&{DATES}").content.decode()
    assert len(table(one, "accounts")) == 2
    assert f"account={BOTS}&amp;from=2026-07-01" in one
    both = client.get(f"{PAGE}?account={BOTS}&account={MAIN}&{DATES}").content.decode()
    assert len(table(both, "accounts")) == 3
    stranger = register_user("stranger@example.org", "long-password-1", "CH")
    other = Account.objects.get(user=stranger)
    for named in (other.pk, 0, -1, "x", "9" * 80):
        for path in (PAGE, f"{PAGE}/days.csv"):
            assert client.get(f"{path}?account={named}").status_code == 404, named
    assert signed_in(stranger).get(f"{PAGE}?account={MAIN}").status_code == 404
    assert Client().get(PAGE).status_code == 302


@pytest.mark.django_db
def test_a_span_that_is_none_is_said_and_nothing_is_shown(owner: User) -> None:
    client = signed_in(owner)
    for path in (PAGE, f"{PAGE}/assets.csv"):
        answer = client.get(f"{path}?from=2026-07-05&to=2026-07-01")
        assert answer.status_code == 422
        assert "from must not be later than to" in answer.content.decode()
        assert "data-table" not in answer.content.decode()


@pytest.mark.django_db
def test_who_may_not_look_sees_a_reason_and_no_figures(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refuses:
        def __init__(self, account: Account) -> None:
            self.account = account

        def refusal(self, permission: str) -> str | None:
            hidden = permission == "view" and self.account.pk in hides
            return "You may not look at this account." if hidden else None

    def refusing(accounts: list[Account], person: User) -> list[Refuses]:
        return [Refuses(account) for account in accounts]

    monkeypatch.setattr("trading.portfolio_page.accesses_of", refusing)
    client, hides = signed_in(owner), {BOTS}
    shown = client.get(f"{PAGE}?{DATES}")
    assert shown.status_code == 200
    assert str(BOTS) not in shown.content.decode()
    assert client.get(f"{PAGE}?account={BOTS}").status_code == 404
    hides |= {MAIN, IDLE}
    refused = client.get(f"{PAGE}?{DATES}")
    assert refused.status_code == 403
    assert "You may not look at this account." in refused.content.decode()
    assert "data-table" not in refused.content.decode()
    assert client.get(f"{PAGE}/days.csv?{DATES}").status_code == 404


@pytest.mark.django_db
def test_the_csv_is_exact_and_no_cell_of_it_is_a_formula(owner: User) -> None:
    Account.objects.filter(pk=BOTS).update(name="=SUM(A1:A9)")
    client = signed_in(owner)

    def rows(name: str) -> list[dict[str, str]]:
        answer: Any = client.get(f"{PAGE}/{name}.csv?{DATES}")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        expected = f'attachment; filename="portfolio-{name}-2026-07-01-2026-07-04.csv"'
        assert answer["Content-Disposition"] == expected
        text = b"".join(answer.streaming_content).decode()
        return list(csv.DictReader(io.StringIO(text)))

    for name in ("accounts", "assets", "days"):
        found = rows(name)
        assert {row["account"] for row in found} >= {str(MAIN), str(BOTS)}
        assert sum(Decimal(row["profit"]) for row in found) == Decimal("137.885431")
        for row in found:
            before = Decimal(row["opening"]) + Decimal(row["net_inflow"])
            before += Decimal(row["from_other_assets"])
            assert before + Decimal(row["profit"]) == Decimal(row["closing"])
    assert {row["name"] for row in rows("days")} == {"Main", "'=SUM(A1:A9)"}
    by_hand = {(row["account"], row["until"]): row["profit"] for row in rows("days")}
    assert by_hand[str(MAIN), "2026-07-02T00:00:00.000000Z"] == "-11.000000"
    exposure = {(row["account"], row["asset"]): row for row in rows("exposure")}
    assert exposure[str(BOTS), "SOL"]["exposure"] == "21.000000000"
    assert exposure[str(BOTS), "SOL"]["value"] == "2205.000000"
    assert client.get(f"{PAGE}/other.csv").status_code == 404


@pytest.mark.django_db
def test_each_account_is_marked_by_its_colour(owner: User) -> None:
    Account.objects.filter(pk=BOTS).update(colour="pink")
    html = signed_in(owner).get(f"{PAGE}?{DATES}").content.decode()
    # In two tables.
    assert html.count("account-mark colour-pink") == 2


@pytest.mark.django_db
def test_staff_hold_no_accounts() -> None:
    staff = User.objects.create_user("staff@example.org", "long-password-1", is_staff=True)
    shown = signed_in(staff).get(PAGE)
    assert (shown.status_code, b"Staff hold no accounts" in shown.content) == (200, True)
