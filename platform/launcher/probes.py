"""Ask each program whether it answers: a real question to each, not a look at its process."""

import http.client
import json
from pathlib import Path
from typing import Any

from celery import Celery

from gateway import codec
from gateway.transport import parse_address
from launcher.environment import HOST

TIMEOUT_SECONDS = 1.0
WORKER = "worker@satchel"


def engine_answers(address: str) -> bool:
    """Ask the engine for its feed: the first bytes come only after it has recovered."""
    try:
        with parse_address(address).connect(TIMEOUT_SECONDS) as connection:
            connection.sendall(codec.frame(codec.encode(codec.Follow())))
            return bool(connection.recv(1))
    except OSError:
        return False


def web_answers(port: int) -> bool:
    """Ask the edge for its status: it says Maintenance until it hears from the engine."""
    status = _get(port, "/api/v1/status")
    return status is not None and status["status"] == "Ok"


def prices_answer(port: int) -> bool:
    """Return whether the price feed has given the markets their prices."""
    return bool(_get(port, "/api/v1/markPrices"))


def books_answer(port: int) -> bool:
    """Return whether the market makers quote both sides of each open market."""
    markets: list[dict[str, Any]] = _get(port, "/api/v1/markets") or []
    symbols = [market["symbol"] for market in markets if market.get("orderBookState") == "Open"]
    books = (_get(port, f"/api/v1/depth?symbol={symbol}") for symbol in symbols)
    return bool(symbols) and all(book and book["bids"] and book["asks"] for book in books)


class WorkerProbe:
    """Ask the Celery worker by its own ping. The broker is connected to when first asked."""

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._app: Celery | None = None

    def __call__(self) -> bool:
        """Return whether the worker answers."""
        if self._app is None:
            self._app = Celery("launcher", broker=self._broker, set_as_current=False)
            self._app.conf.broker_connection_retry = False
        try:
            answers = self._app.control.broadcast(
                "ping", reply=True, timeout=TIMEOUT_SECONDS, limit=1, destination=[WORKER]
            )
        except Exception:  # noqa: BLE001 (kombu lets any error of the driver through)
            self._app.close()
            self._app = None
            return False
        return bool(answers)


class BeatProbe:
    """Celery beat takes no questions: it says in its log that it has read its table and begun."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._seen_bytes = 0

    def remember(self) -> None:
        """Note where the log ends before a start."""
        self._seen_bytes = self._log.stat().st_size if self._log.exists() else 0

    def __call__(self) -> bool:
        """Return whether it has begun since `remember`."""
        with self._log.open("rb") as log:
            log.seek(self._seen_bytes)
            return b"beat: Starting" in log.read()


def _get(port: int, path: str) -> Any:
    """Return the JSON which GET answers with 200, else None."""
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        return json.loads(body) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
