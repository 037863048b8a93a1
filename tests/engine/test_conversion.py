"""Dust: small balances that the house buys at their index price, out of its insurance."""

from typing import Any

import pytest

from engine import commands as c
from engine import events as e
from engine import vocabulary as v
from engine.invariants import check
from engine.rejects import Reject
from engine.units import AccountId
from tests.engine.driver import ALICE, BOB, Exchange

USD = 10**6
ALL = c.ConvertDust(account=ALICE)


def dusty(*, insurance: int = 100 * USD, **atoms: int) -> Exchange:
    """Return an exchange on which Alice has so many atoms of some assets."""
    exchange = Exchange()
    for asset, amount in atoms.items():
        exchange.deposit(ALICE, asset, amount)
    if insurance:
        exchange.accept(c.FundInsurance(asset="USDC", amount_atoms=insurance))
    return exchange


# A dollar is 0.01 SOL or 0.00002 BTC; less than that is dust. What is paid is rounded down.
@pytest.mark.parametrize(
    ("held", "asset", "sold", "paid"),
    [
        ({"SOL": 9_999_990}, None, {"SOL": 9_999_990}, 999_999),
        ({"SOL": 9_999_989}, "SOL", {"SOL": 9_999_989}, 999_998),
        ({"BTC": 1_999, "SOL": 5_000_000}, None, {"BTC": 1_999, "SOL": 5_000_000}, 1_499_500),
        ({"BTC": 1_999, "SOL": 5_000_000}, "BTC", {"BTC": 1_999}, 999_500),
        ({"BTC": 1_999, "SOL": 10_000_000}, None, {"BTC": 1_999}, 999_500),
        # An atom of SOL is worth a ten-thousandth of an atom of USDC: nothing is paid for it.
        ({"SOL": 1}, None, {"SOL": 1}, 0),
        ({"SOL": 1_000_000, "USDC": 5}, None, {"SOL": 1_000_000}, 100_000),
    ],
)
def test_dust_is_sold_to_the_house(
    held: dict[str, int], asset: str | None, sold: dict[str, int], paid: int
) -> None:
    exchange = dusty(**held)
    events = exchange.apply(c.ConvertDust(account=ALICE, asset=asset))
    check(exchange.engine.state)
    assert events[0] == e.DustConverted(account=ALICE, received_atoms=paid)
    told = {x.asset: x.amount_atoms for x in events if isinstance(x, e.DustSold)}
    assert told == sold
    assert exchange.available(ALICE, "USDC") == held.get("USDC", 0) + paid
    ledger = exchange.mirror.ledger
    assert ledger["USDC", "insurance:USDC"] == 100 * USD - paid
    for symbol, atoms in sold.items():
        assert exchange.available(ALICE, symbol) == 0
        assert ledger[symbol, f"dust:{symbol}"] == atoms


def _rest_order(exchange: Exchange) -> None:
    exchange.deposit(ALICE, "SOL", 10_000_000)
    exchange.limit(ALICE, v.Side.ASK, 1, 10_000)


def _owe(exchange: Exchange) -> None:
    exchange.deposit(BOB, "SOL", 10**9)
    exchange.accept(c.Lend(account=BOB, asset="SOL", amount_atoms=10**9))
    exchange.deposit(ALICE, "USDC", 100 * USD)
    exchange.accept(c.Borrow(account=ALICE, asset="SOL", amount_atoms=1_000))


def _borrow_it_all(exchange: Exchange) -> None:
    """Have the pool unable to give Alice's lend back."""
    exchange.accept(c.Lend(account=ALICE, asset="SOL", amount_atoms=5_000_000))
    exchange.deposit(BOB, "USDC", 100 * USD)
    exchange.accept(c.Borrow(account=BOB, asset="SOL", amount_atoms=4_700_000))


@pytest.mark.parametrize(
    ("command", "held", "prepare", "code"),
    [
        (c.ConvertDust(account=AccountId(9)), {}, None, Reject.UNKNOWN_ACCOUNT),
        (c.ConvertDust(account=ALICE, asset="XRP"), {}, None, Reject.UNKNOWN_ASSET),
        (c.ConvertDust(account=ALICE, asset="USDC"), {"USDC": 5}, None, Reject.NOT_DUST),
        (ALL, {}, None, Reject.NOT_DUST),
        (ALL, {"SOL": 9_999_991}, None, Reject.NOT_DUST),
        (ALL, {"SOL": 9_999_990, "insurance": 999_998}, None, Reject.HOUSE_FUNDS),
        (ALL, {"SOL": 9_999_990, "insurance": 0}, None, Reject.HOUSE_FUNDS),
        (ALL, {"SOL": 1_000}, _rest_order, Reject.NOT_DUST),
        (ALL, {"SOL": 1_000}, _owe, Reject.NOT_DUST),
        (ALL, {"SOL": 5_000_000}, _borrow_it_all, Reject.NOT_DUST),
    ],
)
def test_what_is_no_dust(command: Any, held: dict[str, int], prepare: Any, code: Reject) -> None:
    exchange = dusty(**held)
    if prepare:
        prepare(exchange)
    before = dict(exchange.mirror.balances)
    assert exchange.refuse(command) is code
    assert exchange.mirror.balances == before


@pytest.mark.parametrize("as_collateral", [True, False])
def test_dust_that_is_lent_is_redeemed(as_collateral: bool) -> None:
    exchange = dusty(SOL=6_000_000)
    exchange.accept(c.Lend(account=ALICE, asset="SOL", amount_atoms=5_000_000))
    unbacked = c.SetLendTerms(account=ALICE, asset="SOL", as_collateral=as_collateral)
    exchange.accept(unbacked)
    exchange.accept(c.UpdateAccount(account=ALICE, auto_lend=True))
    events = exchange.apply(ALL)
    check(exchange.engine.state)
    assert events[0] == e.DustConverted(account=ALICE, received_atoms=600_000)
    assert (exchange.lent(ALICE, "SOL"), exchange.available(ALICE, "SOL")) == (0, 0)
    # Dollars go the way of every credit: less than a dollar is not lent here.
    assert exchange.available(ALICE, "USDC") == 600_000
    (moved,) = [x for x in events if isinstance(x, e.BorrowLendMoved)]
    assert (moved.kind, moved.source) == ("LendRedeem", "DustConversion")


def test_dust_repays_what_is_owed() -> None:
    exchange = dusty(SOL=5_000_000, BTC=10**6)
    exchange.deposit(BOB, "USDC", 1_000 * USD)
    exchange.accept(c.Lend(account=BOB, asset="USDC", amount_atoms=1_000 * USD))
    exchange.accept(c.Borrow(account=ALICE, asset="USDC", amount_atoms=100 * USD))
    exchange.accept(ALL)
    assert exchange.owed(ALICE, "USDC") == 99_500_000
    check(exchange.engine.state)
