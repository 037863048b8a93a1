"""Unmodified bpx-py with nothing but its base URL changed, on a live exchange."""

from collections.abc import Iterator
from typing import Any

import pytest
from bpx.account import Account
from bpx.base.base_account import BaseAccount
from bpx.base.base_public import BasePublic
from bpx.public import Public

from tests.api.clients import conversation
from tests.api.clients.direct import DirectTrader
from tests.live import LiveExchange

# The first of the clients begins the request for quote whose end test_rfq.py looks at.
pytestmark = [pytest.mark.live, pytest.mark.usefixtures("forgotten")]
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"


class BpxTrader(DirectTrader):
    """An account through bpx-py, which returns the server's JSON."""

    account: Account
    public: Public

    def __init__(self, exchange: LiveExchange, user: int) -> None:
        facts = exchange["users"][user]
        self.account = Account(facts["apiKey"], facts["secret"], window=6000)
        self.public = Public()

    def place(
        self, symbol: str, side: str, *, price: str, quantity: str, **terms: Any
    ) -> conversation.Row:
        """Place a limit order."""
        names = {"postOnly": "post_only", "timeInForce": "time_in_force"}
        return dict(
            self.account.execute_order(
                symbol=symbol,
                side=side,
                order_type="Limit",
                price=price,
                quantity=quantity,
                **{names[name]: value for name, value in terms.items()},
            )
        )

    def cancel(self, symbol: str, order_id: str) -> conversation.Row:
        """Cancel one order."""
        return dict(self.account.cancel_order(symbol=symbol, order_id=order_id))

    def settlements(self) -> list[conversation.Row]:
        """Return the settlement history."""
        return list(self.account.get_settlements_history(limit=1000))

    def set_leverage(self, limit: str) -> None:
        """Change one setting."""
        self.account.update_account(leverage_limit=limit)


@pytest.fixture(scope="module", autouse=True)
def base_url(exchange: LiveExchange) -> Iterator[None]:
    """Point the library's class attributes, the only place for a URL, at the live exchange."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseAccount, "BPX_API_URL", exchange["rest"] + "/")
        patch.setattr(BasePublic, "BASE_URL", exchange["rest"] + "/")
        yield


@pytest.fixture(scope="module")
def alice(exchange: LiveExchange) -> BpxTrader:
    return BpxTrader(exchange, 0)


@pytest.fixture(scope="module")
def bob(exchange: LiveExchange) -> BpxTrader:
    return BpxTrader(exchange, 1)


def test_public_data_is_read(alice: BpxTrader) -> None:
    symbols = {market["symbol"] for market in alice.public.get_markets()}
    assert {"BTC_USDC", SPOT, PERP} <= symbols
    assert alice.public.get_status() == {"message": None, "status": "Ok"}
    assert alice.public.get_ping() == "pong"
    assert len(conversation.wait_for_trades(lambda: alice.public.get_recent_trades(SPOT, 5))) <= 5
    assert alice.public.get_ticker(SPOT)["symbol"] == SPOT
    assert {asset["symbol"] for asset in alice.public.get_assets()} >= {"USDC", "SOL"}


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_an_order_is_placed_read_and_cancelled(alice: BpxTrader, symbol: str) -> None:
    conversation.place_read_and_cancel(alice, symbol)


def test_a_client_id_names_an_order_as_text_or_number(alice: BpxTrader) -> None:
    price = conversation.away_from_market(alice, SPOT)
    placed = alice.account.execute_order(
        symbol=SPOT, side="Bid", order_type="Limit", price=price, quantity="0.1", client_id=4711
    )
    # bpx-py sends the client id as a number here and as a text in the next two.
    assert alice.account.get_open_order(symbol=SPOT, client_id=4711)["id"] == placed["id"]
    assert alice.account.cancel_order(symbol=SPOT, client_id=4711)["status"] == "Cancelled"


def test_cancel_all_ends_every_order_of_the_market(alice: BpxTrader) -> None:
    price = conversation.away_from_market(alice, SPOT)
    for _ in range(3):
        assert alice.place(SPOT, "Bid", price=price, quantity="0.1")["status"] == "New"
    alice.account.cancel_all_orders(symbol=SPOT)
    assert alice.open_orders(SPOT) == []


def test_money_is_lent_redeemed_and_counted(alice: BpxTrader) -> None:
    conversation.lend_and_read(alice)


def test_rates_are_read_over_time(alice: BpxTrader) -> None:
    conversation.read_rates(alice)


@pytest.mark.parametrize("symbol", [SPOT, PERP])
def test_a_trade_agrees_to_the_last_digit(alice: BpxTrader, bob: BpxTrader, symbol: str) -> None:
    conversation.trade_and_compare(alice, bob, symbol)


def test_settings_are_read_and_changed(alice: BpxTrader) -> None:
    conversation.change_settings(alice)


def test_the_largest_quantities_are_asked_for(alice: BpxTrader) -> None:
    ask = alice.account
    price = conversation.away_from_market(alice, SPOT)
    conversation.check_limits(
        borrow=dict(ask.get_max_borrow_quantity("USDC")),
        order=dict(
            ask.get_max_order_quantity(SPOT, "Bid", price, auto_borrow=True, reduce_only=False)
        ),
        withdrawal=dict(ask.get_max_withdrawal_quantity("USDC", auto_lend_redeem=True)),
    )


def test_an_error_is_a_code_and_a_message(alice: BpxTrader) -> None:
    refused = alice.place(SPOT, "Bid", price="100.001", quantity="0.1")
    assert refused["code"] == "INVALID_PRICE"
    assert refused["message"]
