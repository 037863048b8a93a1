"""All events, as one type: what may stand in an answer, a feed and the journal."""

from engine.events import (
    AccountOpened,
    AccountUpdated,
    AssetListed,
    BalanceChanged,
    BookChanged,
    BorrowLendMoved,
    ClearingChanged,
    CommandRejected,
    CommandRepeated,
    DebtWrittenOff,
    DepositCredited,
    DustConverted,
    DustSold,
    FundsTransferred,
    IdleLent,
    InsuranceFunded,
    InterestAccrued,
    LedgerPosted,
    LendTermsChanged,
    MarketListed,
    MarketRealized,
    MarketStateChanged,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderModified,
    OrderPlaced,
    OrdersCancelled,
    OrderTriggered,
    PoolChanged,
    PoolHourClosed,
    PoolStateChanged,
    PositionChanged,
    PositionClosed,
    PositionInterestPosted,
    PricesUpdated,
    ProfitRealized,
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
    TimeAdvanced,
    TradeExecuted,
    TriggerFailed,
    TriggerPlaced,
    WithdrawalRequested,
    WithdrawalSettled,
)

AnyEvent = (
    CommandRejected
    | CommandRepeated
    | AssetListed
    | MarketListed
    | MarketStateChanged
    | PricesUpdated
    | AccountOpened
    | AccountUpdated
    | DepositCredited
    | WithdrawalRequested
    | WithdrawalSettled
    | FundsTransferred
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
    | ClearingChanged
    | MarketRealized
    | TimeAdvanced
)
