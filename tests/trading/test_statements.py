"""Statements add up to the atom, for every account, whenever and however often their jobs run."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Balance, LedgerTransfer, User
from accounts.services import create_sub_account, register_user
from engine import commands as c
from engine.engine import Engine
from engine.units import RAY
from gateway.transport import install_inline
from lending.interest_lines import accounted_until, write_closed_hours
from lending.models import InterestHour, InterestPayment, Pool, PoolLends
from sequencer.inline import InlineEngine
from tests.engine.listings import ASSETS
from tests.trading import months as story
from tests.trading.months import ANN, BEN, DIA, EVE, EVERYBODY, FAY, GUS, Clock
from trading.closing import close_months
from trading.flows import Flow, Kind, held_at
from trading.funding_models import FundingPayment
from trading.models import Fill
from trading.settlement_models import StatementClose
from trading.statement_csv import HEADINGS, csv_lines
from trading.statements import StatementWrong, month_start, statement

pytestmark = pytest.mark.django_db
JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)
DECIMALS = {asset.symbol: asset.decimals for asset in ASSETS}


@pytest.fixture
def clock(live_engine: Any, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def amounts(account: int, month: date) -> Counter[tuple[str, str]]:
    """Sum a statement by asset and kind."""
    found: Counter[tuple[str, str]] = Counter()
    for asset in statement(account, month).assets:
        for row in asset.movements:
            found[asset.asset, row.kind] += row.amount
    return found


def test_every_account_adds_up_over_two_months_with_every_kind_of_movement(
    clock: Clock, live_engine: InlineEngine
) -> None:
    story.live(clock, write_closed_hours)
    kinds = set()
    for account in EVERYBODY:
        for month in (JUNE, JULY):
            # That it adds up is checked by itself: it would raise.
            made = statement(account, month)
            kinds |= {row.kind for row in made.days}
            by_asset = {asset.asset: asset for asset in made.assets}
            for asset in by_asset.values():
                moved = sum(row.amount for row in asset.movements)
                assert asset.opening + moved == asset.closing
        assert {asset.asset for asset in statement(account, JUNE).assets} <= set(by_asset)
    assert kinds == set(Kind)
    assert any(statement(DIA, JULY).bad_debts)
    _agree_with_the_engine(live_engine.engine, clock)


def _agree_with_the_engine(engine: Engine, clock: Clock) -> None:
    """Compare closing balances with the engine, which a whole hour has been closed by just now."""
    until = accounted_until()
    assert until == clock.now.replace(minute=0)
    for asset in ASSETS:
        story.do(c.AccrueInterest(asset=asset.symbol))
    totals: dict[str, int] = defaultdict(int)
    for account in EVERYBODY:
        for symbol, held in held_at(account, until).items():
            holding = engine.state.accounts[account].holding(symbol)
            assert held.cash == holding.available.atoms + holding.locked.atoms
            assert bool(held.lent) == bool(holding.lend_scaled)
            assert bool(held.owed) == bool(holding.debt_scaled)
            totals[symbol] += held.cash
    in_accounts = dict.fromkeys(DECIMALS, 0)
    for row in LedgerTransfer.objects.all():
        in_accounts[row.asset] += int(row.amount) * row.credit.startswith("account:")
        in_accounts[row.asset] -= int(row.amount) * row.debit.startswith("account:")
    assert totals == in_accounts


def test_what_accounts_have_earned_and_paid_is_what_pools_and_house_say(
    clock: Clock, live_engine: InlineEngine
) -> None:
    story.live(clock, write_closed_hours, hours=12)
    story.close_hour(clock)
    write_closed_hours()
    until = accounted_until()
    assert until == clock.now
    for pool in Pool.objects.all():
        held = [held_at(account, until).get(pool.asset) for account in EVERYBODY]
        lent = sum(one.lent for one in held if one)
        owed = sum(one.owed for one in held if one)
        buckets = PoolLends.objects.filter(asset=pool.asset)
        supply = sum(int(row.lend_scaled * row.lend_index_ray) for row in buckets)
        clearing = live_engine.engine.state.markets[story.PERP].perp_clearing()
        quote = pool.asset == "USDC"
        core = live_engine.engine.state.pools[pool.asset]
        supply -= clearing.lend_scaled * core.buckets[0].index * quote
        debts = int(pool.debt_scaled * pool.debt_index_ray)
        debts -= clearing.debt_scaled * core.debt_index * quote
        # A lend is rounded down and a debt up, each by less than an atom.
        assert 0 <= supply - lent * RAY < len(EVERYBODY) * RAY, pool.asset
        assert 0 <= owed * RAY - debts < len(EVERYBODY) * RAY, pool.asset


def test_fees_and_realized_profit_of_all_accounts_are_what_the_house_and_clearing_hold(
    clock: Clock, live_engine: InlineEngine
) -> None:
    story.live(clock, write_closed_hours)
    story.close_hour(clock)
    write_closed_hours()
    sums: Counter[tuple[str, str]] = Counter()
    for account in EVERYBODY:
        for month in (JUNE, JULY):
            for key, amount in amounts(account, month).items():
                sums[key] += amount
    fees: Counter[str] = Counter()
    from_clearing = 0
    for row in LedgerTransfer.objects.filter(kind="fee", credit__startswith="fees:"):
        if row.debit.startswith("account:"):
            fees[row.asset] += int(row.amount)
        else:
            from_clearing += int(row.amount)
    for symbol in DECIMALS:
        assert sums[symbol, Kind.FEE] == -fees[symbol], symbol
        assert sums[symbol, Kind.TRANSFER_IN] == -sums[symbol, Kind.TRANSFER_OUT]
        paid = sums[symbol, Kind.PAID] + sums[symbol, Kind.PROCEEDS]
        assert paid + sums[symbol, Kind.BOUGHT] + sums[symbol, Kind.SOLD] == 0, symbol
    clearing = live_engine.engine.state.markets[story.PERP].perp_clearing()
    # Fees that were owed in positions leave clearing for the house once they are collected.
    realized = sums["USDC", Kind.REALIZED] + sums["USDC", Kind.FUNDING]
    assert realized == -(clearing.settled + from_clearing)
    assert from_clearing


def test_funding_is_a_movement_of_its_own(clock: Clock, live_engine: InlineEngine) -> None:
    """What Ann's balance has lost to funding is what her position paid, as far as it is settled."""
    story.live(clock, write_closed_hours)
    told = sum(amounts(ANN, month)["USDC", Kind.FUNDING] for month in (JUNE, JULY))
    position = live_engine.engine.state.accounts[ANN].positions[story.PERP]
    payments = FundingPayment.objects.filter(account_id=ANN)
    paid = sum(int(row.amount_atoms) for row in payments)
    assert payments.count() > 20
    assert paid == position.funding == told + position.funding_due < 0


def test_a_trade_its_fee_and_a_fee_that_is_owed_are_told_apart(clock: Clock) -> None:
    story.live(clock, write_closed_hours, hours=12)
    ben = amounts(BEN, JULY)
    assert ben["BTC", Kind.BOUGHT] == 12_000_000
    assert ben["BTC", Kind.FEE] == -12_000
    assert ben["USDC", Kind.PAID] == -6_000_000_000
    owed = Fill.objects.get(account_id=GUS)
    # 0.05 % of 672 dollars: he had none, so it is in the position.
    assert owed.fee_atoms == owed.fee_owed_atoms == 336_000
    assert ("USDC", Kind.FEE) not in amounts(GUS, JULY)
    assert not Fill.objects.exclude(account_id=GUS).filter(fee_owed_atoms__gt=0).exists()
    written_off = amounts(FAY, JULY)
    assert written_off["USDC", Kind.WRITE_OFF] > 400_000_000


def test_interest_of_open_profit_is_a_memo_and_reaches_the_balance_once(
    clock: Clock, live_engine: InlineEngine
) -> None:
    story.live(clock, write_closed_hours)
    story.close_hour(clock)
    write_closed_hours()
    memo = [*statement(BEN, JUNE).position_interest, *statement(BEN, JULY).position_interest]
    assert {row.kind for row in memo} == {"UnrealizedPositivePnl", "UnrealizedNegativePnl"}
    position = live_engine.engine.state.accounts[BEN].positions[story.PERP]
    assert sum(row.amount for row in memo) == position.interest
    assert {row.position_id for row in memo} == {position.position_id}
    assert not any("Unrealized" in kind for _, kind in amounts(BEN, JULY))


# -- whenever it runs ------------------------------------------------------------------------------


def figures() -> tuple[Any, ...]:
    """Return every balance, interest line and close, without the numbers of rows."""
    lines = InterestPayment.objects.values_list(
        *("account_id", "asset", "hour", "kind", "amount", "rate_ppb", "market", "position_id")
    )
    closes = StatementClose.objects.values_list("account_id", "month", "balances")
    balances = Balance.objects.values_list(
        *("account_id", "asset", "available", "locked", "lend_scaled", "debt_scaled")
    )
    return (
        sorted(balances),
        sorted(lines),
        sorted(closes, key=str),
        list(InterestHour.objects.order_by("hour").values_list("hour", flat=True)),
    )


def every_other() -> Callable[[], None]:
    calls = iter(range(10_000))
    return lambda: run_jobs() if next(calls) % 7 == 3 else None


def run_jobs() -> None:
    write_closed_hours()
    close_months()


def run_twice_and_backwards() -> None:
    """Run every job again, in the wrong order, with its hours forgotten."""
    close_months()
    run_jobs()
    InterestHour.objects.all().delete()
    run_jobs()
    run_jobs()


def test_jobs_that_run_late_twice_or_seldom_write_the_same(
    live_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: dict[str, Callable[[], None]] = {
        "on time": run_jobs,
        "seldom": every_other(),
        "never before the end": lambda: None,
    }
    found = {name: _lived(monkeypatch, often) for name, often in ways.items()}
    assert found["on time"][1]
    assert len(found["on time"][2]) == len(EVERYBODY)
    for name, seen in found.items():
        assert seen == found["on time"], name
    assert _lived(monkeypatch, run_jobs, at_end=run_twice_and_backwards) == found["on time"]


class _Undone(Exception):
    """Ends a life without a trace."""


def _lived(
    monkeypatch: pytest.MonkeyPatch,
    often: Callable[[], None],
    *,
    at_end: Callable[[], None] = run_jobs,
) -> tuple[Any, ...]:
    """Let the story happen to a new exchange, and return its figures; nothing stays."""
    seen: tuple[Any, ...] = ()
    try:
        with transaction.atomic():
            install_inline(InlineEngine())
            story.live(Clock(monkeypatch), often)
            at_end()
            seen = figures()
            raise _Undone
    except _Undone:
        install_inline(None)
    return seen


def test_lines_of_an_hour_are_not_written_before_every_pool_has_told_it(clock: Clock) -> None:
    story.open_house()
    story.do(c.Borrow(account=EVE, asset="USDC", amount_atoms=10**10))
    assert write_closed_hours() == {}
    clock.pass_minutes(50)
    story.do(c.AccrueInterest(asset="USDC"))
    assert write_closed_hours() == {}
    story.close_hour(clock)
    hours = write_closed_hours()
    assert list(hours) == [story.START.replace(minute=0), story.START.replace(hour=21, minute=0)]
    assert accounted_until() == clock.now
    paid = InterestPayment.objects.filter(account_id=EVE).order_by("hour")
    assert [row.kind for row in paid] == ["Borrow", "Borrow"]
    assert all(row.amount < 0 < row.rate_ppb for row in paid)
    assert write_closed_hours() == {}


def test_the_rate_of_a_line_is_the_pools_rate_of_that_hour(clock: Clock) -> None:
    story.open_house()
    story.do(c.Borrow(account=EVE, asset="USDC", amount_atoms=10**10))
    for _ in range(3):
        clock.pass_minutes(60)
        story.accrue()
    write_closed_hours()
    shown = Pool.objects.get(asset="USDC").borrow_rate_ppb
    assert shown is not None
    last = InterestPayment.objects.filter(account_id=EVE).latest("hour")
    assert abs(last.rate_ppb - shown) <= shown // 10_000
    earned = InterestPayment.objects.filter(account_id=ANN, kind="Lend").latest("hour")
    # Per hour, on 20,000 dollars.
    assert abs(earned.amount - earned.rate_ppb * 20_000 // 8_760_000) <= 2


def test_a_month_is_closed_once_and_the_next_begins_from_it(clock: Clock) -> None:
    story.live(clock, write_closed_hours, hours=12)
    before = {account: statement(account, JUNE) for account in EVERYBODY}
    assert close_months() == (len(EVERYBODY), [])
    assert close_months() == (0, [])
    assert set(StatementClose.objects.values_list("month", flat=True)) == {JUNE}
    for account in EVERYBODY:
        made = statement(account, JUNE)
        assert made == before[account]._replace(is_final=True)
        july = {asset.asset: asset.opening for asset in statement(account, JULY).assets}
        for asset in made.assets:
            assert july.get(asset.asset, 0) == asset.closing


def test_a_movement_that_is_missing_or_invented_is_found(clock: Clock) -> None:
    story.live(clock, write_closed_hours, hours=12)
    line = InterestPayment.objects.filter(account_id=ANN, hour__lt=month_start(JULY)).latest("hour")
    InterestPayment.objects.filter(pk=line.pk).update(amount=line.amount + 1)
    with pytest.raises(StatementWrong) as error:
        statement(ANN, JUNE)
    assert error.value.differences == {"USDC": 1}
    assert close_months() == (len(EVERYBODY) - 1, [ANN])
    InterestPayment.objects.filter(pk=line.pk).update(amount=line.amount)
    Balance.objects.filter(account_id=ANN, asset="SOL").update(available=5)
    with pytest.raises(StatementWrong, match="-5 atoms of SOL"):
        statement(ANN, JULY)
    Balance.objects.filter(account_id=ANN, asset="SOL").update(available=0)
    assert close_months() == (1, [])


# -- page and file ---------------------------------------------------------------------------------


@pytest.fixture
def people(clock: Clock) -> tuple[User, User]:
    """Return two users who own Ann's and Ben's accounts of the story, after half a day."""
    story.live(clock, run_jobs, hours=12)
    users = [register_user(f"{name}@example.org", "long-password-1", "CH") for name in ("a", "b")]
    for user, account in zip(users, (ANN, BEN), strict=True):
        _give(user, account)
    return users[0], users[1]


def _give(user: User, account: int) -> None:
    Account.objects.filter(user=user).delete()
    Account.objects.create(pk=account, user=user, number=0, name="=2+5", opened_at=story.START)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_page_shows_each_asset_with_opening_movements_and_closing(
    people: tuple[User, User],
) -> None:
    client = signed_in(people[0])
    first = client.get(reverse("trading:statements"), follow=True)
    assert first.redirect_chain == [(f"/account/statements/{ANN}/2026-07", 302)]
    page = client.get(f"/account/statements/{ANN}/2026-06").content.decode()
    for words in ("June 2026", "Final.", "20000.007001", "Interest earned on lends", "=2+5"):
        assert words in page, words
    made = statement(ANN, JUNE)
    for asset in made.assets:
        whole = Decimal(asset.closing).scaleb(-DECIMALS[asset.asset])
        assert f'data-figure="closing">{whole:f}<' in page


def test_the_file_parses_back_and_its_balances_run_from_opening_to_closing(
    people: tuple[User, User],
) -> None:
    for user, account in zip(people, (ANN, BEN), strict=True):
        for month in (JUNE, JULY):
            answer = signed_in(user).get(f"/account/statements/{account}/{month:%Y-%m}.csv")
            assert answer.streaming
            text = b"".join(answer).decode()
            rows = list(csv.DictReader(io.StringIO(text)))
            assert tuple(rows[0]) == HEADINGS
            balances: dict[str, Decimal] = {}
            for row in rows:
                asset = row["asset"]
                if row["kind"] == "Opening balance":
                    balances[asset] = Decimal(row["balance"])
                elif row["amount"]:
                    balances[asset] += Decimal(row["amount"])
                    assert balances[asset] == Decimal(row["balance"])
            closing = {
                row["asset"]: Decimal(row["balance"])
                for row in rows
                if row["kind"] == "Closing balance"
            }
            assert balances == closing
            times = [row["time"] for row in rows]
            assert times == sorted(times)
            assert all(time.endswith("Z") for time in times)
    lines = InterestPayment.objects.filter(account_id=BEN, hour__gte=month_start(JULY)).count()
    assert lines == sum("hour" in row["reference"] for row in rows)


def test_other_peoples_statements_and_months_without_one_are_not_there(
    people: tuple[User, User],
) -> None:
    client = signed_in(people[0])
    ours = f"/account/statements/{ANN}"
    for path in (
        f"/account/statements/{BEN}/2026-06",
        f"/account/statements/{BEN}/2026-06.csv",
        f"/account/statements?account={BEN}",
        "/account/statements/999999/2026-06",
        f"{ours}/2026-05",
        f"{ours}/2026-08.csv",
        f"{ours}/junk",
        f"{ours}/2026-13.csv",
    ):
        assert client.get(path).status_code == 404, path
    assert client.get(f"{ours}/2026-06").status_code == 200
    assert Client().get(f"{ours}/2026-06").status_code == 302
    assert client.post(f"{ours}/2026-06").status_code == 405


def test_a_statement_that_does_not_add_up_is_an_error_without_figures(
    people: tuple[User, User],
) -> None:
    InterestPayment.objects.filter(account_id=ANN, asset="USDC").update(amount=10**6)
    client = signed_in(people[0])
    for end in ("", ".csv"):
        answer = client.get(f"/account/statements/{ANN}/2026-07{end}")
        assert answer.status_code == 500
        page = answer.content.decode()
        assert "does not add up" in page
        assert "data-figure" not in page
        assert answer["Content-Type"].startswith("text/html")


def test_an_account_without_a_closed_hour_is_told_to_wait(live_engine: Any) -> None:
    user = register_user("new@example.org", "long-password-1", "CH")
    create_sub_account(user, "Second")
    page = signed_in(user).get(reverse("trading:statements"))
    assert page.status_code == 200
    assert "The first hour" in page.content.decode()


def test_no_cell_is_a_formula(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    story.live(clock, write_closed_hours, hours=2)

    def hostile(*_: object, **__: object) -> Iterator[tuple[Any, bool]]:
        for text in ("=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1"):
            yield Flow(story.START, text, "USDC", -1, text, 1, text), False

    monkeypatch.setattr("trading.statement_csv.stream", hostile)
    rows = list(csv.reader(io.StringIO("".join(csv_lines(statement(ANN, JUNE))), newline="")))
    cells = [cell for row in rows for cell in row]
    assert "'=cmd|' /C calc'!A0" in cells
    assert "-0.000001" in cells, "numbers stay numbers"
    for cell in cells:
        assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
        assert not cell.startswith("-") or Decimal(cell) < 0, cell


def test_hours_are_accounted_for_in_bounded_steps(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lending.interest_lines.HOURS_AT_ONCE", 2)
    story.open_house()
    clock.pass_minutes(60 * 5)
    story.accrue()
    steps = []
    while hours := write_closed_hours():
        steps.append(len(hours))
    assert steps == [2, 2, 1]
    assert accounted_until() == (clock.now - timedelta(minutes=20))
