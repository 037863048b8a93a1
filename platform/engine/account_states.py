"""Handlers of what an account may do at all: frozen, closed, open again.

Frozen, it opens nothing; closed, it does nothing, and has nothing. engine/gate.py refuses the rest.
"""

from engine import funds
from engine.answers import Events, rejected
from engine.commands import CloseAccount, FreezeAccount, ReopenAccount
from engine.events import AccountStateChanged
from engine.kinds import ACCOUNT_OPEN, AccountState
from engine.ledger import Holding
from engine.listing import account_told
from engine.positions import Position
from engine.rejects import Reject
from engine.risk_events import BackstopChanged
from engine.standstill import end_all_open
from engine.state import Account, State


def freeze_account(state: State, command: FreezeAccount) -> Events:
    """Freeze an account, or let it do everything again; said twice, it stays so."""
    account = state.accounts.get(command.account)
    if account is None:
        return _unknown_account(command.account)
    if command.frozen:
        end_all_open(state, account)
        _take_back_backstops(state, account)
    return _changed(state, account, AccountState.FROZEN if command.frozen else ACCOUNT_OPEN)


def close_account(state: State, command: CloseAccount) -> Events:
    """Close a sub-account which has nothing left, to the atom."""
    account = state.accounts.get(command.account)
    if account is None:
        return _unknown_account(command.account)
    if account.owner == account.account_id:
        return rejected(
            Reject.MAIN_ACCOUNT,
            "a main account is not closed: close its sub-accounts, or freeze it",
        )
    funds.accrue_account(state, account)
    left = left_in(state, account)
    if left:
        words = ", ".join(left)
        return rejected(
            Reject.ACCOUNT_NOT_EMPTY,
            f"the account still has: {words}; move, repay, cancel or wait for it, then close",
            left=words,
            account=command.account,
        )
    # Past this line it must succeed.
    for holding in account.holdings.values():
        if holding.lend_scaled:
            funds.drop_lend_dust(state, holding)
    return _changed(state, account, AccountState.CLOSED)


def reopen_account(state: State, command: ReopenAccount) -> Events:
    """Open a closed account again."""
    account = state.accounts.get(command.account)
    if account is None:
        return _unknown_account(command.account)
    if account.state is not AccountState.CLOSED:
        return rejected(
            Reject.ACCOUNT_NOT_CLOSED, f"account {command.account} is not closed: use it as it is"
        )
    return _changed(state, account, ACCOUNT_OPEN)


def left_in(state: State, account: Account) -> list[str]:
    """Return in words what an account has, owes or has under way; its pools must be accrued.

    A lend worth less than an atom is not counted: it cannot be taken out.
    """
    number = account.account_id
    left = []
    for holding in account.holdings.values():
        left += _held(state, holding)
    left += [
        f"a position in {position.market}" if position.lots else f"unsettled {position.market}"
        for position in account.positions.values()
        if _is_unsettled(position)
    ]
    quotes = sum(number in rfq.quotes for rfq in state.rfqs.values())
    in_flight = sum(one.account_id == number for one in state.withdrawals.values())
    offers = sum(number in offered for offered in state.backstops.values())
    for count, one, more in (
        (len(account.orders), "an open order", "open orders"),
        (len(account.triggers), "a waiting order", "waiting orders"),
        (len(account.strategies), "a running strategy", "running strategies"),
        (len(account.rfqs), "a request for quote", "requests for quote"),
        (quotes, "a quote", "quotes"),
        (offers, "a backstop offer", "backstop offers"),
        (in_flight, "a withdrawal in flight", "withdrawals in flight"),
    ):
        if count:
            left.append(one if count == 1 else f"{count} {more}")
    if account.liquidation is not None:
        left.append("a liquidation under way")
    return left


def _held(state: State, holding: Holding) -> list[str]:
    """Return in words what there is of one asset."""
    pool, asset = state.pools[holding.asset], holding.asset
    amounts = (
        (holding.available.atoms, "available"),
        (holding.locked.atoms, "locked"),
        (pool.lend_atoms(holding.lend_scaled, holding.bucket), "lent"),
        (pool.debt_atoms(holding.debt_scaled), "owed"),
    )
    return [f"{asset} {what}" for atoms, what in amounts if atoms]


def _is_unsettled(position: Position) -> bool:
    """Tell whether a position is open, or money may yet come of it or be asked for it."""
    return bool(
        position.lots or position.quote or position.due or position.sample or position.interest_ray
    )


def _take_back_backstops(state: State, account: Account) -> None:
    for market, offers in state.backstops.items():
        if offers.pop(account.account_id, None) is not None:
            state.record.events.append(
                BackstopChanged(
                    account=account.account_id, market=market, minute_micros=0, hour_micros=0
                )
            )


def _changed(state: State, account: Account, account_state: AccountState) -> Events:
    state.set_account_state(account, account_state)
    told = AccountStateChanged(account=account.account_id, state=account_state)
    return (told, account_told(account))


def _unknown_account(account: int) -> Events:
    return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {account}")
