"""Balances, the ledger, settings and movements of money, as rows from the engine's events."""

from accounts.models.allowances import MemberAllowance
from accounts.models.ledger import (
    AccountSettings,
    Balance,
    Deposit,
    LedgerTransfer,
    Transfer,
    Withdrawal,
)
from accounts.models.teams import Act
from engine import events
from engine.commands import Command
from engine.events import CommandRejected, Event
from engine.risk_events import AllowanceChanged
from engine.state import Account
from gateway.tables import Handlers, Rows, Table

BALANCES = Table(
    Balance,
    ("account_id", "asset", "available", "locked", "lend_scaled", "debt_scaled", "lend_bucket"),
    key=("account_id", "asset"),
)
LEDGER = Table(LedgerTransfer, ("sequence", "at", "asset", "debit", "credit", "amount", "kind"))
SETTINGS = Table(
    AccountSettings,
    (
        "account_id",
        "owner_id",
        "auto_lend",
        "auto_repay_borrows",
        "auto_borrow_settlements",
        "auto_realize_pnl",
        "leverage_limit",
        "borrow_limit_micros",
        "position_limit_micros",
        "state",
    ),
    key=("account_id",),
    keep=("owner_id",),
)
DEPOSITS = Table(Deposit, ("sequence", "at", "account_id", "asset", "amount", "arrival_id"))
WITHDRAWALS = Table(
    Withdrawal,
    (
        *("id", "sequence", "requested_at", "settled_at", "account_id", "asset", "amount"),
        *("fee", "status"),
    ),
    key=("id",),
    keep=("sequence", "requested_at"),
)
ALLOWANCES = Table(
    MemberAllowance,
    (
        *("account_id", "member_id", "spend_micros", "loss_micros"),
        *("day", "spent_micros", "base_micros", "is_stopped"),
    ),
    key=("account_id", "member_id"),
)
TRANSFERS = Table(Transfer, ("sequence", "at", "source_id", "destination_id", "asset", "amount"))

ACTS = Table(
    Act,
    ("at", "account_id", "actor_id", "action", "outcome", "reason", "details", "count", "sequence"),
)


def acted(rows: Rows, command: Command, answer: Event, sequence: int, at_ns: int) -> None:
    """Append who asked for a command of an account that a team shares, and what became of it."""
    account = getattr(command, "account", None) or getattr(command, "source", 0)
    refused = isinstance(answer, CommandRejected)
    rows.add(
        ACTS,
        (
            *(at_ns, account, command.actor, type(command).__name__),
            Act.Outcome.REFUSED.value if refused else Act.Outcome.DONE.value,
            answer.message if isinstance(answer, CommandRejected) else "",
            *("", 1, sequence),
        ),
    )


def balance_changed(rows: Rows, event: events.BalanceChanged, sequence: int, at_ns: int) -> None:
    """Set the balance to what the event says."""
    rows.put(
        BALANCES,
        (event.account, event.asset),
        (
            event.account,
            event.asset,
            event.available_atoms,
            event.locked_atoms,
            event.lend_scaled,
            event.debt_scaled,
            event.bucket,
        ),
    )


def ledger_posted(rows: Rows, event: events.LedgerPosted, sequence: int, at_ns: int) -> None:
    """Append the transfer to the ledger."""
    rows.add(
        LEDGER,
        (sequence, at_ns, event.asset, event.debit, event.credit, event.amount_atoms, event.kind),
    )


def account_opened(rows: Rows, event: events.AccountOpened, sequence: int, at_ns: int) -> None:
    """Add the account with the settings the engine opens it with."""
    account = Account(event.account, event.owner)
    _put_settings(rows, account, event.owner)


def account_updated(rows: Rows, event: events.AccountUpdated, sequence: int, at_ns: int) -> None:
    """Set the account's settings and state; the owner stays as written when it was opened."""
    opened = rows.found(SETTINGS, event.account)
    _put_settings(rows, event, opened[1] if opened else event.account)


def _put_settings(rows: Rows, account: Account | events.AccountUpdated, owner: int) -> None:
    number = account.account_id if isinstance(account, Account) else account.account
    rows.put(
        SETTINGS,
        number,
        (
            number,
            owner,
            account.auto_lend,
            account.auto_repay_borrows,
            account.auto_borrow_settlements,
            account.auto_realize_pnl,
            account.leverage_limit,
            account.borrow_limit_micros,
            account.position_limit_micros,
            account.state.value,
        ),
    )


def deposit_credited(rows: Rows, event: events.DepositCredited, sequence: int, at_ns: int) -> None:
    """Append the deposit."""
    rows.add(
        DEPOSITS,
        (sequence, at_ns, event.account, event.asset, event.amount_atoms, event.arrival),
    )


def withdrawal_requested(
    rows: Rows, event: events.WithdrawalRequested, sequence: int, at_ns: int
) -> None:
    """Add the withdrawal, in flight."""
    _put_withdrawal(rows, event, (sequence, at_ns, None), Withdrawal.Status.PENDING)


def withdrawal_settled(
    rows: Rows, event: events.WithdrawalSettled, sequence: int, at_ns: int
) -> None:
    """Close the withdrawal; when it was asked for stays as written."""
    before = rows.found(WITHDRAWALS, event.withdrawal)
    asked = (before[1], before[2]) if before else (sequence, at_ns)
    status = Withdrawal.Status.RETURNED if event.returned else Withdrawal.Status.SETTLED
    _put_withdrawal(rows, event, (*asked, at_ns), status)


def _put_withdrawal(
    rows: Rows,
    event: events.WithdrawalRequested | events.WithdrawalSettled,
    times: tuple[int, int, int | None],
    status: str,
) -> None:
    rows.put(
        WITHDRAWALS,
        event.withdrawal,
        (
            *(event.withdrawal, *times, event.account, event.asset, event.amount_atoms),
            *(event.fee_atoms, status),
        ),
    )


def funds_transferred(
    rows: Rows, event: events.FundsTransferred, sequence: int, at_ns: int
) -> None:
    """Append the transfer between accounts."""
    rows.add(
        TRANSFERS,
        (sequence, at_ns, event.source, event.destination, event.asset, event.amount_atoms),
    )


def allowance_changed(rows: Rows, event: AllowanceChanged, sequence: int, at_ns: int) -> None:
    """Set a member's limits, and what of them is used."""
    rows.put(
        ALLOWANCES,
        (event.account, event.member),
        (
            *(event.account, event.member, event.spend_micros, event.loss_micros),
            *(event.day, event.spent_micros, event.base_micros, event.is_stopped),
        ),
    )


HANDLERS: Handlers = {
    events.BalanceChanged: balance_changed,
    events.LedgerPosted: ledger_posted,
    events.AccountOpened: account_opened,
    events.AccountUpdated: account_updated,
    events.DepositCredited: deposit_credited,
    events.WithdrawalRequested: withdrawal_requested,
    events.WithdrawalSettled: withdrawal_settled,
    events.FundsTransferred: funds_transferred,
    AllowanceChanged: allowance_changed,
}
