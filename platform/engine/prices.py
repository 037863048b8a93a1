"""Index prices and their five-minute averages, in USD × 1e8 for one whole unit."""

from collections import deque

from engine.catalog import PriceState
from engine.units import PPB, SECOND_NS

AVERAGE_NS = 300 * SECOND_NS
# An update with a higher one is refused.
MAX_PRICE_E8 = 10**18


class Price:
    """One asset's index. Initial margin values what is owned low, what is owed high."""

    __slots__ = (
        *("_area", "_samples", "high_e8", "is_watched", "low_e8", "mean_e8", "now_e8"),
        *("state", "updated_at_ns"),
    )

    def __init__(self) -> None:
        self.now_e8 = 0
        # Over the last five minutes, as of the last update.
        self.mean_e8 = 0
        self.low_e8 = 0
        self.high_e8 = 0
        self.updated_at_ns = 0
        self.state = PriceState.OK
        # Whether the schedule will look at its age.
        self.is_watched = False
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
        self.mean_e8 = average = self._average(now_ns)
        self.low_e8 = min(price_e8, average)
        self.high_e8 = max(price_e8, average)

    def supposed(self, price_e8: int) -> "Price":
        """Return a price which is `price_e8` now, beside the same five-minute average."""
        price = Price()
        price.now_e8, price.mean_e8 = price_e8, self.mean_e8
        price.low_e8, price.high_e8 = min(price_e8, self.mean_e8), max(price_e8, self.mean_e8)
        price.updated_at_ns, price.state = self.updated_at_ns, self.state
        return price

    def moved(self, since_ns: int, *, limit_ppb: int) -> bool:
        """Tell whether the price is further than that from one it had since then.

        It looks back no more than five minutes.
        """
        now_e8 = self.now_e8
        for at_ns, price_e8 in reversed(self._samples):
            if at_ns < since_ns:
                return False
            if abs(now_e8 - price_e8) * PPB > limit_ppb * price_e8:
                return True
        return False

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
