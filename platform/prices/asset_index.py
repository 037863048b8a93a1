"""One asset's index from second to second: its cap, its memory of bad sources, and its state.

    index = clamp(raw, last × (1 ± cap))                   of each second; held without a raw price

    OK        three sources or more agree
    DEGRADED  one or two do; or the index is far from its five-minute average; or it has been held
              for a moment; or all is well again, but not for long enough
    STALE     held for longer than `stale_seconds`
    HALT      by staff; or sources are there, but for `contradiction_seconds` no majority agreed

STALE and HALT end after `good_ticks` seconds in a row in which the sources agree; OK begins after
as many in which three or more do, the index is where they say and near to its average. Meanwhile
the index already walks to where they say: nothing jumps when it is trusted again.
"""

from collections import deque
from collections.abc import Sequence

from engine.catalog import PriceState
from gateway.explained import Exclusion, Explained, Why
from prices.agreement import ENOUGH, Agreement, agree, agree_on_perps
from prices.quotes import Quote, is_within
from prices.terms import Terms

OK, DEGRADED, STALE, HALT = PriceState.OK, PriceState.DEGRADED, PriceState.STALE, PriceState.HALT


class AssetIndex:
    """Take the quotes of each second, and explain what holds after it."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._state: PriceState | None = None
        self._since = 0
        self._outliers = Outliers(terms)
        self._average = Average(terms.average_seconds)
        self._agreed_at: int | None = None
        self._contradiction_since: int | None = None
        self._agreed_ticks = 0
        self._good_ticks = 0

    def take(
        self,
        quotes: Sequence[Quote],
        *,
        now_ms: int,
        last_e8: int | None,
        is_halted: bool = False,
        perps: Sequence[Quote] = (),
    ) -> Explained:
        """Return the index after this second. `last_e8` is what was published last."""
        second = now_ms // 1_000
        found = agree(
            quotes,
            self._terms,
            now_ms=now_ms,
            last_e8=last_e8,
            quarantined=self._outliers.quarantined(second),
        )
        self._outliers.note(quotes, found, second)
        raw_e8 = found.price_e8
        index_e8 = last_e8
        # What staff have halted stays where it is; all else follows its sources.
        if raw_e8 is not None and not is_halted:
            index_e8 = capped(raw_e8, last_e8, self._terms.cap_ppm)
        is_capped = not is_halted and raw_e8 is not None and index_e8 != raw_e8
        is_far = index_e8 is not None and not is_within(
            index_e8, self._average.after(second, index_e8), self._terms.far_ppm
        )
        self._count(found, second, is_good=not is_capped and not is_far)
        if is_halted:
            # What has been good in the meantime does not count: it begins anew when staff let go.
            self._agreed_ticks = self._good_ticks = 0
        state, why = (HALT, Why.STAFF) if is_halted else self._judge(found, second, is_far=is_far)
        if state is not self._state:
            self._state, self._since = state, second
        return Explained(
            index_e8=index_e8,
            raw_e8=raw_e8,
            is_capped=is_capped,
            state=state,
            why=why,
            since=self._since,
            sources=found.sources,
            perp_e8=agree_on_perps(perps, self._terms, now_ms=now_ms),
        )

    def _count(self, found: Agreement, second: int, *, is_good: bool) -> None:
        agreed = found.price_e8 is not None
        if agreed or self._agreed_at is None:
            self._agreed_at = second
        if not found.is_contradiction:
            self._contradiction_since = None
        elif self._contradiction_since is None:
            self._contradiction_since = second
        good = agreed and is_good and found.survivors >= ENOUGH
        self._agreed_ticks = self._agreed_ticks + 1 if agreed else 0
        self._good_ticks = self._good_ticks + 1 if good else 0

    def _judge(self, found: Agreement, second: int, *, is_far: bool) -> tuple[PriceState, Why]:
        if found.price_e8 is None:
            return self._held(second)
        needed = self._terms.good_ticks
        if self._state in (STALE, HALT) and self._agreed_ticks < needed:
            return self._state, Why.RECOVERING
        if found.survivors < ENOUGH:
            return DEGRADED, Why.FEW_SOURCES
        if is_far:
            return DEGRADED, Why.FAR_FROM_AVERAGE
        # At the start the sources are believed at once, if the index is where they say.
        if self._state is None and self._good_ticks:
            return OK, Why.AGREED
        if self._state is not OK and self._good_ticks < needed:
            return DEGRADED, Why.RECOVERING
        return OK, Why.AGREED

    def _held(self, second: int) -> tuple[PriceState, Why]:
        """Return the state without a price: it only ever gets worse here."""
        assert self._agreed_at is not None, "counted before"
        began = self._contradiction_since
        why = Why.NO_AGREEMENT if began is None else Why.CONTRADICTION
        if self._state is HALT:
            return HALT, why
        if began is not None and second - began >= self._terms.contradiction_seconds:
            return HALT, why
        if self._state is STALE or second - self._agreed_at > self._terms.stale_seconds:
            return STALE, why
        return DEGRADED, why


class Outliers:
    """Remember which sources were thrown out, and leave out for a while who is so too often."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._strikes: dict[str, deque[int]] = {}
        self._struck_at_ms: dict[str, int] = {}
        self._until: dict[str, int] = {}

    def quarantined(self, second: int) -> frozenset[str]:
        """Return the venues which do not count in this second."""
        return frozenset(venue for venue, until in self._until.items() if second < until)

    def note(self, quotes: Sequence[Quote], found: Agreement, second: int) -> None:
        """Count a strike for each outlier. While sources contradict, nobody knows who is wrong."""
        if found.is_contradiction:
            return
        for quote, source in zip(quotes, found.sources, strict=True):
            if source.excluded is not Exclusion.OUTLIER:
                continue
            # One quote is one strike, for as many seconds as it stands.
            if self._struck_at_ms.get(quote.venue) == quote.at_ms:
                continue
            self._struck_at_ms[quote.venue] = quote.at_ms
            strikes = self._strikes.setdefault(quote.venue, deque())
            strikes.append(second)
            while strikes[0] <= second - self._terms.strike_seconds:
                strikes.popleft()
            if len(strikes) >= self._terms.strikes:
                self._until[quote.venue] = second + 1 + self._terms.quarantine_seconds
                strikes.clear()


class Average:
    """The mean of the index over the last seconds, each second once."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._samples: deque[tuple[int, int]] = deque()
        self._sum_e8 = 0

    def after(self, second: int, index_e8: int) -> int:
        """Take the index of a second and return the mean."""
        self._samples.append((second, index_e8))
        self._sum_e8 += index_e8
        while self._samples[0][0] <= second - self._seconds:
            self._sum_e8 -= self._samples.popleft()[1]
        return self._sum_e8 // len(self._samples)


def capped(raw_e8: int, last_e8: int | None, cap_ppm: int) -> int:
    """Return the raw price, or as far towards it as one second may go.

    A step is rounded down, but for the smallest prices: else those could never move.

    >>> capped(102_00, 100_00, 2_500), capped(90_00, 100_00, 2_500), capped(5, None, 2_500)
    (10025, 9975, 5)
    """
    if last_e8 is None:
        return raw_e8
    step = max(1, last_e8 * cap_ppm // 1_000_000)
    return max(last_e8 - step, min(last_e8 + step, raw_e8))
