"""Who earned and who paid interest, from the events alone: the tests' own books of interest.

    interest = what lends less debts are worth now, less what was moved into them
    Σ interest of accounts + of clearings + of the house + debts written off == 0      per asset

What borrowers pay is so, to the last part of an atom, what lenders and the house get.
"""

from collections import defaultdict

from engine import events as e
from engine import settlement_events as se
from engine.kinds import BorrowLendKind
from engine.units import RAY

_SIGN = {
    BorrowLendKind.LEND: 1,
    BorrowLendKind.REPAY: 1,
    BorrowLendKind.REDEEM: -1,
    BorrowLendKind.BORROW: -1,
}
Owner = tuple[str, str]


class InterestBooks:
    """Movements and worth of all who lend and owe, by asset."""

    def __init__(self) -> None:
        self.moved: defaultdict[str, int] = defaultdict(int)
        self.house: defaultdict[str, int] = defaultdict(int)
        self.written_off: defaultdict[str, int] = defaultdict(int)
        self.balances: dict[Owner, e.BalanceChanged] = {}
        self.clearings: dict[str, se.ClearingChanged] = {}
        self.quotes: dict[str, str] = {}
        self.pools: dict[str, e.PoolChanged] = {}

    def read(self, events: tuple[e.Event, ...]) -> None:
        """Take in the events of one command, and see that its movements explain each other."""
        # By account and asset: what moved without cash, and what was realized.
        unpaid: defaultdict[Owner, int] = defaultdict(int)
        touched = {event.asset for event in events if isinstance(event, e.PoolChanged)}
        for event in events:
            if isinstance(event, e.BorrowLendMoved):
                amount = _SIGN[event.kind] * event.amount_atoms
                unpaid[str(event.account), event.asset] += amount
                self.moved[event.asset] += amount
            elif isinstance(event, e.LedgerPosted):
                self._post(event, unpaid)
            elif isinstance(event, se.ProfitRealized):
                unpaid[str(event.account), event.asset] -= event.amount_atoms
                # Clearing is the other side of what is realized.
                self.moved[event.asset] -= event.amount_atoms
            elif isinstance(event, e.DebtWrittenOff):
                unpaid[str(event.account), event.asset] -= event.amount_atoms
                self.written_off[event.asset] += event.amount_atoms
            else:
                self._note(event)
        assert not any(unpaid.values()), f"moved without a reason: {dict(unpaid)}"
        for asset in touched:
            assert self.interest_ray(asset) == 0, f"{asset}: interest {self.interest_ray(asset)}"

    def _note(self, event: e.Event) -> None:
        if isinstance(event, e.BalanceChanged):
            self.balances[str(event.account), event.asset] = event
        elif isinstance(event, e.PoolChanged):
            self.pools[event.asset] = event
        elif isinstance(event, se.ClearingChanged):
            self.clearings[event.market] = event
        elif isinstance(event, e.MarketListed):
            self.quotes[event.market.symbol] = event.market.quote

    def _post(self, event: e.LedgerPosted, unpaid: dict[Owner, int]) -> None:
        """Count what goes to a pool or to a clearing account, and what comes from there."""
        for name, other, amount in (
            (event.credit, event.debit, event.amount_atoms),
            (event.debit, event.credit, -event.amount_atoms),
        ):
            kind, owner = name.split(":")[0], other.split(":")[1]
            if kind not in {"pool", "clearing"}:
                continue
            if other.startswith("account:"):
                # To a pool: a lend or a repayment. To clearing: a part of what is realized.
                unpaid[owner, event.asset] -= amount
                # Cash that clearing gets of what is realized is not, or not yet, in a pool.
                self.moved[event.asset] -= amount if kind == "clearing" else 0
            elif kind == "pool" and other.startswith("clearing:"):
                self.moved[event.asset] += amount
            elif kind == "pool":
                self.house[event.asset] -= amount

    def interest_ray(self, asset: str) -> int:
        """Return the sum of everyone's interest, which must be nothing, in atoms × ray."""
        pool = self.pools[asset]
        index = {lends.bucket: lends.lend_index_ray for lends in pool.lends}
        worth = pool.reserve_ray
        for (_, symbol), held in self.balances.items():
            if symbol == asset and held.lend_scaled:
                worth += held.lend_scaled * index[held.bucket]
            elif symbol == asset:
                worth -= held.debt_scaled * pool.debt_index_ray
        for market, clearing in self.clearings.items():
            if self.quotes[market] == asset:
                worth += clearing.lend_scaled * index[0]
                worth -= clearing.debt_scaled * pool.debt_index_ray
        moved = self.moved[asset] - self.house[asset] - self.written_off[asset]
        return worth - moved * RAY
