"""How far an account is from liquidation, and how it would stand at other prices.

The safe prices of an asset are those at which equity ≥ maintenance margin, if its index and every
mark of a perpetual on it move by the same ratio and all else stays. Equity less margin is concave
in that price: collateral value × weight is concave, what is owed and the profit of positions are
linear, and margin, N × max(base, factor × √N), is convex. So the safe prices are one interval, and
each of its ends is found between a price that is safe and one that is not.
"""

from collections.abc import Callable
from typing import NamedTuple

from engine import funds
from engine.answers import Events, rejected, unanswerable
from engine.copies import copy_market, suppose
from engine.danger import status_of
from engine.kinds import MarginStatus
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.maintenance import (
    Maintenance,
    holding_risks,
    maintenance,
    position_risk,
    real_equity,
)
from engine.margin import MarginType, health
from engine.marks import Mark
from engine.positions import Position
from engine.prices import MAX_PRICE_E8
from engine.questions import (
    AccountRisk,
    AnyAnswer,
    AssetRisk,
    Figures,
    PositionRisk,
    RiskReport,
    SupposePrices,
)
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import PPM, PRICE_SCALE

# An end beyond so many times the index is none that anybody asks for.
HIGHEST_MULTIPLE = 100
LOWEST_E8 = 1
MAX_SUPPOSED = 100


class SafePrices(NamedTuple):
    """The nearest prices of an asset, below and above its index, that are not safe."""

    lower_e8: int | None
    upper_e8: int | None


NO_ENDS = SafePrices(None, None)


def account_risk(state: State, question: AccountRisk, at_ns: int) -> AnyAnswer:
    """Return how an account stands, and what would liquidate it."""
    live = state.accounts.get(question.account)
    if live is None:
        return unanswerable(unknown_account(question.account))
    copy, account = suppose(state, live, at_ns=at_ns, assets=())
    return _report(copy, account, live)


def suppose_prices(state: State, question: SupposePrices, at_ns: int) -> AnyAnswer:
    """Return how an account would stand if prices were others."""
    live = state.accounts.get(question.account)
    if live is None:
        return unanswerable(unknown_account(question.account))
    refusal = _supposition_refusal(state, question)
    if refusal:
        return unanswerable(refusal)
    copy, account = suppose(state, live, at_ns=at_ns, assets=())
    copy.prices = {**copy.prices}
    copy.price_version += 1
    for symbol, price_e8 in _supposed(state, question).items():
        copy.prices[symbol] = state.prices[symbol].supposed(price_e8)
    for market in account.positions:
        original = state.markets[market]
        base = original.market.base
        price = copy.prices[base]
        if price is not state.prices[base]:
            listed = copy.markets[market] = copy_market(original, copy.record)
            listed.mark = Mark()
            moved = moved_e8(state.mark_e8(original), price.now_e8, state.prices[base].now_e8)
            listed.mark.price = original.perp_mark().price.supposed(moved)
    return _report(copy, account, live)


def safe_prices(state: State, account: Account, asset: str, found: Maintenance) -> SafePrices:
    """Return between which prices of an asset an account is safe, if nothing else moves.

    `found` is its maintenance margin of now, for which its pools have been accrued.
    """
    index_e8 = state.prices[asset].now_e8
    if not index_e8 or not found.is_met:
        return NO_ENDS
    spare = _spare(state, account, asset, found)
    highest = min(index_e8 * HIGHEST_MULTIPLE, MAX_PRICE_E8)
    return SafePrices(_end(spare, index_e8, LOWEST_E8), _end(spare, index_e8, highest))


def _spare(state: State, account: Account, asset: str, found: Maintenance) -> Callable[[int], int]:
    """Return equity less margin as a function of an asset's index."""
    index_e8 = state.prices[asset].now_e8
    holding = account.holdings.get(asset)
    moving: list[tuple[ListedMarket, Position, int]] = []
    for position in account.positions.values():
        listed = state.markets[position.market]
        if listed.market.base == asset and (position.lots or position.quote):
            moving.append((listed, position, state.mark_e8(listed)))

    def of_these(price_e8: int) -> int:
        total = 0
        if holding is not None:
            for risk in holding_risks(state, holding, price_e8):
                total += risk.equity - risk.margin
        for listed, position, mark_e8 in moving:
            risk = position_risk(listed, position, moved_e8(mark_e8, price_e8, index_e8))
            total += risk.equity - risk.margin
        return total

    others = found.equity - found.margin - of_these(index_e8)
    return lambda price_e8: others + of_these(price_e8)


def moved_e8(mark_e8: int, price_e8: int, index_e8: int) -> int:
    """Return a mark after the index has moved from `index_e8` to `price_e8`, rounded down."""
    return mark_e8 * price_e8 // index_e8


def _end(spare: Callable[[int], int], safe: int, unsafe: int) -> int | None:
    """Return the price at which nothing is spare while one unit nearer to `safe` it is.

    None if there is none up to `unsafe`. A concave function meets zero beyond its chord and before
    the line through two safe prices: from there the two close in on the end, and halving sees to it
    that they do where numbers are rounded.
    """
    above, below = spare(safe), spare(unsafe)
    if below >= 0:
        return None
    before, more = safe, above
    unit, probes = 1 if unsafe > safe else -1, 0
    while abs(unsafe - safe) > 1:
        if probes % 3 == 0:
            price = safe + (unsafe - safe) * above // (above - below)
        elif probes % 3 == 1 and more > above:
            price = safe + (safe - before) * above // (more - above) + unit
        else:
            price = (safe + unsafe) // 2
        probes += 1
        price = max(min(safe, unsafe) + 1, min(max(safe, unsafe) - 1, price))
        found = spare(price)
        if found >= 0:
            before, more = safe, above
            safe, above = price, found
        else:
            unsafe, below = price, found
    return unsafe


def report_of(
    state: State, account: Account, *, before: MarginStatus, is_liquidated: bool
) -> RiskReport:
    """Return how an account stands, whose pools have been accrued.

    Args:
        before: the status that it was told last.
    """
    found = maintenance(state, account)
    held = {
        symbol: holding
        for symbol, holding in account.holdings.items()
        if _owned(state, holding) or holding.debt_scaled
    }
    open_ = [one for _, one in sorted(account.positions.items()) if one.lots or one.quote]
    bases = [state.markets[position.market].market.base for position in open_]
    ends = {
        symbol: safe_prices(state, account, symbol, found) for symbol in sorted({*held, *bases})
    }
    return RiskReport(
        figures=figures(state, account, found),
        status=MarginStatus.LIQUIDATING if is_liquidated else status_of(found, before),
        assets=tuple(
            AssetRisk(
                asset=symbol,
                index_e8=state.prices[symbol].now_e8,
                owned_atoms=_owned(state, held[symbol]) if symbol in held else 0,
                owed_atoms=_owed(state, held[symbol]) if symbol in held else 0,
                lower_e8=one.lower_e8,
                upper_e8=one.upper_e8,
            )
            for symbol, one in ends.items()
        ),
        positions=tuple(
            _position(state, position, ends[base])
            for position, base in zip(open_, bases, strict=True)
        ),
    )


def _position(state: State, position: Position, ends: SafePrices) -> PositionRisk:
    listed = state.markets[position.market]
    mark_e8 = state.mark_e8(listed)
    risk = position_risk(listed, position, mark_e8)
    return PositionRisk(
        market=position.market,
        lots=position.lots,
        mark_e8=mark_e8,
        pnl_atoms=listed.notional(position.lots, mark_e8) - position.entry_quote,
        notional_micros=risk.notional,
        maintenance_micros=risk.margin,
        liquidation_e8=liquidation_e8(state, listed, ends, lots=position.lots),
    )


def liquidation_e8(
    state: State, listed: ListedMarket, ends: SafePrices, *, lots: int
) -> int | None:
    """Return the mark of a perpetual at the end on the losing side of `lots` of it; None if there
    is none."""
    end = ends.lower_e8 if lots > 0 else ends.upper_e8
    if end is None or not lots:
        return None
    return moved_e8(state.mark_e8(listed), end, state.prices[listed.market.base].now_e8)


def figures(state: State, account: Account, found: Maintenance) -> Figures:
    """Return what an account is worth and must keep; `found` is its maintenance margin."""
    initial = health(state, account, MarginType.INITIAL)
    return Figures(
        equity_micros=found.equity,
        maintenance_micros=found.margin,
        closing_micros=found.closing,
        real_equity_micros=real_equity(state, account),
        initial_equity_micros=initial.equity,
        initial_micros=initial.margin,
        open_loss_micros=initial.open_loss,
        fee_reserve_micros=initial.fee_reserve,
        free_micros=initial.free,
        exposure_micros=sum(risk.notional for risk in found.risks),
    )


def _report(state: State, account: Account, live: Account) -> RiskReport:
    funds.accrue_account(state, account)
    is_liquidated = live.liquidation is not None
    return report_of(state, account, before=live.margin_status, is_liquidated=is_liquidated)


def _owned(state: State, holding: Holding) -> int:
    owned = holding.available.atoms + holding.locked.atoms
    if holding.lend_scaled:
        owned += state.pools[holding.asset].lend_atoms(holding.seizable_scaled, holding.bucket)
    return owned


def _owed(state: State, holding: Holding) -> int:
    return state.pools[holding.asset].debt_atoms(holding.debt_scaled)


def _supposed(state: State, question: SupposePrices) -> dict[str, int]:
    """Return the index of each asset that is supposed to move."""
    moved = {
        symbol: state.prices[symbol].now_e8 * (PPM + move_ppm) // PPM
        for symbol, move_ppm in question.moves_ppm.items()
    }
    return {**question.prices_e8, **moved}


def _supposition_refusal(state: State, question: SupposePrices) -> Events:
    named = (*question.prices_e8, *question.moves_ppm)
    if len(named) > MAX_SUPPOSED or len(set(named)) < len(named):
        return rejected(
            Reject.INVALID_PARAMETER,
            f"suppose at most {MAX_SUPPOSED} prices, of each asset one: a price or a move",
        )
    for symbol in named:
        if symbol not in state.assets:
            return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {symbol}")
        if not state.prices[symbol].now_e8:
            return rejected(Reject.NO_PRICE, f"{symbol} has no price yet, so none can be supposed")
    for symbol, price_e8 in _supposed(state, question).items():
        if not 0 < price_e8 <= MAX_PRICE_E8:
            return rejected(
                Reject.INVALID_PRICE,
                f"suppose a price of {symbol} above 0 and up to {MAX_PRICE_E8 // PRICE_SCALE} USD",
            )
    return ()


def unknown_account(account: int) -> Events:
    """Refuse what is asked about nobody."""
    return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {account}")
