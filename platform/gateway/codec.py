"""Frames between the engine and its callers: 4 bytes of length (big-endian), then msgpack.

The first frame of a caller says what the connection is for: a Request or an Ask starts a series of
commands and questions, Follow asks for the feed.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine.any_event import AnyEvent
from engine.catalog import MarketState, PriceState, StateReason
from engine.commands import AnyCommand, Command
from engine.events import AssetListed, Event, MarketListed
from engine.order_events import OrderFilled
from engine.questions import AnyAnswer, AnyQuestion, Question
from engine.units import AccountId

# A command is a few hundred bytes; more than this from a caller is a mistake or an attack.
MAX_REQUEST_BYTES = 64 * 1024
# The longest answer lists every order which CancelAllOrders ended.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
# A feed snapshot carries every level of every book.
MAX_FEED_BYTES = 256 * 1024 * 1024
MAX_COMMAND_ID = 120
_LENGTH_BYTES = 4
# Text that is no UTF-8 is told by Python's own error.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1


class FrameError(Exception):
    """The bytes are not a frame of this protocol; the connection cannot go on."""


class Request(msgspec.Struct, frozen=True, array_like=True, tag="q"):
    """A command as it travels. `correlation` comes back with the answer on the same connection."""

    correlation: int
    command_id: str
    command: msgspec.Raw


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="k"):
    """A question as it travels: it changes nothing, so it needs no id."""

    correlation: int
    question: msgspec.Raw


class Follow(msgspec.Struct, frozen=True, array_like=True, tag="f"):
    """Ask for the feed: a FeedSnapshot, then a FeedBatch after each commit."""


class Reply(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """The committed outcome of a command, or the answer to a question.

    An answer shows what is committed up to `sequence`. `repeated` says that the command id was
    known: the outcome is that of the first.
    """

    correlation: int
    sequence: int
    at_ns: int
    answer: msgspec.Raw
    repeated: bool = False


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag="x"):
    """The command or question was not taken: nothing has happened."""

    correlation: int
    message: str


class MarketSnapshot(msgspec.Struct, frozen=True):
    """A market as it stands: its book (price_ticks, lots), best first, and its last prices.

    `funding_ppb` is the rate that its running hour comes to if it goes on so.
    """

    listed: MarketListed
    state: MarketState
    update_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    last_trade_id: int
    last_price_ticks: int | None
    mark_e8: int | None
    funding_ppb: int = 0
    reason: StateReason = StateReason.STAFF
    until_ns: int | None = None


class FeedSnapshot(msgspec.Struct, frozen=True, tag=True):
    """Everything public after `sequence`. The batches which follow begin with the next command."""

    sequence: int
    at_ns: int
    assets: tuple[AssetListed, ...]
    markets: tuple[MarketSnapshot, ...]
    index_e8: dict[str, int]
    price_states: dict[str, PriceState] = {}


class FeedItem(msgspec.Struct, frozen=True, array_like=True):
    """What one command brought about: `events` as everybody may see them.

    What became of orders, positions and balances is in `private`, for `decode_events`: few readers
    need it, and of those few each only what concerns one of its `accounts`. `liquidations` are the
    fills by which the house closed positions, once a trade.
    """

    sequence: int
    at_ns: int
    events: tuple[AnyEvent, ...]
    accounts: tuple[AccountId, ...] = ()
    private: bytes = b""
    liquidations: tuple[OrderFilled, ...] = ()


class FeedBatch(msgspec.Struct, frozen=True, tag=True):
    """The commands of one commit. What no follower shows, such as LedgerPosted, is left out."""

    items: tuple[FeedItem, ...]


_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)
# Not strict: an event's number may come as text, see `encode`.
_events: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent, strict=False)
_several: msgspec.msgpack.Decoder[list[AnyEvent]] = msgspec.msgpack.Decoder(
    list[AnyEvent], strict=False
)
_frames: msgspec.msgpack.Decoder[Request | Ask | Follow] = msgspec.msgpack.Decoder(
    Request | Ask | Follow
)
_questions: msgspec.msgpack.Decoder[AnyQuestion] = msgspec.msgpack.Decoder(AnyQuestion)
_findings: msgspec.msgpack.Decoder[AnyAnswer] = msgspec.msgpack.Decoder(AnyAnswer)
_answers: msgspec.msgpack.Decoder[Reply | Refusal] = msgspec.msgpack.Decoder(Reply | Refusal)
_feed: msgspec.msgpack.Decoder[FeedSnapshot | FeedBatch] = msgspec.msgpack.Decoder(
    FeedSnapshot | FeedBatch, strict=False
)


def encode(message: msgspec.Struct | Sequence[Event]) -> bytes:
    """Return a message as msgpack. Numbers beyond its 64 bits (sums of atoms) travel as text."""
    try:
        return _encoder.encode(message)
    except OverflowError:
        return _encoder.encode(_with_text(msgspec.to_builtins(message, builtin_types=(bytes,))))


def _with_text(value: Any) -> Any:
    """Return plain data with each number beyond 64 bits as its decimal text."""
    if isinstance(value, dict):
        return {key: _with_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_text(item) for item in value]
    if isinstance(value, int) and not _LOWEST <= value <= _HIGHEST:
        return str(value)
    return value


def frame(body: bytes) -> bytes:
    """Put the length before an encoded message."""
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def request_frame(correlation: int, command_id: str, command: Command) -> bytes:
    """Return the frame which asks for `command`. Raises OverflowError for numbers over 64 bits."""
    raw = msgspec.Raw(_encoder.encode(command))
    return frame(_encoder.encode(Request(correlation, command_id, raw)))


def ask_frame(correlation: int, question: Question) -> bytes:
    """Return the frame which asks `question`. Raises OverflowError for numbers over 64 bits."""
    return frame(_encoder.encode(Ask(correlation, msgspec.Raw(_encoder.encode(question)))))


def decode_command(data: bytes | msgspec.Raw) -> AnyCommand:
    """Return the command which `data` says. Raises FrameError."""
    try:
        return _commands.decode(data)
    except _UNREADABLE as error:
        raise FrameError(f"not a command: {error}") from error


def decode_question(data: bytes | msgspec.Raw) -> AnyQuestion:
    """Return the question which `data` says. Raises FrameError."""
    try:
        return _questions.decode(data)
    except _UNREADABLE as error:
        raise FrameError(f"not a question: {error}") from error


def decode_finding(data: bytes | msgspec.Raw) -> AnyAnswer:
    """Return the answer to a question which `data` says."""
    return _findings.decode(data)


def decode_event(data: bytes | msgspec.Raw) -> AnyEvent:
    """Return the event which `data` says."""
    return _events.decode(data)


def decode_events(data: bytes) -> list[AnyEvent]:
    """Return the events which `data` says, in their order."""
    return _several.decode(data)


def decode_request(data: bytes) -> Request | Ask | Follow:
    """Return what a caller sent. Raises FrameError."""
    try:
        return _frames.decode(data)
    except _UNREADABLE as error:
        raise FrameError(f"not a request: {error}") from error


def decode_answer(data: bytes) -> Reply | Refusal:
    """Return what the engine answered. Raises FrameError."""
    try:
        return _answers.decode(data)
    except _UNREADABLE as error:
        raise FrameError(f"not an answer: {error}") from error


def decode_feed(data: bytes) -> FeedSnapshot | FeedBatch:
    """Return a frame of the feed. Raises FrameError."""
    try:
        return _feed.decode(data)
    except _UNREADABLE as error:
        raise FrameError(f"not a feed frame: {error}") from error


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._rest = b""

    def take(self, data: bytes) -> Iterator[bytes]:
        """Yield each frame which `data` completes. Raises FrameError for one beyond the limit."""
        data = self._rest + data if self._rest else data
        start, end = 0, len(data)
        try:
            while end - start >= _LENGTH_BYTES:
                length = int.from_bytes(data[start : start + _LENGTH_BYTES], "big")
                if length > self._limit:
                    raise FrameError(
                        f"a frame of {length} bytes, at most {self._limit} are allowed"
                    )
                if end - start - _LENGTH_BYTES < length:
                    break
                body = data[start + _LENGTH_BYTES : start + _LENGTH_BYTES + length]
                start += _LENGTH_BYTES + length
                yield body
        finally:
            self._rest = data[start:]
