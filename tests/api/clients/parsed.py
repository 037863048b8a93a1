"""What ccxt has parsed, and how it is compared with the exchange's own words."""

from collections.abc import Callable
from typing import Any

from tests.api.clients.world import TRIES, World, pause, shown

Call = Callable[..., Any]
Case = Callable[[Call, World], None]
COIN, SWAP = "SOL/USDC", "SOL/USDC:USDC"


def number(text: Any) -> Any:
    """Return a decimal text as ccxt gives it: a number."""
    return None if text is None else float(text)


def numbers(value: Any) -> Any:
    """Return an answer with every number, however it is written, as one."""
    if isinstance(value, dict):
        return {name: numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [numbers(part) for part in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def until_equal(told: Callable[[], Any], known: Callable[[], Any]) -> Any:
    """Ask both until they meet: the exchange lives meanwhile. Return what they agree on."""
    for attempt in range(TRIES):
        ours, theirs = numbers(told()), numbers(known())
        if ours == theirs:
            return theirs
        pause(attempt)
    raise AssertionError(f"{shown(ours)} is not {shown(theirs)}")
