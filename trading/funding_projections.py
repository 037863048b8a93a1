"""Funding, as rows: the rate of each hour, the running one among them, and what was paid.

A part of this app's projections.
"""

from engine import events
from engine.settlement_events import FundingPaid, FundingRateSet
from engine.units import HOUR_NS
from gateway.tables import Handlers, Rows, Table
from trading.funding_models import FundingPayment, FundingRate

RATES = Table(
    FundingRate,
    ("market", "ends_at", "rate_ppb", "premium_ppb", "samples", "mark_e8"),
    key=("market", "ends_at"),
)
PAYMENTS = Table(
    FundingPayment,
    (
        *("sequence", "at", "account_id", "market", "asset", "position_id"),
        *("ends_at", "rate_ppb", "lots", "amount_atoms"),
    ),
)


def take_predicted(rows: Rows, event: events.PricesUpdated, at_ns: int) -> None:
    """Set what the running hour comes to, where that has changed."""
    for market, rate_ppb in event.funding_ppb.items():
        ends_ns = at_ns - at_ns % HOUR_NS + HOUR_NS
        rows.put(RATES, (market, ends_ns), (market, ends_ns, rate_ppb, None, None, None))


def funding_rate_set(rows: Rows, event: FundingRateSet, sequence: int, at_ns: int) -> None:
    """Set the rate of the hour that has ended; the next one begins with the next prices."""
    figures = (event.rate_ppb, event.premium_ppb, event.samples, event.mark_e8)
    rows.put(RATES, (event.market, event.ends_ns), (event.market, event.ends_ns, *figures))


def funding_paid(rows: Rows, event: FundingPaid, sequence: int, at_ns: int) -> None:
    """Append the payment; what the position has had in all is told with the position."""
    names = (event.account, event.market, event.asset, event.position_id)
    amounts = (event.ends_ns, event.rate_ppb, event.lots, event.amount_atoms)
    rows.add(PAYMENTS, (sequence, at_ns, *names, *amounts))


HANDLERS: Handlers = {
    FundingRateSet: funding_rate_set,
    FundingPaid: funding_paid,
}
