"""Deposits, withdrawals and transfers: each refusal once, by precedence, then what works."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine.engine import Engine
from engine.rejects import Reject
from engine.snapshot import dump_state, load_state
from engine.units import AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, Exchange

NOBODY = AccountId(9_999)
SUB = AccountId(2_001)
DEPOSIT = c.CreditDeposit(account=ALICE, asset="USDC", amount_atoms=10)
WITHDRAWAL = c.RequestWithdrawal(account=ALICE, asset="USDC", amount_atoms=10, withdrawal=2)
TRANSFER = c.TransferFunds(source=ALICE, destination=SUB, asset="USDC", amount_atoms=10)


def funded() -> Exchange:
    """Alice has 100 atoms free, 50 lent; her sub-account nothing; withdrawal 1 is in flight."""
    exchange = Exchange()
    exchange.accept(c.OpenAccount(account=SUB, owner=ALICE))
    exchange.deposit(ALICE, "USDC", 151)
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=50))
    exchange.accept(replace(WITHDRAWAL, withdrawal=1, amount_atoms=1))
    return exchange


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": NOBODY, "asset": "XRP", "amount_atoms": 0}, Reject.UNKNOWN_ACCOUNT),
        ({"asset": "XRP", "amount_atoms": 0}, Reject.UNKNOWN_ASSET),
        ({"amount_atoms": 0}, Reject.INVALID_AMOUNT),
        ({"amount_atoms": -5}, Reject.INVALID_AMOUNT),
    ],
)
def test_credit_deposit_refuses(changes: dict[str, Any], code: Reject) -> None:
    assert funded().refuse(replace(DEPOSIT, **changes)) is code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": NOBODY, "asset": "XRP"}, Reject.UNKNOWN_ACCOUNT),
        ({"asset": "XRP", "withdrawal": 1}, Reject.UNKNOWN_ASSET),
        ({"withdrawal": 1, "amount_atoms": 0}, Reject.INVALID_PARAMETER),
        ({"amount_atoms": 0}, Reject.INVALID_AMOUNT),
        ({"amount_atoms": -1}, Reject.INVALID_AMOUNT),
        ({"fee_atoms": 10}, Reject.INVALID_AMOUNT),
        ({"fee_atoms": -1}, Reject.INVALID_AMOUNT),
        ({"amount_atoms": 101, "auto_lend_redeem": False}, Reject.INSUFFICIENT_FUNDS),
        ({"amount_atoms": 151}, Reject.INSUFFICIENT_FUNDS),
        ({"amount_atoms": 151, "auto_borrow": True}, Reject.INSUFFICIENT_SUPPLY),
    ],
)
def test_request_withdrawal_refuses(changes: dict[str, Any], code: Reject) -> None:
    assert funded().refuse(replace(WITHDRAWAL, **changes)) is code


def test_a_withdrawal_redeems_no_more_than_it_needs() -> None:
    exchange = funded()
    exchange.accept(replace(WITHDRAWAL, amount_atoms=120))
    assert (exchange.available(ALICE, "USDC"), exchange.lent(ALICE, "USDC")) == (0, 30)
    assert exchange.mirror.ledger["USDC", "in_flight:USDC"] == 121


def test_a_withdrawal_may_borrow_against_collateral() -> None:
    exchange = funded()
    exchange.deposit(CAROL, "USDC", 10_000 * 10**6)
    exchange.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=10_000 * 10**6))
    exchange.deposit(BOB, "SOL", 10 * 10**9)
    borrow = replace(WITHDRAWAL, account=BOB, amount_atoms=500 * 10**6, auto_borrow=True)
    assert exchange.refuse(replace(borrow, auto_borrow=False)) is Reject.INSUFFICIENT_FUNDS
    assert exchange.refuse(replace(borrow, amount_atoms=900 * 10**6)) is Reject.INSUFFICIENT_MARGIN
    exchange.accept(borrow)
    assert exchange.owed(BOB, "USDC") == 500 * 10**6


def test_a_withdrawal_waits_for_a_pool_which_is_lent_out() -> None:
    exchange = Exchange()
    exchange.deposit(CAROL, "USDC", 1_000 * 10**6)
    exchange.accept(c.Lend(account=CAROL, asset="USDC", amount_atoms=1_000 * 10**6))
    exchange.deposit(BOB, "BTC", 10**8)
    exchange.accept(c.Borrow(account=BOB, asset="USDC", amount_atoms=900 * 10**6))
    # 900 of 1,000 are borrowed, and the throttle holds utilization at 95 %.
    command = replace(WITHDRAWAL, account=CAROL, amount_atoms=60 * 10**6)
    assert exchange.refuse(command) is Reject.UTILIZATION_LIMIT
    exchange.accept(replace(command, amount_atoms=52 * 10**6))


def test_a_withdrawal_may_not_take_what_positions_and_orders_need() -> None:
    exchange = Exchange()
    for account in (ALICE, BOB):
        exchange.deposit(account, "USDC", 1_000 * 10**6)
    exchange.limit(ALICE, BID, 2_000, 10_000, "SOL_USDC_PERP")
    # 2,000 of notional at 5 % (leverage 20) and the fee of 1: the order needs 101.
    assert (
        exchange.refuse(replace(WITHDRAWAL, amount_atoms=900 * 10**6)) is Reject.INSUFFICIENT_MARGIN
    )
    exchange.limit(BOB, ASK, 2_000, 10_000, "SOL_USDC_PERP")
    # A position needs a tenth of its notional to stay behind: 200, and the fee of 0.4 is paid.
    assert (
        exchange.refuse(replace(WITHDRAWAL, amount_atoms=800 * 10**6)) is Reject.INSUFFICIENT_MARGIN
    )
    exchange.accept(replace(WITHDRAWAL, amount_atoms=799 * 10**6))


@pytest.mark.parametrize("returned", [True, False])
def test_a_withdrawal_ends_once(returned: bool) -> None:
    exchange = funded()
    settle = c.SettleWithdrawal(withdrawal=1, returned=returned)
    settled = exchange.accept(settle)
    assert (settled.account, settled.amount_atoms, settled.returned) == (ALICE, 1, returned)
    assert exchange.available(ALICE, "USDC") == 101 - (not returned)
    assert exchange.mirror.ledger["USDC", "custody:USDC"] == -150 - returned
    assert exchange.refuse(settle) is Reject.UNKNOWN_WITHDRAWAL


@pytest.mark.parametrize(("returned", "fees", "left"), [(False, 3, 93), (True, 0, 100)])
def test_a_fee_is_a_part_of_the_withdrawal_and_kept_only_if_it_leaves(
    returned: bool, fees: int, left: int
) -> None:
    exchange = Exchange()
    exchange.deposit(ALICE, "USDC", 100)
    exchange.accept(replace(WITHDRAWAL, amount_atoms=7, fee_atoms=3))
    # Money in flight survives a snapshot with its fee.
    exchange.engine = Engine(load_state(dump_state(exchange.engine.state)))
    settled = exchange.accept(c.SettleWithdrawal(withdrawal=2, returned=returned))
    assert settled.fee_atoms == fees
    assert exchange.available(ALICE, "USDC") == left
    assert exchange.mirror.ledger["USDC", "fees:USDC"] == fees
    assert exchange.mirror.ledger["USDC", "custody:USDC"] == -100 + (0 if returned else 4)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source": NOBODY, "destination": NOBODY}, Reject.UNKNOWN_ACCOUNT),
        ({"destination": NOBODY, "asset": "XRP"}, Reject.UNKNOWN_ACCOUNT),
        ({"destination": ALICE, "asset": "XRP"}, Reject.SAME_ACCOUNT),
        ({"destination": BOB, "asset": "XRP"}, Reject.OTHER_OWNER),
        ({"asset": "XRP", "amount_atoms": 0}, Reject.UNKNOWN_ASSET),
        ({"amount_atoms": 0}, Reject.INVALID_AMOUNT),
        ({"amount_atoms": 151}, Reject.INSUFFICIENT_FUNDS),
    ],
)
def test_transfer_funds_refuses(changes: dict[str, Any], code: Reject) -> None:
    assert funded().refuse(replace(TRANSFER, **changes)) is code


def test_a_transfer_is_there_and_back_at_once() -> None:
    exchange = funded()
    exchange.accept(replace(TRANSFER, amount_atoms=150))
    assert (exchange.available(SUB, "USDC"), exchange.lent(ALICE, "USDC")) == (150, 0)
    exchange.accept(replace(TRANSFER, source=SUB, destination=ALICE, amount_atoms=150))
    assert exchange.available(ALICE, "USDC") == 150


def test_sub_accounts_do_not_carry_each_others_risk() -> None:
    exchange = funded()
    exchange.deposit(ALICE, "USDC", 10**12)
    order = c.PlaceOrder(
        account=SUB, market="SOL_USDC_PERP", side=BID, price_ticks=10_000, lots=100
    )
    assert exchange.refuse(order) is Reject.INSUFFICIENT_MARGIN
