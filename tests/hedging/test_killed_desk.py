"""kill -9 of a real desk process at each moment of an order: the next goes on, and nothing twice.

The venue is another process's server with a memory; the desk's process hangs in a request to it at
the chosen moment, and dies there.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db.models import F
from django.utils import timezone

from accounts.models import Account, User
from hedging import services
from hedging.models import Desk, HedgeAlarm, HedgeFill, HedgeOrder
from tests.engine.listings import SOL, SOL_PERP, USDC
from tests.hedging.conftest import MARKET
from tests.hedging.http_venue import HttpVenue, described, serving
from tests.sequencer.engines import ROOT, database_url
from trading.candle_models import PricePoint
from trading.catalog import refresh
from trading.models import Asset, Market, Position

POST = "POST /api/v1/order"
POSITION = "GET /api/v1/position"
HISTORY = "GET /wapi/v1/history/orders"
FILLS = "GET /wapi/v1/history/fills"
# For tests only: the server is on loopback, and what it drops never arrives.
RESEND_SECONDS = 2.0


@pytest.fixture
def venue(transactional_db: None, tmp_path: Path, settings: Any) -> Iterator[HttpVenue]:
    """Yield a venue which the desk trades at for real."""
    path = tmp_path / "venues.json"
    settings.HEDGE_VENUES_FILE = str(path)
    settings.HEDGE_RESEND_SECONDS = RESEND_SECONDS
    with serving() as http:
        path.write_text(json.dumps({"elsewhere": described(http.url, timeout=30_000)}))
        yield http


@pytest.fixture
def inherited(venue: HttpVenue) -> Desk:
    """Return a desk with 50 SOL to hedge, which one order does.

    The rows are written as the engine's projections would: of the exchange, the desk reads no more.
    """
    now = timezone.now()
    for asset in (USDC, SOL):
        Asset.objects.create(symbol=asset.symbol, spec=msgspec.to_builtins(asset), listed_at=now)
    Market.objects.create(
        symbol=MARKET,
        kind=SOL_PERP.kind.value,
        base="SOL",
        quote="USDC",
        state="Open",
        spec=msgspec.to_builtins(SOL_PERP),
        quote_atoms_per_tick=Decimal(100),
        listed_at=now,
    )
    refresh()
    user = User.objects.create_user("house@example.org")
    account = Account.objects.create(user=user, number=0, name="Desk")
    names = ("quote", "entry_quote", "realized", "fees")
    Position.objects.create(
        account_id=account.pk,
        market=MARKET,
        position_id=1,
        lots=5_000,
        **{f"{name}_atoms": 0 for name in names},
        opened_at=now,
        updated_at=now,
    )
    PricePoint.objects.create(symbol=MARKET, kind="mark", price_e8=Decimal(100 * 10**8), at=now)
    return Desk.objects.create(
        market=MARKET,
        account=account,
        venue="elsewhere",
        venue_symbol="SOL/USDC:USDC",
        limit_usd=Decimal(1_000),
        slippage_ppm=5_000,
        max_order=Decimal(50),
        paper=False,
    )


def start_desk(settings: Any) -> subprocess.Popen[bytes]:
    PricePoint.objects.update(at=timezone.now())
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "HEDGE_VENUES_FILE": settings.HEDGE_VENUES_FILE,
        "HEDGE_RESEND_SECONDS": str(RESEND_SECONDS),
    }
    command = [sys.executable, "manage.py", "run_desk", "--once"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def kill_at(venue: HttpVenue, settings: Any, name: str, moment: str, *, arrives: bool) -> None:
    """Let a desk process run into a moment, and end it there as a power cut would."""
    venue.hung.clear()
    venue.hang = (name, moment)
    process = start_desk(settings)
    try:
        assert venue.hung.wait(60), venue.asked
    finally:
        process.kill()
        process.wait(10)
    venue.go_on(does_it=arrives)


def look_until_rest() -> None:
    """Do what the next process does, until there is nothing more to do."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        PricePoint.objects.update(at=timezone.now())
        outcome = services.hedge(MARKET)
        if outcome is not None and not outcome.waits:
            return
        time.sleep(0.2)
    raise AssertionError(f"it does not come to rest: {outcome}")


@pytest.mark.parametrize(
    ("death", "sends"),
    [
        # Before anything was stored.
        ((POSITION, "before", True), 1),
        # Stored, and it never reached the venue: sent again, under its id.
        ((POST, "before", False), 2),
        # On its way; it arrives after the death.
        ((POST, "before", True), 1),
        # Taken, and nobody heard the answer.
        ((POST, "after", True), 1),
        # Answered; its end was not stored.
        ((HISTORY, "after", True), 1),
        # Its fills were read, and not stored.
        ((FILLS, "after", True), 1),
    ],
)
def test_a_desk_killed_at_any_moment_goes_on_where_it_stood(
    inherited: Desk,
    venue: HttpVenue,
    settings: Any,
    death: tuple[str, str, bool],
    sends: int,
) -> None:
    name, moment, arrives = death
    kill_at(venue, settings, name, moment, arrives=arrives)
    look_until_rest()
    order = HedgeOrder.objects.get()
    assert (order.status, order.sends) == ("filled", sends)
    assert [taken["clientId"] for taken in venue.orders] == [order.client_id]
    assert venue.position() == -50
    assert HedgeFill.objects.get().quantity == 50
    assert not HedgeAlarm.objects.filter(ended_at=None).exists()


def test_one_killed_again_and_again_sends_one_order(
    inherited: Desk, venue: HttpVenue, settings: Any
) -> None:
    kill_at(venue, settings, POST, "after", arrives=True)
    kill_at(venue, settings, "GET /api/v1/orders", "before", arrives=True)
    kill_at(venue, settings, FILLS, "before", arrives=False)
    look_until_rest()
    assert len(venue.orders) == 1
    assert venue.position() == -50


@pytest.mark.parametrize(
    ("fate", "statuses", "kinds"),
    [
        ("half", ["partly_filled", "filled"], set()),
        ("twice", ["filled", "filled"], {"overfilled"}),
        ("refused", ["refused", "filled"], {"order_refused"}),
        ("unfilled", ["unfilled", "filled"], set()),
        ("resting", ["unfilled", "filled"], set()),
    ],
)
def test_a_venue_that_misbehaves_is_told_and_put_right(
    inherited: Desk, venue: HttpVenue, fate: str, statuses: list[str], kinds: set[str]
) -> None:
    venue.fate = fate
    PricePoint.objects.update(at=timezone.now())
    services.hedge(MARKET)
    venue.fate = "filled"
    # After a failure the desk rests for a while.
    HedgeOrder.objects.update(settled_at=F("settled_at") - timedelta(minutes=1))
    look_until_rest()
    assert [row.status for row in HedgeOrder.objects.order_by("id")] == statuses
    assert set(HedgeAlarm.objects.values_list("kind", flat=True)) == kinds
    assert venue.position() == -50


def test_garbage_instead_of_an_answer_is_looked_up(inherited: Desk, venue: HttpVenue) -> None:
    take = venue._take

    def garbled(body: Any) -> tuple[int, Any]:
        take(body)
        return 200, "<html>"

    venue._take = garbled  # type: ignore[method-assign]
    look_until_rest()
    assert HedgeOrder.objects.get().status == "filled"
    assert len(venue.orders) == 1
    assert venue.position() == -50
