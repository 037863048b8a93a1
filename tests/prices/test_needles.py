"""Needles, from the venues' quotes to who is liquidated: one venue, all others, ours, and silence.

Alice is long a thousand dollars of SOL with sixty: 5 % lower she is liquidated. Prices go the whole
way: quotes of four venues a second, the index of them, the command it makes, the engine.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from engine import risk_events as re
from engine.catalog import Band, PriceState
from engine.units import PPB
from gateway.explained import Explained
from prices.indexes import Indexes, command_for
from prices.quotes import Quote
from prices.sources import Quotes
from prices.terms import Plan
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE
from tests.engine.listings import BTC_PERP, SOL_PERP
from tests.engine.test_liquidation import PERP, USD, Market
from tests.prices.made import quote

E8 = 10**8
# The venue that pricks is the heaviest.
WEIGHTS = {"north": 3, "east": 2, "south": 2, "west": 1}
PRICKED = "north"
# What a venue quotes for SOL, from its name and the time in milliseconds; None: nothing at all.
Says = Callable[[str, int], Quote | None]


class Street(Market):
    """The market of Alice and Bob, priced by four venues."""

    def __init__(self) -> None:
        # No band of the book's own helps: only marks are left to save her.
        free = Band(PPB // 2, 2 * PPB)
        perp = replace(
            SOL_PERP,
            min_impact_ppb=PPB // 2,
            max_impact_ppb=2 * PPB,
            mean_mark_band=free,
            premium_tolerance_ppb=PPB // 2,
            min_multiplier_ppb=PPB // 4,
        )
        super().__init__(markets=(BTC_PERP, perp))
        self._indexes = Indexes(Plan())
        self.explained: list[Explained] = []
        self.live(6, fair)
        self.told.clear()

    def live(self, seconds: int, says: Says) -> None:
        """Let seconds pass, each with what the venues say."""
        for _ in range(seconds):
            self.wait(1)
            now_ms = self.at_ns // 10**6
            listed = tuple(self.engine.state.assets)
            sol = [made for name in WEIGHTS if (made := says(name, now_ms)) is not None]
            btc = [of(name, 50_000, now_ms) for name in WEIGHTS]
            told = self._indexes.take(
                Quotes({"SOL": sol, "BTC": btc}),
                now_ms=now_ms,
                listed=listed,
                last_e8={one: price.now_e8 for one, price in self.engine.state.prices.items()},
            )
            self.explained.append(told["SOL"])
            self.accept(command_for(told, perps={PERP: "SOL"}, priced=listed))
            self.advance()

    @property
    def index(self) -> float:
        return self.engine.state.prices["SOL"].now_e8 / E8

    @property
    def lowest(self) -> float:
        return min(one.index_e8 or 0 for one in self.explained) / E8

    @property
    def states(self) -> set[PriceState]:
        return {one.state for one in self.explained}


def of(venue: str, price: float, now_ms: int, *, age_ms: int = 0) -> Quote:
    return quote(price, venue, weight=WEIGHTS[venue], now_ms=now_ms, age_ms=age_ms)


def fair(venue: str, now_ms: int) -> Quote:
    return of(venue, 100, now_ms)


def pricked(made: Callable[[Quote], Quote | None]) -> Says:
    """Have the heaviest venue say what `made` makes of its fair quote."""
    return lambda venue, now_ms: (
        made(fair(venue, now_ms)) if venue == PRICKED else fair(venue, now_ms)
    )


def times(factor: float) -> Callable[[Quote], Quote]:
    return lambda one: replace(
        one,
        bid_e8=round(one.bid_e8 * factor),
        ask_e8=round(one.ask_e8 * factor),
        last_e8=round(one.last_e8 * factor),
    )


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(times(0.7), id="30 % off"),
        pytest.param(times(1.3), id="30 % above"),
        pytest.param(times(1_000), id="a thousand times"),
        pytest.param(times(0.001), id="a thousandth"),
        pytest.param(times(0), id="zero"),
        pytest.param(lambda one: None, id="silent"),
        pytest.param(lambda one: replace(times(0.7)(one), at_ms=one.at_ms + 60_000), id="future"),
        pytest.param(lambda one: replace(times(0.7)(one), at_ms=one.at_ms - 60_000), id="old"),
        pytest.param(lambda one: replace(one, bid_e8=one.ask_e8, ask_e8=one.bid_e8), id="crossed"),
        pytest.param(
            lambda one: replace(one, bid_e8=one.bid_e8 * 7 // 10), id="a hole in its book"
        ),
    ],
)
def test_a_needle_on_one_venue_is_not_seen(made: Callable[[Quote], Quote | None]) -> None:
    street = Street()
    before = street.equity(ALICE), street.equity(BOB)
    street.live(60, pricked(made))
    street.live(30, fair)
    assert street.lowest == street.index == 100
    assert street.states == {PriceState.OK}
    assert not street.of(re.LiquidationStarted, re.MarginStatusChanged)
    assert (street.equity(ALICE), street.equity(BOB)) == before


def test_a_needle_on_all_venues_but_ours_is_over_before_the_index_is_there() -> None:
    street = Street()
    street.live(3, lambda venue, now_ms: of(venue, 80, now_ms))
    # A quarter of a percent a second: 20 % would take a minute and a half.
    assert 99.25 <= street.index < 99.26
    street.live(30, fair)
    assert street.index == 100
    assert not street.of(re.LiquidationStarted)


def test_what_all_venues_go_on_saying_is_a_price() -> None:
    street = Street()
    street.limit(CAROL, BID, 2_000, 9_450, PERP)
    street.live(30, lambda venue, now_ms: of(venue, 94, now_ms))
    assert street.index == 94
    assert [event.account for event in street.of(re.LiquidationStarted)] == [ALICE]
    # Her position was sold on the book, and a part of her money is left to her.
    assert street.position(ALICE)[0] == 0
    assert 0 < street.equity(ALICE) < 60 * USD


def test_a_needle_on_our_own_book_liquidates_nobody() -> None:
    street = Street()
    street.limit(CAROL, BID, 500, 7_000, PERP)
    street.limit(CAROL, ASK, 500, 10_010, PERP)
    street.live(5, fair)
    # There is one bid, at 70, and somebody sells into it for a minute.
    for _ in range(60):
        street.limit(DAVE, ASK, 5, 7_000, PERP)
        street.live(1, fair)
    assert street.engine.state.markets[PERP].book.last_price == 7_000
    assert street.mirror.mark_e8[PERP] == 100 * E8
    assert not street.of(re.LiquidationStarted, re.MarginStatusChanged)


def test_nobody_is_liquidated_by_a_price_that_is_not_there() -> None:
    street = Street()
    street.limit(CAROL, BID, 2_000, 9_300, PERP)
    street.told.clear()
    street.live(60, lambda venue, now_ms: None)
    assert street.explained[-1].state is PriceState.STALE
    # It comes back 6 % lower: nothing is decided before it has been trusted again.
    street.explained.clear()
    for _ in range(60):
        street.live(1, lambda venue, now_ms: of(venue, 94, now_ms))
        if street.of(re.LiquidationStarted):
            break
    assert len(street.explained) > Plan().terms_of("SOL").good_ticks
    assert [event.account for event in street.of(re.LiquidationStarted)] == [ALICE]
    assert street.explained[-1].state in (PriceState.OK, PriceState.DEGRADED)
