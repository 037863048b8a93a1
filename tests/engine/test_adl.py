"""Who is reduced first: one score for the engine itself and for whoever asks where they stand."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import adl
from engine import commands as c
from engine import risk_events as re
from engine.adl import ranked
from engine.kinds import SystemOrder
from engine.questions import AdlRank, AdlRanks, AskAdlRanks, Unanswerable
from engine.rejects import Reject
from engine.units import AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE
from tests.engine.test_liquidation import HUNDRED, PERP, USD, Market, gap


def asked(market: Market) -> list[AdlRank]:
    """Return all ranks of the market, asked for part by part."""
    found: list[AdlRank] = []
    skip: int | None = 0
    while skip is not None:
        answer = market.engine.ask(AskAdlRanks(market=PERP, skip=skip), at_ns=market.at_ns)
        assert isinstance(answer, AdlRanks)
        found += answer.ranks
        skip = answer.next_skip
    return found


@given(
    held=st.lists(st.integers(1, 400), min_size=3, max_size=3),
    sol=st.sampled_from([9_800, 9_900, 10_000, 10_200, 11_000]),
    poor=st.integers(1, 5_000),
)
def test_what_is_asked_is_the_order_in_which_the_engine_reduces(
    held: list[int], sol: int, poor: int
) -> None:
    market = Market(cash=5_000)
    for account, lots, price in zip((CAROL, DAVE, BOB), held, (9_990, 10_000, 10_010), strict=True):
        market.limit(ALICE, BID, lots, price, PERP)
        market.limit(account, ASK, lots, price, PERP)
    market.deposit(DAVE, "USDC", poor * USD)
    market.tick(sol * 10**6)
    listed = market.engine.state.markets[PERP]
    for longs in (False, True):
        mine = sorted((one for one in asked(market) if one.is_long is longs), key=lambda o: o.place)
        theirs = [one.account_id for one in ranked(market.engine.state, listed, longs=longs)]
        assert [one.account for one in mine] == theirs
        scores = [score(market, account) for account in theirs]
        assert all(a >= b - Fraction(1, 1_000) for a, b in pairwise(scores)), scores


def score(market: Market, account: AccountId) -> Fraction:
    """Return profit / entry × notional / equity, once more and without rounding."""
    lots, _ = market.position(account)
    entry = market.engine.state.accounts[account].positions[PERP].entry_quote
    worth = Fraction(lots * 10**7 * market.engine.state.markets[PERP].perp_mark().price.now_e8)
    worth /= 10**11
    profit = max(Fraction(0), worth - entry)
    return profit / abs(entry) * abs(worth) / market.equity(account)


def test_a_large_market_is_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market(cash=5_000)
    market.limit(CAROL, ASK, 10, 10_000, PERP)
    market.limit(ALICE, BID, 10, 10_000, PERP)
    whole = asked(market)
    assert sorted(one.account for one in whole) == [ALICE, BOB, CAROL]
    monkeypatch.setattr(adl, "MOST_RANKS", 1)
    assert asked(market) == whole
    beyond = market.engine.ask(AskAdlRanks(market=PERP, skip=10**12), at_ns=market.at_ns)
    assert beyond == AdlRanks(ranks=(), next_skip=None)


@pytest.mark.parametrize("symbol", ["SOL_USDC", "NOWHERE", ""])
def test_only_perpetuals_have_ranks(symbol: str) -> None:
    market = Market()
    answer = market.engine.ask(AskAdlRanks(market=symbol), at_ns=market.at_ns)
    assert isinstance(answer, Unanswerable)
    assert answer.why.code is Reject.UNKNOWN_MARKET


def test_who_took_over_is_told_with_what_it_was_worth() -> None:
    market = gap(insurance=0)
    (reduced,) = market.of(re.PositionTakenOver)
    assert (reduced.account, reduced.taker, reduced.side) == (ALICE, BOB, ASK)
    assert (reduced.system, reduced.lots) == (SystemOrder.LIQUIDATE_ON_ADL, 1_000)
    assert reduced.quote_atoms == reduced.price_ticks * 1_000 * 100
    backed = Market()
    offer = 10_000 * USD
    backed.accept(c.SetBackstop(account=DAVE, market=PERP, minute_micros=offer, hour_micros=offer))
    backed.tick(HUNDRED, seconds=6)
    backed.tick(9_450 * 10**6, seconds=3)
    taken = backed.of(re.PositionTakenOver)
    assert {(one.account, one.taker, one.system) for one in taken} == {
        (ALICE, DAVE, SystemOrder.LIQUIDATE_ON_BACKSTOP)
    }
    room = backed.engine.state.backstops[PERP][DAVE].room_micros(backed.at_ns)
    assert sum(one.worth_atoms for one in taken) == offer - room
