"""All events, as one type: what may stand in an answer, a feed and the journal."""

from engine.events import (
    AccountOpened,
    AccountStateChanged,
    AccountUpdated,
    AssetListed,
    AssetUpdated,
    AuctionEnded,
    BalanceChanged,
    BorrowLendMoved,
    CommandRejected,
    CommandRepeated,
    DebtWrittenOff,
    DepositCredited,
    DustConverted,
    DustSold,
    FundsSwept,
    FundsTransferred,
    IdleLent,
    InsuranceFunded,
    InterestAccrued,
    LedgerPosted,
    LendTermsChanged,
    MarketListed,
    MarketStateChanged,
    MarketUpdated,
    PoolChanged,
    PoolHourClosed,
    PoolStateChanged,
    PositionChanged,
    PositionClosed,
    PricesUpdated,
    TimeAdvanced,
    WithdrawalRequested,
    WithdrawalSettled,
)
from engine.order_events import (
    BookChanged,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderModified,
    OrderPlaced,
    OrdersCancelled,
    OrderTriggered,
    QuoteCancelled,
    QuoteFilled,
    QuoteSubmitted,
    RfqAnnounced,
    RfqCancelled,
    RfqExpired,
    RfqFilled,
    RfqRefreshed,
    RfqSubmitted,
    StrategiesCancelled,
    StrategyChanged,
    StrategyCreated,
    TradeExecuted,
    TriggerFailed,
    TriggerPlaced,
)
from engine.risk_events import (
    AllowanceChanged,
    BackstopChanged,
    InsurancePaid,
    LiquidationEnded,
    LiquidationFeeCharged,
    LiquidationStarted,
    LossShared,
    MarginStatusChanged,
    PositionTakenOver,
)
from engine.settlement_events import (
    ClearingChanged,
    FundingPaid,
    FundingRateSet,
    MarketFunded,
    MarketRealized,
    PositionInterestPosted,
    ProfitRealized,
)

AnyEvent = (
    CommandRejected
    | CommandRepeated
    | AssetListed
    | AssetUpdated
    | MarketListed
    | MarketUpdated
    | MarketStateChanged
    | AuctionEnded
    | PricesUpdated
    | AccountOpened
    | AccountUpdated
    | AccountStateChanged
    | DepositCredited
    | WithdrawalRequested
    | WithdrawalSettled
    | FundsTransferred
    | FundsSwept
    | OrderPlaced
    | TriggerPlaced
    | OrderTriggered
    | TriggerFailed
    | OrderFilled
    | OrderCancelled
    | OrderExpired
    | OrderModified
    | OrdersCancelled
    | StrategyCreated
    | StrategyChanged
    | StrategiesCancelled
    | RfqAnnounced
    | RfqSubmitted
    | RfqRefreshed
    | RfqCancelled
    | RfqExpired
    | RfqFilled
    | QuoteSubmitted
    | QuoteFilled
    | QuoteCancelled
    | TradeExecuted
    | BookChanged
    | LedgerPosted
    | BalanceChanged
    | PositionChanged
    | PositionClosed
    | PoolChanged
    | PoolHourClosed
    | PoolStateChanged
    | BorrowLendMoved
    | LendTermsChanged
    | InsuranceFunded
    | DebtWrittenOff
    | DustConverted
    | DustSold
    | InterestAccrued
    | IdleLent
    | ProfitRealized
    | PositionInterestPosted
    | FundingRateSet
    | FundingPaid
    | MarketFunded
    | ClearingChanged
    | MarketRealized
    | MarginStatusChanged
    | LiquidationStarted
    | PositionTakenOver
    | LiquidationFeeCharged
    | InsurancePaid
    | LossShared
    | LiquidationEnded
    | BackstopChanged
    | AllowanceChanged
    | TimeAdvanced
)
