"""Users, accounts, keys (written by services); balances, movements (written by projections)."""

from accounts.models.allowances import MemberAllowance
from accounts.models.custody import (
    DepositAddress,
    DepositArrival,
    ExchangeWallet,
    PageKey,
    TokenTerms,
)
from accounts.models.jobs import JobRun
from accounts.models.ledger import (
    AccountSettings,
    Balance,
    Deposit,
    LedgerTransfer,
    Transfer,
    Withdrawal,
)
from accounts.models.safety import AddressBookEntry, WithdrawalGuard
from accounts.models.teams import Act, Grant, Member, SweepRule
from accounts.models.users import Account, ApiKey, User
from accounts.models.withdrawals import WithdrawalInstruction

__all__ = [
    "Account",
    "AccountSettings",
    "Act",
    "AddressBookEntry",
    "ApiKey",
    "Balance",
    "Deposit",
    "DepositAddress",
    "DepositArrival",
    "ExchangeWallet",
    "Grant",
    "JobRun",
    "LedgerTransfer",
    "Member",
    "MemberAllowance",
    "PageKey",
    "SweepRule",
    "TokenTerms",
    "Transfer",
    "User",
    "Withdrawal",
    "WithdrawalGuard",
    "WithdrawalInstruction",
]
