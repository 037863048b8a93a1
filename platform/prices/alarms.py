"""What is wrong with prices, said once when it begins and once when it ends."""

import logging
from collections.abc import Mapping

from engine.catalog import PriceState
from gateway.explained import Exclusion, Explained

log = logging.getLogger(__name__)

_SEVERE = (PriceState.STALE, PriceState.HALT)


class Alarms:
    """Remember what has been said."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[PriceState, int]] = {}
        self._quarantined: dict[tuple[str, str], int] = {}
        self._troubles: dict[str, str] = {}

    def look(self, told: Mapping[str, Explained], second: int) -> None:
        """Say which states have changed, and which sources are left out for a while."""
        worse: dict[tuple[PriceState, str], list[str]] = {}
        for symbol, now in told.items():
            before, since = self._states.get(symbol, (PriceState.OK, second))
            if now.state is before:
                continue
            self._states[symbol] = now.state, second if before is PriceState.OK else since
            if now.state is PriceState.OK:
                log.info("%s: the index is Ok again, after %s s.", symbol, second - since)
            else:
                worse.setdefault((now.state, _words(now)), []).append(symbol)
        for (state, words), symbols in worse.items():
            level = logging.ERROR if state in _SEVERE else logging.WARNING
            log.log(level, "%s: the index is %s (%s).", ", ".join(symbols), state.value, words)
        self._look_at_sources(told, second)

    def trouble(self, subject: str, words: str) -> None:
        """Say what is wrong with a subject, once; "" says that it is over."""
        known = self._troubles.get(subject, "")
        if words and not known:
            log.warning("%s", words)
        elif known and not words:
            log.info("Over: %s", known)
        self._troubles[subject] = words

    def _look_at_sources(self, told: Mapping[str, Explained], second: int) -> None:
        now = {
            (source.venue, symbol)
            for symbol, explained in told.items()
            for source in explained.sources
            if source.excluded is Exclusion.QUARANTINED
        }
        for venue, symbol in sorted(now - self._quarantined.keys()):
            self._quarantined[venue, symbol] = second
            log.warning("%s is left out of %s for a while: too often far off.", venue, symbol)
        # One that is silent as well is still left out; it is over once it counts.
        counted = {
            (source.venue, symbol)
            for symbol, explained in told.items()
            for source in explained.sources
            if source.excluded is None
        }
        for venue, symbol in sorted(counted & self._quarantined.keys()):
            since = self._quarantined.pop((venue, symbol))
            log.info("%s counts for %s again, after %s s.", venue, symbol, second - since)


def _words(now: Explained) -> str:
    """Return why, and who was left out for what."""
    out = ", ".join(
        f"{source.venue} {source.excluded.value}" for source in now.sources if source.excluded
    )
    return f"{now.why.value}: {out}" if out else now.why.value
