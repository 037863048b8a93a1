"""Circuit breakers: a mark that moves too far in too short a time holds its market up.

After each new mark it is compared with those of the last minutes, back to the last trip: one move
trips once. A second trip within a while is answered more strictly. See catalog.BreakerRules.
"""

from engine import market_states
from engine.catalog import OPEN, BreakerRules, MarketState
from engine.listed_market import ListedMarket
from engine.market_states import MILLISECOND_NS
from engine.prices import Price
from engine.schedule import Work
from engine.state import State


def watch(state: State, listed: ListedMarket) -> None:
    """Trip a market's breaker if its mark, for spot its base's index, has moved too far."""
    rules = listed.market.breaker
    if rules is None:
        return
    price = state.prices[listed.market.base] if listed.mark is None else listed.mark.price
    if _moved_too_far(rules, price, now_ns=state.at_ns, since_ns=listed.breaker.tripped_ns):
        _trip(state, listed, rules)


def _moved_too_far(rules: BreakerRules, price: Price, *, now_ns: int, since_ns: int) -> bool:
    short_ns = max(since_ns, now_ns - rules.short_ms * MILLISECOND_NS)
    long_ns = max(since_ns, now_ns - rules.long_ms * MILLISECOND_NS)
    return price.moved(short_ns, limit_ppb=rules.short_move_ppb) or price.moved(
        long_ns, limit_ppb=rules.long_move_ppb
    )


def _trip(state: State, listed: ListedMarket, rules: BreakerRules) -> None:
    breaker, now_ns = listed.breaker, state.at_ns
    until_ns = market_states.until_ns(listed)
    tripped_ns, breaker.tripped_ns = breaker.tripped_ns, now_ns
    if tripped_ns and now_ns - tripped_ns <= rules.repeat_ms * MILLISECOND_NS:
        breaker.state = MarketState.POST_ONLY
        breaker.until_ns = now_ns + rules.post_only_ms * MILLISECOND_NS
    else:
        breaker.state = MarketState.LIMIT_ONLY
        breaker.until_ns = now_ns + rules.limit_only_ms * MILLISECOND_NS
    state.schedule.add(breaker.until_ns, Work.BREAKER, listed.number)
    # A third trip orders what the second did, for longer: that is told too.
    if market_states.find(state, listed) or until_ns != market_states.until_ns(listed):
        state.record.events.append(market_states.told(listed))


def release(state: State, number: int) -> None:
    """Lift what a breaker has ordered, unless it has tripped again meanwhile."""
    listed = market_states.market_numbered(state, number)
    breaker = listed.breaker
    if breaker.state is OPEN or breaker.until_ns > state.at_ns:
        return
    breaker.state, breaker.until_ns = OPEN, 0
    market_states.settle(state, listed)
