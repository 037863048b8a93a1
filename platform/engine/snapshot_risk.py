"""The part of a snapshot that is about accounts at risk: bounds, looks to come, liquidations."""

from typing import Any

from engine.kinds import MarginStatus
from engine.state import Account, Backstop, Liquidation, State
from engine.units import AccountId

_CASE_FIELDS = (
    "sequence", "started_ns", "relieved_ns", "best_ppm", "granted_atoms", "is_bankrupt",
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
    }


def load_risk(state: State, content: dict[str, Any]) -> None:
    """Put the bounds, the looks to come and the liquidations back; accounts are there."""
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


def _bounds(account: Account) -> list[tuple[str, int | str, int | str]]:
    return [(key, _number(low), _number(high)) for key, (low, high) in account.guards.items()]


def _number(value: int) -> int | str:
    """Return an integer as msgpack can hold it: as text beyond 64 bits."""
    return value if -(2**63) <= value < 2**64 else str(value)
