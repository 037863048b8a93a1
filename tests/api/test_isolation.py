"""No key reads or changes anything of another account, whatever ids it sends in whatever parameter.

All signed routes are enumerated, from the edge's table and Django's URL patterns, and their
parameters from the OpenAPI document: a new endpoint is tested without anybody thinking of it.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
import yaml
from django.apps import apps
from django.db import connection, models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import services as accounts
from accounts.access import access_of, access_of_key
from accounts.api import errors
from accounts.api.views import SignedView
from accounts.models import Account, ApiKey, Deposit, Withdrawal
from accounts.pace import MinuteLimit
from accounts.transfers import transfer_funds
from compliance import defaults
from compliance.models import BookingEntity, Licence, Rule
from edge.http import HotPath
from edge.routes import ROUTES, BatchRoute, SignedRoute
from engine.vocabulary import Side
from tests.api.front import Keys, Reply
from tests.api.house import Trader, open_house
from tests.sequencer.conftest import StartEngine, start_engine
from trading import catalog
from trading.api import orders
from trading.models import Fill, Order, Position, Strategy
from trading.reads import close_readers
from trading.rfq_models import RfqRequest

__all__ = ["start_engine"]

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
# What a parameter may plausibly hold, so that the others get as far as they can.
PLAUSIBLE = {"address": "bob's", "price": "50", "quantity": "0.1", "borrow": "1"}
SYMBOLS = ("SOL_USDC", "USDC")
# What a path without parameters might listen to nevertheless.
UNDESCRIBED = ["id", "accountId", "subaccountId", "userId"]
IDENTIFIER = re.compile(r"id$", re.IGNORECASE)
# What is new in each answer, and so never the same twice.
VOLATILE = frozenset({"createdAt", "id", "markPrice", "timestamp"})
# Distant from each other and from every amount: a number in an answer says whose it is.
ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
OTHER_ADDRESS = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
# What alice's order, strategy and request for quote are called by her.
CLIENT_IDS = ORDER, STRATEGY, REQUEST = 3_111_222_333, 3_222_333_444, 3_333_444_555
UNKNOWN = 900_000_000
# What alice must own, so that it could be leaked.
OWNED = frozenset(
    {"Balance", "Deposit", "Fill", "Order", "Position", "RfqRequest", "Strategy", "Withdrawal"}
)


class Endpoint(NamedTuple):
    """A method of a signed path. `needed` have to be there; `names` are all its parameters."""

    method: str
    path: str
    instruction: str
    needed: dict[str, list[str]]
    names: list[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def signed_routes() -> dict[tuple[str, str], str]:
    """Return the instruction of each signed method and path which the exchange serves."""
    routes = {
        at: route.instruction
        for at, route in ROUTES.items()
        if isinstance(route, SignedRoute | BatchRoute)
    }
    for path, view in _views(get_resolver().url_patterns, ""):
        for method, instruction in view.instructions.items():
            routes.setdefault((method, f"/{path}"), instruction)
    return routes


def _views(patterns: Any, prefix: str) -> Iterator[tuple[str, type[SignedView]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None)
            if view is not None and issubclass(view, SignedView):
                yield prefix + str(pattern.pattern), view


def endpoints() -> list[Endpoint]:
    """Return every signed endpoint with its parameters as the OpenAPI document says."""
    document = yaml.safe_load(DOCUMENT.read_text())
    found = []
    for (method, path), instruction in signed_routes().items():
        described = document["paths"][path][method.lower()]
        form = _form(document, described)
        needed = {name: _choices(schema) for name, (schema, is_needed) in form.items() if is_needed}
        found.append(Endpoint(method, path, instruction, needed, list(form)))
    return found


def _form(document: Any, described: Any) -> dict[str, tuple[Any, bool]]:
    form = {
        one["name"]: (one["schema"], one.get("required", False))
        for one in described.get("parameters", [])
    }
    content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    schema = _resolved(document, schema.get("items", schema))
    for name, member in schema.get("properties", {}).items():
        form[name] = (_resolved(document, member), name in schema.get("required", ()))
    return form


def _resolved(document: Any, schema: Any) -> Any:
    """Follow a reference to a component."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _choices(schema: Any) -> list[str]:
    return [str(choice) for choice in schema.get("enum", [])]


class Bob:
    """Sends requests of one account to all doors."""

    def __init__(self, trader: Trader) -> None:
        self.trader = trader
        keys = Keys()
        keys.users[trader.key.public_key] = access_of_key(trader.key)
        self.hot = HotPath(keys)
        # What bob has named himself so far: his rows may show it again.
        self.written: set[str] = set()
        # One for all requests: each new one looks through all static files first.
        self.client = Client()

    def send(self, endpoint: Endpoint, words: dict[str, str]) -> tuple[int, str]:
        """Return status and body of a signed request with these parameters."""
        headers = self.trader.headers(endpoint.instruction, list(words.items()))
        route = ROUTES.get((endpoint.method, endpoint.path))
        is_query = endpoint.method == "GET"
        if not is_query:
            self.written |= set(words.values())
        query = urlencode(words) if is_query else ""
        content: Any = [words] if isinstance(route, BatchRoute) else words
        body = b"" if is_query else json.dumps(content).encode()
        if route is not None:
            return self._hot(endpoint, query, body, headers)
        path = f"{endpoint.path}?{query}" if query else endpoint.path
        answer = self.client.generic(
            endpoint.method, path, body, "application/json", headers=headers
        )
        return answer.status_code, answer.content.decode()

    def _hot(
        self, endpoint: Endpoint, query: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str]:
        scope = {
            "type": "http",
            "method": endpoint.method,
            "path": endpoint.path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            messages.append(message)

        async def serve() -> None:
            try:
                route = ROUTES[endpoint.method, endpoint.path]
                await self.hot.serve(route, scope, receive, send)
            finally:
                await close_readers()

        asyncio.run(serve())
        reply = Reply(messages)
        return reply.status, reply.body.decode()


class Scene(NamedTuple):
    """Bob, who sends, and alice, of whom he must learn and change nothing."""

    alice: Trader
    bob: Bob
    accounts: list[int]
    # Everything of alice's that names something, and a twin of each which names nothing.
    ids: list[tuple[str, str]]
    # Her orders, strategies and requests, under the names which answers have for them.
    named: set[tuple[str, str]]


@pytest.fixture
def scene(start_engine: StartEngine, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Scene:
    """An exchange on which alice has some of everything, with ids of her own."""
    settings.SIGNED_REQUESTS_PER_MINUTE = settings.UNSIGNED_REQUESTS_PER_MINUTE = 10**6
    monkeypatch.setattr(errors, "_questions", MinuteLimit(10**6))
    monkeypatch.setattr(catalog, "_state", {})
    if not Rule.objects.exists():  # emptied by an earlier test
        defaults.install(entity_model=BookingEntity, licence_model=Licence, rule_model=Rule)
    start_engine().wait_until_leading()
    with connection.cursor() as cursor:
        cursor.execute("ALTER SEQUENCE accounts_account_id_seq RESTART 7300001")
        cursor.execute("ALTER SEQUENCE accounts_user_id_seq RESTART 8400001")
    alice, bob = open_house()
    sub = accounts.create_sub_account(alice.user, "alice's own")
    _live(alice, sub, Trader("carol"))
    mine = [alice.id, sub.pk]
    numbers = {str(number) for number in (*mine, alice.user.pk, sub.number, *CLIENT_IDS)}
    kinds: tuple[tuple[str, type[models.Model]], ...] = (
        ("orderId", Order),
        ("strategyId", Strategy),
        ("rfqId", RfqRequest),
    )
    named = {(name, number) for name, model in kinds for number in _numbers(model, mine)}
    numbers |= {number for _, number in named}
    for model, column in ((Position, "position_id"), (Fill, "trade_id")):
        numbers |= _numbers(model, mine, column)
    numbers |= _numbers(Deposit, mine) | _numbers(Withdrawal, mine)
    # A sub-account's number has at most 16 bits.
    far = {one: 40_000 if int(one) < 2**15 else UNKNOWN for one in numbers}
    ids = [(one, str(int(one) + far[one])) for one in sorted(numbers)]
    ids += [(f"{alice.id}-{asset}", f"{alice.id + UNKNOWN}-{asset}") for asset in ("USDC", "SOL")]
    ids += [("alice-only", "nobody-only"), (ADDRESS, OTHER_ADDRESS)]
    return Scene(alice, Bob(bob), mine, ids, named)


def _numbers(model: type[models.Model], owned: list[int], column: str = "id") -> set[str]:
    rows = model._default_manager.filter(account_id__in=owned)
    return {str(number) for number in rows.values_list(column, flat=True)}


def _live(alice: Trader, sub: Account, carol: Trader) -> None:
    """Give alice some of everything."""
    carol.deposit("USDC", 100_000)
    carol.deposit("SOL", 100)
    alice.limit("SOL_USDC", Side.BID, ticks=6_000, lots=100, client_id=ORDER)
    alice.limit("SOL_USDC_PERP", Side.ASK, ticks=11_000, lots=100)
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_000, lots=1_000)
    carol.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=1_000)
    _plan_and_ask(alice)
    for side, quantity, symbol in (("Lend", "10", "SOL"), ("Lend", "1000", "USDC")):
        body = {"quantity": quantity, "side": side, "symbol": symbol}
        for trader in (alice, carol):
            sent = trader.send("POST", "/api/v1/borrowLend", "borrowLendExecute", body)
            assert sent.status_code == 200
    for quantity in ("10", "5"):
        body = {"quantity": quantity, "side": "Borrow", "symbol": "SOL"}
        assert (
            alice.send("POST", "/api/v1/borrowLend", "borrowLendExecute", body).status_code == 200
        )
    body = {
        "address": ADDRESS,
        "blockchain": "Ethereum",
        "clientId": "alice-only",
        "quantity": "10",
        "symbol": "USDC",
    }
    assert alice.send("POST", "/wapi/v1/capital/withdrawals", "withdraw", body).status_code == 200
    transfer_funds(
        access_of(alice.account, alice.user),
        access_of(sub, alice.user),
        asset="USDC",
        amount_atoms=10**9,
        command_id="alice's transfer",
    )


def _plan_and_ask(alice: Trader) -> None:
    """Let a strategy of alice's run, and a request for quote have ended."""
    terms = {"side": "Bid", "quantity": "4"}
    body = terms | {
        "symbol": "SOL_USDC",
        "strategyType": "Scheduled",
        "price": "60",
        # The next order is due long after the test.
        "interval": 3_600_000,
        "duration": 7_200_000,
        "clientStrategyId": STRATEGY,
    }
    sent = alice.send("POST", "/api/v1/strategy", "strategyCreate", body)
    assert sent.status_code == 200, sent.content
    body = terms | {"symbol": "SOL_USDC_RFQ", "clientId": REQUEST}
    asked = alice.send("POST", "/api/v1/rfq", "rfqSubmit", body)
    assert asked.status_code == 200, asked.content
    body = {"rfqId": asked.json()["rfqId"]}
    ended = alice.send("POST", "/api/v1/rfq/cancel", "rfqCancel", body)
    assert ended.status_code == 200, ended.content


def rows_of(owned: list[int]) -> dict[str, list[Any]]:
    """Return every row of every table which belongs to the accounts."""
    found = {}
    for model in apps.get_models():
        names = {field.attname for field in model._meta.concrete_fields}
        columns = names & {"account_id", "source_id", "destination_id", "debit_account_id"}
        if columns and model is not ApiKey:
            condition = models.Q()
            for column in columns:
                condition |= models.Q(**{f"{column}__in": owned})
            rows = model._default_manager.filter(condition).order_by("pk").values()
            found[model.__name__] = list(rows)
    return found


def requests_of(endpoint: Endpoint) -> Iterator[dict[str, str]]:
    """Yield what is needed to be heard at all, for each kind of symbol."""
    for symbol in SYMBOLS if "symbol" in endpoint.needed else ("",):
        words = {
            name: PLAUSIBLE.get(name, choices[0] if choices else "1")
            for name, choices in endpoint.needed.items()
        }
        if "symbol" in endpoint.needed:
            words["symbol"] = symbol
        if words.get("orderType") == "Limit":
            words |= {"price": "50", "quantity": "0.1"}
        yield words


def check(scene: Scene, endpoint: Endpoint) -> None:
    """Send alice's ids in every parameter: they must look like ids that nobody has."""
    before = rows_of(scene.accounts)
    for words in requests_of(endpoint):
        _check_answer(scene, endpoint, words)
        for name in endpoint.names or UNDESCRIBED:
            is_identifier = name in endpoint.names and IDENTIFIER.search(name) is not None
            # Whatever else a parameter means, a few ids show whether it is taken for one.
            for hers, nobodys in scene.ids if is_identifier else scene.ids[:: len(scene.ids) // 4]:
                answer = _check_answer(scene, endpoint, words | {name: hers})
                if is_identifier:
                    other = scene.bob.send(endpoint, words | {name: nobodys})
                    ids = (hers, nobodys)
                    assert _told(answer, ids) == _told(other, ids), (endpoint, name, hers)
    after = rows_of(scene.accounts)
    assert after == before, f"{endpoint} has changed alice's rows"


def _check_answer(scene: Scene, endpoint: Endpoint, words: dict[str, str]) -> tuple[int, str]:
    status, body = scene.bob.send(endpoint, words)
    sent = scene.bob.written | set(words.values())
    assert status < 500, (endpoint, words, body)
    if status < 400 and body:
        for row in _objects(json.loads(body)):
            named = {(name, str(value)) for name, value in row.items() if name.endswith("Id")}
            named |= {("orderId", str(row["id"]))} if "orderType" in row else set()
            named |= {("strategyId", str(row["id"]))} if "strategyType" in row else set()
            assert not named & scene.named, (endpoint, words, row)
    distinct = [hers for hers, _ in scene.ids if len(hers) > 6 and hers not in sent]
    told = [hers for hers in distinct if re.search(rf"(?<![\w-]){re.escape(hers)}(?![\w-])", body)]
    assert not told, (endpoint, words, told)
    return status, body


def _objects(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        yield data
        data = list(data.values())
    if isinstance(data, list):
        for one in data:
            yield from _objects(one)


def _told(answer: tuple[int, str], ids: tuple[str, str]) -> tuple[int, Any]:
    """Return what an answer says, whichever of two ids it was asked about."""
    status, body = answer
    either = re.compile(rf"(?<![\w.])({re.escape(ids[0])}|{re.escape(ids[1])})(?![\w.])")
    return status, _lasting(json.loads(body), either) if body else ""


def _lasting(data: Any, either: re.Pattern[str]) -> Any:
    if isinstance(data, dict):
        return {n: _lasting(one, either) for n, one in data.items() if n not in VOLATILE}
    if isinstance(data, list):
        return [_lasting(one, either) for one in data]
    return either.sub("ID", str(data))


# Thousands of requests through code that other tests cover: counting lines doubles their time.
@pytest.mark.no_cover
@pytest.mark.parametrize("kind", ["reads", "acts"])
def test_no_request_reaches_another_account(scene: Scene, kind: str) -> None:
    hers = rows_of(scene.accounts)
    # What nobody has cannot be leaked: alice has some of everything.
    assert {name for name, rows in hers.items() if rows} >= OWNED
    found = endpoints()
    assert {(one.method, one.path) for one in found} == signed_routes().keys()
    for endpoint in found:
        if (endpoint.method == "GET") == (kind == "reads"):
            check(scene, endpoint)


def test_a_planted_leak_is_found(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    everybodys = orders._LIVE_ORDERS.replace("account_id = %s", "%s::bigint > 0")
    monkeypatch.setattr(orders, "_LIVE_ORDERS", everybodys)
    for path in ("/api/v1/order", "/api/v1/orders"):
        endpoint = next(one for one in endpoints() if (one.method, one.path) == ("GET", path))
        with pytest.raises(AssertionError):
            check(scene, endpoint)
