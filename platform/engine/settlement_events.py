"""What settlement and funding of perpetuals have done, as other events."""

from engine.events import Event
from engine.kinds import RealizeKind
from engine.units import AccountId


class ProfitRealized(Event, frozen=True, kw_only=True):
    """One account's part of a settlement: positive was paid out, negative was collected."""

    account: AccountId
    market: str
    asset: str
    position_id: int
    amount_atoms: int
    kind: RealizeKind


class PositionInterestPosted(Event, frozen=True, kw_only=True):
    """Interest on profit (positive) or loss (negative) that is not realized, put into its quote."""

    account: AccountId
    market: str
    asset: str
    position_id: int
    amount_atoms: int
    hour_ns: int


class FundingRateSet(Event, frozen=True, kw_only=True):
    """What holders of a perpetual pay for the hour that has ended: rate × mark × size.

    A positive rate is paid by longs to shorts. `premium_ppb` is the mean of so many samples.
    """

    market: str
    ends_ns: int
    rate_ppb: int
    premium_ppb: int
    mark_e8: int
    samples: int


class FundingPaid(Event, frozen=True, kw_only=True):
    """What a position has got (positive) or paid for one hour, put into its quote."""

    account: AccountId
    market: str
    asset: str
    position_id: int
    ends_ns: int
    rate_ppb: int
    lots: int
    amount_atoms: int


class MarketFunded(Event, frozen=True, kw_only=True):
    """The answer to PayFunding: how many positions it went through."""

    market: str
    positions: int
    done: bool = True


class ClearingChanged(Event, frozen=True, kw_only=True):
    """What stands behind all positions of a market, after (docs/ledger.md)."""

    market: str
    cash_atoms: int
    lend_scaled: int
    debt_scaled: int
    settled_atoms: int
    dust_atoms: int
    interest_atoms: int
    funding_atoms: int = 0


class MarketRealized(Event, frozen=True, kw_only=True):
    """The answer to AutoRealize: what losers owed and paid, what winners were due and got so far.

    `advanced_atoms` of it was borrowed from the pool, against losses that are not realized.
    """

    market: str
    owed_atoms: int
    collected_atoms: int
    due_atoms: int
    paid_atoms: int
    advanced_atoms: int = 0
    done: bool = True
