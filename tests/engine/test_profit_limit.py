"""How much of an open profit may carry new risk: a price pushed far buys no loan."""

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import questions as q
from engine.margin import MarginType, health, standing
from engine.questions import MaxAmount
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, Exchange
from tests.engine.listings import BTC, INDEX_E8, SOL, SOL_PERP, USDC

USD = 10**6
PERP = SOL_PERP.symbol


def pushed(limit: int | None) -> Exchange:
    """Have Alice be long ten SOL from 100 with 1,000 dollars when SOL has stood at 200 for long."""
    market = replace(SOL_PERP, profit_limit_micros=limit)
    exchange = Exchange(assets=(USDC, BTC, SOL), markets=(market,))
    for account in (BOB, CAROL):
        exchange.deposit(account, "USDC", 100_000 * USD)
    exchange.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=100_000 * USD))
    exchange.deposit(ALICE, "USDC", 1_000 * USD)
    exchange.accept(c.UpdateAccount(account=ALICE, auto_realize_pnl=False))
    exchange.limit(BOB, ASK, 1_000, 10_000, PERP)
    exchange.limit(ALICE, BID, 1_000, 10_000, PERP)
    for _ in range(2):
        exchange.wait(600)
        exchange.prices(**{**INDEX_E8, "SOL": 200 * 10**8})
    return exchange


@pytest.mark.parametrize(
    ("limit", "counted"),
    [(None, 1_000), (5_000 * USD, 1_000), (1_000 * USD, 1_000), (50 * USD, 50), (0, 0)],
)
def test_a_profit_counts_up_to_the_limit_for_what_is_new(limit: int | None, counted: int) -> None:
    exchange = pushed(limit)
    state = exchange.engine.state
    account = state.accounts[ALICE]
    initial = health(state, account, MarginType.INITIAL)
    assert abs(initial.equity - (1_000 + counted) * USD) <= USD
    equity, needed = standing(state, account)
    assert (equity, equity - needed) == (initial.equity, initial.free)
    # Nobody is liquidated for it, and all of it is there when the position is closed.
    kept = health(state, account, MarginType.MAINTENANCE)
    assert kept.equity >= 1_999 * USD
    assert kept.unrealized >= 999 * USD
    exchange.limit(BOB, BID, 1_000, 20_000, PERP)
    exchange.limit(ALICE, ASK, 1_000, 20_000, PERP, reduce_only=True)
    exchange.accept(c.AutoRealize(market=PERP))
    assert exchange.available(ALICE, "USDC") >= 1_998 * USD


def test_a_loan_against_a_pushed_price_is_what_the_limit_carries() -> None:
    def most(limit: int | None) -> int:
        exchange = pushed(limit)
        answer = exchange.engine.ask(q.MaxBorrow(account=ALICE, asset="USDC"), at_ns=exchange.at_ns)
        assert isinstance(answer, MaxAmount)
        command = c.Borrow(account=ALICE, asset="USDC", amount_atoms=answer.amount_atoms + 1)
        assert exchange.refuse(command) == "INSUFFICIENT_MARGIN"
        exchange.accept(replace(command, amount_atoms=answer.amount_atoms))
        return answer.amount_atoms

    # Of ten dollars of equity one is a loan's margin.
    assert abs(most(None) - most(50 * USD) - 9_500 * USD) <= 20 * USD


def test_a_loss_counts_in_full() -> None:
    exchange = pushed(0)
    exchange.prices(**{**INDEX_E8, "SOL": 60 * 10**8})
    state = exchange.engine.state
    initial = health(state, state.accounts[ALICE], MarginType.INITIAL)
    assert initial.equity <= 600 * USD
