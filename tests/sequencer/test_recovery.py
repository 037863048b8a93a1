"""Whatever dies, whenever: nothing acknowledged is lost, nothing happens twice."""

import asyncio
import random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.db import connection as django_connection

from engine.commands import CancelOrder
from engine.events import CommandRejected
from engine.order_events import OrderPlaced
from engine.snapshot import digest
from engine.vocabulary import Side
from gateway.client import new_command_id, submit, submit_async
from gateway.errors import OutcomeUnknown
from sequencer import snapshots, tasks
from sequencer.database import connect
from sequencer.models import Checkpoint, JournalEntry, Leader, Snapshot
from sequencer.replica import Replica
from sequencer.services import write_snapshot
from tests.sequencer.conftest import StartEngine
from tests.sequencer.engines import EngineProcess
from tests.sequencer.market import ACCOUNTS, PERP, SPOT, order
from trading.models import Order

KILLS = 3
COMMANDS = 600


def place(count: int) -> None:
    for number in range(count):
        submit(order(ACCOUNTS[number % 2], Side.BID, -10 - number, 5))


def test_nothing_acknowledged_is_lost_or_doubled_when_the_engine_is_killed_under_load(
    engine: EngineProcess, start_engine: StartEngine
) -> None:
    chance = random.Random(5)
    acknowledged: dict[str, Any] = {}

    async def trade() -> None:
        while len(acknowledged) < COMMANDS:
            account, symbol = chance.choice(ACCOUNTS), chance.choice((SPOT, PERP))
            side = chance.choice((Side.BID, Side.ASK))
            command_id = new_command_id()
            asked = order(account, side, chance.randrange(-20, 21), chance.randrange(1, 9), symbol)
            outcome = await submit_async(asked, command_id=command_id, timeout=30)
            acknowledged[command_id] = outcome
            if isinstance(outcome.answer, OrderPlaced) and chance.random() < 0.3:
                cancel = CancelOrder(
                    account=asked.account, market=symbol, order_id=outcome.answer.terms.order_id
                )
                command_id = new_command_id()
                acknowledged[command_id] = await submit_async(cancel, command_id=command_id)

    async def kill_now_and_then() -> None:
        running = engine
        for kill in range(1, KILLS + 1):
            while len(acknowledged) < COMMANDS * kill // (KILLS + 1):
                await asyncio.sleep(0.002)
            running.kill()
            running = await asyncio.to_thread(lambda: start_engine().wait_until_leading())

    async def everything() -> None:
        await asyncio.gather(*[trade() for _ in range(20)], kill_now_and_then())

    asyncio.run(everything())

    journal = dict(JournalEntry.objects.values_list("command_id", "sequence"))
    assert JournalEntry.objects.count() == len(journal), "a command id was numbered twice"
    for command_id, outcome in acknowledged.items():
        assert journal[command_id] == outcome.sequence
    placed = [o.answer for o in acknowledged.values() if isinstance(o.answer, OrderPlaced)]
    assert len(placed) > COMMANDS / 3
    stored = set(Order.objects.values_list("pk", flat=True))
    assert {event.terms.order_id for event in placed} <= stored
    call_command("verify_journal")


def test_a_second_engine_stands_by_and_takes_over_at_once(
    engine: EngineProcess, start_engine: StartEngine
) -> None:
    second = start_engine()
    place(5)
    epoch = Leader.objects.get().epoch
    engine.kill()
    outcome = submit(order(ACCOUNTS[0], Side.BID, -50, 1), timeout=20)
    assert isinstance(outcome.answer, OrderPlaced)
    assert outcome.sequence == JournalEntry.objects.count()
    assert Leader.objects.get().epoch == epoch + 1
    assert second.stop() == 0
    call_command("verify_journal")


def test_a_deposed_engine_cannot_commit_and_ends(engine: EngineProcess) -> None:
    before = JournalEntry.objects.count()
    Leader.objects.update(epoch=Leader.objects.get().epoch + 1)
    with pytest.raises(OutcomeUnknown):
        submit(order(ACCOUNTS[0], Side.BID, -50, 1), timeout=1)
    assert JournalEntry.objects.count() == before
    assert engine.process is not None
    assert engine.process.wait(10) == 1
    assert "nothing was answered" in engine.log.read_text()


def test_an_engine_whose_database_connection_is_cut_ends_and_the_next_one_knows_all(
    engine: EngineProcess, start_engine: StartEngine
) -> None:
    place(3)
    with django_connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'satchel-engine' AND datname = current_database()"
        )
    assert engine.process is not None
    assert engine.process.wait(10) == 1
    start_engine().wait_until_leading()
    place(1)
    assert Order.objects.filter(status="New").count() == 4
    call_command("verify_journal")


def test_snapshot_and_journal_together_give_the_digest_of_a_full_replay(
    engine: EngineProcess, start_engine: StartEngine
) -> None:
    place(10)
    assert write_snapshot() == JournalEntry.objects.count()
    place(10)
    assert engine.stop() == 0
    start_engine().wait_until_leading()
    place(10)
    with connect("test") as connection:
        recovered = Replica.from_snapshot(connection)
        assert recovered.catch_up(connection) == 10
        replayed = Replica()
        replayed.catch_up(connection)
    assert digest(recovered.engine.state) == digest(replayed.engine.state)
    assert recovered.chain == replayed.chain
    assert Snapshot.objects.count() == Checkpoint.objects.count() == 2


def test_under_load_a_snapshot_is_written_ahead_of_time(
    engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_snapshot()
    monkeypatch.setattr(tasks, "MANY_COMMANDS", 10)
    place(9)
    tasks.write_snapshot_under_load()
    assert Snapshot.objects.count() == 1
    place(1)
    tasks.write_snapshot_under_load()
    assert Snapshot.objects.latest("sequence").sequence == JournalEntry.objects.count()


def test_only_the_latest_snapshots_are_kept_and_every_checkpoint(engine: EngineProcess) -> None:
    for _ in range(snapshots.KEPT + 2):
        place(1)
        write_snapshot()
    assert Snapshot.objects.count() == snapshots.KEPT
    assert Checkpoint.objects.count() == snapshots.KEPT + 2
    assert write_snapshot() == Snapshot.objects.latest("sequence").sequence


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            "UPDATE sequencer_journalentry SET at_ns = at_ns + 1000 WHERE sequence = 7",
            "entry 7 is not what was committed",
        ),
        ("DELETE FROM sequencer_journalentry WHERE sequence = 7", "lacks entry 7"),
        ("UPDATE sequencer_checkpoint SET digest = 'x'", "digest of the replayed state"),
        ("UPDATE accounts_balance SET available = available + 1 WHERE asset = 'BTC'", "balances"),
        ("UPDATE trading_order SET lots_open = 4 WHERE lots_open = 5", "open orders"),
        ("UPDATE accounts_ledgertransfer SET amount = amount + 1", "ledger, summed"),
        ("UPDATE trading_market SET state_reason = 'Breaker'", "markets"),
        ("UPDATE trading_asset SET spec = jsonb_set(spec, '{fee_ppm}', '1')", "assets"),
        ("UPDATE accounts_accountsettings SET leverage_limit = 50", "account settings"),
        (
            "INSERT INTO trading_accountrisk VALUES (1001, 'Low', 0, 0, now())",
            "margin statuses: 1 of 0 differ",
        ),
    ],
)
def test_verify_journal_finds_what_was_changed_behind_the_engines_back(
    engine: EngineProcess, change: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place(3)
    write_snapshot()
    call_command("verify_journal")
    with django_connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(change)
        cursor.execute("SET session_replication_role = origin")
    capsys.readouterr()
    with pytest.raises(CommandError):
        call_command("verify_journal")
    failures = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert any(complaint in line for line in failures), failures


def test_the_journal_refuses_to_be_changed(engine: EngineProcess) -> None:
    with pytest.raises(IntegrityError, match="only grows"):
        JournalEntry.objects.filter(sequence=1).delete()
    with pytest.raises(IntegrityError, match="only grows"):
        JournalEntry.objects.filter(sequence=1).update(command_id="other")


def test_a_refused_command_is_numbered_and_answered_the_same_for_ever(
    engine: EngineProcess, start_engine: StartEngine
) -> None:
    asked = order(ACCOUNTS[0], Side.BID, 0, 10**14)
    first = submit(asked, command_id="too-much")
    assert isinstance(first.answer, CommandRejected)
    engine.kill()
    start_engine().wait_until_leading()
    assert submit(asked, command_id="too-much") == first
