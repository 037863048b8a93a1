"""Moves of value between an account, a market's clearing account and the quote asset's pool.

These are facts, not decisions: the caller has checked, and the pool has been accrued. Lends and
debts change hands as they are, scaled, without cash: so settlement goes on when all of the pool's
cash is borrowed.
"""

from engine import funds
from engine.buckets import burned
from engine.clearing import Clearing
from engine.kinds import ACCOUNT_OPEN, BorrowLendKind, MovementSource
from engine.ledger import Holding
from engine.listed_market import ListedMarket
from engine.pools import Pool
from engine.settlement_events import ClearingChanged
from engine.state import Account, State
from engine.units import RAY

_SOURCE = MovementSource.SETTLEMENT


def take_available(state: State, clearing: Clearing, holding: Holding, amount: int) -> None:
    """Take `amount` out of what a loser has available."""
    state.ledger.transfer(holding.available, clearing.cash, amount, kind="realize")
    clearing.settled += amount


def take_lend(state: State, clearing: Clearing, holding: Holding, amount: int) -> None:
    """Take `amount` out of what a loser lends, rounded up."""
    pool = state.pools[holding.asset]
    before = clearing.backing_ray(pool)
    index = pool.buckets[holding.bucket].index
    scaled = burned(amount, index, holding.lend_scaled)
    holding.lend_scaled -= scaled
    clearing.lend_scaled += pool.move_lend(scaled, holding.bucket, 0)
    clearing.settled += amount
    _note_rounding(clearing, pool, before + amount * RAY)
    funds.moved(state, holding, BorrowLendKind.REDEEM, _SOURCE, amount)


def take_loan(state: State, clearing: Clearing, holding: Holding, amount: int) -> None:
    """Have a loser borrow `amount`, which clearing lends on."""
    pool = state.pools[holding.asset]
    before = clearing.backing_ray(pool)
    debt, lend = pool.lend_loan(amount)
    holding.debt_scaled += debt
    clearing.lend_scaled += lend
    clearing.settled += amount
    _note_rounding(clearing, pool, before + amount * RAY)
    funds.moved(state, holding, BorrowLendKind.BORROW, _SOURCE, amount)


def advance(state: State, clearing: Clearing, asset: str, amount: int) -> None:
    """Have clearing borrow `amount` to pay winners with."""
    pool = state.pools[asset]
    before = clearing.backing_ray(pool)
    debt, lend = pool.lend_loan(amount)
    clearing.debt_scaled += debt
    clearing.lend_scaled += lend
    _note_rounding(clearing, pool, before)


def repay_advance(state: State, clearing: Clearing, asset: str) -> None:
    """Have clearing repay what it owes, out of its lend and then its cash."""
    pool = state.pools[asset]
    if not clearing.debt_scaled:
        return
    before = clearing.backing_ray(pool)
    part = min(pool.lend_atoms(clearing.lend_scaled), pool.debt_atoms(clearing.debt_scaled))
    if part:
        lend, debt = pool.repay_with_lend(
            part, of_lend=clearing.lend_scaled, of_debt=clearing.debt_scaled
        )
        clearing.lend_scaled -= lend
        clearing.debt_scaled -= debt
    part = min(clearing.cash.atoms, pool.debt_atoms(clearing.debt_scaled))
    if part:
        state.ledger.transfer(clearing.cash, pool.cash, part, kind="repay")
        clearing.debt_scaled -= pool.repay(part, of_scaled=clearing.debt_scaled)
    _note_rounding(clearing, pool, before)


def reimburse(state: State, clearing: Clearing, asset: str) -> None:
    """Give clearing back what its moves have lost to the pool's reserve by rounding."""
    pool = state.pools[asset]
    if clearing.rounding_ray <= 0:
        return
    before = clearing.backing_ray(pool)
    if clearing.debt_scaled:
        clearing.debt_scaled -= pool.relieve(clearing.rounding_ray, as_debt=True)
    else:
        clearing.lend_scaled += pool.relieve(clearing.rounding_ray, as_debt=False)
    clearing.rounding_ray -= clearing.backing_ray(pool) - before


def lend_cash(state: State, clearing: Clearing, asset: str, amount: int) -> None:
    """Have clearing lend cash that waits for winners."""
    pool = state.pools[asset]
    before = clearing.backing_ray(pool)
    state.ledger.transfer(clearing.cash, pool.cash, amount, kind="lend")
    clearing.lend_scaled += pool.lend(amount)
    _note_rounding(clearing, pool, before)


def redeem_cash(state: State, clearing: Clearing, asset: str, amount: int) -> int:
    """Have clearing redeem up to `amount`, as far as there is cash; return how much."""
    pool = state.pools[asset]
    part = min(amount, pool.cash.atoms, pool.lend_atoms(clearing.lend_scaled))
    if part <= 0:
        return 0
    before = clearing.backing_ray(pool)
    clearing.lend_scaled -= pool.redeem(part, of_scaled=clearing.lend_scaled)
    state.ledger.transfer(pool.cash, clearing.cash, part, kind="redeem")
    _note_rounding(clearing, pool, before)
    return part


def give(state: State, account: Account, clearing: Clearing, holding: Holding, amount: int) -> int:
    """Pay a winner up to `amount`: its debt first, then into its lend if it is open, then in cash.

    Returns how much was paid: less than `amount` where cash is wanted and the pool has none.
    """
    rest = amount
    if holding.debt_scaled and account.auto_repay_borrows:
        rest -= _give_as_repayment(state, clearing, holding, rest)
    lends = account.auto_lend and account.state is ACCOUNT_OPEN
    if rest and lends and not holding.debt_scaled:
        rest -= _give_as_lend(state, clearing, holding, rest)
    if rest:
        rest -= _give_as_cash(state, account, clearing, holding, rest)
    return amount - rest


def _give_as_repayment(state: State, clearing: Clearing, holding: Holding, amount: int) -> int:
    pool = state.pools[holding.asset]
    owed = pool.debt_atoms(holding.debt_scaled)
    part = min(amount, owed, pool.lend_atoms(clearing.lend_scaled))
    if part <= 0:
        return 0
    before = clearing.backing_ray(pool)
    lend, debt = pool.repay_with_lend(
        part, of_lend=clearing.lend_scaled, of_debt=holding.debt_scaled
    )
    clearing.lend_scaled -= lend
    holding.debt_scaled -= debt
    clearing.settled -= part
    _note_rounding(clearing, pool, before - part * RAY)
    funds.moved(state, holding, BorrowLendKind.REPAY, _SOURCE, part)
    return part


def _give_as_lend(state: State, clearing: Clearing, holding: Holding, amount: int) -> int:
    pool, terms = state.pools[holding.asset], holding.terms
    if not terms.as_collateral or not pool.asset.lendable:
        return 0
    part = min(amount, pool.lend_atoms(clearing.lend_scaled))
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    if terms.cap_atoms is not None:
        part = min(part, terms.cap_atoms - lent)
    # What is to stay available is paid in cash.
    part = min(part, amount + holding.available.atoms - terms.keep_atoms)
    scaled = part * RAY // pool.buckets[0].index
    if part < max(pool.asset.min_lend_atoms, 1) or not scaled:
        return 0
    before = clearing.backing_ray(pool)
    clearing.lend_scaled -= scaled
    holding.lend_scaled += pool.move_lend(scaled, 0, holding.bucket)
    clearing.settled -= part
    _note_rounding(clearing, pool, before - part * RAY)
    funds.moved(state, holding, BorrowLendKind.LEND, _SOURCE, part)
    return part


def _give_as_cash(
    state: State, account: Account, clearing: Clearing, holding: Holding, amount: int
) -> int:
    short = amount - clearing.cash.atoms
    if short > 0:
        redeem_cash(state, clearing, holding.asset, short)
    part = min(amount, clearing.cash.atoms)
    if part:
        state.ledger.transfer(clearing.cash, holding.available, part, kind="realize")
        clearing.settled -= part
        funds.credit(state, account, holding, part)
    return part


def tell(state: State, listed: ListedMarket) -> None:
    """Tell what stands behind a market's positions now."""
    clearing = listed.perp_clearing()
    state.record.events.append(
        ClearingChanged(
            market=listed.market.symbol,
            cash_atoms=clearing.cash.atoms,
            lend_scaled=clearing.lend_scaled,
            debt_scaled=clearing.debt_scaled,
            settled_atoms=clearing.settled,
            dust_atoms=clearing.dust,
            interest_atoms=clearing.interest,
            funding_atoms=clearing.funding,
        )
    )


def _note_rounding(clearing: Clearing, pool: Pool, expected_ray: int) -> None:
    """Keep what a move has lost to the pool's reserve, or won from it: less than two atoms."""
    lost = expected_ray - clearing.backing_ray(pool)
    most = 2 * (pool.debt_index + pool.buckets[0].index + RAY)
    assert -most < lost < most, f"clearing of {pool.asset.symbol} lost {lost}"
    clearing.rounding_ray += lost
