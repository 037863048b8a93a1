"""A run told number by number: each stage is met by one account, and the ledger says the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.schedule import BEAT_SCHEDULE
from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import risk_events as re
from engine.kinds import SystemOrder
from engine.snapshot import digest
from engine.units import RAY, AccountId
from prices.terms import OTHER, Plan
from stress import simulate as lives
from stress.report import AccountLine, Report, from_data, to_data
from stress.scenario import Books, Scenario, ScenarioError, straight
from stress.simulate import simulate
from tests.stress.world import (
    BACKED,
    BACKSTOP,
    BOOKED,
    BORROWER,
    BTC_BOOK,
    ETH_BOOK,
    LENDER,
    RUINED,
    SLOW,
    SOL_BOOK,
    USD,
    WINNER,
    Recorded,
    World,
)
from trading.tasks import POSITIONS_AT_ONCE

Lived = tuple[Recorded, Report]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lived() -> Lived:
    copy = World(insurance=3).copy()
    return copy, simulate(copy, SLOW)


def line_of(report: Report, account: AccountId) -> AccountLine:
    (line,) = (line for line in report.lines if line.account == account)
    return line


def forced(copy: Recorded, account: AccountId, system: SystemOrder) -> list[Any]:
    return [
        fill
        for fill in copy.told(oe.OrderFilled)
        if fill.terms.account == account and fill.terms.system is system
    ]


def test_it_ends_when_nobody_is_liquidated_any_more(lived: Lived) -> None:
    _, report = lived
    assert report.failure == ""
    assert report.is_settled
    assert SLOW.seconds + 10 <= report.seconds < SLOW.seconds + SLOW.patience_seconds
    assert report.accounts == 8
    assert {line.account for line in report.lines} == {BOOKED, BACKED, RUINED, BORROWER}
    assert (report.liquidated, report.bankrupt) == (4, 2)
    assert {line.account: line.end for line in report.lines} == {
        BOOKED: "Recovered",
        BACKED: "Recovered",
        RUINED: "Bankrupt",
        BORROWER: "Bankrupt",
    }
    assert report.lines[0].account == BORROWER, "who has lost most comes first"


def test_seconds_are_those_of_the_events(lived: Lived) -> None:
    copy, report = lived
    began = copy.told(re.LiquidationStarted)
    times = [event.account for event in began].count(BOOKED)
    assert times > 1, "its margin was short again and again"
    assert line_of(report, BOOKED).times == times
    for account in (BACKED, RUINED):
        line = line_of(report, account)
        assert line.ended is not None
        assert 0 < line.began < line.ended < SLOW.seconds


def test_the_book_is_what_the_public_saw(lived: Lived) -> None:
    copy, report = lived
    trades = [one for one in copy.told(oe.TradeExecuted) if one.market == SOL_BOOK]
    assert {one.price_ticks for one in trades} == {9_600}
    traded = sum(one.lots for one in trades) * 9_600 * 100
    line = line_of(report, BOOKED)
    assert line.traded_micros == {"collateral": 0, "book": traded, "backstop": 0, "adl": 0}
    position = copy.state.accounts[BOOKED].positions[SOL_BOOK]
    assert position.lots == 10_000 - sum(one.lots for one in trades)
    fees = copy.moved(f"account:{BOOKED}:", "insurance:", "liquidation_fee")
    assert line.fee_micros == fees > 0


def test_what_a_backstop_took_is_its_position(lived: Lived) -> None:
    copy, report = lived
    (line,) = report.backstops
    position = copy.state.accounts[BACKSTOP].positions[ETH_BOOK]
    assert (line.account, line.market, line.asset) == (BACKSTOP, ETH_BOOK, "ETH")
    assert line.atoms == position.lots * 10**7 == 100 * 10**9
    assert line.traded_micros == position.entry_quote
    assert line_of(report, BACKED).traded_micros["backstop"] == position.entry_quote
    # It paid less than the mark: that is what it does it for.
    marks = sum(
        fill.lots * mark_at(report, ETH_BOOK, fill.at_ns) * 10**7 // 10**11
        for fill in forced(copy, BACKSTOP, SystemOrder.LIQUIDATE_ON_BACKSTOP)
    )
    assert 0 < line.gained_micros < marks // 50
    assert abs(line.gained_micros - (marks - line.traded_micros)) < marks // 100


def mark_at(report: Report, market: str, at_ns: int) -> int:
    """Return the mark of the last point of the path before a time."""
    second = (at_ns - report.at_ns) // 10**9
    return [point.mark_e8[market] for point in report.path if point.second <= second][-1]


def test_who_was_deleveraged_is_who_was_on_the_other_side(lived: Lived) -> None:
    copy, report = lived
    fills = forced(copy, WINNER, SystemOrder.LIQUIDATE_ON_ADL)
    (line,) = report.deleveraged
    assert (line.account, line.market) == (WINNER, BTC_BOOK)
    assert line.atoms == sum(fill.lots for fill in fills) * 1_000 == 2 * 10**7
    assert line.traded_micros == sum(fill.quote_atoms for fill in fills)
    assert line.traded_micros == report.traded_micros["adl"]
    assert line_of(report, RUINED).traded_micros["adl"] == line.traded_micros
    assert copy.state.accounts[WINNER].positions[BTC_BOOK].lots == 0
    # The fund could pay what was missing: it was closed at the mark, and cost the winner nothing.
    assert line.gained_micros == 0


def test_the_insurance_fund_is_what_the_ledger_has(lived: Lived) -> None:
    copy, report = lived
    (usdc,) = report.insurance
    house = copy.state.ledger.house
    dust = sum(
        listed.perp_clearing().insured_dust
        for listed in copy.state.markets.values()
        if listed.is_perp
    )
    assert (usdc.asset, usdc.before_atoms) == ("USDC", 3 * USD)
    assert usdc.after_atoms == house["insurance:USDC"].atoms + dust
    fees = copy.moved("account:", "insurance:", "liquidation_fee")
    assert report.fee_micros == fees + sum(
        fee.owed_atoms for fee in copy.told(re.LiquidationFeeCharged)
    )
    given = copy.moved("insurance:", "account:", "bad_debt") + copy.moved(
        "fees:", "account:", "bad_debt"
    )
    assert sum(line.paid_micros for line in report.lines) == given > 3 * USD


def test_lenders_lose_what_was_written_off(lived: Lived) -> None:
    copy, report = lived
    (event,) = copy.told(e.DebtWrittenOff)
    (line,) = report.lenders
    assert line.asset == "USDC"
    assert (line.debts_atoms, line.lenders_atoms) == (event.amount_atoms, event.lenders_atoms)
    assert line.lenders_micros == line.lenders_atoms
    assert line_of(report, BORROWER).written_off_micros == line.debts_atoms
    holding = copy.state.accounts[LENDER].holdings["USDC"]
    pool = copy.state.pools["USDC"]
    lost = 100_000 * USD - holding.lend_scaled * pool.buckets[0].index // RAY
    # But for interest, and what clearing lends beside her.
    assert abs(line.lenders_atoms - lost) < USD


def test_what_a_debt_is_paid_with_is_sold_on_the_spot_book(lived: Lived) -> None:
    copy, report = lived
    trades = [one for one in copy.told(oe.TradeExecuted) if one.market == "SOL_USDC"]
    assert {one.price_ticks for one in trades} == {6_750}
    assert sum(one.lots for one in trades) == 10_000
    line = line_of(report, BORROWER)
    assert line.traded_micros["collateral"] == sum(one.quote_atoms for one in trades) == 6_750 * USD
    # 7,000 and their interest, less what the SOL brought after the fee of 0.1 %: others bore it.
    missing = 7_000 * USD - 6_750 * USD * 999 // 1_000
    borne = line.paid_micros - line.left_micros + line.written_off_micros
    assert 0 <= borne - missing < USD


def test_had_and_lost_are_at_full_value(lived: Lived) -> None:
    copy, report = lived
    for account, had in ((BORROWER, 3_000), (RUINED, 995), (BACKED, 995), (BOOKED, 995)):
        line = line_of(report, account)
        assert line.before_micros == had * USD
        left = copy.state.accounts[account]
        position = left.positions.get(SOL_BOOK)
        usdc = left.holdings["USDC"]
        worth = usdc.available.atoms + (position.lots * 60 * 10_000 if position else 0)
        worth += position.quote if position else 0
        worth -= copy.state.pools["USDC"].debt_atoms(usdc.debt_scaled)
        assert abs(had * USD - line.lost_micros - worth) <= 1, account


def test_what_is_lost_is_won_by_others_to_the_atom(lived: Lived) -> None:
    copy, report = lived
    assert {balance.asset for balance in report.balances} == {"USDC", "SOL"}
    for balance in report.balances:
        of_accounts = sum(balance.roles_atoms.values())
        assert balance.won_atoms - balance.lost_atoms == of_accounts
        house = balance.insurance_atoms + balance.fees_atoms + balance.carried_atoms
        assert of_accounts + house + balance.outside_atoms == 0
    (usdc,) = (balance for balance in report.balances if balance.asset == "USDC")
    fees = copy.moved("account:", "fees:USDC", "fee")
    fees -= copy.moved("fees:USDC", "account:", "bad_debt")
    assert usdc.fees_atoms == fees
    assert usdc.outside_atoms == 0
    assert abs(usdc.carried_atoms) < USD


def test_prices_go_where_the_scenario_says(lived: Lived) -> None:
    _, report = lived
    first, last = report.path[0], report.path[-1]
    assert first.second == 0
    assert last.second == report.seconds
    for asset, began in (("SOL", 100), ("ETH", 100), ("BTC", 50_000)):
        assert (first.index_e8[asset], last.index_e8[asset]) == (began * 10**8, began * 6 * 10**7)
    assert {point.index_e8["USDC"] for point in report.path} == {10**8}
    for point in report.path:
        # Straight, a point a minute, never ahead of itself and late by no more than a step.
        due = 100 * 10**8 - 40 * 10**8 * min(point.second, 7_200) // 7_200
        assert due - 10**4 <= point.index_e8["SOL"] <= due + 10**7
    assert 100 < len(report.path) < 130


def test_the_same_again_is_the_same_report_and_the_state_it_came_from_is_untouched() -> None:
    world = World(insurance=3)
    before = digest(world.engine.state)
    for books in Books:
        scenario = msgspec.structs.replace(
            SLOW,
            others=straight(-300_000, 300),
            books=books,
            follow_usd=10_000 if books is Books.FOLLOWED else 0,
        )
        one, other = (simulate(world.copy(), scenario) for _ in range(2))
        assert one == other
        assert one.failure == ""
    assert digest(world.engine.state) == before


def test_another_process_comes_to_the_same_report(lived: Lived) -> None:
    """Nothing may hang on the order of hashes, which is another in each process."""
    code = (
        "import json\n"
        "from stress.report import to_data\n"
        "from stress.simulate import simulate\n"
        "from tests.stress.world import SLOW, World\n"
        "print(json.dumps(to_data(simulate(World(insurance=3).copy(), SLOW))))\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert from_data(json.loads(done.stdout)) == lived[1]


def test_a_report_goes_through_json_and_comes_back(lived: Lived) -> None:
    _, report = lived
    data = to_data(report)
    assert from_data(json.loads(json.dumps(data))) == report
    (line,) = (one for one in data["lines"] if one["account"] == BORROWER)
    assert line["before_micros"] == "3000000000", "amounts are texts"
    assert data["path"][0]["index_e8"]["BTC"] == "5000000000000"
    assert data["scenario"]["others"] == [[7_200, -400_000]]


def test_books_that_are_emptied_leave_all_to_backstops_insurance_and_the_other_side() -> None:
    copy = World().copy()
    report = simulate(copy, msgspec.structs.replace(SLOW, books=Books.EMPTIED))
    assert report.failure == ""
    assert not copy.told(oe.TradeExecuted)
    assert report.traded_micros["book"] == report.traded_micros["collateral"] == 0
    assert {line.market for line in report.deleveraged} == {SOL_BOOK, BTC_BOOK}
    assert not any(account.orders for account in copy.state.accounts.values())


def test_a_market_maker_that_follows_takes_what_is_liquidated() -> None:
    scenario = msgspec.structs.replace(SLOW, books=Books.FOLLOWED, follow_usd=20_000)
    copy = World().copy()
    report = simulate(copy, scenario)
    assert report.failure == ""
    maker = max(copy.state.accounts)
    assert report.accounts == 8, "it is none of the exchange's accounts"
    for market in (SOL_BOOK, BTC_BOOK, ETH_BOOK):
        mark = copy.state.mark_e8(copy.state.markets[market])
        depth = copy.depth(market)
        for levels in (depth.bids, depth.asks):
            tick_e8 = copy.state.markets[market].market.tick_e8
            per_tick = copy.state.markets[market].quote_atoms_per_tick
            worth = sum(price * lots * per_tick for price, lots in levels)
            assert 19_000 * USD < worth <= 20_000 * USD
            assert all(abs(price * tick_e8 - mark) * 100 <= mark for price, _ in levels)
    # Nobody is ruined by a slow fall with a book that follows: all is sold a little below the mark.
    assert report.bankrupt == 0
    assert not report.lenders
    assert not report.deleveraged
    assert report.traded_micros["book"] > 25_000 * USD
    assert report.traded_micros["collateral"] > 0, "what the borrower owes is bought with his SOL"
    (usdc,) = (balance for balance in report.balances if balance.asset == "USDC")
    assert usdc.roles_atoms["maker"] != 0
    assert usdc.outside_atoms == 0, "its money was there before the shock"
    assert copy.state.accounts[maker].liquidation is None


def test_a_gap_with_an_empty_fund_is_shared_by_winners() -> None:
    """A feed without a cap: BTC falls by 30 % within a second."""
    sudden = Plan(assets={"BTC": msgspec.structs.replace(OTHER, cap_ppm=400_000, far_ppm=900_000)})
    copy = World().copy()
    scenario = Scenario(paths={"BTC": straight(-300_000, 1)}, books=Books.EMPTIED)
    report = simulate(copy, scenario, plan=sudden)
    assert report.failure == ""
    (shared,) = report.shared
    assert (shared.account, shared.market) == (WINNER, BTC_BOOK)
    told = copy.told(re.LossShared)
    assert shared.lost_atoms == sum(event.amount_atoms for event in told) > 0
    line = line_of(report, RUINED)
    assert line.shared_micros == shared.lost_atoms
    # From 50,000 to 35,000 with 0.2 BTC: 3,000 lost of 995. The other side bears it all, part of it
    # by a price that is 5 % worse than the mark, but for the fees that the house had earned.
    (adl,) = report.deleveraged
    assert -adl.gained_micros + line.paid_micros + line.shared_micros == (3_000 - 995) * USD


def test_patience_ends_a_run_whose_liquidations_do_not() -> None:
    scenario = Scenario(
        paths={"SOL": straight(-250_000, 600)}, books=Books.EMPTIED, patience_seconds=30
    )
    report = simulate(World(insurance=100_000).copy(), scenario)
    assert report.failure == ""
    assert not report.is_settled
    assert report.seconds == 630
    assert line_of(report, BORROWER).end == "Open"
    assert line_of(report, BORROWER).ended is None


def test_who_is_liquidated_already_is_told_from_the_beginning() -> None:
    world = World(insurance=100_000)
    for sol in (85, 80, 76, 74):
        world.wait(1)
        world.prices(SOL=sol * 10**8, USDC=10**8, BTC=50_000 * 10**8, ETH=100 * 10**8)
        world.advance()
    assert BORROWER in world.engine.state.liquidations
    report = simulate(
        world.copy(), Scenario(paths={"ETH": straight(-1_000, 5)}, books=Books.EMPTIED)
    )
    assert report.failure == ""
    assert line_of(report, BORROWER).began == 0


def test_the_jobs_have_the_rhythm_of_the_beat() -> None:
    rhythms = {
        name: job["schedule"].total_seconds()
        for name, job in BEAT_SCHEDULE.items()
        if "every_seconds" in job.get("kwargs", {})
    }
    assert rhythms["auto-realize"] == lives.REALIZE_SECONDS
    assert rhythms["auto-lend"] == lives.LEND_SECONDS
    assert rhythms["accrue-interest"] == lives.ACCRUE_SECONDS
    assert rhythms["pay-funding"] == lives.FUND_SECONDS
    # The only other one of them asks for no command of the engine's own.
    assert len(rhythms) == 5
    assert POSITIONS_AT_ONCE == lives.POSITIONS_AT_ONCE


def test_a_scenario_that_cannot_be_run_changes_nothing() -> None:
    copy = World().copy()
    before = digest(copy.state)
    with pytest.raises(ScenarioError):
        simulate(copy, Scenario(paths={"DOGE": straight(-1, 1)}))
    assert digest(copy.state) == before


def test_a_broken_invariant_ends_the_run_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = World().copy()
    apply = copy.apply

    def broken(*, command: c.Command, **words: Any) -> Any:
        if copy.state.at_ns > words["at_ns"] - 10**9 and len(copy.said) > 2_000:
            raise AssertionError("account 7 below zero")
        return apply(command=command, **words)

    monkeypatch.setattr(copy, "apply", broken)
    report = simulate(copy, SLOW)
    assert report.failure.startswith("second ")
    assert report.failure.endswith(": account 7 below zero")
    assert 0 < report.seconds < SLOW.seconds
