"""Streams by name: what a client may subscribe to, and who has."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from edge.frames import Message
from trading.klines import INTERVALS

PARSE_ERROR: Final = (4002, "Parse error")
INVALID_SIGNATURE: Final = (4003, "Invalid signature")
INVALID_STREAM: Final = (4006, "Invalid stream")
INVALID_DEPTH_WINDOW: Final = (4008, "Invalid depth window")

DEPTH_WINDOWS_MS: Final = {"200ms": 200, "600ms": 600, "1000ms": 1_000}
PRIVATE_PREFIX: Final = "account."
LIQUIDATION: Final = "liquidation"
ORDERS: Final = "account.orderUpdate"
POSITIONS: Final = "account.positionUpdate"
BALANCES: Final = "account.balanceUpdate"
RFQS: Final = "account.rfqUpdate"
# Additions of this exchange, under names which no client knows.
BORROW_LEND: Final = "account.x.borrowLend"
MARGIN: Final = "account.x.margin"
NOTICE: Final = "account.x.notice"
MARKET_STATE: Final = "x.marketState"
MARKET_STATE_PREFIX: Final = f"{MARKET_STATE}."
_PLAIN_KINDS: Final = frozenset(
    {"bookTicker", "depth", LIQUIDATION, "markPrice", "openInterest", "ticker", "trade"}
)
# Of one market or of all; the others are of the whole account.
_KINDS_OF_MARKETS: Final = frozenset({ORDERS, POSITIONS, RFQS})
_KINDS_OF_ACCOUNTS: Final = frozenset({BALANCES, BORROW_LEND, MARGIN, NOTICE})
_encode = msgspec.json.Encoder(order="sorted").encode

# The account is 0 for a public stream.
TopicKey = tuple[int, str]


class StreamName(msgspec.Struct, frozen=True):
    """A stream's parts: `detail` is the window of a depth or the interval of a kline."""

    kind: str
    symbol: str
    detail: str = ""


class StreamError(Exception):
    """The name is no stream of ours; carries the code and the message of the protocol."""

    def __init__(self, error: tuple[int, str]) -> None:
        super().__init__(error[1])
        self.error = error


def parse_stream(name: str) -> StreamName:
    """Return the parts of a stream's name. Raises StreamError. Unknown symbols are no error.

    >>> parse_stream("depth.200ms.SOL_USDC")
    StreamName(kind='depth', symbol='SOL_USDC', detail='200ms')
    """
    if name.startswith(PRIVATE_PREFIX):
        return _private(name)
    if name == LIQUIDATION:
        return StreamName(name, "")
    if name.startswith(MARKET_STATE_PREFIX) and len(name) > len(MARKET_STATE_PREFIX):
        return StreamName(MARKET_STATE, name.removeprefix(MARKET_STATE_PREFIX))
    kind, *rest = name.split(".")
    if kind in _PLAIN_KINDS and len(rest) == 1 and rest[0]:
        return StreamName(kind, rest[0])
    if kind == "depth" and len(rest) == 2 and rest[1]:
        if rest[0] not in DEPTH_WINDOWS_MS:
            raise StreamError(INVALID_DEPTH_WINDOW)
        return StreamName(kind, rest[1], rest[0])
    if kind == "kline" and len(rest) == 2 and rest[0] in INTERVALS and rest[1]:
        return StreamName(kind, rest[1], rest[0])
    raise StreamError(INVALID_STREAM)


def _private(name: str) -> StreamName:
    if name in _KINDS_OF_ACCOUNTS:
        return StreamName(name, "")
    parts = name.split(".")
    kind = ".".join(parts[:2])
    if kind in _KINDS_OF_MARKETS and len(parts) <= 3 and parts[-1]:
        return StreamName(kind, parts[2] if len(parts) == 3 else "")
    raise StreamError(INVALID_STREAM)


class Listener(Protocol):
    """A client's end of the streams."""

    def push(self, message: Message) -> None:
        """Queue a message which must arrive, in order."""

    def push_latest(self, slot: str, message: Message) -> None:
        """Queue a message which replaces an unsent one of the same slot."""


class Topic:
    """One stream and its listeners. `sent` is whatever the stream last said, if it keeps track."""

    __slots__ = ("listeners", "name", "parts", "sent")

    def __init__(self, name: str, parts: StreamName) -> None:
        self.name = name
        self.parts = parts
        # A dictionary keeps the order of arrival.
        self.listeners: dict[Listener, None] = {}
        self.sent: object = None

    def send(self, data: dict[str, object]) -> None:
        """Give a message to every listener, encoded once."""
        said = message(self.name, data)
        for listener in self.listeners:
            listener.push(said)

    def send_latest(self, data: dict[str, object], about: int = 0) -> None:
        """Give a message which makes an unsent one about the same thing worthless."""
        said = message(self.name, data)
        slot = f"{self.name}/{about}"
        for listener in self.listeners:
            listener.push_latest(slot, said)


def message(stream: str, data: dict[str, object]) -> Message:
    """Return one message of a stream."""
    return Message(b'{"data":%b,"stream":"%b"}' % (_encode(data), stream.encode()))


def now_us() -> int:
    """Return the time of sending in Unix microseconds."""
    return time.time_ns() // 1_000


class Topics:
    """All streams that somebody listens to."""

    def __init__(self) -> None:
        self._topics: dict[TopicKey, Topic] = {}
        # How many of them belong to each account.
        self._of_account: Counter[int] = Counter()

    def concern(self, accounts: Iterable[int]) -> bool:
        """Return whether anybody listens to a private stream of one of the accounts."""
        return not self._of_account.keys().isdisjoint(accounts)

    def find(self, name: str, account: int = 0) -> Topic | None:
        """Return a stream if anybody listens to it."""
        return self._topics.get((account, name))

    def found(self, names: Iterable[str], account: int) -> list[Topic]:
        """Return those of an account's streams which somebody listens to."""
        return [topic for name in names if (topic := self.find(name, account)) is not None]

    def accounts(self, name: str) -> list[int]:
        """Return the accounts whose private stream of this name somebody listens to."""
        return [account for account, other in self._topics if account and other == name]

    def of_kind(self, kind: str) -> list[Topic]:
        """Return the streams of a kind which somebody listens to."""
        return [topic for topic in self._topics.values() if topic.parts.kind == kind]

    def join(self, name: str, listener: Listener, *, account: int = 0) -> bool:
        """Add a listener; False if it was there already. Raises StreamError."""
        parts = parse_stream(name)
        topic = self._topics.get((account, name))
        if topic is None:
            topic = self._topics[(account, name)] = Topic(name, parts)
            self._of_account[account] += 1
        if listener in topic.listeners:
            return False
        topic.listeners[listener] = None
        return True

    def leave(self, name: str, listener: Listener, *, account: int = 0) -> None:
        """Remove a listener; a stream without listeners is forgotten."""
        topic = self._topics.get((account, name))
        if topic is None:
            return
        topic.listeners.pop(listener, None)
        if not topic.listeners:
            del self._topics[(account, name)]
            self._of_account[account] -= 1
            if not self._of_account[account]:
                del self._of_account[account]
