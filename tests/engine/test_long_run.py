"""A long life of the exchange adds up, goes everywhere, and finds each planted bug."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from engine import engine as engine_module
from engine import (
    funds,
    pooling,
    pools,
    realizing,
    settlement,
    snapshot,
)
from engine.clearing import Clearing
from engine.ledger import Holding
from engine.pools import Pool
from engine.profit_interest import pay_interest, post_interest
from engine.units import RAY
from tests.engine.long_run import LongRun

Patch = pytest.MonkeyPatch

# What a life must have seen: one of 20,000 commands with a lucky seed, a longer one with any.
SEEN = (
    "OrderPlaced CollateralConversion",
    *("TriggerPlaced", "TriggerPlaced exit", "OrderTriggered", "OrderTriggered exit"),
    *("TriggerFailed StopWithoutPosition", "TriggerFailed InsufficientMargin"),
    *("OrderExpired StopWithoutPosition", "OrderModified TriggerPending"),
    *("RealizePnl paid", "RealizePnl collected"),
    *("CulledRealizePnlAccountThreshold paid", "CulledRealizePnlAccountThreshold collected"),
    *("CulledRealizePnlSystemThreshold collected", "CulledRealizePnlBookUtilisation collected"),
    "MarketRealized in part",
    "MarketRealized .*unpaid",
    "MarketRealized advanced.*",
    *("PositionInterestPosted earned", "PositionInterestPosted charged"),
    *(
        "FundingRateSet at a rate",
        "FundingRateSet at nothing",
        "FundingPaid got",
        "FundingPaid paid",
    ),
    *("FundingPayment paid", "FundingPayment collected", "MarketFunded"),
    *("DebtWrittenOff.* reserve.*", "DebtWrittenOff.* insurance.*", "DebtWrittenOff.* lenders"),
    *("LiquidationEnded Recovered", "LiquidationEnded Bankrupt", "LiquidationFeeCharged"),
    *("OrderPlaced LiquidatePositionOnBook", "OrderPlaced LiquidatePositionOnBackstop"),
    *("OrderPlaced LiquidatePositionOnAdl", "InsurancePaid"),
    *(f"MarginStatusChanged {status}" for status in ("Healthy", "Low", "MarginCall")),
    *("DustSold", "LendRedeem DustConversion"),
    *(f"Lend AutoLend {bucket}" for bucket in range(8)),
    *(f"Lend LendTerms {bucket}" for bucket in range(8)),
    *(f"Lend Reconciliation {bucket}" for bucket in range(8)),
    *("Borrow Manual", "Borrow SpotMargin", "Borrow Withdrawal", "Borrow Reconciliation"),
    *("LendRedeem Reconciliation", "LendRedeem SpotMargin", "LendRedeem Withdrawal"),
    *("BorrowRepay AutoBorrowRepay", "BorrowRepay Reconciliation", "BorrowRepay Manual"),
    *("BORROWING_CLOSED", "LENDING_CLOSED", "BORROW_LIMIT", "LEND_CAP", "POOL_LIMIT"),
    *("INVALID_LEND_TERMS", "NOT_DUST", "HOUSE_FUNDS", "DEBT_IS_COVERED", "NOTHING_OWED"),
    *("UTILIZATION_LIMIT", "INSUFFICIENT_SUPPLY", "INSUFFICIENT_MARGIN"),
    *("BORROW_REQUIRES_LEND_REDEEM", "LEND_REQUIRES_BORROW_REPAY"),
)


@pytest.fixture(autouse=True)
def short_memory(monkeypatch: Patch) -> None:
    """Have few command ids remembered: the life is proved from many snapshots of them."""
    monkeypatch.setattr(engine_module, "COMMAND_IDS_KEPT", 1_000)


def live(seed: int, commands: int) -> None:
    """Live through so many commands, and see that they went everywhere."""
    run = LongRun(seed)
    run.run(commands)
    kinds = "\n".join(run.seen)
    missing = [kind for kind in SEEN if not re.search(f"^{kind}$", kinds, re.MULTILINE)]
    assert not missing, f"a run that never saw {missing} proves nothing of it"


@pytest.mark.no_cover
def test_a_long_life_adds_up() -> None:
    live(seed=3, commands=20_000)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(3, 11))
def test_a_million_commands_add_up(seed: int) -> None:
    live(seed=seed, commands=125_000)


def a_lend_that_changes_its_rate_loses_the_remainder(patch: Patch) -> None:
    def move_lend(self: Pool, scaled: int, source: int, target: int) -> int:
        giving, taking = self.buckets[source], self.buckets[target]
        minted = scaled * giving.index // taking.index
        self._change_lends(giving, -scaled)
        self._change_lends(taking, minted)
        return self._moved(minted)

    patch.setattr(Pool, "move_lend", move_lend)


def a_settled_lend_stays_in_the_losers_bucket(patch: Patch) -> None:
    move_lend = Pool.move_lend

    def lazy(self: Pool, scaled: int, source: int, target: int) -> int:
        return scaled if target == 0 else move_lend(self, scaled, source, target)

    patch.setattr(Pool, "move_lend", lazy)


def more_is_at_work_than_there_is(patch: Patch) -> None:
    def activate(live: list[Any], borrowed_ray: int) -> int:
        below = 0
        for bucket in live:
            bucket.lent_ray = bucket.scaled * bucket.index
            opens = bucket.opens_ppb
            bucket.active_ray = bucket.lent_ray if opens is not None else 0
            if opens:
                bucket.active_ray = max(0, borrowed_ray * 10**9 // opens - below)
            below += bucket.active_ray
        return below

    patch.setattr(pools, "activate", activate)


def what_is_at_work_is_not_looked_at_again(patch: Patch) -> None:
    def moved(self: Pool, scaled: int) -> int:
        self.record.pools[self] = None
        return scaled

    patch.setattr(Pool, "_moved", moved)


def profits_earn_more_than_losses_pay(patch: Patch) -> None:
    def generous(clearing: Clearing, pool: Pool) -> None:
        grown = pool.buckets[0].index - clearing.sampled_lend_index
        pay_interest(clearing, pool)
        for position in clearing.positions.values():
            extra_ray = max(position.sample, 0) * grown
            position.interest_ray += extra_ray
            clearing.unposted_ray += extra_ray

    patch.setattr(settlement, "pay_interest", generous)


def a_sampled_loss_is_not_summed(patch: Patch) -> None:
    def sample(clearing: Clearing, pool: Pool, position: Any, profit: int) -> None:
        position.sample = profit * RAY // pool.debt_index

    patch.setattr(settlement, "sample", sample)


def posted_interest_still_waits(patch: Patch) -> None:
    def forgetful(state: Any, listed: Any, position: Any, *, hour: int) -> None:
        unposted = listed.clearing.unposted_ray
        post_interest(state, listed, position, hour=hour)
        listed.clearing.unposted_ray = unposted

    patch.setattr(settlement, "post_interest", forgetful)


def posted_interest_comes_from_nowhere(patch: Patch) -> None:
    def minting(state: Any, listed: Any, position: Any, *, hour: int) -> None:
        interest = listed.clearing.interest
        post_interest(state, listed, position, hour=hour)
        listed.clearing.interest = interest

    patch.setattr(settlement, "post_interest", minting)


def the_house_takes_interest_that_is_not_its_own(patch: Patch) -> None:
    hand_over = settlement._hand_over

    def greedy(state: Any, clearing: Clearing, pool: Pool, *, whole: bool) -> None:
        owed, clearing.unposted_ray = clearing.unposted_ray, 0
        hand_over(state, clearing, pool, whole=whole)
        clearing.unposted_ray = owed

    patch.setattr(settlement, "_hand_over", greedy)


def what_is_advanced_is_not_repaid_first(patch: Patch) -> None:
    """Winners are paid against losses that stay open, however little these can carry."""

    def fund(state: Any, listed: Any, cycle: Any, *, room: int) -> None:
        clearing = listed.perp_clearing()
        realizing.advance(state, clearing, listed.market.quote, max(cycle.due_atoms, 1))
        cycle.fund = cycle.due_atoms

    patch.setattr(settlement, "_fund", fund)


def what_stands_behind_positions_is_given_away(patch: Patch) -> None:
    give = realizing._give_as_lend

    def generous(state: Any, clearing: Clearing, holding: Any, amount: int) -> int:
        paid = give(state, clearing, holding, amount)
        clearing.settled += paid // 1_000
        return paid

    patch.setattr(realizing, "_give_as_lend", generous)


def clearings_share_of_a_loss_counts_as_interest(patch: Patch) -> None:
    write_off = pooling._write_off

    def careless(state: Any, holding: Any, scaled: int) -> Any:
        clearings = [market.perp_clearing() for market in pooling._settled_in(state, holding.asset)]
        kept = [clearing.rounding_ray for clearing in clearings]
        answer = write_off(state, holding, scaled)
        for clearing, rounding_ray in zip(clearings, kept, strict=True):
            clearing.rounding_ray = rounding_ray
        return answer

    patch.setattr(pooling, "_write_off", careless)


def protected_lends_are_seized(patch: Patch) -> None:
    patch.setattr(Holding, "seizable_scaled", property(lambda self: self.lend_scaled))


def lenders_do_not_bear_what_they_lose(patch: Patch) -> None:
    def write_off(self: Pool, scaled: int, *, insured_atoms: int) -> int:
        rest = scaled * self.debt_index
        self.debt_scaled -= scaled
        covered = min(self.reserve + insured_atoms * RAY, rest)
        self.reserve += insured_atoms * RAY - covered
        self._moved(scaled)
        return rest - covered

    patch.setattr(Pool, "write_off", write_off)


def a_written_off_debt_is_still_owed(patch: Patch) -> None:
    moved = funds.moved

    def unforgiving(state: Any, holding: Any, kind: Any, source: Any, amount: int) -> None:
        if source == "WriteOff":
            holding.debt_scaled = 1
        moved(state, holding, kind, source, amount)

    patch.setattr(funds, "moved", unforgiving)


def fees_leave_the_pool_but_not_its_reserve(patch: Patch) -> None:
    patch.setattr(Pool, "take_reserve", lambda self, amount_atoms: None)


def interest_moves_are_told_too_large(patch: Patch) -> None:
    moved = funds.moved

    def boastful(state: Any, holding: Any, kind: Any, source: Any, amount: int) -> None:
        moved(state, holding, kind, source, amount + (source == "Reconciliation"))

    patch.setattr(funds, "moved", boastful)


def a_snapshot_forgets_interest_not_yet_posted(patch: Patch) -> None:
    fields = tuple(name for name in snapshot.POSITION_FIELDS if name != "interest_ray")
    patch.setattr(snapshot, "POSITION_FIELDS", fields)


def a_snapshot_forgets_where_a_cycle_stopped(patch: Patch) -> None:
    fields = tuple(name for name in snapshot._CYCLE_FIELDS if name != "cursor")
    patch.setattr(snapshot, "_CYCLE_FIELDS", fields)


def a_snapshot_forgets_what_is_at_work(patch: Patch) -> None:
    fields = tuple(name for name in snapshot.BUCKET_FIELDS if name != "active_ray")
    patch.setattr(snapshot, "BUCKET_FIELDS", fields)


BUGS: dict[Callable[[Patch], None], str] = {
    a_lend_that_changes_its_rate_loses_the_remainder: "pool USDC: ",
    a_settled_lend_stays_in_the_losers_bucket: "members",
    more_is_at_work_than_there_is: "at work",
    what_is_at_work_is_not_looked_at_again: "at work|pool .* !=",
    profits_earn_more_than_losses_pay: "interest has cost the house|more than losses pay",
    a_sampled_loss_is_not_summed: "(losses|gains) sampled",
    posted_interest_still_waits: "unposted",
    posted_interest_comes_from_nowhere: "off by|more than losses pay",
    the_house_takes_interest_that_is_not_its_own: "interest has cost the house",
    what_is_advanced_is_not_repaid_first: "interest has cost the house|more than losses pay",
    what_stands_behind_positions_is_given_away: "off by",
    clearings_share_of_a_loss_counts_as_interest: "interest has cost|more than losses pay",
    protected_lends_are_seized: "took ",
    lenders_do_not_bear_what_they_lose: "pool USDC: ",
    a_written_off_debt_is_still_owed: "members|bears interest",
    fees_leave_the_pool_but_not_its_reserve: "pool [A-Z]*: ",
    interest_moves_are_told_too_large: "moved without a reason",
    a_snapshot_forgets_interest_not_yet_posted: "a replay|unposted",
    a_snapshot_forgets_where_a_cycle_stopped: "a replay",
    a_snapshot_forgets_what_is_at_work: "at work|a replay",
}


@pytest.mark.no_cover
@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_a_long_life_finds_the_bug(plant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=BUGS[plant]):
        LongRun(9).run(10_000)
