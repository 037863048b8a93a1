"""Two days over the end of a month, with every kind of movement, on a clock that only we move."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import vocabulary as v
from engine.catalog import FundingRules, PoolState, PriceState
from engine.events import CommandRejected
from engine.settlement_events import MarketRealized
from engine.units import AccountId
from gateway.client import submit
from tests.engine.listings import ASSETS, INDEX_E8, MARKETS
from trading.candle_models import PricePoint

START = datetime(2026, 6, 30, 20, 20, tzinfo=UTC)
# Ann realizes and lends, Ben lets his profit run, Cem and Dia lend on their own terms, Eve owes,
# Fay loses all, Gus is Ann's second account, Hal is many small losers' one winner; Ida and Jan are
# liquidated.
ANN, BEN, CEM, DIA, EVE, FAY, GUS, HAL, IDA, JAN = map(AccountId, range(7001, 7011))
EVERYBODY = (ANN, BEN, CEM, DIA, EVE, FAY, GUS, HAL, IDA, JAN)
# The hour in which the price is in doubt.
DOUBT = 3
PERP, SPOT = "SOL_USDC_PERP", "SOL_USDC"
USDC, SOL, BTC = 10**6, 10**9, 10**8


class Clock:
    """The engine's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: datetime = START) -> None:
        self.now = now
        frozen = SimpleNamespace(time_ns=lambda: int(self.seconds()) * 10**9)
        monkeypatch.setattr("sequencer.inline.time", frozen)

    def seconds(self) -> float:
        return self.now.timestamp()

    def pass_minutes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)


def do(command: c.Command, command_id: str | None = None) -> Any:
    answer = submit(command, command_id=command_id).answer
    assert not isinstance(answer, CommandRejected), f"{command}: {answer.message} {answer.details}"
    return answer


def trade(
    buyer: AccountId, seller: AccountId, market: str, *, ticks: int, lots: int, **flags: Any
) -> None:
    """Let the seller rest and the buyer take, with these flags."""
    order: dict[str, Any] = {"market": market, "price_ticks": ticks, "lots": lots}
    do(c.PlaceOrder(account=seller, side=v.Side.ASK, **order))
    do(c.PlaceOrder(account=buyer, side=v.Side.BID, **order, **flags))


def settle(*, positions_max: int = 500) -> int:
    """Run a whole cycle in parts, and return how many parts it took."""
    for part in range(1, 50):
        answer = do(c.AutoRealize(market=PERP, positions_max=positions_max))
        assert isinstance(answer, MarketRealized)
        if answer.done:
            return part
    raise AssertionError("the cycle does not end")


def price(sol: int, state: PriceState = PriceState.OK) -> None:
    do(c.UpdatePrices(prices_e8={**INDEX_E8, "SOL": sol * 10**8}, states={"SOL": state}))


def open_house() -> None:
    """List everything, and give everybody money and settings."""
    list_all()
    do(c.FundInsurance(asset="USDC", amount_atoms=400 * USDC))
    for account in EVERYBODY:
        do(c.OpenAccount(account=account, owner=ANN if account == GUS else account))
    for account in (ANN, CEM, DIA):
        do(c.UpdateAccount(account=account, auto_lend=True))
    do(c.UpdateAccount(account=BEN, auto_realize_pnl=False))
    money = {ANN: 20_000, BEN: 5_000, CEM: 30_000, DIA: 12_345, FAY: 1_000, HAL: 3_000}
    money |= {IDA: 1, JAN: 1}
    for account, whole in money.items():
        do(c.CreditDeposit(account=account, asset="USDC", amount_atoms=whole * USDC + account))
    for account in (ANN, EVE, HAL):
        do(c.CreditDeposit(account=account, asset="SOL", amount_atoms=900 * SOL))
    do(c.CreditDeposit(account=EVE, asset="BTC", amount_atoms=3 * BTC))


def list_all() -> None:
    """List everything, at the first prices."""
    for asset in ASSETS:
        do(c.ListAsset(asset=asset))
    for market in MARKETS:
        rules = FundingRules(samples_min=1, impact_micros=100 * USDC)
        do(c.ListMarket(market=replace(market, funding=rules) if market.imf else market))
    price(100)


def live(clock: Clock, often: Callable[[], object], *, hours: int = 30) -> None:
    """Let the hours pass, with `often` twice in each.

    All the time Eve's loan weighs on the pool; what else happens is spread over the hours.
    """
    open_house()
    acts: dict[int, Callable[[], None]] = {
        0: _borrow_and_trade,
        1: _change_terms,
        2: _move_money,
        DOUBT: _rise_in_doubt,
        5: _trade_spot_on_credit,
        6: _bet,
        7: _fall,
        4: _write_off,
        9: _owe_a_fee,
        11: _sell_dust,
        15: _rise,
        17: _change_terms_back,
        20: _fall,
    }
    for hour in range(hours):
        if hour in acts:
            acts[hour]()
        if hour != DOUBT:
            show_the_premium()
        for _ in range(2):
            clock.pass_minutes(13)
            assert settle(positions_max=2) > 1
            clock.pass_minutes(17)
            accrue()
            often()


def show_the_premium() -> None:
    """Have the perpetual quoted while a price comes in: the hour gets a funding rate."""
    sol_e8 = int(PricePoint.objects.get(symbol="SOL").price_e8)
    for side, percent in ((v.Side.BID, 99), (v.Side.ASK, 101)):
        ticks = sol_e8 * percent // 10**8
        do(c.PlaceOrder(account=EVE, market=PERP, side=side, price_ticks=ticks, lots=200))
    do(c.UpdatePrices(prices_e8={"SOL": sol_e8}))
    do(c.CancelAllOrders(account=EVE, market=PERP))


def accrue() -> None:
    """Bring every pool up to now."""
    for asset in ASSETS:
        do(c.AccrueInterest(asset=asset.symbol))


def close_hour(clock: Clock) -> None:
    """Go to the next whole hour, which every pool tells its indexes at."""
    clock.now = clock.now.replace(minute=0) + timedelta(hours=1)
    accrue()


def _borrow_and_trade() -> None:
    do(c.Borrow(account=EVE, asset="USDC", amount_atoms=40_000 * USDC + 7))
    trade(ANN, EVE, PERP, ticks=10_000, lots=20_000)
    trade(BEN, EVE, PERP, ticks=10_010, lots=5_000)
    trade(HAL, FAY, PERP, ticks=10_000, lots=18_000)


def _change_terms() -> None:
    do(c.SetLendTerms(account=CEM, asset="USDC", min_rate_ppb=40_000_000))
    do(c.SetLendTerms(account=DIA, asset="USDC", min_rate_ppb=20_000_000, keep_atoms=345 * USDC))


def _change_terms_back() -> None:
    do(c.SetLendTerms(account=DIA, asset="USDC", cap_atoms=10_000 * USDC))


def _move_money() -> None:
    do(c.TransferFunds(source=ANN, destination=GUS, asset="USDC", amount_atoms=1_000 * USDC + 3))
    do(c.TransferFunds(source=GUS, destination=ANN, asset="USDC", amount_atoms=10 * USDC))
    for number, returned in ((1, False), (2, True)):
        request = c.RequestWithdrawal(
            account=ANN, asset="USDC", amount_atoms=500 * USDC, withdrawal=number
        )
        do(request)
        do(c.SettleWithdrawal(withdrawal=number, returned=returned))


def _rise_in_doubt() -> None:
    """Nobody is liquidated by one price that is in doubt."""
    price(108, PriceState.DEGRADED)


def _rise() -> None:
    price(108)


def _bet() -> None:
    """Ida will be liquidated on the book, Jan will owe more than he has: the insurance pays."""
    for account, whole in ((IDA, 600), (JAN, 100)):
        do(c.CreditDeposit(account=account, asset="USDC", amount_atoms=whole * USDC))
    trade(IDA, HAL, PERP, ticks=10_800, lots=4_800)
    trade(JAN, HAL, PERP, ticks=10_800, lots=1_000)
    bid = c.PlaceOrder(account=HAL, market=PERP, side=v.Side.BID, price_ticks=9_590, lots=3_000)
    do(bid)


def _fall() -> None:
    price(96)


def _trade_spot_on_credit() -> None:
    do(c.CreditDeposit(account=HAL, asset="BTC", amount_atoms=BTC))
    trade(BEN, HAL, "BTC_USDC", ticks=500_000, lots=12_000, auto_borrow=True)
    trade(ANN, EVE, SPOT, ticks=10_800, lots=333)


def _owe_a_fee() -> None:
    """Gus, who neither borrows nor has dollars left, owes a fee in his position."""
    do(c.UpdateAccount(account=GUS, auto_borrow_settlements=False))
    do(c.CreditDeposit(account=GUS, asset="SOL", amount_atoms=50 * SOL))
    do(c.TransferFunds(source=GUS, destination=ANN, asset="USDC", amount_atoms=990 * USDC + 3))
    trade(GUS, HAL, PERP, ticks=9_600, lots=700)


def _sell_dust() -> None:
    do(c.CreditDeposit(account=HAL, asset="SOL", amount_atoms=1))
    do(c.CreditDeposit(account=DIA, asset="BTC", amount_atoms=1_500))
    do(c.ConvertDust(account=DIA, asset="BTC"))


def _write_off() -> None:
    """Fay has lost more than she had: she borrowed it, and nobody will pay that back."""
    trade(FAY, HAL, PERP, ticks=10_800, lots=18_000)
    settle()
    do(c.WriteOffDebt(account=FAY, asset="USDC"))
    price(108)
    do(c.SetPoolState(asset="USDC", state=PoolState.OPEN))
    do(c.FundInsurance(asset="USDC", amount_atoms=50 * USDC))
