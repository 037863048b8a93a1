"""What a loser pays with, and in which order; what a fee may be borrowed for."""

from dataclasses import dataclass
from typing import Any

import pytest

from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import vocabulary as v
from engine.catalog import MarketState, PoolState
from engine.kinds import BorrowLendKind, SystemOrder
from tests.engine.driver import ALICE, BOB, DAVE
from tests.engine.settled import PERP, USD, Settled
from tests.engine.test_vectors import VECTORS

G3 = {name: int(value) for name, value in VECTORS["G3"]["inputs"].items()}
G3_PAID = VECTORS["G3"]["expected"]
# Redeeming needs no cash of the pool here: lends change hands. So all of the 400 are taken, not the
# 250 that the pool could pay out; and to come to the rest of the example as much more is owed.
G3_DUE = G3["due"] + G3["usdc_lent"] - G3["pool_cash_for_redeem"]
G3_HELD = {"cash": G3["usdc_available"], "lent": G3["usdc_lent"]}
COLLATERAL = {"BTC": 10**8, "SOL": 20 * 10**9}


def losing(
    due: int,
    *,
    cash: int = 0,
    lent: int = 0,
    coins: dict[str, int] = COLLATERAL,
    **settings: Any,
) -> Settled:
    """Return an exchange on which Alice has lost `due` dollars, and has cash, a lend and coins."""
    exchange = Settled()
    exchange.deposit(BOB, "USDC", 100_000 * USD)
    for asset, atoms in coins.items():
        exchange.deposit(ALICE, asset, atoms)
    exchange.deposit(DAVE, "USDC", 100_000 * USD)
    exchange.trade(ALICE, BOB, 100, 100)
    if cash + lent:
        exchange.deposit(ALICE, "USDC", (cash + lent) * USD)
    if lent:
        exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=lent * USD))
    exchange.settings(ALICE, **settings)
    exchange.prices(SOL=100 * 10**8 - due * 10**6)
    # Bids for the collateral at 50,000 and 80.
    exchange.limit(DAVE, v.Side.BID, 100_000, 500_000, "BTC_USDC")
    exchange.limit(DAVE, v.Side.BID, 10_000, 8_000, "SOL_USDC")
    return exchange


@dataclass(frozen=True)
class Paid:
    """What a loser of some dollars pays with, in dollars; `open` is what stays unrealized."""

    available: int = 0
    lend: int = 0
    loan: int = 0
    converted: int = 0
    open: int = 0


@pytest.mark.parametrize(
    ("due", "held", "terms", "paid"),
    [
        (100, {"cash": 150, "lent": 400}, {}, Paid(available=100)),
        (500, {"cash": 150, "lent": 400}, {}, Paid(available=150, lend=350)),
        (900, {"cash": 150, "lent": 400}, {}, Paid(available=150, lend=400, loan=350)),
        # Vector G3, with the loan up to the account's limit and without one.
        (
            G3_DUE,
            {**G3_HELD, "borrow_limit_micros": G3["borrow_capacity"] * USD},
            {},
            Paid(
                available=int(G3_PAID["from_available"]),
                lend=G3["usdc_lent"],
                loan=int(G3_PAID["borrowed"]),
                converted=int(G3_PAID["converted_usd"]),
            ),
        ),
        (
            G3_DUE,
            {**G3_HELD, "auto_borrow_settlements": False},
            {},
            Paid(
                available=int(G3_PAID["auto_borrow_false"]["from_available"]),
                lend=G3["usdc_lent"],
                converted=int(G3_PAID["auto_borrow_false"]["converted_usd"]),
            ),
        ),
        # Who holds nothing but coins keeps them, and owes dollars against them.
        (1_000, {}, {}, Paid(loan=1_000)),
        # A lend that is no collateral is never taken; nor can its lender owe the same asset.
        (
            1_000,
            {"cash": 150, "lent": 400},
            {"as_collateral": False},
            Paid(available=150, converted=850),
        ),
        (1_000, {"pool": PoolState.REPAY_ONLY}, {}, Paid(converted=1_000)),
        (1_000, {"pool": PoolState.CLOSED}, {}, Paid(converted=1_000)),
        (1_000, {"borrow_limit_micros": 0}, {}, Paid(converted=1_000)),
        # No one buys: the loss stays open, and counts against the equity.
        (1_000, {"auto_borrow_settlements": False, "books": False}, {}, Paid(open=1_000)),
    ],
)
def test_the_order_in_which_a_loser_pays(
    due: int, held: dict[str, Any], terms: dict[str, Any], paid: Paid
) -> None:
    pool, books = held.pop("pool", None), held.pop("books", True)
    exchange = losing(due, **held)
    if terms:
        exchange.accept(c.SetLendTerms(account=ALICE, asset="USDC", **terms))
    if pool:
        exchange.accept(c.SetPoolState(asset="USDC", state=pool))
    if not books:
        for market in ("BTC_USDC", "SOL_USDC"):
            exchange.accept(c.SetMarketState(market=market, state=MarketState.CLOSED))
    mark = len(exchange.events)
    answer = exchange.realize()
    assert answer.owed_atoms == due * USD
    assert answer.collected_atoms == answer.paid_atoms == (due - paid.open) * USD
    told = exchange.events[mark:]
    moved = {
        (x.kind, x.asset): x.amount_atoms
        for x in told
        if isinstance(x, e.BorrowLendMoved) and x.account == ALICE
    }
    assert moved.get((BorrowLendKind.REDEEM, "USDC"), 0) == paid.lend * USD
    assert moved.get((BorrowLendKind.BORROW, "USDC"), 0) == paid.loan * USD
    assert exchange.profit(ALICE) == -paid.open * USD
    sold = [x for x in told if isinstance(x, oe.OrderFilled) and x.terms.account == ALICE]
    got = sum(x.quote_atoms - x.fee_atoms for x in sold)
    # So much is sold as brings it at the worst price allowed, 5 % below; a step is half a dollar.
    assert paid.converted * USD <= got <= paid.converted * USD * 100 // 95 + USD
    # BTC counts fullest: the least collateral value is lost by selling it first.
    assert {x.terms.market for x in sold} <= {"BTC_USDC"}
    assert {x.terms.system for x in sold} <= {SystemOrder.COLLATERAL_CONVERSION}
    left = got - paid.converted * USD
    cash = held.get("cash", 0) - paid.available
    assert exchange.available(ALICE, "USDC") == cash * USD + left
    assert exchange.lent(ALICE, "USDC") == (held.get("lent", 0) - paid.lend) * USD


def test_collateral_is_sold_in_the_order_of_its_weight() -> None:
    """What BTC on one's own brings is not enough: then SOL follows. Lent coins are redeemed."""
    coins = {"SOL": 60 * 10**9, "BTC": 4 * 10**6}
    exchange = losing(3_000, coins=coins, auto_borrow_settlements=False)
    exchange.accept(c.Lend(account=ALICE, asset="SOL", amount_atoms=55 * 10**9))
    # 0.04 BTC bring 1,998 after the fee of 0.1 %; 13.20 SOL the other 1,002, at 76 or better.
    assert exchange.realize().collected_atoms == 3_000 * USD
    sold = [
        (x.terms.market, x.lots)
        for x in exchange.told(oe.OrderFilled)
        if x.terms.account == ALICE and x.terms.system
    ]
    assert sold == [("BTC_USDC", 4_000), ("SOL_USDC", 1_320)]


@pytest.mark.parametrize(
    ("change", "owed"),
    [
        ({}, 5),
        ({"pool": PoolState.REPAY_ONLY}, 0),
        ({"borrow_limit_micros": 2 * USD}, 2),
        ({"auto_borrow_settlements": False}, 0),
    ],
)
def test_a_fee_is_borrowed_only_where_a_loan_is_allowed(change: dict[str, Any], owed: int) -> None:
    """What cannot be had of a fee of five dollars is owed in the position."""
    exchange = Settled(taker_fee_ppm=500)
    exchange.deposit(ALICE, "BTC", 10**8)
    exchange.deposit(BOB, "USDC", 100_000 * USD)
    pool = change.pop("pool", None)
    exchange.settings(ALICE, **change)
    if pool:
        exchange.accept(c.SetPoolState(asset="USDC", state=pool))
    exchange.limit(BOB, v.Side.ASK, 10_000, 10_000, PERP.symbol)
    exchange.limit(ALICE, v.Side.BID, 10_000, 10_000, PERP.symbol)
    assert exchange.owed(ALICE, "USDC") == owed * USD
    assert exchange.position(ALICE)[1] == -(10_000 + 5 - owed) * USD
