"""What everybody and the house has, exactly: by asset, in atoms × 10^27.

For each asset, over all accounts and the house, it sums to zero, whatever has happened between:

    Σ account + insurance + fees + carried + outside = 0

An account: what is available, locked and lent, less what is owed, and its positions at the mark.
Insurance and fees: their ledger accounts, and what positions owe them (dust). Carried: the reserve
of the pool, and what clearing holds beyond what positions have paid in: interest, funding and
atoms of rounding on their way. Outside: custody and withdrawals in flight.
"""

from collections import defaultdict
from typing import NamedTuple

from engine.clearing import Clearing
from engine.listed_market import ListedMarket
from engine.pools import Pool
from engine.state import Account, State
from engine.units import MICROS, PRICE_SCALE, RAY

Rays = dict[str, int]


class House(NamedTuple):
    """What is not any account's, by asset."""

    insurance: Rays
    fees: Rays
    carried: Rays
    outside: Rays


def worth_of(state: State, account: Account) -> Rays:
    """Return what an account has by asset, lends that are no collateral as well."""
    found: Rays = defaultdict(int)
    for asset, holding in account.holdings.items():
        pool = state.pools[asset]
        found[asset] += (holding.available.atoms + holding.locked.atoms) * RAY
        found[asset] += holding.lend_scaled * pool.buckets[holding.bucket].index
        found[asset] -= holding.debt_scaled * pool.debt_index
    for market, position in account.positions.items():
        listed = state.markets[market]
        owed = position.quote - listed.owed_funding(position)
        found[listed.market.quote] += owed * RAY + at_mark_ray(state, listed, position.lots)
    return {asset: ray for asset, ray in found.items() if ray}


def at_mark_ray(state: State, listed: ListedMarket, lots: int) -> int:
    """Return what lots come to at the mark; exact for assets of up to 25 decimals."""
    numerator = lots * listed.market.lot_atoms * state.mark_e8(listed) * RAY
    whole, rest = divmod(numerator, listed.notional_divisor)
    assert not rest, f"the mark of {listed.market.symbol} is no whole number of rays"
    return whole


def house_of(state: State) -> House:
    """Return what the house has, owes and carries."""
    house = House(*(defaultdict(int) for _ in House._fields))
    by_kind = {"insurance": house.insurance, "fees": house.fees}
    by_kind |= {"custody": house.outside, "in_flight": house.outside}
    for account in state.ledger.house.values():
        kind = account.name.partition(":")[0]
        by_kind.get(kind, house.carried)[account.asset] += account.atoms * RAY
    for asset, pool in state.pools.items():
        house.carried[asset] += pool.reserve
    for listed in state.markets.values():
        if listed.clearing is not None:
            asset, clearing = listed.market.quote, listed.clearing
            house.insurance[asset] += clearing.insured_dust * RAY
            house.fees[asset] += (clearing.dust - clearing.insured_dust) * RAY
            house.carried[asset] += _carried(listed, clearing, state.pools[asset])
    return house


def _carried(listed: ListedMarket, clearing: Clearing, pool: Pool) -> int:
    funding = clearing.funding + sum(
        listed.owed_funding(position) for position in clearing.positions.values()
    )
    paid_in = clearing.settled - clearing.interest - funding
    return clearing.backing_ray(pool) - paid_in * RAY


def micros_of(state: State, worth: Rays) -> int:
    """Return what it is worth at the index prices in micros of a dollar, rounded down."""
    return sum(
        ray
        * state.prices[asset].now_e8
        * MICROS
        // (RAY * PRICE_SCALE * 10 ** state.assets[asset].decimals)
        for asset, ray in worth.items()
    )
