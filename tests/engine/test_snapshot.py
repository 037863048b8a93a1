"""A state read back is the state which was written, and goes on like it."""

from engine import commands as c
from engine.engine import Engine
from engine.snapshot import digest, dump_state, load_state
from engine.units import MAX_ATOMS
from tests.engine.driver import ALICE, Exchange


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
