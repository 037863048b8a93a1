"""Margin and interest on a socket: what REST shows, told when it changes, and nothing unasked."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from edge import standing
from edge.clients import Client
from edge.standing import ACCOUNTS_A_ROUND, Standing
from edge.topics import BORROW_LEND, MARGIN, Topics
from engine.commands import Lend, Side
from lending.models import InterestPayment
from tests.api.house import Trader, accepted

USDC = "USDC"
HOUR = datetime(2026, 11, 22, 13, tzinfo=UTC)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Standing:
    async def here(self: Standing, work: Callable[[], Any]) -> Any:
        # In the thread of the test, and so in its transaction.
        return await sync_to_async(work)()

    monkeypatch.setattr(Standing, "_read", here)
    return Standing(Topics())


def listener(told: Standing, name: str, account: int) -> Client:
    client = Client()
    assert told.topics.join(name, client, account=account)
    told.welcome(client, name, account)
    return client


def heard(client: Client) -> list[dict[str, Any]]:
    said = []
    while (message := client.take()) is not None:
        said.append(json.loads(message.body)["data"])
    return said


def by_rest(trader: Trader) -> dict[str, Any]:
    answer = trader.get("/api/v1/capital/collateral", "collateralQuery").json()
    del answer["collateral"]
    return dict(answer)


def test_margin_is_what_rest_says_and_is_told_when_it_changes(
    told: Standing, alice: Trader, bob: Trader
) -> None:
    accepted(Lend(account=bob.id, asset=USDC, amount_atoms=50_000_000_000))
    alice.limit("SOL_USDC", Side.BID, ticks=9_000, lots=100)
    first = listener(told, MARGIN, alice.id)
    tell = async_to_sync(told.tell_margins)
    tell()
    (margin,) = heard(first)
    assert {k: v for k, v in margin.items() if k not in "eET"} == by_rest(alice)
    assert margin["e"] == "margin"
    tell()
    assert heard(first) == [], "nothing has changed"
    late = listener(told, MARGIN, alice.id)
    assert [one["netEquity"] for one in heard(late)] == [margin["netEquity"]]
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_000, lots=1_000)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_000, lots=1_000)
    tell()
    (changed,) = heard(late)
    assert heard(first) == [changed]
    assert {k: v for k, v in changed.items() if k not in "eET"} == by_rest(alice)
    assert changed["netExposureFutures"] != margin["netExposureFutures"]


def test_nobody_listens_and_nothing_is_read(
    told: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: Standing, work: Callable[[], Any]) -> Any:
        raise AssertionError("nobody asked")

    monkeypatch.setattr(Standing, "_read", never)
    async_to_sync(told.tell_margins)()
    async_to_sync(told.tell_interest)()


def test_many_listeners_take_turns(told: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def margins(accounts: list[int]) -> dict[int, dict[str, object]]:
        asked.append(accounts)
        return {account: {"netEquity": str(account)} for account in accounts}

    monkeypatch.setattr(standing, "_margins", margins)
    everybody = list(range(1, 2 * ACCOUNTS_A_ROUND + 11))
    clients = [listener(told, MARGIN, account) for account in everybody]
    for _ in range(3):
        async_to_sync(told.tell_margins)()
    assert [len(one) for one in asked] == [ACCOUNTS_A_ROUND] * 3
    assert set().union(*asked) == set(everybody)
    for account, client in zip(everybody, clients, strict=True):
        assert [one["netEquity"] for one in heard(client)] == [str(account)]
    for account, client in zip(everybody, clients, strict=True):
        told.topics.leave(MARGIN, client, account=account)
    async_to_sync(told.tell_margins)()
    assert told._margins == {}, "who has left is forgotten"


def test_interest_is_told_once_as_its_history_has_it(told: Standing, alice: Trader) -> None:
    def line(amount: int, kind: str, **more: Any) -> None:
        InterestPayment.objects.create(
            account_id=more.pop("account", alice.id),
            asset=USDC,
            hour=more.pop("hour", HOUR),
            kind=kind,
            amount=Decimal(amount),
            rate_ppb=50_000_000,
            **more,
        )

    tell = async_to_sync(told.tell_interest)
    line(1, "Lend", hour=HOUR.replace(hour=12))
    client = listener(told, BORROW_LEND, alice.id)
    tell()
    line(2_500, "Lend")
    line(-7, "UnrealizedNegativePnl", market="SOL_USDC_PERP", position_id=42)
    line(9, "Lend", account=alice.id + 1)
    tell()
    tell()
    said = heard(client)
    assert [one.pop("e") for one in said] == ["interest", "interest"]
    answer = alice.get("/wapi/v1/history/interest", "interestHistoryQueryAll").json()
    for one in said:
        assert one.pop("T") == int(HOUR.timestamp() + 3_600) * 1_000_000
        assert one.pop("E") > 0
    # The history begins with the newest, and has the line from before anybody listened.
    assert said == answer[:2][::-1]
    assert len(answer) == 3
