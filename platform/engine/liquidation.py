"""The liquidation of one account, step by step, a step a second; each is a fact in the journal.

    begin   cancel all that the account has open, and let it open nothing new
    step    pay debts out of what is there of the same asset; then, as long as margin is short:
            the book        a tenth of the largest position, never beyond its bankruptcy price
            the backstop    below the closing margin, or after a minute without relief
            the insolvent   real equity is below zero: insolvency.py
    end     equity is 1.1 times the margin, or nothing is left

While a price that the account hangs on is not trusted, it waits.
"""

from engine import funding, funds, insolvency, liquidation_sales, takeover
from engine.answers import rejected
from engine.commands import SetBackstop
from engine.events import Event
from engine.kinds import LiquidationEnd, MarginStatus
from engine.maintenance import Maintenance, maintenance, real_equity, trust_of
from engine.rejects import Reject
from engine.risk_events import (
    BackstopChanged,
    LiquidationEnded,
    LiquidationStarted,
    MarginStatusChanged,
)
from engine.schedule import Work
from engine.standstill import end_all_open
from engine.state import Account, Backstop, Liquidation, State
from engine.units import MAX_ATOMS, PPM, SECOND_NS, AccountId

STEP_NS = SECOND_NS
# The book has so long without any relief before the backstop is asked.
PATIENCE_NS = 60 * SECOND_NS


def begin(state: State, account: Account, found: Maintenance) -> None:
    """Begin to liquidate an account; the first step comes with the schedule."""
    number = account.account_id
    state.guards.suspects.pop(number, None)
    account.guards = {}
    case = account.liquidation = state.liquidations[number] = Liquidation(
        number, state.sequence, state.at_ns
    )
    case.best_ppm = _ratio_ppm(found)
    told = state.record.events
    told.append(
        LiquidationStarted(
            account=number,
            equity_micros=found.equity,
            margin_micros=found.margin,
            closing_micros=found.closing,
        )
    )
    account.margin_status = MarginStatus.LIQUIDATING
    told.append(
        MarginStatusChanged(
            account=number,
            status=MarginStatus.LIQUIDATING,
            equity_micros=found.equity,
            margin_micros=found.margin,
        )
    )
    end_all_open(state, account)
    state.schedule.add(state.at_ns, Work.LIQUIDATION, number)


def step(state: State, number: int) -> None:
    """Do the next thing for an account that is liquidated, or end that."""
    account = state.accounts[AccountId(number)]
    case = account.liquidation
    if case is None:
        return
    funds.accrue_account(state, account)
    for position in account.positions.values():
        funding.pay(state, state.markets[position.market], position)
    liquidation_sales.pay_debts(state, account)
    if not _ended(state, account, case):
        trusted, _ = trust_of(state, maintenance(state, account))
        if trusted:
            _relieve(state, account, case)
        if not _ended(state, account, case):
            state.schedule.add(state.at_ns + STEP_NS, Work.LIQUIDATION, number)


def _relieve(state: State, account: Account, case: Liquidation) -> None:
    """Make margin better in the way that is due."""
    if case.is_bankrupt or real_equity(state, account) < 0:
        insolvency.resolve(state, account, case)
        liquidation_sales.pay_debts(state, account)
        return
    found = maintenance(state, account)
    is_late = state.at_ns - case.relieved_ns >= PATIENCE_NS
    if found.equity < found.closing or is_late:
        takeover.to_backstops(state, account, found)
        found = maintenance(state, account)
    if not is_enough(found):
        liquidation_sales.sell_some(state, account, found)
    liquidation_sales.pay_debts(state, account)
    ratio = _ratio_ppm(maintenance(state, account))
    if ratio > case.best_ppm:
        case.best_ppm, case.relieved_ns = ratio, state.at_ns


def is_enough(found: Maintenance) -> bool:
    """Tell whether equity is far enough above the margin to stop."""
    return found.equity >= 0 and found.equity * PPM >= found.margin * liquidation_sales.TARGET_PPM


def _ratio_ppm(found: Maintenance) -> int:
    return found.equity * PPM // found.margin if found.margin else 0


def _ended(state: State, account: Account, case: Liquidation) -> bool:
    """End the liquidation if margin is met again with something to spare, or nothing is left."""
    found = maintenance(state, account)
    if case.is_bankrupt:
        if not insolvency.is_resolved(account):
            return False
        insolvency.close(state, account)
    elif not is_enough(found):
        return False
    number = account.account_id
    account.liquidation = None
    del state.liquidations[number]
    state.guards.changed[number] = None
    found = maintenance(state, account)
    state.record.events.append(
        LiquidationEnded(
            account=number,
            started=case.sequence,
            end=LiquidationEnd.BANKRUPT if case.is_bankrupt else LiquidationEnd.RECOVERED,
            equity_micros=found.equity,
            margin_micros=found.margin,
        )
    )
    return True


def set_backstop(state: State, command: SetBackstop) -> tuple[Event, ...]:
    """Take, change or end an account's offer to take over positions of a market."""
    if command.account not in state.accounts:
        return rejected(Reject.UNKNOWN_ACCOUNT, f"there is no account {command.account}")
    listed = state.markets.get(command.market)
    if listed is None or not listed.is_perp:
        return rejected(Reject.UNKNOWN_MARKET, f"there is no perpetual {command.market}")
    if not 0 <= command.minute_micros <= command.hour_micros <= MAX_ATOMS:
        return rejected(
            Reject.INVALID_PARAMETER, "say 0 ≤ notional in a minute ≤ notional in an hour"
        )
    if command.minute_micros and command.actor in state.accounts[command.account].allowances:
        return rejected(
            Reject.MEMBER_SPENDING_LIMIT,
            "what a backstop takes over cannot be counted against your limits; ask the account's "
            "owner to offer it",
        )
    offers = state.backstops[command.market]
    known = offers.get(command.account)
    if not command.minute_micros:
        offers.pop(command.account, None)
    elif known is None:
        offers[command.account] = Backstop(command.minute_micros, command.hour_micros)
    else:
        known.minute_micros, known.hour_micros = command.minute_micros, command.hour_micros
    return (
        BackstopChanged(
            account=command.account,
            market=command.market,
            minute_micros=command.minute_micros,
            hour_micros=command.hour_micros,
        ),
    )
