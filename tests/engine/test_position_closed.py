"""What is told of a position when it goes flat or turns: the sum of its fills, to the atom."""

import random
from collections.abc import Iterator

import pytest

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import settlement_events as se
from engine.engine import Engine
from engine.snapshot import digest, dump_state, load_state
from engine.units import AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, Exchange
from tests.engine.settled import USD, Settled

PERP = "SOL_USDC_PERP"
# Quote atoms of one lot (0.01 SOL) at one dollar.
LOT = 10_000


class Told(Exchange):
    """Keeps what was told of closed positions."""

    def __init__(self) -> None:
        self.closed: list[e.PositionClosed] = []
        self.fills: list[oe.OrderFilled] = []
        super().__init__()
        for account in (ALICE, BOB, CAROL, DAVE):
            self.deposit(account, "USDC", 10**12)

    def apply(self, command: c.AnyCommand, *, command_id: str | None = None) -> tuple[e.Event, ...]:
        events = super().apply(command, command_id=command_id)
        self.closed += [event for event in events if isinstance(event, e.PositionClosed)]
        self.fills += [event for event in events if isinstance(event, oe.OrderFilled)]
        return events

    def trade(self, lots: int, dollars: int) -> None:
        """Have Alice, as the taker, buy (or sell, if negative) from Bob."""
        maker, taker = (ASK, BID) if lots > 0 else (BID, ASK)
        self.limit(BOB, maker, abs(lots), dollars * 100, PERP)
        self.limit(ALICE, taker, abs(lots), dollars * 100, PERP)

    def of_alice(self) -> list[tuple[int, ...]]:
        """Return lots, cost, proceeds, profit and fees of her closed positions."""
        return [
            (
                one.lots,
                one.entry_quote_atoms,
                one.closed_quote_atoms,
                one.realized_atoms,
                one.fees_atoms,
            )
            for one in self.closed
            if one.account == ALICE
        ]


@pytest.mark.parametrize(
    ("trades", "expected"),
    [
        # Bought 100 lots at 100, sold at 103: 3 dollars; fees of 0.05 % of 100 and of 103.
        (((100, 100), (-100, 103)), [(100, 100 * USD, 103 * USD, 3 * USD, 101_500)]),
        # The same short: 3 dollars lost.
        (((-100, 100), (100, 103)), [(-100, 100 * USD, 103 * USD, -3 * USD, 101_500)]),
        # Two entries (100 and 104), two exits (105 and 110): 40 × 3 + 160 × 8 hundredths.
        (
            ((100, 100), (100, 104), (-40, 105), (-160, 110)),
            [(200, 204 * USD, 218 * USD, 14 * USD, 211_000)],
        ),
        # Sold 150 of 100 lots at 103: two thirds of the fee (0.07725) belong to the old position.
        (((100, 100), (-150, 103)), [(100, 100 * USD, 103 * USD, 3 * USD, 50_000 + 51_500)]),
        # And turned back: the short of 50 ends at 101, with its third of that fee.
        (
            ((100, 100), (-150, 103), (60, 101)),
            [
                (100, 100 * USD, 103 * USD, 3 * USD, 101_500),
                (-50, 51_500_000, 50_500_000, USD, 25_750 + 25_250),
            ],
        ),
        # Reduced, but never flat: nothing is told yet.
        (((100, 100), (-99, 103)), []),
    ],
)
def test_a_closed_position_is_told_whole(
    trades: tuple[tuple[int, int], ...], expected: list[tuple[int, ...]]
) -> None:
    exchange = Told()
    for lots, dollars in trades:
        exchange.trade(lots, dollars)
    assert exchange.of_alice() == expected


def test_what_is_closed_so_far_is_told_with_the_open_position() -> None:
    exchange = Told()
    exchange.trade(100, 100)
    exchange.trade(-30, 103)
    exchange.trade(-20, 99)
    position = exchange.mirror.positions[ALICE, PERP]
    assert (position.lots, position.closed_lots) == (50, 50)
    assert position.closed_quote_atoms == 30 * 103 * LOT + 20 * 99 * LOT
    exchange.trade(-60, 100)
    position = exchange.mirror.positions[ALICE, PERP]
    assert (position.lots, position.closed_lots, position.closed_quote_atoms) == (-10, 0, 0)


def test_a_position_knows_when_it_was_opened_and_closed_and_has_its_own_number() -> None:
    exchange = Told()
    opened_at = exchange.at_ns
    exchange.trade(100, 100)
    number = exchange.mirror.positions[ALICE, PERP].position_id
    exchange.wait(60)
    exchange.trade(-150, 100)
    (closed,) = [one for one in exchange.closed if one.account == ALICE]
    assert (closed.position_id, closed.opened_at_ns) == (number, opened_at)
    assert closed.closed_at_ns == exchange.at_ns
    assert exchange.mirror.positions[ALICE, PERP].position_id > number


def test_settlement_does_not_move_the_prices_of_a_position() -> None:
    """Alice is paid her open profit at 110, then sells at 105: she has gained 5 a SOL in all."""
    exchange = Settled()
    for account in (ALICE, BOB):
        exchange.deposit(account, "USDC", 50_000 * USD)
    exchange.trade(ALICE, BOB, 100, 100)
    exchange.prices(SOL=110 * 10**8)
    exchange.accept(c.AutoRealize(market=PERP))
    assert sum(one.amount_atoms for one in exchange.told(se.ProfitRealized)) == 0
    assert exchange.told(se.ProfitRealized), "nothing was settled"
    exchange.trade(BOB, ALICE, 100, 105)
    closed = {one.account: one for one in exchange.told(e.PositionClosed)}
    assert {account: one.realized_atoms for account, one in closed.items()} == {
        ALICE: 500 * USD,
        BOB: -500 * USD,
    }
    assert closed[ALICE].entry_quote_atoms == closed[BOB].entry_quote_atoms == 10_000 * USD
    assert closed[ALICE].closed_quote_atoms == 10_500 * USD


@pytest.mark.parametrize("seed", range(5))
def test_closed_positions_add_up_to_their_fills(seed: int) -> None:
    exchange, rng = Told(), random.Random(seed)
    for number in range(300):
        account = rng.choice((ALICE, BOB, CAROL, DAVE))
        side, dollars = rng.choice((BID, ASK)), rng.randint(99, 101)
        exchange.limit(account, side, rng.randint(1, 60), dollars * 100 + rng.randint(0, 99), PERP)
        if number == 150:
            state = exchange.engine.state
            exchange.engine = Engine(load_state(dump_state(state)))
            assert digest(exchange.engine.state) == digest(state)
    told = [
        (one.account, one.lots, one.entry_quote_atoms, one.closed_quote_atoms, one.fees_atoms)
        for one in exchange.closed
    ]
    assert len(told) > 5
    assert sorted(told) == sorted(naive(exchange.fills))
    for one in exchange.closed:
        gained = one.closed_quote_atoms - one.entry_quote_atoms
        assert one.realized_atoms == (gained if one.lots > 0 else -gained)


def naive(fills: list[oe.OrderFilled]) -> Iterator[tuple[AccountId, int, int, int, int]]:
    """Yield what each closed position must be, from the fills alone, lot by lot."""
    held: dict[AccountId, list[int]] = {}
    for fill in fills:
        sign = 1 if fill.terms.side is BID else -1
        per_lot = fill.quote_atoms // fill.lots
        lots, entered, closed, paid_in, paid_out, fees = held.get(fill.terms.account, [0] * 6)
        turning = min(fill.lots, abs(lots)) if lots * sign < 0 else fill.lots
        first_fee = fill.fee_atoms * turning // fill.lots
        parts = ((turning, first_fee), (fill.lots - turning, fill.fee_atoms - first_fee))
        for part, fee in parts:
            if not part:
                continue
            fees += fee
            if lots * sign >= 0:
                entered, paid_in = entered + part * sign, paid_in + part * per_lot
            else:
                closed, paid_out = closed + part, paid_out + part * per_lot
            lots += part * sign
            if not lots:
                yield fill.terms.account, entered, paid_in, paid_out, fees
                entered = closed = paid_in = paid_out = fees = 0
        held[fill.terms.account] = [lots, entered, closed, paid_in, paid_out, fees]
