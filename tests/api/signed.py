"""A client of our own which can also sign wrongly: what well-behaved clients never send."""

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from nacl.signing import SigningKey

from tests.live import LiveExchange

# By method and path; what is not here is public.
INSTRUCTIONS = {
    ("GET", "/api/v1/account"): "accountQuery",
    ("PATCH", "/api/v1/account"): "accountUpdate",
    ("POST", "/api/v1/account/convertDust"): "convertDust",
    ("GET", "/api/v1/account/limits/borrow"): "maxBorrowQuantity",
    ("GET", "/api/v1/account/limits/order"): "maxOrderQuantity",
    ("GET", "/api/v1/account/limits/withdrawal"): "maxWithdrawalQuantity",
    ("POST", "/api/v1/borrowLend"): "borrowLendExecute",
    ("GET", "/api/v1/borrowLend/position/liquidationPrice"): "borrowLendPositionLiquidationPrice",
    ("GET", "/api/v1/borrowLend/positions"): "borrowLendPositionQuery",
    ("GET", "/api/v1/capital"): "balanceQuery",
    ("GET", "/api/v1/capital/collateral"): "collateralQuery",
    ("POST", "/api/v1/order"): "orderExecute",
    ("GET", "/api/v1/order"): "orderQuery",
    ("DELETE", "/api/v1/order"): "orderCancel",
    ("POST", "/api/v1/orders"): "orderExecute",
    ("GET", "/api/v1/orders"): "orderQueryAll",
    ("DELETE", "/api/v1/orders"): "orderCancelAll",
    ("GET", "/api/v1/position"): "positionQuery",
    ("POST", "/api/v1/rfq"): "rfqSubmit",
    ("POST", "/api/v1/rfq/accept"): "quoteAccept",
    ("POST", "/api/v1/rfq/cancel"): "rfqCancel",
    ("POST", "/api/v1/rfq/quote"): "quoteSubmit",
    ("POST", "/api/v1/rfq/refresh"): "rfqRefresh",
    ("GET", "/api/v1/rfqs"): "rfqQuery",
    ("GET", "/api/v1/strategies"): "strategyQueryAll",
    ("DELETE", "/api/v1/strategies"): "strategyCancelAll",
    ("POST", "/api/v1/strategy"): "strategyCreate",
    ("GET", "/api/v1/strategy"): "strategyQuery",
    ("DELETE", "/api/v1/strategy"): "strategyCancel",
    ("POST", "/api/v1/vault/mint"): "vaultMint",
    ("GET", "/api/v1/vault/nav"): "vaultNavQuery",
    ("POST", "/api/v1/vault/redeem"): "vaultRedeemRequest",
    ("DELETE", "/api/v1/vault/redeem"): "vaultRedeemCancel",
    ("GET", "/api/v1/vault/redeems/pending"): "vaultPendingRedeemsQuery",
    ("GET", "/api/v1/x/account/risk"): "xAccountRiskQuery",
    ("GET", "/api/v1/x/account/whatif"): "xWhatIfQuery",
    ("GET", "/api/v1/x/order/preview"): "xOrderPreviewQuery",
    ("GET", "/api/v1/x/lendTerms"): "xLendTermsQuery",
    ("PUT", "/api/v1/x/lendTerms"): "xLendTermsUpdate",
    ("GET", "/wapi/v1/capital/deposit/address"): "depositAddressQuery",
    ("GET", "/wapi/v1/capital/deposits"): "depositQueryAll",
    ("GET", "/wapi/v1/capital/withdrawals"): "withdrawalQueryAll",
    ("POST", "/wapi/v1/capital/withdrawals"): "withdraw",
    ("GET", "/wapi/v1/capital/withdrawals/delay"): "withdrawalDelayQuery",
    ("POST", "/wapi/v1/capital/withdrawals/delay"): "withdrawalDelayCreate",
    ("PATCH", "/wapi/v1/capital/withdrawals/delay"): "withdrawalDelayUpdate",
    ("GET", "/wapi/v1/history/borrowLend"): "borrowHistoryQueryAll",
    ("GET", "/wapi/v1/history/borrowLend/positions"): "borrowPositionHistoryQueryAll",
    ("GET", "/wapi/v1/history/dust"): "dustHistoryQueryAll",
    ("GET", "/wapi/v1/history/fills"): "fillHistoryQueryAll",
    ("GET", "/wapi/v1/history/funding"): "fundingHistoryQueryAll",
    ("GET", "/wapi/v1/history/interest"): "interestHistoryQueryAll",
    ("GET", "/wapi/v1/history/orders"): "orderHistoryQueryAll",
    ("GET", "/wapi/v1/history/pnl"): "pnlHistoryQueryAll",
    ("GET", "/wapi/v1/history/position"): "positionHistoryQueryAll",
    ("GET", "/wapi/v1/history/quote"): "quoteHistoryQueryAll",
    ("GET", "/wapi/v1/history/quote/fill"): "quoteFillHistoryQueryAll",
    ("GET", "/wapi/v1/history/rfq"): "rfqHistoryQueryAll",
    ("GET", "/wapi/v1/history/rfq/fill"): "rfqFillHistoryQueryAll",
    ("GET", "/wapi/v1/history/settlement"): "settlementHistoryQueryAll",
    ("GET", "/wapi/v1/history/strategies"): "strategyHistoryQueryAll",
    ("GET", "/wapi/v1/history/vault/mint"): "vaultMintHistoryQueryAll",
    ("GET", "/wapi/v1/history/vault/redeem"): "vaultRedeemHistoryQueryAll",
    ("POST", "/wapi/v1/user/2fa"): "issueTwoFactorToken",
}


class SignedClient:
    """One account over plain HTTP; the last status and body stand in `status` and the return."""

    def __init__(self, exchange: LiveExchange, user: int, *, timeout: float = 30) -> None:
        facts = exchange["users"][user]
        self.key = facts["apiKey"]
        self.signer = SigningKey(base64.b64decode(facts["secret"]))
        self.address = urlsplit(exchange["rest"]).netloc
        self.timeout = timeout
        self.status = 0

    def headers(
        self, signed: str, *, timestamp: int | None = None, window: int | str = 5000
    ) -> dict[str, str]:
        """Return the headers which sign `signed` ("instruction=…&…" without time and window)."""
        at = int(time.time() * 1000) if timestamp is None else timestamp
        text = f"{signed}&timestamp={at}&window={window}"
        signature = self.signer.sign(text.encode()).signature
        return {
            "X-API-Key": self.key,
            "X-Signature": base64.b64encode(signature).decode(),
            "X-Timestamp": str(at),
            "X-Window": str(window),
            "Content-Type": "application/json",
        }

    def call(
        self, method: str, path: str, params: dict[str, Any] | None = None, **when: Any
    ) -> Any:
        """Sign what is signed, send, and return the parsed body, or its text if it is not JSON."""
        params = params or {}
        pairs = [f"{name}={signed_text(value)}" for name, value in sorted(params.items())]
        instruction = INSTRUCTIONS.get((method, path))
        signed = "&".join([f"instruction={instruction}", *pairs])
        headers = {} if instruction is None else self.headers(signed, **when)
        if method == "GET":
            query = f"?{urlencode(params)}" if params else ""
            return self.send(method, path + query, headers)
        body = json.dumps(params).encode()
        return self.send(method, path, headers, body)

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> Any:
        """Send exactly this."""
        connection = http.client.HTTPConnection(self.address, timeout=self.timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            self.status = response.status
            text = response.read().decode()
        finally:
            connection.close()
        try:
            return json.loads(text)
        except ValueError:
            return text


def signed_text(value: Any) -> str:
    """Return a value of a JSON body as it stands in what is signed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
