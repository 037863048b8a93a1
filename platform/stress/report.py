"""What a stress test tells: data, whole numbers only; units are the last word of each name.

*_micros   USD × 10^6      *_atoms   the asset's smallest unit      *_e8   USD × 10^8
"""

from typing import Any

import msgspec

from stress.scenario import Scenario

# Beyond so many, reports are no pages any more: the headline counts all.
MOST_LINES = 5_000
# How liquidations stand that were under way when the run ended; the others have an end.
OPEN, OPEN_INSOLVENT = "Open", "Open, insolvent"


class PathPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Indexes by asset and marks by perpetual, in a second."""

    second: int
    index_e8: dict[str, int]
    mark_e8: dict[str, int]


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """An account that was liquidated.

    `traded_micros` is what was traded at by stage: collateral (spot books), book, backstop, adl.
    `lost_micros` is what its worth has fallen by over the whole run, at full value.
    """

    account: int
    status: str
    began: int
    ended: int | None
    end: str
    times: int
    traded_micros: dict[str, int]
    fee_micros: int
    before_micros: int
    lost_micros: int
    # What it owed and could not pay: paid for it by insurance and house, given up by winners,
    # written off. And what was left of it, which the insurance fund took.
    paid_micros: int
    left_micros: int
    shared_micros: int
    written_off_micros: int


class TakerLine(msgspec.Struct, frozen=True, kw_only=True):
    """What an account took over off the book: as a backstop, or because it was deleveraged.

    `atoms` of the base asset are signed: above zero it bought. `gained_micros`: against the mark.
    """

    account: int
    market: str
    asset: str
    atoms: int
    traded_micros: int
    gained_micros: int


class SharedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a winner of a market gave up, because nobody else could pay."""

    account: int
    market: str
    asset: str
    lost_atoms: int


class LenderLine(msgspec.Struct, frozen=True, kw_only=True):
    """Debts of an asset that were written off, and who bore them."""

    asset: str
    debts_atoms: int
    reserve_atoms: int
    insured_atoms: int
    lenders_atoms: int
    lenders_micros: int


class InsuranceLine(msgspec.Struct, frozen=True, kw_only=True):
    """The insurance fund of an asset, with what positions owe it."""

    asset: str
    before_atoms: int
    after_atoms: int
    before_micros: int
    after_micros: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Who has won (above zero) and lost of an asset, positions at the mark; it sums to zero.

    `roles_atoms` are of accounts. Carried: what interest, funding and settlement have on their way,
    and the atoms of rounding. Outside: money that came in (below zero) or went out.
    """

    asset: str
    won_atoms: int
    lost_atoms: int
    roles_atoms: dict[str, int]
    insurance_atoms: int
    fees_atoms: int
    carried_atoms: int
    outside_atoms: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run tells. `failure` names a broken invariant: then nothing else counts."""

    scenario: Scenario
    sequence: int
    at_ns: int
    seconds: int
    failure: str
    # Whether nobody was being liquidated any more when it ended.
    is_settled: bool
    accounts: int
    liquidated: int
    bankrupt: int
    called: int
    traded_micros: dict[str, int]
    fee_micros: int
    insurance: tuple[InsuranceLine, ...]
    lines: tuple[AccountLine, ...]
    backstops: tuple[TakerLine, ...]
    deleveraged: tuple[TakerLine, ...]
    shared: tuple[SharedLine, ...]
    lenders: tuple[LenderLine, ...]
    balances: tuple[Balance, ...]
    path: tuple[PathPoint, ...]
    # (second, market or asset, what it accepts or how far it is to be relied on)
    notes: tuple[tuple[int, str, str], ...]
    # Orders of the market maker that the engine refused, by its code.
    refused: dict[str, int]
    decimals: dict[str, int]


def to_data(report: Report) -> dict[str, Any]:
    """Return the report as JSON can hold it; amounts and prices are texts, so none is rounded."""
    data: dict[str, Any] = msgspec.to_builtins(report)
    return {name: _worded(name, value) for name, value in data.items()}


def from_data(data: dict[str, Any]) -> Report:
    """Return the report that `to_data` wrote. Raises ValueError for data of another shape."""
    return msgspec.convert(data, Report, strict=False)


_WORDED = ("_micros", "_atoms", "_e8")


def _worded(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        # Amounts by asset or stage are of the kind that their name says.
        inner = name if name.endswith(_WORDED) else ""
        return {key: _worded(inner or key, one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_worded(name, one) for one in value]
    return str(value) if isinstance(value, int) and name.endswith(_WORDED) else value
