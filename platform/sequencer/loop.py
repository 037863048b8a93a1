"""Numbers and timestamps commands, applies them, and answers when they are committed.

Questions are answered between commands, and wait for the commit of what they may show.

Everything here runs in the event loop's thread, except `take`, by which the committer's thread
gets what has been applied while it was busy.
"""

import asyncio
import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from engine.commands import (
    AdvanceTime,
    Command,
    CreateStrategy,
    ListAsset,
    ListMarket,
    PlaceOrder,
)
from engine.engine import Engine
from engine.questions import AnyQuestion
from gateway import codec
from sequencer.batch import Batch, Caller, Entry, Known, apply
from sequencer.commit import stop_process

# Larger batches gain little and make everybody in them wait for the last (docs/architecture.md).
MAX_BATCH = 500
# About a second's work. Beyond it callers are told to come again, instead of waiting in vain.
MAX_PENDING = 20_000
# More than these could not be answered within anybody's patience.
MAX_QUERIES = 1_000
_log = logging.getLogger(__name__)
_LISTING = (ListAsset, ListMarket)
# The first order of a strategy is placed at once.
_MAY_TAKE = (PlaceOrder, CreateStrategy)
BUSY = "the exchange is busy: nothing was done, try again in a moment"


class Asked(NamedTuple):
    """A command that came in, with who waits for it."""

    command_id: str
    command: Command
    raw: bytes
    # None: the engine's own clock.
    caller: Caller | None
    correlation: int


class Query(NamedTuple):
    """A question that came in, with who waits for the answer."""

    question: AnyQuestion
    caller: Caller
    correlation: int


class Sequencer:
    """The one writer. Its lock `ready` is held while a command is applied.

    Args:
        committed: called with each committed batch, before its callers are answered.
        repeated: called with a caller whose command was committed before, to answer it again.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        committed: Callable[[Batch], None],
        repeated: Callable[[Asked, Known], None],
    ) -> None:
        self.engine = engine
        self._loop = asyncio.get_running_loop()
        self._committed = committed
        self._repeated = repeated
        self._open = Batch()
        self.ready = threading.Condition()
        self._pending: deque[Asked] = deque()
        self._queries: deque[Query] = deque()
        self._uncommitted: dict[int, Entry] = {}
        self._stopping = False
        # Orders that may take, in markets where takers wait: (due, number, order).
        self._held: list[tuple[float, int, Asked]] = []
        self._held_count = 0
        # For when the engine's schedule is watched, and the timer that does so.
        self._awaited_ns: int | None = None
        self._timer: asyncio.Handle | None = None
        self._watch_schedule()

    def accept(self, asked: Asked) -> str | None:
        """Apply a command, or queue it behind a full batch. Returns why not, if refused."""
        refusal = _refusal(asked)
        if refusal is not None:
            return refusal
        if self._stopping:
            # Unanswered: the caller will ask the next engine.
            return None
        command = asked.command
        if isinstance(command, _MAY_TAKE) and (delay := self._taker_delay_ms(command)):
            return self._hold(asked, delay / 1_000)
        return self._take_in(asked)

    def _take_in(self, asked: Asked) -> str | None:
        if self._pending or len(self._open.entries) >= MAX_BATCH:
            if len(self._pending) >= MAX_PENDING:
                return BUSY
            self._pending.append(asked)
        else:
            self._apply(asked)
        return None

    def ask(self, query: Query) -> str | None:
        """Queue a question. Returns why not, if refused.

        One is answered in each turn of the loop: what comes in meanwhile waits for no second.
        """
        if self._stopping:
            # Unanswered: the caller will ask the next engine.
            return None
        if len(self._queries) >= MAX_QUERIES:
            return BUSY
        self._queries.append(query)
        if len(self._queries) == 1:
            self._loop.call_soon(self._answer_query)
        return None

    def take(self, timeout_seconds: float) -> Batch | None:
        """Return what has been applied and not yet taken; called by the committer's thread."""
        with self.ready:
            if not self._open.entries and not self.ready.wait_for(
                lambda: bool(self._open.entries), timeout_seconds
            ):
                return None
            batch, self._open = self._open, Batch()
        if self._pending:
            self._loop.call_soon_threadsafe(self._apply_pending)
        return batch

    def batch_committed(self, batch: Batch) -> None:
        """Have a batch answered; called by the committer's thread."""
        self._loop.call_soon_threadsafe(self._answer, batch)

    @property
    def applied(self) -> int:
        """The number of the last applied command."""
        return self.engine.state.sequence

    @property
    def idle(self) -> bool:
        """Whether everything applied is committed and answered."""
        return not self._uncommitted

    def stop(self) -> None:
        """Take no further command. What waits unapplied is dropped: nothing of it has happened."""
        self._stopping = True
        self._held.clear()
        self._pending.clear()
        self._queries.clear()

    def _taker_delay_ms(self, command: PlaceOrder | CreateStrategy) -> int:
        """Return how long an order is held back; what cannot take is not."""
        listed = self.engine.state.markets.get(command.market)
        if listed is None or command.post_only:
            return 0
        if isinstance(command, PlaceOrder):
            conditions = command.conditions
            if conditions is not None and conditions.trigger is not None:
                return 0
        return listed.market.taker_delay_ms

    def _hold(self, asked: Asked, seconds: float) -> str | None:
        if len(self._held) >= MAX_PENDING:
            return BUSY
        due = self._loop.time() + seconds
        self._held_count += 1
        heapq.heappush(self._held, (due, self._held_count, asked))
        self._loop.call_at(due, self._let_go)
        return None

    def _let_go(self) -> None:
        """Take in the order that was held first; each has a timer."""
        if not self._held:
            return
        _, _, asked = heapq.heappop(self._held)
        refusal = self._take_in(asked)
        if refusal is not None and asked.caller is not None:
            asked.caller.refuse(asked.correlation, refusal)

    def _watch_schedule(self) -> None:
        """Set the timer for what the engine wants to do by itself."""
        due_ns = self.engine.due_ns
        if due_ns == self._awaited_ns:
            return
        self._awaited_ns = due_ns
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_ns is not None:
            delay = max(0.0, (due_ns - time.time_ns()) / 1e9)
            self._timer = self._loop.call_later(delay, self._advance_time)

    def _advance_time(self) -> None:
        self._timer = self._awaited_ns = None
        if self._stopping:
            return
        due_ns = self.engine.due_ns
        if due_ns is not None and due_ns <= time.time_ns():
            command = AdvanceTime()
            name = f"time:{self.engine.state.sequence + 1}"
            self._pending.appendleft(Asked(name, command, codec.encode(command), None, 0))
            self._apply_pending()
        else:
            self._watch_schedule()

    def _apply(self, asked: Asked) -> None:
        at_ns = max(time.time_ns() // 1000 * 1000, self.engine.state.at_ns)
        try:
            with self.ready:
                outcome = apply(
                    self.engine,
                    self._open,
                    at_ns=at_ns,
                    command_id=asked.command_id,
                    command=asked.command,
                    raw=asked.raw,
                )
                is_first = len(self._open.entries) == 1
                if len(self._open.entries) == MAX_BATCH:
                    self._open.write_down()
        except BaseException as error:  # noqa: BLE001 -- the state may be half changed: never commit it
            stop_process(f"{asked.command!r} broke an invariant ({error!r})")
        if isinstance(outcome, Entry):
            if asked.caller is not None:
                outcome.callers.append((asked.caller, asked.correlation, None, False))
            self._uncommitted[outcome.sequence] = outcome
            if is_first:
                self._loop.call_soon(self._wake_committer)
            if self.engine.due_ns != self._awaited_ns:
                self._watch_schedule()
            return
        first = self._uncommitted.get(outcome.sequence)
        if first is None:
            self._repeated(asked, outcome)
        elif asked.caller is not None:
            first.callers.append((asked.caller, asked.correlation, outcome.answer, True))

    def _wake_committer(self) -> None:
        # Not at the first command: all that came in with it, in one turn, is one commit.
        with self.ready:
            self.ready.notify()

    def _apply_pending(self) -> None:
        while self._pending and len(self._open.entries) < MAX_BATCH:
            self._apply(self._pending.popleft())

    def _answer_query(self) -> None:
        if not self._queries:
            return
        question, caller, correlation = self._queries.popleft()
        if self._queries:
            self._loop.call_soon(self._answer_query)
        at_ns = max(time.time_ns() // 1000 * 1000, self.engine.state.at_ns)
        try:
            with self.ready:
                answer = codec.encode(self.engine.ask(question, at_ns=at_ns))
        except Exception:  # noqa: BLE001 -- it changed a copy only: the exchange goes on
            _log.exception("%r could not be answered", question)
            caller.refuse(correlation, "the question could not be answered")
            return
        last = self._uncommitted.get(self.applied)
        if last is not None:
            # It may show what the last command did: it waits for that to be committed.
            last.callers.append((caller, correlation, answer, False))
            return
        caller.reply(correlation, sequence=self.applied, at_ns=at_ns, answer=answer)
        caller.flush()

    def _answer(self, batch: Batch) -> None:
        for entry in batch.entries:
            del self._uncommitted[entry.sequence]
            for caller, correlation, own, repeated in entry.callers:
                caller.reply(
                    correlation,
                    sequence=entry.sequence,
                    at_ns=entry.at_ns,
                    answer=entry.answer if own is None else own,
                    repeated=repeated,
                )
        self._committed(batch)


def _refusal(asked: Asked) -> str | None:
    """Say what cannot be numbered at all: text that PostgreSQL could not keep."""
    name = asked.command_id
    if not 0 < len(name) <= codec.MAX_COMMAND_ID or not (name.isascii() and name.isprintable()):
        return f"a command id is 1 to {codec.MAX_COMMAND_ID} printable ASCII characters"
    if isinstance(asked.command, _LISTING) and not _is_printable(asked.command):
        return "names of assets and markets are printable"
    return None


def _is_printable(command: ListAsset | ListMarket) -> bool:
    """Look at the texts of a command which become columns."""
    if isinstance(command, ListAsset):
        return command.asset.symbol.isprintable() and command.asset.name.isprintable()
    return command.market.symbol.isprintable()
