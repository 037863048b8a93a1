"""Users, accounts, keys (written by services); balances, movements (written by projections)."""

from accounts.models.jobs import JobRun
from accounts.models.ledger import (
    AccountSettings,
    Balance,
    Deposit,
    LedgerTransfer,
    Transfer,
    Withdrawal,
)
from accounts.models.users import Account, ApiKey, User
from accounts.models.withdrawals import WithdrawalInstruction

__all__ = [
    "Account",
    "AccountSettings",
    "ApiKey",
    "Balance",
    "Deposit",
    "JobRun",
    "LedgerTransfer",
    "Transfer",
    "User",
    "Withdrawal",
    "WithdrawalInstruction",
]
