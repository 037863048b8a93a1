"""Accounts without positions, whose debts outgrow their collateral: it is sold on the book."""

from typing import Any

import pytest

from engine import commands as c
from engine import order_events as oe
from engine import risk_events as re
from engine.events import DebtWrittenOff
from engine.kinds import LiquidationEnd, SystemOrder
from engine.units import AccountId, div_ceil
from tests.engine.driver import ASK, BID, BOB, CAROL, DAVE
from tests.engine.test_liquidation import HUNDRED, USD, Market

SOL = 10**9
BTC = 10**8
SPOT, BTC_SPOT = "SOL_USDC", "BTC_USDC"
EVE = AccountId(4_001)


class Lending(Market):
    """Bob lends dollars, Carol coins; Eve holds and owes; Dave quotes the books of SOL and BTC."""

    def __init__(self) -> None:
        super().__init__(cash=10_000)
        self.accept(c.OpenAccount(account=EVE, owner=EVE))
        for asset, atoms in (("SOL", 10_000 * SOL), ("BTC", 100 * BTC)):
            for account in (CAROL, DAVE):
                self.deposit(account, asset, atoms)
            self.accept(c.Lend(account=CAROL, asset=asset, amount_atoms=atoms // 2))
        self.accept(c.Lend(account=BOB, asset="USDC", amount_atoms=50_000 * USD))

    def quote(self, *, sol: int, btc: int = 500_000) -> None:
        """Have Dave quote a hundred SOL and half a BTC, a tick beside these prices, in ticks."""
        for market, ticks, lots in ((SPOT, sol, 10_000), (BTC_SPOT, btc, 50_000)):
            self.accept(c.CancelAllOrders(account=DAVE, market=market))
            self.limit(DAVE, BID, lots, ticks - 1, market)
            self.limit(DAVE, ASK, lots, ticks + 1, market)

    def spend(self, asset: str, atoms: int) -> None:
        """Have Eve borrow what she takes out of the exchange."""
        self.accept(
            c.RequestWithdrawal(
                account=EVE, asset=asset, amount_atoms=atoms, withdrawal=9, auto_borrow=True
            )
        )

    def worth(self, sol: int, btc: int = 50_000) -> int:
        """Return what Eve has less what she owes, at these prices in dollars, in micros."""
        prices = {"USDC": (10**6, 1), "SOL": (SOL, sol), "BTC": (BTC, btc)}
        return sum(
            (self.available(EVE, asset) - self.owed(EVE, asset)) * price * 10**6 // unit
            for asset, (unit, price) in prices.items()
        )

    def forced(self) -> list[Any]:
        return [
            event.terms
            for event in self.of(oe.OrderPlaced)
            if event.terms.system is SystemOrder.COLLATERAL_CONVERSION
        ]


@pytest.mark.parametrize(
    ("held", "debt", "prices", "sold"),
    [
        pytest.param(
            *(("SOL", 100 * SOL), ("USDC", 7_000 * USD), (81, 50_000)),
            *([(SPOT, ASK)],),
            id="coins for dollars",
        ),
        pytest.param(
            *(("USDC", 10_000 * USD), ("SOL", 80 * SOL), (115, 50_000)),
            *([(SPOT, BID)],),
            id="dollars for coins",
        ),
        pytest.param(
            *(("SOL", 100 * SOL), ("BTC", 14 * BTC // 100), (76, 50_000)),
            *([(SPOT, ASK), (BTC_SPOT, BID)],),
            id="one coin for another, by way of dollars",
        ),
    ],
)
def test_collateral_is_sold_in_steps_until_margin_is_met(
    held: tuple[str, int],
    debt: tuple[str, int],
    prices: tuple[int, int],
    sold: list[tuple[str, Any]],
) -> None:
    market = Lending()
    market.deposit(EVE, *held)
    market.spend(*debt)
    market.quote(sol=10_000)
    market.tick(HUNDRED, seconds=6)
    before = market.worth(prices[0])
    owed = market.owed(EVE, debt[0])
    market.told.clear()
    market.quote(sol=prices[0] * 100)
    market.tick(prices[0] * 10**8, seconds=20)
    (ended,) = market.of(re.LiquidationEnded)
    assert (ended.account, ended.end) == (EVE, LiquidationEnd.RECOVERED)
    assert ended.equity_micros * 10 >= ended.margin_micros * 11
    orders = market.forced()
    assert list(dict.fromkeys((terms.market, terms.side) for terms in orders)) == sold
    assert {terms.account for terms in orders} == {EVE}
    # She keeps a part of her debt and pays no more than the way to the bid, the fee and the fine.
    assert 0 < market.owed(EVE, debt[0]) < owed
    traded = sum(
        event.quote_atoms for event in market.of(oe.TradeExecuted) if event.market in dict(sold)
    )
    fines = sum(event.amount_atoms for event in market.of(re.LiquidationFeeCharged))
    assert 0 <= before - market.worth(prices[0]) - fines <= div_ceil(traded * 13, 10_000) + 10
    assert not market.of(re.InsurancePaid, DebtWrittenOff)


@pytest.mark.parametrize("insured", [0, 500, 10_000])
def test_a_debt_beyond_all_collateral_is_borne_by_insurance_then_by_lenders(insured: int) -> None:
    market = Lending()
    market.deposit(EVE, "SOL", 100 * SOL)
    market.spend("USDC", 7_000 * USD)
    if insured:
        market.accept(c.FundInsurance(asset="USDC", amount_atoms=insured * USD))
    market.quote(sol=10_000)
    market.tick(HUNDRED, seconds=6)
    lent = market.lent(BOB, "USDC")
    market.told.clear()
    market.quote(sol=5_000)
    market.tick(5_000 * 10**6, seconds=30)
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.BANKRUPT
    assert (market.worth(50), market.owed(EVE, "USDC"), market.available(EVE, "SOL")) == (0, 0, 0)
    # What was sold, less the taker's fee, is what the lenders get back of 7,000.
    (sale,) = [event for event in market.of(oe.TradeExecuted) if event.market == SPOT]
    missing = 7_000 * USD - sale.quote_atoms * 999 // 1_000
    paid = sum(event.amount_atoms for event in market.of(re.InsurancePaid))
    lost = lent - market.lent(BOB, "USDC")
    assert paid <= insured * USD
    assert abs(paid + lost - missing) <= USD // 10, (paid, lost, missing)
    assert (lost <= 0) == (insured > 3_000)
    # A later deposit is hers.
    market.deposit(EVE, "USDC", 100 * USD)
    market.tick(5_000 * 10**6, seconds=5)
    assert market.available(EVE, "USDC") == 100 * USD
