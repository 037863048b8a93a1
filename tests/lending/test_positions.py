"""Lends and debts from opening to close: one row each, the sum of its movements."""

from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.api.paging import Page
from engine.commands import Borrow, Lend, Redeem, Repay, SetLendTerms
from engine.snapshot import dump_state, load_state
from engine.units import HOUR_NS
from engine.vocabulary import Side
from lending import history
from lending.models import BorrowLendMovement, BorrowLendPosition
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted, open_house

ADD_UP = import_module("lending.migrations.0004_lends_and_debts_added_up").ADD_UP
COIN = 10**8
BTC: dict[str, Any] = {"asset": "BTC"}


@pytest.fixture
def house(live_engine: InlineEngine) -> Iterator[tuple[Trader, Trader]]:
    """Yield alice, who lent, redeemed and lent at another rate, and bob, who owed and owes."""
    alice, bob = open_house()
    alice.deposit("BTC", 5)
    bob.deposit("BTC", 1)
    for command in (
        Lend(account=alice.id, amount_atoms=COIN, **BTC),
        Lend(account=alice.id, amount_atoms=2 * COIN, **BTC),
        Redeem(account=alice.id, amount_atoms=COIN, **BTC),
        Redeem(account=alice.id, amount_atoms=2 * COIN, **BTC),
        Lend(account=alice.id, amount_atoms=4 * COIN, **BTC),
        SetLendTerms(account=alice.id, asset="BTC", min_rate_ppb=10_000_000),
    ):
        accepted(command)
    accepted(Borrow(account=bob.id, amount_atoms=COIN, **BTC))
    live_engine.ahead_ns += HOUR_NS
    accepted(Repay(account=bob.id, amount_atoms=COIN // 2, **BTC))
    accepted(Repay(account=bob.id, amount_atoms=COIN, **BTC))
    accepted(Borrow(account=bob.id, amount_atoms=COIN // 4, **BTC))
    yield alice, bob


def rows(*, numbered: bool = True) -> list[tuple[Any, ...]]:
    names = ["account_id", "asset", "side", "source", "closed", "net", "put_in", "moment"]
    names += ["opened_at", "moved_at", *(["opened"] if numbered else [])]
    return list(BorrowLendPosition.objects.order_by("id").values_list(*names))


def test_each_lend_and_debt_has_one_row(house: tuple[Trader, Trader]) -> None:
    alice, bob = house
    told = [
        (row.account_id, row.side, row.closed, int(row.put_in), row.source)
        for row in BorrowLendPosition.objects.order_by("id")
    ]
    assert told == [
        (alice.id, "Lend", True, 3 * COIN, "Manual"),
        (alice.id, "Lend", True, 4 * COIN, "Manual"),
        (alice.id, "Lend", False, 4 * COIN, "LendTerms"),
        (bob.id, "Borrow", True, COIN, "Manual"),
        (bob.id, "Borrow", False, COIN // 4, "Manual"),
    ]
    moved = sum(
        row.amount if row.kind in ("Lend", "Borrow") else -row.amount
        for row in BorrowLendMovement.objects.all()
    )
    assert sum(Decimal(row.net) for row in BorrowLendPosition.objects.all()) == moved


def test_earlier_movements_are_added_up_alike(house: tuple[Trader, Trader]) -> None:
    expected, numbers = rows(numbered=False), [row[-1] for row in rows()]
    BorrowLendPosition.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(ADD_UP)
    assert sorted(rows(numbered=False)) == sorted(expected)
    found = {row[-1] for row in rows()}
    # What is open has no number yet.
    assert found == {number for number, row in zip(numbers, expected, strict=True) if row[4]} | {0}


def test_an_engine_that_does_not_know_since_when_goes_on_with_number_zero(
    house: tuple[Trader, Trader], live_engine: InlineEngine
) -> None:
    alice, _ = house
    state = load_state(_as_before(dump_state(live_engine.engine.state)))
    assert state.accounts[alice.id].holdings["BTC"].opened == 0
    assert state.accounts[alice.id].holdings["SOL"].opened == -1
    live_engine.engine.state.accounts[alice.id].holdings["BTC"].opened = 0
    BorrowLendPosition.objects.filter(account_id=alice.id, closed=False).update(opened=0)
    accepted(Lend(account=alice.id, amount_atoms=COIN // 2, **BTC))
    (still,) = BorrowLendPosition.objects.filter(account_id=alice.id, closed=False)
    assert (still.opened, int(still.put_in)) == (0, 4 * COIN + COIN // 2)


def _as_before(data: bytes) -> bytes:
    """Return a snapshot as version 2 wrote it."""
    content = msgspec.msgpack.decode(data)
    content["version"] = 2
    for account in content["accounts"]:
        # Without a state.
        account.pop()
        # Without a position limit.
        account[2] = account[2][:-1]
        for holding in account[3]:
            holding[1] = holding[1][:4]
        for position in account[4]:
            # Without what was closed, and without funding.
            position[1] = position[1][:-5]
    content["assets"] = [asset[:-1] for asset in content["assets"]]
    # Without marks, funding and what else orders their states.
    content["markets"] = [market[:5] for market in content["markets"]]
    for market in content["markets"]:
        market[2] = market[2][0]
        if market[4] is not None:
            market[4][1] = market[4][1][:-2]
    for order in content["orders"]:
        order[2] = order[2][:-1]
    content["withdrawals"] = [withdrawal[:-1] for withdrawal in content["withdrawals"]]
    return msgspec.msgpack.encode(content)


def test_a_page_costs_what_is_on_it(house: tuple[Trader, Trader]) -> None:
    """However many movements there are, none of them is read."""
    alice, _ = house
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = history.positions(alice.id, page=Page(limit=2))
    assert (len(found.rows), found.total) == (2, 3)
    asked = " ".join(query["sql"] for query in queries.captured_queries)
    assert "lending_borrowlendposition" in asked
    assert "lending_borrowlendmovement" not in asked


def test_an_order_that_lends_and_borrows_leaves_rows_too(house: tuple[Trader, Trader]) -> None:
    alice, bob = house
    accepted(Lend(account=bob.id, asset="USDC", amount_atoms=1_000 * 10**6))
    bob.limit("SOL_USDC", Side.BID, ticks=10_000, lots=1_000)
    alice.take("SOL_USDC", Side.ASK, lots=100)
    (lend,) = BorrowLendPosition.objects.filter(account_id=bob.id, asset="USDC")
    moved = BorrowLendMovement.objects.filter(account_id=bob.id, asset="USDC")
    net = sum(row.amount if row.kind == "Lend" else -row.amount for row in moved)
    assert lend.net == net
    assert not lend.closed
