"""The mark of a perpetual: what its book may say beside its index, and what it may not."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine.catalog import MarkRules, PriceState
from engine.marks import Mark
from engine.units import PPB, SECOND_NS
from tests.engine.driver import ASK, BID, BOB, CAROL, Exchange
from tests.engine.listings import SOL_PERP
from tests.engine.test_vectors import VECTORS, near, scaled

PERP = SOL_PERP.symbol
E8 = 10**8
HUNDRED = 100 * E8
USD = 10**6


class Marked(Exchange):
    """SOL at 100, and a book that two rich accounts quote."""

    def __init__(self, **rules: int) -> None:
        super().__init__(markets=(replace(SOL_PERP, mark=MarkRules(**rules)),))
        for account in (BOB, CAROL):
            self.deposit(account, "USDC", 10_000_000 * USD)

    def quote(self, *, bid: int, ask: int, lots: int = 2_000) -> None:
        """Have Bob quote anew, in ticks of a cent."""
        self.accept(c.CancelAllOrders(account=BOB, market=PERP))
        self.limit(BOB, BID, lots, bid, PERP)
        self.limit(BOB, ASK, lots, ask, PERP)

    def tick(
        self,
        index_e8: int = HUNDRED,
        *,
        seconds: int = 1,
        outside_e8: int | None = None,
        state: PriceState = PriceState.OK,
    ) -> int:
        """Let seconds pass, each with its prices; return the mark."""
        for _ in range(seconds):
            self.wait(1)
            self.accept(
                c.UpdatePrices(
                    prices_e8={"SOL": index_e8, "USDC": E8},
                    states={"SOL": state},
                    perps_e8={} if outside_e8 is None else {PERP: outside_e8},
                )
            )
            self.advance()
        return self.mirror.mark_e8[PERP]


def test_the_mean_of_samples_is_that_of_the_example() -> None:
    vector = VECTORS["D4"]
    for tau, expected in zip(vector["inputs"]["tau_s"], vector["expected"], strict=True):
        mark, now = Mark(), 1_000 * SECOND_NS
        for number, (seconds, sample) in enumerate(vector["inputs"]["samples"]):
            elapsed = int(seconds) * SECOND_NS
            now += elapsed
            mark.sample(scaled(sample, E8), now, tau_ns=int(tau) * SECOND_NS)
            if not number:
                # The first sample of all counts for a second here; in the example for three.
                mark.area, mark.weight = mark.area * 3, mark.weight * 3
        assert near(Decimal(mark.basis_e8(warm_ns=0)) / E8, expected, "0.0000001")


def test_one_update_moves_a_mark_by_no_more_than_its_step() -> None:
    inputs, expected = VECTORS["D5"]["inputs"], VECTORS["D5"]["expected"]
    market = Marked(step_ppb=scaled(inputs["max"], PPB) - PPB)
    assert market.tick() == scaled(inputs["prev"], E8)
    target = scaled(inputs["target"], E8)
    marks = [market.tick(target)]
    while marks[-1] != target:
        marks.append(market.tick(target))
    assert marks[0] == scaled(expected["after_1"], E8)
    assert len(marks) == int(expected["updates_needed"])


def test_a_mark_stays_within_its_band_around_the_index() -> None:
    inputs = VECTORS["D6"]["inputs"]
    for raw, expected in zip(inputs["raw"], VECTORS["D6"]["expected"], strict=True):
        market = Marked(band_ppb=scaled(inputs["band"], PPB))
        # Our book and other venues say the same: two of three.
        market.quote(bid=int(raw) * 100 - 1, ask=int(raw) * 100 + 1)
        mark = market.tick(scaled(inputs["index"], E8), outside_e8=scaled(raw, E8))
        assert mark == scaled(expected, E8), raw


@pytest.mark.parametrize(
    ("bid", "ask", "lots", "outside", "mark"),
    [
        pytest.param(9_990, 10_010, 2_000, None, 100.0, id="a book around the index"),
        pytest.param(
            10_040, 10_060, 2_000, None, 100.4, id="a premium that lasts: what is bid, not the mean"
        ),
        pytest.param(9_840, 9_860, 2_000, None, 98.5, id="a discount that lasts"),
        pytest.param(10_600, 10_620, 2_000, None, 102.0, id="the basis at its limit"),
        pytest.param(9_040, 9_060, 2_000, None, 98.0, id="and below"),
        pytest.param(10_600, 10_620, 2_000, 103, 103.0, id="other venues see half of it"),
        pytest.param(10_600, 10_620, 2_000, 99, 102.0, id="they do not: the middle one counts"),
        pytest.param(10_040, 10_060, 9, None, 100.0, id="too little to say anything"),
        pytest.param(9_000, 11_000, 2_000, None, 100.0, id="nothing within 1 % of its middle"),
    ],
)
def test_what_a_book_that_stands_makes_of_the_mark(
    bid: int, ask: int, lots: int, outside: int | None, mark: float
) -> None:
    market = Marked()
    market.quote(bid=bid, ask=ask, lots=lots)
    outside_e8 = None if outside is None else outside * E8
    # The mean of samples is rounded down.
    assert 0 <= round(mark * E8) - market.tick(seconds=120, outside_e8=outside_e8) <= 1


def test_a_basis_counts_when_its_samples_span_the_time_they_must() -> None:
    market = Marked(warm_ms=30_000)
    market.quote(bid=10_040, ask=10_060)
    assert market.tick(seconds=30) == HUNDRED
    assert market.tick(seconds=1) == round(100.4 * E8)


def test_a_book_pushed_for_a_moment_moves_the_mark_by_a_fraction_of_the_bound() -> None:
    market = Marked()
    market.quote(bid=9_999, ask=10_001)
    market.tick(seconds=120)
    market.quote(bid=14_990, ask=15_010)
    # Three seconds at 50 % above count as three at 2 %, beside a minute at nothing.
    pushed = market.tick(seconds=3)
    assert HUNDRED < pushed < round(100.12 * E8)
    market.quote(bid=9_999, ask=10_001)
    assert market.tick(seconds=300) < round(100.001 * E8)


@pytest.mark.parametrize("state", [PriceState.STALE, PriceState.HALT])
def test_while_the_index_is_not_trusted_the_mark_stands_still(state: PriceState) -> None:
    market = Marked()
    market.quote(bid=9_990, ask=10_010)
    market.tick(seconds=60)
    assert market.tick(80 * E8, state=state, seconds=5) == HUNDRED


def test_five_marks_have_a_median_which_one_of_them_does_not_move() -> None:
    market = Marked()
    market.tick(seconds=10)
    market.tick(90 * E8)
    mark = market.engine.state.markets[PERP].perp_mark()
    assert (mark.price.now_e8, mark.median_e8()) == (90 * E8, HUNDRED)
    market.tick(90 * E8, seconds=2)
    assert mark.median_e8() == 90 * E8
