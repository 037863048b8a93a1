"""Collateral that nobody buys: others bear what it would not bring, and no more."""

from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import risk_events as re
from engine.kinds import LiquidationEnd
from engine.units import AccountId
from tests.engine.driver import ASK, BID, BOB, CAROL, DAVE
from tests.engine.listings import ASSETS, BTC_USDC, MARKETS, SOL_PERP, SOL_USDC
from tests.engine.test_liquidation import HUNDRED, USD, Market

EVE = AccountId(4_001)
SPOT = SOL_USDC.symbol
SOL = 10**9


def in_debt(coins: int = 100 * SOL) -> Market:
    """Eve owes 7,000 dollars, which she has taken out, against 100 SOL; Dave lends them."""
    market = Market(cash=10_000)
    market.accept(c.OpenAccount(account=EVE, owner=EVE))
    market.deposit(EVE, "SOL", coins)
    market.accept(c.Lend(account=DAVE, asset="USDC", amount_atoms=50_000 * USD))
    loan = c.RequestWithdrawal(
        account=EVE, asset="USDC", amount_atoms=7_000 * USD, withdrawal=9, auto_borrow=True
    )
    market.accept(loan)
    market.tick(HUNDRED, seconds=6)
    market.told.clear()
    return market


def test_lenders_lose_what_collateral_without_a_buyer_would_not_bring() -> None:
    market = in_debt()
    lent = market.lent(DAVE, "USDC")
    market.tick(60 * 10**8, seconds=10)
    # 100 SOL of 60 less 1 % for selling them: 5,940 of 7,000 are still owed, and covered.
    assert EVE in market.engine.state.liquidations
    assert abs(market.owed(EVE, "USDC") - 5_940 * USD) < USD
    assert market.available(EVE, "SOL") == 100 * SOL
    assert abs(lent - market.lent(DAVE, "USDC") - 1_060 * USD) < USD
    told = sum(event.lenders_atoms for event in market.of(e.DebtWrittenOff))
    assert abs(told - 1_060 * USD) < USD
    # It falls further: that is lost as well.
    market.tick(50 * 10**8, seconds=10)
    assert abs(market.owed(EVE, "USDC") - 4_950 * USD) < USD
    # Somebody buys. All that it brings is the lenders'.
    before = market.lent(DAVE, "USDC"), market.owed(EVE, "USDC")
    market.limit(CAROL, BID, 10_000, 5_000, SPOT)
    market.tick(50 * 10**8, seconds=10)
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.BANKRUPT
    assert (market.owed(EVE, "USDC"), market.available(EVE, "SOL")) == (0, 0)
    assert market.lent(DAVE, "USDC") >= before[0]
    assert abs(lent - market.lent(DAVE, "USDC") - 2_050 * USD) < USD
    # What it has brought beyond the 1 % was the fund's, which takes what is left.
    fund = market.engine.state.ledger.house["insurance:USDC"].atoms
    assert 0 < fund < 50 * USD
    assert "insurance:SOL" not in market.engine.state.ledger.house


def test_what_is_less_than_a_market_trades_keeps_no_liquidation_open() -> None:
    """A hundredth of SOL is a lot here: of a bit more than 100 SOL the bit cannot be sold."""
    market = in_debt(100 * SOL + SOL // 200)
    market.limit(CAROL, BID, 10_000, 5_000, SPOT)
    market.tick(50 * 10**8, seconds=20)
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.BANKRUPT
    assert market.owed(EVE, "USDC") == 0
    assert market.available(EVE, "SOL") == 0


def test_a_coin_without_a_market_is_no_cover() -> None:
    listed = [market for market in MARKETS if market.symbol != BTC_USDC.symbol]
    market = Market(cash=10_000, assets=ASSETS, markets=tuple(listed))
    market.accept(c.OpenAccount(account=EVE, owner=EVE))
    market.deposit(EVE, "BTC", 10**8 // 5)
    market.accept(c.Lend(account=DAVE, asset="USDC", amount_atoms=50_000 * USD))
    market.accept(
        c.RequestWithdrawal(
            account=EVE, asset="USDC", amount_atoms=7_000 * USD, withdrawal=9, auto_borrow=True
        )
    )
    for _ in range(10):
        market.wait(1)
        prices = {"SOL": HUNDRED, "USDC": 10**8, "BTC": 25_000 * 10**8}
        market.accept(c.UpdatePrices(prices_e8=prices))
        market.advance()
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.BANKRUPT
    assert market.owed(EVE, "USDC") == 0


def test_winners_give_up_no_more_than_collateral_would_not_bring() -> None:
    """Eve is long 60 SOL against Bob with 10 SOL as collateral, and the price falls by half."""
    terms = replace(SOL_PERP, mark=replace(SOL_PERP.mark, band_ppb=10**7))
    markets = tuple(terms if one.symbol == SOL_PERP.symbol else one for one in MARKETS)
    market = Market(cash=10_000, markets=markets)
    market.accept(c.OpenAccount(account=EVE, owner=EVE))
    market.deposit(EVE, "SOL", 10 * SOL)
    market.accept(c.UpdateAccount(account=EVE, auto_borrow_settlements=False))
    market.limit(BOB, ASK, 6_000, 10_000, SOL_PERP.symbol)
    market.limit(EVE, BID, 6_000, 10_000, SOL_PERP.symbol)
    market.tick(HUNDRED, seconds=6)
    market.told.clear()
    market.tick(5_000 * 10**6, seconds=10)
    shared = sum(event.amount_atoms for event in market.of(re.LossShared))
    assert EVE in market.engine.state.liquidations
    assert market.available(EVE, "SOL") == 10 * SOL
    lots, quote = market.position(EVE)
    assert lots == 0
    # 10 SOL of 50 less 1 % are there for it: so much of the loss is still hers.
    assert abs(-quote - 495 * USD) < USD
    assert shared > 2_000 * USD
