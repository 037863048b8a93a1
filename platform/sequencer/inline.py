"""An engine in the caller's process and transaction, for tests: the same path, no sockets."""

import threading
import time

from django.db import connection
from django.utils import timezone

from engine.commands import AdvanceTime, Command
from engine.engine import Engine
from engine.questions import AnyAnswer, AnyQuestion
from gateway import codec
from gateway.transport import Outcome
from sequencer.batch import Batch, Entry, apply
from sequencer.commit import commit_parameters, commit_sql
from sequencer.database import send_byte_arrays
from sequencer.journal import CHAIN_START
from sequencer.models import JournalEntry, Leader

_EPOCH = 1


class InlineEngine:
    """Applies a command and commits its rows through Django's connection, in its transaction.

    `ahead_ns` is how far its clock runs before the real one: interest takes hours.
    """

    def __init__(self) -> None:
        self.engine = Engine()
        self.ahead_ns = 0
        self._chain = CHAIN_START
        self._lock = threading.Lock()

    def __call__(self, command: Command, command_id: str) -> Outcome:
        """Return the outcome of a command, with its rows written."""
        # Through the wire's own form, so that a test cannot pass what a caller could not send.
        raw = codec.encode(command)
        with self._lock:
            batch = Batch()
            now_ns = time.time_ns() // 1000 * 1000 + self.ahead_ns
            at_ns = max(now_ns, self.engine.state.at_ns)
            outcome = apply(
                self.engine,
                batch,
                at_ns=at_ns,
                command_id=command_id,
                command=codec.decode_command(raw),
                raw=raw,
            )
            if isinstance(outcome, Entry):
                self._advance_time(batch, at_ns)
                self._commit(batch)
                return Outcome(outcome.sequence, at_ns, codec.decode_event(outcome.answer))
        first = JournalEntry.objects.get(pk=outcome.sequence)
        answer = bytes(first.answer) if outcome.answer is None else outcome.answer
        return Outcome(first.sequence, first.at_ns, codec.decode_event(answer), repeated=True)

    def _advance_time(self, batch: Batch, at_ns: int) -> None:
        """Do at once what has become due, as the sequencer does right after a command."""
        while self.engine.due_ns is not None and self.engine.due_ns <= at_ns:
            command = AdvanceTime()
            apply(
                self.engine,
                batch,
                at_ns=at_ns,
                command_id=f"time:{self.engine.state.sequence + 1}",
                command=command,
                raw=codec.encode(command),
            )

    def ask(self, question: AnyQuestion) -> AnyAnswer:
        """Return the answer to a question; everything applied is written."""
        asked = codec.decode_question(codec.encode(question))
        with self._lock:
            at_ns = max(time.time_ns() // 1000 * 1000, self.engine.state.at_ns)
            answer = self.engine.ask(asked, at_ns=at_ns)
        return codec.decode_finding(codec.encode(answer))

    def _commit(self, batch: Batch) -> None:
        if self._chain == CHAIN_START:
            Leader.objects.create(epoch=_EPOCH, address="inline", since=timezone.now())
        tables, parameters, self._chain = commit_parameters(batch, epoch=_EPOCH, chain=self._chain)
        with connection.cursor() as cursor:
            send_byte_arrays(cursor)
            cursor.execute(commit_sql(tables), parameters)
