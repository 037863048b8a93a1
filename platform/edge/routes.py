"""The hot REST endpoints by method and path; everything else is Django's."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from accounts.access import Access
from accounts.scopes import TRADE
from trading.api import candles, market_data, orders
from trading.api.answers import Answer
from trading.api.orders import Words

PublicHandler = Callable[[Words], Awaitable[Answer]]
SignedHandler = Callable[[Access, Words], Awaitable[Answer]]
BatchHandler = Callable[[Access, Sequence[Words]], Awaitable[Answer]]


class SignedRoute(NamedTuple):
    """A path for keys. What is not a GET needs `scope` of them; a GET needs `read`."""

    instruction: str
    handler: SignedHandler
    scope: str = TRADE


class BatchRoute(NamedTuple):
    """A path for several orders, signed together."""

    instruction: str
    handler: BatchHandler
    scope: str = TRADE


Route = PublicHandler | SignedRoute | BatchRoute

ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("POST", "/api/v1/order"): SignedRoute("orderExecute", orders.post_order),
    ("GET", "/api/v1/order"): SignedRoute("orderQuery", orders.get_order),
    ("DELETE", "/api/v1/order"): SignedRoute("orderCancel", orders.delete_order),
    ("POST", "/api/v1/orders"): BatchRoute("orderExecute", orders.post_orders),
    ("GET", "/api/v1/orders"): SignedRoute("orderQueryAll", orders.get_orders),
    ("DELETE", "/api/v1/orders"): SignedRoute("orderCancelAll", orders.delete_orders),
    ("GET", "/api/v1/depth"): market_data.get_depth,
    ("GET", "/api/v1/trades"): market_data.get_trades,
    ("GET", "/api/v1/trades/history"): market_data.get_trades_history,
    ("GET", "/api/v1/ticker"): market_data.get_ticker,
    ("GET", "/api/v1/tickers"): market_data.get_tickers,
    ("GET", "/api/v1/klines"): candles.get_klines,
    ("GET", "/api/v1/markPrices"): market_data.get_mark_prices,
    ("GET", "/api/v1/x/marketStates"): market_data.get_market_states,
    ("GET", "/api/v1/status"): market_data.get_status,
    ("GET", "/api/v1/ping"): market_data.get_ping,
    ("GET", "/api/v1/time"): market_data.get_time,
}

METHODS: Final[dict[str, tuple[str, ...]]] = {
    path: tuple(method for method, other in ROUTES if other == path) for _, path in ROUTES
}
