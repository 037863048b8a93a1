"""The double-entry ledger: money is in accounts, and moves between two of them.

One transfer is one event: balanced by construction. Per asset all accounts sum to zero, because the
custody account carries the other side of what came in from outside.
"""

from typing import NamedTuple

from engine.events import LedgerPosted
from engine.record import Record
from engine.units import AccountId


class LedgerAccount:
    """A place where money of one asset is. Only custody may be below zero."""

    __slots__ = ("asset", "atoms", "holding", "name")

    def __init__(self, name: str, asset: str, holding: "Holding | None" = None) -> None:
        self.name = name
        self.asset = asset
        self.atoms = 0
        self.holding = holding


class LendTerms(NamedTuple):
    """On which terms an account lends one asset.

    `bucket` numbers the least rate asked for among those of the asset. A lend that is no collateral
    backs nothing and is never taken to settle anything.
    """

    bucket: int = 0
    cap_atoms: int | None = None
    keep_atoms: int = 0
    as_collateral: bool = True


class Holding:
    """What one account has of one asset. Lend and debt are scaled by the pool's indexes."""

    __slots__ = (
        "account_id",
        "asset",
        "available",
        "bearing",
        "bucket",
        "debt_scaled",
        "lend_scaled",
        "locked",
        "opened",
        "part",
        "stale",
        "terms",
    )

    def __init__(
        self,
        account_id: AccountId,
        asset: str,
        *,
        stale: dict[object, None],
        bearing: "dict[Holding, None]",
    ) -> None:
        self.account_id = account_id
        # The account's holdings that bear interest; this is one while it is lent or owed.
        self.bearing = bearing
        # Where margin looks for what changed since it last asked, and what it found then;
        # see margin.standing.
        self.stale = stale
        self.part = (0, 0)
        self.asset = asset
        self.available = LedgerAccount(f"account:{account_id}:available", asset, self)
        self.locked = LedgerAccount(f"account:{account_id}:locked", asset, self)
        self.lend_scaled = 0
        self.debt_scaled = 0
        # The number of the command which opened the lend or debt: 0 if that was before numbers
        # were kept.
        self.opened = NOT_OPEN
        self.terms = NO_TERMS
        # Where the lend is; the terms' own, kept here because every valuation asks.
        self.bucket = 0

    @property
    def seizable_scaled(self) -> int:
        """The lend that backs the account and may be taken to settle what it owes."""
        return self.lend_scaled if self.terms.as_collateral else 0

    def note_interest(self) -> None:
        """Note whether it bears interest, after lend or debt has changed."""
        if self.lend_scaled or self.debt_scaled:
            self.bearing[self] = None
        else:
            self.bearing.pop(self, None)


NO_TERMS = LendTerms()
# What `opened` of a holding says while nothing is lent or owed.
NOT_OPEN = -1


class Ledger:
    """The house's own accounts, and the one way in which money moves."""

    __slots__ = ("house", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.house: dict[str, LedgerAccount] = {}

    def house_account(self, kind: str, asset: str, subject: str | None = None) -> LedgerAccount:
        """Return the house's account `kind:subject`, opening it at first use."""
        name = f"{kind}:{subject or asset}"
        account = self.house.get(name)
        if account is None:
            account = self.house[name] = LedgerAccount(name, asset)
        return account

    def transfer(
        self, debit: LedgerAccount, credit: LedgerAccount, amount_atoms: int, *, kind: str
    ) -> None:
        """Move `amount_atoms` > 0 from `debit` to `credit`. The caller checked that it is there."""
        asset = debit.asset
        assert amount_atoms > 0, f"transfer of {amount_atoms} {asset}"
        assert asset == credit.asset, f"{debit.name} to {credit.name}"
        left = debit.atoms - amount_atoms
        assert left >= 0 or debit.name.startswith("custody:"), f"{debit.name} overdrawn"
        debit.atoms = left
        credit.atoms += amount_atoms
        record = self.record
        giving, taking = debit.holding, credit.holding
        if giving is not None:
            record.balances[giving] = None
            # Between available and locked, what is owned stays the same.
            if giving is not taking:
                giving.stale[giving] = None
        if taking is not None and taking is not giving:
            record.balances[taking] = None
            taking.stale[taking] = None
        record.events.append(
            LedgerPosted(
                asset=asset,
                debit=debit.name,
                credit=credit.name,
                amount_atoms=amount_atoms,
                kind=kind,
            )
        )
