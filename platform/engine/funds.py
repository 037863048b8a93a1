"""Moves of one account's money between available, locked, lent and owed, with their ledger legs.

These are facts, not decisions: the caller has checked. Pools must have been accrued.
"""

from engine.events import BorrowLendMoved
from engine.kinds import ACCOUNT_OPEN, BorrowLendKind, MovementSource
from engine.ledger import NOT_OPEN, Holding
from engine.state import Account, State


def accrue_holding(state: State, account: Account, asset: str) -> Holding:
    """Bring an asset's pool up to now and return the account's holding of it."""
    state.pools[asset].accrue(state.at_ns)
    return account.holding(asset)


def accrue_account(state: State, account: Account) -> None:
    """Bring every pool in which the account lends or borrows up to now."""
    if not account.bearing:
        return
    for symbol, holding in account.holdings.items():
        if holding.lend_scaled or holding.debt_scaled:
            state.pools[symbol].accrue(state.at_ns)


def lend(state: State, holding: Holding, amount_atoms: int, source: MovementSource) -> None:
    """Lend from what is available."""
    pool = state.pools[holding.asset]
    state.ledger.transfer(holding.available, pool.cash, amount_atoms, kind="lend")
    holding.lend_scaled += pool.lend(amount_atoms, holding.bucket)
    moved(state, holding, BorrowLendKind.LEND, source, amount_atoms)


def redeem(state: State, holding: Holding, amount_atoms: int, source: MovementSource) -> None:
    """Take back what is lent, into available."""
    pool = state.pools[holding.asset]
    holding.lend_scaled -= pool.redeem(
        amount_atoms, of_scaled=holding.lend_scaled, bucket=holding.bucket
    )
    assert holding.lend_scaled >= 0, f"account {holding.account_id} redeemed more than it lent"
    state.ledger.transfer(pool.cash, holding.available, amount_atoms, kind="redeem")
    moved(state, holding, BorrowLendKind.REDEEM, source, amount_atoms)


def drop_lend_dust(state: State, holding: Holding) -> None:
    """Leave the pool a lend that is worth less than an atom: nobody could take it back."""
    pool = state.pools[holding.asset]
    assert not pool.lend_atoms(holding.lend_scaled, holding.bucket), f"{holding.asset} is no dust"
    holding.lend_scaled -= pool.redeem(0, of_scaled=holding.lend_scaled, bucket=holding.bucket)
    moved(state, holding, BorrowLendKind.REDEEM, MovementSource.MANUAL, 0)


def borrow(state: State, holding: Holding, amount_atoms: int, source: MovementSource) -> None:
    """Borrow into available. Nothing of the asset may be lent."""
    assert not holding.lend_scaled, f"account {holding.account_id} lends {holding.asset}"
    pool = state.pools[holding.asset]
    holding.debt_scaled += pool.borrow(amount_atoms)
    state.ledger.transfer(pool.cash, holding.available, amount_atoms, kind="borrow")
    moved(state, holding, BorrowLendKind.BORROW, source, amount_atoms)


def repay(state: State, holding: Holding, amount_atoms: int, source: MovementSource) -> None:
    """Repay from what is available; never more than is owed."""
    pool = state.pools[holding.asset]
    holding.debt_scaled -= pool.repay(amount_atoms, of_scaled=holding.debt_scaled)
    assert holding.debt_scaled >= 0, f"account {holding.account_id} repaid more than it owed"
    state.ledger.transfer(holding.available, pool.cash, amount_atoms, kind="repay")
    moved(state, holding, BorrowLendKind.REPAY, source, amount_atoms)


def moved(
    state: State, holding: Holding, kind: BorrowLendKind, source: MovementSource, amount: int
) -> None:
    """Tell that a lend or a debt has changed by `amount` atoms, and note what follows from it."""
    holding.note_interest()
    holding.stale[holding] = None
    opened = state.sequence if holding.opened == NOT_OPEN else holding.opened
    holding.opened = opened if holding.lend_scaled or holding.debt_scaled else NOT_OPEN
    state.record.balances[holding] = None
    state.record.events.append(
        BorrowLendMoved(
            account=holding.account_id,
            asset=holding.asset,
            kind=kind,
            source=source,
            amount_atoms=amount,
            lend_scaled=holding.lend_scaled,
            debt_scaled=holding.debt_scaled,
            bucket=holding.bucket,
            opened=opened,
        )
    )


def credit(
    state: State,
    account: Account,
    holding: Holding,
    amount_atoms: int,
    *,
    auto_repay: bool | None = None,
    auto_lend: bool | None = None,
) -> None:
    """Put a credit that has reached available to use: repay → lend → leave available.

    The flags of an order, where given, go before the account's settings.
    """
    rest = amount_atoms
    pool = state.pools[holding.asset]
    if holding.debt_scaled and (account.auto_repay_borrows if auto_repay is None else auto_repay):
        pool.accrue(state.at_ns)
        part = min(rest, pool.debt_atoms(holding.debt_scaled))
        repay(state, holding, part, MovementSource.AUTO_REPAY)
        rest -= part
    if account.liquidation is not None:
        return
    if rest and (account.auto_lend if auto_lend is None else auto_lend):
        lend_idle(state, holding, rest)


def lend_idle(state: State, holding: Holding, amount_atoms: int) -> int:
    """Lend as much of `amount_atoms` as its pool and the lender's terms take; return how much.

    An account that is frozen lends nothing new.
    """
    pool, account = state.pools[holding.asset], state.accounts[holding.account_id]
    if holding.debt_scaled or not pool.asset.lendable or account.state is not ACCOUNT_OPEN:
        return 0
    pool.accrue(state.at_ns)
    part = min(amount_atoms, lend_room(state, holding))
    if part < max(pool.asset.min_lend_atoms, 1):
        return 0
    if not holding.terms.as_collateral and carries(account):
        return 0
    lend(state, holding, part, MovementSource.AUTO_LEND)
    return part


def lend_room(state: State, holding: Holding) -> int:
    """Return how much more may be lent by the pool's limit and the lender's own terms.

    What always stays available is left out; the pool must have been accrued.
    """
    terms, pool = holding.terms, state.pools[holding.asset]
    room = holding.available.atoms - terms.keep_atoms
    limit = pool.lendable()
    if limit is not None:
        room = min(room, limit)
    if terms.cap_atoms is not None:
        room = min(room, terms.cap_atoms - pool.lend_atoms(holding.lend_scaled, holding.bucket))
    return max(0, room)


def carries(account: Account) -> bool:
    """Tell whether the account has anything that its collateral must carry."""
    return bool(
        account.has_positions
        or account.pending_borrow
        or account.spot_loss_micros
        or any(holding.debt_scaled for holding in account.bearing)
    )


def redeemable(state: State, holding: Holding) -> int:
    """Return how much of the account's lend could be taken back now."""
    if not holding.lend_scaled:
        return 0
    pool, bucket = state.pools[holding.asset], holding.bucket
    return min(pool.lend_atoms(holding.lend_scaled, bucket), pool.redeemable(state.at_ns, bucket))


def raise_available(
    state: State, holding: Holding, amount_atoms: int, source: MovementSource
) -> None:
    """Redeem and then borrow until `amount_atoms` are available. The caller checked."""
    short = amount_atoms - holding.available.atoms
    if short > 0 and holding.lend_scaled:
        pool = state.pools[holding.asset]
        lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
        part = min(short, lent, pool.cash.atoms)
        if part:
            redeem(state, holding, part, source)
            short -= part
    if short > 0:
        borrow(state, holding, short, source)


def lock(state: State, holding: Holding, amount_atoms: int) -> None:
    """Hold available money for an order."""
    if amount_atoms:
        state.ledger.transfer(holding.available, holding.locked, amount_atoms, kind="lock")


def unlock(
    state: State,
    account: Account,
    holding: Holding,
    amount_atoms: int,
    *,
    auto_lend: bool | None = None,
) -> None:
    """Give back what an order held, and put it to use."""
    if amount_atoms:
        state.ledger.transfer(holding.locked, holding.available, amount_atoms, kind="unlock")
        credit(state, account, holding, amount_atoms, auto_lend=auto_lend)
