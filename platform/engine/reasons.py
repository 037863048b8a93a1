"""Why an order which the engine placed by itself has ended, if it was refused."""

from engine.rejects import ExpiryReason, Reject

_REASONS = {
    Reject.INSUFFICIENT_MARGIN: ExpiryReason.INSUFFICIENT_MARGIN,
    Reject.INSUFFICIENT_FUNDS: ExpiryReason.INSUFFICIENT_FUNDS,
    Reject.BORROW_REQUIRES_LEND_REDEEM: ExpiryReason.BORROW_REQUIRES_LEND_REDEEM,
    Reject.BORROW_LIMIT: ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY,
    Reject.BORROWING_CLOSED: ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY,
    Reject.INSUFFICIENT_SUPPLY: ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY,
    Reject.UTILIZATION_LIMIT: ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY,
    Reject.POOL_LIMIT: ExpiryReason.INSUFFICIENT_BORROWABLE_QUANTITY,
    Reject.PRICE_OUT_OF_BAND: ExpiryReason.PRICE_OUT_OF_BOUNDS,
    Reject.INVALID_PRICE: ExpiryReason.INVALID_PRICE,
    Reject.NO_PRICE: ExpiryReason.INVALID_PRICE,
    Reject.INVALID_QUANTITY: ExpiryReason.INVALID_QUANTITY,
    Reject.QUANTITY_TOO_SMALL: ExpiryReason.INVALID_QUANTITY,
    Reject.QUANTITY_TOO_LARGE: ExpiryReason.INVALID_QUANTITY,
    Reject.REDUCE_ONLY_NOT_REDUCED: ExpiryReason.REDUCE_ONLY_NOT_REDUCED,
    Reject.MARKET_POST_ONLY: ExpiryReason.POST_ONLY_MODE,
    Reject.MARKET_CLOSED: ExpiryReason.TRADING_SUSPENDED,
    Reject.MARKET_CANCEL_ONLY: ExpiryReason.TRADING_SUSPENDED,
    Reject.MARKET_LIMIT_ONLY: ExpiryReason.TRADING_SUSPENDED,
    Reject.MARKET_AUCTION: ExpiryReason.TRADING_SUSPENDED,
    Reject.PRICE_DEGRADED: ExpiryReason.TRADING_SUSPENDED,
    Reject.MEMBER_SPENDING_LIMIT: ExpiryReason.TRADING_SUSPENDED,
    Reject.MEMBER_LOSS_LIMIT: ExpiryReason.TRADING_SUSPENDED,
    Reject.OPEN_INTEREST_LIMIT: ExpiryReason.POSITION_LIMIT,
    Reject.POSITION_LIMIT: ExpiryReason.POSITION_LIMIT,
}


def reason_of(reject: Reject) -> ExpiryReason:
    """Return the expiry reason that says the same as a refusal."""
    return _REASONS.get(reject, ExpiryReason.UNKNOWN)
