"""What is committed together: commands with their outcomes, the rows they leave, who waits."""

from typing import Any, NamedTuple, Protocol

from accounts.projections import acted
from engine.commands import Command
from engine.engine import Engine
from engine.events import CommandRejected, CommandRepeated, Event
from gateway import codec
from gateway.tables import Rows, Table
from sequencer.projections import project


class Caller(Protocol):
    """Somebody who waits for the outcome of a command, or for an answer."""

    def reply(
        self, correlation: int, *, sequence: int, at_ns: int, answer: bytes, repeated: bool = False
    ) -> None:
        """Queue the committed outcome, of this caller's command or of an earlier one of its id."""

    def refuse(self, correlation: int, message: str) -> None:
        """Say that a command or question was not taken."""

    def flush(self) -> None:
        """Send what is queued."""


class Entry:
    """A command that has been applied but not yet committed.

    `callers` wait for its commit; each gets the answer of the command, or one of its own, and
    hears whether it came with a repeat.
    """

    __slots__ = ("answer", "at_ns", "callers", "command", "command_id", "events", "sequence")

    def __init__(
        self,
        *,
        sequence: int,
        at_ns: int,
        command_id: str,
        command: bytes,
        events: tuple[Event, ...],
    ) -> None:
        self.sequence = sequence
        self.at_ns = at_ns
        self.command_id = command_id
        self.command = command
        self.events = events
        self.answer = codec.encode(events[0])
        self.callers: list[tuple[Caller, int, bytes | None, bool]] = []


class Known(NamedTuple):
    """The command id was seen before, at `sequence`; `answer` is a refusal if the terms differ."""

    sequence: int
    answer: bytes | None


class Written(NamedTuple):
    """Rows as they travel: the columns of each table in turn."""

    tables: tuple[Table, ...]
    parameters: list[Any]


class Batch:
    """The commands of one commit, in order."""

    __slots__ = ("_written", "entries", "rows")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.rows = Rows()
        self._written: Written | None = None

    def write_down(self) -> Written:
        """Return the tables of the batch and their parameters; nothing can be added after that.

        Whoever fills a batch does it at once: the committer would do it while PostgreSQL waits.
        """
        if self._written is None:
            rows = self.rows.tables()
            tables = tuple(sorted(rows, key=lambda table: table.name))
            parameters: list[Any] = []
            for table in tables:
                parameters += table.parameters(rows[table])
            self._written = Written(tables, parameters)
        return self._written

    @property
    def is_written_down(self) -> bool:
        return self._written is not None


def apply(
    engine: Engine, batch: Batch, *, at_ns: int, command_id: str, command: Command, raw: bytes
) -> Entry | Known:
    """Apply the next command and add it to the batch; of a known id, add and change nothing."""
    assert not batch.is_written_down, "a batch which is written down takes no more"
    sequence = engine.state.sequence + 1
    events = engine.apply(sequence=sequence, at_ns=at_ns, command_id=command_id, command=command)
    if engine.state.sequence != sequence:
        return _known(events[0])
    entry = Entry(sequence=sequence, at_ns=at_ns, command_id=command_id, command=raw, events=events)
    project(batch.rows, events, sequence=sequence, at_ns=at_ns)
    if command.actor:
        acted(batch.rows, command, events[0], sequence, at_ns)
    batch.entries.append(entry)
    return entry


def _known(event: Event) -> Known:
    if isinstance(event, CommandRepeated):
        return Known(event.sequence, None)
    assert isinstance(event, CommandRejected), f"{event} took no number"
    sequence = event.details["sequence"]
    assert isinstance(sequence, int)
    return Known(sequence, codec.encode(event))
