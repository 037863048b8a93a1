"""Interest on profit and loss that is not realized: from sample to sample, posted by the hour.

A profit is sampled as if it were lent, a loss as if it were borrowed: scaled, by the indexes of
the quote asset's pool. So a loss pays exactly what a loan of the same size would, and what all
losses pay covers what was advanced to winners against them. Profits get what lends get, as far as
losses have paid for it; the rest is the house's, and is never below zero.
"""

from engine.clearing import Clearing
from engine.listed_market import ListedMarket
from engine.pools import Pool
from engine.positions import Position
from engine.settlement_events import PositionInterestPosted
from engine.state import State
from engine.units import HOUR_NS, RAY, div_ceil


def pay_interest(clearing: Clearing, pool: Pool) -> None:
    """Charge losses and credit profits for the time since they were sampled, in atoms × ray."""
    debt_growth = pool.debt_index - clearing.sampled_debt_index
    lend_growth = max(0, pool.buckets[0].index - clearing.sampled_lend_index)
    charged = clearing.losses_scaled * debt_growth
    earned = clearing.gains_scaled * lend_growth
    there = charged + clearing.house_ray(pool)
    # Rounding that is not yet reimbursed may leave it short by a part of an atom.
    assert there > -RAY, f"clearing of {pool.asset.symbol} owes {-there} more than losses pay"
    there = max(there, 0)
    for position in clearing.positions.values():
        scaled = position.sample
        if scaled < 0:
            position.interest_ray += scaled * debt_growth
            clearing.unposted_ray += scaled * debt_growth
        elif scaled > 0:
            part = scaled * lend_growth
            if earned > there:
                # Never more than losses have paid.
                part = part * there // earned
            position.interest_ray += part
            clearing.unposted_ray += part
    clearing.losses_scaled = clearing.gains_scaled = 0
    clearing.sampled_debt_index = pool.debt_index
    clearing.sampled_lend_index = pool.buckets[0].index


def sample(clearing: Clearing, pool: Pool, position: Position, profit: int) -> None:
    """Have `profit` (a loss, if negative; in quote atoms) bear interest from now on."""
    if profit < 0:
        loss = div_ceil(-profit * RAY, pool.debt_index)
        clearing.losses_scaled += loss
        position.sample = -loss
    else:
        position.sample = gain = profit * RAY // pool.buckets[0].index
        clearing.gains_scaled += gain


def post_interest(state: State, listed: ListedMarket, position: Position, *, hour: int) -> None:
    """Put whole atoms of interest into the position's quote, once an hour.

    The remainder waits for the next hour; of a position that is closed it goes to the house.
    """
    closed = not position.lots and not position.sample
    if not position.interest_ray or (hour == position.posted_hour and not closed):
        return
    clearing, whole = listed.perp_clearing(), abs(position.interest_ray) // RAY
    if closed:
        amount, posted_ray = position.interest_ray // RAY, position.interest_ray
    else:
        amount = whole if position.interest_ray > 0 else -whole
        posted_ray = amount * RAY
    position.posted_hour = hour
    position.interest_ray -= posted_ray
    clearing.unposted_ray -= posted_ray
    if not amount:
        return
    clearing.interest -= amount
    position.interest += amount
    position.move_quote(amount)
    state.guards.changed[position.account_id] = None
    state.record.positions[position] = None
    state.record.events.append(
        PositionInterestPosted(
            account=position.account_id,
            market=position.market,
            asset=listed.market.quote,
            position_id=position.position_id,
            amount_atoms=amount,
            hour_ns=hour * HOUR_NS,
        )
    )
