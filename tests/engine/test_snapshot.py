"""A state read back is the state which was written, and goes on like it."""

import base64
import zlib
from pathlib import Path

import msgspec
import pytest

from engine import commands as c
from engine.engine import Engine
from engine.events import CommandRejected
from engine.invariants import check
from engine.snapshot import VERSION, SnapshotError, digest, dump_state, load_state
from engine.units import MAX_ATOMS, SECOND_NS
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


def test_a_snapshot_of_a_later_version_is_refused_in_one_sentence() -> None:
    later = msgspec.msgpack.encode({"version": VERSION + 1})
    with pytest.raises(SnapshotError, match="written by a later version: start that one"):
        load_state(later)
