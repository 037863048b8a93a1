"""Looking at accounts when prices have moved: notices, and the decision to liquidate.

An account is liquidated when its equity is below its maintenance margin at two updates of prices
at least a second apart, and at the median mark of the last seconds as well: a wick liquidates
nobody. Only where equity is below the closing margin, one update is enough. While a price that the
account hangs on is not trusted, nothing is decided.
"""

from itertools import islice

from engine import funds, liquidation
from engine.guards import Bounds
from engine.kinds import MarginStatus
from engine.maintenance import Maintenance, guards, maintenance, trust_of
from engine.risk_events import MarginStatusChanged
from engine.schedule import Work
from engine.state import Account, State
from engine.units import PPM, SECOND_NS, AccountId

# One command looks at no more accounts than this; then other commands have their turn.
LOOKS_AT_ONCE = 300
CONFIRM_NS = SECOND_NS
# Equity above so many times the margin, by status, the best first.
LEVELS = ((MarginStatus.HEALTHY, 1_500_000), (MarginStatus.LOW, 1_200_000))
# A status becomes better only when equity is beyond the level by this part of the margin.
HYSTERESIS_PPM = 50_000


def look(state: State) -> None:
    """Look at the accounts that moved prices may have hurt, and at those which have changed."""
    watched = state.guards
    left: set[AccountId] = set()
    for key, watchers in watched.watchers.items():
        left.update(watchers.take_left(key, _value_of(state, key), state.accounts))
    # In the order of their numbers: watchers are in no order that a snapshot would keep.
    for number in sorted(left):
        state.accounts[number].guards = {}
        watched.urgent[number] = None
    for number in watched.suspects:
        watched.urgent[number] = None
    _look_on(state)


def look_on(state: State, _subject: int) -> None:
    """Look at the next of the accounts that wait for it, as the schedule says."""
    state.guards.is_due = False
    _look_on(state)


def _look_on(state: State) -> None:
    watched = state.guards
    left = LOOKS_AT_ONCE
    for waiting in (watched.urgent, watched.changed):
        for number in list(islice(waiting, left)):
            del waiting[number]
            watched.changed.pop(number, None)
            _look_at(state, state.accounts[number])
            left -= 1
        if not waiting:
            # A dict which was emptied item by item is still walked at its former size.
            waiting.clear()
    if (watched.urgent or watched.changed) and not watched.is_due:
        watched.is_due = True
        # Not within this command, which would go on with all of them.
        state.schedule.add(state.at_ns + 1, Work.HEALTH, 0)


def _value_of(state: State, key: str) -> int:
    kind, _, symbol = key.partition(":")
    if kind == "index":
        return state.prices[symbol].now_e8
    if kind == "debt":
        return state.pools[symbol].debt_index
    return state.mark_e8(state.markets[symbol])


def _look_at(state: State, account: Account) -> None:
    if account.liquidation is not None:
        # Its own steps look at it.
        return
    number, watched = account.account_id, state.guards
    funds.accrue_account(state, account)
    found = maintenance(state, account)
    if found.is_met:
        watched.suspects.pop(number, None)
    else:
        _suspect(state, account, found)
        if number in state.liquidations:
            return
    status = status_of(found, account.margin_status)
    if status is not account.margin_status:
        account.margin_status = status
        state.record.events.append(
            MarginStatusChanged(
                account=number,
                status=status,
                equity_micros=found.equity,
                margin_micros=found.margin,
            )
        )
    watched.watch(number, account, _bounds(found, status))


def status_of(found: Maintenance, before: MarginStatus) -> MarginStatus:
    """Return the status that equity is enough for; a better one than before by some more."""
    is_better = True
    for status, times_ppm in LEVELS:
        is_better = is_better and status is not before
        needed_ppm = times_ppm + HYSTERESIS_PPM if is_better else times_ppm
        if found.equity * PPM >= found.margin * needed_ppm:
            return status
    return MarginStatus.MARGIN_CALL


def _bounds(found: Maintenance, status: MarginStatus) -> Bounds:
    """Return the bounds of prices within which the status stays what it is."""
    if not found.is_met:
        # A suspect is looked at with each update.
        return {}
    times_ppm = dict(LEVELS).get(status, PPM)
    # Who may become better again is looked at for that too.
    return guards(found, times_ppm=times_ppm, both=status is not MarginStatus.HEALTHY)


def _suspect(state: State, account: Account, found: Maintenance) -> None:
    """Note an account below its margin, or begin its liquidation if that is confirmed."""
    suspects, number = state.guards.suspects, account.account_id
    trusted, sure = trust_of(state, found)
    if not trusted:
        suspects[number] = state.at_ns
        return
    if sure and found.equity < found.closing:
        liquidation.begin(state, account, found)
        return
    since = suspects.setdefault(number, state.at_ns)
    if state.at_ns - since < CONFIRM_NS:
        return
    if not maintenance(state, account, recent=True).is_met:
        liquidation.begin(state, account, found)
