"""Liquidation told step by step: when it begins, what it does each second, who bears what."""

from collections.abc import Callable
from typing import Any

import pytest

from engine import commands as c
from engine import danger, insolvency, liquidation_sales, snapshot, snapshot_risk
from engine import events as e
from engine import order_events as oe
from engine import risk_events as re
from engine import vocabulary as v
from engine.catalog import PriceState
from engine.engine import Engine
from engine.kinds import LiquidationEnd, MarginStatus, SystemOrder
from engine.rejects import Reject
from engine.schedule import Work
from engine.snapshot import dump_state, load_state
from tests.engine import invariants
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, Exchange
from tests.engine.listings import SOL_PERP

USD = 10**6
PERP = SOL_PERP.symbol
HUNDRED = 100 * 10**8


class Market(Exchange):
    """Alice is long ten SOL from 100 with 60 dollars; Bob is short; a clock of one second."""

    def __init__(self, *, cash: int = 60, lots: int = 1_000, **listed: Any) -> None:
        self.told: list[e.Event] = []
        self.alice = ALICE
        # The mark by time.
        self.marks: dict[int, int] = {}
        super().__init__(**listed)
        for account in (BOB, CAROL, DAVE):
            self.deposit(account, "USDC", 100_000 * USD)
        self.deposit(ALICE, "USDC", cash * USD)
        self.limit(BOB, ASK, lots, 10_000, PERP)
        self.limit(ALICE, BID, lots, 10_000, PERP)
        self.told.clear()

    def apply(self, command: c.AnyCommand, *, command_id: str | None = None) -> tuple[e.Event, ...]:
        events = super().apply(command, command_id=command_id)
        self.told += events
        invariants.check_all(self.engine.state, self.mirror)
        return events

    def tick(self, sol: int, *, state: PriceState = PriceState.OK, seconds: int = 1) -> None:
        """Let a second pass: all prices, then what is due."""
        for _ in range(seconds):
            self.wait(1)
            prices = {"SOL": sol, "USDC": 10**8, "BTC": 50_000 * 10**8}
            self.accept(c.UpdatePrices(prices_e8=prices, states={"SOL": state}))
            self.marks[self.at_ns] = self.mirror.mark_e8[PERP]
            self.advance()

    def of(self, *kinds: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kinds)]

    def is_liquidating(self) -> bool:
        return ALICE in self.engine.state.liquidations

    def equity(self, account: Any = ALICE) -> int:
        """Return what the account would have if all were settled at the mark, in USDC atoms."""
        lots, quote = self.position(account)
        mark = self.engine.state.markets[PERP].perp_mark().price.now_e8
        owed = self.owed(account, "USDC")
        return self.available(account, "USDC") + lots * 10**7 * mark // 10**11 + quote - owed


def test_a_wick_of_one_update_liquidates_nobody() -> None:
    market = Market()
    # At 95.6 she has 60 − 44 − 0.5 = 15.5 dollars; her maintenance margin is above 12.5 × 0.956.
    market.tick(HUNDRED, seconds=6)
    market.tick(9_500 * 10**6)
    assert not market.is_liquidating()
    assert ALICE in market.engine.state.guards.suspects
    market.tick(HUNDRED)
    assert ALICE not in market.engine.state.guards.suspects
    market.tick(9_500 * 10**6)
    market.tick(HUNDRED, seconds=10)
    assert not market.of(re.LiquidationStarted)


def test_two_updates_and_the_median_of_the_last_seconds_confirm() -> None:
    market = Market()
    market.tick(HUNDRED, seconds=6)
    market.tick(9_500 * 10**6)
    # A second later it is still low, but three of the last five marks were not.
    market.tick(9_500 * 10**6)
    assert not market.is_liquidating()
    market.tick(9_500 * 10**6)
    assert market.is_liquidating()


def test_below_the_closing_margin_one_update_is_enough() -> None:
    market = Market()
    market.tick(HUNDRED, seconds=6)
    market.tick(9_450 * 10**6)
    assert market.is_liquidating()


@pytest.mark.parametrize("state", [PriceState.STALE, PriceState.HALT])
def test_a_price_that_is_not_trusted_decides_nothing(state: PriceState) -> None:
    market = Market()
    market.tick(HUNDRED, seconds=6)
    market.tick(5_000 * 10**6, state=state, seconds=20)
    assert not market.of(re.LiquidationStarted)
    # In doubt it decides, but never at once.
    market.tick(9_400 * 10**6, state=PriceState.DEGRADED)
    assert not market.of(re.LiquidationStarted)
    market.tick(9_400 * 10**6, state=PriceState.DEGRADED, seconds=4)
    assert market.of(re.LiquidationStarted)


def test_a_price_that_stopped_coming_decides_nothing() -> None:
    market = Market()
    market.wait(31)
    market.prices(SOL=5_000 * 10**6)
    market.wait(2)
    market.prices(SOL=5_000 * 10**6)
    assert not market.of(re.LiquidationStarted), "the index of USDC is half a minute old"


def test_all_that_is_open_is_cancelled_and_nothing_new_is_taken() -> None:
    market = Market()
    market.limit(ALICE, BID, 10, 9_000, PERP)
    stop = v.Conditions(trigger=v.Trigger(price_ticks=8_000))
    market.accept(
        c.PlaceOrder(
            account=ALICE,
            market=PERP,
            side=ASK,
            price_ticks=8_000,
            lots=10,
            reduce_only=True,
            conditions=stop,
        )
    )
    market.tick(9_450 * 10**6)
    assert len(market.of(oe.OrderCancelled)) == 2
    order = c.PlaceOrder(account=ALICE, market=PERP, side=BID, price_ticks=9_000, lots=10)
    for command in (
        order,
        c.Borrow(account=ALICE, asset="USDC", amount_atoms=USD),
        c.TransferFunds(source=ALICE, destination=BOB, asset="USDC", amount_atoms=1),
        c.RequestWithdrawal(account=ALICE, asset="USDC", amount_atoms=1, withdrawal=1),
    ):
        assert market.refuse(command) is Reject.ACCOUNT_LIQUIDATING
    # A deposit helps.
    market.deposit(ALICE, "USDC", 1_000 * USD)
    market.tick(9_450 * 10**6)
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.RECOVERED
    assert market.position(ALICE)[0] == 1_000
    market.accept(order)


def test_the_book_takes_steps_until_margin_is_met_with_something_to_spare() -> None:
    market = Market(cash=600, lots=10_000)
    market.limit(CAROL, BID, 100_000, 9_480, PERP)
    market.limit(CAROL, ASK, 100_000, 9_520, PERP)
    market.tick(HUNDRED, seconds=6)
    market.tick(9_500 * 10**6, seconds=12)
    fills = [
        fill
        for fill in market.of(oe.OrderFilled)
        if fill.terms.account == ALICE and fill.terms.system is SystemOrder.LIQUIDATE_ON_BOOK
    ]
    assert fills
    assert all(fill.price_ticks == 9_480 for fill in fills)
    assert fills[0].lots <= 1_100, "a tenth, or a thousand dollars"
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.RECOVERED
    assert ended.equity_micros * 10 >= ended.margin_micros * 11
    lots, _ = market.position(ALICE)
    assert 0 < lots < 10_000
    fees = sum(fee.amount_atoms for fee in market.of(re.LiquidationFeeCharged))
    insurance = market.engine.state.ledger.house_account("insurance", "USDC").atoms
    traded = sum(fill.quote_atoms for fill in fills)
    clearing = market.engine.state.markets[PERP].perp_clearing()
    assert fees == insurance + clearing.insured_dust
    assert 0 < fees < traded // 100, "never more than half of what the trade has won"


def test_the_book_is_never_taken_beyond_the_bankruptcy_price() -> None:
    market = Market()
    # Nobody bids but far below: at 94.5 she has 5 dollars left, and sells for no less than 94.
    market.limit(CAROL, BID, 100_000, 9_300, PERP)
    market.tick(HUNDRED, seconds=6)
    market.tick(9_450 * 10**6, seconds=30)
    assert market.is_liquidating()
    assert market.position(ALICE)[0] == 1_000
    assert market.equity() > 0
    market.limit(CAROL, BID, 100_000, 9_420, PERP)
    market.tick(9_450 * 10**6, seconds=10)
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.RECOVERED
    assert market.equity() >= 0


def test_backstops_take_over_at_two_thirds_of_the_way() -> None:
    market = Market()
    market.accept(
        c.SetBackstop(
            account=DAVE, market=PERP, minute_micros=10_000 * USD, hour_micros=10_000 * USD
        )
    )
    market.tick(HUNDRED, seconds=6)
    market.tick(9_450 * 10**6, seconds=20)
    fills = [
        fill
        for fill in market.of(oe.OrderFilled)
        if fill.terms.system is SystemOrder.LIQUIDATE_ON_BACKSTOP and fill.terms.account == DAVE
    ]
    assert fills
    # Bankruptcy is at 94.05, so that the backstop pays 94.20.
    assert 9_405 < fills[0].price_ticks < 9_430
    assert market.position(DAVE)[0] > 0
    assert not market.of(oe.TradeExecuted), "a takeover is no public trade"
    assert market.equity() >= 0


def test_a_backstop_takes_no_more_than_it_offered_and_its_margin_carries() -> None:
    market = Market()
    offer = c.SetBackstop(account=DAVE, market=PERP, minute_micros=95 * USD, hour_micros=95 * USD)
    market.accept(offer)
    market.tick(HUNDRED, seconds=6)
    market.tick(9_450 * 10**6, seconds=50)
    assert 0 < market.position(DAVE)[0] <= 100
    assert (
        market.refuse(c.SetBackstop(account=DAVE, market=PERP, minute_micros=2, hour_micros=1))
        is Reject.INVALID_PARAMETER
    )


def gap(insurance: int) -> Market:
    """From 100 to 90 within one update: Alice owes 40 dollars more than she has."""
    market = Market()
    if insurance:
        market.accept(c.FundInsurance(asset="USDC", amount_atoms=insurance * USD))
    market.tick(HUNDRED, seconds=6)
    market.told.clear()
    market.tick(9_000 * 10**6, seconds=5)
    return market


def test_insurance_pays_a_gap_and_nobody_else() -> None:
    market = gap(insurance=1_000)
    (ended,) = market.of(re.LiquidationEnded)
    assert ended.end is LiquidationEnd.BANKRUPT
    assert market.position(ALICE) == (0, 0)
    assert (market.available(ALICE, "USDC"), market.owed(ALICE, "USDC")) == (0, 0)
    paid = sum(event.amount_atoms for event in market.of(re.InsurancePaid))
    assert 40 * USD <= paid <= 41 * USD
    # Bob was closed at the mark: he has what he had won.
    assert market.equity(BOB) >= 100_000 * USD + 100 * USD - 2 * USD


def test_without_insurance_the_other_side_is_deleveraged_at_the_bankruptcy_price() -> None:
    market = gap(insurance=0)
    fills = [
        fill
        for fill in market.of(oe.OrderFilled)
        if fill.terms.system is SystemOrder.LIQUIDATE_ON_ADL and fill.terms.account == BOB
    ]
    assert [fill.price_ticks for fill in fills] == [9_405]
    assert market.position(BOB)[0] == 0
    assert market.position(ALICE) == (0, 0)
    assert market.engine.state.ledger.house_account("insurance", "USDC").atoms >= 0


@pytest.mark.parametrize("insurance", [0, 10, 1_000])
def test_a_later_deposit_is_all_the_depositors(insurance: int) -> None:
    market = gap(insurance)
    market.deposit(ALICE, "USDC", 500 * USD)
    market.tick(8_000 * 10**6, seconds=5)
    market.accept(c.AutoRealize(market=PERP))
    assert market.available(ALICE, "USDC") == 500 * USD


def test_statuses_are_told_on_the_way_down_and_up() -> None:
    market = Market()
    market.tick(HUNDRED, seconds=2)
    market.told.clear()
    for sol in (9_700, 9_620, 9_590, 9_570, 9_700, 9_900, HUNDRED // 10**6):
        market.tick(sol * 10**6)
    statuses = [event.status for event in market.of(re.MarginStatusChanged)]
    assert MarginStatus.LOW in statuses
    assert statuses[-1] is MarginStatus.HEALTHY


def test_a_restart_forgets_nobody_who_is_suspect() -> None:
    market = Market()
    market.tick(HUNDRED, seconds=6)
    market.tick(9_500 * 10**6, seconds=2)
    market.engine = Engine(load_state(dump_state(market.engine.state)))
    market.tick(9_500 * 10**6)
    assert market.is_liquidating()


def test_many_accounts_are_looked_at_in_several_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danger, "LOOKS_AT_ONCE", 2)
    market = Market()
    guards = market.engine.state.guards
    market.tick(HUNDRED)
    # All four have changed: two of them were looked at, and one entry stands for the others.
    assert len(guards.changed) == 2
    market.tick(HUNDRED)
    assert not guards.changed
    entries = [due for due in market.engine.state.schedule.live() if due.work is Work.HEALTH]
    assert len(entries) <= 1


def the_book_is_taken_beyond_bankruptcy(patch: pytest.MonkeyPatch) -> None:
    def beyond(position: Any, found: Any, risk: Any, *, real: int) -> int:
        return int(risk.notional) * 9 // 10

    patch.setattr(liquidation_sales, "bankruptcy_atoms", beyond)


def the_bankrupt_keep_what_is_left(patch: pytest.MonkeyPatch) -> None:
    def grants(state: Any, account: Any, case: Any) -> None:
        insurance = state.ledger.house_account("insurance", "USDC")
        money = account.holding("USDC")
        state.ledger.transfer(insurance, money.available, 50 * USD, kind="bad_debt")

    patch.setattr(insolvency, "_grant", grants)
    patch.setattr(insolvency, "close", lambda state, account: None)


def a_snapshot_forgets_who_is_suspect(patch: pytest.MonkeyPatch) -> None:
    dump = snapshot_risk.dump_risk

    def forgetful(state: Any) -> Any:
        content = dump(state)
        urgent, changed, _, is_due = content["looks"]
        return {**content, "looks": [urgent, changed, [], is_due]}

    patch.setattr(snapshot, "dump_risk", forgetful)


@pytest.mark.parametrize(
    ("plant", "found_by"),
    [
        (
            the_book_is_taken_beyond_bankruptcy,
            test_the_book_is_never_taken_beyond_the_bankruptcy_price,
        ),
        (the_bankrupt_keep_what_is_left, test_insurance_pays_a_gap_and_nobody_else),
        (a_snapshot_forgets_who_is_suspect, test_a_restart_forgets_nobody_who_is_suspect),
    ],
)
def test_the_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None],
    found_by: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        found_by()
