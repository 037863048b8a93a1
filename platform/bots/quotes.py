"""What a maker wants in a book, and the least that changes it into that. Pure functions.

Prices are whole ticks and quantities whole steps of the market. Levels lie on a fixed grid of
prices: when the index moves by less than a grid step nothing changes, when it moves by one, one
order a side is cancelled and one placed.
"""

from collections.abc import Mapping
from decimal import Decimal
from math import ceil, floor

import msgspec

LEVELS = 14
# Levels which have drifted so much further away may stay: the walk often comes back to them.
SPARE_LEVELS = 4
GAP = Decimal("0.0001")
HALF_SPREAD = Decimal("0.00006")
# A full inventory moves the quotes by so much, towards the trades that bring it home.
LEAN = Decimal("0.0008")
# An order filled down to less than this part of its size is replaced by a full one.
THIN = Decimal("0.3")

BID, ASK = "Bid", "Ask"
Level = tuple[str, int]  # side, price in ticks


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """A market's tick, step and smallest quantity, as GET /api/v1/markets tells them."""

    symbol: str
    tick: Decimal
    step: Decimal
    minimum: Decimal


class Resting(msgspec.Struct, frozen=True):
    order_id: str
    steps_open: int


class Change(msgspec.Struct, frozen=True):
    """Four steps in this order, between which neither side is ever empty and nothing crosses."""

    # What may rest beside everything that rests now, with its steps ...
    place: tuple[tuple[Level, int], ...]
    # ... what stands in the way of the others ...
    clear: tuple[Level, ...]
    # ... these others ...
    follow: tuple[tuple[Level, int], ...]
    # ... and what is left over, nearest to the new prices first.
    cancel: tuple[Level, ...]


def grid_ticks(price_ticks: Decimal) -> int:
    """Return the distance of levels: the largest 1, 2 or 5 × 10^k ticks within the gap.

    >>> grid_ticks(Decimal(867_000)), grid_ticks(Decimal(13_200)), grid_ticks(Decimal(9_996))
    (50, 1, 1)
    """
    wanted = int(price_ticks * GAP)
    power = int(10 ** max(0, len(str(wanted)) - 1))
    return max([1] + [n * power for n in (1, 2, 5) if n * power <= wanted])


def ladder(rules: Rules, *, index: Decimal, size: Decimal, lean: Decimal) -> dict[Level, int]:
    """Return the levels wanted around the index, best first, each with its quantity in steps.

    `lean` is the inventory as a part of its limit, above zero when too long: the quotes move down
    then, and at 1 and beyond the bids are left out (at −1 the asks).
    """
    leant = max(Decimal(-1), min(Decimal(1), lean))
    centre = index / rules.tick * (1 - leant * LEAN)
    grid = grid_ticks(index / rules.tick)
    best_bid = floor(centre * (1 - HALF_SPREAD) / grid) * grid
    best_ask = ceil(centre * (1 + HALF_SPREAD) / grid) * grid
    wanted: dict[Level, int] = {}
    smallest = max(1, int(rules.minimum / rules.step))
    for step in range(LEVELS + SPARE_LEVELS):
        for side, ticks in ((BID, best_bid - step * grid), (ASK, best_ask + step * grid)):
            if ticks <= 0 or (side == BID and lean >= 1) or (side == ASK and lean <= -1):
                continue
            steps = int(size / rules.step * (8 + step) * (60 + ticks * 37 % 81)) // 800
            wanted[side, ticks] = max(smallest, steps)
    return wanted


def change(wanted: Mapping[Level, int], resting: Mapping[Level, Resting]) -> Change:
    """Return what leads from the resting orders to the wanted ones.

    The last SPARE_LEVELS of a side are kept if they rest, but not placed anew. An order filled
    down to a thin one is placed again at its price, then cancelled.
    """
    gone = [
        level
        for level, order in resting.items()
        if level not in wanted or order.steps_open < wanted[level] * THIN
    ]
    kept = set(resting) - set(gone)
    missing: list[tuple[Level, int]] = []
    counted = {BID: 0, ASK: 0}
    for level, steps in wanted.items():
        counted[level[0]] += 1
        if counted[level[0]] <= LEVELS and level not in kept:
            missing.append((level, steps))
    follow = tuple(item for item in missing if any(crosses(item[0], old) for old in gone))
    clear = tuple(old for old in gone if any(crosses(old, level) for level, _ in follow))
    centre = sum(ticks for _, ticks in wanted) / max(1, len(wanted))
    left = sorted(set(gone) - set(clear), key=lambda level: (abs(level[1] - centre), level))
    place = tuple(item for item in missing if item not in follow)
    return Change(place, clear, follow, tuple(left))


def crosses(one: Level, other: Level) -> bool:
    """Return whether two orders would trade with each other."""
    (side, ticks), (other_side, other_ticks) = one, other
    if side == other_side:
        return False
    return ticks >= other_ticks if side == BID else ticks <= other_ticks
