"""What lend terms, pool states, limits, dust and write-offs refuse, changing nothing."""

import pytest

from engine import commands as c
from engine.catalog import PoolState
from engine.rejects import Reject
from tests.engine.driver import ALICE, BOB
from tests.engine.test_lending import BORROW, LEND, USD, pooled

TERMS = c.SetLendTerms(account=ALICE, asset="USDC", cap_atoms=5 * USD)
SAT = c.CreditDeposit(account=ALICE, asset="BTC", amount_atoms=10)


@pytest.mark.parametrize(
    ("before", "command", "code"),
    [
        (TERMS, LEND, Reject.LEND_CAP),
        (
            None,
            c.SetLendTerms(account=ALICE, asset="USDC", min_rate_ppb=5),
            Reject.INVALID_LEND_TERMS,
        ),
        (
            c.SetPoolState(asset="USDC", state=PoolState.REPAY_ONLY),
            BORROW,
            Reject.BORROWING_CLOSED,
        ),
        (c.SetPoolState(asset="USDC", state=PoolState.CLOSED), LEND, Reject.LENDING_CLOSED),
        (
            c.UpdateAccount(account=BOB, borrow_limit_micros=505 * USD),
            BORROW,
            Reject.BORROW_LIMIT,
        ),
        (None, c.ConvertDust(account=ALICE), Reject.NOT_DUST),
        (None, c.ConvertDust(account=ALICE, asset="USDC"), Reject.NOT_DUST),
        (SAT, c.ConvertDust(account=ALICE, asset="BTC"), Reject.HOUSE_FUNDS),
        (None, c.WriteOffDebt(account=BOB, asset="USDC"), Reject.DEBT_IS_COVERED),
    ],
    ids=lambda value: str(value) if isinstance(value, Reject) else "",
)
def test_each_is_refused(before: c.AnyCommand | None, command: c.AnyCommand, code: Reject) -> None:
    exchange = pooled()
    if before is not None:
        exchange.accept(before)
    assert exchange.refuse(command) is code
