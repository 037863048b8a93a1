"""How much one caller may ask of this process, counted by the calendar minute."""

from collections import Counter
from typing import Final

_MINUTE_NS: Final = 60 * 10**9


class MinuteLimit:
    """Allows `limit` calls in each calendar minute for each key (an account, an address)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._minute = 0
        self._calls: Counter[object] = Counter()

    def allows(self, key: object, now_ns: int) -> bool:
        """Count a call and return whether it is within the limit."""
        calls = self._of(now_ns)
        calls[key] += 1
        return calls[key] <= self.limit

    def exhausted(self, key: object, now_ns: int) -> bool:
        """Return whether the key has used up its minute, without counting."""
        return self._of(now_ns)[key] >= self.limit

    def _of(self, now_ns: int) -> Counter[object]:
        minute = now_ns // _MINUTE_NS
        if minute != self._minute:
            # Starting anew also bounds the memory: nobody is remembered for longer.
            self._minute, self._calls = minute, Counter()
        return self._calls
