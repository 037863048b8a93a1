"""Every method of every client on a live exchange, once: what passes and what does not."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import bpx.async_.account
import bpx.async_.public
import ccxt
import ccxt.async_support
import ccxt.pro
from backpack_exchange_sdk import AuthenticationClient, PublicClient
from backpack_exchange_sdk.websocket import WebSocketClient
from bpx.account import Account
from bpx.base.base_account import BaseAccount
from bpx.base.base_public import BasePublic
from bpx.public import Public

from tests.api.clients import bindings, streams, unified
from tests.api.clients.callers import (
    Caller,
    ClientFault,
    Loop,
    NodeCaller,
    PythonCaller,
    Refused,
    wait,
)
from tests.api.clients.expected import AWAITED, CLIENT_FAULTS, REFUSED
from tests.api.clients.operations import OPERATIONS
from tests.api.clients.world import Unserved, World
from tests.live import LiveExchange

PASS, AWAITS = "pass", "awaited"
CCXT = {"ccxt": "Python", "ccxt async": "asynchronous", "ccxt js": "JavaScript"}
PRO = {"ccxt.pro": "Python", "ccxt.pro js": "JavaScript"}
BPX = {"bpx-py": "synchronous", "bpx-py async": "asynchronous"}
SDK, SOCKET = "sdk", "sdk socket"
CLIENTS = (*CCXT, *PRO, *BPX, SDK, SOCKET)
# What the exchange says to what it does not know yet.
UNSERVED = ("NOT_IMPLEMENTED", "is no path of this API")


@dataclass(frozen=True)
class Finding:
    """What came of one method of one client. `asks` is the endpoint, variant or stream.

    `result` is what the table says; `trouble` is why that is not what was expected.
    """

    client: str
    method: str
    asks: str
    result: str
    trouble: str | None = None


@dataclass(frozen=True)
class Survey:
    """What was found, and by client all that it says it can do."""

    findings: list[Finding]
    methods: dict[str, list[str]]


def survey(exchange: LiveExchange) -> Survey:
    """Ask each client everything it can ask, one after the other."""
    with ExitStack() as stack:
        world = World(exchange)
        stack.callback(world.close)
        world.prepare()
        callers = stack.enter_context(clients(exchange))
        found: list[Finding] = []
        for name in CCXT:
            found += _of_ccxt(callers[name], name, world)
        for name in PRO:
            found += _of_pro(callers[name], name, world)
        for name in BPX:
            found += _of_bindings(callers[name], name, bindings.BPX, bindings.bpx_name, world)
        found += _of_bindings(callers[SDK], SDK, bindings.SDK, bindings.sdk_name, world)
        found += _of_socket(world)
        return Survey(found, methods() | methods_in_javascript(callers))


@contextmanager
def clients(exchange: LiveExchange) -> Iterator[dict[str, Caller]]:
    """Yield each client for alice, told nothing but where the exchange is and who she is."""
    facts, rest, ws = exchange["users"][0], exchange["rest"], exchange["ws"]
    key, secret = facts["apiKey"], facts["secret"]
    api = {"public": rest, "private": rest, "ws": {"public": ws, "private": ws}}
    # Their own brake is for a far-away venue.
    config = {"apiKey": key, "secret": secret, "urls": {"api": api}, "enableRateLimit": False}
    with ExitStack() as stack:
        urls = BaseAccount.BPX_API_URL, BasePublic.BASE_URL
        BaseAccount.BPX_API_URL = BasePublic.BASE_URL = rest + "/"
        stack.callback(_point_bpx, *urls)
        loop = Loop()
        stack.callback(loop.close)
        made: dict[str, Caller] = {
            "ccxt": PythonCaller(loop, client=ccxt.backpack(config)),
            "ccxt async": PythonCaller(loop, client=ccxt.async_support.backpack(config)),
            "ccxt js": NodeCaller(config, pro=False),
            "ccxt.pro": PythonCaller(loop, client=ccxt.pro.backpack(config)),
            "ccxt.pro js": NodeCaller(config, pro=True),
            "bpx-py": PythonCaller(loop, Account=Account(key, secret), Public=Public()),
            "bpx-py async": PythonCaller(
                loop,
                Account=bpx.async_.account.Account(key, secret),
                Public=bpx.async_.public.Public(),
            ),
            SDK: PythonCaller(
                loop,
                Account=AuthenticationClient(key, secret, base_url=rest + "/"),
                Public=PublicClient(base_url=rest + "/"),
            ),
        }
        for caller in made.values():
            stack.callback(caller.close)
        yield made


def _point_bpx(account: str, public: str) -> None:
    BaseAccount.BPX_API_URL, BasePublic.BASE_URL = account, public


def methods() -> dict[str, list[str]]:
    """Return what the clients can be asked, as they themselves tell, less what JavaScript tells."""
    unified_names = [name for name, has in ccxt.backpack().has.items() if has]
    own = [name for name, what in vars(ccxt.pro.backpack).items() if _is_own(what)]
    names = {
        "ccxt": [*unified_names, *implicit(ccxt.backpack().describe()["api"])],
        "ccxt.pro": [*filter(_watches, map(_camel_case, own))],
        SOCKET: _public(WebSocketClient),
    }
    for client, kinds in (
        ("bpx-py", {"Account": Account, "Public": Public}),
        (
            "bpx-py async",
            {"Account": bpx.async_.account.Account, "Public": bpx.async_.public.Public},
        ),
        (SDK, {"Account": AuthenticationClient, "Public": PublicClient}),
    ):
        names[client] = [f"{kind}.{name}" for kind in kinds for name in _public(kinds[kind])]
    return names | {"ccxt async": names["ccxt"]}


def methods_in_javascript(callers: dict[str, Caller]) -> dict[str, list[str]]:
    """Return the same of ccxt for JavaScript."""
    facts = wait(callers["ccxt js"].begin("facts"))
    own = wait(callers["ccxt.pro js"].begin("facts"))["own"]
    has = [name for name, has in facts["has"].items() if has]
    return {
        "ccxt js": [*has, *implicit(facts["api"])],
        "ccxt.pro js": [*filter(_watches, own)],
    }


def implicit(api: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the methods which ccxt makes of a venue's endpoints, and what each asks."""
    return {
        bindings.ccxt_name(access, operation): operation
        for access, verbs in api.items()
        for verb, paths in verbs.items()
        for operation in (f"{verb.upper()} /{path}" for path in paths)
    }


def _api(caller: Caller) -> dict[str, dict[str, Any]]:
    """Return the endpoints which a ccxt knows; the versions of the languages differ."""
    if isinstance(caller, NodeCaller):
        return dict(wait(caller.begin("facts"))["api"])
    return dict(ccxt.backpack().describe()["api"])


def _public(kind: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(kind, inspect.isroutine) if name[0] != "_"]


def _is_own(what: Any) -> bool:
    """Whether the class defines it itself: ccxt hangs other spellings into classes later."""
    return getattr(what, "__qualname__", "").startswith("backpack.")


def _watches(method: str) -> bool:
    # These two are what the others are made of.
    inner = ("watchPublic", "watchPrivate")
    return method.startswith(("watch", "unWatch")) and method not in inner


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    words = (word.upper() if word == "ohlcv" else word.capitalize() for word in rest)
    return first + "".join(words)


def _of_ccxt(caller: Caller, client: str, world: World) -> Iterator[Finding]:
    def call(method: str, *args: Any) -> Any:
        return wait(caller.begin(method, *args))

    for method, case in unified.CASES.items():
        yield _judge(world, client, method, "", partial(case, call, world))
    # What is written comes before what is read.
    asked = implicit(_api(caller)).items()
    for method, operation in sorted(asked, key=lambda pair: pair[1].startswith("GET")):

        def ask(method: str = method, **params: Any) -> Any:
            return call(method, params.get("orders", params))

        check = OPERATIONS[operation]
        yield _judge(world, client, method, operation, partial(check, ask, world))


def _of_pro(caller: Caller, client: str, world: World) -> Iterator[Finding]:
    def begin(method: str, *args: Any) -> "Future[Any]":
        return caller.begin(method, *args)

    for method, case in streams.CASES.items():
        yield _judge(world, client, method, "", partial(case, begin, world))


def _of_bindings(
    caller: Caller,
    client: str,
    bound: dict[str, tuple[str, ...]],
    spell: Callable[[str, str], str],
    world: World,
) -> Iterator[Finding]:
    offered = methods()[client]
    for method, operations in bound.items():
        if method not in offered:
            continue

        def ask(method: str = method, **params: Any) -> Any:
            named = {spell(method, name): value for name, value in params.items()}
            return wait(caller.begin(method, **named))

        for operation in operations:
            check = OPERATIONS[operation]
            yield _judge(world, client, method, operation, partial(check, ask, world))


def _of_socket(world: World) -> Iterator[Finding]:
    socket = streams.Socket(world)
    for stream in streams.STREAMS:
        heard = partial(streams.hear, socket, world, stream)
        yield _judge(world, SOCKET, "subscribe", stream, heard)
    for method, end in streams.SOCKET_METHODS.items():
        yield _judge(world, SOCKET, method, "", partial(end, socket, world))


def _judge(world: World, client: str, method: str, asks: str, run: Callable[[], None]) -> Finding:
    """Run one case, and tell what came of it and whether that was to be expected."""
    result, why = _outcome(run)
    if result != PASS:
        # What a case left behind is nobody else's.
        world.tidy()
    key = asks or method
    expected = PASS
    if key in AWAITED:
        expected = AWAITS
    elif key in REFUSED:
        expected = f"refused: {REFUSED[key]}"
    elif (client, method) in CLIENT_FAULTS:
        outcome, words = CLIENT_FAULTS[client, method]
        expected = f"the client's fault: {words}"
        result = expected if result == outcome else result
    if result == expected:
        return Finding(client, method, asks, result)
    return Finding(client, method, asks, result, f"expected {expected!r}, found {result!r}\n{why}")


def _outcome(run: Callable[[], None]) -> tuple[str, str]:
    try:
        run()
    except (Refused, Unserved) as error:
        if any(words in str(error) for words in UNSERVED):
            return AWAITS, traceback.format_exc()
        return f"refused: {error.code}", traceback.format_exc()
    except ClientFault as error:
        return f"raised {error.kind}", traceback.format_exc()
    except Exception as error:  # noqa: BLE001 - whatever a client does is a finding
        return f"raised {type(error).__name__}", traceback.format_exc()
    return PASS, ""
