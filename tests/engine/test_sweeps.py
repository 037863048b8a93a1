"""Sweeps: what is above the amount to keep goes, what is missing comes, as far as it may."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine.catalog import PriceState
from engine.invariants import check
from engine.rejects import Reject
from engine.units import MAX_ATOMS, AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, Exchange
from tests.engine.test_baskets import fall, liquidated

USD, SOL, BTC = 10**6, 10**9, 10**8
PERP = "SOL_USDC_PERP"
NOBODY = AccountId(9_999)
SUB, LAST = AccountId(2_001), AccountId(2_002)
SWEEP = c.SweepFunds(account=ALICE, other=SUB, asset="USDC", keep_atoms=100, top_up=True)


def family(*, alice: int = 0, lent: int = 0, sub: int = 0, sub_lent: int = 0) -> Exchange:
    """Alice and her sub-account have so many atoms of USDC available, and so many lent."""
    exchange = Exchange()
    for account in (SUB, LAST):
        exchange.accept(c.OpenAccount(account=account, owner=ALICE))
    for account, own, lends in ((ALICE, alice, lent), (SUB, sub, sub_lent)):
        if own + lends:
            exchange.deposit(account, "USDC", own + lends)
        if lends:
            exchange.accept(c.Lend(account=account, asset="USDC", amount_atoms=lends))
    return exchange


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": NOBODY, "asset": "XRP"}, Reject.UNKNOWN_ACCOUNT),
        ({"other": NOBODY, "asset": "XRP"}, Reject.UNKNOWN_ACCOUNT),
        ({"other": ALICE, "asset": "XRP"}, Reject.SAME_ACCOUNT),
        ({"other": BOB, "asset": "XRP"}, Reject.OTHER_OWNER),
        ({"asset": "XRP", "keep_atoms": -1}, Reject.UNKNOWN_ASSET),
        ({"keep_atoms": -1}, Reject.INVALID_AMOUNT),
        ({"keep_atoms": MAX_ATOMS + 1}, Reject.INVALID_AMOUNT),
    ],
)
def test_sweep_funds_refuses(changes: dict[str, Any], code: Reject) -> None:
    assert family(alice=500).refuse(replace(SWEEP, **changes)) is code


@pytest.mark.parametrize(
    ("held", "top_up", "moved"),
    [
        # (moved to the sub-account; negative: from it)
        ({"alice": 500}, True, 400),
        ({"alice": 500}, False, 400),
        ({"alice": 30, "lent": 170}, False, 100),
        ({"lent": 500}, False, 400),
        ({"alice": 100}, True, 0),
        ({"alice": 60, "lent": 40}, True, 0),
        ({"alice": 40, "sub": 1_000}, False, 0),
        ({"alice": 40, "sub": 1_000}, True, -60),
        ({"sub": 30, "sub_lent": 50}, True, -80),
        ({"sub": 70, "sub_lent": 50}, True, -100),
        ({}, True, 0),
    ],
)
def test_a_sweep_brings_an_account_to_what_it_keeps(
    held: dict[str, int], top_up: bool, moved: int
) -> None:
    exchange = family(**held)
    events = exchange.apply(replace(SWEEP, top_up=top_up))
    swept = events[0]
    assert isinstance(swept, e.FundsSwept)
    pair = (ALICE, SUB) if moved >= 0 else (SUB, ALICE)
    assert swept.amount_atoms == abs(moved)
    if moved:
        assert (swept.account, swept.source, swept.destination) == (ALICE, *pair)
    told = [one for one in events if isinstance(one, e.FundsTransferred)]
    assert [(one.source, one.destination, one.amount_atoms) for one in told] == (
        [(*pair, abs(moved))] if moved else []
    )
    total = sum(held.values())
    kept = held.get("alice", 0) + held.get("lent", 0) - moved
    assert exchange.available(ALICE, "USDC") + exchange.lent(ALICE, "USDC") == kept
    assert exchange.available(SUB, "USDC") + exchange.lent(SUB, "USDC") == total - kept
    check(exchange.engine.state)


def test_a_sweep_moves_to_the_atom_what_margin_lets_go() -> None:
    """A position of 1,000 must leave a tenth, 100 dollars, and she keeps 20."""
    exchange = family(alice=1_000 * USD)
    exchange.deposit(BOB, "USDC", 10_000 * USD)
    exchange.limit(BOB, ASK, 1_000, 10_000, PERP)
    exchange.limit(ALICE, BID, 1_000, 10_000, PERP)
    has = exchange.available(ALICE, "USDC")
    swept = exchange.accept(replace(SWEEP, keep_atoms=20 * USD))
    assert (swept.wanted_atoms, swept.amount_atoms) == (has - 20 * USD, has - 100 * USD)
    one = c.TransferFunds(source=ALICE, destination=SUB, asset="USDC", amount_atoms=1)
    assert exchange.refuse(one) is Reject.INSUFFICIENT_MARGIN
    # And from the other side: what she gives to another is bounded as well.
    pull = c.SweepFunds(account=LAST, other=ALICE, asset="USDC", keep_atoms=50 * USD, top_up=True)
    swept = exchange.accept(pull)
    assert (swept.source, swept.wanted_atoms, swept.amount_atoms) == (ALICE, 50 * USD, 0)


def test_a_sweep_moves_what_the_pool_can_give_back() -> None:
    exchange = family(lent=1_000 * USD)
    exchange.deposit(BOB, "BTC", BTC)
    exchange.accept(c.Borrow(account=BOB, asset="USDC", amount_atoms=900 * USD))
    swept = exchange.accept(replace(SWEEP, keep_atoms=0))
    # 900 of 1,000 are borrowed, and the throttle holds utilization at 95 %.
    assert (swept.wanted_atoms, swept.amount_atoms) == (1_000 * USD, 52_631_578)
    check(exchange.engine.state)


@pytest.mark.parametrize(
    "hinder",
    [
        c.FreezeAccount(account=ALICE),
        c.UpdatePrices(prices_e8={}, states={"USDC": PriceState.HALT}),
    ],
    ids=["frozen", "no price"],
)
def test_who_may_give_nothing_gives_nothing_and_it_is_no_refusal(hinder: c.AnyCommand) -> None:
    exchange = family(alice=500)
    exchange.accept(hinder)
    swept = exchange.accept(SWEEP)
    assert (swept.wanted_atoms, swept.amount_atoms) == (400, 0)
    assert exchange.available(ALICE, "USDC") == 500


def test_a_sweep_pays_what_the_receiver_owes_first() -> None:
    exchange = family(alice=500 * USD)
    exchange.deposit(BOB, "USDC", 1_000 * USD)
    exchange.accept(c.Lend(account=BOB, asset="USDC", amount_atoms=1_000 * USD))
    exchange.deposit(SUB, "SOL", 10 * SOL)
    exchange.accept(c.Borrow(account=SUB, asset="USDC", amount_atoms=100 * USD))
    exchange.accept(replace(SWEEP, keep_atoms=250 * USD))
    assert exchange.owed(SUB, "USDC") == 0
    assert exchange.available(SUB, "USDC") == 250 * USD


def test_nothing_is_swept_to_or_out_of_an_account_that_is_liquidated() -> None:
    exchange = liquidated()
    fall(exchange, 9_450 * 10**6, 6)
    assert SUB in exchange.engine.state.liquidations
    away = replace(SWEEP, keep_atoms=100 * USD)
    assert exchange.refuse(away) is Reject.DESTINATION_LIQUIDATING
    to_it = c.SweepFunds(account=SUB, other=ALICE, asset="USDC", keep_atoms=10**12, top_up=True)
    assert exchange.refuse(to_it) is Reject.DESTINATION_LIQUIDATING
    # Nothing to do is nothing to refuse.
    assert exchange.accept(replace(to_it, top_up=False)).wanted_atoms == 0
    out_of_it = exchange.accept(replace(to_it, keep_atoms=0))
    assert (out_of_it.source, out_of_it.amount_atoms) == (SUB, 0)
    assert out_of_it.wanted_atoms > 0
