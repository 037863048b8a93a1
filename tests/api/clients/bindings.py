"""Which endpoint each method of bpx-py and of the SDK asks, and how it names parameters."""

import re

TRIGGER = "POST /api/v1/order (trigger)"
EXITS = "POST /api/v1/order (take-profit, stop-loss)"
TOLERANCE = "POST /api/v1/order (slippage tolerance)"

BPX: dict[str, tuple[str, ...]] = {
    # What the histories and quotes are read of comes first.
    "Account.execute_order": (
        "POST /api/v1/order",
        "POST /api/v1/order (trigger, quantity twice)",
        EXITS,
    ),
    "Account.submit_quote": ("POST /api/v1/rfq/quote",),
    "Account.cancel_all_orders": ("DELETE /api/v1/orders",),
    "Account.cancel_order": ("DELETE /api/v1/order",),
    "Account.execute_borrow_lend": ("POST /api/v1/borrowLend",),
    "Account.get_account": ("GET /api/v1/account",),
    "Account.get_balances": ("GET /api/v1/capital",),
    "Account.get_borrow_history": ("GET /wapi/v1/history/borrowLend",),
    "Account.get_borrow_lend_positions": ("GET /api/v1/borrowLend/positions",),
    "Account.get_collateral": ("GET /api/v1/capital/collateral",),
    "Account.get_deposit_address": ("GET /wapi/v1/capital/deposit/address",),
    "Account.get_deposits": ("GET /wapi/v1/capital/deposits",),
    "Account.get_fill_history": ("GET /wapi/v1/history/fills",),
    "Account.get_funding_payments": ("GET /wapi/v1/history/funding",),
    "Account.get_interest_history": ("GET /wapi/v1/history/interest",),
    "Account.get_max_borrow_quantity": ("GET /api/v1/account/limits/borrow",),
    "Account.get_max_order_quantity": ("GET /api/v1/account/limits/order",),
    "Account.get_max_withdrawal_quantity": ("GET /api/v1/account/limits/withdrawal",),
    "Account.get_open_order": ("GET /api/v1/order",),
    "Account.get_open_orders": ("GET /api/v1/orders",),
    "Account.get_open_positions": ("GET /api/v1/position",),
    "Account.get_order_history": ("GET /wapi/v1/history/orders",),
    "Account.get_profit_and_loss_history": ("GET /wapi/v1/history/pnl",),
    "Account.get_settlements_history": ("GET /wapi/v1/history/settlement",),
    "Account.get_withdrawals": ("GET /wapi/v1/capital/withdrawals",),
    "Account.update_account": ("PATCH /api/v1/account",),
    "Account.withdrawal": ("POST /wapi/v1/capital/withdrawals",),
    "Public.get_all_mark_prices": ("GET /api/v1/markPrices",),
    "Public.get_assets": ("GET /api/v1/assets",),
    "Public.get_borrow_lend_market_history": ("GET /api/v1/borrowLend/markets/history",),
    "Public.get_borrow_lend_markets": ("GET /api/v1/borrowLend/markets",),
    "Public.get_collateral": ("GET /api/v1/collateral",),
    "Public.get_depth": ("GET /api/v1/depth",),
    "Public.get_funding_interval_rates": ("GET /api/v1/fundingRates",),
    "Public.get_history_trades": ("GET /api/v1/trades/history",),
    "Public.get_klines": ("GET /api/v1/klines",),
    # It takes no symbol, and lists them all.
    "Public.get_market": ("GET /api/v1/markets",),
    "Public.get_markets": ("GET /api/v1/markets",),
    "Public.get_open_interest": ("GET /api/v1/openInterest",),
    "Public.get_ping": ("GET /api/v1/ping",),
    "Public.get_recent_trades": ("GET /api/v1/trades",),
    "Public.get_status": ("GET /api/v1/status",),
    "Public.get_ticker": ("GET /api/v1/ticker",),
    "Public.get_tickers": ("GET /api/v1/tickers",),
    "Public.get_time": ("GET /api/v1/time",),
}

SDK: dict[str, tuple[str, ...]] = {
    "Account.execute_order": ("POST /api/v1/order", TRIGGER, EXITS, TOLERANCE),
    "Account.submit_rfq": ("POST /api/v1/rfq",),
    "Account.submit_quote": ("POST /api/v1/rfq/quote",),
    "Account.accept_quote": ("POST /api/v1/rfq/accept",),
    "Account.refresh_rfq": ("POST /api/v1/rfq/refresh",),
    "Account.cancel_rfq": ("POST /api/v1/rfq/cancel",),
    "Account.create_strategy": ("POST /api/v1/strategy",),
    "Account.get_strategy": ("GET /api/v1/strategy",),
    "Account.get_open_strategies": ("GET /api/v1/strategies",),
    "Account.cancel_strategy": ("DELETE /api/v1/strategy",),
    "Account.cancel_all_strategies": ("DELETE /api/v1/strategies",),
    "Account.convert_dust": ("POST /api/v1/account/convertDust",),
    "Account.cancel_open_order": ("DELETE /api/v1/order",),
    "Account.cancel_open_orders": ("DELETE /api/v1/orders",),
    "Account.create_withdrawal_delay": ("POST /wapi/v1/capital/withdrawals/delay",),
    "Account.execute_batch_orders": ("POST /api/v1/orders",),
    "Account.execute_borrow_lend": ("POST /api/v1/borrowLend",),
    "Account.get_account": ("GET /api/v1/account",),
    "Account.get_balances": ("GET /api/v1/capital",),
    "Account.get_borrow_history": ("GET /wapi/v1/history/borrowLend",),
    "Account.get_borrow_lend_positions": ("GET /api/v1/borrowLend/positions",),
    "Account.get_borrow_position_history": ("GET /wapi/v1/history/borrowLend/positions",),
    "Account.get_collateral": ("GET /api/v1/capital/collateral",),
    "Account.get_deposit_address": ("GET /wapi/v1/capital/deposit/address",),
    "Account.get_deposits": ("GET /wapi/v1/capital/deposits",),
    "Account.get_dust_history": ("GET /wapi/v1/history/dust",),
    "Account.get_estimated_liquidation_price": (
        "GET /api/v1/borrowLend/position/liquidationPrice",
    ),
    "Account.get_fill_history": ("GET /wapi/v1/history/fills",),
    "Account.get_funding_payments": ("GET /wapi/v1/history/funding",),
    "Account.get_interest_history": ("GET /wapi/v1/history/interest",),
    "Account.get_max_borrow_quantity": ("GET /api/v1/account/limits/borrow",),
    "Account.get_max_order_quantity": ("GET /api/v1/account/limits/order",),
    "Account.get_max_withdrawal_quantity": ("GET /api/v1/account/limits/withdrawal",),
    "Account.get_open_orders": ("GET /api/v1/orders",),
    "Account.get_open_positions": ("GET /api/v1/position",),
    "Account.get_order_history": ("GET /wapi/v1/history/orders",),
    "Account.get_position_history": ("GET /wapi/v1/history/position",),
    "Account.get_quote_fill_history": ("GET /wapi/v1/history/quote/fill",),
    "Account.get_quote_history": ("GET /wapi/v1/history/quote",),
    "Account.get_rfq_fill_history": ("GET /wapi/v1/history/rfq/fill",),
    "Account.get_rfq_history": ("GET /wapi/v1/history/rfq",),
    "Account.get_settlement_history": ("GET /wapi/v1/history/settlement",),
    "Account.get_strategy_history": ("GET /wapi/v1/history/strategies",),
    "Account.get_users_open_orders": ("GET /api/v1/order",),
    "Account.get_withdrawal_delay": ("GET /wapi/v1/capital/withdrawals/delay",),
    "Account.get_withdrawals": ("GET /wapi/v1/capital/withdrawals",),
    "Account.request_withdrawal": ("POST /wapi/v1/capital/withdrawals",),
    "Account.update_account": ("PATCH /api/v1/account",),
    "Account.update_withdrawal_delay": ("PATCH /wapi/v1/capital/withdrawals/delay",),
    "Public.get_assets": ("GET /api/v1/assets",),
    "Public.get_borrow_lend_market_history": ("GET /api/v1/borrowLend/markets/history",),
    "Public.get_borrow_lend_markets": ("GET /api/v1/borrowLend/markets",),
    "Public.get_collateral": ("GET /api/v1/collateral",),
    "Public.get_depth": ("GET /api/v1/depth",),
    "Public.get_funding_interval_rates": ("GET /api/v1/fundingRates",),
    "Public.get_historical_trades": ("GET /api/v1/trades/history",),
    "Public.get_klines": ("GET /api/v1/klines", "GET /api/v1/klines (Mark)"),
    "Public.get_mark_price": ("GET /api/v1/markPrices",),
    "Public.get_market": ("GET /api/v1/market",),
    "Public.get_markets": ("GET /api/v1/markets",),
    "Public.get_open_interest": ("GET /api/v1/openInterest",),
    "Public.get_prediction_markets": ("GET /api/v1/prediction",),
    "Public.get_prediction_tags": ("GET /api/v1/prediction/tags",),
    "Public.get_recent_trades": ("GET /api/v1/trades",),
    "Public.get_status": ("GET /api/v1/status",),
    "Public.get_system_time": ("GET /api/v1/time",),
    "Public.get_ticker": ("GET /api/v1/ticker",),
    "Public.get_tickers": ("GET /api/v1/tickers",),
    "Public.get_wallets": ("GET /api/v1/wallets",),
    "Public.send_ping": ("GET /api/v1/ping",),
}

# The SDK takes the names of the wire, but for these.
_SDK_NAMES = {
    "Public.get_klines": {"startTime": "start_time"},
    "Account.get_deposit_address": {"blockchain": "blockchain_name"},
    "Account.request_withdrawal": {"clientId": "client_id"},
}


def bpx_name(method: str, name: str) -> str:
    """Return how bpx-py calls a parameter: in snake_case."""
    return re.sub("([A-Z])", r"_\1", name).lower()


def sdk_name(method: str, name: str) -> str:
    """Return how the SDK calls a parameter."""
    return _SDK_NAMES.get(method, {}).get(name, name)


def ccxt_name(api: str, operation: str) -> str:
    """Return the method which ccxt makes of an endpoint: its implicit API.

    >>> ccxt_name("private", "GET /api/v1/account/limits/borrow")
    'privateGetApiV1AccountLimitsBorrow'
    """
    verb, path = operation.split(" ")
    parts = [part[0].upper() + part[1:] for part in re.split("[/-]", path) if part]
    return api + verb.capitalize() + "".join(parts)
