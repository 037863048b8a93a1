"""A state read back is the state which was written, and goes on like it."""

import base64
import zlib
from pathlib import Path

import msgspec
import pytest

from engine import commands as c
from engine.engine import Engine
from engine.events import CommandRejected, Event
from engine.invariants import check
from engine.schedule import Work
from engine.settlement_events import FundingPaid, FundingRateSet
from engine.snapshot import VERSION, SnapshotError, digest, dump_state, load_state
from engine.units import HOUR_NS, MAX_ATOMS, SECOND_NS
from tests.engine.driver import ALICE, BOB, CAROL, Exchange

DATA = Path(__file__).parent / "data"
# As that version told them when it wrote its snapshot.
CAROLS_LEND, BOBS_DEBT = 20_000_040_793, 9_000_045_327
LOTS = [1_000, -1_000]


def test_sums_beyond_64_bits_come_back_as_numbers() -> None:
    exchange = Exchange()
    for _ in range(4):
        exchange.deposit(ALICE, "SOL", MAX_ATOMS)
    written = exchange.engine.state
    exchange.engine = Engine(load_state(dump_state(written)))
    assert digest(exchange.engine.state) == digest(written)
    exchange.deposit(ALICE, "SOL", 1)
    exchange.accept(
        c.RequestWithdrawal(account=ALICE, asset="SOL", amount_atoms=MAX_ATOMS, withdrawal=1)
    )
    assert exchange.available(ALICE, "SOL") == 3 * MAX_ATOMS + 1


def test_a_snapshot_of_the_first_version_goes_on() -> None:
    """Alice is long against Bob, who owes dollars; Carol lends. It was written by that version."""
    data = zlib.decompress(base64.b64decode((DATA / "snapshot-1.txt").read_text()))
    engine = Engine(load_state(data))
    state = engine.state
    check(state)
    pool, carol = state.pools["USDC"], state.accounts[CAROL].holdings["USDC"]
    assert pool.lend_atoms(carol.lend_scaled, carol.bucket) == CAROLS_LEND
    assert pool.debt_atoms(state.accounts[BOB].holdings["USDC"].debt_scaled) == BOBS_DEBT
    assert [state.accounts[a].positions["SOL_USDC_PERP"].lots for a in (ALICE, BOB)] == LOTS
    assert len(state.orders) == 2
    assert digest(load_state(dump_state(state))) == digest(state)
    for number, command in enumerate(
        (
            c.AutoRealize(market="SOL_USDC_PERP"),
            c.SetLendTerms(account=CAROL, asset="USDC", min_rate_ppb=20_000_000),
            c.CancelAllOrders(account=ALICE),
            c.SettleWithdrawal(withdrawal=1),
            c.AccrueInterest(asset="USDC"),
        ),
        1,
    ):
        events = engine.apply(
            sequence=state.sequence + 1,
            at_ns=state.at_ns + 3_600 * SECOND_NS,
            command_id=f"after:{number}",
            command=command,
        )
        assert not isinstance(events[0], CommandRejected), events[0]
        check(state)


def test_a_snapshot_of_the_third_version_begins_to_fund() -> None:
    """Alice is long against Bob, and a request for quote waits. It was written by that version."""
    data = zlib.decompress(base64.b64decode((DATA / "snapshot-3.txt").read_text()))
    engine = Engine(load_state(data))
    state = engine.state
    check(state)
    assert digest(load_state(dump_state(state))) == digest(state)
    works = {due.work for due in state.schedule.live()}
    assert works == {Work.RFQ, Work.FUNDING}
    ends_ns = (state.at_ns // HOUR_NS + 1) * HOUR_NS
    told: list[Event] = []
    seconds = [state.at_ns + number * SECOND_NS for number in range(1, 1_801)]
    sampled = c.UpdatePrices(prices_e8={"SOL": 100 * 10**8})
    for at_ns, command in (
        *((at_ns, sampled) for at_ns in seconds if at_ns < ends_ns),
        (ends_ns, c.AdvanceTime()),
        (ends_ns, c.PayFunding(market="SOL_USDC_PERP")),
    ):
        sequence = state.sequence + 1
        told += engine.apply(
            sequence=sequence, at_ns=at_ns, command_id=f"after:{sequence}", command=command
        )
    check(state)
    (rate,) = [one for one in told if isinstance(one, FundingRateSet) and one.samples]
    assert (rate.market, rate.ends_ns, rate.rate_ppb) == ("SOL_USDC_PERP", ends_ns, 12_500)
    paid = {one.account: one.amount_atoms for one in told if isinstance(one, FundingPaid)}
    # 1,000 dollars × 0.00125 %.
    assert paid == {ALICE: -12_500, BOB: 12_500}


def test_a_snapshot_of_the_fourth_version_has_no_limits_yet() -> None:
    """Orders, a trigger and a strategy of Alice's wait. It was written by that version."""
    data = zlib.decompress(base64.b64decode((DATA / "snapshot-4.txt").read_text()))
    state = load_state(data)
    check(state)
    assert digest(load_state(dump_state(state))) == digest(state)
    account = state.accounts[ALICE]
    assert (account.allowances, state.loss_limited) == ({}, {})
    # What was placed before members were named is nobody's.
    terms = [order.terms for order in account.orders.values()]
    terms += [order.terms for order in account.triggers.values()]
    assert {one.actor for one in terms} == {0} != {len(terms)}
    assert len(account.strategies) == 1
    engine = Engine(state)
    for command, refused in (
        (c.SetAllowance(account=ALICE, member=7, spend_micros=0), False),
        (c.Borrow(account=ALICE, asset="USDC", amount_atoms=1, actor=7), True),
        (c.AdvanceTime(), False),
    ):
        events = engine.apply(
            sequence=state.sequence + 1,
            at_ns=state.at_ns + SECOND_NS,
            command_id=f"after:{state.sequence}",
            command=command,
        )
        assert isinstance(events[0], CommandRejected) is refused, events[0]
        check(state)


def test_a_snapshot_of_a_later_version_is_refused_in_one_sentence() -> None:
    later = msgspec.msgpack.encode({"version": VERSION + 1})
    with pytest.raises(SnapshotError, match="written by a later version: start that one"):
        load_state(later)
