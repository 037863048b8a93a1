"""Handlers of lending and borrowing."""

from engine import funds
from engine.answers import Events, rejected
from engine.commands import AccrueInterest, AutoLend, Borrow, Lend, Redeem, Repay
from engine.events import (
    BorrowLendMoved,
    IdleLent,
    InterestAccrued,
    MovementSource,
)
from engine.ledger import Holding
from engine.margin import MarginType, health
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import MAX_ATOMS, RAY, div_ceil

Request = Lend | Redeem | Borrow | Repay


def _refusal(state: State, command: Request) -> Events:
    if command.account not in state.accounts:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.asset not in state.assets:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    if not 0 < command.amount_atoms <= MAX_ATOMS:
        return rejected(Reject.INVALID_AMOUNT, "the amount must be above zero")
    return ()


def _found(state: State, command: Request) -> tuple[Account, Holding]:
    account = state.accounts[command.account]
    funds.accrue_account(state, account)
    return account, funds.accrue_holding(state, account, command.asset)


def _answer(state: State) -> Events:
    """Answer with the movement that funds has just recorded: it is told once."""
    moved = state.record.events.pop()
    assert isinstance(moved, BorrowLendMoved), f"{moved} is no movement"
    return (moved,)


def lend(state: State, command: Lend) -> Events:
    """Lend available money of an asset that the account does not owe."""
    refusal = _refusal(state, command)
    if refusal:
        return refusal
    _, holding = _found(state, command)
    pool = state.pools[command.asset]
    if not pool.asset.lendable:
        return rejected(Reject.NOT_LENDABLE, f"{command.asset} cannot be lent")
    if holding.debt_scaled:
        return rejected(
            Reject.LEND_REQUIRES_BORROW_REPAY, f"repay the {command.asset} you owe before lending"
        )
    if command.amount_atoms > holding.available.atoms:
        return rejected(
            Reject.INSUFFICIENT_FUNDS,
            "lend at most what is available",
            asset=command.asset,
            available=holding.available.atoms,
        )
    room = pool.lendable()
    if room is not None and command.amount_atoms > room:
        return rejected(
            Reject.POOL_LIMIT,
            "the pool takes less than that now",
            asset=command.asset,
            room=room,
        )
    funds.lend(state, holding, command.amount_atoms, MovementSource.MANUAL)
    return _answer(state)


def redeem(state: State, command: Redeem) -> Events:
    """Take back what is lent, as far as the pool's cash and utilization allow."""
    refusal = _refusal(state, command)
    if refusal:
        return refusal
    _, holding = _found(state, command)
    pool = state.pools[command.asset]
    lent = pool.lend_atoms(holding.lend_scaled)
    if command.amount_atoms > lent:
        return rejected(
            Reject.INSUFFICIENT_LEND,
            "redeem at most what you lend",
            asset=command.asset,
            lent=lent,
        )
    room = pool.redeemable(state.at_ns)
    if command.amount_atoms > room:
        return rejected(
            Reject.UTILIZATION_LIMIT,
            "the pool can give back less than that now",
            asset=command.asset,
            redeemable=room,
        )
    funds.redeem(state, holding, command.amount_atoms, MovementSource.MANUAL)
    return _answer(state)


def borrow(state: State, command: Borrow) -> Events:
    """Borrow against the account's collateral."""
    refusal = _refusal(state, command)
    if refusal:
        return refusal
    account, holding = _found(state, command)
    pool = state.pools[command.asset]
    if holding.lend_scaled:
        return rejected(
            Reject.BORROW_REQUIRES_LEND_REDEEM,
            f"redeem the {command.asset} you lend before borrowing",
        )
    room = pool.borrowable(state.at_ns)
    if command.amount_atoms > room:
        return rejected(
            Reject.INSUFFICIENT_SUPPLY,
            "the pool cannot lend that much now",
            asset=command.asset,
            borrowable=room,
        )
    debt = div_ceil(command.amount_atoms * RAY, pool.debt_index)
    holding.available.atoms += command.amount_atoms
    holding.debt_scaled += debt
    after = health(state, account, MarginType.INITIAL)
    holding.available.atoms -= command.amount_atoms
    holding.debt_scaled -= debt
    if after.free < 0:
        return rejected(
            Reject.INSUFFICIENT_MARGIN,
            "your collateral does not carry this loan; deposit or borrow less",
            equity_micros=after.equity,
            needed_micros=after.equity - after.free,
        )
    funds.borrow(state, holding, command.amount_atoms, MovementSource.MANUAL)
    return _answer(state)


def repay(state: State, command: Repay) -> Events:
    """Repay from what is available; an amount above the debt repays all of it."""
    refusal = _refusal(state, command)
    if refusal:
        return refusal
    _, holding = _found(state, command)
    pool = state.pools[command.asset]
    if not holding.debt_scaled:
        return rejected(Reject.NOTHING_OWED, f"you owe no {command.asset}")
    amount = min(command.amount_atoms, pool.debt_atoms(holding.debt_scaled))
    if amount > holding.available.atoms:
        return rejected(
            Reject.INSUFFICIENT_FUNDS,
            "repay at most what is available",
            asset=command.asset,
            available=holding.available.atoms,
        )
    funds.repay(state, holding, amount, MovementSource.MANUAL)
    return _answer(state)


def auto_lend(state: State, command: AutoLend) -> Events:
    """Sweep what accounts with Auto Lend still hold idle of one asset."""
    pool = state.pools.get(command.asset)
    if pool is None:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    if not pool.asset.lendable:
        return rejected(Reject.NOT_LENDABLE, f"{command.asset} cannot be lent")
    accounts = amount = 0
    for account in state.accounts.values():
        holding = account.holdings.get(command.asset)
        if holding is None or not account.auto_lend or not holding.available.atoms:
            continue
        if holding.debt_scaled:
            funds.credit(state, account, holding, holding.available.atoms)
            continue
        lent = funds.lend_idle(state, holding, holding.available.atoms)
        accounts += lent > 0
        amount += lent
    return (IdleLent(asset=command.asset, accounts=accounts, amount_atoms=amount),)


def accrue_interest(state: State, command: AccrueInterest) -> Events:
    """Bring one pool up to now, and say its rates. When and how often changes no amount."""
    pool = state.pools.get(command.asset)
    if pool is None:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    pool.accrue(state.at_ns)
    # An idle pool too tells its sizes beside its rates.
    state.record.pools[pool] = None
    return (
        InterestAccrued(
            asset=command.asset,
            borrow_rate_ppb=pool.rate_ppb,
            lend_rate_ppb=pool.lend_rate_ppb,
            utilization_ppb=pool.utilization_ppb,
        ),
    )
