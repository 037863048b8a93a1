"""One connection for all callers of an event loop: correlation ids, and one write per loop turn.

What is unanswered when a connection breaks is sent again on the next, in the same order, but only
so often: a command at which the engine ends each time would end it for everybody, again and again.
"""

import asyncio
from collections.abc import Awaitable
from typing import cast

from engine.commands import Command
from gateway import codec
from gateway.errors import EngineUnavailable, GatewayError, OutcomeUnknown
from gateway.transport import Address, Outcome

RECONNECT_SECONDS = 0.05
# Late callers are told within this time of their deadline; one timer serves all of them.
SWEEP_SECONDS = 0.1
# While one process checks a burst of requests, the engine already works on the first of them.
FLUSH_AT = 24
# Once, and after each of two engines that ended meanwhile.
MAX_SENDS = 3
GAVE_UP = f"the engine ended {MAX_SENDS} times while this was unanswered"
# More than this is more than the engine could answer within any caller's patience.
MAX_WAITING = 20_000


class _Waiting:
    """A caller, from its question to its answer."""

    __slots__ = ("answer", "deadline", "frame", "sends")

    def __init__(self, frame: bytes, answer: asyncio.Future[Outcome], deadline: float) -> None:
        self.frame = frame
        self.answer = answer
        self.deadline = deadline
        self.sends = 0


class Pipeline:
    """Sends commands to whichever of the addresses listens, and gives each caller its outcome."""

    def __init__(self, loop: asyncio.AbstractEventLoop, addresses: tuple[Address, ...]) -> None:
        self.loop = loop
        self._addresses = addresses
        self._waiting: dict[int, _Waiting] = {}
        self._unsent: list[_Waiting] = []
        self._last = 0
        self._line: _Line | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._sweeping = False
        self._error: Exception | None = None

    def send(self, command: Command, command_id: str, seconds: float) -> Awaitable[Outcome]:
        """Queue a command. The awaitable gives its outcome or raises a GatewayError."""
        answer: asyncio.Future[Outcome] = self.loop.create_future()
        if len(self._waiting) >= MAX_WAITING:
            answer.set_exception(EngineUnavailable("too many commands are waiting; try again"))
            return answer
        self._last += 1
        frame = codec.request_frame(self._last, command_id, command)
        waiting = _Waiting(frame, answer, self.loop.time() + seconds)
        self._waiting[self._last] = waiting
        if not self._unsent:
            self.loop.call_soon(self._flush)
        self._unsent.append(waiting)
        if len(self._unsent) == FLUSH_AT and self._line is not None:
            self._flush()
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(SWEEP_SECONDS, self._sweep)
        return answer

    def received(self, body: bytes) -> None:
        """Give an answer to its caller."""
        answer = codec.decode_answer(body)
        waiting = self._waiting.get(answer.correlation)
        if waiting is None:
            return
        if isinstance(answer, codec.Refusal):
            if waiting.sends == 1:
                self._end(answer.correlation, EngineUnavailable(answer.message))
            # Sent before on a broken connection: what became of that is not known yet.
            return
        del self._waiting[answer.correlation]
        if not waiting.answer.done():
            event = codec.decode_event(answer.answer)
            # Sent twice by ourselves, it is known because of us.
            repeated = answer.repeated and waiting.sends == 1
            waiting.answer.set_result(Outcome(answer.sequence, answer.at_ns, event, repeated))

    def lost(self, line: "_Line", error: Exception | None) -> None:
        """Note that a connection has ended, and open the next if somebody waits."""
        if self._line is not line:
            return
        self._line = None
        self._error = error or ConnectionError("the engine closed the connection")
        for correlation, waiting in list(self._waiting.items()):
            if waiting.sends >= MAX_SENDS:
                self._end(correlation, OutcomeUnknown(GAVE_UP))
        if self._waiting:
            self._connect()

    def _flush(self) -> None:
        if self._line is None:
            self._connect()
            return
        unsent, self._unsent = self._unsent, []
        if not unsent:
            return
        for waiting in unsent:
            waiting.sends += 1
        self._line.write(b"".join([waiting.frame for waiting in unsent]))

    def _connect(self) -> None:
        if self._connecting is None or self._connecting.done():
            self._connecting = self.loop.create_task(self._keep_connecting())

    async def _keep_connecting(self) -> None:
        while self._line is None and self._waiting:
            for address in self._addresses:
                try:
                    line = await address.open(lambda: _Line(self))
                except OSError as error:
                    self._error = error
                    continue
                self._line = cast(_Line, line)
                self._unsent = list(self._waiting.values())
                self._flush()
                return
            await asyncio.sleep(RECONNECT_SECONDS)
        self._unsent = []

    def _sweep(self) -> None:
        now = self.loop.time()
        for correlation, waiting in list(self._waiting.items()):
            if waiting.answer.done():
                del self._waiting[correlation]
            elif waiting.deadline <= now:
                self._end(correlation, self._too_late(waiting))
        self._sweeping = bool(self._waiting)
        if self._sweeping:
            self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def _too_late(self, waiting: _Waiting) -> GatewayError:
        if waiting.sends:
            return OutcomeUnknown(f"no answer from the engine in time ({self._error})")
        return EngineUnavailable(f"the engine cannot be reached ({self._error})")

    def _end(self, correlation: int, error: GatewayError) -> None:
        waiting = self._waiting.pop(correlation)
        if not waiting.answer.done():
            waiting.answer.set_exception(error)


class _Line(asyncio.Protocol):
    """The socket of a pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._reader = codec.FrameReader(codec.MAX_ANSWER_BYTES)
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._reader.take(data):
                self._pipeline.received(body)
        except codec.FrameError:
            assert self._transport is not None
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pipeline.lost(self, exc)

    def write(self, data: bytes) -> None:
        """Send bytes; on a socket that has just broken they go out again on the next."""
        assert self._transport is not None
        self._transport.write(data)
