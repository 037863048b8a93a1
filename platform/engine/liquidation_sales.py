"""Stage one of a liquidation: selling on the book, in steps, never beyond the bankruptcy price.

    bankruptcy price   mark × (1 − side × (margin of the position / all margin) × real / notional)
    step               min(max(a tenth, $1,000), what is open, what brings equity to the target)
    to the target      (1.1 × margin − equity) / (1.1 × fraction − fee − slip), as a notional

Where no position is left, debts are paid back by selling what counts least as collateral.
"""

from engine import funds
from engine.fines import charge_fine
from engine.kinds import MovementSource, SystemOrder
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.maintenance import Maintenance, Risk, maintenance, real_equity
from engine.margin import value_ceil
from engine.positions import Position
from engine.state import Account, State
from engine.system_orders import Forced, is_trading, trade_at_once
from engine.units import MICROS, PPB, PPM, div_ceil
from engine.vocabulary import ASK, BID

STEP_PPM = 100_000
LEAST_STEP_MICROS = 1_000 * MICROS
# What closing costs, in the estimate of how much must be closed: the fine, and the way to the bid.
_FEE_PPB = 10_000_000
_SLIP_PPB = 2_000_000
# The equity, in parts of the margin, that is enough to stop: above what begins a liquidation.
TARGET_PPM = 1_100_000


def sell_some(state: State, account: Account, found: Maintenance) -> bool:
    """Close a step of one position or, where none is open, pay a step of a debt; tell if so."""
    risks = {risk.key: risk for risk in found.risks if risk.margin}
    positions = [position for position in account.positions.values() if position.lots]
    for position in sorted(
        positions, key=lambda one: (-risks[f"mark:{one.market}"].margin, one.market)
    ):
        if _close_some(state, account, position, found, risks[f"mark:{position.market}"]):
            return True
    return not positions and pay_some_debt(state, account)


def bankruptcy_atoms(position: Position, found: Maintenance, risk: Risk, *, real: int) -> int:
    """Return what all of a position must bring (a long), or may cost (a short), in quote atoms.

    Fees come on top. The position bears the share of the real equity that its margin has in all.
    """
    share = real * risk.margin // found.margin
    return risk.notional - share if position.lots > 0 else risk.notional + share


def _close_some(
    state: State, account: Account, position: Position, found: Maintenance, risk: Risk
) -> bool:
    listed = state.markets[position.market]
    if not is_trading(listed):
        return False
    market = listed.market
    lots = step_lots(listed, position, found, risk)
    worst = bankruptcy_atoms(position, found, risk, real=real_equity(state, account))
    per_tick = abs(position.lots) * listed.quote_atoms_per_tick
    fee_ppm = market.taker_fee_ppm
    mark_ticks = state.mark_e8(listed) // market.tick_e8
    if position.lots > 0:
        side = ASK
        reach = div_ceil(worst * PPM, per_tick * (PPM - fee_ppm))
        price = max(reach, mark_ticks * market.min_impact_ppb // PPB, 1)
    else:
        side = BID
        reach = worst * PPM // (per_tick * (PPM + fee_ppm))
        price = min(reach, div_ceil(mark_ticks * market.max_impact_ppb, PPB))
        if price <= 0:
            return False
    forced = Forced(side, lots, price, SystemOrder.LIQUIDATE_ON_BOOK)
    order = trade_at_once(state, account, listed, forced)
    if not order.executed_lots:
        return False
    charge_fine(state, account, listed, order.executed_quote, found)
    return True


def step_lots(listed: ListedMarket, position: Position, found: Maintenance, risk: Risk) -> int:
    """Return how many lots of a position the next step closes."""
    lots = abs(position.lots)
    notional = max(1, risk.notional)
    least = max(lots * LEAST_STEP_MICROS // notional, div_ceil(lots * STEP_PPM, PPM))
    wanted = div_ceil(lots * notional_to_target(found, risk), notional)
    step = max(1, min(least, wanted, lots))
    smallest = listed.market.min_lots
    return min(lots, listed.market.max_lots, max(step, smallest))


def notional_to_target(found: Maintenance, risk: Risk) -> int:
    """Return how much of a position must be closed for equity to be 1.1 times the margin.

    All of it, if closing costs more than the margin that it sets free. The fraction is held
    constant: that it falls with size is left out, on the safe side.
    """
    fraction = div_ceil(risk.margin * PPB, max(1, risk.notional))
    relief = fraction * TARGET_PPM // PPM - _FEE_PPB - _SLIP_PPB
    if relief <= 0:
        return risk.notional
    short = div_ceil(found.margin * TARGET_PPM, PPM) - found.equity
    return min(risk.notional, max(0, div_ceil(short * PPB, relief)))


def pay_some_debt(state: State, account: Account, *, step_ppm: int = STEP_PPM) -> bool:
    """Buy a step of what is owed with what counts least as collateral; tell whether it traded."""
    owed = [holding for holding in account.bearing if holding.debt_scaled]
    for debt in sorted(owed, key=lambda one: (-_owed_micros(state, one), one.asset)):
        for held in _sellable(state, account):
            if held is not debt and _swap(state, account, held, debt, step_ppm):
                return True
    return False


def pay_debts(state: State, account: Account) -> None:
    """Pay what is owed of each asset out of what is available of the same."""
    for holding in account.holdings.values():
        if holding.debt_scaled and holding.available.atoms:
            owed = state.pools[holding.asset].debt_atoms(holding.debt_scaled)
            part = min(owed, holding.available.atoms)
            funds.repay(state, holding, part, MovementSource.LIQUIDATION)


def _owed_micros(state: State, holding: Holding) -> int:
    pool = state.pools[holding.asset]
    asset, price_e8 = state.assets[holding.asset], state.prices[holding.asset].now_e8
    return value_ceil(pool.debt_atoms(holding.debt_scaled), price_e8, asset)


def _sellable(state: State, account: Account) -> list[Holding]:
    """Return what the account could sell, by its weight as collateral, the least first."""
    held = [
        holding
        for holding in account.holdings.values()
        if free_atoms(state, holding) and not holding.debt_scaled
    ]
    return sorted(held, key=lambda one: (state.assets[one.asset].haircut.weight_ppb, one.asset))


def free_atoms(state: State, holding: Holding) -> int:
    """Return what of a holding can be sold now: available, and redeemable of what is collateral."""
    free = holding.available.atoms
    return free + funds.redeemable(state, holding) if holding.seizable_scaled else free


def can_sell(state: State, account: Account) -> bool:
    """Tell whether the account has as much of anything as a spot market trades, bought or not."""
    for listed in state.markets.values():
        held = account.holdings.get(listed.market.base)
        if not listed.is_perp and held is not None and state.index_e8(listed):
            lots = free_atoms(state, held) // listed.market.lot_atoms
            if lots >= listed.market.min_lots and not held.debt_scaled:
                return True
    return False


def _swap(state: State, account: Account, held: Holding, debt: Holding, step_ppm: int) -> bool:
    """Turn what is held into what is owed, directly or by way of the market that there is."""
    for listed in state.markets.values():
        market = listed.market
        if listed.is_perp:
            continue
        if market.base == held.asset and market.quote == debt.asset:
            need = _step_of_debt(state, debt, market.quote, step_ppm)
            return sell_base(state, account, listed, need)
        if market.base == debt.asset and market.quote == held.asset:
            return _buy_base(state, account, listed, debt, step_ppm)
    for listed in state.markets.values():
        # There is no market of the two: first into its dollars, then from these.
        if not listed.is_perp and listed.market.base == held.asset:
            need = _step_of_debt(state, debt, listed.market.quote, step_ppm)
            if listed.market.quote != debt.asset and sell_base(state, account, listed, need):
                return True
    return False


def _step_of_debt(state: State, debt: Holding, unit: str, step_ppm: int) -> int:
    """Return a step of a debt, valued in atoms of `unit`, with some more for fee and way."""
    micros = _owed_micros(state, debt)
    step = min(micros, max(LEAST_STEP_MICROS, micros * step_ppm // PPM)) * 102 // 100 + 1
    asset, price_e8 = state.assets[unit], state.prices[unit].now_e8
    return div_ceil(step * 10 ** (asset.decimals + 2), max(1, price_e8))


def sell_base(state: State, account: Account, listed: ListedMarket, need: int) -> bool:
    """Sell as much of a spot market's base as brings `need` quote atoms, within the impact band."""
    market, rate_e8 = listed.market, state.index_e8(listed)
    if not rate_e8:
        return False
    held = funds.accrue_holding(state, account, market.base)
    price = max(1, rate_e8 * market.min_impact_ppb // (PPB * market.tick_e8))
    wanted = div_ceil(need, price * listed.quote_atoms_per_tick)
    lots = min(wanted, free_atoms(state, held) // market.lot_atoms, market.max_lots)
    if lots < market.min_lots:
        return False
    return _trade_spot(state, account, listed, Forced(ASK, lots, price, _SPOT))


def _buy_base(
    state: State, account: Account, listed: ListedMarket, debt: Holding, step_ppm: int
) -> bool:
    market, rate_e8 = listed.market, state.index_e8(listed)
    if not rate_e8:
        return False
    held = funds.accrue_holding(state, account, market.quote)
    price = div_ceil(rate_e8 * market.max_impact_ppb, PPB * market.tick_e8)
    budget = min(free_atoms(state, held), _step_of_debt(state, debt, market.quote, step_ppm))
    owed = state.pools[debt.asset].debt_atoms(debt.debt_scaled)
    # The fee is taken from what is bought.
    wanted = div_ceil(owed * PPM, market.lot_atoms * (PPM - market.taker_fee_ppm))
    lots = min(wanted, budget // (price * listed.quote_atoms_per_tick), market.max_lots)
    if lots < market.min_lots:
        return False
    return _trade_spot(state, account, listed, Forced(BID, lots, price, _SPOT))


_SPOT = SystemOrder.COLLATERAL_CONVERSION


def _trade_spot(state: State, account: Account, listed: ListedMarket, forced: Forced) -> bool:
    if not is_trading(listed):
        return False
    before = maintenance(state, account)
    order = trade_at_once(state, account, listed, forced)
    if not order.executed_lots:
        return False
    charge_fine(state, account, listed, order.executed_quote, before)
    return True
