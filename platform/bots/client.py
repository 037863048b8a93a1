"""A small client of the REST API: signs, keeps a pace, and says how a call failed.

It keeps its clock by the exchange's, and slows down when the exchange asks for it.
"""

import asyncio
import base64
import json
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
from nacl.signing import SigningKey

WINDOW_MS = 10_000
REQUEST_TIMEOUT_SECONDS = 20.0
DEFAULT_RETRY_SECONDS = 1.0

Fields = Mapping[str, str | int | bool]


class ApiRefused(Exception):
    """The exchange answered, and refused: nothing was done."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class ApiAway(Exception):
    """No usable answer: it may be restarting. What was asked may or may not have been done."""


class Pace:
    """Let calls go one after the other, never more than `per_second`, later when told to wait."""

    def __init__(self, per_second: float) -> None:
        self._gap_seconds = 1 / per_second
        self._next_at = 0.0

    async def turn(self) -> None:
        """Wait for the next free moment and take it."""
        now = time.monotonic()
        mine = max(now, self._next_at)
        self._next_at = mine + self._gap_seconds
        await asyncio.sleep(mine - now)

    def rest(self, seconds: float) -> None:
        """Let nobody call for so long: the exchange asked for it."""
        self._next_at = max(self._next_at, time.monotonic() + seconds)


class Client:
    """One API key at one exchange. Use as an async context."""

    def __init__(self, rest: str, secret: str, pace: Pace) -> None:
        self._rest = rest.rstrip("/")
        self._key = SigningKey(base64.b64decode(secret)[:32])
        self._public_key = base64.b64encode(bytes(self._key.verify_key)).decode()
        self._pace = pace
        self._clock_offset_ms = 0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def read(self, path: str, instruction: str = "", **query: str) -> Any:
        """GET a resource; signed if an instruction is named."""
        headers = self._signed(instruction, [query]) if instruction else {}
        return await self._call("GET", path, params=query, headers=headers)

    async def send(self, method: str, path: str, instruction: str, body: Fields) -> Any:
        """Send one signed JSON object."""
        return await self._call(
            method, path, data=_json(body), headers=self._signed(instruction, [body])
        )

    async def place(self, orders: Sequence[Fields]) -> Any:
        """Place up to 50 orders in one batch; answers one result an order."""
        headers = self._signed("orderExecute", orders)
        return await self._call("POST", "/api/v1/orders", data=_json(orders), headers=headers)

    async def set_clock(self) -> None:
        """Take the exchange's time for our signatures."""
        answer = await self._call("GET", "/api/v1/time")
        try:
            self._clock_offset_ms = int(answer) - time.time_ns() // 1_000_000
        except (TypeError, ValueError) as error:
            raise ApiAway(f"the exchange's time reads {answer!r}") from error

    def _signed(self, instruction: str, items: Sequence[Fields]) -> dict[str, str]:
        now_ms = time.time_ns() // 1_000_000 + self._clock_offset_ms
        text = signing_text(instruction, items, timestamp_ms=now_ms)
        return {
            "X-API-Key": self._public_key,
            "X-Signature": base64.b64encode(self._key.sign(text.encode()).signature).decode(),
            "X-Timestamp": str(now_ms),
            "X-Window": str(WINDOW_MS),
            "Content-Type": "application/json",
        }

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        assert self._session is not None
        await self._pace.turn()
        try:
            async with self._session.request(method, self._rest + path, **options) as response:
                text = await response.text()
                status, retry_after = response.status, response.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiAway(f"{method} {path}: {error or type(error).__name__}") from error
        if status == 429:
            self._pace.rest(_seconds(retry_after))
        if status == 429 or status >= 500:
            raise ApiAway(f"{method} {path}: {status} {text[:200]}")
        if status >= 400:
            raise _refusal(status, text)
        return _parsed(text)


def signing_text(instruction: str, items: Sequence[Fields], *, timestamp_ms: int) -> str:
    """Return what is signed: each item's instruction and sorted fields, then time and window.

    >>> signing_text("orderCancel", [{"symbol": "BTC_USDT", "orderId": 28}], timestamp_ms=1)
    'instruction=orderCancel&orderId=28&symbol=BTC_USDT&timestamp=1&window=10000'
    """
    parts = []
    for fields in items:
        parts.append(f"instruction={instruction}")
        parts += [f"{name}={_wire(fields[name])}" for name in sorted(fields)]
    parts += [f"timestamp={timestamp_ms}", f"window={WINDOW_MS}"]
    return "&".join(parts)


def _wire(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(body: object) -> str:
    return json.dumps(body, separators=(",", ":"))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _refusal(status: int, text: str) -> ApiRefused:
    answer = _parsed(text)
    if isinstance(answer, dict):
        return ApiRefused(status, str(answer.get("code")), str(answer.get("message"))[:200])
    return ApiRefused(status, "", text[:200])


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdecimal() else DEFAULT_RETRY_SECONDS
