"""What is known to be otherwise than "pass", and why."""

# Served soon: each of these cases fails as long as the exchange refuses it as unknown. A case that
# passes must be taken out of this list: the tests say so. By endpoint, variant, method or stream.
AWAITED: frozenset[str] = frozenset()

# The exchange refuses, and should: by endpoint, with its code.
REFUSED: dict[str, str] = {
    # Alice has no authenticator, and so no delay which could be changed.
    "POST /wapi/v1/capital/withdrawals/delay": "INVALID_TWO_FACTOR_CODE",
    "PATCH /wapi/v1/capital/withdrawals/delay": "RESOURCE_NOT_FOUND",
}

_FLAG = "it says that it has this, and has not"
_UNNAMED = "it signs no instruction"
_DIGIT = "it reads the first digit only"
_OPTION = "it lacks an option of its own"
# The client itself cannot: by client and method, what comes of it and what is wrong with it.
CLIENT_FAULTS: dict[tuple[str, str], tuple[str, str]] = {
    ("ccxt", "fetchTime"): ("raised AssertionError", _DIGIT),
    ("ccxt async", "fetchTime"): ("raised AssertionError", _DIGIT),
    **{
        (client, method): ("raised NotSupported", _FLAG)
        for client in ("ccxt", "ccxt async", "ccxt js")
        for method in ("fetchOpenInterestHistory", "createMarketOrderWs")
    },
    **{
        (client, f"createMarket{side}OrderWithCost"): ("raised KeyError", _OPTION)
        for client in ("ccxt", "ccxt async")
        for side in ("Buy", "Sell")
    },
    # Newer endpoints, whose instructions it does not know.
    **{
        ("ccxt js", f"private{method}"): ("refused: INVALID_CLIENT_REQUEST", _UNNAMED)
        for method in (
            *("PostApiV1Strategy", "GetApiV1Strategy", "DeleteApiV1Strategy"),
            *("GetApiV1Strategies", "DeleteApiV1Strategies", "GetApiV1Rfqs"),
            *("GetWapiV1HistoryPosition", "GetWapiV1HistoryRfqFill"),
            *("GetWapiV1HistoryQuoteFill", "GetApiV1BorrowLendPositionLiquidationPrice"),
        )
    },
}

_FEATURE = "no method: it says what kind of venue this is"
_ADDRESS = "asks nothing: it makes the address for the method of that name"
_URLS = (
    *("all_mark_prices", "assets", "borrow_lend_market_history", "borrow_lend_markets"),
    *("collateral", "depth", "funding_interval_rates", "historical_trades", "klines", "market"),
    *("markets", "open_interest", "ping", "recent_trades", "status", "ticker", "tickers", "time"),
)
# No case, and why: by client and method.
NOT_COVERED: dict[tuple[str, str], str] = {
    **{
        (client, feature): _FEATURE
        for client in ("ccxt", "ccxt async", "ccxt js")
        for feature in ("publicAPI", "privateAPI", "spot", "margin", "swap")
    },
    **{
        (client, f"Public.get_{name}_url"): _ADDRESS
        for client in ("bpx-py", "bpx-py async")
        for name in _URLS
    },
}
