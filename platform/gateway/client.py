"""The one corridor into the engine: `submit`, for every change of money, orders and settings.

Beside it `ask`, which changes nothing: for what only the live engine can tell exactly.

A connection that breaks is opened again and what was unanswered is sent again under the same
command id, so that a restart of the engine is one slow answer, given once. After the third break in
the midst of a command its outcome is called unknown.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Awaitable, Sequence

from asgiref.sync import sync_to_async
from django.conf import settings

from engine.commands import Command
from engine.questions import AnyAnswer, AnyQuestion
from gateway import codec
from gateway.errors import EngineUnavailable, GatewayError, OutcomeUnknown, RequestRepeated
from gateway.pipeline import GAVE_UP, MAX_SENDS, Pipeline
from gateway.signed_request import current
from gateway.transport import (
    INLINE,
    Address,
    Outcome,
    ask_inline,
    new_command_id,
    parse_addresses,
    submit_inline,
)

__all__ = ["Outcome", "ask", "new_command_id", "submit", "submit_async", "submit_many"]

# An engine that restarts is back within a second or two: ask often, but do not spin.
RECONNECT_SECONDS = 0.05
REPEATED = "the signed request was answered before"
_LENGTH_BYTES = 4

_local = threading.local()
_pipelines: dict[int, Pipeline] = {}


def submit(
    command: Command, *, command_id: str | None = None, timeout: float | None = None
) -> Outcome:
    """Send a command and wait for its committed outcome; for views, tasks and console commands.

    Args:
        command_id: names this very act, once; the same id with the same terms gives the first
            outcome again. Left out, a signed request gives it one of its own
            (`gateway.signed_request`), and anything else a new one.
        timeout: seconds, across restarts of the engine.

    Raises:
        EngineUnavailable: nothing has happened.
        OutcomeUnknown: it may have happened; ask again with the same id.
        RequestRepeated: the signed request was answered before; nothing has happened again.
    """
    request = current() if command_id is None else None
    if request is None:
        return _submit(command, command_id or new_command_id(), timeout)
    place = request.next_place()
    for twin in range(request.twins + 1):
        outcome = _submit(command, request.command_id(place, twin), timeout)
        if not outcome.repeated:
            request.carried_out = True
            return outcome
    raise RequestRepeated(REPEATED)


def _submit(command: Command, command_id: str, timeout: float | None) -> Outcome:
    if settings.ENGINE_ADDRESS == INLINE:
        return submit_inline(command, command_id)
    deadline = time.monotonic() + _seconds(timeout)
    attempt = _Attempt(codec.request_frame(0, command_id, command), deadline)
    while True:
        answer = attempt.once()
        if isinstance(answer, codec.Reply):
            # Sent twice by ourselves, it is known because of us.
            repeated = answer.repeated and not attempt.breaks
            event = codec.decode_event(answer.answer)
            return Outcome(answer.sequence, answer.at_ns, event, repeated)
        if isinstance(answer, codec.Refusal) and not attempt.breaks:
            raise EngineUnavailable(answer.message)
        if attempt.breaks >= MAX_SENDS:
            raise OutcomeUnknown(GAVE_UP)
        if time.monotonic() + RECONNECT_SECONDS >= attempt.deadline:
            raise attempt.failure()
        time.sleep(RECONNECT_SECONDS)


def ask(question: AnyQuestion, *, timeout: float | None = None) -> AnyAnswer:
    """Ask the live engine and wait for its answer, which shows nothing that is not committed.

    Args:
        timeout: seconds, across restarts of the engine.

    Raises:
        EngineUnavailable: there was no answer in time.
    """
    if settings.ENGINE_ADDRESS == INLINE:
        return ask_inline(question)
    attempt = _Attempt(codec.ask_frame(0, question), time.monotonic() + _seconds(timeout))
    while True:
        answer = attempt.once()
        if isinstance(answer, codec.Reply):
            return codec.decode_finding(answer.answer)
        if isinstance(answer, codec.Refusal):
            raise EngineUnavailable(answer.message)
        if attempt.breaks >= MAX_SENDS:
            raise EngineUnavailable(GAVE_UP)
        if time.monotonic() + RECONNECT_SECONDS >= attempt.deadline:
            raise EngineUnavailable(str(attempt.failure()))
        time.sleep(RECONNECT_SECONDS)


async def submit_async(
    command: Command, *, command_id: str | None = None, timeout: float | None = None
) -> Outcome:
    """Send a command from an event loop and wait for its committed outcome; as `submit`."""
    request = current() if command_id is None else None
    if request is None:
        return await _send(command, command_id or new_command_id(), timeout)
    place = request.next_place()
    for twin in range(request.twins + 1):
        outcome = await _send(command, request.command_id(place, twin), timeout)
        if not outcome.repeated:
            request.carried_out = True
            return outcome
    raise RequestRepeated(REPEATED)


async def submit_many(
    commands: Sequence[Command],
    *,
    places: Sequence[int] | None = None,
    timeout: float | None = None,
) -> list[Outcome]:
    """Send several commands at once and return their outcomes in the same order; as `submit`.

    The first command without an outcome raises; the others may have happened nevertheless. If a
    part of a signed request was answered before, the outcomes of that part say `repeated`.

    Args:
        places: where each stands in the signed request, whatever became of those between them.
    """
    request = current()
    if request is None or not commands:
        return await _send_all(commands, [new_command_id() for _ in commands], timeout)
    places = range(len(commands)) if places is None else places
    ids = [request.command_id(place, 0) for place in places]
    outcomes = await _send_all(commands, ids, timeout)
    for twin in range(1, request.twins + 1):
        again = [at for at, outcome in enumerate(outcomes) if outcome.repeated]
        ids = [request.command_id(places[at], twin) for at in again]
        answers = await _send_all([commands[at] for at in again], ids, timeout)
        for at, answer in zip(again, answers, strict=True):
            outcomes[at] = answer
    if all(outcome.repeated for outcome in outcomes):
        raise RequestRepeated(REPEATED)
    request.carried_out = True
    return outcomes


def _send(command: Command, command_id: str, timeout: float | None) -> Awaitable[Outcome]:
    if settings.ENGINE_ADDRESS == INLINE:
        # In the thread of the test, and so in its transaction.
        return sync_to_async(submit_inline)(command, command_id)
    return _pipeline().send(command, command_id, _seconds(timeout))


async def _send_all(
    commands: Sequence[Command], ids: Sequence[str], timeout: float | None
) -> list[Outcome]:
    if settings.ENGINE_ADDRESS == INLINE:
        return [await _send(*pair, timeout) for pair in zip(commands, ids, strict=True)]
    # All are on their way before the first is waited for.
    waiting = [_send(*pair, timeout) for pair in zip(commands, ids, strict=True)]
    outcomes: list[Outcome] = []
    errors: list[GatewayError] = []
    # Most come with one commit: the first wait is the only one, and no group is needed for it.
    for answer in waiting:
        try:
            outcomes.append(await answer)
        except GatewayError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return outcomes


def _seconds(timeout: float | None) -> float:
    return float(settings.ENGINE_TIMEOUT_SECONDS) if timeout is None else timeout


def _pipeline() -> Pipeline:
    """Return the connection of the running loop; every caller of a process shares it."""
    loop = asyncio.get_running_loop()
    pipeline = _pipelines.get(id(loop))
    if pipeline is None or pipeline.loop is not loop:
        pipeline = Pipeline(loop, parse_addresses(settings.ENGINE_ADDRESS))
        _pipelines[id(loop)] = pipeline
    return pipeline


class _Attempt:
    """One command or question of a blocking caller, over as many connections as it takes."""

    def __init__(self, frame: bytes, deadline: float) -> None:
        self.frame = frame
        self.deadline = deadline
        # How often it was sent without an answer.
        self.breaks = 0
        self._error: Exception | None = None

    def once(self) -> codec.Reply | codec.Refusal | None:
        """Send and wait. Returns None when the connection failed."""
        try:
            connection = _connection(max(self.deadline - time.monotonic(), 0.001))
        except OSError as error:
            self._error = error
            return None
        try:
            connection.settimeout(max(self.deadline - time.monotonic(), 0.001))
            connection.sendall(self.frame)
            answer = codec.decode_answer(_receive(connection))
        except (OSError, EOFError, codec.FrameError) as error:
            self.breaks += 1
            self._error = error
            _forget_connection()
            return None
        except BaseException:
            # Interrupted between question and answer: the next caller must not read this answer.
            _forget_connection()
            raise
        return answer

    def failure(self) -> EngineUnavailable | OutcomeUnknown:
        """Return what to raise when the time is over."""
        if self.breaks:
            return OutcomeUnknown(f"no answer from the engine in time ({self._error})")
        return EngineUnavailable(f"the engine cannot be reached ({self._error})")


def _connection(timeout_seconds: float) -> socket.socket:
    """Return this thread's connection; a forked child opens its own."""
    if getattr(_local, "owner", None) == (os.getpid(), settings.ENGINE_ADDRESS):
        connection: socket.socket = _local.connection
        return connection
    addresses = parse_addresses(settings.ENGINE_ADDRESS)
    connection = _connect_first(addresses, timeout_seconds)
    _local.connection = connection
    _local.owner = (os.getpid(), settings.ENGINE_ADDRESS)
    return connection


def _connect_first(addresses: tuple[Address, ...], timeout_seconds: float) -> socket.socket:
    """Connect to the first address that answers: only the leader listens."""
    for address in addresses[:-1]:
        try:
            return address.connect(timeout_seconds / len(addresses))
        except OSError:
            continue
    return addresses[-1].connect(timeout_seconds)


def _forget_connection() -> None:
    _local.connection.close()
    _local.owner = None


def _receive(connection: socket.socket) -> bytes:
    length = int.from_bytes(_receive_exactly(connection, _LENGTH_BYTES), "big")
    if length > codec.MAX_ANSWER_BYTES:
        raise codec.FrameError(f"an answer of {length} bytes")
    return _receive_exactly(connection, length)


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise EOFError("the engine closed the connection")
        parts += part
    return parts
