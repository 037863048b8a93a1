"""kill -9 of anything under load: the exchange comes back by itself with every acknowledged order.

Several accounts place orders the whole time, each with its own client id and each sent once. What
was acknowledged must be there, once; what was not may be there at most once.
"""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.signed import SignedClient
from tests.live import ROOT, LiveExchange

pytestmark = pytest.mark.live
USERS = (0, 1, 2, 3)
ROUNDS = 2
ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "0.01"}
RECOVERY_SECONDS = 45.0


class Load:
    """Places an order and cancels every third, over and over, and remembers each answer."""

    def __init__(self, exchange: LiveExchange) -> None:
        self.clients = [SignedClient(exchange, user, timeout=20) for user in USERS]
        self.acknowledged: dict[int, dict[str, dict[str, Any]]] = {user: {} for user in USERS}
        self.cancelled: dict[int, set[str]] = {user: set() for user in USERS}
        self.refused: list[Any] = []
        self.failures = 0
        self.running = True
        self.threads = [threading.Thread(target=self._run, args=(user,)) for user in USERS]

    def start(self) -> None:
        """Begin."""
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait for the last answers."""
        self.running = False
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()

    def count(self) -> int:
        """Return how many orders have been acknowledged so far."""
        return sum(len(orders) for orders in self.acknowledged.values())

    def _run(self, user: int) -> None:
        client, number = self.clients[user], 0
        while self.running:
            number += 1
            terms = {**ORDER, "clientId": number, "price": f"{90 + number % 10}"}
            try:
                self._place(user, client, terms)
            except (OSError, http.client.HTTPException):
                # The connection died before an answer: the outcome is not known to us.
                self.failures += 1
                time.sleep(0.1)
            time.sleep(0.02)

    def _place(self, user: int, client: SignedClient, terms: dict[str, Any]) -> None:
        answer = client.call("POST", "/api/v1/order", terms)
        if client.status == 200:
            self.acknowledged[user][answer["id"]] = terms
            if terms["clientId"] % 3 == 0:
                named = {"symbol": ORDER["symbol"], "orderId": answer["id"]}
                client.call("DELETE", "/api/v1/order", named)
                if client.status == 200:
                    self.cancelled[user].add(answer["id"])
        elif client.status >= 500:
            self.failures += 1
        else:
            self.refused.append(answer)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[LiveExchange]:
    """Yield an exchange of its own: it will be mistreated."""
    exchange = LiveExchange(tmp_path / "data")
    try:
        exchange.start()
        yield exchange
    finally:
        exchange.stop()


def test_every_acknowledged_order_survives_every_kill(mortal: LiveExchange) -> None:
    load = Load(mortal)
    load.start()
    try:
        for victim in ("engine", "edge", "postgres", "valkey") * ROUNDS:
            _wait_for_orders(load, more=20)
            _kill(mortal, victim)
        _wait_for_orders(load, more=20)
    finally:
        load.stop()
    assert not load.refused, load.refused[:3]
    assert load.count() > 0
    for user in USERS:
        _compare(load, user)
    _verify_journal(mortal)


def test_an_engine_killed_again_and_again_loses_nothing(mortal: LiveExchange) -> None:
    load = Load(mortal)
    load.start()
    try:
        for _ in range(5):
            _wait_for_orders(load, more=5)
            _kill(mortal, "engine")
        _wait_for_orders(load, more=5)
    finally:
        load.stop()
    assert not load.refused, load.refused[:3]
    for user in USERS:
        _compare(load, user)
    _verify_journal(mortal)


def _kill(exchange: LiveExchange, victim: str) -> None:
    pid = exchange.kill(victim)
    exchange.wait_for_restart(victim, pid, seconds=RECOVERY_SECONDS)


def _wait_for_orders(load: Load, *, more: int) -> None:
    """Wait until orders are acknowledged again: it has come back by itself."""
    goal, end = load.count() + more, time.monotonic() + RECOVERY_SECONDS
    while load.count() < goal:
        assert time.monotonic() < end, f"no orders acknowledged; {load.failures} failures"
        time.sleep(0.05)


def _compare(load: Load, user: int) -> None:
    client = load.clients[user]
    rows: list[dict[str, Any]] = []
    while True:
        page = client.call(
            "GET",
            "/wapi/v1/history/orders",
            {"symbol": ORDER["symbol"], "limit": 1000, "offset": len(rows)},
        )
        assert client.status == 200, page
        rows += page
        if len(page) < 1000:
            break
    mine = [row for row in rows if row["clientId"] is not None]
    client_ids = [row["clientId"] for row in mine]
    assert len(client_ids) == len(set(client_ids)), "an order was carried out twice"
    found = {row["id"]: row for row in mine}
    for order_id, terms in load.acknowledged[user].items():
        row = found[order_id]
        assert row["clientId"] == terms["clientId"]
        assert float(row["price"]) == float(terms["price"])
        assert row["quantity"] == terms["quantity"]
    for order_id in load.cancelled[user]:
        assert found[order_id]["status"] == "Cancelled"
    live = client.call("GET", "/api/v1/orders", {"symbol": ORDER["symbol"]})
    open_ids = {row["id"] for row in live}
    assert open_ids == {row["id"] for row in rows if row["status"] in ("New", "PartiallyFilled")}


def _verify_journal(exchange: LiveExchange) -> None:
    """Replay the journal in the exchange's own database; the command fails if anything differs."""
    environ = Path(f"/proc/{exchange.pid('engine')}/environ").read_bytes().split(b"\0")
    variables = dict(item.decode().split("=", 1) for item in environ if item)
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_journal"],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
