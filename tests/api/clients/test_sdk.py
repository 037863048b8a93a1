"""Unmodified backpack-exchange-sdk with nothing but its base URL changed, on a live exchange."""

import time
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from backpack_exchange_sdk import AuthenticationClient, PublicClient
from backpack_exchange_sdk._base.errors import BackpackAPIError

from tests.api.clients import conversation
from tests.api.clients.direct import DirectTrader
from tests.live import LiveExchange

pytestmark = pytest.mark.live
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
FUNDING_PAYMENT = {
    *("fundingRate", "intervalEndTimestamp", "quantity", "subaccountId", "symbol", "userId")
}


class SdkTrader(DirectTrader):
    """An account through the SDK, which returns the server's JSON and raises typed errors."""

    account: AuthenticationClient
    public: PublicClient

    def __init__(self, exchange: LiveExchange, user: int) -> None:
        facts = exchange["users"][user]
        base_url = exchange["rest"] + "/"
        self.public = PublicClient(base_url=base_url)
        self.account = AuthenticationClient(facts["apiKey"], facts["secret"], base_url=base_url)

    def place(
        self, symbol: str, side: str, *, price: str, quantity: str, **terms: Any
    ) -> conversation.Row:
        """Place a limit order."""
        return dict(
            self.account.execute_order(
                orderType="Limit", side=side, symbol=symbol, price=price, quantity=quantity, **terms
            )
        )

    def cancel(self, symbol: str, order_id: str) -> conversation.Row:
        """Cancel one order."""
        return dict(self.account.cancel_open_order(symbol=symbol, orderId=order_id))

    def settlements(self) -> list[conversation.Row]:
        """Return the settlement history."""
        return list(self.account.get_settlement_history(limit=1000))

    def set_leverage(self, limit: str) -> None:
        """Change one setting."""
        self.account.update_account(leverageLimit=limit)


@pytest.fixture(scope="module")
def alice(exchange: LiveExchange) -> SdkTrader:
    return SdkTrader(exchange, 0)


@pytest.fixture(scope="module")
def bob(exchange: LiveExchange) -> SdkTrader:
    return SdkTrader(exchange, 1)


def test_public_data_is_read(alice: SdkTrader) -> None:
    assert {SPOT, PERP} <= {market["symbol"] for market in alice.public.get_markets()}
    assert conversation.wait_for_trades(lambda: alice.public.get_recent_trades(SPOT))
    assert alice.public.get_ticker(SPOT)["symbol"] == SPOT
    assert alice.public.get_mark_price(PERP)
    assert alice.public.get_collateral()


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_an_order_is_placed_read_and_cancelled(alice: SdkTrader, symbol: str) -> None:
    conversation.place_read_and_cancel(alice, symbol)


def test_a_batch_with_a_bad_order_places_the_good_ones(alice: SdkTrader) -> None:
    price = conversation.away_from_market(alice, SPOT)
    order = {"orderType": "Limit", "side": "Bid", "symbol": SPOT, "price": price}
    answers = alice.account.execute_batch_orders(
        [{**order, "quantity": "0.1"}, {**order, "quantity": "0.001"}]
    )
    assert answers[0]["status"] == "New"
    assert answers[1]["operation"] == "Err"
    assert answers[1]["code"] == "INVALID_QUANTITY"
    alice.account.cancel_open_orders(SPOT)
    assert alice.open_orders(SPOT) == []


def test_money_is_lent_redeemed_and_counted(alice: SdkTrader) -> None:
    conversation.lend_and_read(alice)


def test_rates_are_read_over_time(alice: SdkTrader) -> None:
    conversation.read_rates(alice)


def test_settings_are_read_and_changed(alice: SdkTrader) -> None:
    conversation.change_settings(alice)


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_a_trade_agrees_to_the_last_digit(alice: SdkTrader, bob: SdkTrader, symbol: str) -> None:
    conversation.trade_and_compare(alice, bob, symbol)


def test_the_largest_quantities_are_asked_for(alice: SdkTrader) -> None:
    ask = alice.account
    price = conversation.away_from_market(alice, SPOT)
    conversation.check_limits(
        borrow=ask.get_max_borrow_quantity("USDC"),
        order=ask.get_max_order_quantity(SPOT, "Bid", price, autoBorrow=True, reduceOnly=False),
        withdrawal=ask.get_max_withdrawal_quantity("USDC", autoLendRedeem=True),
    )


def test_a_strategy_is_created_seen_executing_and_remembered(alice: SdkTrader) -> None:
    account = alice.account
    created = account.create_strategy(
        SPOT,
        "Bid",
        "Scheduled",
        quantity="0.05",
        duration="5000",
        interval="1000",
        randomizedIntervalQuantity="true",
    )
    seen = [Decimal(created["executedQuantity"])]
    while running := [
        one for one in account.get_open_strategies(SPOT) if one["id"] == created["id"]
    ]:
        seen.append(Decimal(running[0]["executedQuantity"]))
        assert len(seen) < 200, "it does not end"
        time.sleep(0.1)
    assert len(set(seen)) >= 3, "nothing was seen executing"
    assert seen == sorted(seen)
    (ended,) = account.get_strategy_history(strategyId=created["id"], symbol=SPOT)
    assert (ended["status"], ended["executedQuantity"]) == ("Completed", "0.05")
    assert created["createdAt"] == _millis(ended["createdAt"])


def test_strategies_are_cancelled_with_their_orders(alice: SdkTrader) -> None:
    account = alice.account
    plan: dict[str, Any] = {
        "symbol": SPOT,
        "side": "Bid",
        "strategyType": "Scheduled",
        "quantity": "1",
        "price": conversation.away_from_market(alice, SPOT),
        "duration": "3600000",
        "interval": "1800000",
    }
    first = account.create_strategy(**plan, clientStrategyId=77)
    second = account.create_strategy(**plan)
    assert account.get_strategy(SPOT, clientStrategyId=77)["id"] == first["id"]
    with pytest.raises(BackpackAPIError) as refusal:
        account.create_strategy(**plan, clientStrategyId=77)
    assert refusal.value.code == "INVALID_CLIENT_REQUEST"
    # The first order of each is placed right after it is created.
    until = time.monotonic() + 10
    while len(alice.open_orders(SPOT)) < 2:
        assert time.monotonic() < until, "their orders do not rest"
    assert account.cancel_strategy(SPOT, strategyId=first["id"])["status"] == "Cancelled"
    ended = account.cancel_all_strategies(SPOT)
    assert [(one["id"], one["status"]) for one in ended] == [(second["id"], "Cancelled")]
    assert alice.open_orders(SPOT) == account.get_open_strategies() == []
    with pytest.raises(BackpackAPIError) as refusal:
        account.get_strategy(SPOT, strategyId=first["id"])
    assert refusal.value.code == "RESOURCE_NOT_FOUND"


def _millis(text: str) -> int:
    """Return an ISO time, which is in UTC but does not say so, in milliseconds."""
    return round(datetime.fromisoformat(text + "+00:00").timestamp() * 1_000)


def test_a_number_in_exponent_form_is_signed_as_written(alice: SdkTrader) -> None:
    with pytest.raises(BackpackAPIError) as refusal:
        alice.account.execute_order(
            orderType="Limit",
            side="Bid",
            symbol=SPOT,
            price="100",
            quantity=1e-05,  # type: ignore[arg-type]
        )
    assert refusal.value.code == "INVALID_QUANTITY"


def test_an_order_without_a_price_is_refused(alice: SdkTrader) -> None:
    with pytest.raises(BackpackAPIError) as refusal:
        alice.account.execute_order(orderType="Limit", side="Bid", symbol=SPOT, quantity="1")
    assert refusal.value.code in ("INVALID_ORDER", "INVALID_PRICE", "INVALID_CLIENT_REQUEST")


def test_prices_and_positions_are_read_over_time(alice: SdkTrader, bob: SdkTrader) -> None:
    for price_type in ("Index", "Mark"):
        for interval, back in (("1m", 120), ("1s", 10)):
            start = int(time.time()) - back
            # The client's own annotation says lists; it hands through what the server sends.
            rows: Any = alice.public.get_klines(PERP, interval, start, priceType=price_type)
            priced = [row for row in rows if row["close"] is not None]
            assert priced, f"no {interval} candle of the {price_type} price"
            assert {row["trades"] for row in rows} == {"0"}
            assert all(float(row["low"]) <= float(row["high"]) for row in priced)
    for trader in (alice, bob):
        held = trader.account.get_position_history(symbol=PERP, limit=10)
        fills = trader.account.get_fill_history(symbol=PERP)
        assert bool(held) == bool(fills)
        assert all(row["symbol"] == PERP for row in held)
    # Whole hours are rare here: what is paid then, test_rest_funding asks these clients.
    paid: Any = alice.account.get_funding_payments(symbol=PERP)
    assert all(set(row) == FUNDING_PAYMENT for row in paid)
    rates: Any = alice.public.get_funding_interval_rates(PERP)
    assert rates and all(float(row["fundingRate"]) <= 0.01 for row in rates)
    assert alice.public.get_prediction_markets() == alice.public.get_prediction_tags() == []
