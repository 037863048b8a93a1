"""Cycles of settlement: their steps, culls, advances, gaps in price; numbers checked by hand."""

from typing import Any

import pytest

from engine import commands as c
from engine import events as e
from engine import settlement_events as se
from engine.catalog import RealizeLimits
from engine.units import MAX_ATOMS, PPB, RAY, AccountId
from tests.engine.driver import ALICE, BOB, CAROL, DAVE
from tests.engine.settled import BORROWER, LENDER, OFF, ON, PERP, USD, Settled, positioned


def _told(exchange: Settled) -> tuple[Any, ...]:
    accounts = (ALICE, BOB, CAROL, DAVE, LENDER)
    return tuple(
        (
            exchange.available(account, "USDC"),
            exchange.lent(account, "USDC"),
            exchange.owed(account, "USDC"),
            exchange.available(account, "SOL"),
            exchange.position(account),
        )
        for account in accounts
    )


@pytest.mark.parametrize("modes", [(ON, ON, ON, ON), (ON, OFF, OFF, ON), (OFF, ON, ON, OFF)])
def test_a_cycle_in_steps_is_the_cycle_in_one(modes: tuple[bool, ...]) -> None:
    ends = set()
    for most in (500, 3, 2, 1):
        exchange = positioned(*modes, sizes=(130, 20, -100, -50), rich=700)
        exchange.settings(ALICE, auto_lend=True)
        exchange.deposit(CAROL, "SOL", 10 * 10**9)
        for price in (109, 97, 104):
            exchange.prices(SOL=price * 10**8)
            exchange.realize(most)
            exchange.wait(1_800)
        ends.add(_told(exchange))
    assert len(ends) == 1


def test_trades_between_the_steps_of_a_cycle() -> None:
    """A winner who has sold at a loss meanwhile gets what is his by then."""
    exchange = positioned(ON, ON, ON, sizes=(100, 50, -150))
    exchange.prices(SOL=110 * 10**8)
    step = c.AutoRealize(market=PERP.symbol, positions_max=4)
    # Three have been asked for their losses, the samples are taken, and Alice is paid.
    answer = exchange.accept(step)
    assert (answer.due_atoms, answer.paid_atoms) == (1_500 * USD, 1_000 * USD)
    # Bob sells all at 102: of his 500 only 100 are left. Alice, who buys, makes 400 more.
    exchange.trade(ALICE, BOB, 50, 102)
    answer = exchange.accept(step)
    assert (answer.done, answer.paid_atoms) == (True, 1_100 * USD)
    assert exchange.available(BOB, "USDC") == 100_100 * USD
    profits = [exchange.profit(account) for account in (ALICE, BOB, CAROL)]
    assert profits == [400 * USD, 0, 0]
    # What was collected and is not paid waits for Alice.
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 101_400 * USD


@pytest.mark.parametrize("mode", [ON, OFF])
def test_the_entry_price_stays(mode: bool) -> None:
    exchange = positioned(mode, mode, sizes=(100, -100))
    for price in (110, 95, 140):
        exchange.prices(SOL=price * 10**8)
        exchange.realize()
        exchange.wait(3_600)
    entries = {p.account: p.entry_quote_atoms for p in exchange.mirror.positions.values()}
    assert entries == {ALICE: 10_000 * USD, BOB: -10_000 * USD}


@pytest.mark.parametrize(
    ("price", "limits", "kinds"),
    [
        # 100 of equity of 1,000 each: a tenth. Nothing is culled up to a quarter.
        (101, {}, set()),
        # +300 of 1,300 is below a quarter; −300 of 700 is above it.
        (103, {}, {("CulledRealizePnlAccountThreshold", BOB, -300)}),
        # +400 of 1,400 is above too.
        (
            104,
            {},
            {
                ("CulledRealizePnlAccountThreshold", BOB, -400),
                ("CulledRealizePnlAccountThreshold", ALICE, 400),
            },
        ),
        # The pool's utilization of two thirds is above the limit: losers pay, winners go on.
        (101, {"utilization_ppb": 600_000_000}, {("CulledRealizePnlBookUtilisation", BOB, -100)}),
    ],
)
def test_what_is_culled(
    price: int, limits: dict[str, int], kinds: set[tuple[str, AccountId, int]]
) -> None:
    exchange = positioned(OFF, OFF, sizes=(100, -100), rich=1_000, realize=RealizeLimits(**limits))
    exchange.prices(SOL=price * 10**8)
    exchange.realize()
    told = exchange.told(se.ProfitRealized)
    assert {(x.kind, x.account, x.amount_atoms // USD) for x in told} == kinds
    # A cull leaves nothing due, and says what it was once.
    exchange.realize()
    assert len(exchange.told(se.ProfitRealized)) == len(told)


def test_losers_pay_when_too_much_is_advanced() -> None:
    limits = RealizeLimits(advance_limit_atoms=100 * USD)
    exchange = positioned(ON, OFF, sizes=(100, -100), realize=limits)
    exchange.prices(SOL=110 * 10**8)
    # Of a profit of 1,000 a hundred are advanced: the rest waits.
    assert exchange.realize().paid_atoms == 100 * USD
    assert exchange.profit(ALICE) == 900 * USD
    # With the first interest the loan is above its limit.
    exchange.wait(60)
    answer = exchange.realize()
    assert answer.collected_atoms == 1_000 * USD
    (culled,) = [x for x in exchange.told(se.ProfitRealized) if x.account == BOB]
    assert culled.kind == "CulledRealizePnlSystemThreshold"
    # The pool has its loan back, but for a bit against interest that Bob is still to be charged.
    assert exchange.advanced <= 20
    # What the advance has cost, a minute of 6 % on 100 dollars, is charged to the one who owes it.
    exchange.wait(3_600)
    exchange.realize()
    exchange.realize()
    assert exchange.interest(BOB) < -11 * RAY


def test_at_full_utilization_lends_move_without_cash() -> None:
    exchange = Settled(lent=10_000, borrowed=10_000)
    for account in (ALICE, BOB):
        exchange.settings(account, auto_lend=True)
        exchange.deposit(account, "USDC", 5_000 * USD)
    exchange.trade(ALICE, BOB, 100, 100)
    borrowed = c.Borrow(account=BORROWER, asset="USDC", amount_atoms=10_000 * USD)
    exchange.accept(borrowed)
    pool = exchange.engine.state.pools["USDC"]
    assert (pool.cash.atoms, pool.utilization_ppb) == (0, PPB)
    exchange.prices(SOL=109 * 10**8)
    mark = len(exchange.events)
    assert exchange.realize().paid_atoms == 900 * USD
    assert not [x for x in exchange.events[mark:] if isinstance(x, e.LedgerPosted)]
    assert (exchange.lent(ALICE, "USDC"), exchange.lent(BOB, "USDC")) == (5_900 * USD, 4_100 * USD)
    # A winner who does not lend wants cash, of which there is as much as somebody brings.
    exchange.settings(BOB, auto_lend=False)
    exchange.prices(SOL=104 * 10**8)
    assert exchange.realize().paid_atoms == 0
    assert exchange.profit(BOB) == 500 * USD
    exchange.deposit(LENDER, "USDC", 30 * USD)
    exchange.accept(c.Lend(account=LENDER, asset="USDC", amount_atoms=30 * USD))
    assert exchange.realize().paid_atoms == 30 * USD
    assert exchange.available(BOB, "USDC") == 30 * USD
    assert exchange.profit(BOB) == 470 * USD


@pytest.mark.parametrize("modes", [(ON, ON), (ON, OFF), (OFF, ON), (OFF, OFF)])
@pytest.mark.parametrize("prices", [(1_000, 100), (10, 100), (1_000, 10, 100), (99, 1, 101)])
def test_gaps_in_price(modes: tuple[bool, ...], prices: tuple[int, ...]) -> None:
    """Ten times up or down: nothing is paid that is not there, and what is there is paid."""
    exchange = positioned(*modes, sizes=(100, -100), rich=2_000)
    paid = there = 0
    for price in prices:
        exchange.prices(SOL=price * 10**8)
        for _ in range(3):
            answer = exchange.realize()
            paid += answer.paid_atoms
            there += answer.collected_atoms + answer.advanced_atoms
            # Interest that was posted is paid with the profit.
            posted = [x.amount_atoms for x in exchange.told(se.PositionInterestPosted)]
            assert paid <= there + sum(max(atoms, 0) for atoms in posted)
            exchange.wait(3_600)
    held = [
        exchange.available(account, "USDC")
        - exchange.owed(account, "USDC")
        + exchange.position(account)[0] * 10**4 * prices[-1]
        + exchange.position(account)[1]
        for account in (ALICE, BOB)
    ]
    # Back at 100, or at 101, both have what they had, but for interest between them and the pool.
    gain = (prices[-1] - 100) * 100 * USD
    assert abs(held[0] - 2_000 * USD - gain) < 200 * USD
    assert abs(held[1] - 2_000 * USD + gain) < 200 * USD
    assert held[0] + held[1] <= 4_000 * USD


@pytest.mark.parametrize("modes", [(ON, ON), (ON, OFF), (OFF, OFF)])
def test_huge_numbers(modes: tuple[bool, ...]) -> None:
    """Positions of a hundred billion dollars, in accounts as large as one command can make."""
    exchange = Settled()
    for account, mode in zip((ALICE, BOB), modes, strict=True):
        exchange.deposit(account, "USDC", MAX_ATOMS)
        exchange.settings(account, auto_realize_pnl=mode, auto_lend=True, leverage_limit=1)
    exchange.trade(ALICE, BOB, 10**9, 100)
    exchange.prices(SOL=123 * 10**8 + 1)
    exchange.realize()
    exchange.wait(86_400)
    exchange.realize()
    exchange.realize()
    profit = 23 * 10**9 * USD + 10 * USD
    if modes == (ON, ON):
        held = exchange.available(ALICE, "USDC") + exchange.lent(ALICE, "USDC")
        assert held >= MAX_ATOMS + profit
    else:
        assert exchange.interest(BOB) < -(10**6) * USD * RAY


def test_what_was_realized_whole_is_not_due_again() -> None:
    """Profit that settlement paid while Auto-Realize was on is no claim once it is off."""
    exchange = positioned(ON, ON, sizes=(100, -100))
    exchange.prices(SOL=115 * 10**8)
    exchange.realize()
    # Alice was paid 1,500; she closes at 140 and gets the other 2,500.
    exchange.prices(SOL=140 * 10**8)
    exchange.trade(BOB, ALICE, 100, 140)
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 104_000 * USD
    # A new position, with Auto-Realize off, starts with nothing due.
    exchange.settings(ALICE, auto_realize_pnl=False)
    exchange.trade(ALICE, BOB, 10, 140)
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 104_000 * USD
    # Reducing realizes what the closed part has made since.
    exchange.prices(SOL=150 * 10**8)
    exchange.trade(BOB, ALICE, 5, 150)
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 104_050 * USD
    assert exchange.profit(ALICE) == 50 * USD


def test_a_cull_takes_what_is_due_with_it() -> None:
    """Alice has realized 400 by reducing; then a loss of 1,000 in all is culled."""
    exchange = positioned(OFF, ON, sizes=(100, -100), rich=3_000)
    exchange.prices(SOL=104 * 10**8)
    exchange.trade(BOB, ALICE, 50, 108)
    exchange.prices(SOL=72 * 10**8)
    # 50 × 8 realized and 50 × −28 open: a third of what she has.
    exchange.realize()
    (culled,) = [x for x in exchange.told(se.ProfitRealized) if x.account == ALICE]
    assert (culled.kind, culled.amount_atoms) == ("CulledRealizePnlAccountThreshold", -1_000 * USD)
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 2_000 * USD
    assert exchange.profit(ALICE) == 0
