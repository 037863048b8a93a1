"""Answers for commands that were committed before: what the journal says, said again."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import psycopg

from sequencer.batch import Known
from sequencer.database import Connection, connect
from sequencer.journal import answer_of
from sequencer.loop import Asked

_log = logging.getLogger(__name__)


class Repeats:
    """Reads the journal beside the committer, in a thread with a connection of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="repeats")
        self._connection: Connection | None = None

    def ask(self, asked: Asked, known: Known) -> None:
        """Answer a caller whose command id is known, as soon as the journal was read."""
        self._thread.submit(self._answer, asked, known)

    def _answer(self, asked: Asked, known: Known) -> None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect("repeats")
            at_ns, answer = answer_of(self._connection, known.sequence)
        except psycopg.Error as error:
            # The committer's connection is gone as well then, and the caller asks the next engine.
            _log.warning("a repeated command could not be answered: %s", error)
            return
        self._loop.call_soon_threadsafe(self._reply, asked, known, at_ns, answer)

    def _reply(self, asked: Asked, known: Known, at_ns: int, answer: bytes) -> None:
        if asked.caller is None:
            return
        asked.caller.reply(
            asked.correlation,
            sequence=known.sequence,
            at_ns=at_ns,
            answer=answer if known.answer is None else known.answer,
            repeated=True,
        )
        asked.caller.flush()
