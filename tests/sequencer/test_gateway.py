"""Callers and followers against a real engine: repetition, refusal, noise, slowness."""

import asyncio
import socket
from typing import Any

import msgspec
import pytest

from engine.commands import Borrow, CancelOrder, CreditDeposit, Lend, Side
from engine.events import BalanceChanged, BookChanged, CommandRejected, OrderPlaced
from engine.questions import MaxAmount, MaxBorrow, Unanswerable
from engine.rejects import Reject
from engine.units import AccountId
from gateway import codec
from gateway.client import ask, submit, submit_async, submit_many
from gateway.errors import EngineUnavailable, OutcomeUnknown
from gateway.feed import FeedBatch, FeedSnapshot, decode_events, follow
from gateway.transport import parse_address, parse_addresses
from sequencer.models import JournalEntry
from sequencer.server import MAX_UNREAD_BYTES
from tests.sequencer.conftest import StartEngine
from tests.sequencer.engines import EngineProcess
from tests.sequencer.market import ACCOUNTS, SPOT, order

DEPOSIT = CreditDeposit(account=AccountId(ACCOUNTS[0]), asset="USDC", amount_atoms=500)
MAX_BORROW = MaxBorrow(account=AccountId(ACCOUNTS[0]), asset="USDC")


def test_a_repeated_command_gets_its_first_outcome_and_changes_nothing(
    engine: EngineProcess,
) -> None:
    first = submit(DEPOSIT, command_id="deposit:1")
    count = JournalEntry.objects.count()
    again = submit(DEPOSIT, command_id="deposit:1")
    assert (first.repeated, again) == (False, msgspec.structs.replace(first, repeated=True))
    assert JournalEntry.objects.count() == count


def test_the_same_command_many_times_at_once_happens_once(engine: EngineProcess) -> None:
    count = JournalEntry.objects.count()

    async def crowd() -> list[Any]:
        asking = [submit_async(DEPOSIT, command_id="deposit:2") for _ in range(50)]
        return await asyncio.gather(*asking)

    outcomes = asyncio.run(crowd())
    assert len({(outcome.sequence, outcome.answer) for outcome in outcomes}) == 1
    assert [outcome.repeated for outcome in outcomes].count(False) == 1
    assert JournalEntry.objects.count() == count + 1


def test_a_known_id_with_other_terms_is_refused_and_not_journaled(engine: EngineProcess) -> None:
    first = submit(DEPOSIT, command_id="deposit:3")
    count = JournalEntry.objects.count()
    other = CreditDeposit(account=DEPOSIT.account, asset="USDC", amount_atoms=501)
    refused = submit(other, command_id="deposit:3")
    assert isinstance(refused.answer, CommandRejected)
    assert refused.answer.code is Reject.DUPLICATE_ID_WITH_OTHER_TERMS
    assert refused.sequence == first.sequence
    assert JournalEntry.objects.count() == count


def test_a_question_is_answered_after_what_came_before_and_leaves_nothing(
    engine: EngineProcess,
) -> None:
    lender, borrower = map(AccountId, ACCOUNTS[:2])
    question = MaxBorrow(account=borrower, asset="USDC")
    assert ask(question) == MaxAmount(amount_atoms=0)
    submit(Lend(account=lender, asset="USDC", amount_atoms=10**9))
    count = JournalEntry.objects.count()
    most = ask(question)
    assert isinstance(most, MaxAmount)
    assert 0 < most.amount_atoms < 10**9
    unknown = ask(MaxBorrow(account=borrower, asset="NONE"))
    assert isinstance(unknown, Unanswerable)
    assert unknown.why.code is Reject.UNKNOWN_ASSET
    assert JournalEntry.objects.count() == count
    for amount, is_accepted in ((most.amount_atoms + 1, False), (most.amount_atoms, True)):
        answer = submit(Borrow(account=borrower, asset="USDC", amount_atoms=amount)).answer
        assert isinstance(answer, CommandRejected) is not is_accepted


def test_many_commands_are_answered_in_order(engine: EngineProcess) -> None:
    commands = [order(ACCOUNTS[0], Side.BID, -1 - number, 1) for number in range(1200)]
    outcomes = asyncio.run(submit_many(commands))
    numbers = [outcome.sequence for outcome in outcomes]
    assert numbers == list(range(numbers[0], numbers[0] + 1200))
    for command, outcome in zip(commands, outcomes, strict=True):
        assert isinstance(outcome.answer, OrderPlaced)
        assert outcome.answer.terms.price_ticks == command.price_ticks


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        (2**31).to_bytes(4, "big"),
        codec.frame(b"\xc1"),
        codec.frame(b"\x93\xa1q\x01\x02"),
    ],
)
def test_noise_ends_its_own_connection_and_no_other(engine: EngineProcess, noise: bytes) -> None:
    submit(DEPOSIT)
    with parse_address(engine.address).connect(5) as line:
        line.sendall(noise)
        assert line.recv(1) == b""
    assert submit(DEPOSIT).sequence


def test_a_command_that_is_none_is_refused_on_a_line_that_goes_on(engine: EngineProcess) -> None:
    reader = codec.FrameReader(codec.MAX_ANSWER_BYTES)
    with parse_address(engine.address).connect(5) as line:
        line.sendall(codec.frame(codec.encode(codec.Request(5, "x", msgspec.Raw(b"\x80")))))
        (refusal,) = [codec.decode_answer(body) for body in reader.take(line.recv(4096))]
        assert isinstance(refusal, codec.Refusal)
        assert refusal.correlation == 5
        line.sendall(codec.request_frame(6, "a line break \n is no id", DEPOSIT))
        (refusal,) = [codec.decode_answer(body) for body in reader.take(line.recv(4096))]
        assert isinstance(refusal, codec.Refusal)
        line.sendall(codec.frame(codec.encode(codec.Ask(8, msgspec.Raw(b"\x80")))))
        (refusal,) = [codec.decode_answer(body) for body in reader.take(line.recv(4096))]
        assert isinstance(refusal, codec.Refusal)
        assert "question" in refusal.message
        line.sendall(codec.request_frame(7, "good", DEPOSIT))
        (reply,) = [codec.decode_answer(body) for body in reader.take(line.recv(4096))]
        assert isinstance(reply, codec.Reply)


def test_without_an_engine_callers_learn_that_nothing_happened(
    settings: Any, tmp_path: Any
) -> None:
    settings.ENGINE_ADDRESS = f"unix:{tmp_path}/nobody.sock"
    with pytest.raises(EngineUnavailable):
        submit(DEPOSIT, timeout=0.2)
    with pytest.raises(EngineUnavailable):
        asyncio.run(submit_async(DEPOSIT, timeout=0.2))
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        ask(MAX_BORROW, timeout=0.2)


def test_when_the_engine_dies_unanswered_callers_learn_that_the_outcome_is_unknown(
    settings: Any, tmp_path: Any
) -> None:
    path = f"{tmp_path}/deaf.sock"
    settings.ENGINE_ADDRESS = f"unix:{path}"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(path)
        deaf.listen()
        with pytest.raises(OutcomeUnknown):
            submit(DEPOSIT, timeout=0.3)
        with pytest.raises(OutcomeUnknown):
            asyncio.run(submit_async(DEPOSIT, timeout=0.3))
        # A question changes nothing, whatever became of it.
        with pytest.raises(EngineUnavailable, match="in time"):
            ask(MAX_BORROW, timeout=0.3)


def test_a_command_at_which_the_engine_ends_each_time_is_sent_three_times(
    settings: Any, tmp_path: Any
) -> None:
    settings.ENGINE_ADDRESS = f"unix:{tmp_path}/mortal.sock"
    seen: list[str] = []

    async def mortal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(4), "big")
        request = codec.decode_request(await reader.readexactly(length))
        assert not isinstance(request, codec.Follow)
        seen.append(request.command_id if isinstance(request, codec.Request) else "question")
        writer.close()

    async def send() -> None:
        async with await asyncio.start_unix_server(mortal, f"{tmp_path}/mortal.sock"):
            with pytest.raises(OutcomeUnknown):
                await submit_async(DEPOSIT, command_id="poison:async", timeout=30)
            with pytest.raises(OutcomeUnknown):
                await asyncio.to_thread(submit, DEPOSIT, command_id="poison:sync", timeout=30)
            with pytest.raises(EngineUnavailable):
                await asyncio.to_thread(ask, MAX_BORROW, timeout=30)

    asyncio.run(send())
    assert seen == ["poison:async"] * 3 + ["poison:sync"] * 3 + ["question"] * 3


def test_the_feed_names_the_accounts_whose_affairs_it_seals(engine: EngineProcess) -> None:
    async def watch() -> FeedBatch:
        feed = follow()
        assert isinstance(await anext(feed), FeedSnapshot)
        await submit_async(order(ACCOUNTS[0], Side.BID, -3, 2))
        batch = await anext(feed)
        assert isinstance(batch, FeedBatch)
        return batch

    (item,) = asyncio.run(watch()).items
    assert [type(event) for event in item.events] == [BookChanged]
    assert item.accounts == (ACCOUNTS[0],)
    placed, *balances = decode_events(item.private)
    assert isinstance(placed, OrderPlaced)
    assert {type(event) for event in balances} == {BalanceChanged}


def test_followers_of_the_feed_rebuild_the_book(engine: EngineProcess) -> None:
    async def watch() -> tuple[FeedSnapshot, dict[int, int], int]:
        feed = follow()
        snapshot = await anext(feed)
        assert isinstance(snapshot, FeedSnapshot)
        last = (await submit_many([order(ACCOUNTS[0], Side.BID, -n, n) for n in range(1, 40)]))[-1]
        assert isinstance(last.answer, OrderPlaced)
        cancel = CancelOrder(
            account=DEPOSIT.account, market=SPOT, order_id=last.answer.terms.order_id
        )
        last = await submit_async(cancel)
        bids: dict[int, int] = {}
        number = snapshot.sequence
        while number < last.sequence:
            batch = await anext(feed)
            assert isinstance(batch, FeedBatch)
            for item in batch.items:
                assert item.sequence == number + 1
                number = item.sequence
                for event in item.events:
                    if isinstance(event, BookChanged):
                        bids.update(event.bids)
        return snapshot, bids, number

    before, bids, number = asyncio.run(watch())
    assert before.markets[0].bids == ()

    async def snapshot_now() -> FeedSnapshot:
        snapshot = await anext(follow())
        assert isinstance(snapshot, FeedSnapshot)
        return snapshot

    after = asyncio.run(snapshot_now())
    assert after.sequence == number
    assert dict(after.markets[0].bids) == {price: lots for price, lots in bids.items() if lots}
    assert after.index_e8["BTC"] == 86_000 * 10**8


def test_a_follower_that_does_not_read_is_cut_and_slows_nobody(engine: EngineProcess) -> None:
    with parse_address(engine.address).connect(60) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(codec.frame(codec.encode(codec.Follow())))
        bids = [order(ACCOUNTS[0], Side.BID, -1, 1) for _ in range(500)]
        cuts = 0
        for _ in range(MAX_UNREAD_BYTES // (500 * 300)):
            outcomes = asyncio.run(submit_many(bids))
            placed = [o.answer for o in outcomes if isinstance(o.answer, OrderPlaced)]
            assert len(placed) == 500
            cancels = [
                CancelOrder(account=DEPOSIT.account, market=SPOT, order_id=event.terms.order_id)
                for event in placed
            ]
            asyncio.run(submit_many(cancels))
            if "a reader was cut off" in engine.log.read_text():
                cuts += 1
                break
        assert cuts == 1
    assert submit(DEPOSIT).sequence


def test_callers_find_the_leader_among_several_addresses(
    start_engine: StartEngine, settings: Any, tmp_path: Any
) -> None:
    start_engine().wait_until_leading()
    settings.ENGINE_ADDRESS = f"unix:{tmp_path}/other.sock,{settings.ENGINE_ADDRESS}"
    assert len(parse_addresses(settings.ENGINE_ADDRESS)) == 2
    assert isinstance(submit(DEPOSIT).answer, CommandRejected)
    assert isinstance(asyncio.run(submit_async(DEPOSIT)).answer, CommandRejected)
