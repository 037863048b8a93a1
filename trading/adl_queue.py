"""Where an account's positions stand among those that would be reduced (ADL): in fifths.

The engine is asked for the scores by which it would itself reduce, part by part, at most once in
ten seconds for each market, whoever asks; the answer is shared in the cache.
"""

from typing import Final, NamedTuple

from django.core.cache import cache

from engine.questions import AdlRank, AdlRanks, AskAdlRanks
from gateway.client import ask
from gateway.errors import EngineUnavailable
from trading.models import Position

EVERY_SECONDS: Final = 10
# What is known stays while the engine is away, but not for long.
KEPT_SECONDS: Final = 60
LIGHTS: Final = 5
# A market's accounts are cached in so many parts, so that one account's is small to read.
_PARTS: Final = 64
_WHEN: Final = {
    5: "in the first fifth: among the first to be reduced",
    4: "in the second fifth",
    3: "in the third fifth",
    2: "in the fourth fifth",
    1: "in the last fifth: among the last to be reduced",
}


class QueueRow(NamedTuple):
    """An open position; `lights` from 1 (last) to 5 (first), None while it is not known."""

    symbol: str
    is_long: bool
    lights: int | None
    message: str


def queue_rows(account: int, *, symbol: str | None = None) -> list[QueueRow]:
    """Return where each open position of an account stands."""
    held = Position.objects.filter(account_id=account).exclude(lots=0).order_by("market")
    if symbol is not None:
        held = held.filter(market=symbol)
    return [_row(account, row.market, is_long=row.lots > 0) for row in held]


def _row(account: int, market: str, *, is_long: bool) -> QueueRow:
    lights = _lights(account, market)
    side = "longs" if is_long else "shorts"
    if lights is None:
        message = "Not known yet: it is counted every ten seconds."
    else:
        message = (
            f"Of all {side} in {market} by profit and leverage this one is {_WHEN[lights]}, if a "
            "bankrupt account on the other side can be closed by nobody else."
        )
    return QueueRow(market, is_long, lights, message)


def _lights(account: int, market: str) -> int | None:
    if cache.add(f"adl:{market}:made", True, EVERY_SECONDS):
        _count(market)
    part: dict[int, int] = cache.get(_key(market, account)) or {}
    return part.get(account)


def _count(market: str) -> None:
    """Ask for all ranks of a market and keep what they come to."""
    try:
        lights = lights_of(_ranks(market))
    except EngineUnavailable:
        return
    parts: dict[str, dict[int, int]] = {_key(market, number): {} for number in range(_PARTS)}
    for account, found in lights.items():
        parts[_key(market, account)][account] = found
    cache.set_many(parts, KEPT_SECONDS)


def _key(market: str, account: int) -> str:
    return f"adl:{market}:{account % _PARTS}"


def _ranks(market: str) -> list[AdlRank]:
    """Return all ranks; who comes or goes between two parts may be missed for a round."""
    found: list[AdlRank] = []
    skip: int | None = 0
    while skip is not None:
        answer = ask(AskAdlRanks(market=market, skip=skip))
        assert isinstance(answer, AdlRanks), f"{market} is not a perpetual"
        found += answer.ranks
        skip = answer.next_skip
    return found


def lights_of(ranks: list[AdlRank]) -> dict[int, int]:
    """Return the fifth of each holder among those of its side, 5 for who is reduced first.

    Those without profit share the last place: nothing but their numbers tells them apart.
    """
    found = {}
    for longs in (True, False):
        side = sorted((one for one in ranks if one.is_long is longs), key=lambda one: one.place)
        for place, rank in enumerate(side):
            has_profit = rank.score != "0"
            found[int(rank.account)] = LIGHTS - place * LIGHTS // len(side) if has_profit else 1
    return found
