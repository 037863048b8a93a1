"""What stands behind all positions of a perpetual market, and the settlement under way there.

        Σ lots == 0        Σ quote + dust + interest + funding == settled

so at any mark Σ unrealized profit == settled − dust − interest, less atoms lost by rounding.
"""

from enum import IntEnum

from engine.kinds import RealizeKind
from engine.ledger import LedgerAccount
from engine.pools import Pool
from engine.positions import Position
from engine.record import Record
from engine.units import RAY, AccountId


class Phase(IntEnum):
    """The parts of a cycle, in their order."""

    COLLECT = 1
    SAMPLE = 2
    PAY = 3


class Cycle:
    """One settlement of a market, at one mark: losers pay first, then winners are paid.

    `due` holds what each winner is to get in phase PAY, of `due_atoms` in all, out of `fund`.
    """

    __slots__ = (
        "advanced",
        "collected",
        "cull",
        "cursor",
        "due",
        "due_atoms",
        "fund",
        "mark_e8",
        "owed",
        "paid",
        "phase",
        "started_ns",
    )

    def __init__(self, mark_e8: int, started_ns: int) -> None:
        self.mark_e8 = mark_e8
        self.started_ns = started_ns
        self.phase = Phase.COLLECT
        # Why all losers must pay, if they must.
        self.cull: RealizeKind | None = None
        # The last account that was visited in this phase.
        self.cursor = AccountId(0)
        self.due: dict[AccountId, int] = {}
        self.due_atoms = 0
        self.fund = 0
        self.owed = self.collected = self.paid = self.advanced = 0


class Clearing:
    """The counterpart of all positions of a market, and what it holds for them.

        Σ quote + dust + interest + funding == settled

    settled: what positions have paid in, less what was paid out to them. dust: fees that are owed
    in positions. interest: what positions were charged on losses, less what others got on profits.
    funding: what positions have paid of it, less what others got; see funding.py.
    Behind `settled` stand the cash, the lend and, against it, the debt to the quote asset's pool.
    `rounding_ray` is what moving these has lost to the pool's reserve or won from it.
    """

    __slots__ = (
        "cash",
        "cycle",
        "debt_scaled",
        "dust",
        "funding",
        "gains_scaled",
        "insured_dust",
        "interest",
        "lend_scaled",
        "long_lots",
        "losses_scaled",
        "positions",
        "record",
        "rounding_ray",
        "sampled_debt_index",
        "sampled_lend_index",
        "settled",
        "unposted_ray",
    )

    def __init__(self, market: str, quote: str, record: Record) -> None:
        self.cash = LedgerAccount(f"clearing:{market}", quote)
        self.lend_scaled = 0
        self.debt_scaled = 0
        self.settled = 0
        self.dust = 0
        # The part of dust which is the insurance fund's, not the house's fees.
        self.insured_dust = 0
        self.interest = 0
        self.funding = 0
        self.rounding_ray = 0
        # Σ samples of losses and of gains, and the pool's indexes when they were taken.
        self.losses_scaled = 0
        self.gains_scaled = 0
        self.sampled_debt_index = 0
        self.sampled_lend_index = 0
        # The cycle of settlement that is under way.
        self.cycle: Cycle | None = None
        self.long_lots = 0
        self.positions: dict[AccountId, Position] = {}
        # Σ over positions: interest that is not yet posted.
        self.unposted_ray = 0
        self.record = record

    def backing_ray(self, pool: Pool) -> int:
        """Return what stands behind what positions have paid in, in atoms × ray."""
        value = self.cash.atoms * RAY + self.lend_scaled * pool.buckets[0].index
        return value - self.debt_scaled * pool.debt_index

    def house_ray(self, pool: Pool) -> int:
        """Return what interest on unrealized profit and loss has left for the house so far.

        Interest that runs since the samples were taken is not in it. It is never below zero right
        after a cycle's samples.
        """
        owed = self.settled - self.interest
        return self.backing_ray(pool) - owed * RAY + self.rounding_ray - self.unposted_ray
