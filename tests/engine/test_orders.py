"""Orders: each refusal once, by precedence, then what the stories do not tell."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import order_events as oe
from engine import vocabulary as v
from engine.catalog import MarketState
from engine.rejects import Reject
from engine.units import AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, Exchange, limit
from tests.engine.listings import ASSETS, SOL_PERP, SOL_USDC

NOBODY = AccountId(9_999)
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
# 1 SOL at 100.00 on the perpetual.
ORDER = c.PlaceOrder(account=ALICE, market=PERP, side=BID, price_ticks=10_000, lots=100)
MARKET: dict[str, Any] = {"type": v.OrderType.MARKET, "price_ticks": None}


def funded() -> Exchange:
    """Alice has 1,000 USDC and an order with client id 7; Bob 1,000 USDC and 10 SOL."""
    bounded = replace(SOL_PERP, min_lots=2, max_lots=5_000, open_interest_limit_lots=300)
    exchange = Exchange(markets=(SOL_USDC, bounded))
    exchange.deposit(ALICE, "USDC", 1_000 * 10**6)
    exchange.deposit(BOB, "USDC", 1_000 * 10**6)
    exchange.deposit(BOB, "SOL", 10 * 10**9)
    exchange.limit(ALICE, BID, 10, 9_000, PERP, client_id=7)
    return exchange


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": NOBODY, "market": "XRP_USDC", "lots": 0}, Reject.UNKNOWN_ACCOUNT),
        ({"market": "XRP_USDC", "lots": 0}, Reject.UNKNOWN_MARKET),
        ({"price_ticks": None}, Reject.INVALID_ORDER),
        ({"quote_atoms": 5}, Reject.INVALID_ORDER),
        ({"price_ticks": 0, "lots": 0}, Reject.INVALID_PRICE),
        ({"price_ticks": -5}, Reject.INVALID_PRICE),
        ({"price_ticks": 10**16}, Reject.INVALID_PRICE),
        ({"post_only": True, "time_in_force": v.TimeInForce.IOC}, Reject.INVALID_ORDER),
        (MARKET | {"price_ticks": 5}, Reject.INVALID_ORDER),
        (MARKET | {"post_only": True}, Reject.INVALID_ORDER),
        (MARKET | {"quote_atoms": 5}, Reject.INVALID_ORDER),
        (MARKET | {"lots": None}, Reject.INVALID_ORDER),
        ({"market": SPOT, "reduce_only": True}, Reject.INVALID_ORDER),
        (MARKET | {"lots": None, "quote_atoms": 9, "reduce_only": True}, Reject.INVALID_ORDER),
        (MARKET | {"lots": None, "quote_atoms": 0}, Reject.INVALID_QUANTITY),
        ({"lots": None}, Reject.INVALID_QUANTITY),
        ({"lots": 0, "price_ticks": 1}, Reject.INVALID_QUANTITY),
        ({"lots": -1}, Reject.INVALID_QUANTITY),
        ({"lots": 1, "price_ticks": 1}, Reject.QUANTITY_TOO_SMALL),
        ({"lots": 5_001, "price_ticks": 1}, Reject.QUANTITY_TOO_LARGE),
        # A quarter to twice the mark of 100.00.
        ({"price_ticks": 2_499, "client_id": 7}, Reject.PRICE_OUT_OF_BAND),
        ({"price_ticks": 20_001}, Reject.PRICE_OUT_OF_BAND),
        ({"client_id": 2**32}, Reject.INVALID_ORDER),
        ({"client_id": -1}, Reject.INVALID_ORDER),
        ({"client_id": 7, "lots": 4_000}, Reject.DUPLICATE_CLIENT_ID),
        ({"reduce_only": True, "lots": 4_000}, Reject.REDUCE_ONLY_NOT_REDUCED),
        ({"lots": 4_000}, Reject.OPEN_INTEREST_LIMIT),
        ({"account": CAROL}, Reject.INSUFFICIENT_MARGIN),
        ({"market": SPOT, "lots": 1_001}, Reject.INSUFFICIENT_FUNDS),
        ({"market": SPOT, "lots": 1_001, "auto_borrow": True}, Reject.INSUFFICIENT_SUPPLY),
    ],
    ids=str,
)
def test_place_order_refuses(changes: dict[str, Any], code: Reject) -> None:
    assert funded().refuse(replace(ORDER, **changes)) is code


@pytest.mark.parametrize(
    ("state", "changes", "code"),
    [
        (MarketState.CLOSED, {"lots": 0}, Reject.MARKET_CLOSED),
        (MarketState.CANCEL_ONLY, {"lots": 0}, Reject.MARKET_CANCEL_ONLY),
        (MarketState.LIMIT_ONLY, MARKET, Reject.MARKET_LIMIT_ONLY),
        (MarketState.POST_ONLY, {}, Reject.MARKET_POST_ONLY),
    ],
)
def test_a_market_takes_what_its_state_allows(
    state: MarketState, changes: dict[str, Any], code: Reject
) -> None:
    exchange = funded()
    resting = exchange.limit(BOB, BID, 10, 9_000, PERP)
    exchange.accept(c.SetMarketState(market=PERP, state=state))
    assert exchange.refuse(replace(ORDER, **changes)) is code
    exchange.cancel(BOB, resting.terms.order_id, PERP)


def test_a_perpetual_without_an_index_price_takes_no_order() -> None:
    exchange = Exchange(assets=ASSETS, index_e8={"USDC": 10**8})
    exchange.deposit(ALICE, "USDC", 10**9)
    assert exchange.refuse(ORDER) is Reject.NO_PRICE


def test_at_most_so_many_orders_are_open() -> None:
    exchange = Exchange()
    exchange.deposit(ALICE, "USDC", 10**12)
    for _ in range(5_000):
        exchange.limit(ALICE, BID, 1, 9_000)
    over = limit(ALICE, BID, lots=1, price_ticks=9_000)
    assert exchange.refuse(over) is Reject.ORDER_LIMIT
    cancelled = exchange.accept(c.CancelAllOrders(account=ALICE))
    assert len(cancelled.orders) == 5_000
    assert exchange.locked(ALICE, "USDC") == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": NOBODY}, Reject.UNKNOWN_ACCOUNT),
        ({"order_id": None, "client_id": None}, Reject.INVALID_ORDER),
        ({"client_id": 7}, Reject.INVALID_ORDER),
        ({"order_id": 1}, Reject.UNKNOWN_ORDER),
        ({"account": BOB}, Reject.UNKNOWN_ORDER),
        ({"market": SPOT}, Reject.UNKNOWN_ORDER),
        ({"market": "XRP_USDC"}, Reject.UNKNOWN_ORDER),
    ],
)
def test_cancel_order_refuses(changes: dict[str, Any], code: Reject) -> None:
    exchange = funded()
    (order,) = exchange.mirror.orders.values()
    command = c.CancelOrder(account=ALICE, market=PERP, order_id=order.terms.order_id)
    assert exchange.refuse(replace(command, **changes)) is code
    exchange.accept(command)
    assert exchange.refuse(command) is Reject.UNKNOWN_ORDER


def test_a_client_id_names_an_open_order_and_is_free_after_it() -> None:
    exchange = funded()
    cancelled = exchange.accept(c.CancelOrder(account=ALICE, market=PERP, client_id=7))
    assert cancelled.terms.client_id == 7
    exchange.limit(ALICE, BID, 10, 9_000, PERP, client_id=7)


def test_cancel_all_names_a_known_account_and_market() -> None:
    exchange = funded()
    assert exchange.refuse(c.CancelAllOrders(account=NOBODY)) is Reject.UNKNOWN_ACCOUNT
    unknown = c.CancelAllOrders(account=ALICE, market="XRP_USDC")
    assert exchange.refuse(unknown) is Reject.UNKNOWN_MARKET
    assert exchange.accept(c.CancelAllOrders(account=ALICE, market=SPOT)).orders == ()
    assert len(exchange.accept(c.CancelAllOrders(account=ALICE, market=PERP)).orders) == 1


def test_sub_accounts_of_one_owner_do_not_trade_with_each_other() -> None:
    exchange = funded()
    sub = AccountId(2_001)
    exchange.accept(c.OpenAccount(account=sub, owner=BOB))
    exchange.accept(
        c.TransferFunds(source=BOB, destination=sub, asset="USDC", amount_atoms=500 * 10**6)
    )
    exchange.limit(BOB, ASK, 100, 10_000)
    answer = exchange.limit(sub, BID, 100, 10_000)
    assert (answer.status, answer.reason) == ("Expired", "SelfTradePrevention")


def test_an_order_beside_a_lend_redeems_what_it_needs_and_no_more() -> None:
    exchange = funded()
    exchange.accept(c.CancelAllOrders(account=ALICE))
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=900 * 10**6))
    keep = limit(ALICE, BID, lots=300, price_ticks=10_000, auto_lend_redeem=False)
    assert exchange.refuse(keep) is Reject.INSUFFICIENT_FUNDS
    exchange.accept(replace(keep, auto_lend_redeem=True))
    assert exchange.locked(ALICE, "USDC") == 300 * 10**6
    assert (exchange.available(ALICE, "USDC"), exchange.lent(ALICE, "USDC")) == (0, 700 * 10**6)


def test_a_borrowing_order_cannot_borrow_what_its_own_redemption_takes_from_the_pool() -> None:
    exchange = funded()
    exchange.accept(c.CancelAllOrders(account=ALICE))
    exchange.deposit(ALICE, "BTC", 10**8)
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=1_000 * 10**6))
    exchange.limit(BOB, ASK, 1_000, 10_000)
    beyond = limit(ALICE, BID, lots=1_000, price_ticks=10_100, auto_borrow=True)
    assert isinstance(exchange.apply(beyond)[0], oe.OrderPlaced)
    # Bob's ask filled it for exactly what Alice had; there is no one left to borrow one more from.
    exchange.deposit(BOB, "SOL", 10 * 10**9)
    exchange.limit(BOB, ASK, 1_000, 10_000)
    assert exchange.refuse(beyond) is Reject.INSUFFICIENT_SUPPLY


def test_margin_counts_orders_on_both_sides_once() -> None:
    exchange = Exchange()
    exchange.deposit(ALICE, "USDC", 110 * 10**6)
    # At leverage 20, 2,000 of notional needs 100, and its fee 1: one side carries the other.
    exchange.limit(ALICE, BID, 2_000, 10_000, PERP)
    exchange.limit(ALICE, ASK, 2_000, 10_001, PERP)
    more = limit(ALICE, BID, lots=400, price_ticks=10_000, market=PERP)
    assert exchange.refuse(more) is Reject.INSUFFICIENT_MARGIN


def test_closing_needs_no_margin() -> None:
    exchange = Exchange()
    exchange.deposit(ALICE, "USDC", 102 * 10**6)
    exchange.deposit(BOB, "USDC", 10**10)
    exchange.limit(BOB, ASK, 2_000, 10_000, PERP)
    exchange.limit(ALICE, BID, 2_000, 10_000, PERP)
    exchange.prices(SOL=97 * 10**8)
    exchange.limit(BOB, BID, 3_000, 9_700, PERP)
    flip = limit(ALICE, ASK, lots=2_001, price_ticks=9_700, market=PERP)
    assert exchange.refuse(replace(flip, lots=2_900)) is Reject.INSUFFICIENT_MARGIN
    answer = exchange.accept(replace(flip, lots=2_000))
    assert answer.status == "Filled"
    assert exchange.position(ALICE)[0] == 0
