"""What a refused request answers: the one table from the engine's codes to HTTP and API codes.

Used by the fast paths of the edge, by the REST framework and by pages, so that a refusal reads the
same through every door.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.events import CommandRejected
from engine.rejects import Reject
from gateway.decimals import format_decimal

REJECT_HEADER: Final = "X-Reject-Code"


class Refusal(msgspec.Struct, frozen=True):
    """An answer which says no.

    `reject` is the engine's own code where the engine decided, or REQUEST_REPEATED.
    """

    status: int
    code: str
    message: str
    reject: str | None = None


class Refused(Exception):
    """Carries a refusal out of nested parsing to the one place which answers."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def invalid_request(message: str) -> Refusal:
    """Return the refusal of a request which cannot be understood or names unknown things."""
    return Refusal(400, "INVALID_CLIENT_REQUEST", message)


def forbidden(message: str) -> Refusal:
    """Return the refusal of something this customer may not do."""
    return Refusal(403, "FORBIDDEN", message)


INVALID_SIGNATURE: Final = invalid_request("Invalid signature")
INVALID_MARKET: Final = invalid_request("Invalid market symbol")
ORDER_NOT_FOUND: Final = invalid_request("Order not found")
NO_RUNNING_STRATEGY: Final = Refusal(404, "RESOURCE_NOT_FOUND", "Strategy not found")
NO_LIVE_ORDER: Final = Refusal(404, "RESOURCE_NOT_FOUND", "Order not found")
RFQ_NOT_FOUND: Final = Refusal(
    400,
    "INVALID_CLIENT_REQUEST",
    "there is no such open request for quote: it may have ended",
    Reject.UNKNOWN_RFQ.value,
)
QUOTE_NOT_COVERED: Final = Refusal(
    409,
    "PRECONDITION_FAILED",
    "the maker can no longer pay: its quote has ended and nothing was traded; accept another",
    "QUOTE_NOT_COVERED",
)
UNAUTHORIZED: Final = Refusal(401, "UNAUTHORIZED", "Unauthorized: sign the request with an API key")
TOO_MANY_REQUESTS: Final = Refusal(
    429, "TOO_MANY_REQUESTS", "Too many requests: slow down and try again in a minute"
)
ENGINE_AWAY: Final = Refusal(
    503, "MAINTENANCE", "The exchange is restarting. Nothing has happened: try again"
)
OUTCOME_UNKNOWN: Final = Refusal(
    503,
    "TIMEOUT",
    "The exchange has not answered in time and the request may have been carried out: "
    "look at your orders before you send it again",
)
# Clients must not take it for a passing fault: ccxt would sign the order anew and place it again.
REQUEST_REPEATED: Final = Refusal(
    400,
    "INVALID_CLIENT_REQUEST",
    "This signed request was answered before, and what it asks for is done once: "
    "look at your account, and sign it anew to have it done again",
    "REQUEST_REPEATED",
)
SERVER_ERROR: Final = Refusal(500, "SERVER_ERROR", "Something went wrong on our side: try again")

# Reject -> (HTTP status, API code, what to say before the engine's own words).
_ANSWERS: Final[dict[Reject, tuple[int, str, str]]] = {
    Reject.DUPLICATE_ID_WITH_OTHER_TERMS: (409, "PRECONDITION_FAILED", ""),
    Reject.UNKNOWN_ACCOUNT: (400, "INVALID_CLIENT_REQUEST", "Account not found"),
    Reject.UNKNOWN_ASSET: (400, "INVALID_ASSET", "Invalid asset"),
    Reject.UNKNOWN_MARKET: (400, "INVALID_CLIENT_REQUEST", "Invalid market symbol"),
    Reject.UNKNOWN_ORDER: (400, "INVALID_CLIENT_REQUEST", "Order not found"),
    Reject.UNKNOWN_WITHDRAWAL: (400, "INVALID_CLIENT_REQUEST", "Withdrawal not found"),
    Reject.ACCOUNT_EXISTS: (409, "PRECONDITION_FAILED", ""),
    Reject.ASSET_EXISTS: (409, "PRECONDITION_FAILED", ""),
    Reject.MARKET_EXISTS: (409, "PRECONDITION_FAILED", ""),
    Reject.LISTING_RULE: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.INVALID_PARAMETER: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.ACCOUNT_LIQUIDATING: (400, "ACCOUNT_LIQUIDATING", ""),
    Reject.ACCOUNT_FROZEN: (400, "ACCOUNT_FROZEN", ""),
    Reject.ACCOUNT_CLOSED: (400, "ACCOUNT_CLOSED", ""),
    Reject.ACCOUNT_NOT_CLOSED: (409, "PRECONDITION_FAILED", ""),
    Reject.ACCOUNT_NOT_EMPTY: (409, "PRECONDITION_FAILED", ""),
    Reject.MAIN_ACCOUNT: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.DESTINATION_LIQUIDATING: (400, "ACCOUNT_LIQUIDATING", ""),
    Reject.OTHER_OWNER: (403, "FORBIDDEN", ""),
    Reject.MEMBER_SPENDING_LIMIT: (403, "FORBIDDEN", ""),
    Reject.MEMBER_LOSS_LIMIT: (403, "FORBIDDEN", ""),
    Reject.SAME_ACCOUNT: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.MARKET_CLOSED: (400, "TRADING_PAUSED", ""),
    Reject.MARKET_CANCEL_ONLY: (400, "TRADING_PAUSED", ""),
    Reject.MARKET_LIMIT_ONLY: (400, "TRADING_PAUSED", ""),
    Reject.MARKET_POST_ONLY: (400, "TRADING_PAUSED", ""),
    Reject.MARKET_AUCTION: (400, "TRADING_PAUSED", ""),
    Reject.NO_PRICE: (400, "INVALID_PRICE", ""),
    Reject.INVALID_QUANTITY: (400, "INVALID_QUANTITY", ""),
    Reject.QUANTITY_TOO_SMALL: (400, "INVALID_QUANTITY", ""),
    Reject.QUANTITY_TOO_LARGE: (400, "INVALID_QUANTITY", ""),
    Reject.INVALID_PRICE: (400, "INVALID_PRICE", ""),
    Reject.PRICE_OUT_OF_BAND: (
        400,
        "INVALID_PRICE",
        "Price is too far from the last active price",
    ),
    Reject.INVALID_ORDER: (400, "INVALID_ORDER", "Invalid order"),
    Reject.DUPLICATE_CLIENT_ID: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.ORDER_LIMIT: (400, "ORDER_LIMIT", ""),
    Reject.REDUCE_ONLY_NOT_REDUCED: (400, "INVALID_ORDER", ""),
    Reject.OPEN_INTEREST_LIMIT: (400, "POSITION_LIMIT", ""),
    Reject.POSITION_LIMIT: (400, "POSITION_LIMIT", ""),
    Reject.PRICE_DEGRADED: (400, "TRADING_PAUSED", ""),
    Reject.PRICE_STALE: (400, "TRADING_PAUSED", ""),
    Reject.INVALID_TRIGGER: (400, "INVALID_ORDER", "Invalid order"),
    Reject.TRIGGER_LIMIT: (400, "ORDER_LIMIT", ""),
    Reject.PREVIEW_TOO_LARGE: (400, "INVALID_QUANTITY", ""),
    Reject.UNKNOWN_STRATEGY: (404, "RESOURCE_NOT_FOUND", "Strategy not found"),
    Reject.INVALID_STRATEGY: (400, "INVALID_CLIENT_REQUEST", "Invalid strategy"),
    Reject.STRATEGY_LIMIT: (400, "ORDER_LIMIT", ""),
    Reject.UNKNOWN_RFQ: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.UNKNOWN_QUOTE: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.INVALID_RFQ: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.INVALID_QUOTE: (400, "INVALID_PRICE", ""),
    Reject.RFQ_LIMIT: (400, "ORDER_LIMIT", ""),
    Reject.QUOTE_LIMIT: (400, "ORDER_LIMIT", ""),
    Reject.OWN_RFQ: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.QUOTES_CLOSED: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.QUOTE_WORSE_THAN_PRICE: (400, "INVALID_PRICE", ""),
    Reject.INVALID_AMOUNT: (400, "INVALID_QUANTITY", ""),
    Reject.INSUFFICIENT_FUNDS: (400, "INSUFFICIENT_FUNDS", ""),
    Reject.INSUFFICIENT_MARGIN: (400, "INSUFFICIENT_MARGIN", ""),
    Reject.INSUFFICIENT_LEND: (400, "INSUFFICIENT_FUNDS", ""),
    Reject.INSUFFICIENT_SUPPLY: (400, "INSUFFICIENT_SUPPLY", ""),
    Reject.UTILIZATION_LIMIT: (400, "INSUFFICIENT_SUPPLY", ""),
    Reject.POOL_LIMIT: (400, "LEND_LIMIT", ""),
    Reject.NOT_LENDABLE: (400, "INVALID_ASSET", ""),
    Reject.LEND_CAP: (400, "LEND_LIMIT", ""),
    Reject.LENDING_CLOSED: (400, "LEND_LIMIT", ""),
    Reject.BORROWING_CLOSED: (400, "BORROW_LIMIT", ""),
    Reject.BORROW_LIMIT: (400, "BORROW_LIMIT", ""),
    Reject.INVALID_LEND_TERMS: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.NOT_DUST: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.HOUSE_FUNDS: (400, "INSUFFICIENT_SUPPLY", ""),
    Reject.DEBT_IS_COVERED: (409, "PRECONDITION_FAILED", ""),
    Reject.NOTHING_OWED: (400, "INVALID_CLIENT_REQUEST", ""),
    Reject.BORROW_REQUIRES_LEND_REDEEM: (400, "BORROW_REQUIRES_LEND_REDEEM", ""),
    Reject.LEND_REQUIRES_BORROW_REPAY: (400, "LEND_REQUIRES_BORROW_REPAY", ""),
}
# Clients compare these answers letter by letter, or the caller adds the numbers.
_EXACT: Final = frozenset(
    {
        Reject.UNKNOWN_MARKET,
        Reject.UNKNOWN_ORDER,
        Reject.UNKNOWN_STRATEGY,
        Reject.PRICE_OUT_OF_BAND,
    }
)

# Details of a refusal which are atoms of its asset.
_AMOUNTS: Final = frozenset(
    {"available", "borrowable", "lent", "needed", "redeemable", "requested", "room"}
)


def refusal_of(rejected: CommandRejected, decimals: Mapping[str, int]) -> Refusal:
    """Return the answer to a command which the engine has refused, with its numbers.

    Args:
        decimals: of each asset, by its symbol.
    """
    status, code, words = _ANSWERS[rejected.code]
    if not words:
        message = rejected.message + _numbers(rejected, decimals)
    elif rejected.code in _EXACT or not rejected.message:
        message = words
    else:
        message = f"{words}: {rejected.message}"
    return Refusal(status, code, message, rejected.code.value)


def _numbers(rejected: CommandRejected, decimals: Mapping[str, int]) -> str:
    asset = str(rejected.details.get("asset", ""))
    parts = []
    for name, value in rejected.details.items():
        if name == "rates_ppb":
            rates = ", ".join(format_decimal(int(rate), 9) for rate in str(value).split(", "))
            parts.append(f"rates {rates}")
        elif name.endswith("_micros"):
            parts.append(f"{name.removesuffix('_micros')} {format_decimal(int(value), 6)} USD")
        elif name in _AMOUNTS and asset in decimals:
            parts.append(f"{name} {format_decimal(int(value), decimals[asset])} {asset}")
    return f" ({', '.join(parts)})" if parts else ""


def refusal(reject: Reject, message: str) -> Refusal:
    """Return the answer to a request which breaks a rule that needs no engine to see."""
    status, code, _ = _ANSWERS[reject]
    return Refusal(status, code, message, reject.value)
