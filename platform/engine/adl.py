"""The order in which those on the other side of a bankrupt position are reduced (ADL).

    score = max(0, profit) / entry × notional / equity

The highest first; an account that is liquidated itself comes last, of equals the lower number.
"""

from itertools import islice

from engine.answers import rejected
from engine.events import CommandRejected
from engine.listed_market import ListedMarket
from engine.maintenance import maintenance
from engine.positions import Position
from engine.questions import AdlRank, AdlRanks, AnyAnswer, AskAdlRanks, Unanswerable
from engine.rejects import Reject
from engine.state import State
from engine.units import PPM

# A question looks at no more positions than this: commands wait while it is answered.
MOST_RANKS = 500


def ranked(state: State, listed: ListedMarket, *, longs: bool) -> list[Position]:
    """Return one side's positions in the order in which they would be reduced."""
    mark_e8 = state.mark_e8(listed)
    found = [
        (rank_of(state, listed, position, mark_e8=mark_e8), position)
        for position in listed.perp_clearing().positions.values()
        if (position.lots > 0 if longs else position.lots < 0)
    ]
    return [position for _, position in sorted(found, key=lambda one: one[0].place)]


def rank_of(state: State, listed: ListedMarket, position: Position, *, mark_e8: int) -> AdlRank:
    """Return what a position's place among those of its side is decided by."""
    number = position.account_id
    notional = abs(listed.notional(position.lots, mark_e8))
    profit = max(0, listed.notional(position.lots, mark_e8) - position.entry_quote)
    equity = max(1, maintenance(state, state.accounts[number]).equity)
    score = profit * PPM // max(1, abs(position.entry_quote)) * notional * PPM // equity
    return AdlRank(
        account=number,
        is_long=position.lots > 0,
        is_liquidated=number in state.liquidations,
        score=str(score),
    )


def adl_ranks(state: State, question: AskAdlRanks, _at_ns: int) -> AnyAnswer:
    """Return what the places of a market's next holders are decided by."""
    listed = state.markets.get(question.market)
    if listed is None or not listed.is_perp:
        why = rejected(Reject.UNKNOWN_MARKET, f"there is no perpetual {question.market}")[0]
        assert isinstance(why, CommandRejected)
        return Unanswerable(why=why)
    positions, skip = listed.perp_clearing().positions, max(0, question.skip)
    mark_e8, end = state.mark_e8(listed), skip + MOST_RANKS
    ranks = [
        rank_of(state, listed, position, mark_e8=mark_e8)
        for position in islice(positions.values(), skip, end)
        if position.lots
    ]
    return AdlRanks(ranks=tuple(ranks), next_skip=end if end < len(positions) else None)
