"""What a perpetual's mark keeps from one update of prices to the next; pricing.py makes it.

basis = Σ sample × time × e^(−age / tau)  /  Σ time × e^(−age / tau)
"""

from collections import deque

from engine.prices import Price
from engine.units import SECOND_NS

_ONE = 10**18
# Liquidations look at the median of the marks of so long.
RECENT_NS = 5 * SECOND_NS


class Mark:
    """One perpetual's mark, its five-minute average, and the basis which it is made from."""

    __slots__ = ("area", "price", "recent", "sampled_ns", "started_ns", "weight")

    def __init__(self) -> None:
        self.price = Price()
        # Σ sample × time and Σ time, both fading; since when, and until when, samples have come.
        self.area = 0
        self.weight = 0
        self.started_ns = 0
        self.sampled_ns = 0
        # (time, mark) of the last seconds, the oldest first.
        self.recent: deque[tuple[int, int]] = deque()

    def set(self, mark_e8: int, now_ns: int) -> None:
        """Take a new mark."""
        self.price.update(mark_e8, now_ns)
        recent = self.recent
        recent.append((now_ns, mark_e8))
        while recent[0][0] <= now_ns - RECENT_NS:
            recent.popleft()

    def median_e8(self) -> int:
        """Return the median of the last seconds' marks, of an even number the lower middle one."""
        marks = sorted(mark_e8 for _, mark_e8 in self.recent)
        return marks[(len(marks) - 1) // 2] if marks else self.price.now_e8

    def basis_e8(self, *, warm_ns: int) -> int:
        """Return how far the book's middle is from the index on average, rounded down."""
        if not self.weight or self.sampled_ns - self.started_ns < warm_ns:
            return 0
        return self.area // self.weight

    def sample(self, sample_e8: int, now_ns: int, *, tau_ns: int) -> None:
        """Take one bounded sample of the basis. After a gap of tau it begins anew."""
        if not self.weight or now_ns - self.sampled_ns > tau_ns:
            self.area, self.weight, self.started_ns = 0, 0, now_ns
            elapsed = SECOND_NS
        else:
            elapsed = now_ns - self.sampled_ns
            kept = decay(elapsed, tau_ns)
            self.area = self.area * kept // _ONE
            self.weight = self.weight * kept // _ONE
        self.area += sample_e8 * elapsed
        self.weight += elapsed
        self.sampled_ns = now_ns


def decay(elapsed_ns: int, tau_ns: int) -> int:
    """Return e^(−elapsed / tau) × 10^18, rounded down in each of its steps.

    >>> decay(60, 60)
    367879441171442294
    """
    halvings = 0
    exponent = elapsed_ns * _ONE // tau_ns
    if exponent > 50 * _ONE:
        return 0
    while exponent > _ONE // 16:
        exponent //= 2
        halvings += 1
    total = term = _ONE
    for number in range(1, 14):
        term = -term * exponent // (number * _ONE)
        total += term
    for _ in range(halvings):
        total = total * total // _ONE
    return total
