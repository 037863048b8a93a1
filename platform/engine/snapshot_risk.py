"""The part of a snapshot about accounts at risk: bounds, looks to come, liquidations, limits."""

from typing import Any

from engine.allowance import Allowance
from engine.allowances import atoms_in_books
from engine.kinds import MarginStatus
from engine.state import Account, Backstop, Liquidation, State
from engine.units import AccountId

_CASE_FIELDS = (
    "sequence", "started_ns", "relieved_ns", "best_ppm", "granted_atoms", "is_bankrupt",
)  # fmt: skip

ALLOWANCE_FIELDS = (
    "spend_micros", "loss_micros", "day", "spent_micros", "base_micros", "is_stopped",
)  # fmt: skip


def dump_risk(state: State) -> dict[str, Any]:
    """Return what `load_risk` takes."""
    guards = state.guards
    return {
        "watched": [
            (number, account.margin_status.value, _bounds(account))
            for number, account in state.accounts.items()
            if account.guards or account.margin_status is not MarginStatus.HEALTHY
        ],
        "looks": [
            list(guards.urgent),
            list(guards.changed),
            list(guards.suspects.items()),
            guards.is_due,
        ],
        "liquidations": [
            (number, [_number(getattr(case, field)) for field in _CASE_FIELDS])
            for number, case in state.liquidations.items()
        ],
        "backstops": [
            (
                market,
                number,
                offer.minute_micros,
                offer.hour_micros,
                [(at_ns, _number(size)) for at_ns, size in offer.taken],
            )
            for market, offers in state.backstops.items()
            for number, offer in offers.items()
        ],
        **_dump_allowances(state),
    }


def load_risk(state: State, content: dict[str, Any]) -> None:
    """Put the bounds, the looks to come, liquidations and limits back; accounts are there."""
    guards = state.guards
    for number, status, bounds in content["watched"]:
        account = state.accounts[AccountId(number)]
        account.margin_status = MarginStatus(status)
        guards.watch(
            AccountId(number), account, {key: (int(low), int(high)) for key, low, high in bounds}
        )
    urgent, changed, suspects, guards.is_due = content["looks"]
    guards.urgent = dict.fromkeys(urgent)
    guards.changed = dict.fromkeys(changed)
    guards.suspects = {AccountId(number): at_ns for number, at_ns in suspects}
    for number, values in content["liquidations"]:
        case = Liquidation(AccountId(number), 0, 0)
        for field, value in zip(_CASE_FIELDS, values, strict=True):
            setattr(case, field, int(value) if isinstance(value, str) else value)
        state.liquidations[case.account_id] = case
        state.accounts[case.account_id].liquidation = case
    for market, number, minute, hour, taken in content["backstops"]:
        offer = Backstop(minute, hour)
        offer.taken = [(at_ns, int(size)) for at_ns, size in taken]
        state.backstops[market][AccountId(number)] = offer
    _load_allowances(state, content)


def _dump_allowances(state: State) -> dict[str, Any]:
    return {
        "allowances": [
            (number, member, [_number(getattr(allowance, field)) for field in ALLOWANCE_FIELDS])
            for number, account in state.accounts.items()
            for member, allowance in account.allowances.items()
        ],
        # The next update of prices looks at the first of them first.
        "loss_limited": list(state.loss_limited),
    }


def _load_allowances(state: State, content: dict[str, Any]) -> None:
    for number, member, values in content["allowances"]:
        allowance = Allowance(AccountId(number), member, day=0)
        for field, value in zip(ALLOWANCE_FIELDS, values, strict=True):
            setattr(allowance, field, int(value) if isinstance(value, str) else value)
        account = state.accounts[AccountId(number)]
        account.allowances[member] = allowance
        allowance.open_atoms = atoms_in_books(state, account, member)
    state.loss_limited = dict.fromkeys(content["loss_limited"])


def _bounds(account: Account) -> list[tuple[str, Any, Any]]:
    return [(key, _number(low), _number(high)) for key, (low, high) in account.guards.items()]


def _number(value: Any) -> Any:
    """Return an integer as msgpack can hold it, as text beyond 64 bits; all else as it is.

    Declared to take integers, it would make numbers of truths once it is compiled.
    """
    return str(value) if type(value) is int and not -(2**63) <= value < 2**64 else value
