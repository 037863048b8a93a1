"""An insurance fund that cannot pay all that is missing pays what it has, and lenders the rest."""

import pytest

from engine import commands as c
from engine import events as e
from engine import risk_events as re
from engine.kinds import LiquidationEnd
from engine.units import AccountId
from tests.engine.driver import BID, CAROL, DAVE
from tests.engine.listings import SOL_USDC
from tests.engine.test_liquidation import HUNDRED, USD, Market

EVE = AccountId(4_001)
SOL = 10**9


@pytest.mark.parametrize("insured", [0, 1, 500, 2_000, 10_000])
def test_lenders_lose_what_the_fund_has_not(insured: int) -> None:
    """Eve owes 7,000 dollars against 100 SOL, which somebody buys at 50."""
    market = Market(cash=10_000)
    market.accept(c.OpenAccount(account=EVE, owner=EVE))
    market.deposit(EVE, "SOL", 100 * SOL)
    market.accept(c.Lend(account=DAVE, asset="USDC", amount_atoms=50_000 * USD))
    market.accept(
        c.RequestWithdrawal(
            account=EVE, asset="USDC", amount_atoms=7_000 * USD, withdrawal=9, auto_borrow=True
        )
    )
    if insured:
        market.accept(c.FundInsurance(asset="USDC", amount_atoms=insured * USD))
    market.limit(CAROL, BID, 10_000, 5_000, SOL_USDC.symbol)
    market.tick(HUNDRED, seconds=6)
    lent = market.lent(DAVE, "USDC")
    market.told.clear()
    market.tick(50 * 10**8, seconds=20)
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.BANKRUPT
    # 5,000 less the fee of 0.1 % were paid for the SOL.
    missing = 7_000 * USD - 5_000 * USD * 999 // 1_000
    paid = sum(event.amount_atoms for event in market.of(re.InsurancePaid))
    lost = lent - market.lent(DAVE, "USDC")
    assert abs(paid - min(insured * USD, missing)) < USD // 10
    assert abs(lost - max(0, missing - insured * USD)) < USD // 10
    assert bool(market.of(e.DebtWrittenOff)) == (insured * USD < missing)
    fund = market.engine.state.ledger.house["insurance:USDC"].atoms
    assert abs(fund - max(0, insured * USD - missing)) < USD // 10
