"""A hot HTTP request from its first byte to its answer; every failure ends as JSON here."""

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
import psycopg
from django.conf import settings

from accounts import signature
from accounts.access import Access
from accounts.api.body import MAX_BODY_BYTES
from accounts.pace import MinuteLimit
from accounts.scopes import READ
from edge import auth
from edge.routes import METHODS, BatchRoute, Route, SignedRoute
from edge.twins import MAX_TWINS, Twins
from gateway import signed_request
from trading.api.answers import Answer, refused
from trading.reads import rows
from trading.refusals import (
    ENGINE_AWAY,
    REQUEST_REPEATED,
    SERVER_ERROR,
    TOO_MANY_REQUESTS,
    Refusal,
    Refused,
    invalid_request,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TOO_LONG = Refusal(
    413, "INVALID_CLIENT_REQUEST", f"The body is longer than {MAX_BODY_BYTES} bytes"
)
_SIGNED = (SignedRoute, BatchRoute)
_log = logging.getLogger(__name__)


class Disconnected(Exception):
    """The client went away before its request was complete."""


class HotPath:
    """Answers hot requests with the keys and limits of this process."""

    def __init__(self, keys: auth.Keys) -> None:
        self.keys = keys
        self.signed = MinuteLimit(settings.SIGNED_REQUESTS_PER_MINUTE)
        self.unsigned = MinuteLimit(settings.UNSIGNED_REQUESTS_PER_MINUTE)
        self.twins = Twins()

    async def serve(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of `route`."""
        try:
            work = self._answer(route, scope, receive)
            answer = await answer_of(work, f"{scope['method']} {scope['path']}")
        except Disconnected:
            return
        await send_answer(send, answer)

    async def _answer(self, route: Route, scope: Scope, receive: Receive) -> Answer:
        if isinstance(route, _SIGNED):
            return await self._signed_answer(route, scope, receive)
        now_ns = time.time_ns()
        if not self.unsigned.allows(address_of(scope), now_ns):
            return _wait_for_the_minute(now_ns)
        return await route(dict(signature.parse_query(scope["query_string"])))

    async def _signed_answer(
        self, route: SignedRoute | BatchRoute, scope: Scope, receive: Receive
    ) -> Answer:
        now_ns = time.time_ns()
        address = address_of(scope)
        if self.unsigned.exhausted(address, now_ns):
            # Whoever sends wrong signatures in numbers is not worth checking another.
            return _wait_for_the_minute(now_ns)
        body = await read_body(receive) if scope["method"] != "GET" else b""
        if body is None:
            return refused(_TOO_LONG)
        signed = auth.signed_headers(scope["headers"], address)
        if signed is None:
            self.unsigned.allows(address, now_ns)
            return refused(auth.UNSIGNED)
        query = signature.parse_query(scope["query_string"])
        if isinstance(route, BatchRoute):
            segments = [signature.parameters(one) for one in signature.parse_batch(body)]
        else:
            segments = [query + signature.parameters(signature.parse_members(body))]
        access = auth.authenticate(
            self.keys,
            signed,
            instruction=route.instruction,
            segments=segments,
            scope=READ if scope["method"] == "GET" else route.scope,
            now_ms=now_ns // 1_000_000,
        )
        if isinstance(access, Refusal):
            self.unsigned.allows(address, now_ns)
            return refused(access)
        if not self.signed.allows(access.account, now_ns):
            return _wait_for_the_minute(now_ns)
        if scope["method"] == "GET":
            return await _call(route, access, segments)
        return await self._once(signed, lambda: _call(route, access, segments))

    async def _once(
        self, signed: auth.Signed, carry_out: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Answer a request which changes something, unless it was answered before."""
        request = signed_request.begin(
            public_key=signed.public_key, signature=signed.signature, timestamp=signed.timestamp
        )
        first, number = self.twins.meet(signed.signature, signed.address, time.monotonic_ns())
        if number:
            if await first.was_carried_out():
                request.twins = min(number, MAX_TWINS)
            return await carry_out()
        try:
            if await _is_journaled(request, signed.window):
                return refused(REQUEST_REPEATED)
            return await carry_out()
        finally:
            first.answered(carried_out=request.carried_out)


def _wait_for_the_minute(now_ns: int) -> Answer:
    """Refuse, and say after how many seconds the next calendar minute begins."""
    seconds = 60 - now_ns // 10**9 % 60
    headers = ((b"retry-after", b"%d" % seconds),)
    return msgspec.structs.replace(refused(TOO_MANY_REQUESTS), headers=headers)


async def answer_of(work: Awaitable[Answer], what: str) -> Answer:
    """Return what `work` answers, or the refusal which its failure means. Raises Disconnected."""
    try:
        return await work
    except Refused as error:
        return refused(error.refusal)
    except signature.MalformedRequest as error:
        return refused(invalid_request(f"Invalid request: {error}"))
    except psycopg.OperationalError:
        _log.warning("PostgreSQL is away", exc_info=True)
        return refused(ENGINE_AWAY)
    except Disconnected:
        raise
    except Exception:  # noqa: BLE001 -- the one catch-all: no traceback reaches a client
        _log.exception("unexpected failure of %s", what)
        return refused(SERVER_ERROR)


async def _is_journaled(request: signed_request.SignedRequest, window: str) -> bool:
    """Look a request up which the engine may have forgotten within its window."""
    if int(window) <= signed_request.REMEMBERED_WINDOW_MS:
        return False
    return bool(await rows(signed_request.JOURNALED, request.first_ids()))


async def _call(
    route: SignedRoute | BatchRoute, access: Access, segments: list[list[tuple[str, str]]]
) -> Answer:
    # What was verified is what is read.
    words = [words_of(one) for one in segments]
    if isinstance(route, BatchRoute):
        return await route.handler(access, words)
    return await route.handler(access, words[0])


def words_of(parameters: signature.Parameters) -> dict[str, str]:
    """Return parameters by name. A null is the same as nothing."""
    return {name: value for name, value in parameters if value != "null"}


async def read_body(receive: Receive) -> bytes | None:
    """Return the whole body, or None if it is too long. Raises Disconnected."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > MAX_BODY_BYTES:
            return None
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise Disconnected
    return body if len(body) <= MAX_BODY_BYTES else None


def wrong_method(path: str) -> Answer:
    """Return the answer to a method which a hot path does not have."""
    methods = ", ".join(METHODS[path])
    refusal = Refusal(405, "INVALID_CLIENT_REQUEST", f"{path} takes {methods} only")
    answer = refused(refusal)
    return msgspec.structs.replace(answer, headers=((b"allow", methods.encode()),))


async def send_answer(send: Send, answer: Answer) -> None:
    """Write a whole answer."""
    headers = [
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", answer.cache_control),
        *answer.headers,
    ]
    if answer.body:
        headers.append((b"content-type", answer.content_type))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def address_of(scope: Scope) -> str:
    """Return the address which a request or socket comes from."""
    client = scope.get("client")
    return client[0] if client else ""
