"""A strategy while it runs: what was asked for, and how far it has come."""

from engine.events import StrategyChanged
from engine.kinds import StrategyStatus, StrategyTerms
from engine.rejects import ExpiryReason
from engine.units import OrderId


class Strategy:
    """One order divided over time."""

    __slots__ = (
        "child",
        "due",
        "executed_lots",
        "executed_quote",
        "joined",
        "reason",
        "status",
        "terms",
    )

    def __init__(self, terms: StrategyTerms) -> None:
        self.terms = terms
        self.status = StrategyStatus.RUNNING
        self.reason: ExpiryReason | None = None
        self.executed_lots = 0
        self.executed_quote = 0
        # How many slices before the next were too small to be placed, and so go with it.
        self.joined = 0
        # Its order in the book; it may have ended since.
        self.child: OrderId | None = None
        # Its entry in the schedule; None while that is being done.
        self.due: int | None = None

    @property
    def rest(self) -> int:
        """Return the lots that are not yet executed."""
        return self.terms.command.lots - self.executed_lots

    def changed(self) -> StrategyChanged:
        """Return the event which tells how far it has come."""
        return StrategyChanged(
            terms=self.terms,
            status=self.status,
            executed_lots=self.executed_lots,
            executed_quote_atoms=self.executed_quote,
            reason=self.reason,
        )
