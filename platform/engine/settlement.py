"""Turning unrealized profit and loss into dollars, from losers to winners, never from nothing."""

from engine import funds
from engine.answers import Events, rejected
from engine.commands import AutoRealize
from engine.events import MarketRealized, MovementSource, ProfitRealized
from engine.ledger import Holding
from engine.margin import unrealized
from engine.positions import Clearing, Position
from engine.rejects import Reject
from engine.state import Account, ListedMarket, State

# Amounts below a cent, or below 0.01 % of the position, wait: it keeps writes bounded.
MIN_ATOMS = 10_000
MIN_SHARE = 10_000


def auto_realize(state: State, command: AutoRealize) -> Events:
    """Collect from losers, then pay winners; in proportion, if what was collected is short."""
    listed = state.markets.get(command.market)
    if listed is None or not listed.is_perp:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no perpetual {command.market}")
    mark_e8 = state.mark_e8(listed)
    if not mark_e8:
        return rejected(Reject.NO_PRICE, f"{command.market} has no index price yet")
    clearing = listed.perp_clearing()
    state.pools[listed.market.quote].accrue(state.at_ns)
    due: list[tuple[Account, Position, int]] = []
    owed = collected = 0
    # By account number, so that the order does not depend on who traded here first.
    for account_id in sorted(clearing.positions):
        account, position = state.accounts[account_id], clearing.positions[account_id]
        profit = unrealized(position, listed, mark_e8)
        if not account.auto_realize_pnl or not _worth_moving(listed, position, profit, mark_e8):
            continue
        if profit > 0:
            due.append((account, position, profit))
        else:
            owed -= profit
            collected += _collect(state, listed, account, position, amount=-profit)
    total = sum(profit for _, _, profit in due)
    fund = min(total, clearing.cash.atoms)
    paid = 0
    for account, position, profit in due:
        share = profit * fund // total
        if share:
            _pay(state, listed, account, position, amount=share)
            paid += share
    _sweep_dust(state, listed, clearing)
    return (
        MarketRealized(
            market=command.market,
            owed_atoms=owed,
            collected_atoms=collected,
            due_atoms=total,
            paid_atoms=paid,
        ),
    )


def _worth_moving(listed: ListedMarket, position: Position, profit: int, mark_e8: int) -> bool:
    if position.lots == 0:
        return profit != 0
    share = abs(listed.notional(position.lots, mark_e8)) // MIN_SHARE
    return abs(profit) >= max(MIN_ATOMS, share)


def _collect(
    state: State, listed: ListedMarket, account: Account, position: Position, *, amount: int
) -> int:
    """Take what a loser can pay: available → own lend → borrowed. The rest stays unrealized."""
    holding = account.holding(listed.market.quote)
    pool = state.pools[holding.asset]
    short = amount - holding.available.atoms
    if short > 0 and holding.lend_scaled:
        part = min(short, pool.lend_atoms(holding.lend_scaled), pool.cash.atoms)
        if part:
            funds.redeem(state, holding, part, MovementSource.SETTLEMENT)
            short -= part
    if short > 0 and account.auto_borrow_settlements and not holding.lend_scaled:
        part = min(short, pool.borrowable(state.at_ns))
        if part:
            funds.borrow(state, holding, part, MovementSource.SETTLEMENT)
    paid = min(amount, holding.available.atoms)
    if paid:
        clearing = listed.perp_clearing()
        state.ledger.transfer(holding.available, clearing.cash, paid, kind="realize")
        _realized(state, holding, position, -paid)
    return paid


def _pay(
    state: State, listed: ListedMarket, account: Account, position: Position, *, amount: int
) -> None:
    """Pay a winner, and put the money to use: repay → lend → available."""
    holding = account.holding(listed.market.quote)
    clearing = listed.perp_clearing()
    state.ledger.transfer(clearing.cash, holding.available, amount, kind="realize")
    _realized(state, holding, position, amount)
    funds.credit(state, account, holding, amount)


def _realized(state: State, holding: Holding, position: Position, amount: int) -> None:
    position.move_quote(-amount)
    state.record.positions[position] = None
    state.record.events.append(
        ProfitRealized(account=holding.account_id, market=position.market, amount_atoms=amount)
    )


def _sweep_dust(state: State, listed: ListedMarket, clearing: Clearing) -> None:
    """Hand fees that were owed in positions over to the house, once winners are paid."""
    part = min(clearing.dust, clearing.cash.atoms)
    if part > 0:
        fees = state.ledger.house_account("fees", listed.market.quote)
        state.ledger.transfer(clearing.cash, fees, part, kind="fee")
        clearing.dust -= part
