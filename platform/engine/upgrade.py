"""Snapshots of earlier versions, brought to the form of this one. Plain lists and numbers only.

An engine that was stopped in order has left a snapshot at the end of its journal: from there a new
version goes on, whatever it decides otherwise than the one before.
"""

from collections.abc import Callable
from typing import Any

from engine.units import HOUR_NS, MAX_ATOMS

# How many least rates lenders could choose from when version 2 began.
_BUCKETS = 8
_INDEX = 10**27


def upgrade_from_1(content: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot of version 1 as version 2: one bucket of lends, no terms, no open cycle."""
    return {
        **content,
        "version": 2,
        "assets": [_asset(item) for item in content["assets"]],
        "markets": [_market(item) for item in content["markets"]],
        "accounts": [_account(item) for item in content["accounts"]],
    }


def _asset(item: list[Any]) -> list[Any]:
    spec, cash, values, samples = item
    numbers = [int(value) for value in values]
    scaled, debt_scaled, index, debt_index, reserve, accrued_at = numbers[:6]
    anchor_ns, anchor_index, anchor_debt_index, anchor_reserve, rate = numbers[6:11]
    throttle_started, throttle_cap = numbers[11:]
    lent = scaled * anchor_index
    pool = [
        *(debt_scaled, debt_index, reserve, accrued_at, anchor_ns, anchor_debt_index),
        *(anchor_reserve, lent, rate, throttle_started, throttle_cap, accrued_at // HOUR_NS),
    ]
    first = [scaled, scaled > 0, index, anchor_index, lent, lent]
    empty = [0, False, _INDEX, _INDEX, 0, 0]
    return [spec, cash, "Open", pool, [first, *[empty] * (_BUCKETS - 1)], samples]


def _market(item: list[Any]) -> list[Any]:
    spec, per_tick, state, counters, cleared = item
    if cleared is None:
        return item
    cash, dust, long_lots = (int(value) for value in cleared)
    clearing = [0, 0, cash, dust, *[0] * 7, long_lots]
    return [spec, per_tick, state, counters, [cash, clearing, None]]


def _account(item: list[Any]) -> list[Any]:
    account_id, owner, settings, holdings, positions = item
    return [
        account_id,
        owner,
        [*settings, MAX_ATOMS],
        [[symbol, amounts, None] for symbol, *amounts in holdings],
        [[market, [*values[:5], *[0] * 5, *values[5:]]] for market, values in positions],
    ]


def upgrade_from_2(content: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot of version 2 as version 3.

    Nothing waits or runs, no order has a tolerance and no withdrawal a fee; since when something is
    lent or owed, and what was closed of a position, is not known.
    """
    return {
        **content,
        "version": 3,
        "withdrawals": [[*withdrawal, 0] for withdrawal in content["withdrawals"]],
        "accounts": [_account_from_2(item) for item in content["accounts"]],
        "orders": [
            (spec, owner, [*values, False])
            for spec, owner, values in sorted(content["orders"], key=_order_id)
        ],
        "triggers": [],
        "links": [],
        "schedule": [0, []],
        "strategies": [],
        "rfqs": [],
    }


def _order_id(item: list[Any]) -> int:
    """Return the id of an order: in version 2 orders came to rest by their ids."""
    return int(item[0]["order_id"])


def _account_from_2(item: list[Any]) -> list[Any]:
    account_id, owner, settings, holdings, positions = item
    return [
        account_id,
        owner,
        settings,
        [[symbol, [*amounts, _opened(amounts)], terms] for symbol, amounts, terms in holdings],
        [[market, [*values, 0, 0]] for market, values in positions],
    ]


def _opened(amounts: list[Any]) -> int:
    """Return 0 for what is lent or owed since before it was noted, else that nothing is."""
    return 0 if any(int(amount) for amount in amounts[2:]) else -1


def upgrade_from_3(content: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot of version 3 as version 4.

    Every index is trusted, and each mark is it. Funding begins with the running hour. Staff alone
    have said what a market accepts; no account has a position limit of its own, and everybody is
    looked at once.
    """
    samples = {item[0]["symbol"]: item[5] for item in content["assets"]}
    hour = content["at_ns"] // HOUR_NS
    return {
        **content,
        "version": 4,
        "assets": [[*item, "Ok"] for item in content["assets"]],
        "markets": [
            _market_from_3(item, samples[item[0]["base"]], hour) for item in content["markets"]
        ],
        "accounts": [_account_from_3(item, hour) for item in content["accounts"]],
        "schedule": _with_next_hour(content, hour),
        "watched": [],
        "looks": [[], [item[0] for item in content["accounts"]], [], False],
        "liquidations": [],
        "backstops": [],
    }


def _account_from_3(item: list[Any], hour: int) -> list[Any]:
    account_id, owner, settings, holdings, positions = item
    return [
        *(account_id, owner),
        [*settings, MAX_ATOMS],
        holdings,
        [[market, [*values, 0, 0, hour]] for market, values in positions],
    ]


def _market_from_3(item: list[Any], samples: list[Any], hour: int) -> list[Any]:
    spec, per_tick, ordered, counters, cleared = item
    mark = funding = None
    if cleared is not None:
        cash, clearing, cycle = cleared
        cleared, mark = [cash, [*clearing, 0, 0], cycle], _mark(samples)
        funding = [hour, [0] * 6, []]
    orders = [ordered, ["Open", 0, 0], False, 0]
    return [spec, per_tick, [ordered, "Staff"], counters, cleared, mark, orders, funding]


def _with_next_hour(content: dict[str, Any], hour: int) -> list[Any]:
    """Return the schedule with the end of the running hour, if there is a perpetual."""
    entered, entries = content["schedule"]
    if all(item[4] is None for item in content["markets"]):
        return [entered, entries]
    due = [(hour + 1) * HOUR_NS, entered + 1, "Funding", 0]
    return [entered + 1, sorted([*map(list, entries), due])]


def _mark(samples: list[Any]) -> list[Any]:
    return [[0, 0, 0, 0], samples, samples[-1:]]


def upgrade_from_4(content: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot of version 4 as version 5: every account is open, no member limited."""
    return {
        **content,
        "version": 5,
        "accounts": [[*item, "Open"] for item in content["accounts"]],
        "allowances": [],
        "loss_limited": [],
    }


# By the version that wrote it.
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: upgrade_from_1,
    2: upgrade_from_2,
    3: upgrade_from_3,
    4: upgrade_from_4,
}
