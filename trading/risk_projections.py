"""Accounts at risk, as rows from the engine's events; and what their owners are told of it."""

from engine import risk_events
from engine.events import Event
from gateway.tables import Handlers, Rows, Table
from trading.notice_models import RiskNotice
from trading.notices import Notice, notice_of
from trading.risk_models import (
    AccountRisk,
    Backstop,
    Liquidation,
    LiquidationPayment,
    Takeover,
)

RISKS = Table(
    AccountRisk,
    ("account_id", "status", "equity_micros", "margin_micros", "at"),
    key=("account_id",),
)
BACKSTOPS = Table(
    Backstop,
    ("account_id", "market", "minute_micros", "hour_micros", "at"),
    key=("account_id", "market"),
)
_END = ("ended_at", "end", "end_equity_micros", "end_margin_micros")
LIQUIDATIONS = Table(
    Liquidation,
    (
        *("account_id", "sequence", "started_at"),
        *("equity_micros", "margin_micros", "closing_micros"),
        *_END,
    ),
)
LIQUIDATION_ENDS = Table(
    Liquidation,
    ("account_id", "sequence", *_END),
    key=("account_id", "sequence"),
    existing=True,
)
PAYMENTS = Table(
    LiquidationPayment,
    (
        *("sequence", "at", "account_id", "kind", "market", "asset"),
        *("amount_atoms", "owed_atoms"),
    ),
)
TAKEOVERS = Table(
    Takeover,
    (
        *("sequence", "at", "account_id", "taker_id", "market", "trade_id"),
        *("side", "lots", "price_ticks", "quote_atoms", "worth_atoms", "system"),
    ),
)
# After the number and time of the command, as a Notice has them.
NOTICES = Table(
    RiskNotice,
    ("sequence", "at", "account_id", *Notice._fields[1:]),
)


def tell(rows: Rows, event: Event, sequence: int, at_ns: int) -> None:
    """Append what the event has somebody told."""
    notice = notice_of(event)
    if notice is not None:
        rows.add(NOTICES, (sequence, at_ns, *notice))


def status_changed(
    rows: Rows, event: risk_events.MarginStatusChanged, sequence: int, at_ns: int
) -> None:
    """Set the account's status."""
    row = (event.account, event.status, event.equity_micros, event.margin_micros, at_ns)
    rows.put(RISKS, event.account, row)
    tell(rows, event, sequence, at_ns)


def liquidation_started(
    rows: Rows, event: risk_events.LiquidationStarted, sequence: int, at_ns: int
) -> None:
    """Begin the liquidation's row."""
    amounts = (event.equity_micros, event.margin_micros, event.closing_micros)
    row = (event.account, sequence, at_ns, *amounts, None, None, None, None)
    rows.put(LIQUIDATIONS, (event.account, sequence), row)
    tell(rows, event, sequence, at_ns)


def liquidation_ended(
    rows: Rows, event: risk_events.LiquidationEnded, sequence: int, at_ns: int
) -> None:
    """End the liquidation's row, which may have begun in the same batch."""
    key = (event.account, event.started)
    end = (at_ns, event.end, event.equity_micros, event.margin_micros)
    begun = rows.found(LIQUIDATIONS, key)
    if begun is None:
        rows.put(LIQUIDATION_ENDS, key, (*key, *end))
    else:
        rows.put(LIQUIDATIONS, key, (*begun[: -len(end)], *end))
    tell(rows, event, sequence, at_ns)


def position_taken_over(
    rows: Rows, event: risk_events.PositionTakenOver, sequence: int, at_ns: int
) -> None:
    """Append the takeover."""
    names = (event.account, event.taker, event.market, event.trade_id, event.side.value)
    amounts = (event.lots, event.price_ticks, event.quote_atoms, event.worth_atoms)
    rows.add(TAKEOVERS, (sequence, at_ns, *names, *amounts, event.system.value))
    tell(rows, event, sequence, at_ns)


def fee_charged(
    rows: Rows, event: risk_events.LiquidationFeeCharged, sequence: int, at_ns: int
) -> None:
    """Append the fee; what of it is owed in the position is in no balance."""
    names = (event.account, "Fee", event.market, event.asset)
    rows.add(PAYMENTS, (sequence, at_ns, *names, -event.amount_atoms, -event.owed_atoms))


def insurance_paid(rows: Rows, event: risk_events.InsurancePaid, sequence: int, at_ns: int) -> None:
    """Append what the insurance fund gave, or got back; and what it bought of a position for it."""
    names = (event.account, "Insurance", "", event.asset)
    rows.add(PAYMENTS, (sequence, at_ns, *names, event.amount_atoms, 0))
    if event.market:
        sold = (event.account, "ClaimSold", event.market, event.asset)
        rows.add(PAYMENTS, (sequence, at_ns, *sold, -event.amount_atoms, -event.amount_atoms))


def loss_shared(rows: Rows, event: risk_events.LossShared, sequence: int, at_ns: int) -> None:
    """Append what a winner gave up, and that the loser need not pay it; both are in positions."""
    names = (event.account, "LossShared", event.market, event.asset)
    rows.add(PAYMENTS, (sequence, at_ns, *names, -event.amount_atoms, -event.amount_atoms))
    covered = (event.bankrupt, "LossCovered", event.market, event.asset)
    rows.add(PAYMENTS, (sequence, at_ns, *covered, event.amount_atoms, event.amount_atoms))
    tell(rows, event, sequence, at_ns)


def backstop_changed(
    rows: Rows, event: risk_events.BackstopChanged, sequence: int, at_ns: int
) -> None:
    """Set the account's offer in a market."""
    key = (event.account, event.market)
    rows.put(BACKSTOPS, key, (*key, event.minute_micros, event.hour_micros, at_ns))


HANDLERS: Handlers = {
    risk_events.BackstopChanged: backstop_changed,
    risk_events.MarginStatusChanged: status_changed,
    risk_events.LiquidationStarted: liquidation_started,
    risk_events.LiquidationEnded: liquidation_ended,
    risk_events.PositionTakenOver: position_taken_over,
    risk_events.LiquidationFeeCharged: fee_charged,
    risk_events.InsurancePaid: insurance_paid,
    risk_events.LossShared: loss_shared,
}
