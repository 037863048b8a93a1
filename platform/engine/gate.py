"""What an account may not ask for while it is liquidated, frozen or closed: asked before handlers.

Closed, it may ask for nothing but to be reopened. Frozen, for nothing that opens, lends, borrows or
leaves; reduce-only orders, cancels, repayments and redemptions pass. What is done to an account is
not asked here: deposits, transfers to it (transfers.py), settlement, liquidation.
"""

from engine.answers import Events, rejected
from engine.commands import (
    AcceptQuote,
    Borrow,
    CloseAccount,
    ConvertDust,
    CreateStrategy,
    CreditDeposit,
    Lend,
    OpenAccount,
    PlaceOrder,
    RefreshQuoteRequest,
    ReopenAccount,
    RequestQuote,
    RequestWithdrawal,
    SetBackstop,
    SetLendTerms,
    SubmitQuote,
    TransferBasket,
    TransferFunds,
    WriteOffDebt,
)
from engine.kinds import AccountState
from engine.rejects import Reject
from engine.state import Account, State
from engine.units import AccountId

# What takes on risk, or takes money out. A sweep moves what may move, so it is not among them.
STOPPED = (
    RequestWithdrawal,
    TransferFunds,
    TransferBasket,
    PlaceOrder,
    CreateStrategy,
    RequestQuote,
    SubmitQuote,
    AcceptQuote,
    RefreshQuoteRequest,
    Lend,
    Borrow,
    SetLendTerms,
    ConvertDust,
    SetBackstop,
)
# Closing is among them: what is frozen is not washed clean by being closed and reopened.
_NOT_WHILE_FROZEN = (*STOPPED, CloseAccount)
# Besides reopening, what the house asks for about an account: that is not its owner's.
_WHILE_CLOSED = (ReopenAccount, OpenAccount, CreditDeposit, WriteOffDebt)
# The fields of commands that name the account which asks.
_ACTORS = ("account", "source")


def gate_refusal(state: State, command: object) -> Events:
    """Refuse what an account that is liquidated, frozen or closed may not ask for."""
    for name in _ACTORS:
        number: AccountId | None = getattr(command, name, None)
        if number in state.liquidations and isinstance(command, STOPPED):
            return rejected(
                Reject.ACCOUNT_LIQUIDATING,
                "the account is being liquidated: deposit, or wait until it has ended",
                account=number,
            )
        if number in state.shut:
            return _shut_refusal(state.accounts[number], command)
    return ()


def closed_refusal(account: Account) -> Events:
    """Refuse what an account is closed for."""
    number = account.account_id
    return rejected(
        Reject.ACCOUNT_CLOSED,
        f"account {number} is closed: reopen it first, or name another",
        account=number,
    )


def _shut_refusal(account: Account, command: object) -> Events:
    if account.state is AccountState.CLOSED:
        passes = isinstance(command, _WHILE_CLOSED)
        return () if passes else closed_refusal(account)
    if not _opens(command):
        return ()
    number = account.account_id
    return rejected(
        Reject.ACCOUNT_FROZEN,
        f"account {number} is frozen: it may reduce, cancel, repay, redeem and receive; "
        "unfreeze it first",
        account=number,
    )


def _opens(command: object) -> bool:
    """Tell whether a command is more than a frozen account may ask for."""
    if isinstance(command, PlaceOrder):
        return not command.reduce_only
    return isinstance(command, _NOT_WHILE_FROZEN)
