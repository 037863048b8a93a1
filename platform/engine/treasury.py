"""Handlers of money that comes in from outside, and goes out."""

from engine import allowances, funds
from engine.answers import Events, rejected
from engine.commands import CreditDeposit, RequestWithdrawal, SettleWithdrawal
from engine.events import DepositCredited, WithdrawalRequested, WithdrawalSettled
from engine.kinds import AccountState
from engine.outflow import amount_refusal, make_available, take_out_refusal
from engine.rejects import Reject
from engine.state import State, Withdrawal


def credit_deposit(state: State, command: CreditDeposit) -> Events:
    """Credit what has arrived: repay → lend → available.

    It has arrived, so it is never refused for the account's state: what comes for a closed account
    is its main account's.
    """
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.asset not in state.assets:
        return rejected(Reject.UNKNOWN_ASSET, f"there is no asset {command.asset}")
    refusal = amount_refusal(command.amount_atoms)
    if refusal:
        return refusal
    # Past this line the deposit must succeed.
    if account.state is AccountState.CLOSED:
        account = state.accounts[account.owner]
    allowances.note_incoming(state, account, {command.asset: command.amount_atoms})
    holding = funds.accrue_holding(state, account, command.asset)
    custody = state.ledger.house_account("custody", command.asset)
    state.ledger.transfer(custody, holding.available, command.amount_atoms, kind="deposit")
    funds.credit(state, account, holding, command.amount_atoms)
    return (
        DepositCredited(
            account=account.account_id,
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
    refusal = amount_refusal(command.amount_atoms) or allowances.spending_refusal(
        state, account, command.actor, amounts
    )
    if refusal:
        return refusal
    funds.accrue_account(state, account)
    holding = funds.accrue_holding(state, account, command.asset)
    refusal = take_out_refusal(
        state,
        account,
        holding,
        command.amount_atoms,
        redeem=command.auto_lend_redeem,
        borrow=command.auto_borrow,
    )
    if refusal:
        return refusal
    # Past this line the withdrawal must succeed.
    allowances.note_outgoing(state, account, command.actor, amounts)
    make_available(state, {holding: command.amount_atoms})
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
