"""The sequencer itself: bounds, time, and what it does with a broken invariant."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from engine.commands import AdvanceTime, CancelAllOrders, CreditDeposit, ListMarket, UpdatePrices
from engine.engine import Engine
from engine.questions import MaxAmount, MaxWithdrawal
from engine.snapshot import dump_state, load_state
from engine.units import AccountId
from engine.vocabulary import Conditions, Side, Trigger
from gateway import codec
from sequencer import loop
from sequencer.loop import BUSY, Asked, Query, Sequencer
from tests.sequencer.market import ACCOUNTS, PERP, PRICE_TICKS, order, set_up


class Caller:
    """Somebody who keeps what is answered."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, int]] = []
        self.refusals: list[tuple[int, str]] = []
        self.bodies: list[bytes] = []

    def reply(
        self, correlation: int, *, sequence: int, at_ns: int, answer: bytes, repeated: bool = False
    ) -> None:
        self.answers.append((correlation, sequence))
        self.bodies.append(answer)

    def refuse(self, correlation: int, message: str) -> None:
        self.refusals.append((correlation, message))

    def flush(self) -> None:
        pass


def with_sequencer(use: Callable[[Sequencer, Caller], None]) -> None:
    """Run `use` on a sequencer whose batches are taken by hand."""

    async def run() -> None:
        sequencer = Sequencer(
            Engine(), committed=lambda batch: None, repeated=lambda asked, known: None
        )
        use(sequencer, Caller())

    asyncio.run(run())


def asked(command: Any, caller: Caller, number: int) -> Asked:
    return Asked(f"id-{number}", command, codec.encode(command), caller, number)


DEPOSIT = CreditDeposit(account=AccountId(ACCOUNTS[0]), asset="USDC", amount_atoms=1)


def test_what_does_not_fit_is_refused_and_what_waits_keeps_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "MAX_BATCH", 3)
    monkeypatch.setattr(loop, "MAX_PENDING", 2)

    def use(sequencer: Sequencer, caller: Caller) -> None:
        refusals = [sequencer.accept(asked(DEPOSIT, caller, number)) for number in range(6)]
        assert refusals == [None] * 5 + [BUSY]
        first = sequencer.take(0)
        assert first is not None
        sequencer._apply_pending()
        second = sequencer.take(0)
        assert second is not None
        assert [len(first.entries), len(second.entries)] == [3, 2]
        assert caller.answers == [], "nothing is answered before its commit"
        sequencer._answer(first)
        sequencer._answer(second)
        assert caller.answers == [(number, number + 1) for number in range(5)]
        assert sequencer.idle
        assert sequencer.take(0) is None

    with_sequencer(use)


def test_an_answer_waits_for_the_commit_of_what_it_shows() -> None:
    question = MaxWithdrawal(account=AccountId(ACCOUNTS[0]), asset="USDC")

    def use(sequencer: Sequencer, caller: Caller) -> None:
        numbers = iter(range(1000))
        set_up(lambda command: sequencer.accept(asked(command, caller, next(numbers))))
        first = sequencer.take(0)
        assert first is not None
        sequencer.accept(asked(DEPOSIT, caller, 2000))
        assert sequencer.ask(Query(question, caller, 2001)) is None
        sequencer._answer_query()
        second = sequencer.take(0)
        assert second is not None
        sequencer._answer(first)
        assert 2001 not in dict(caller.answers), "the deposit which it shows is not committed"
        sequencer._answer(second)
        assert caller.answers[-2:] == [(2000, sequencer.applied), (2001, sequencer.applied)]
        shown = codec.decode_finding(caller.bodies[-1])
        assert shown == MaxAmount(amount_atoms=10**12 + 1)
        # Nothing is uncommitted: the next is answered at once, and commits nothing.
        sequencer.ask(Query(question, caller, 2002))
        sequencer._answer_query()
        assert caller.answers[-1] == (2002, sequencer.applied)
        assert sequencer.take(0) is None

    with_sequencer(use)


def test_questions_have_a_bound_and_one_that_fails_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "MAX_QUERIES", 2)
    question = MaxWithdrawal(account=AccountId(ACCOUNTS[0]), asset="USDC")

    def use(sequencer: Sequencer, caller: Caller) -> None:
        refusals = [sequencer.ask(Query(question, caller, number)) for number in range(3)]
        assert refusals == [None, None, BUSY]
        monkeypatch.setattr(Engine, "ask", lambda *_, **__: 1 // 0)
        sequencer._answer_query()
        monkeypatch.undo()
        sequencer._answer_query()
        assert [number for number, _ in caller.refusals] == [0]
        assert caller.answers == [(1, 0)]
        sequencer.ask(Query(question, caller, 3))
        sequencer.stop()
        sequencer._answer_query()
        assert caller.answers == [(1, 0)], "the next engine is asked"

    with_sequencer(use)


def test_what_is_due_is_done_after_the_command_that_met_it_and_again_after_a_restart() -> None:
    stop = msgspec.structs.replace(
        order(ACCOUNTS[0], Side.ASK, 0, 5, PERP),
        conditions=Conditions(trigger=Trigger(PRICE_TICKS - 10)),
    )
    down = UpdatePrices(prices_e8={"BTC": 85_000 * 10**8})

    async def run() -> None:
        caller = Caller()
        sequencer = _sequencer(Engine())
        numbers = iter(range(1000))
        set_up(lambda command: sequencer.accept(asked(command, caller, next(numbers))))
        sequencer.accept(asked(stop, caller, 2000))
        sequencer.accept(asked(down, caller, 2001))
        saved = dump_state(sequencer.engine.state)
        applied = sequencer.applied
        await asyncio.sleep(0.01)
        assert sequencer.applied == applied + 1, "one AdvanceTime"
        assert len(sequencer.engine.state.orders) == 1, "the stop rests in the book"
        batch = sequencer.take(0)
        assert batch is not None
        last = batch.entries[-1]
        assert codec.decode_command(last.command) == AdvanceTime()
        sequencer._answer(batch)
        assert caller.answers[-1] == (2001, applied), "nobody waits for the clock"
        # An engine which stopped in between does it when it comes up.
        again = _sequencer(Engine(load_state(saved)))
        await asyncio.sleep(0.01)
        assert again.applied == applied + 1
        assert again.engine.due_ns == again.engine.state.markets[PERP].perp_funding().ends_ns

    asyncio.run(run())


def test_who_may_take_waits_and_who_cannot_does_not() -> None:
    """A market whose takers wait 30 ms: a post-only order and a cancel overtake them."""

    async def run() -> None:
        caller = Caller()
        sequencer = _sequencer(Engine())
        numbers = iter(range(1000))

        def submit(command: Any) -> None:
            if isinstance(command, ListMarket):
                listed = msgspec.structs.replace(command.market, taker_delay_ms=30)
                command = ListMarket(market=listed)
            sequencer.accept(asked(command, caller, next(numbers)))

        set_up(submit)
        before = sequencer.applied
        taker, other = order(ACCOUNTS[0], Side.BID, 0, 5), order(ACCOUNTS[1], Side.BID, 1, 5)
        maker = msgspec.structs.replace(order(ACCOUNTS[2], Side.ASK, 50, 5), post_only=True)
        cancel = CancelAllOrders(account=AccountId(ACCOUNTS[2]))
        for number, command in enumerate((taker, other, maker, cancel), 2000):
            assert sequencer.accept(asked(command, caller, number)) is None
        assert sequencer.applied == before + 2, "the takers wait"
        await asyncio.sleep(0.1)
        batch = sequencer.take(0)
        assert batch is not None
        sequencer._answer(batch)
        assert [number for number, _ in caller.answers[-4:]] == [2002, 2003, 2000, 2001]
        # What waits when the process stops has not happened.
        sequencer.accept(asked(msgspec.structs.replace(taker, lots=6), caller, 2004))
        sequencer.stop()
        await asyncio.sleep(0.05)
        assert sequencer.applied == before + 4

    asyncio.run(run())


def _sequencer(engine: Engine) -> Sequencer:
    return Sequencer(engine, committed=lambda batch: None, repeated=lambda asked, known: None)


def test_time_never_runs_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([5_000_000_123, 9_000_000_000, 4_000_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(times))

    def use(sequencer: Sequencer, caller: Caller) -> None:
        for number in range(3):
            sequencer.accept(asked(DEPOSIT, caller, number))
        batch = sequencer.take(0)
        assert batch is not None
        stamped = [entry.at_ns for entry in batch.entries]
        assert stamped == [5_000_000_000, 9_000_000_000, 9_000_000_000]

    with_sequencer(use)


def test_a_broken_invariant_stops_the_process_before_anything_is_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stopped(BaseException):
        pass

    def stop(reason: str) -> None:
        raise Stopped(reason)

    monkeypatch.setattr(loop, "stop_process", stop)

    def use(sequencer: Sequencer, caller: Caller) -> None:
        numbers = iter(range(1000))
        set_up(lambda command: sequencer.accept(asked(command, caller, next(numbers))))
        applied = sequencer.take(0)
        assert applied is not None
        sequencer.engine.state.prices.clear()
        with pytest.raises(Stopped, match="broke an invariant"):
            sequencer.accept(asked(order(ACCOUNTS[0], Side.BID, 0, 1), caller, 2000))
        assert sequencer.take(0) is None
        assert caller.answers == []

    with_sequencer(use)
