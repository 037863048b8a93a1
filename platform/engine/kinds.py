"""What events are made of: statuses, kinds and sources in the wire's words, an order's terms."""

from enum import StrEnum

import msgspec

from engine.commands import CreateStrategy
from engine.units import AccountId, OrderId
from engine.vocabulary import (
    Conditions,
    ExecutionMode,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)


class OrderStatus(StrEnum):
    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    # A conditional order: it waits for its price; it was met, but the order could not be placed.
    TRIGGER_PENDING = "TriggerPending"
    TRIGGER_FAILED = "TriggerFailed"


# To read a member through its enum costs more than a dictionary look-up; see commands.BID.
NEW, PARTIALLY_FILLED, FILLED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED


class AccountState(StrEnum):
    """What an account may do; docs/risk.md has the list."""

    OPEN = "Open"
    # It only reduces, repays and receives.
    FROZEN = "Frozen"
    # It is empty, and does nothing until it is reopened.
    CLOSED = "Closed"


ACCOUNT_OPEN = AccountState.OPEN


class BorrowLendKind(StrEnum):
    BORROW = "Borrow"
    REPAY = "BorrowRepay"
    LEND = "Lend"
    REDEEM = "LendRedeem"


class MovementSource(StrEnum):
    """Why a loan or a lend changed; spelled as on the wire."""

    MANUAL = "Manual"
    AUTO_LEND = "AutoLend"
    AUTO_REPAY = "AutoBorrowRepay"
    SPOT_MARGIN = "SpotMargin"
    WITHDRAWAL = "Withdrawal"
    SETTLEMENT = "Reconciliation"
    LIQUIDATION = "Liquidation"
    DUST_CONVERSION = "DustConversion"
    WRITE_OFF = "WriteOff"
    # The lender's terms have changed.
    LEND_TERMS = "LendTerms"


class RealizeKind(StrEnum):
    """Why profit was realized; spelled as on the wire."""

    AUTO = "RealizePnl"
    # The part of what is realized that the position has got or paid as funding.
    FUNDING = "FundingPayment"
    # Although the account realizes only when a position is reduced: by the size of the profit
    # beside the account's equity, of what was advanced to winners, of the pool's utilization.
    CULLED_ACCOUNT = "CulledRealizePnlAccountThreshold"
    CULLED_SYSTEM = "CulledRealizePnlSystemThreshold"
    CULLED_UTILIZATION = "CulledRealizePnlBookUtilisation"


class SystemOrder(StrEnum):
    """Why the house placed an order for an account; spelled as on the wire."""

    COLLATERAL_CONVERSION = "CollateralConversion"
    LIQUIDATE_ON_BOOK = "LiquidatePositionOnBook"
    LIQUIDATE_ON_BACKSTOP = "LiquidatePositionOnBackstop"
    LIQUIDATE_ON_ADL = "LiquidatePositionOnAdl"


class MarginStatus(StrEnum):
    """How far an account's equity is above its maintenance margin; docs/risk.md has the levels."""

    HEALTHY = "Healthy"
    LOW = "Low"
    MARGIN_CALL = "MarginCall"
    LIQUIDATING = "Liquidating"


class LiquidationEnd(StrEnum):
    """How a liquidation ended."""

    RECOVERED = "Recovered"
    # Nothing was left; what the account owed was borne by others, and is forgotten.
    BANKRUPT = "Bankrupt"


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What an order asked for; it never changes, but that a trigger turns a share into lots.

    `related` is the order whose take-profit or stop-loss this is, `actor` the member of a team who
    asked for it, or for what it came of; 0: its owner, or the house.
    """

    order_id: OrderId
    account: AccountId
    market: str
    side: Side
    type: OrderType
    price_ticks: int | None
    lots: int | None
    quote_atoms: int | None
    time_in_force: TimeInForce
    self_trade_prevention: SelfTradePrevention
    post_only: bool
    reduce_only: bool
    client_id: int | None
    created_at_ns: int
    system: SystemOrder | None = None
    conditions: Conditions | None = None
    related: OrderId | None = None
    strategy: int | None = None
    actor: int = 0


class StrategyStatus(StrEnum):
    """Completed also if not all could be traded; terminated because an order was refused."""

    RUNNING = "Running"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"
    TERMINATED = "Terminated"


class StrategyTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a strategy was asked to do; ids are of the same row as those of orders."""

    strategy_id: OrderId
    command: CreateStrategy
    created_at_ns: int


class RfqTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a request for quote asked for; it never changes."""

    rfq: int
    account: AccountId
    market: str
    side: Side
    lots: int | None
    quote_atoms: int | None
    price_ticks: int | None
    mode: ExecutionMode
    client_id: int | None
    created_at_ns: int


class QuoteTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a maker offered; it never changes. `account` is the maker's."""

    quote: int
    rfq: int
    account: AccountId
    market: str
    bid_ticks: int
    ask_ticks: int
    client_id: int | None
    created_at_ns: int


class QuoteEnd(StrEnum):
    """Why a quote ended without a trade."""

    REPLACED = "Replaced"
    NOT_COVERED = "NotCovered"
    EXPIRED = "Expired"
    RFQ_CANCELLED = "RfqCancelled"
    RFQ_EXPIRED = "RfqExpired"
    RFQ_FILLED = "RfqFilled"

    @property
    def status(self) -> OrderStatus:
        """What has become of the quote."""
        over = self in (QuoteEnd.EXPIRED, QuoteEnd.RFQ_EXPIRED)
        return OrderStatus.EXPIRED if over else OrderStatus.CANCELLED


class BucketLends(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is lent at one least rate: scaled, its index, and the part of it at work."""

    bucket: int
    lend_scaled: int
    lend_index_ray: int
    active_ppb: int
