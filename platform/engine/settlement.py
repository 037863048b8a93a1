"""Turning unrealized profit and loss into dollars, from losers to winners, never from nothing.

A cycle of a market has one mark and three parts, in this order:

    COLLECT   losers pay: available → own lend → loan → converted collateral
    SAMPLE    at one moment: interest since the samples before, new samples, what winners are due
    PAY       winners are paid out of what clearing holds; in proportion, if that is short

Who has turned Auto-Realize off takes part with what reducing the position has realized, and with
all of it where a limit of the market is passed (a cull). The profits that are left bear the lend
rate, the losses that are left the borrow rate, from sample to sample. What winners are due beyond
what losers have paid is advanced by the pool against the losses that stay open, and these pay for
it (docs/risk.md, Settlement).
"""

from engine import conversion, funding, funds, realizing
from engine.answers import Events, rejected
from engine.catalog import Asset
from engine.clearing import Clearing, Cycle, Phase
from engine.commands import AutoRealize
from engine.kinds import RealizeKind
from engine.listed_market import ListedMarket
from engine.loans import limit_room
from engine.margin import MarginType, health, unrealized
from engine.pools import Pool
from engine.positions import Position
from engine.price_states import settlement_refusal
from engine.profit_interest import pay_interest, post_interest, sample
from engine.rejects import Reject
from engine.settlement_events import MarketRealized, ProfitRealized
from engine.state import Account, State
from engine.units import HOUR_NS, PPB, PRICE_SCALE, RAY, AccountId

# Amounts below a cent, or below 0.01 % of the position, wait: it keeps writes bounded.
MIN_ATOMS = 10_000
MIN_SHARE = 10_000
MAX_POSITIONS = 100_000


def auto_realize(state: State, command: AutoRealize) -> Events:
    """Begin a cycle of one market, or go on with it, for at most so many positions."""
    listed = state.markets.get(command.market)
    if listed is None or not listed.is_perp:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no perpetual {command.market}")
    mark_e8 = state.mark_e8(listed)
    if not mark_e8:
        return rejected(Reject.NO_PRICE, f"{command.market} has no index price yet")
    refusal = settlement_refusal(state, listed)
    if refusal:
        return refusal
    if not 0 < command.positions_max <= MAX_POSITIONS:
        return rejected(
            Reject.INVALID_PARAMETER, f"go through 1 to {MAX_POSITIONS} positions at a time"
        )
    clearing = listed.perp_clearing()
    pool = state.pools[listed.market.quote]
    pool.accrue(state.at_ns)
    # Whose money it takes or gives is as far from liquidation as before: but for new debts,
    # converted collateral and interest, which say so themselves.
    state.record.is_neutral = _is_dollar(state, listed.quote)
    cycle = clearing.cycle
    if cycle is None:
        cycle = clearing.cycle = Cycle(mark_e8, state.at_ns)
        cycle.cull = _system_cull(listed, pool, clearing)
    left = command.positions_max
    if cycle.phase is Phase.COLLECT:
        left = _collect_from_losers(state, listed, cycle, left)
        realizing.repay_advance(state, clearing, listed.market.quote)
        realizing.reimburse(state, clearing, listed.market.quote)
        if left > 0:
            _take_samples(state, listed, cycle)
    if cycle.phase is Phase.PAY and left > 0:
        left = _pay_winners(state, listed, cycle, left)
        if left > 0:
            _close(state, listed, cycle)
    realizing.tell(state, listed)
    return (
        MarketRealized(
            market=command.market,
            owed_atoms=cycle.owed,
            collected_atoms=cycle.collected,
            due_atoms=cycle.due_atoms,
            paid_atoms=cycle.paid,
            advanced_atoms=cycle.advanced,
            done=clearing.cycle is None,
        ),
    )


def _is_dollar(state: State, asset: Asset) -> bool:
    """Tell whether an amount of an asset counts the same as profit does."""
    haircut = asset.haircut
    whole = haircut.weight_ppb == PPB and not haircut.factor_ppb
    return whole and state.prices[asset.symbol].now_e8 == PRICE_SCALE


def _system_cull(listed: ListedMarket, pool: Pool, clearing: Clearing) -> RealizeKind | None:
    """Return why all losers of this cycle must pay, if they must."""
    limits = listed.market.realize
    if pool.debt_atoms(clearing.debt_scaled) > limits.advance_limit_atoms:
        return RealizeKind.CULLED_SYSTEM
    if pool.utilization_ppb > limits.utilization_ppb:
        return RealizeKind.CULLED_UTILIZATION
    return None


# -- COLLECT -------------------------------------------------------------------------------------


def _collect_from_losers(state: State, listed: ListedMarket, cycle: Cycle, most: int) -> int:
    """Visit up to `most` positions by account number; return how many are left of `most`."""
    clearing = listed.perp_clearing()
    waiting = sorted(number for number in clearing.positions if number > cycle.cursor)
    for account_id in waiting[:most]:
        account, position = state.accounts[account_id], clearing.positions[account_id]
        funding.pay(state, listed, position)
        post_interest(state, listed, position, hour=cycle.started_ns // HOUR_NS)
        amount, kind = _to_realize(state, listed, cycle, account, position)
        if amount < 0:
            cycle.owed -= amount
            cycle.collected += _collect(state, listed, account, position, -amount, kind)
        cycle.cursor = account_id
    return most - len(waiting)


def _to_realize(
    state: State, listed: ListedMarket, cycle: Cycle, account: Account, position: Position
) -> tuple[int, RealizeKind]:
    """Return what is to be paid to (or, if negative, collected from) a position now, and why."""
    profit = unrealized(position, listed, cycle.mark_e8)
    least = _least_moved(listed, position, cycle.mark_e8)
    if account.auto_realize_pnl or not position.lots:
        return (profit if abs(profit) >= least else 0), RealizeKind.AUTO
    if abs(profit) >= least:
        if cycle.cull is not None and profit < 0:
            return profit, cycle.cull
        if _is_large(state, listed, account, profit):
            return profit, RealizeKind.CULLED_ACCOUNT
    return (position.due if abs(position.due) >= least else 0), RealizeKind.AUTO


def _least_moved(listed: ListedMarket, position: Position, mark_e8: int) -> int:
    if not position.lots:
        return 1
    return max(MIN_ATOMS, abs(listed.notional(position.lots, mark_e8)) // MIN_SHARE)


def _is_large(state: State, listed: ListedMarket, account: Account, profit: int) -> bool:
    """Tell whether profit or loss is above the part of equity that may stay unrealized."""
    funds.accrue_account(state, account)
    equity = health(state, account, MarginType.MAINTENANCE).equity
    return abs(profit) * PPB > max(equity, 0) * listed.market.realize.account_ppb


def _collect(
    state: State,
    listed: ListedMarket,
    account: Account,
    position: Position,
    amount: int,
    kind: RealizeKind,
) -> int:
    """Take what a loser can pay. The rest stays unrealized, and counts against its equity."""
    clearing, asset = listed.perp_clearing(), listed.market.quote
    holding, pool = account.holding(asset), state.pools[asset]
    rest = amount
    part = min(rest, holding.available.atoms)
    if part:
        realizing.take_available(state, clearing, holding, part)
        rest -= part
    part = min(rest, pool.lend_atoms(holding.seizable_scaled, holding.bucket))
    if part:
        realizing.take_lend(state, clearing, holding, part)
        rest -= part
    part = min(rest, _loan_room(state, account, listed, rest)) if rest else 0
    if part:
        realizing.take_loan(state, clearing, holding, part)
        state.guards.changed[account.account_id] = None
        rest -= part
    if rest and conversion.convert_collateral(state, account, listed, rest):
        state.record.is_neutral = False
        part = min(rest, holding.available.atoms)
        if part:
            realizing.take_available(state, clearing, holding, part)
            rest -= part
    _realized(state, listed, position, rest - amount, kind)
    return amount - rest


def _loan_room(state: State, account: Account, listed: ListedMarket, amount: int) -> int:
    """Return how much of `amount` may be borrowed to settle a loss.

    Clearing lends it on in the same moment, so no cash is needed and utilization is not asked.
    """
    asset = listed.market.quote
    holding, pool = account.holding(asset), state.pools[asset]
    if not account.auto_borrow_settlements or holding.lend_scaled or not pool.lends_on:
        return 0
    funds.accrue_account(state, account)
    return min(amount, pool.size_room(), limit_room(state, account, asset))


def _realized(
    state: State, listed: ListedMarket, position: Position, amount: int, kind: RealizeKind
) -> None:
    """Move what was paid (positive) or collected (negative) out of the position's quote.

    The part of it that is funding is told as such.
    """
    if not amount:
        return
    position.move_quote(-amount)
    funded = _funding_part(position, amount)
    position.funding_due -= funded
    auto = state.accounts[position.account_id].auto_realize_pnl
    if kind is RealizeKind.AUTO and position.lots and not auto:
        position.due -= amount
    else:
        # All profit was asked for, due or open: what is due is at most what is left of it.
        cycle = listed.perp_clearing().cycle
        assert cycle is not None, f"{position.market} has no cycle under way"
        left = unrealized(position, listed, cycle.mark_e8)
        position.due = max(min(position.due, max(left, 0)), min(left, 0))
    state.record.positions[position] = None
    for part, why in ((funded, RealizeKind.FUNDING), (amount - funded, kind)):
        if part:
            state.record.events.append(
                ProfitRealized(
                    account=position.account_id,
                    market=position.market,
                    asset=listed.market.quote,
                    position_id=position.position_id,
                    amount_atoms=part,
                    kind=why,
                )
            )


def _funding_part(position: Position, amount: int) -> int:
    """Return how much of what is realized is funding: all there is, but of one sign no more."""
    due = position.funding_due
    if (due > 0) != (amount > 0):
        return due
    return min(due, amount) if amount > 0 else max(due, amount)


# -- SAMPLE --------------------------------------------------------------------------------------


def _take_samples(state: State, listed: ListedMarket, cycle: Cycle) -> None:
    """Pay interest on the samples before, take new ones, and see what winners are due."""
    clearing, pool = listed.perp_clearing(), state.pools[listed.market.quote]
    pay_interest(clearing, pool)
    losses = gains = 0
    for account_id in sorted(clearing.positions):
        account, position = state.accounts[account_id], clearing.positions[account_id]
        profit = unrealized(position, listed, cycle.mark_e8)
        if not profit and not position.due and not position.interest_ray:
            position.sample = 0
            continue
        due, _ = _to_realize(state, listed, cycle, account, position)
        if due > 0:
            cycle.due[account_id] = due
            cycle.due_atoms += due
        # What is not yet posted bears interest too, in whole atoms.
        whole = abs(position.interest_ray) // RAY
        profit += whole if position.interest_ray > 0 else -whole
        if account.auto_realize_pnl or not position.lots:
            # What could not be collected owes interest; what cannot be paid earns none.
            open_profit = min(profit, 0)
        else:
            open_profit = profit - max(due, 0)
            losses -= min(open_profit, 0)
            gains += max(open_profit, 0)
        sample(clearing, pool, position, open_profit)
    _fund(state, listed, cycle, room=losses - gains)
    cycle.phase = Phase.PAY
    cycle.cursor = AccountId(0)


def _fund(state: State, listed: ListedMarket, cycle: Cycle, *, room: int) -> None:
    """See what there is to pay winners with; borrow what losses that stay open can carry.

    Args:
        room: open losses less open profits of accounts that do not realize, in quote atoms.
    """
    clearing, asset = listed.perp_clearing(), listed.market.quote
    pool, limits = state.pools[asset], listed.market.realize
    held = clearing.cash.atoms + pool.lend_atoms(clearing.lend_scaled)
    owed = pool.debt_atoms(clearing.debt_scaled)
    # A write-off has cost clearing what no loser will pay for: then nothing is advanced.
    is_whole = clearing.rounding_ray < RAY
    if is_whole and pool.lends_on and pool.utilization_ppb <= limits.utilization_ppb:
        # One atom is left out: what is owed is rounded up.
        room = min(room - owed - 1, limits.advance_limit_atoms - owed, pool.size_room())
        part = min(cycle.due_atoms - held, room)
        if part > 0:
            realizing.advance(state, clearing, asset, part)
            cycle.advanced = part
            held = clearing.cash.atoms + pool.lend_atoms(clearing.lend_scaled)
    cycle.fund = max(0, min(cycle.due_atoms, held))


# -- PAY -----------------------------------------------------------------------------------------


def _pay_winners(state: State, listed: ListedMarket, cycle: Cycle, most: int) -> int:
    """Pay up to `most` winners by account number; return how many are left of `most`."""
    clearing = listed.perp_clearing()
    waiting = [number for number in cycle.due if number > cycle.cursor]
    for account_id in waiting[:most]:
        cycle.cursor = account_id
        account, position = state.accounts[account_id], clearing.positions[account_id]
        funding.pay(state, listed, position)
        # Trades since the samples may have changed what it is due.
        now_due, kind = _to_realize(state, listed, cycle, account, position)
        share = min(cycle.due[account_id] * cycle.fund // cycle.due_atoms, now_due)
        if share <= 0:
            continue
        holding = account.holding(listed.market.quote)
        paid = realizing.give(state, account, clearing, holding, share)
        _realized(state, listed, position, paid, kind)
        cycle.paid += paid
    return most - len(waiting)


def _close(state: State, listed: ListedMarket, cycle: Cycle) -> None:
    """End the cycle: hand the house its own, and let what waits for winners earn."""
    clearing, asset = listed.perp_clearing(), listed.market.quote
    pool = state.pools[asset]
    _hand_over(state, clearing, pool, whole=cycle.paid >= cycle.due_atoms)
    realizing.repay_advance(state, clearing, asset)
    room = pool.lendable()
    part = clearing.cash.atoms if room is None else min(room, clearing.cash.atoms)
    if pool.asset.lendable and part >= max(MIN_ATOMS, pool.asset.min_lend_atoms):
        realizing.lend_cash(state, clearing, asset, part)
    realizing.reimburse(state, clearing, asset)
    clearing.cycle = None


def _hand_over(state: State, clearing: Clearing, pool: Pool, *, whole: bool) -> None:
    """Pay the house fees that were owed in positions, and what interest has left for it.

    Winners come first: nothing is handed over while they are not paid in full (`whole`), or what
    stands behind them has suffered from a write-off.
    """
    if not whole or clearing.rounding_ray >= RAY:
        return
    asset = pool.asset.symbol
    interest = clearing.house_ray(pool) // RAY
    wanted = max(clearing.dust, 0) + max(interest, 0)
    if clearing.cash.atoms < wanted:
        realizing.redeem_cash(state, clearing, asset, wanted - clearing.cash.atoms)
    part = min(clearing.insured_dust, clearing.cash.atoms)
    if part > 0:
        insurance = state.ledger.house_account("insurance", asset)
        state.ledger.transfer(clearing.cash, insurance, part, kind="liquidation_fee")
        clearing.insured_dust -= part
        clearing.dust -= part
        clearing.settled -= part
    part = min(clearing.dust - clearing.insured_dust, clearing.cash.atoms)
    if part > 0:
        fees = state.ledger.house_account("fees", asset)
        state.ledger.transfer(clearing.cash, fees, part, kind="fee")
        clearing.dust -= part
        clearing.settled -= part
    part = min(interest, clearing.cash.atoms)
    if part > 0:
        insurance = state.ledger.house_account("insurance", asset)
        state.ledger.transfer(clearing.cash, insurance, part, kind="interest_fee")
