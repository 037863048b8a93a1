"""What an account may not ask for while it is liquidated, frozen or closed: asked before handlers.

Closed, it may ask for nothing but to be reopened. Frozen, for nothing that opens, lends, borrows or
leaves; reduce-only orders, cancels, repayments and redemptions pass. What others do to an account
is not asked here: deposits, transfers to it, settlement, liquidation.
"""

from collections.abc import Container

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
from engine.state import State
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
# What the house asks for about an account; it is not its owner's.
_OF_THE_HOUSE = (OpenAccount, CreditDeposit, WriteOffDebt)
# The fields of commands that name an account: first who gives or acts, then who only gets.
_ACTORS = ("account", "source")
_NAMED = ("account", "source", "destination", "other")


def gate_refusal(state: State, command: object) -> Events:
    """Refuse what an account that is liquidated, frozen or closed may not ask for."""
    if state.liquidations and isinstance(command, STOPPED):
        number = _named_among(command, _ACTORS, state.liquidations)
        if number is not None:
            return rejected(
                Reject.ACCOUNT_LIQUIDATING,
                "the account is being liquidated: deposit, or wait until it has ended",
                account=number,
            )
    return _shut_refusal(state, command) if state.shut else ()


def _shut_refusal(state: State, command: object) -> Events:
    if isinstance(command, _OF_THE_HOUSE):
        return ()
    for name in _NAMED:
        number = getattr(command, name, None)
        if number not in state.shut:
            continue
        if state.accounts[number].state is AccountState.CLOSED:
            if isinstance(command, ReopenAccount):
                return ()
            return rejected(
                Reject.ACCOUNT_CLOSED,
                f"account {number} is closed: reopen it first, or name another",
                account=number,
            )
        if name in _ACTORS and _opens(command):
            return rejected(
                Reject.ACCOUNT_FROZEN,
                f"account {number} is frozen: it may reduce, cancel, repay, redeem and receive; "
                "unfreeze it first",
                account=number,
            )
    return ()


def _opens(command: object) -> bool:
    """Tell whether a command is more than a frozen account may ask for."""
    if isinstance(command, PlaceOrder):
        return not command.reduce_only
    return isinstance(command, _NOT_WHILE_FROZEN)


def _named_among(
    command: object, names: tuple[str, ...], accounts: Container[AccountId | None]
) -> AccountId | None:
    for name in names:
        number: AccountId | None = getattr(command, name, None)
        if number in accounts:
            return number
    return None
