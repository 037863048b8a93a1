"""Orders through a socket: one signature to log in, then the bodies of REST with an id each.

Every message is checked as a request of REST is: the key still lives, its account's minute is not
used up; what the law allows is asked by the same handlers, which also write the answers. An answer
comes when its work is done, not in the order asked.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import Annotated, Final

import msgspec

from accounts import signature
from accounts.access import Access
from accounts.pace import MinuteLimit
from accounts.scopes import TRADE
from edge import auth
from edge.auth import Keys, Signed
from edge.clients import Client
from edge.frames import Message
from edge.http import answer_of, words_of
from trading import services
from trading.api import orders
from trading.api.answers import Answer, answer, refused
from trading.catalog import catalog
from trading.refusals import INVALID_MARKET, TOO_MANY_REQUESTS, Refusal, invalid_request

METHOD_PREFIX: Final = "x."
LOGIN: Final = "x.login"
INSTRUCTION: Final = "xLogin"
CANCEL_ON_DISCONNECT: Final = "x.cancelOnDisconnect"
# More than a socket needs to keep the engine busy; what is beyond waits at the client.
MAX_IN_FLIGHT: Final = 256
# The engine is back within seconds. Whoever left wants no orders in the market until then.
RETRY_SECONDS: Final = 1.0
RETRIES: Final = 300
_SINGLE: Final = {
    "x.order.place": orders.post_order,
    "x.order.cancel": orders.delete_order,
    "x.orders.cancel": orders.delete_orders,
}
_BATCH: Final = "x.orders.place"
_UNSIGNED: Final = Refusal(401, "UNAUTHORIZED", f"Log in first: send {LOGIN} with a signature")
_LOGGED_IN_BEFORE: Final = Refusal(
    400,
    "INVALID_CLIENT_REQUEST",
    "This signature has logged in before: sign the login anew for each socket",
)
_UNKNOWN_METHOD: Final = invalid_request(
    f"Unknown method: there are {', '.join([LOGIN, CANCEL_ON_DISCONNECT, *_SINGLE, _BATCH])}"
)
_TOO_MANY_IN_FLIGHT: Final = Refusal(
    429,
    "TOO_MANY_REQUESTS",
    f"{MAX_IN_FLIGHT} requests of this socket are unanswered: wait for an answer",
)
_log = logging.getLogger(__name__)


class Frame(msgspec.Struct):
    """What a client says. The id is looked at only where an answer carries it."""

    method: str
    params: msgspec.Raw = msgspec.Raw()
    signature: list[str] | None = None
    id: msgspec.Raw = msgspec.Raw()


# What comes back with an answer; longer ones would be an echo chamber.
RequestId = (
    Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    | Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
)
_decode_id = msgspec.json.Decoder(RequestId).decode
_encode = msgspec.json.encode


class Switch(msgspec.Struct):
    """The parameters of cancelOnDisconnect: all markets, some, or (an empty list) none."""

    symbols: list[str] | None


_decode_switch = msgspec.json.Decoder(Switch).decode


class Login:
    """Who speaks on a socket, and in which markets its orders end with it."""

    __slots__ = ("access", "public_key", "symbols")

    def __init__(self, public_key: str, access: Access) -> None:
        self.public_key = public_key
        self.access = access
        # None is all markets.
        self.symbols: list[str] | None = []


class Entry:
    """Takes orders from the sockets of this process."""

    def __init__(self, keys: Keys, *, signed: MinuteLimit, unsigned: MinuteLimit) -> None:
        self.keys = keys
        self._signed = signed
        self._unsigned = unsigned
        self._logins: dict[Client, Login] = {}
        # Signatures which have logged in, in the order of their coming, and until when they count.
        self._spent: dict[str, int] = {}
        # What is unanswered, by socket: it is carried out even if the socket ends meanwhile.
        self._working: dict[Client, set[asyncio.Task[None]]] = {}

    def hear(self, client: Client, frame: Frame) -> bool:
        """Do what a message asks; True if it was counted against an account's minute.

        Raises msgspec.DecodeError for an id that is none.
        """
        number, method = _encode(_decode_id(frame.id)), frame.method
        now_ns = time.time_ns()
        if method == LOGIN:
            _tell(client, number, self._login(client, frame.signature, now_ns))
            return False
        login = self._logins.get(client)
        if login is None:
            _tell(client, number, refused(_UNSIGNED))
            return False
        access = self._access(client, login)
        if isinstance(access, Refusal):
            _tell(client, number, refused(access))
            return False
        if len(self._working.get(client, ())) >= MAX_IN_FLIGHT:
            _tell(client, number, refused(_TOO_MANY_IN_FLIGHT))
            return False
        if not self._signed.allows(access.account, now_ns):
            _tell(client, number, refused(TOO_MANY_REQUESTS))
            return False
        body = bytes(frame.params)
        if method == CANCEL_ON_DISCONNECT:
            _tell(client, number, _set_switch(login, body))
            return True
        try:
            work = _work(access, method, body)
        except signature.MalformedRequest as error:
            _tell(client, number, refused(invalid_request(f"Invalid request: {error}")))
            return True
        self._start(client, number, answer_of(work, method))
        return True

    def drop_revoked(self, client: Client) -> None:
        """End a login whose key is no longer valid."""
        login = self._logins.get(client)
        if login is None:
            return
        access = self.keys.find(login.public_key)
        if (
            access is None
            or access.account != login.access.account
            or access.objection(scope=TRADE, address=client.address, now=time.time()) is not None
        ):
            self._end_login(client)

    async def ended(self, client: Client) -> None:
        """Finish what a socket that has ended left behind."""
        # Orders that are on their way would otherwise rest after the cancel.
        self._end_login(client)
        while working := self._working.get(client):
            await asyncio.gather(*working, return_exceptions=True)

    def _login(self, client: Client, sealed: list[str] | None, now_ns: int) -> Answer:
        if self._unsigned.exhausted(client.address, now_ns):
            return refused(TOO_MANY_REQUESTS)
        if sealed is None or len(sealed) != 4:
            return refused(_UNSIGNED)
        found = auth.authenticate(
            self.keys,
            Signed.of(sealed, client.address),
            instruction=INSTRUCTION,
            segments=[()],
            scope=TRADE,
            now_ms=now_ns // 1_000_000,
        )
        # Each is counted, good ones too: they are remembered.
        self._unsigned.allows(client.address, now_ns)
        if isinstance(found, Refusal):
            return refused(found)
        if not self._spend(Signed.of(sealed, client.address), now_ns // 1_000_000):
            return refused(_LOGGED_IN_BEFORE)
        login = self._logins.get(client)
        if login is None or login.public_key != sealed[0]:
            self._end_login(client)
            self._logins[client] = Login(sealed[0], found)
        return answer({})

    def _spend(self, signed: Signed, now_ms: int) -> bool:
        """Return whether a signature, which has one spelling, logs in for the first time here."""
        if signed.signature in self._spent:
            return False
        for old, until_ms in list(self._spent.items()):
            if until_ms >= now_ms:
                break
            del self._spent[old]
        self._spent[signed.signature] = now_ms + 2 * signature.MAX_WINDOW_MS
        return True

    def _access(self, client: Client, login: Login) -> Access | Refusal:
        """Return what the login may do now."""
        found = auth.admitted(
            self.keys,
            login.public_key,
            scope=TRADE,
            address=client.address,
            now=time.time(),
        )
        if isinstance(found, Access) and found.account == login.access.account:
            return found
        self._end_login(client)
        return found if isinstance(found, Refusal) else auth.UNKNOWN_KEY

    def _end_login(self, client: Client) -> None:
        login = self._logins.pop(client, None)
        if login is not None and login.symbols != []:
            before = list(self._working.get(client, ()))
            # A member who was cut off does nothing more, not even this.
            access = login.access
            if not access.is_owner:
                found = self.keys.find(login.public_key)
                if found is None:
                    return
                access = found
            work = _cancel_orders(access, login.symbols, before)
            self._keep(client, asyncio.ensure_future(work))

    def _start(self, client: Client, number: bytes, work: Awaitable[Answer]) -> None:
        async def run() -> None:
            _tell(client, number, await work)

        self._keep(client, asyncio.ensure_future(run()))

    def _keep(self, client: Client, task: "asyncio.Task[None]") -> None:
        working = self._working.setdefault(client, set())
        working.add(task)
        task.add_done_callback(lambda task: self._done(client, task))

    def _done(self, client: Client, task: "asyncio.Task[None]") -> None:
        working = self._working[client]
        working.discard(task)
        if not working:
            del self._working[client]


def _work(access: Access, method: str, body: bytes) -> Awaitable[Answer]:
    """Return the work of one request. Raises MalformedRequest."""
    handler = _SINGLE.get(method)
    if handler is not None:
        return handler(access, words_of(signature.parameters(signature.parse_members(body))))
    if method == _BATCH:
        batch = signature.parse_batch(body)
        return orders.post_orders(access, [words_of(signature.parameters(one)) for one in batch])
    return _refuse(_UNKNOWN_METHOD)


async def _refuse(refusal: Refusal) -> Answer:
    return refused(refusal)


def _tell(client: Client, number: bytes, said: Answer) -> None:
    """Answer one request: what REST says, under the id of the request."""
    kind = b"result" if said.status == 200 else b"error"
    client.answer(Message(b'{"id":%b,"%b":%b}' % (number, kind, said.body)))


def _set_switch(login: Login, body: bytes) -> Answer:
    try:
        symbols = _decode_switch(body).symbols
    except msgspec.DecodeError as error:
        return refused(invalid_request(f"Invalid request: {error}"))
    if symbols is not None and not catalog().markets.keys() >= set(symbols):
        return refused(INVALID_MARKET)
    login.symbols = None if symbols is None else sorted(set(symbols))
    return answer({"symbols": login.symbols})


async def _cancel_orders(
    access: Access, symbols: list[str] | None, before: "list[asyncio.Task[None]]"
) -> None:
    """Cancel the orders of a login that has ended, once what it asked `before` is done."""
    if before:
        await asyncio.wait(before)
    for symbol in [None] if symbols is None else symbols:
        for _ in range(RETRIES):
            cancelled = await services.cancel_all_orders_async(access, symbol)
            if not isinstance(cancelled, Refusal):
                break
            if cancelled.status != 503:
                _log.error("orders of a socket that ended are not cancelled: %s", cancelled.message)
                break
            await asyncio.sleep(RETRY_SECONDS)
