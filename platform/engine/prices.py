"""Index prices and their five-minute averages, in USD × 1e8 for one whole unit."""

from collections import deque

from engine.catalog import PriceState
from engine.units import SECOND_NS

AVERAGE_NS = 300 * SECOND_NS


class Price:
    """One asset's index. Initial margin values what is owned low, what is owed high."""

    __slots__ = ("_area", "_samples", "high_e8", "low_e8", "now_e8", "state", "updated_at_ns")

    def __init__(self) -> None:
        self.now_e8 = 0
        self.low_e8 = 0
        self.high_e8 = 0
        self.updated_at_ns = 0
        self.state = PriceState.OK
        # (start, price) of each stretch in the window, and Σ price × duration of the closed ones.
        self._samples: deque[tuple[int, int]] = deque()
        self._area = 0

    def update(self, price_e8: int, now_ns: int) -> None:
        """Take a new index, and average the last five minutes by time."""
        samples = self._samples
        if samples:
            started, price = samples[-1]
            self._area += price * (now_ns - started)
        samples.append((now_ns, price_e8))
        while len(samples) > 2 and samples[1][0] <= now_ns - AVERAGE_NS:
            started, price = samples.popleft()
            self._area -= price * (samples[0][0] - started)
        self.now_e8 = price_e8
        self.updated_at_ns = now_ns
        average = self._average(now_ns)
        self.low_e8 = min(price_e8, average)
        self.high_e8 = max(price_e8, average)

    def _average(self, now_ns: int) -> int:
        window_start, first_price = self._samples[0]
        area = self._area
        # The oldest stretch may begin before the window: only its part inside counts.
        outside = now_ns - AVERAGE_NS - window_start
        if outside > 0:
            area -= first_price * outside
            window_start += outside
        elapsed = now_ns - window_start
        return area // elapsed if elapsed > 0 else self.now_e8

    def dump(self) -> list[tuple[int, int]]:
        """Return the (time, price) samples, which is all that `restore` needs."""
        return list(self._samples)

    @classmethod
    def restore(cls, samples: list[tuple[int, int]]) -> "Price":
        """Rebuild a price by taking its samples again."""
        price = cls()
        for at_ns, price_e8 in samples:
            price.update(price_e8, at_ns)
        return price
