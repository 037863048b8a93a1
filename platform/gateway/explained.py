"""Why an index is what it is: the words in which the feed tells it and the tables keep it.

One Explanation is of one second and of all assets. It is data only: the feed, which may not know
the tables, makes it, and the tables, which may not know the feed, keep it.
"""

from enum import StrEnum

import msgspec

from engine.catalog import PriceState


class Exclusion(StrEnum):
    """Why a source does not count. Part of the API: add, never rename."""

    # Nothing has been heard of it for longer than a quote may be old: no heartbeat.
    SILENT = "Silent"
    # A number is missing, zero, negative, NaN or absurd.
    NO_PRICE = "NoPrice"
    FROM_THE_FUTURE = "FromTheFuture"
    OLD = "Old"
    CROSSED = "Crossed"
    WIDE = "Wide"
    # It quotes in a coin whose own index cannot be trusted now.
    NO_RATE = "NoRate"
    OUTLIER = "Outlier"
    QUARANTINED = "Quarantined"


class Why(StrEnum):
    """What a state comes from. Part of the API: add, never rename."""

    # Three or more sources agree.
    AGREED = "Agreed"
    # It counts as one dollar, always: the unit of account.
    UNIT_OF_ACCOUNT = "UnitOfAccount"
    # One or two sources.
    FEW_SOURCES = "FewSources"
    # More than the limit from its own five-minute average.
    FAR_FROM_AVERAGE = "FarFromAverage"
    # All is well again, but not for long enough.
    RECOVERING = "Recovering"
    # No price which the sources agree on: the last one holds.
    NO_AGREEMENT = "NoAgreement"
    # There are sources, but no majority of them agrees.
    CONTRADICTION = "Contradiction"
    # A member of staff has halted it.
    STAFF = "Staff"


class SourcePrice(msgspec.Struct, frozen=True, array_like=True):
    """What one source said, in USD × 1e8, and with which weight it counted: 0 if it did not."""

    venue: str
    price_e8: int | None
    weight: int
    excluded: Exclusion | None = None


class Explained(msgspec.Struct, frozen=True, array_like=True):
    """How one asset's index came about in one second.

    Args:
        index_e8: what holds after this second; None before the first price.
        raw_e8: what the sources agreed on, before the cap on one step; None if they did not.
        is_capped: the index moved by the cap and not all the way.
        since: the second in which `state` began.
        perp_e8: what other venues' perpetuals of the asset trade at, where enough tell it.
    """

    index_e8: int | None
    raw_e8: int | None
    is_capped: bool
    state: PriceState
    why: Why
    since: int
    sources: tuple[SourcePrice, ...] = ()
    perp_e8: int | None = None


class Explanation(msgspec.Struct, frozen=True):
    """All assets in one second. `sequence` is the command's; None if the engine did not take it."""

    second: int
    sequence: int | None
    assets: dict[str, Explained]


def troubles(assets: dict[str, Explained]) -> list[str]:
    """Return what was wrong as words to search for: `Degraded`, `SOL:Degraded`, `SOL:kraken:Old`.

    Each state other than OK and each reason for which a source was thrown out stands there by
    itself and with the asset; a reason with the venue, too. A quiet second has none.
    """
    found: set[str] = set()
    for symbol, told in assets.items():
        if told.state is not PriceState.OK:
            found |= {told.state.value, f"{symbol}:{told.state.value}", symbol}
        for source in told.sources:
            if source.excluded is not None:
                reason = source.excluded.value
                found |= {reason, symbol, f"{symbol}:{reason}", f"{symbol}:{source.venue}:{reason}"}
    return sorted(found)
