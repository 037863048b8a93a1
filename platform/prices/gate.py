"""The last check before a price leaves for the engine: no nonsense, no absurd jumps.

The engine takes any number above zero for a price; a broken source must stop here.
"""

from collections.abc import Mapping

from engine.units import PPB

# One tick may move so far from the last price that left. Real assets do not do 10 % in a second.
JUMP_LIMIT_PPB = PPB // 10
# A new level which stands for so many ticks is true after all: the source was silent for long.
CONFIRM_TICKS = 30
# Above any price that can be meant: 1e12 USD for one whole unit.
PRICE_LIMIT_E8 = 10**20


class Gate:
    """Remember the last price of each asset, and let pass what can follow it."""

    def __init__(self, last_e8: Mapping[str, int]) -> None:
        self.last_e8 = dict(last_e8)
        self._waiting: dict[str, tuple[int, int]] = {}

    def admit(self, symbol: str, price_e8: object) -> str | None:
        """Take a proposed price; return None, or why it is refused and the last one held."""
        if not isinstance(price_e8, int) or isinstance(price_e8, bool):
            return f"{symbol}: {price_e8!r} is not a whole number of 1e-8 USD"
        if not 0 < price_e8 <= PRICE_LIMIT_E8:
            return f"{symbol}: a price of {price_e8} × 1e-8 USD cannot be"
        last = self.last_e8.get(symbol)
        if last is not None and _is_jump(last, price_e8) and not self._confirmed(symbol, price_e8):
            return f"{symbol}: {price_e8} is more than 10 % from {last}; held until it has stood"
        self._waiting.pop(symbol, None)
        self.last_e8[symbol] = price_e8
        return None

    def _confirmed(self, symbol: str, price_e8: int) -> bool:
        level, ticks = self._waiting.get(symbol, (price_e8, 0))
        ticks = 1 if _is_jump(level, price_e8) else ticks + 1
        self._waiting[symbol] = (price_e8, ticks)
        return ticks >= CONFIRM_TICKS


def _is_jump(before: int, after: int) -> bool:
    return abs(after - before) * PPB > before * JUMP_LIMIT_PPB
