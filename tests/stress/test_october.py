"""A day such as 10 October 2025, in shape, from venues' quotes to who is liquidated.

Majors lose 15 % within 20 minutes and an alt 60 %; the books of one venue empty, and another prints
a stablecoin at 0.65. The tape goes through the real index code and the engine; whatever a
liquidation brings about is in the report.
"""

import asyncio
import io
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import risk_events as re
from engine.catalog import Asset, Fraction, Haircut, Market, PriceState
from engine.kinds import SystemOrder
from engine.order_events import OrderFilled
from engine.units import PPB, AccountId
from prices.indexes import Indexes, command_for
from prices.stories import CRASH_SECONDS, HOME_E8, MISPRINTED, VENUES, crash
from prices.tape import TapeSource, write_head, write_second
from prices.terms import Plan, Venue
from stress.proof import prove
from stress.report import Report
from stress.scenario import Books, Scenario
from stress.simulate import Run
from tests.engine.driver import ASK, BID, Exchange
from tests.engine.listings import BTC, BTC_PERP, BTC_USDC, SOL, SOL_PERP, USDC
from tests.stress.world import Recorded

USD = 10**6
ACCOUNTS = tuple(AccountId(number) for number in range(3_001, 3_008))
HOLDER, BORROWER, LENDER, BOLD, ALTS, WINNER, CAUTIOUS = ACCOUNTS
USDT = replace(
    USDC,
    symbol="USDT",
    name="Tether",
    haircut=Haircut(weight_ppb=PPB * 98 // 100),
    borrow_imf=Fraction(base_ppb=PPB // 5),
    borrow_mmf=Fraction(base_ppb=PPB // 10),
)
ATOM = replace(SOL, symbol="ATOM", name="Cosmos")
ETH = replace(SOL, symbol="ETH", name="Ether")
# One tick is 0.001 dollars: an alt of four dollars.
ATOM_PERP = replace(SOL_PERP, symbol="ATOM_USDC_PERP", base="ATOM", tick_e8=100_000)
INDEX_E8 = {"USDC": 10**8, **HOME_E8}
ASSETS: tuple[Asset, ...] = (USDC, USDT, BTC, ETH, SOL, ATOM)
MARKETS: tuple[Market, ...] = (BTC_USDC, BTC_PERP, SOL_PERP, ATOM_PERP)
# The other venues are outvoted by the one that is wrong about the stablecoin.
OUTVOTED = tuple(
    replace(venue, weight=100) if venue.name == "misprint" else venue for venue in VENUES
)


class Taped:
    """The feed of a run: a tape, and the live feed's own code from its quotes to its command."""

    def __init__(self, copy: Recorded, venues: Sequence[Venue]) -> None:
        tape = io.StringIO()
        write_head(tape, venues)
        for second in crash():
            write_second(tape, second)
        self._source = TapeSource(tape.getvalue().splitlines())
        self._indexes = Indexes(Plan(venues=tuple(venues)))
        self._began_ms = copy.state.at_ns // 10**6
        self._perps = {m: one.market.base for m, one in copy.state.markets.items() if one.is_perp}
        self.index_e8 = dict(INDEX_E8)
        self.lowest_usdt = INDEX_E8["USDT"]
        self.states: set[tuple[str, PriceState]] = set()
        self.has_arrived = True

    def prices(self, second: int) -> c.UpdatePrices:
        now_ms = self._began_ms + second * 1_000
        listed = tuple(INDEX_E8)
        quotes = self._source.quotes(now_ms=now_ms, listed=listed, last_e8=self.index_e8)
        told = self._indexes.take(
            asyncio.run(quotes), now_ms=now_ms, listed=listed, last_e8=self.index_e8
        )
        command = command_for(told, perps=self._perps, priced=self.index_e8.keys())
        self.index_e8.update(command.prices_e8)
        self.lowest_usdt = min(self.lowest_usdt, self.index_e8["USDT"])
        self.states |= set(command.states.items())
        return command


def before_the_day() -> Exchange:
    """Return who holds what when it begins."""
    exchange = Exchange(assets=ASSETS, markets=MARKETS, accounts=ACCOUNTS, index_e8=INDEX_E8)
    exchange.deposit(WINNER, "USDC", 10_000_000 * USD)
    exchange.deposit(LENDER, "USDC", 500_000 * USD)
    exchange.accept(c.Lend(account=LENDER, asset="USDC", amount_atoms=400_000 * USD))
    # Two whose collateral is the stablecoin: at 0.65 neither could carry what they have.
    exchange.deposit(HOLDER, "USDT", 100_000 * USD)
    exchange.deposit(BORROWER, "USDT", 100_000 * USD)
    loan = 80_000 * USD
    exchange.accept(c.Borrow(account=BORROWER, asset="USDC", amount_atoms=loan))
    exchange.accept(
        c.RequestWithdrawal(account=BORROWER, asset="USDC", amount_atoms=loan, withdrawal=1)
    )
    exchange.accept(c.SettleWithdrawal(withdrawal=1))
    exchange.deposit(CAUTIOUS, "USDC", 100_000 * USD)
    exchange.deposit(BOLD, "USDC", 20_000 * USD)
    exchange.deposit(ALTS, "USDC", 40_000 * USD)
    for account, market, usd in (
        (HOLDER, BTC_PERP, 500_000),
        (CAUTIOUS, BTC_PERP, 200_000),
        (BOLD, BTC_PERP, 250_000),
        (ALTS, ATOM_PERP, 100_000),
    ):
        ticks = INDEX_E8[market.base] // market.tick_e8
        per_lot = ticks * exchange.engine.state.markets[market.symbol].quote_atoms_per_tick
        lots = usd * USD // per_lot
        exchange.limit(WINNER, ASK, lots, ticks, market.symbol)
        exchange.limit(account, BID, lots, ticks, market.symbol)
    exchange.accept(c.FundInsurance(asset="USDC", amount_atoms=2_000 * USD))
    return exchange


class Fooled(Taped):
    """An index that is what the one venue prints."""

    def prices(self, second: int) -> c.UpdatePrices:
        command = super().prices(second)
        if second not in MISPRINTED:
            return command
        self.lowest_usdt = 65 * 10**6
        return replace(command, prices_e8={**command.prices_e8, "USDT": self.lowest_usdt})


def live_through(
    books: Books, *, kind: type[Taped] = Taped, venues: Sequence[Venue] = VENUES
) -> tuple[Recorded, Taped, Report]:
    copy = Recorded.of(before_the_day().engine.state)
    # Only its length and its books count: prices are the tape's.
    scenario = Scenario(
        others=((CRASH_SECONDS - 20, -1),),
        books=books,
        follow_usd=50_000 if books is Books.FOLLOWED else 0,
        patience_seconds=10,
    )
    run = Run(copy, scenario, Plan())
    run.feed = feed = kind(copy, venues)
    run.live()
    prove(run.tally, copy.state, run.before)
    return copy, feed, run.report()


Day = tuple[Recorded, Taped, Report]


@pytest.fixture(scope="module", params=(Books.EMPTIED, Books.FOLLOWED), ids=str)
def day(request: Any) -> Day:
    return live_through(request.param)


def test_the_stablecoin_that_one_venue_misprints_liquidates_nobody(day: Day) -> None:
    copy, feed, report = day
    assert feed.lowest_usdt > 99 * 10**6
    assert not {HOLDER, BORROWER} & {line.account for line in report.lines}
    assert copy.state.accounts[HOLDER].positions[BTC_PERP.symbol].lots > 0


def test_no_lender_loses_and_who_was_careful_keeps_what_they_have(day: Day) -> None:
    copy, _, report = day
    assert report.lenders == ()
    assert report.shared == ()
    pool, lend = copy.state.pools["USDC"], copy.state.accounts[LENDER].holdings["USDC"]
    assert pool.lend_atoms(lend.lend_scaled) >= 400_000 * USD
    assert CAUTIOUS not in {line.account for line in report.lines}


def test_who_was_bold_is_liquidated_and_the_report_says_who_paid(day: Day) -> None:
    copy, _, report = day
    assert {line.account for line in report.lines} == {BOLD, ALTS}
    assert {event.account for event in copy.told(re.LiquidationStarted)} == {BOLD, ALTS}
    house = copy.state.ledger.house["insurance:USDC"].atoms
    dust = sum(
        copy.state.markets[market.symbol].perp_clearing().insured_dust
        for market in MARKETS
        if market.imf is not None
    )
    (fund,) = report.insurance
    assert (fund.before_atoms, fund.after_atoms) == (2_000 * USD, house + dust)
    paid = sum(event.amount_atoms for event in copy.told(re.InsurancePaid))
    assert sum(line.paid_micros - line.left_micros for line in report.lines) == paid
    fees = sum(event.amount_atoms for event in copy.told(re.LiquidationFeeCharged))
    interest = sum(
        copy.moved(kind, "insurance:", "interest_fee") for kind in ("pool:", "clearing:")
    )
    assert fund.after_atoms == fund.before_atoms + fees + interest - paid
    taken = [
        fill
        for fill in copy.told(OrderFilled)
        if fill.terms.system is SystemOrder.LIQUIDATE_ON_ADL
        and fill.terms.account not in {BOLD, ALTS}
    ]
    told = {(line.account, line.market): line.traded_micros for line in report.deleveraged}
    assert sum(told.values()) == sum(fill.quote_atoms for fill in taken)
    assert {account for account, _ in told} <= {WINNER}


def test_prices_were_never_out_of_use_and_the_alt_was_in_doubt(day: Day) -> None:
    _, feed, _ = day
    assert ("ATOM", PriceState.DEGRADED) in feed.states
    assert {state for _, state in feed.states} == {PriceState.DEGRADED}
    assert ("USDT", PriceState.DEGRADED) not in feed.states


def test_a_venue_that_outvotes_all_others_stops_the_index_and_liquidates_nobody_either() -> None:
    _, feed, report = live_through(Books.EMPTIED, venues=OUTVOTED)
    assert feed.lowest_usdt > 99 * 10**6
    assert ("USDT", PriceState.STALE) in feed.states
    assert not {HOLDER, BORROWER} & {line.account for line in report.lines}


def test_an_index_that_followed_the_misprint_would_have_cost_the_lenders() -> None:
    """So the tests above say something: the same day, with a feed that believes the one venue."""
    copy, feed, report = live_through(Books.EMPTIED, kind=Fooled)
    assert feed.lowest_usdt == 65 * 10**6
    ruined = {line.account for line in report.lines if line.end == "Bankrupt"}
    assert {HOLDER, BORROWER} <= {line.account for line in report.lines}
    assert BORROWER in ruined
    (line,) = report.lenders
    assert line.lenders_atoms > 70_000 * USD
    assert copy.told(re.LiquidationStarted)
