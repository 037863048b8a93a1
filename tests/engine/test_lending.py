"""Lending and borrowing: each refusal once, by precedence, then interest to the atom."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import vocabulary as v
from engine.rejects import Reject
from engine.units import RAY, AccountId
from tests.engine.driver import ALICE, BOB, CAROL, Exchange
from tests.engine.listings import ASSETS, MARKETS, USDC

HOUSE = ("fees", "insurance")

USD = 10**6
LEND = c.Lend(account=ALICE, asset="USDC", amount_atoms=10 * USD)
REDEEM = c.Redeem(account=CAROL, asset="USDC", amount_atoms=10 * USD)
BORROW = c.Borrow(account=BOB, asset="USDC", amount_atoms=10 * USD)
REPAY = c.Repay(account=BOB, asset="USDC", amount_atoms=10 * USD)


def pooled(*, usdc: Any = USDC) -> Exchange:
    """Carol lends 1,000 USDC; Bob owes 500 against 1 BTC; Alice has 100 free."""
    exchange = Exchange(assets=(usdc, *ASSETS[1:]), markets=MARKETS)
    exchange.deposit(ALICE, "USDC", 100 * USD)
    exchange.deposit(CAROL, "USDC", 1_000 * USD)
    exchange.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=1_000 * USD))
    exchange.deposit(BOB, "BTC", 10**8)
    exchange.accept(c.Borrow(account=BOB, asset="USDC", amount_atoms=500 * USD))
    return exchange


@pytest.mark.parametrize("command", [LEND, REDEEM, BORROW, REPAY], ids=lambda x: type(x).__name__)
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": AccountId(9_999), "asset": "XRP", "amount_atoms": 0}, Reject.UNKNOWN_ACCOUNT),
        ({"asset": "XRP", "amount_atoms": 0}, Reject.UNKNOWN_ASSET),
        ({"amount_atoms": 0}, Reject.INVALID_AMOUNT),
        ({"amount_atoms": -1}, Reject.INVALID_AMOUNT),
    ],
)
def test_all_four_refuse(command: Any, changes: dict[str, Any], code: Reject) -> None:
    assert pooled().refuse(replace(command, **changes)) is code


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (replace(LEND, account=BOB, amount_atoms=10**12), Reject.LEND_REQUIRES_BORROW_REPAY),
        (replace(LEND, amount_atoms=101 * USD), Reject.INSUFFICIENT_FUNDS),
        (replace(REDEEM, amount_atoms=1_001 * USD), Reject.INSUFFICIENT_LEND),
        # 500 of 1,000 are out; at 95 % utilization 526.3 must stay.
        (replace(REDEEM, amount_atoms=474 * USD), Reject.UTILIZATION_LIMIT),
        (replace(BORROW, account=CAROL), Reject.BORROW_REQUIRES_LEND_REDEEM),
        (replace(BORROW, amount_atoms=451 * USD), Reject.INSUFFICIENT_SUPPLY),
        (replace(BORROW, account=ALICE, amount_atoms=449 * USD * 10), Reject.INSUFFICIENT_SUPPLY),
        (replace(REPAY, account=ALICE), Reject.NOTHING_OWED),
    ],
    ids=lambda x: str(x) if isinstance(x, Reject) else type(x).__name__,
)
def test_each_refuses(command: Any, code: Reject) -> None:
    assert pooled().refuse(command) is code


def test_a_loan_needs_collateral() -> None:
    exchange = pooled()
    exchange.accept(replace(BORROW, account=ALICE, amount_atoms=400 * USD))
    exchange.accept(
        c.RequestWithdrawal(account=ALICE, asset="USDC", amount_atoms=50 * USD, withdrawal=1)
    )
    # What is borrowed is owned too: its margin of 10 % is what the 50 that are left must carry.
    assert (
        exchange.refuse(
            c.RequestWithdrawal(account=ALICE, asset="USDC", amount_atoms=12 * USD, withdrawal=2)
        )
        is Reject.INSUFFICIENT_MARGIN
    )
    sol = c.Borrow(account=ALICE, asset="SOL", amount_atoms=10**9)
    assert exchange.refuse(sol) is Reject.INSUFFICIENT_SUPPLY


def test_repaying_needs_what_it_repays() -> None:
    exchange = pooled()
    exchange.accept(
        c.RequestWithdrawal(account=BOB, asset="USDC", amount_atoms=100 * USD, withdrawal=1)
    )
    assert exchange.refuse(replace(REPAY, amount_atoms=500 * USD)) is Reject.INSUFFICIENT_FUNDS


def test_repaying_more_than_owed_repays_all() -> None:
    exchange = pooled()
    answer = exchange.accept(replace(REPAY, amount_atoms=10**12))
    assert answer.amount_atoms == 500 * USD
    assert exchange.owed(BOB, "USDC") == 0


def test_a_full_pool_takes_no_more() -> None:
    limits = replace(USDC.limits, size_limit_atoms=1_050 * USD)
    exchange = pooled(usdc=replace(USDC, limits=limits))
    assert exchange.refuse(replace(LEND, amount_atoms=51 * USD)) is Reject.POOL_LIMIT
    exchange.accept(replace(LEND, amount_atoms=50 * USD))


def test_what_is_not_lendable_is_not_lent() -> None:
    exchange = Exchange(assets=(replace(USDC, lendable=False), *ASSETS[1:]))
    exchange.deposit(ALICE, "USDC", 100 * USD)
    assert exchange.refuse(LEND) is Reject.NOT_LENDABLE
    assert exchange.refuse(c.AutoLend(asset="USDC")) is Reject.NOT_LENDABLE


@pytest.mark.parametrize("command", [c.AutoLend, c.AccrueInterest])
def test_jobs_name_a_known_asset(command: Any) -> None:
    assert Exchange().refuse(command(asset="XRP")) is Reject.UNKNOWN_ASSET


def test_auto_realize_names_a_perpetual_with_a_price() -> None:
    exchange = Exchange(index_e8={"USDC": 10**8})
    for market in ("XRP_USDC_PERP", "SOL_USDC"):
        assert exchange.refuse(c.AutoRealize(market=market)) is Reject.UNKNOWN_MARKET
    assert exchange.refuse(c.AutoRealize(market="SOL_USDC_PERP")) is Reject.NO_PRICE


def test_how_often_interest_is_accrued_changes_nothing() -> None:
    rhythms = ([86_400], [60] * 1_440, [7] * 12_342 + [6], [3_599, 1, 50_000, 32_800])
    states = []
    for seconds in rhythms:
        exchange = pooled()
        assert sum(seconds) == 86_400
        for wait in seconds:
            exchange.wait(wait)
            exchange.accept(c.AccrueInterest(asset="USDC"))
        pool = exchange.mirror.pools["USDC"]
        house = sum(exchange.mirror.ledger["USDC", f"{kind}:USDC"] for kind in HOUSE)
        taken_ray = pool.reserve_ray + house * RAY
        states.append((pool.debt_index_ray, pool.lends[0].lend_index_ray, taken_ray))
    assert len(set(states)) == 1


def test_interest_goes_from_borrower_to_lender_less_the_fee() -> None:
    exchange = pooled()
    exchange.wait(86_400)
    exchange.accept(c.AccrueInterest(asset="USDC"))
    paid = exchange.owed(BOB, "USDC") - 500 * USD
    earned = exchange.lent(CAROL, "USDC") - 1_000 * USD
    # 6 % × 0.5 / 0.85 of 500 for a day, and a little for compounding by the hour.
    assert 48_349 < paid < 48_360
    # The fee of a tenth, and at most one atom of rounding on each side, stay in the pool.
    assert 0 <= paid - earned - paid // 10 <= 3


def test_what_has_no_price_is_not_borrowed() -> None:
    exchange = Exchange(index_e8={"USDC": 10**8})
    exchange.deposit(ALICE, "SOL", 10**12)
    exchange.accept(c.Lend(account=ALICE, asset="SOL", amount_atoms=10**12))
    exchange.deposit(BOB, "USDC", 10**9)
    for command in (
        c.Borrow(account=BOB, asset="SOL", amount_atoms=1),
        c.RequestWithdrawal(
            account=BOB, asset="SOL", amount_atoms=1, withdrawal=1, auto_borrow=True
        ),
        c.PlaceOrder(
            account=BOB,
            market="SOL_USDC",
            side=v.Side.ASK,
            price_ticks=10_000,
            lots=100,
            auto_borrow=True,
        ),
    ):
        assert exchange.refuse(command) is Reject.NO_PRICE
