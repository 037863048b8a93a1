"""What is known to be otherwise than "pass": awaited, refused, the client's own fault, not covered."""

# Served soon: each of these cases fails as long as the exchange refuses it as unknown. A case that
# passes must be taken out of this list: the tests say so. By endpoint, variant, method or stream.
AWAITED: frozenset[str] = frozenset(
    {
        "POST /api/v1/order (trigger)",
        "POST /api/v1/order (trigger, quantity twice)",
        "POST /api/v1/order (take-profit, stop-loss)",
        "POST /api/v1/order (slippage tolerance)",
        "createTriggerOrder",
        "createOrderWithTakeProfitAndStopLoss",
        "POST /api/v1/rfq",
        "POST /api/v1/rfq/accept",
        "POST /api/v1/rfq/cancel",
        "POST /api/v1/rfq/quote",
        "POST /api/v1/rfq/refresh",
        "GET /wapi/v1/history/rfq",
        "GET /wapi/v1/history/rfq/fill",
        "GET /wapi/v1/history/quote",
        "GET /wapi/v1/history/quote/fill",
        "account.rfqUpdate",
        "POST /api/v1/strategy",
        "GET /api/v1/strategy",
        "DELETE /api/v1/strategy",
        "GET /api/v1/strategies",
        "DELETE /api/v1/strategies",
        "GET /wapi/v1/history/strategies",
        "GET /wapi/v1/capital/deposit/address",
        "fetchDepositAddress",
        "GET /wapi/v1/capital/withdrawals/delay",
        "POST /wapi/v1/capital/withdrawals/delay",
        "PATCH /wapi/v1/capital/withdrawals/delay",
    }
)

# The exchange refuses, and should: by endpoint, with its code.
REFUSED: dict[str, str] = {}

# The client itself cannot: by client and method, with the class of what it raises.
CLIENT_FAULTS: dict[tuple[str, str], tuple[str, str]] = {}

# No case, and why: by client and method.
NOT_COVERED: dict[tuple[str, str], str] = {}
