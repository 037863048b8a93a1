"""The beat jobs as commands: a job which runs twice, late or out of order changes nothing twice."""

import logging
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from accounts import jobs
from accounts.models import Balance, JobRun, User
from accounts.models.users import Account
from accounts.services import ensure_accounts_open, open_user
from accounts.tasks import ensure_accounts_open as ensure_accounts_open_task
from accounts.tasks import forget_old_runs, release_withdrawals, revoke_page_keys, run_sweeps
from config.schedule import BEAT_SCHEDULE
from engine.commands import (
    Borrow,
    Command,
    CreditDeposit,
    OpenAccount,
    PlaceOrder,
    UpdateAccount,
    UpdatePrices,
)
from engine.events import CommandRejected
from engine.units import AccountId
from engine.vocabulary import Side
from gateway import period
from gateway.client import submit
from gateway.errors import EngineUnavailable
from hedging import tasks as hedging_tasks
from launcher import demo
from lending.models import BorrowLendMovement, PoolRate
from lending.tasks import accrue_interest, auto_lend, thin_rates, write_interest_lines
from sequencer import services as sequencer_services
from sequencer.models import JournalEntry
from sequencer.tasks import find_orphans, write_snapshot, write_snapshot_under_load
from stress.tasks import run_stress
from trading import tasks
from trading.models import Position
from trading.settlement_models import Settlement
from trading.tasks import (
    auto_realize,
    close_statements,
    forget_prices,
    make_hours,
    pay_funding,
)

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
    assert set(stamped) == {
        "auto-realize",
        "pay-funding",
        "auto-lend",
        "accrue-interest",
        "unwind-desks",
    }
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
    assert [name for name in ids("auto-realize") if perp in name] == [
        "auto-realize:BTC_USDC_PERP:2026-11-22T13:05:00:1",
        "auto-realize:BTC_USDC_PERP:2026-11-22T13:05:10:1",
    ]


def test_a_cycle_goes_on_until_it_is_done_and_a_second_run_finds_it_so(
    market: Any, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    perp = "BTC_USDC_PERP"
    monkeypatch.setattr(tasks, "POSITIONS_AT_ONCE", 1)
    for account in (BOB, CAROL):
        ask = PlaceOrder(
            account=account, market=perp, side=Side.ASK, price_ticks=867_000, lots=1000
        )
        do(ask)
        do(PlaceOrder(account=ALICE, market=perp, side=Side.BID, price_ticks=867_000, lots=1000))
    do(UpdatePrices(prices_e8={"BTC": 87_000 * 10**8}))
    auto_realize(10)
    assert Settlement.objects.filter(market=perp).count() == 3
    parts = [name for name in ids("auto-realize") if perp in name]
    assert parts == [
        f"auto-realize:{perp}:2026-11-22T13:05:00:{n}" for n in range(1, len(parts) + 1)
    ]
    assert len(parts) > 2
    before = balances()
    # The same answers lead through the same parts: nothing new is asked.
    auto_realize(10)
    assert [name for name in ids("auto-realize") if perp in name] == parts
    assert balances() == before


def test_a_cycle_cut_off_by_an_engine_that_went_away_is_ended_by_the_next_run(
    market: Any, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    perp = "BTC_USDC_PERP"
    monkeypatch.setattr(tasks, "POSITIONS_AT_ONCE", 1)
    do(PlaceOrder(account=BOB, market=perp, side=Side.ASK, price_ticks=867_000, lots=1000))
    do(PlaceOrder(account=ALICE, market=perp, side=Side.BID, price_ticks=867_000, lots=1000))
    do(UpdatePrices(prices_e8={"BTC": 87_000 * 10**8}))

    def away_after_two(command: Command, *, command_id: str) -> Any:
        if command_id.endswith(":3"):
            raise EngineUnavailable("the engine cannot be reached")
        return submit(command, command_id=command_id)

    with monkeypatch.context() as patched:
        patched.setattr(period, "submit", away_after_two)
        auto_realize(10)
    assert JobRun.objects.get().outcome == JobRun.Outcome.ENGINE_AWAY
    assert market.engine.state.markets[perp].perp_clearing().cycle is not None
    clock[0] += 10
    auto_realize(10)
    assert market.engine.state.markets[perp].perp_clearing().cycle is None
    paid = dict(Settlement.objects.filter(market=perp).values_list("account_id", "amount_atoms"))
    assert paid == {ALICE: 3_000_000, BOB: -3_000_000}
    assert JobRun.objects.latest("id").outcome == JobRun.Outcome.DONE


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
    outcomes = list(JobRun.objects.order_by("id").values_list("outcome", "period", "counts"))
    assert outcomes == [
        ("engine_away", "2026-11-22T13:05:00", {"done": 0, "refused": 0, "left": 3}),
        ("done", "2026-11-22T13:05:10", {"done": 3, "refused": 0, "left": 0}),
    ]


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


def test_every_job_writes_down_how_it_went(
    market: Any, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer_services, "write_snapshot", lambda: 7)
    runs: dict[str, Any] = {
        "auto-realize": lambda: auto_realize(10),
        "pay-funding": lambda: pay_funding(300),
        "auto-lend": lambda: auto_lend(60),
        "accrue-interest": lambda: accrue_interest(60),
        "write-interest-lines": write_interest_lines,
        "write-equity-points": tasks.write_equity_points,
        "close-statements": close_statements,
        "thin-rates": thin_rates,
        "make-hours": make_hours,
        "forget-prices": forget_prices,
        "write-snapshot": write_snapshot,
        "write-snapshot-under-load": write_snapshot_under_load,
        "ensure-accounts-open": ensure_accounts_open_task,
        "find-orphans": find_orphans,
        "forget-old-runs": forget_old_runs,
        "release-withdrawals": release_withdrawals,
        "run-sweeps": run_sweeps,
        "revoke-page-keys": revoke_page_keys,
        "mail-notices": tasks.mail_notices,
        "hedge-all": hedging_tasks.hedge_all,
        "unwind-desks": lambda: hedging_tasks.unwind_desks(60),
        "report-desks": hedging_tasks.report_desks,
        "forget-old-reports": hedging_tasks.forget_old_reports,
        "run-stress": run_stress,
    }
    assert set(runs) == set(BEAT_SCHEDULE)
    assert {state.lag for state in jobs.job_states()} == {"never ran"}
    for name, run in runs.items():
        run()
        assert JobRun.objects.get(name=name).outcome == JobRun.Outcome.DONE, name
    for state in jobs.job_states():
        assert (state.is_late, state.went_well, state.outcome) == (False, True, "Done"), state.name


def test_a_job_that_raises_is_written_down_and_goes_on_raising(
    market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise OSError("the disk is full")

    monkeypatch.setattr(sequencer_services, "write_snapshot", broken)
    with pytest.raises(OSError, match="disk"):
        write_snapshot()
    run = JobRun.objects.get(name="write-snapshot")
    assert (run.outcome, run.message) == ("failed", "OSError: the disk is full")


def test_a_round_in_which_the_engine_refused_says_so(live_engine: Any) -> None:
    demo.list_everything()
    live_engine.engine.state.markets["BTC_USDC_PERP"].perp_mark().price.now_e8 = 0
    auto_realize(10)
    run = JobRun.objects.get()
    assert run.outcome == "partly"
    assert run.counts == {"done": 2, "refused": 1, "left": 0}
    assert run.message.startswith("BTC_USDC_PERP: ")


def test_a_job_is_late_when_the_queue_has_dropped_its_next_run(market: Any) -> None:
    accrue_interest(60)
    run = JobRun.objects.get(name="accrue-interest")

    def state(seconds_ago: int) -> jobs.JobState:
        began = timezone.now() - timedelta(seconds=seconds_ago)
        JobRun.objects.filter(pk=run.pk).update(started_at=began)
        return next(one for one in jobs.job_states() if one.name == "accrue-interest")

    assert not state(100).is_late
    assert state(100).lag == "100 s"
    assert state(130).is_late
    assert (state(7300).lag, state(7300).is_late) == ("2 h", True)
    JobRun.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(days=8))
    forget_old_runs()
    assert not JobRun.objects.filter(pk=run.pk).exists()


def test_rates_of_older_days_are_thinned_to_the_last_of_each_hour_and_only_once() -> None:
    now = timezone.now().replace(minute=30, second=0, microsecond=0)
    for hours_ago in (1, 47, 50, 51):
        for minute in range(0, 60, 10):
            _rate(now - timedelta(hours=hours_ago) + timedelta(minutes=minute - 30))
    kept_for_its_fees = _rate(now - timedelta(hours=51, minutes=29))
    PoolRate.objects.filter(pk=kept_for_its_fees).update(fees=3)
    thin_rates()
    left = dict.fromkeys((1, 47, 50, 51), 0)
    for rate in PoolRate.objects.exclude(pk=kept_for_its_fees):
        left[round((now - rate.at.replace(minute=30)).total_seconds() / 3600)] += 1
    assert left == {1: 6, 47: 6, 50: 1, 51: 1}
    assert {
        rate.at.minute for rate in PoolRate.objects.filter(at__lt=now - timedelta(hours=49))
    } == {
        1,
        50,
    }
    before = PoolRate.objects.count()
    thin_rates()
    assert PoolRate.objects.count() == before


def _rate(at: Any) -> int:
    amounts = dict.fromkeys(("lent", "borrowed"), Decimal(1))
    rates = dict.fromkeys(("borrow_rate_ppb", "lend_rate_ppb", "utilization_ppb"), 1)
    return PoolRate.objects.create(asset="USDC", at=at, **amounts, **rates).pk


def test_a_job_that_never_ran_is_late_once_it_should_have(market: Any) -> None:
    def late() -> set[str]:
        return {state.name for state in jobs.job_states() if state.is_late}

    assert late() == set()
    accrue_interest(60)
    assert late() == set()
    JobRun.objects.update(started_at=timezone.now() - timedelta(hours=1))
    assert {"auto-lend", "auto-realize", "accrue-interest"} <= late()
    assert "find-orphans" not in late()
    JobRun.objects.update(started_at=timezone.now() - timedelta(days=3))
    assert late() == set(BEAT_SCHEDULE)
