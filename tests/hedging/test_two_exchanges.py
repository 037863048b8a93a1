"""A desk of one live exchange hedges on another live exchange, through unmodified ccxt.

The exchange all live tests share has the desk; a second one, started for this test, is the venue:
its bots quote, and one of its customers is the house. Both prove their journals in the end.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.api.signed import SignedClient
from tests.live import ROOT, LiveExchange

pytestmark = pytest.mark.live
MARKET = "SOL_USDC_PERP"
D = Decimal
SECONDS = 60.0


@pytest.fixture(scope="module")
def venue(exchange: LiveExchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield the second exchange, once its bots quote."""
    other = LiveExchange(tmp_path_factory.mktemp("venue") / "data")
    try:
        other.start()
        yield other
    finally:
        other.stop()


class DeskOfA:
    """What exchange A knows of its desk, read from its database."""

    def __init__(self, exchange: LiveExchange) -> None:
        self.exchange = exchange
        self._database = psycopg.connect(exchange.database_url(), autocommit=True)

    def close(self) -> None:
        self._database.close()

    def row(self, sql: str, *values: Any) -> Any:
        found = self._database.execute(sql, values).fetchone()
        return found

    def hedge_at(self, name: str) -> None:
        """Have the desk of SOL trade at a venue of the venues' file, 500 USD open at most.

        The prices of two demos walk apart, a few percent at most: so much slippage it needs.
        """
        self._database.execute(
            "UPDATE hedging_desk SET venue = %s, paper = false, limit_usd = 500, max_order = 20,"
            " slippage_ppm = 80000 WHERE market = %s",
            (name, MARKET),
        )

    def on_paper(self) -> None:
        self._database.execute("UPDATE hedging_desk SET paper = true WHERE market = %s", (MARKET,))

    def inventory(self) -> Decimal:
        found = self.row(
            "SELECT p.lots FROM trading_position p JOIN hedging_desk d"
            " ON d.account_id = p.account_id AND d.market = p.market WHERE d.market = %s",
            MARKET,
        )
        return D(found[0]) / 100 if found else D(0)

    def attempts(self) -> Any:
        """Return the newest orders at the venue, for who wonders why nothing is hedged."""
        return self._database.execute(
            "SELECT is_buy, quantity, price, mark, status, answer, refused FROM hedging_hedgeorder"
            " WHERE venue = 'b' ORDER BY id DESC LIMIT 5"
        ).fetchall()

    def sums(self) -> tuple[Decimal, int]:
        """Return what the fills at the venue come to, and how many orders are not settled."""
        fills = self.row(
            "SELECT coalesce(sum(CASE WHEN is_buy THEN quantity ELSE -quantity END), 0)"
            " FROM hedging_hedgefill WHERE venue = 'b'"
        )
        open_orders = self.row("SELECT count(*) FROM hedging_hedgeorder WHERE status = 'open'")
        return fills[0], open_orders[0]


@pytest.fixture
def desk(exchange: LiveExchange, venue: LiveExchange) -> Iterator[DeskOfA]:
    """Yield the desk of A, which trades at B as B's first customer."""
    customer = venue["users"][0]
    config = {
        "urls": {"api": {"public": venue["rest"], "private": venue["rest"]}},
        "apiKey": customer["apiKey"],
        "secret": customer["secret"],
    }
    path = exchange.data / "venues.json"
    path.write_text(json.dumps({"b": {"class": "backpack", "config": config}}))
    found = DeskOfA(exchange)
    found.hedge_at("b")
    yield found
    found.on_paper()
    found.close()


def held_at(venue: LiveExchange) -> Decimal:
    """Return what B itself says that the house holds there."""
    rows = SignedClient(venue, 0).call("GET", "/api/v1/position")
    assert isinstance(rows, list), rows
    return sum((D(row["netQuantity"]) for row in rows if row["symbol"] == MARKET), D(0))


def wait_for(condition: Callable[[], bool], *, story: Callable[[], str]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, story()
        time.sleep(0.2)


def submit(exchange: LiveExchange, code: str) -> str:
    """Run a few lines in exchange A's own environment: what the engine will do by itself."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT,
        env=environment_of(exchange),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment_of(exchange: LiveExchange) -> dict[str, str]:
    environ = Path(f"/proc/{exchange.pid('engine')}/environ").read_bytes().split(b"\0")
    return {**os.environ, **dict(item.decode().split("=", 1) for item in environ if item)}


TRADE = f"""
from engine.commands import PlaceOrder
from engine.units import AccountId
from engine.vocabulary import OrderType, Side, TimeInForce
from gateway.client import submit
from hedging.models import Desk
account = AccountId(Desk.objects.get(market="{MARKET}").account_id)
answer = submit(PlaceOrder(account=account, market="{MARKET}", side=Side.%s, lots=%d,
    type=OrderType.MARKET, time_in_force=TimeInForce.IOC)).answer
print(answer)
"""


def verify(exchange: LiveExchange) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_journal"],
        cwd=ROOT,
        env=environment_of(exchange),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout


def test_what_a_inherits_is_held_on_b_the_other_way_round(
    exchange: LiveExchange, venue: LiveExchange, desk: DeskOfA
) -> None:
    def is_hedged() -> bool:
        fills, open_orders = desk.sums()
        residual = desk.inventory() + held_at(venue)
        return not open_orders and fills == held_at(venue) and abs(residual) * 150 < 600

    def story() -> str:
        return f"{desk.inventory()} on A, {held_at(venue)} on B: {desk.attempts()}"

    # More than one order: 20 SOL at once.
    submit(exchange, TRADE % ("BID", 5_000))
    assert desk.inventory() == 50
    wait_for(is_hedged, story=story)
    assert held_at(venue) <= -46
    # The desk dies at work; what it inherits meanwhile is hedged when it is back.
    pid = exchange.kill("desk")
    submit(exchange, TRADE % ("ASK", 8_000))
    exchange.wait_for_restart("desk", pid)
    wait_for(is_hedged, story=story)
    assert held_at(venue) >= 26
    # Every order of the desk is one order of B, and no other is there.
    ours = desk.row(
        "SELECT array_agg(client_id ORDER BY client_id), bool_and(sends = 1)"
        " FROM hedging_hedgeorder WHERE venue = 'b' AND order_id <> ''"
    )
    rows = SignedClient(venue, 0).call("GET", "/wapi/v1/history/orders", {"symbol": MARKET})
    assert sorted(row["clientId"] for row in rows) == ours[0]
    assert ours[1]
    assert desk.row("SELECT count(*) FROM hedging_hedgealarm WHERE kind <> 'over_limit'") == (0,)
    verify(exchange)
    verify(venue)
