"""Setting members' limits, and keeping them as time and prices go on.

The loss of an account is looked at with each update of prices, and what a member who has reached
the limit has open is ended at once: it would trade on while nobody acts.
"""

from itertools import islice

from engine.allowance import Allowance
from engine.allowances import atoms_in_books, day_of, lost_micros, open_micros, worth_micros
from engine.answers import Events, rejected
from engine.commands import SetAllowance
from engine.rejects import Reject
from engine.schedule import Work
from engine.standstill import end_opening_of
from engine.state import Account, State
from engine.units import DAY_NS, MAX_ATOMS, AccountId

# One update of prices looks at no more accounts than this; the next goes on where it stopped.
LOOKS_AT_ONCE = 500


def set_allowance(state: State, command: SetAllowance) -> Events:
    """Set, change or lift a member's limits; what is used of them today stays counted.

    A loss is measured from the first time on that a limit is set in a day. What the member has open
    is ended if it could fill for more than the limit leaves.
    """
    account = state.accounts.get(command.account)
    if account is None:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    if command.member <= 0:
        return rejected(Reject.INVALID_PARAMETER, "name the member by the number of a user")
    limits = (command.spend_micros, command.loss_micros)
    if any(limit is not None and not 0 <= limit <= MAX_ATOMS for limit in limits):
        return rejected(Reject.INVALID_PARAMETER, "a limit must not be negative", most=MAX_ATOMS)
    # Past this line the change must succeed.
    today = day_of(state)
    allowance = account.allowances.get(command.member)
    if allowance is None:
        allowance = Allowance(command.account, command.member, day=today)
        allowance.open_atoms = atoms_in_books(state, account, command.member)
    allowance.roll(today)
    allowance.spend_micros = command.spend_micros
    _set_loss_limit(state, account, allowance, command.loss_micros)
    if limits == (None, None):
        account.allowances.pop(command.member, None)
        return (allowance.changed(),)
    account.allowances[command.member] = allowance
    _look_at(state, account)
    limit = allowance.spend_micros
    if limit is not None:
        left = limit - allowance.spent_micros
        if open_micros(state, account, command.member) > max(0, left):
            end_opening_of(state, account, command.member)
    # The answer tells it.
    state.record.allowances.pop(allowance, None)
    return (allowance.changed(),)


def _set_loss_limit(
    state: State, account: Account, allowance: Allowance, limit: int | None
) -> None:
    if limit != allowance.loss_micros:
        allowance.loss_micros, allowance.is_stopped = limit, False
    if limit is None:
        allowance.base_micros = None
        return
    if allowance.base_micros is None:
        allowance.base_micros = worth_micros(state, account)
    if account.account_id not in state.loss_limited:
        _await_day(state, account)


def _await_day(state: State, account: Account) -> None:
    """Have the engine wake up for an account when the next day begins."""
    state.loss_limited[account.account_id] = None
    state.schedule.add((day_of(state) + 1) * DAY_NS, Work.DAY, account.account_id)


def begin_day(state: State, number: int) -> None:
    """Take what an account is worth when a day begins, and let its members trade again."""
    account = state.accounts[AccountId(number)]
    del state.loss_limited[account.account_id]
    limited = [one for one in account.allowances.values() if one.loss_micros is not None]
    if not limited:
        return
    worth = worth_micros(state, account)
    for allowance in limited:
        allowance.roll(day_of(state))
        allowance.base_micros = worth
        state.record.allowances[allowance] = None
    _await_day(state, account)


def look(state: State) -> None:
    """Look at accounts with loss limits, as many as one update of prices may, each in its turn."""
    waiting = state.loss_limited
    for number in list(islice(waiting, LOOKS_AT_ONCE)):
        del waiting[number]
        waiting[number] = None
        _look_at(state, state.accounts[number])


def _look_at(state: State, account: Account) -> None:
    """Stop the members whose loss limit is reached."""
    for allowance in list(account.allowances.values()):
        limit = allowance.loss_micros
        if limit is None or allowance.is_stopped:
            continue
        if lost_micros(state, account, allowance) > limit:
            allowance.is_stopped = True
            state.record.allowances[allowance] = None
            end_opening_of(state, account, allowance.member)
