"""Funding of perpetuals: what one side pays the other, so that the price stays near the index.

At each update of prices one sample of the premium is taken. When an hour is over it sets a rate,
whatever notices first: an update of prices, a trade, the engine's own schedule. From then on every
position owes rate × mark × lots for that hour, and pays (or gets) it when it is next touched:

    pays = lots × rate × mark, rounded up: who pays bears the part of an atom, who gets goes without
    quote −= pays        clearing.funding += pays

One hour is paid after the other, so that every payment is one of one hour. Σ over the positions of
an hour is the atoms lost by rounding: at least 0, and less than one a position. When all have paid,
they are the house's.
"""

from engine import realizing
from engine.answers import Events, rejected
from engine.book import BookSide
from engine.catalog import MarketState, PriceState
from engine.commands import PayFunding
from engine.funding_rates import premium_ppb
from engine.listed_market import ListedMarket
from engine.positions import Position
from engine.rejects import Reject
from engine.schedule import Work
from engine.settlement_events import FundingPaid, FundingRateSet, MarketFunded
from engine.state import State
from engine.units import HOUR_NS, AccountId, div_ceil

MAX_POSITIONS = 100_000
_TRUSTED = (PriceState.OK, PriceState.DEGRADED)
# Where takers may trade, so that a price which is off can be traded away.
_TRADING = (MarketState.OPEN, MarketState.LIMIT_ONLY)


# -- the rate ------------------------------------------------------------------------------------


def take_sample(state: State, listed: ListedMarket, index_e8: int) -> None:
    """Sample how far a perpetual trades from its index, if it can be told.

    It cannot while a side of the book is too thin, takers may not trade, or the index is old.
    """
    if state.prices[listed.market.base].state not in _TRUSTED or listed.state not in _TRADING:
        return
    bid, ask = impact_e8(listed, listed.book.bids), impact_e8(listed, listed.book.asks)
    if bid is not None and ask is not None:
        premium = premium_ppb(bid_e8=bid, ask_e8=ask, index_e8=index_e8)
        listed.perp_funding().sample(premium, state.at_ns)


def impact_e8(listed: ListedMarket, side: BookSide) -> int | None:
    """Return the mean price at which a side fills the impact notional; None if it is too thin.

    A bid is rounded down and an ask up: the sample is never further from 0 than the book is.
    """
    per_tick, left, lots = listed.quote_atoms_per_tick, listed.impact_atoms, 0
    for level in side.from_best():
        cost = level.price * level.lots * per_tick
        if cost < left:
            left -= cost
            lots += level.lots
            continue
        # Of the last level only a part is taken: left / (price × per_tick) lots.
        top = listed.impact_atoms * level.price * listed.market.tick_e8
        bottom = lots * level.price * per_tick + left
        return top // bottom if side.is_bid else div_ceil(top, bottom)
    return None


def tell_predicted(listed: ListedMarket, told: dict[str, int]) -> None:
    """Add the rate of the running hour to what is told, if it has changed."""
    funding = listed.perp_funding()
    predicted = funding.predicted_ppb(listed.market.funding)
    if predicted != funding.told_ppb:
        funding.told_ppb = told[listed.market.symbol] = predicted


def close_hours(state: State, listed: ListedMarket) -> None:
    """Set the rate of each hour that is over, at the mark of now: O(1) an hour.

    It is 0 with too few samples (so for hours that nobody saw), or while the index is not trusted.
    """
    funding, rules = listed.perp_funding(), listed.market.funding
    mark_e8 = state.mark_e8(listed)
    is_trusted = state.prices[listed.market.base].state in _TRUSTED
    known = funding.last_hour
    while funding.ends_ns <= state.at_ns:
        ends_ns, samples, premium = funding.ends_ns, funding.samples, funding.mean_ppb()
        counts = is_trusted and samples >= max(rules.samples_min, 1)
        rate = funding.predicted_ppb(rules) if counts else 0
        funding.close_hour(rate_ppb=rate, mark_e8=mark_e8)
        state.record.events.append(
            FundingRateSet(
                market=listed.market.symbol,
                ends_ns=ends_ns,
                rate_ppb=rate,
                premium_ppb=premium,
                mark_e8=mark_e8,
                samples=samples,
            )
        )
    if funding.last_hour != known:
        # Whoever pays is looked at.
        state.guards.changed |= dict.fromkeys(sorted(listed.perp_clearing().positions))
    # What margin has found of positions in this market is old.
    state.price_version += 1


def close_hours_of_all(state: State) -> None:
    """Set the rates of hours that are over in every perpetual."""
    for listed in state.markets.values():
        if listed.funding is not None and listed.funding.ends_ns <= state.at_ns:
            close_hours(state, listed)


def end_hour(state: State, _: int) -> None:
    """Do what the schedule has for a whole hour, and enter the next one."""
    close_hours_of_all(state)
    enter_next_hour(state)


def enter_next_hour(state: State) -> None:
    """Enter the next whole hour into the schedule."""
    state.schedule.add((state.at_ns // HOUR_NS + 1) * HOUR_NS, Work.FUNDING, 0)


# -- payments ------------------------------------------------------------------------------------


def pay(state: State, listed: ListedMarket, position: Position) -> None:
    """Have a position pay, or get, the funding of each hour that has closed since it last did.

    Whatever changes a position calls this first.
    """
    funding, clearing = listed.perp_funding(), listed.perp_clearing()
    if position.lots and position.funded_hour < funding.last_hour:
        for one in funding.since(position.funded_hour):
            pays = listed.funding_atoms(position.lots, rate_ppb=one.rate_ppb, mark_e8=one.mark_e8)
            position.fund(-pays)
            clearing.funding += pays
            state.record.events.append(
                FundingPaid(
                    account=position.account_id,
                    market=position.market,
                    asset=listed.market.quote,
                    position_id=position.position_id,
                    ends_ns=one.hour * HOUR_NS,
                    rate_ppb=one.rate_ppb,
                    lots=position.lots,
                    amount_atoms=-pays,
                )
            )
        state.record.positions[position] = None
    position.funded_hour = funding.closed_hour


def pay_funding(state: State, command: PayFunding) -> Events:
    """Have positions pay which nothing else has touched, for at most so many positions.

    When and how often changes no amount. Once all have paid, the atoms lost by rounding go to the
    house.
    """
    listed = state.markets.get(command.market)
    if listed is None or not listed.is_perp:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no perpetual {command.market}")
    if not 0 < command.positions_max <= MAX_POSITIONS:
        return rejected(
            Reject.INVALID_PARAMETER, f"go through 1 to {MAX_POSITIONS} positions at a time"
        )
    close_hours_of_all(state)
    funding, clearing = listed.perp_funding(), listed.perp_clearing()
    if not funding.unpaid:
        return (MarketFunded(market=command.market, positions=0),)
    if not funding.cursor:
        funding.passed_hour = funding.closed_hour
    waiting = sorted(number for number in clearing.positions if number > funding.cursor)
    for account_id in waiting[: command.positions_max]:
        pay(state, listed, clearing.positions[account_id])
        funding.cursor = account_id
    visited = min(len(waiting), command.positions_max)
    if visited < len(waiting):
        return (MarketFunded(market=command.market, positions=visited, done=False),)
    funding.cursor = AccountId(0)
    # An hour that closed meanwhile is paid by the next pass, and cleared away with it.
    done = funding.passed_hour == funding.closed_hour
    if done:
        _clear_away(state, listed)
    return (MarketFunded(market=command.market, positions=visited, done=done),)


def _clear_away(state: State, listed: ListedMarket) -> None:
    """Everybody has paid: forget the hours, and leave the atoms lost by rounding to the house."""
    funding, clearing = listed.perp_funding(), listed.perp_clearing()
    most = len(clearing.positions) * len(funding.unpaid)
    assert 0 <= clearing.funding <= most, f"{clearing.funding} of {most} atoms lost by rounding"
    funding.owe([])
    clearing.dust += clearing.funding
    clearing.funding = 0
    realizing.tell(state, listed)
