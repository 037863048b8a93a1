"""Handlers of lending and borrowing."""

from engine import funds
from engine.allowances import count_spending, spending_refusal
from engine.answers import Events, rejected
from engine.catalog import POOL_CLOSED
from engine.commands import AutoLend, Borrow, Lend, Redeem, Repay
from engine.events import BorrowLendMoved, IdleLent
from engine.funds import carries
from engine.kinds import MovementSource
from engine.ledger import Holding
from engine.loans import loan_refusal
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
    """Lend available money of an asset that the account does not owe, within its own terms."""
    refusal = _refusal(state, command)
    if refusal:
        return refusal
    account, holding = _found(state, command)
    refusal = _lend_refusal(state, account, holding, command.amount_atoms)
    if refusal:
        return refusal
    # Past this line the lend must succeed.
    funds.lend(state, holding, command.amount_atoms, MovementSource.MANUAL)
    return _answer(state)


def _lend_refusal(state: State, account: Account, holding: Holding, amount: int) -> Events:
    symbol, pool, terms = holding.asset, state.pools[holding.asset], holding.terms
    if not pool.asset.lendable:
        return rejected(Reject.NOT_LENDABLE, f"{symbol} cannot be lent")
    if pool.state is POOL_CLOSED:
        return rejected(Reject.LENDING_CLOSED, f"{symbol} cannot be lent now; try again later")
    if holding.debt_scaled:
        return rejected(
            Reject.LEND_REQUIRES_BORROW_REPAY, f"repay the {symbol} you owe before lending"
        )
    spare = holding.available.atoms - terms.keep_atoms
    if amount > spare:
        return rejected(
            Reject.INSUFFICIENT_FUNDS,
            "lend at most what is available beyond the amount that your terms keep",
            asset=symbol,
            available=max(0, spare),
        )
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    if terms.cap_atoms is not None and lent + amount > terms.cap_atoms:
        return rejected(
            Reject.LEND_CAP,
            "your own terms cap what you lend; lend less or raise the cap",
            asset=symbol,
            room=max(0, terms.cap_atoms - lent),
        )
    room = pool.lendable()
    if room is not None and amount > room:
        return rejected(
            Reject.POOL_LIMIT, "the pool takes less than that now", asset=symbol, room=room
        )
    if terms.as_collateral:
        return ()
    return _unbacked_refusal(state, account, holding, amount)


def _unbacked_refusal(state: State, account: Account, holding: Holding, amount: int) -> Events:
    """Refuse what would take `amount` out of the collateral that the account needs."""
    holding.available.atoms -= amount
    after = health(state, account, MarginType.INITIAL)
    holding.available.atoms += amount
    if after.free >= 0 or not carries(account):
        return ()
    return rejected(
        Reject.INSUFFICIENT_MARGIN,
        "what stays as collateral would not carry your positions, loans and orders",
        equity_micros=after.equity,
        needed_micros=after.equity - after.free,
    )


def redeem(state: State, command: Redeem) -> Events:
    """Take back what is lent, as far as the pool's cash and utilization allow."""
    refusal = _refusal(state, command)
    if refusal:
        return refusal
    _, holding = _found(state, command)
    pool = state.pools[command.asset]
    lent = pool.lend_atoms(holding.lend_scaled, holding.bucket)
    if command.amount_atoms > lent:
        return rejected(
            Reject.INSUFFICIENT_LEND,
            "redeem at most what you lend",
            asset=command.asset,
            lent=lent,
        )
    room = pool.redeemable(state.at_ns, holding.bucket)
    if command.amount_atoms > room:
        return rejected(
            Reject.UTILIZATION_LIMIT,
            "the pool can give back less than that now",
            asset=command.asset,
            redeemable=room,
        )
    # Past this line the redemption must succeed.
    funds.redeem(state, holding, command.amount_atoms, MovementSource.MANUAL)
    return _answer(state)


def borrow(state: State, command: Borrow) -> Events:
    """Borrow against the account's collateral."""
    refusal = _refusal(state, command)
    if refusal:
        return refusal
    account, holding = _found(state, command)
    amounts = {command.asset: command.amount_atoms}
    refusal = spending_refusal(state, account, command.actor, amounts) or borrow_refusal(
        state, account, holding, command.amount_atoms
    )
    if refusal:
        return refusal
    # Past this line the loan must succeed.
    count_spending(state, account, command.actor, amounts)
    funds.borrow(state, holding, command.amount_atoms, MovementSource.MANUAL)
    return _answer(state)


def borrow_refusal(state: State, account: Account, holding: Holding, amount: int) -> Events:
    """Refuse a loan for what is lent, the pool, the account's limit or its margin.

    Nothing changes. The account's pools must have been accrued.
    """
    if holding.lend_scaled:
        return rejected(
            Reject.BORROW_REQUIRES_LEND_REDEEM,
            f"redeem the {holding.asset} you lend before borrowing",
        )
    refusal = loan_refusal(state, account, holding, amount=amount)
    if refusal:
        return refusal
    debt = div_ceil(amount * RAY, state.pools[holding.asset].debt_index)
    holding.available.atoms += amount
    holding.debt_scaled += debt
    after = health(state, account, MarginType.INITIAL)
    holding.available.atoms -= amount
    holding.debt_scaled -= debt
    if after.free >= 0:
        return ()
    return rejected(
        Reject.INSUFFICIENT_MARGIN,
        "your collateral does not carry this loan; deposit or borrow less",
        equity_micros=after.equity,
        needed_micros=after.equity - after.free,
    )


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
