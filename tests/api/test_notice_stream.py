"""The private stream of notices: sealed events of the feed reach the account they belong to."""

import time
from typing import Any

from engine.events import Event
from engine.kinds import LiquidationEnd, MarginStatus, SystemOrder
from engine.risk_events import (
    InsurancePaid,
    LiquidationEnded,
    LiquidationStarted,
    LossShared,
    MarginStatusChanged,
    PositionTakenOver,
)
from engine.vocabulary import Side
from gateway.feed import FeedBatch
from sequencer.batch import Entry
from sequencer.publish import feed_item
from tests.api.front import Front, User, front
from tests.engine.listings import SOL_PERP

__all__ = ["front"]

STREAM = "account.x.notice"
PERP = SOL_PERP.symbol


def tell(front: Front, *events: Event) -> None:
    """Give events to the edge as a commit does, sealed."""
    entry = Entry(sequence=1, at_ns=time.time_ns(), command_id="", command=b"", events=events)
    front.keeper.apply(FeedBatch((feed_item(entry),)))


def heard(front: Front, user: User) -> Any:
    socket = front.socket()
    socket.subscribe(STREAM, user=user)
    return socket


def taken_over(giver: User, taker: User, system: SystemOrder) -> PositionTakenOver:
    return PositionTakenOver(
        account=giver.account,
        taker=taker.account,
        market=PERP,
        trade_id=7,
        side=Side.ASK,
        lots=150,
        price_ticks=9_900,
        quote_atoms=148_500_000,
        worth_atoms=150_000_000,
        system=system,
    )


def test_each_account_hears_its_own_notices_and_nothing_of_others(front: Front) -> None:
    alice, bob = heard(front, front.alice), heard(front, front.bob)
    standing = {"equity_micros": 12_000_000, "margin_micros": 10_000_000}
    tell(
        front,
        MarginStatusChanged(
            account=front.alice.account, status=MarginStatus.MARGIN_CALL, **standing
        ),
        LiquidationStarted(account=front.alice.account, closing_micros=1, **standing),
        # The start has told that already.
        MarginStatusChanged(
            account=front.alice.account, status=MarginStatus.LIQUIDATING, **standing
        ),
        taken_over(front.alice, front.bob, SystemOrder.LIQUIDATE_ON_BACKSTOP),
        taken_over(front.alice, front.bob, SystemOrder.LIQUIDATE_ON_ADL),
        LossShared(
            account=front.bob.account,
            market=PERP,
            asset="USDC",
            bankrupt=front.alice.account,
            amount_atoms=1_500_000,
        ),
        InsurancePaid(account=front.alice.account, asset="USDC", amount_atoms=5),
        LiquidationEnded(
            account=front.alice.account, started=1, end=LiquidationEnd.RECOVERED, **standing
        ),
    )
    mine, theirs = alice.data(), bob.data()
    assert [one["kind"] for one in mine] == ["MarginCall", "LiquidationStarted", "Recovered"]
    assert {one["e"] for one in mine} == {"notice"}
    assert mine[0]["deposit"] == "0.5"
    assert "Deposit at least 0.50 USDC now" in mine[0]["advice"]
    assert [(one["kind"], one["side"]) for one in theirs] == [
        ("BackstopTook", "Bid"),
        ("Deleveraged", "Ask"),
        ("LossShared", None),
    ]
    assert theirs[2]["amount"] == "1.5"
    assert str(front.alice.account) not in str(theirs)


def test_nobody_hears_it_without_a_signature(front: Front) -> None:
    socket = front.socket()
    socket.subscribe(STREAM)
    assert [frame["error"]["code"] for frame in socket.told()] == [4003]
    status = MarginStatusChanged(
        account=front.alice.account,
        status=MarginStatus.LOW,
        equity_micros=12_000_000,
        margin_micros=10_000_000,
    )
    tell(front, status)
    assert socket.told() == []
