"""Handlers of money that comes in, goes out, and moves between an owner's accounts."""

from engine import allowances, funds
from engine.answers import Events, rejected
from engine.commands import CreditDeposit, RequestWithdrawal, SettleWithdrawal, TransferFunds
from engine.events import DepositCredited, FundsTransferred, WithdrawalRequested, WithdrawalSettled
from engine.kinds import MovementSource
from engine.ledger import Holding
from engine.loans import loan_refusal
from engine.margin import MarginType, health
from engine.price_states import out_refusal
from engine.rejects import Reject
from engine.state import Account, State, Withdrawal
from engine.units import MAX_ATOMS, RAY, div_ceil


def credit_deposit(state: State, command: CreditDeposit) -> Events:
    """Credit what has arrived: repay → lend → available."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.asset not in state.assets:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    if not 0 < command.amount_atoms <= MAX_ATOMS:
        return rejected(Reject.INVALID_AMOUNT, "the amount must be above zero")
    # Past this line the deposit must succeed.
    allowances.note_incoming(state, account, {command.asset: command.amount_atoms})
    holding = funds.accrue_holding(state, account, command.asset)
    custody = state.ledger.house_account("custody", command.asset)
    state.ledger.transfer(custody, holding.available, command.amount_atoms, kind="deposit")
    funds.credit(state, account, holding, command.amount_atoms)
    return (
        DepositCredited(
            account=command.account,
            asset=command.asset,
            amount_atoms=command.amount_atoms,
            arrival=command.arrival,
        ),
    )


def request_withdrawal(state: State, command: RequestWithdrawal) -> Events:
    """Put money into flight, out of what the account owns beyond its initial margin."""
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.asset not in state.assets:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    if command.withdrawal in state.withdrawals:
        return rejected(Reject.INVALID_PARAMETER, f"withdrawal {command.withdrawal} exists")
    if command.fee_atoms and not 0 < command.fee_atoms < command.amount_atoms:
        return rejected(Reject.INVALID_AMOUNT, "the amount must be above the withdrawal fee")
    amounts = {command.asset: command.amount_atoms}
    refusal = allowances.spending_refusal(state, account, command.actor, amounts) or _take_out(
        state,
        account,
        command.asset,
        command.amount_atoms,
        redeem=command.auto_lend_redeem,
        borrow=command.auto_borrow,
    )
    if refusal:
        return refusal
    # Past this line the withdrawal must succeed.
    allowances.note_outgoing(state, account, command.actor, amounts)
    holding = account.holding(command.asset)
    in_flight = state.ledger.house_account("in_flight", command.asset)
    state.ledger.transfer(holding.available, in_flight, command.amount_atoms, kind="withdrawal")
    state.withdrawals[command.withdrawal] = Withdrawal(
        command.withdrawal,
        account.account_id,
        command.asset,
        command.amount_atoms,
        command.fee_atoms,
    )
    return (
        WithdrawalRequested(
            withdrawal=command.withdrawal,
            account=command.account,
            asset=command.asset,
            amount_atoms=command.amount_atoms,
            fee_atoms=command.fee_atoms,
        ),
    )


def settle_withdrawal(state: State, command: SettleWithdrawal) -> Events:
    """Say that the money has left, and keep the fee; or give it all back."""
    withdrawal = state.withdrawals.get(command.withdrawal)
    if withdrawal is None:
        return rejected(
            Reject.UNKNOWN_WITHDRAWAL, f"no withdrawal {command.withdrawal} is in flight"
        )
    del state.withdrawals[command.withdrawal]
    asset, amount = withdrawal.asset, withdrawal.amount_atoms
    in_flight = state.ledger.house_account("in_flight", asset)
    if command.returned:
        account = state.accounts[withdrawal.account_id]
        holding = funds.accrue_holding(state, account, asset)
        allowances.note_incoming(state, account, {asset: amount})
        state.ledger.transfer(in_flight, holding.available, amount, kind="withdrawal_returned")
        funds.credit(state, account, holding, amount)
    else:
        custody = state.ledger.house_account("custody", asset)
        fee = withdrawal.fee_atoms
        state.ledger.transfer(in_flight, custody, amount - fee, kind="withdrawal_settled")
        if fee:
            fees = state.ledger.house_account("fees", asset)
            state.ledger.transfer(in_flight, fees, fee, kind="withdrawal_fee")
    return (
        WithdrawalSettled(
            withdrawal=command.withdrawal,
            account=withdrawal.account_id,
            asset=asset,
            amount_atoms=amount,
            returned=command.returned,
            fee_atoms=0 if command.returned else withdrawal.fee_atoms,
        ),
    )


def transfer_funds(state: State, command: TransferFunds) -> Events:
    """Move money between two accounts of one owner; the source must keep its initial margin."""
    source = state.accounts.get(command.source)
    destination = state.accounts.get(command.destination)
    if source is None or destination is None:
        missing = command.source if source is None else command.destination
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {missing}")
    if source is destination:
        return rejected(Reject.SAME_ACCOUNT, "choose another account as the destination")
    if source.owner != destination.owner:
        return rejected(Reject.OTHER_OWNER, "you can transfer between your own accounts only")
    if command.asset not in state.assets:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    amounts = {command.asset: command.amount_atoms}
    refusal = allowances.spending_refusal(state, source, command.actor, amounts) or _take_out(
        state, source, command.asset, command.amount_atoms, redeem=True, borrow=False
    )
    if refusal:
        return refusal
    # Past this line the transfer must succeed.
    allowances.note_outgoing(state, source, command.actor, amounts)
    allowances.note_incoming(state, destination, amounts)
    giving = source.holding(command.asset)
    taking = destination.holding(command.asset)
    state.ledger.transfer(giving.available, taking.available, command.amount_atoms, kind="transfer")
    funds.credit(state, destination, taking, command.amount_atoms)
    return (
        FundsTransferred(
            source=command.source,
            destination=command.destination,
            asset=command.asset,
            amount_atoms=command.amount_atoms,
        ),
    )


def _take_out(
    state: State, account: Account, asset: str, amount: int, *, redeem: bool, borrow: bool
) -> Events:
    """Make `amount` available to leave the account, or return the refusal and change nothing."""
    if not 0 < amount <= MAX_ATOMS:
        return rejected(Reject.INVALID_AMOUNT, "the amount must be above zero")
    funds.accrue_account(state, account)
    holding = funds.accrue_holding(state, account, asset)
    refusal = take_out_refusal(state, account, holding, amount, redeem=redeem, borrow=borrow)
    if refusal:
        return refusal
    funds.raise_available(state, holding, amount, MovementSource.WITHDRAWAL)
    return ()


def take_out_refusal(
    state: State, account: Account, holding: Holding, amount: int, *, redeem: bool, borrow: bool
) -> Events:
    """Refuse to let go what is not there, cannot be had, or is needed as margin.

    Nothing changes. The account's pools must have been accrued.
    """
    asset = holding.asset
    uncertain = out_refusal(state, asset)
    if uncertain:
        return uncertain
    own = holding.available.atoms
    lent = state.pools[asset].lend_atoms(holding.lend_scaled, holding.bucket) if redeem else 0
    room = funds.redeemable(state, holding) if redeem else 0
    short = max(0, amount - own - room)
    if short and lent > room and amount <= own + lent:
        return rejected(
            Reject.UTILIZATION_LIMIT,
            "the pool cannot give back all that you lend now; ask for less or wait",
            asset=asset,
            available=own,
            redeemable=room,
            lent=lent,
        )
    if short and (not borrow or lent > room or (holding.lend_scaled and not redeem)):
        return rejected(
            Reject.INSUFFICIENT_FUNDS,
            "there is not enough available; ask for at most the available amount",
            asset=asset,
            available=own + room,
            requested=amount,
        )
    if short:
        refusal = loan_refusal(state, account, holding, amount=short, redeemed=room)
        if refusal:
            return refusal
    return _margin_refusal(state, account, holding, amount, borrowed=short)


def _margin_refusal(
    state: State, account: Account, holding: Holding, amount: int, *, borrowed: int
) -> Events:
    """Refuse if what stays after giving `amount`, of which `borrowed` is new debt, is too little.

    What must stay is the larger of initial margin and a tenth of all exposure, besides what open
    orders need. Weights fall with size, so the account is valued anew without the amount.
    """
    pool = state.pools[holding.asset]
    debt = div_ceil(borrowed * RAY, pool.debt_index)
    given = amount - borrowed
    if not holding.terms.as_collateral:
        # What is taken out of such a lend backed nothing.
        given = min(given, holding.available.atoms)
    holding.available.atoms -= given
    holding.debt_scaled += debt
    after = health(state, account, MarginType.INITIAL)
    holding.available.atoms += given
    holding.debt_scaled -= debt
    needed = max(after.margin, after.exposure // 10) + after.open_loss + after.fee_reserve
    if after.equity >= needed or not (after.margin or borrowed or account.has_positions):
        return ()
    return rejected(
        Reject.INSUFFICIENT_MARGIN,
        "what stays would not carry your positions, loans and orders; close some or take less",
        equity_micros=after.equity,
        needed_micros=needed,
    )
