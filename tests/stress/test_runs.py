"""Runs through the database: a copy that writes nothing, one run at a time, the command."""

import hashlib
import json
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from accounts.models import Account, JobRun, User
from compliance.models import AuditRecord
from engine.snapshot import digest
from sequencer.database import connect
from sequencer.inline import InlineEngine
from sequencer.models import JournalEntry
from stress import services
from stress.copied import copy_exchange
from stress.models import StressRun
from stress.report import Report, from_data
from stress.scenario import Books, Scenario, straight
from stress.simulate import simulate
from stress.tasks import run_stress

# A connection of its own reads the copy: what the test does must be committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed")]
FALL = Scenario(paths={"SOL": straight(-300_000, 120)}, books=Books.EMPTIED)
Status = StressRun.Status


def contents() -> dict[str, str]:
    """Return a digest of every table, row by row, but for those of the runs themselves."""
    own = {"stress_stressrun", "accounts_jobrun"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = sorted({row[0] for row in cursor.fetchall()} - own)
        found = {}
        for name in names:
            rows = hashlib.sha256()
            with cursor.copy(f'COPY (SELECT * FROM "{name}" AS t ORDER BY t) TO STDOUT') as copy:
                for part in copy:
                    rows.update(part)
            found[name] = rows.hexdigest()
    return found


def told(run: StressRun) -> Report:
    assert run.report is not None
    return from_data(run.report)


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_user("risk@example.org", is_staff=True)


def test_a_copy_is_the_exchange_and_can_write_nothing(
    live_engine: InlineEngine, gambler: Account
) -> None:
    with connect("test") as reader:
        copy = copy_exchange(reader)
        assert digest(copy.state) == digest(live_engine.engine.state)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("DELETE FROM stress_stressrun")


def test_a_run_leaves_the_journal_and_every_table_as_they_were(
    live_engine: InlineEngine, gambler: Account, staff: User
) -> None:
    run = services.ask_run(staff, FALL)
    state, before = digest(live_engine.engine.state), contents()
    assert len(before) > 50
    last = JournalEntry.objects.order_by("-sequence").values_list("sequence", flat=True)[0]
    run_stress()
    assert contents() == before
    assert digest(live_engine.engine.state) == state
    run.refresh_from_db()
    assert (run.status, run.message, run.sequence) == (Status.DONE, "", last)
    report = told(run)
    assert [line.account for line in report.lines] == [gambler.pk]
    assert report.lines[0].end == "Bankrupt"
    assert run.took is not None
    assert 0 < run.took < 60
    job = JobRun.objects.get(name="run-stress")
    assert (job.outcome, job.counts) == (JobRun.Outcome.DONE, {"done": 1, "failed": 0})


def test_who_asked_for_what_is_in_the_trail(staff: User) -> None:
    run = services.ask_run(staff, FALL)
    record = AuditRecord.objects.get(action="stress.run")
    assert record.actor_id == staff.pk
    assert record.target == f"stress.stressrun:{run.pk}"
    assert record.details["scenario"]["paths"] == {"SOL": [[120, -300_000]]}


def test_runs_are_done_one_at_a_time_oldest_first(
    live_engine: InlineEngine, gambler: Account, staff: User
) -> None:
    first, second = services.ask_run(staff, FALL), services.ask_run(staff, FALL)
    with connect("another") as other:
        assert services._take_lock(other)
        assert services.run_waiting() == {"done": 0, "failed": 0}
        assert StressRun.objects.filter(status=Status.WAITING).count() == 2
    assert services.run_waiting() == {"done": 2, "failed": 0}
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.started_at is not None
    assert second.started_at is not None
    assert first.started_at < second.started_at
    assert first.report == second.report, "the same state and scenario, the same report"


def test_a_run_whose_worker_was_killed_has_failed_when_the_next_looks(
    live_engine: InlineEngine, gambler: Account, staff: User
) -> None:
    dead = services.ask_run(staff, FALL)
    StressRun.objects.filter(pk=dead.pk).update(status=Status.RUNNING)
    with connect("alive") as other:
        services._take_lock(other)
        services.run_waiting()
        dead.refresh_from_db()
        assert dead.status == Status.RUNNING, "whoever holds the lock is at work"
    run_stress()
    dead.refresh_from_db()
    assert dead.status == Status.FAILED
    assert "Ask for it again" in dead.message
    assert JobRun.objects.get(name="run-stress").outcome == JobRun.Outcome.PARTLY


def test_a_run_that_cannot_be_has_failed_with_the_reason(
    live_engine: InlineEngine, gambler: Account, staff: User, monkeypatch: Any
) -> None:
    gone = services.ask_run(staff, Scenario(paths={"DOGE": straight(-1, 1)}))
    broken = services.ask_run(staff, FALL)

    def breaks(engine: Any, scenario: Scenario, **words: Any) -> Any:
        if "SOL" in scenario.paths:
            engine.state.ledger.house_account("fees", "USDC").atoms += 1
        return simulate(engine, scenario, **words)

    monkeypatch.setattr("stress.services.simulate", breaks)
    assert services.run_waiting() == {"done": 0, "failed": 2}
    gone.refresh_from_db()
    broken.refresh_from_db()
    assert (gone.status, gone.report) == (Status.FAILED, None)
    assert "there is no asset DOGE" in gone.message
    # An atom too many: the engine's own invariant finds it, and the report says so.
    assert broken.status == Status.FAILED
    assert "the ledger of USDC sums to 1" in broken.message
    assert told(broken).failure


def test_no_more_wait_than_anybody_would_look_at(staff: User) -> None:
    for _ in range(services.MOST_WAITING):
        services.ask_run(staff, FALL)
    with pytest.raises(services.TooMany, match="wait already"):
        services.ask_run(staff, FALL)


# -- manage.py stress ------------------------------------------------------------------------------


def test_the_command_prints_a_report_to_read(
    live_engine: InlineEngine, gambler: Account, capsys: Any
) -> None:
    before = contents()
    call_command("stress", "--shock", "SOL=-30", "--seconds", "120", "--books", "emptied")
    said = capsys.readouterr().out
    assert said.startswith(
        "SOL −30 % in 120 s, books emptied. A copy of the exchange after command"
    )
    for words in (
        "Accounts liquidated",
        "1 of 3",
        "By stage",
        "(ADL)",
        str(gambler.pk),
        "Bankrupt",
    ):
        assert words in said, words
    assert contents() == before


def test_the_command_prints_json_of_the_same(
    live_engine: InlineEngine, gambler: Account, capsys: Any
) -> None:
    call_command("stress", "--scenario", "fast", "--books", "followed:5000", "--json")
    report = from_data(json.loads(capsys.readouterr().out))
    assert report.scenario.name == "fast"
    assert report.liquidated == 1
    assert report.failure == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no price moves"),
        (("--shock", "SOL"), "SOL=-30"),
        (("--shock", "SOL=-130"), "more than -100 %"),
        (("--shock", "DOGE=-5"), "there is no asset DOGE"),
        (("--all=-20", "--books", "deep"), "followed:50000"),
        (("--all=-20", "--seconds", "0"), "from 1 to 86,400"),
        (("--scenario", "november"), "there are fast, october"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    live_engine: InlineEngine, gambler: Account, capsys: Any, words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as end:
        call_command("stress", *words)
    assert end.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("stress: ")
    assert told.err.count("\n") == 1
    assert said in told.err


def test_a_run_that_fails_ends_the_command_with_1(
    live_engine: InlineEngine, gambler: Account, monkeypatch: Any
) -> None:
    def broken(*_: Any) -> None:
        raise AssertionError("made up")

    monkeypatch.setattr("stress.simulate.prove", broken)
    with pytest.raises(CommandError, match="made up"):
        call_command("stress", "--shock", "SOL=-1", "--seconds", "1")
