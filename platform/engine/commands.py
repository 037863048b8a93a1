"""What may be asked of the exchange: by traders, and by the house alone.

The sequencer adds a number and a time; the engine reads no other clock.
"""

from engine.house_commands import (
    AccrueInterest,
    AdvanceTime,
    AutoLend,
    AutoRealize,
    CreditDeposit,
    FundInsurance,
    ListAsset,
    ListMarket,
    OpenAccount,
    PayFunding,
    SetAllowance,
    SetMarketState,
    SetPoolState,
    SettleWithdrawal,
    UpdateAsset,
    UpdateMarket,
    UpdatePrices,
    WriteOffDebt,
)
from engine.trader_commands import (
    AcceptQuote,
    Borrow,
    CancelAllOrders,
    CancelAllStrategies,
    CancelOrder,
    CancelQuoteRequest,
    CancelStrategy,
    CloseAccount,
    Command,
    ConvertDust,
    CreateStrategy,
    FreezeAccount,
    Lend,
    PlaceOrder,
    Redeem,
    RefreshQuoteRequest,
    ReopenAccount,
    Repay,
    RequestQuote,
    RequestWithdrawal,
    SetBackstop,
    SetLendTerms,
    SubmitQuote,
    SweepFunds,
    TransferBasket,
    TransferFunds,
    UpdateAccount,
)

__all__ = [
    "AcceptQuote",
    "AccrueInterest",
    "AdvanceTime",
    "AnyCommand",
    "AutoLend",
    "AutoRealize",
    "Borrow",
    "CancelAllOrders",
    "CancelAllStrategies",
    "CancelOrder",
    "CancelQuoteRequest",
    "CancelStrategy",
    "CloseAccount",
    "Command",
    "ConvertDust",
    "CreateStrategy",
    "CreditDeposit",
    "FreezeAccount",
    "FundInsurance",
    "Lend",
    "ListAsset",
    "ListMarket",
    "OpenAccount",
    "PayFunding",
    "PlaceOrder",
    "Redeem",
    "RefreshQuoteRequest",
    "ReopenAccount",
    "Repay",
    "RequestQuote",
    "RequestWithdrawal",
    "SetAllowance",
    "SetBackstop",
    "SetLendTerms",
    "SetMarketState",
    "SetPoolState",
    "SettleWithdrawal",
    "SubmitQuote",
    "SweepFunds",
    "TransferBasket",
    "TransferFunds",
    "UpdateAccount",
    "UpdateAsset",
    "UpdateMarket",
    "UpdatePrices",
    "WriteOffDebt",
]

AnyCommand = (
    ListAsset
    | ListMarket
    | UpdateAsset
    | UpdateMarket
    | SetMarketState
    | UpdatePrices
    | OpenAccount
    | UpdateAccount
    | FreezeAccount
    | CloseAccount
    | ReopenAccount
    | SetAllowance
    | CreditDeposit
    | RequestWithdrawal
    | SettleWithdrawal
    | TransferFunds
    | TransferBasket
    | SweepFunds
    | PlaceOrder
    | CancelOrder
    | CancelAllOrders
    | CreateStrategy
    | CancelStrategy
    | CancelAllStrategies
    | RequestQuote
    | SubmitQuote
    | AcceptQuote
    | RefreshQuoteRequest
    | CancelQuoteRequest
    | Lend
    | Redeem
    | Borrow
    | Repay
    | SetLendTerms
    | ConvertDust
    | WriteOffDebt
    | SetPoolState
    | FundInsurance
    | AutoLend
    | AccrueInterest
    | AutoRealize
    | SetBackstop
    | PayFunding
    | AdvanceTime
)
