"""Interest on open profit and loss, in both modes and in mixes of them, checked by hand."""

from decimal import Decimal

import pytest

from engine import settlement_events as se
from engine.units import RAY
from tests.engine.driver import ALICE, BOB, CAROL
from tests.engine.settled import OFF, ON, PERP, USD, positioned
from tests.engine.test_vectors import VECTORS


def test_all_off_gains_earn_and_losses_pay() -> None:
    """Vector C12: +1,000 and +500 against −1,500 at 4 % and 6 %, for an hour."""
    exchange = positioned(OFF, OFF, OFF, sizes=(100, 50, -150))
    exchange.prices(SOL=110 * 10**8)
    answer = exchange.realize()
    assert (answer.owed_atoms, answer.due_atoms, answer.advanced_atoms) == (0, 0, 0)
    exchange.wait(3_600)
    exchange.realize()
    vector = VECTORS["C12"]
    accounts = {"a": ALICE, "b": BOB, "c": CAROL}
    found = {name: exchange.interest(account) for name, account in accounts.items()}
    found["reserve"] = exchange.surplus_ray
    for name, dollars in vector["expected"].items():
        error = Decimal(found[name]) / RAY / USD - Decimal(dollars)
        assert abs(error) < Decimal(vector["tolerance"]), f"{name} is off by {error}"
    # Whole atoms go into the quote with the next cycle, and nothing was realized.
    exchange.wait(10)
    exchange.realize()
    assert exchange.profit(ALICE) == 1_000 * USD + 4_566
    assert exchange.profit(BOB) == 500 * USD + 2_283
    assert exchange.profit(CAROL) == -1_500 * USD - 10_273
    assert {exchange.available(who, "USDC") for who in accounts.values()} == {100_000 * USD}


@pytest.mark.parametrize(
    ("modes", "sizes", "paid", "advanced", "paying", "earning"),
    [
        # Alice's and Bob's gains, Carol's loss at 110. A loan stays an atom below what carries it,
        # and shares of it are rounded down.
        ((ON, ON, ON), (100, 50, -150), 1_500 * USD, 0, 0, 0),
        ((ON, ON, OFF), (100, 50, -150), 1_500 * USD - 2, 1_500 * USD - 1, 1_500, 0),
        # N − P = 1,500 − 500.
        ((ON, OFF, OFF), (100, 50, -150), 1_000 * USD - 1, 1_000 * USD - 1, 1_500, 500),
        ((OFF, OFF, OFF), (100, 50, -150), 0, 0, 1_500, 1_500),
        # What the loser pays waits, lent, for whom it belongs to.
        ((OFF, ON, ON), (100, 50, -150), 500 * USD, 0, 0, 1_000),
        # The gains of one more than the losses of another: N < P, nothing is advanced.
        ((OFF, ON, OFF), (150, -50, -100), 0, 0, 1_000, 1_500),
    ],
    ids=["all-on", "loser-off", "mixed", "all-off", "winner-off", "more-gains"],
)
def test_who_pays_and_earns_in_a_mix_of_modes(
    modes: tuple[bool, ...],
    sizes: tuple[int, ...],
    paid: int,
    advanced: int,
    paying: int,
    earning: int,
) -> None:
    exchange = positioned(*modes, sizes=sizes)
    exchange.prices(SOL=110 * 10**8)
    answer = exchange.realize()
    assert answer.paid_atoms == paid
    assert answer.advanced_atoms == advanced
    assert exchange.advanced == min(paid, advanced)
    before = exchange.grown()
    exchange.wait(3_600)
    after = exchange.grown()
    debts, lends = (new - old for new, old in zip(after, before, strict=True))
    exchange.realize()
    accounts = (ALICE, BOB, CAROL)
    interest = {account: exchange.interest(account) for account in accounts}
    charged = -sum(ray for ray in interest.values() if ray < 0)
    earned = sum(ray for ray in interest.values() if ray > 0)
    # The indexes stand at one or close to it: what grows is the amount times their growth.
    index_debts, index_lends = before
    assert abs(charged - paying * USD * debts * RAY // index_debts) < RAY
    assert abs(earned - earning * USD * lends * RAY // index_lends) < RAY
    matched = min(paying, earning) * USD
    spread = matched * debts * RAY // index_debts - matched * lends * RAY // index_lends
    # What clearing has in hand of it has gone to the insurance fund.
    insured = exchange.mirror.ledger["USDC", "insurance:USDC"] * RAY
    assert abs(exchange.surplus_ray + insured - spread) < 2 * RAY


@pytest.mark.parametrize("steps", [[3_600] * 48, [600] * 288, [7_200, 10] * 23 + [6_970]])
def test_interest_accumulates_and_compounds(steps: list[int]) -> None:
    exchange = positioned(OFF, OFF, sizes=(100, -100))
    exchange.prices(SOL=110 * 10**8)
    exchange.realize()
    before = exchange.grown()
    for seconds in steps:
        exchange.wait(seconds)
        exchange.realize()
    after = exchange.grown()
    posted = [(event.account, event.hour_ns) for event in exchange.told(se.PositionInterestPosted)]
    assert len(set(posted)) == len(posted) <= 2 * 49, "once an hour"
    for account, sign, index in ((ALICE, 1, 1), (BOB, -1, 0)):
        # As if it had been lent, or borrowed, at the start; each sample rounds by an atom at most.
        expected = 1_000 * USD * (after[index] - before[index]) // before[index]
        assert expected > 200_000
        assert abs(sign * exchange.interest(account) // RAY - expected) <= len(steps) + 1


def test_closing_a_position_posts_its_interest() -> None:
    exchange = positioned(OFF, OFF, sizes=(100, -100))
    exchange.prices(SOL=110 * 10**8)
    exchange.realize()
    exchange.wait(1_800)
    exchange.trade(BOB, ALICE, 100, 110)
    for _ in range(3):
        exchange.wait(1_800)
        exchange.realize()
    posted = {ALICE: 0, BOB: 0}
    for event in exchange.told(se.PositionInterestPosted):
        posted[event.account] += event.amount_atoms
    earned, charged = posted[ALICE], posted[BOB]
    # From the sample to the one after the trade, an hour, at 6 % and 4 % of 1,000; then nothing.
    assert (charged, earned) == (-6_850, 4_566)
    assert exchange.available(ALICE, "USDC") == 101_000 * USD + earned
    assert exchange.available(BOB, "USDC") == 99_000 * USD + charged
    state = exchange.engine.state
    for account in (ALICE, BOB):
        position = state.accounts[account].positions[PERP.symbol]
        assert (position.quote, position.interest_ray, position.sample) == (0, 0, 0)
