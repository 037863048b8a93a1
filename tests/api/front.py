"""The edge over an engine in memory: signed requests and sockets as bytes, without a server."""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from nacl.signing import SigningKey

from accounts.access import Access
from edge import market as edge_market
from edge.clients import Client
from edge.entry import Entry
from edge.feeds import Feeds
from edge.http import HotPath
from edge.market import MarketKeeper
from edge.routes import ROUTES
from edge.streams import Streams
from edge.topics import Topics
from engine.commands import (
    AdvanceTime,
    Command,
    CreditDeposit,
    ListAsset,
    ListMarket,
    OpenAccount,
    UpdatePrices,
)
from engine.engine import Engine
from engine.events import CommandRejected
from engine.schedule import Work
from engine.units import AccountId
from gateway.feed import FeedBatch, FeedItem
from gateway.transport import Outcome
from sequencer.publish import feed_snapshot
from tests.accesses import access_to
from tests.engine.listings import ASSETS, INDEX_E8, MARKETS
from trading import catalog, services
from trading.live import LIVE, LiveMarket

EVERYTHING = frozenset(
    {"view", "trade_spot", "trade_perp", "lend", "borrow", "withdraw", "transfer"}
)


class User:
    """A customer with a key. `account` is the engine's."""

    def __init__(self, number: int, *, allowed: frozenset[str] = EVERYTHING) -> None:
        self.signer = SigningKey(bytes([number]) * 32)
        self.key = b64encode(bytes(self.signer.verify_key)).decode()
        self.account = AccountId(1000 + number)
        refusals = {"trade_perp": "Perpetuals are not offered where you live"}
        self.access = access_to(self.account, allowed, refusals, user=number)

    def sign(self, text: str) -> str:
        return b64encode(self.signer.sign(text.encode()).signature).decode()


class Keys:
    """The keys of the users of a test."""

    def __init__(self) -> None:
        self.users: dict[str, Access] = {}

    def find(self, public_key: str) -> Access | None:
        return self.users.get(public_key)

    def used(self, public_key: str, address: str) -> None:
        """Nothing keeps the time of last use here."""


class Reply:
    """An HTTP answer, read."""

    def __init__(self, messages: Sequence[dict[str, Any]]) -> None:
        start, body = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body: bytes = body["body"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def refusal(self) -> tuple[int, str, str]:
        """Return status, code and message; the body must have these two keys and no other."""
        assert set(self.json) == {"code", "message"}
        return self.status, self.json["code"], self.json["message"]


class Front:
    """One edge process and its engine. Alice and Bob have money, and orders go to the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = Engine()
        self.keys = Keys()
        self.topics = Topics()
        self.keeper = MarketKeeper(LIVE, Streams(self.topics, LIVE))
        self.hot = HotPath(self.keys)
        self.entry = Entry(self.keys, signed=self.hot.signed, unsigned=self.hot.unsigned)
        self.feeds = Feeds(self.keys, self.topics, lambda client, name, account: None, self.entry)
        # What a gateway raises instead of an answer.
        self.failure: Exception | None = None
        monkeypatch.setattr(services, "submit_async", self._submit)
        monkeypatch.setattr(services, "submit_many", self._submit_many)
        monkeypatch.setattr(edge_market, "_load", self._load_nothing)
        for asset in ASSETS:
            self.command(ListAsset(asset=asset))
        for market in MARKETS:
            self.command(ListMarket(market=market))
        self.command(UpdatePrices(prices_e8=dict(INDEX_E8)))
        asyncio.run(self.keeper.adopt(feed_snapshot(self.engine)))
        self.alice, self.bob = self.user(1), self.user(2)

    def user(self, number: int, *, allowed: frozenset[str] = EVERYTHING) -> User:
        """Open an account with a million dollars and a thousand of each coin."""
        user = User(number, allowed=allowed)
        self.keys.users[user.key] = user.access
        self.command(OpenAccount(account=user.account, owner=user.account))
        for asset in ASSETS:
            whole = 1_000_000 if asset.symbol in ("USDC", "USDT") else 1_000
            self.command(
                CreditDeposit(
                    account=user.account,
                    asset=asset.symbol,
                    amount_atoms=whole * 10**asset.decimals,
                )
            )
        return user

    def command(self, command: Command) -> Outcome:
        """Apply a command as the sequencer does, and give its events to the edge."""
        if self.failure is not None:
            raise self.failure
        sequence = self.engine.state.sequence + 1
        at_ns = max(time.time_ns() // 1_000 * 1_000, self.engine.state.at_ns)
        events = self.engine.apply(
            sequence=sequence, at_ns=at_ns, command_id=str(sequence), command=command
        )
        if LIVE.connected:
            self.keeper.apply(FeedBatch((FeedItem(sequence, at_ns, events),)))  # type: ignore[arg-type]
        return Outcome(sequence, at_ns, events[0])  # type: ignore[arg-type]

    def advance(self) -> None:
        """Do what the engine wants to do by itself before the hour ends, as the sequencer does."""
        while any(due.work is not Work.FUNDING for due in self.engine.state.schedule.live()):
            self.command(AdvanceTime())

    def accepted(self, command: Command) -> Outcome:
        """Apply a command which the engine must accept."""
        outcome = self.command(command)
        assert not isinstance(outcome.answer, CommandRejected), outcome.answer
        return outcome

    def get(self, path: str, user: User | None = None, **query: object) -> Reply:
        """Send a GET, signed if a user is named."""
        return self.request("GET", path, user=user, query=query)

    def send(self, method: str, path: str, user: User, body: object, **how: Any) -> Reply:
        """Send a signed JSON body."""
        return self.request(method, path, user=user, body=json.dumps(body).encode(), **how)

    def order(self, user: User, **words: object) -> Reply:
        """Place an order: a limit bid for one SOL at 100 unless said otherwise."""
        usual: dict[str, object] = {
            "symbol": "SOL_USDC",
            "side": "Bid",
            "orderType": "Limit",
            "price": "100",
            "quantity": "1",
        }
        body = {name: value for name, value in (usual | words).items() if value is not ...}
        return self.send("POST", "/api/v1/order", user, body)

    def request(
        self,
        method: str,
        path: str,
        *,
        user: User | None = None,
        query: dict[str, object] | None = None,
        body: bytes = b"",
        instruction: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send one request through the hot path and return the answer."""
        route = ROUTES[method, path]
        pairs = {name: str(value) for name, value in (query or {}).items()}
        sent = dict(headers or {})
        if user is not None:
            instruction = instruction or route.instruction  # type: ignore[union-attr]
            sent = self.signed(user, instruction, pairs, body) | sent
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": urlencode(pairs).encode(),
            "headers": [(name.lower().encode(), text.encode()) for name, text in sent.items()],
            "client": ("127.0.0.1", 1),
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        asyncio.run(self.hot.serve(route, scope, receive, send))
        return Reply(messages)

    @staticmethod
    def signed(user: User, instruction: str, pairs: dict[str, str], body: bytes) -> dict[str, str]:
        """Return the headers of a request signed now, as a plain client signs it."""
        timestamp = str(time.time_ns() // 1_000_000)
        try:
            content = json.loads(body) if body else {}
        except ValueError:
            content = {}
        orders = content if isinstance(content, list) else [content]
        text = ""
        for order in [pairs | one for one in orders if isinstance(one, dict)] or [pairs]:
            words = {k: v if isinstance(v, str) else json.dumps(v) for k, v in order.items()}
            text += f"instruction={instruction}&"
            text += "".join(f"{name}={words[name]}&" for name in sorted(words))
        text += f"timestamp={timestamp}&window=5000"
        return {
            "X-API-Key": user.key,
            "X-Signature": user.sign(text),
            "X-Timestamp": timestamp,
            "X-Window": "5000",
        }

    def socket(self) -> "Socket":
        """Return a client's end of a socket."""
        return Socket(self)

    async def _submit(self, command: Command) -> Outcome:
        return self.command(command)

    async def _submit_many(self, commands: Sequence[Command], **places: object) -> list[Outcome]:
        return [self.command(command) for command in commands]

    @staticmethod
    async def _load_nothing(markets: list[LiveMarket], now: int) -> None:
        """Begin without history: there is no database here."""


class FakeWire:
    """The server's end of a socket, without one: remembers what was written and how it ended."""

    packs = False
    takes_more = True

    def __init__(self) -> None:
        self.written = b""
        self.ended: tuple[int, str] | None = None
        self.heard: Callable[[str | None], None] | None = None
        self.drained: Callable[[], None] | None = None

    def write(self, frames: bytes) -> None:
        self.written += frames

    def end(self, code: int, reason: str) -> None:
        self.ended = (code, reason)


class Socket:
    """A subscriber: what it says goes in as text, what it is told comes out as data."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.client = Client()

    def say(self, text: str) -> None:
        self.front.feeds.handle(self.client, text)

    def subscribe(self, *streams: str, user: User | None = None) -> None:
        frame: dict[str, object] = {"method": "SUBSCRIBE", "params": streams}
        if user is not None:
            timestamp = str(time.time_ns() // 1_000_000)
            text = f"instruction=subscribe&timestamp={timestamp}&window=5000"
            frame["signature"] = [user.key, user.sign(text), timestamp, "5000"]
        self.say(json.dumps(frame))

    def told(self) -> list[dict[str, Any]]:
        """Return all that waits to be read, as (decoded) frames."""
        frames = []
        while (message := self.client.take()) is not None:
            frames.append(json.loads(message.body))
        return frames

    def data(self) -> list[dict[str, Any]]:
        """Return what streams told, without their names."""
        return [frame["data"] for frame in self.told()]


def frames_in(data: bytes) -> list[bytes]:
    """Return the payloads of whole unmasked frames, as a client reads them."""
    payloads, at = [], 0
    while at < len(data):
        size, at = data[at + 1], at + 2
        wide = {126: 2, 127: 8}.get(size, 0)
        if wide:
            size, at = int.from_bytes(data[at : at + wide], "big"), at + wide
        payloads.append(data[at : at + size])
        at += size
    return payloads


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Yield an edge with an engine of its own, and leave the process as it was."""
    LIVE.connected = False
    monkeypatch.setattr(catalog, "_state", {})
    yield Front(monkeypatch)
    LIVE.markets, LIVE.index_e8, LIVE.connected = {}, {}, False
    LIVE.price_seconds.clear()
