"""The beat jobs as commands: a job which runs twice, late or out of order changes nothing twice."""

import logging
import time
from decimal import Decimal
from typing import Any

import pytest
from celery import current_app

from accounts.models import Balance, User
from accounts.models.users import Account
from accounts.services import ensure_accounts_open, open_user
from accounts.tasks import ensure_accounts_open as ensure_accounts_open_task
from config.schedule import BEAT_SCHEDULE
from engine.commands import (
    Borrow,
    Command,
    CreditDeposit,
    OpenAccount,
    PlaceOrder,
    Side,
    UpdateAccount,
    UpdatePrices,
)
from engine.events import CommandRejected
from engine.units import AccountId
from gateway import period
from gateway.client import submit
from gateway.errors import EngineUnavailable
from launcher import demo
from lending.models import BorrowLendMovement, PoolRate
from lending.tasks import accrue_interest, auto_lend
from sequencer.models import JournalEntry
from sequencer.tasks import find_orphans
from trading.models import Position, Settlement
from trading.tasks import auto_realize

pytestmark = pytest.mark.django_db
ALICE, BOB, CAROL = AccountId(11), AccountId(12), AccountId(13)


def do(command: Command, command_id: str | None = None) -> Any:
    answer = submit(command, command_id=command_id).answer
    assert not isinstance(answer, CommandRejected), answer.message
    return answer


@pytest.fixture
def market(live_engine: Any) -> Any:
    """The demo's listing, with alice, bob and carol, who have a million USDC each."""
    demo.list_everything()
    for account in (ALICE, BOB, CAROL):
        do(OpenAccount(account=account, owner=account))
        do(CreditDeposit(account=account, asset="USDC", amount_atoms=10**12))
    return live_engine


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock which names the periods; its one element is the time."""
    now = [1_795_352_709.0]
    monkeypatch.setattr(period, "time", lambda: now[0])
    return now


def balances() -> list[Any]:
    return list(Balance.objects.order_by("account_id", "asset").values())


def ids(job: str) -> list[str]:
    entries = JournalEntry.objects.filter(command_id__startswith=f"{job}:").order_by("sequence")
    return list(entries.values_list("command_id", flat=True))


def test_every_job_of_the_table_names_a_task_that_exists_and_expires() -> None:
    current_app.loader.import_default_modules()
    for name, job in BEAT_SCHEDULE.items():
        assert job["task"] in current_app.tasks, name
        assert job["options"]["expires"] > 0, name


def test_a_job_may_not_wait_longer_than_the_period_it_stamps() -> None:
    stamped = {name: job for name, job in BEAT_SCHEDULE.items() if "kwargs" in job}
    assert set(stamped) == {"auto-realize", "auto-lend", "accrue-interest"}
    for job in stamped.values():
        rhythm = int(job["schedule"].total_seconds())
        assert job["kwargs"] == {"every_seconds": rhythm}
        assert job["options"]["expires"] <= rhythm
        assert 3600 % rhythm == 0, "periods begin at the same moments in every hour"


def test_auto_lend_lends_what_is_idle_once_in_a_period(market: Any, clock: list[float]) -> None:
    do(UpdateAccount(account=CAROL, auto_lend=True))
    auto_lend(60)
    lent = Balance.objects.get(account_id=CAROL, asset="USDC")
    assert not lent.available
    assert lent.lend_scaled == 10**12
    assert BorrowLendMovement.objects.get(account_id=CAROL).source == "AutoLend"
    before = balances()
    auto_lend(60)
    clock[0] += 50
    auto_lend(60)
    assert balances() == before
    assert ids("auto-lend").count("auto-lend:USDC:2026-11-22T13:05") == 1
    clock[0] += 60
    auto_lend(60)
    assert "auto-lend:USDC:2026-11-22T13:06" in ids("auto-lend")


def test_interest_is_the_same_whether_the_job_runs_often_late_or_out_of_order(
    market: Any, clock: list[float]
) -> None:
    do(UpdateAccount(account=CAROL, auto_lend=True))
    do(CreditDeposit(account=CAROL, asset="USDC", amount_atoms=1))
    auto_lend(60)
    do(Borrow(account=ALICE, asset="USDC", amount_atoms=5 * 10**11))
    accrue_interest(60)
    rates = PoolRate.objects.filter(asset="USDC")
    assert rates.count() == 1
    assert rates.get().borrow_rate_ppb > 0
    accrue_interest(60)
    assert rates.count() == 1
    clock[0] += 600
    accrue_interest(60)
    clock[0] -= 300
    accrue_interest(60)
    clock[0] += 300
    accrue_interest(60)
    assert rates.count() == 3
    names = [name for name in ids("accrue-interest") if ":USDC:" in name]
    assert names == [
        f"accrue-interest:USDC:2026-11-22T13:{minute}" for minute in ("05", "15", "10")
    ]


def test_auto_realize_pays_a_profit_once_and_leaves_the_entry_price(
    market: Any, clock: list[float]
) -> None:
    perp = "BTC_USDC_PERP"
    ask = PlaceOrder(account=BOB, market=perp, side=Side.ASK, price_ticks=867_000, lots=100_000)
    do(ask)
    do(PlaceOrder(account=ALICE, market=perp, side=Side.BID, price_ticks=867_000, lots=100_000))
    do(UpdatePrices(prices_e8={"BTC": 87_000 * 10**8}))
    entry = Position.objects.get(account_id=ALICE).entry_quote_atoms
    auto_realize(10)
    paid = dict(Settlement.objects.filter(market=perp).values_list("account_id", "amount_atoms"))
    assert paid == {ALICE: 300_000_000, BOB: -300_000_000}
    assert Position.objects.get(account_id=ALICE).entry_quote_atoms == entry
    before = balances()
    auto_realize(10)
    clock[0] += 10
    auto_realize(10)
    assert balances() == before
    assert [name for name in ids("auto-realize") if perp in name and "BTC" in name] == [
        "auto-realize:BTC_USDC_PERP:2026-11-22T13:05:00",
        "auto-realize:BTC_USDC_PERP:2026-11-22T13:05:10",
    ]


def test_an_engine_that_is_away_costs_one_line_and_the_next_period_covers_it(
    market: Any, clock: list[float], monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise EngineUnavailable("the engine cannot be reached")

    with monkeypatch.context() as patched:
        patched.setattr(period, "submit", away)
        auto_realize(10)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "waits for the next period" in warnings[0].message
    assert ids("auto-realize") == []
    clock[0] += 10
    auto_realize(10)
    assert len(ids("auto-realize")) == 3


def test_an_account_made_while_the_engine_was_away_is_opened_by_the_job(live_engine: Any) -> None:
    user = User.objects.create_user("late@example.com", "correct horse battery")
    account = open_user(user, "CH")
    assert account.opened_at is None
    ensure_accounts_open_task()
    opened = Account.objects.get(pk=account.pk)
    assert opened.opened_at is not None
    assert account.pk in live_engine.engine.state.accounts
    assert ensure_accounts_open() == 0


def test_the_nightly_search_finds_nothing_in_a_sound_database_and_an_orphan_in_another(
    market: Any,
) -> None:
    do(PlaceOrder(account=ALICE, market="BTC_USDC", side=Side.BID, price_ticks=500_000, lots=10))
    assert set(find_orphans().values()) == {0}
    amounts = dict.fromkeys(("available", "locked", "lend_scaled", "debt_scaled"), Decimal(1))
    Balance.objects.create(account_id=999, asset="USDC", **amounts)
    assert find_orphans()["balances of no account"] == 1


def test_the_period_of_a_moment_is_its_floor() -> None:
    moment = time.time()
    assert period.period_name(moment, 60) == period.period_name(moment // 60 * 60, 60)
    assert period.period_name(1_795_352_709.9, 10) == "2026-11-22T13:05:00"
