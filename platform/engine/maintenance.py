"""Maintenance margin: whether an account must be liquidated, and how far that is away.

    safe         equity ≥ margin
    closing      Σ max(margin / 2, margin − 6 % of the notional), below which there is no time left
    real equity  what is owned at its full value, less the cost of selling it, less what is owed

Haircuts decide when an account is liquidated; real equity decides whether it is bankrupt.
"""

from typing import NamedTuple

from engine.catalog import PriceState
from engine.guards import NO_BOUND, Bounds
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.margin import collateral_micros, fraction_ppb, unrealized, value_ceil, value_floor
from engine.positions import Position
from engine.state import Account, State
from engine.units import PPB, PPM, SECOND_NS, div_ceil

# The auto-close fraction: max(fraction / 2, fraction − 6 %).
_CLOSING_OFF_PPB = 60_000_000
# What selling an asset costs at most, fee and impact together, in the estimate of real equity.
SALE_COST_PPB = 10_000_000
# The margin of a fraction that grows with the root of the size grows by less than 1.6 times the
# share by which a price rises, as long as that is below a tenth: (1 + d)^1.5 ≤ 1 + 1.6 d.
_GROWTH_PER_MILLE = 1_600
_MOST_PPB = PPB // 10
# A price that was not updated for so long decides nothing.
PRICE_AGE_NS = 30 * SECOND_NS
# Roundings of each part, and what settlements shave off between two looks, in micros.
_SLACK_MICROS = 20_000


class Risk(NamedTuple):
    """What one holding or position adds, in micros; the losses are for a move by the whole price.

    `key` names the price that it hangs on, `down` and `up` what equity less margin loses at most,
    per unit of a fall or rise.
    """

    key: str
    value: int
    equity: int
    margin: int = 0
    closing: int = 0
    notional: int = 0
    down: int = 0
    up: int = 0


class Maintenance(NamedTuple):
    """An account's equity and what it must keep, in micros of a dollar."""

    equity: int
    margin: int
    closing: int
    risks: tuple[Risk, ...]

    @property
    def is_met(self) -> bool:
        return self.equity >= self.margin


def maintenance(state: State, account: Account, *, recent: bool = False) -> Maintenance:
    """Return an account's maintenance margin; its pools must have been accrued.

    Args:
        recent: at the median of the marks of the last seconds, not at the last one.
    """
    risks = [
        risk
        for holding in account.holdings.values()
        for risk in holding_risks(state, holding, state.prices[holding.asset].now_e8)
    ]
    for position in account.positions.values():
        if position.lots or position.quote:
            listed = state.markets[position.market]
            mark = listed.perp_mark()
            mark_e8 = mark.median_e8() if recent else mark.price.now_e8
            risks.append(position_risk(listed, position, mark_e8))
    return Maintenance(
        equity=sum(risk.equity for risk in risks),
        margin=sum(risk.margin for risk in risks),
        closing=sum(risk.closing for risk in risks),
        risks=tuple(risks),
    )


def holding_risks(state: State, holding: Holding, price_e8: int) -> list[Risk]:
    """Return what a holding adds if its asset is worth `price_e8`."""
    symbol = holding.asset
    asset, pool = state.assets[symbol], state.pools[symbol]
    owned = holding.available.atoms + holding.locked.atoms
    if holding.lend_scaled:
        owned += pool.lend_atoms(holding.seizable_scaled, holding.bucket)
    found = []
    if owned:
        worth = collateral_micros(asset, owned, price_e8)
        found.append(Risk(f"index:{symbol}", price_e8, worth, down=worth))
    if holding.debt_scaled:
        owed = value_ceil(pool.debt_atoms(holding.debt_scaled), price_e8, asset)
        margin = div_ceil(owed * fraction_ppb(asset.borrow_mmf, owed), PPB)
        grows = owed + margin * _GROWTH_PER_MILLE // 1_000 + 1
        closing = closing_of(margin, owed)
        found += [
            Risk(f"index:{symbol}", price_e8, -owed, margin, closing, owed, up=grows),
            # Interest makes it grow as a price would.
            Risk(f"debt:{symbol}", pool.debt_index, 0, up=grows),
        ]
    return found


def position_risk(listed: ListedMarket, position: Position, mark_e8: int) -> Risk:
    """Return what a position adds if its market's mark is `mark_e8`."""
    market = listed.market
    fraction = market.mmf
    assert fraction is not None, f"{market.symbol} has no margin fraction"
    profit = unrealized(position, listed, mark_e8)
    notional = -listed.notional(-abs(position.lots), mark_e8)
    margin = div_ceil(notional * fraction_ppb(fraction, notional), PPB) if notional else 0
    grows = margin * _GROWTH_PER_MILLE // 1_000 + 1
    down = up = 0
    if position.lots > 0:
        # Twice: a rise must not cost more than it brings, also where the margin counts double.
        down, up = notional, max(0, 2 * grows - notional)
    elif position.lots:
        up = notional + grows
    return Risk(
        f"mark:{market.symbol}",
        mark_e8,
        profit,
        margin,
        closing_of(margin, notional),
        notional,
        down=down,
        up=up,
    )


def closing_of(margin: int, notional: int) -> int:
    """Return the closing margin of a position or debt: max(margin / 2, margin − 6 % of it).

    >>> closing_of(30_000, 1_000_000), closing_of(200_000, 1_000_000)
    (15000, 140000)
    """
    return max(div_ceil(margin, 2), margin - notional * _CLOSING_OFF_PPB // PPB)


def trust_of(state: State, found: Maintenance) -> tuple[bool, bool]:
    """Return whether the prices that an account hangs on may decide, and whether at once."""
    trusted = sure = True
    for risk in found.risks:
        kind, _, symbol = risk.key.partition(":")
        asset = state.markets[symbol].market.base if kind == "mark" else symbol
        price = state.prices[asset]
        is_old = state.at_ns - price.updated_at_ns > PRICE_AGE_NS
        trusted = trusted and not is_old and price.state in (PriceState.OK, PriceState.DEGRADED)
        sure = sure and price.state is PriceState.OK
    return trusted, sure


def guards(found: Maintenance, *, times_ppm: int, both: bool = False) -> Bounds:
    """Return the bounds of each price within which equity stays above `times` the margin.

    Whatever the prices do inside, all at once, it does. They are found by sharing out what the
    equity has to spare over all that the account hangs on.

    Args:
        both: bound also the moves that can only be good for the account.
    """
    spare = found.equity - div_ceil(found.margin * times_ppm, PPM) - _SLACK_MICROS
    values: dict[str, int] = {}
    downs: dict[str, int] = {}
    ups: dict[str, int] = {}
    for risk in found.risks:
        values[risk.key] = risk.value
        downs[risk.key] = downs.get(risk.key, 0) + risk.down
        ups[risk.key] = ups.get(risk.key, 0) + risk.up
    total = sum(max(downs[key], ups[key]) for key in values)
    if not total:
        return {}
    # The margin is kept several times over: so is its growth.
    share = max(0, min(_MOST_PPB, spare * PPB // (total * max(times_ppm, PPM) // PPM + 1)))
    bounds = {}
    for key, value in values.items():
        if downs[key] or ups[key]:
            move = value * share // PPB
            lowest = value - move if downs[key] or both else 0
            highest = value + move if ups[key] or both else NO_BOUND
            bounds[key] = (lowest, highest)
    return bounds


def real_equity(state: State, account: Account) -> int:
    """Return what would be left if all were sold and all paid, in micros, rounded down."""
    total = 0
    for holding in account.holdings.values():
        symbol = holding.asset
        price_e8, asset, pool = (
            state.prices[symbol].now_e8,
            state.assets[symbol],
            state.pools[symbol],
        )
        owned = holding.available.atoms + holding.locked.atoms
        if holding.lend_scaled:
            owned += pool.lend_atoms(holding.seizable_scaled, holding.bucket)
        value = value_floor(owned, price_e8, asset)
        if asset.haircut.weight_ppb < PPB:
            value -= div_ceil(value * SALE_COST_PPB, PPB)
        owed = value_ceil(pool.debt_atoms(holding.debt_scaled), price_e8, asset)
        total += value - owed
    for position in account.positions.values():
        listed = state.markets[position.market]
        total += unrealized(position, listed, state.mark_e8(listed))
    return total
