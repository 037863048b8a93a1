"""What each endpoint must do, said once for all clients that hand the exchange's JSON through.

A check asks through the client, in the words of the wire, and compares with what the exchange says
without the client and with the database. Its key is the endpoint, with a variant in brackets.
"""

import base64
import json
import time
from typing import Any

from tests.api.clients import acts
from tests.api.clients.acts import Ask, Check
from tests.api.clients.world import (
    PERP,
    SPOT,
    TRIES,
    World,
    pause,
    plain,
    shown,
)


def same(path: str, *, filled: bool = True, but: tuple[str, ...] = (), **params: Any) -> Check:
    """Return a check that the client answers what the exchange does: every member of every row.

    The exchange lives meanwhile, so both are asked until they meet. `but` names members which tell
    the moment of the question.
    """

    def check(ask: Ask, world: World) -> None:
        given = {name: value() if callable(value) else value for name, value in params.items()}
        for attempt in range(TRIES):
            told, known = ask(**given), world.read(path, **given)
            if plain(told, but=but) == plain(known, but=but):
                break
            pause(attempt)
        else:
            raise AssertionError(f"{path}: {shown(told)} is not {shown(known)}")
        assert known or not filled, f"{path} has nothing to compare"

    return check


def tell_time(ask: Ask, world: World) -> None:
    """Tell the time in ms."""
    assert abs(int(ask()) - time.time() * 1000) < 60_000


def ping(ask: Ask, world: World) -> None:
    """Answer pong."""
    assert ask() == "pong"


def _hour_ago() -> int:
    return int(time.time()) - 3600


def _loan() -> str:
    terms = {"quantity": "100", "side": "Lend", "symbol": "USDC"}
    return base64.b64encode(json.dumps(terms).encode()).decode()


_CANDLES: dict[str, Any] = {"symbol": SPOT, "interval": "1m", "startTime": _hour_ago}

OPERATIONS: dict[str, Check] = {
    "GET /api/v1/market-sessions": same("/api/v1/market-sessions", filled=False),
    "GET /api/v1/market-holidays": same("/api/v1/market-holidays", filled=False),
    "GET /api/v1/securities": same("/api/v1/securities", filled=False),
    "GET /api/v1/borrowLend/apy": same("/api/v1/borrowLend/apy"),
    "GET /api/v1/rfqs": same("/api/v1/rfqs", filled=False),
    "GET /api/v1/assets": same("/api/v1/assets"),
    "GET /api/v1/collateral": same("/api/v1/collateral"),
    "GET /api/v1/borrowLend/markets": same("/api/v1/borrowLend/markets"),
    "GET /api/v1/borrowLend/markets/history": same(
        "/api/v1/borrowLend/markets/history", filled=False, interval="1d", symbol="USDC"
    ),
    "GET /api/v1/markets": same("/api/v1/markets"),
    "GET /api/v1/market": same("/api/v1/market", symbol=SPOT),
    "GET /api/v1/ticker": same("/api/v1/ticker", symbol=SPOT),
    "GET /api/v1/tickers": same("/api/v1/tickers"),
    "GET /api/v1/depth": same("/api/v1/depth", but=("timestamp",), symbol=SPOT),
    "GET /api/v1/klines": same("/api/v1/klines", **_CANDLES),
    "GET /api/v1/klines (Mark)": same("/api/v1/klines", priceType="Mark", **_CANDLES),
    "GET /api/v1/markPrices": same("/api/v1/markPrices", symbol=PERP),
    "GET /api/v1/openInterest": same("/api/v1/openInterest", symbol=PERP),
    "GET /api/v1/fundingRates": same("/api/v1/fundingRates", symbol=PERP),
    "GET /api/v1/trades": same("/api/v1/trades", symbol=SPOT, limit=5),
    "GET /api/v1/trades/history": same("/api/v1/trades/history", symbol=SPOT, limit=5, offset=2),
    "GET /api/v1/prediction": same("/api/v1/prediction", filled=False),
    "GET /api/v1/prediction/tags": same("/api/v1/prediction/tags", filled=False),
    "GET /api/v1/status": same("/api/v1/status"),
    "GET /api/v1/ping": ping,
    "GET /api/v1/time": tell_time,
    "GET /api/v1/wallets": same("/api/v1/wallets", filled=False),
    "GET /api/v1/account": same("/api/v1/account"),
    "PATCH /api/v1/account": acts.change_account,
    "GET /api/v1/account/limits/borrow": same("/api/v1/account/limits/borrow", symbol="BTC"),
    "GET /api/v1/account/limits/order": same(
        "/api/v1/account/limits/order", symbol=SPOT, side="Bid", price="100"
    ),
    "GET /api/v1/account/limits/withdrawal": same(
        "/api/v1/account/limits/withdrawal", symbol="BTC"
    ),
    "POST /api/v1/account/convertDust": acts.convert_dust,
    "POST /api/v1/borrowLend": acts.lend,
    "GET /api/v1/borrowLend/positions": same("/api/v1/borrowLend/positions"),
    "GET /api/v1/borrowLend/position/liquidationPrice": same(
        "/api/v1/borrowLend/position/liquidationPrice", borrow=_loan
    ),
    "GET /api/v1/capital": same("/api/v1/capital"),
    "GET /api/v1/capital/collateral": same("/api/v1/capital/collateral"),
    "GET /wapi/v1/capital/deposits": same("/wapi/v1/capital/deposits", limit=3, offset=1),
    "GET /wapi/v1/capital/deposit/address": same(
        "/wapi/v1/capital/deposit/address", blockchain="Ethereum"
    ),
    "GET /wapi/v1/capital/withdrawals": same("/wapi/v1/capital/withdrawals", limit=3, offset=0),
    "POST /wapi/v1/capital/withdrawals": acts.withdraw,
    "GET /wapi/v1/capital/withdrawals/delay": same(
        "/wapi/v1/capital/withdrawals/delay", filled=False
    ),
    "POST /wapi/v1/capital/withdrawals/delay": acts.delay,
    "PATCH /wapi/v1/capital/withdrawals/delay": acts.delay,
    "GET /api/v1/position": same("/api/v1/position"),
    "POST /api/v1/order": acts.place_order,
    "POST /api/v1/order (trigger)": acts.place_trigger(repeated=False),
    "POST /api/v1/order (trigger, quantity twice)": acts.place_trigger(repeated=True),
    "POST /api/v1/order (take-profit, stop-loss)": acts.place_with_exits,
    "POST /api/v1/order (slippage tolerance)": acts.take_with_tolerance,
    "GET /api/v1/order": acts.find_order,
    "DELETE /api/v1/order": acts.cancel_order,
    "GET /api/v1/orders": acts.read_orders,
    "POST /api/v1/orders": acts.place_orders,
    "DELETE /api/v1/orders": acts.cancel_orders,
    "POST /api/v1/rfq": acts.ask_for_quotes,
    "POST /api/v1/rfq/quote": acts.quote,
    "POST /api/v1/rfq/accept": acts.accept_quote,
    "POST /api/v1/rfq/refresh": acts.refresh_rfq,
    "POST /api/v1/rfq/cancel": acts.cancel_rfq,
    "POST /api/v1/strategy": acts.create_strategy,
    "GET /api/v1/strategy": acts.with_strategy(acts.find_strategy),
    "DELETE /api/v1/strategy": acts.with_strategy(acts.cancel_strategy),
    "GET /api/v1/strategies": acts.with_strategy(acts.read_strategies),
    "DELETE /api/v1/strategies": acts.with_strategy(acts.cancel_strategies),
    "GET /wapi/v1/history/borrowLend": same("/wapi/v1/history/borrowLend", symbol="ETH"),
    "GET /wapi/v1/history/borrowLend/positions": same(
        "/wapi/v1/history/borrowLend/positions", but=("avgInterestRate",), symbol="ETH"
    ),
    "GET /wapi/v1/history/dust": same("/wapi/v1/history/dust", filled=False),
    "GET /wapi/v1/history/fills": same("/wapi/v1/history/fills", symbol=SPOT, limit=20),
    "GET /wapi/v1/history/funding": same("/wapi/v1/history/funding", filled=False, symbol=PERP),
    "GET /wapi/v1/history/interest": same("/wapi/v1/history/interest", filled=False),
    "GET /wapi/v1/history/orders": same("/wapi/v1/history/orders", symbol=SPOT, limit=20),
    "GET /wapi/v1/history/pnl": same("/wapi/v1/history/pnl", filled=False),
    "GET /wapi/v1/history/position": same("/wapi/v1/history/position"),
    "GET /wapi/v1/history/rfq": same("/wapi/v1/history/rfq"),
    "GET /wapi/v1/history/quote": same("/wapi/v1/history/quote"),
    "GET /wapi/v1/history/rfq/fill": same("/wapi/v1/history/rfq/fill"),
    "GET /wapi/v1/history/quote/fill": same("/wapi/v1/history/quote/fill"),
    "GET /wapi/v1/history/settlement": same(
        "/wapi/v1/history/settlement", filled=False, limit=5, offset=0
    ),
    "GET /wapi/v1/history/strategies": same("/wapi/v1/history/strategies"),
}
