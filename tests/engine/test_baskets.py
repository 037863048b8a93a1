"""Several assets at once, all or none: each refusal by precedence, margin, lends, the maximum."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import questions as q
from engine.catalog import PriceState
from engine.invariants import check
from engine.rejects import Reject
from engine.transfers import MAX_BASKET
from engine.units import AccountId
from tests.engine import invariants, listings
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, Exchange

USD, SOL, BTC = 10**6, 10**9, 10**8
PERP = "SOL_USDC_PERP"
NOBODY = AccountId(9_999)
SUB = AccountId(2_001)
HELD = {"USDC": 100 * USD, "SOL": 10 * SOL, "BTC": BTC}
BASKET = c.TransferBasket(source=ALICE, destination=SUB, amounts={"USDC": 1, "SOL": 2})


def rich() -> Exchange:
    """Alice holds three assets, of each a half lent; her sub-account has nothing."""
    exchange = Exchange()
    exchange.accept(c.OpenAccount(account=SUB, owner=ALICE))
    for asset, atoms in HELD.items():
        exchange.deposit(ALICE, asset, atoms)
        exchange.accept(c.Lend(account=ALICE, asset=asset, amount_atoms=atoms // 2))
    return exchange


def held(exchange: Exchange, account: AccountId) -> dict[str, int]:
    """Return what is available and lent, by asset."""
    return {a: exchange.available(account, a) + exchange.lent(account, a) for a in HELD}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source": NOBODY, "amounts": {}}, Reject.UNKNOWN_ACCOUNT),
        ({"destination": NOBODY, "amounts": {}}, Reject.UNKNOWN_ACCOUNT),
        ({"destination": ALICE, "amounts": {}}, Reject.SAME_ACCOUNT),
        ({"destination": BOB, "amounts": {}}, Reject.OTHER_OWNER),
        ({"amounts": {}}, Reject.INVALID_PARAMETER),
        ({"amounts": {f"A{n}": 1 for n in range(MAX_BASKET + 1)}}, Reject.INVALID_PARAMETER),
        ({"amounts": {"XRP": 0}}, Reject.UNKNOWN_ASSET),
        ({"amounts": {"USDC": 1, "XRP": 1}}, Reject.UNKNOWN_ASSET),
        ({"amounts": {"USDC": 1, "SOL": 0}}, Reject.INVALID_AMOUNT),
        ({"amounts": {"USDC": 1, "SOL": -1}}, Reject.INVALID_AMOUNT),
        ({"amounts": {"USDC": 1, "SOL": 2**63}}, Reject.INVALID_AMOUNT),
        ({"amounts": {**HELD, "BTC": BTC + 1}}, Reject.INSUFFICIENT_FUNDS),
    ],
)
def test_transfer_basket_refuses(changes: dict[str, Any], code: Reject) -> None:
    exchange = rich()
    assert exchange.refuse(replace(BASKET, **changes)) is code
    assert held(exchange, ALICE) == HELD


def test_a_basket_takes_available_and_lent_and_each_asset_is_told() -> None:
    exchange = rich()
    events = exchange.apply(replace(BASKET, amounts=HELD))
    told = [one for one in events if isinstance(one, e.FundsTransferred)]
    assert [(one.asset, one.amount_atoms) for one in told] == list(HELD.items())
    assert {(one.source, one.destination) for one in told} == {(ALICE, SUB)}
    assert isinstance(events[0], e.FundsTransferred), "it answers"
    assert held(exchange, SUB) == HELD
    assert held(exchange, ALICE) == dict.fromkeys(HELD, 0)
    exchange.accept(replace(BASKET, source=SUB, destination=ALICE, amounts=HELD))
    assert held(exchange, ALICE) == HELD
    check(exchange.engine.state)


def test_what_arrives_is_put_to_use_as_any_credit() -> None:
    exchange = rich()
    exchange.deposit(CAROL, "SOL", 10 * SOL)
    exchange.accept(c.Lend(account=CAROL, asset="SOL", amount_atoms=10 * SOL))
    exchange.deposit(SUB, "USDC", 1_000 * USD)
    exchange.accept(c.Borrow(account=SUB, asset="SOL", amount_atoms=SOL))
    exchange.accept(c.UpdateAccount(account=SUB, auto_lend=True))
    exchange.accept(replace(BASKET, amounts={"USDC": 50 * USD, "SOL": 3 * SOL}))
    assert exchange.owed(SUB, "SOL") == 0
    # A loan repaid, the rest is lent; her dollars are lent too, those which came.
    assert (exchange.available(SUB, "SOL"), exchange.lent(SUB, "SOL")) == (SOL, 2 * SOL)
    assert (exchange.available(SUB, "USDC"), exchange.lent(SUB, "USDC")) == (1_000 * USD, 50 * USD)


def long_of_ten() -> Exchange:
    """Alice is long 10 SOL; of a notional of 1,000 a tenth must stay."""
    exchange = Exchange()
    exchange.accept(c.OpenAccount(account=SUB, owner=ALICE))
    exchange.deposit(BOB, "USDC", 10_000 * USD)
    exchange.deposit(ALICE, "USDC", 150 * USD)
    exchange.deposit(ALICE, "BTC", BTC // 100)
    exchange.limit(BOB, ASK, 1_000, 10_000, PERP)
    exchange.limit(ALICE, BID, 1_000, 10_000, PERP)
    return exchange


def test_margin_is_asked_once_with_all_of_it_gone() -> None:
    """Of dollars 149.5 are left after the fee, of which 100 must stay, or bitcoins for them."""
    dollars, coins = 149_500_000, BTC // 100
    for alone in ({"USDC": dollars}, {"BTC": coins}):
        long_of_ten().accept(replace(BASKET, amounts=alone))
    for amounts in ({"USDC": dollars, "BTC": coins}, {"BTC": coins, "USDC": dollars}):
        exchange = long_of_ten()
        (refused,) = exchange.apply(replace(BASKET, amounts=amounts))
        assert isinstance(refused, e.CommandRejected)
        assert refused.code is Reject.INSUFFICIENT_MARGIN
        assert refused.details == {"equity_micros": 0, "needed_micros": 100 * USD}
        assert (exchange.available(ALICE, "USDC"), exchange.available(SUB, "USDC")) == (dollars, 0)
    most = {"BTC": coins, "USDC": dollars - 100 * USD}
    more = {**most, "USDC": most["USDC"] + 1}
    assert exchange.refuse(replace(BASKET, amounts=more)) is Reject.INSUFFICIENT_MARGIN
    exchange.accept(replace(BASKET, amounts=most))


def test_an_untrusted_price_or_a_pool_without_cash_stops_all_of_it() -> None:
    exchange = rich()
    exchange.accept(c.UpdatePrices(prices_e8={}, states={"BTC": PriceState.HALT}))
    assert exchange.refuse(replace(BASKET, amounts=HELD)) is Reject.PRICE_DEGRADED
    exchange.accept(replace(BASKET, amounts={"USDC": HELD["USDC"], "SOL": HELD["SOL"]}))
    exchange = rich()
    exchange.deposit(BOB, "BTC", 10 * BTC)
    exchange.accept(c.Borrow(account=BOB, asset="SOL", amount_atoms=4 * SOL))
    assert exchange.refuse(replace(BASKET, amounts=HELD)) is Reject.UTILIZATION_LIMIT
    assert held(exchange, ALICE) == HELD


def liquidated() -> Exchange:
    """The sub-account is being liquidated; nobody bids, so that it stays so. Alice has money."""
    exchange = Exchange()
    exchange.accept(c.OpenAccount(account=SUB, owner=ALICE))
    for account, dollars in ((ALICE, 1_000), (BOB, 10_000), (SUB, 60)):
        exchange.deposit(account, "USDC", dollars * USD)
    exchange.limit(BOB, ASK, 1_000, 10_000, PERP)
    exchange.limit(SUB, BID, 1_000, 10_000, PERP)
    return exchange


def fall(exchange: Exchange, sol_e8: int, seconds: int) -> None:
    for _ in range(seconds):
        exchange.wait(1)
        exchange.accept(c.UpdatePrices(prices_e8={**listings.INDEX_E8, "SOL": sol_e8}))
        exchange.advance()


def test_nothing_moves_to_an_account_that_is_liquidated_but_until_then_it_can_be_rescued() -> None:
    one = c.TransferFunds(source=ALICE, destination=SUB, asset="USDC", amount_atoms=USD)
    basket = replace(BASKET, amounts={"USDC": 100 * USD})
    exchange = liquidated()
    fall(exchange, 9_555 * 10**6, 6)
    assert exchange.engine.state.accounts[SUB].margin_status == "MarginCall"
    exchange.accept(one)
    exchange.accept(basket)
    fall(exchange, 9_450 * 10**6, 6)
    assert not exchange.engine.state.liquidations, "rescued"
    exchange = liquidated()
    fall(exchange, 9_450 * 10**6, 6)
    assert SUB in exchange.engine.state.liquidations
    for command in (one, basket):
        (refused,) = exchange.apply(command)
        assert isinstance(refused, e.CommandRejected)
        assert refused.code is Reject.DESTINATION_LIQUIDATING
        assert "deposit" in refused.message
    back = replace(basket, source=SUB, destination=ALICE)
    assert exchange.refuse(back) is Reject.ACCOUNT_LIQUIDATING
    answer = exchange.engine.ask(
        q.MaxTransfer(account=ALICE, destination=SUB, asset="USDC"), at_ns=exchange.at_ns
    )
    assert isinstance(answer, q.Unanswerable)
    assert answer.why.code is Reject.DESTINATION_LIQUIDATING
    # A deposit helps where a transfer does not.
    exchange.deposit(SUB, "USDC", 1_000 * USD)
    fall(exchange, 9_450 * 10**6, 2)
    assert not exchange.engine.state.liquidations
    exchange.accept(one)
    invariants.check_all(exchange.engine.state, exchange.mirror)


@pytest.mark.parametrize(
    ("account", "destination", "asset", "code"),
    [
        (NOBODY, SUB, "XRP", Reject.UNKNOWN_ACCOUNT),
        (ALICE, NOBODY, "USDC", Reject.UNKNOWN_ACCOUNT),
        (ALICE, SUB, "XRP", Reject.UNKNOWN_ASSET),
        (ALICE, ALICE, "USDC", Reject.SAME_ACCOUNT),
        (ALICE, BOB, "USDC", Reject.OTHER_OWNER),
    ],
)
def test_a_maximum_between_accounts_that_are_no_pair_says_why(
    account: AccountId, destination: AccountId, asset: str, code: Reject
) -> None:
    question = q.MaxTransfer(account=account, destination=destination, asset=asset)
    answer = rich().engine.ask(question, at_ns=rich().at_ns)
    assert isinstance(answer, q.Unanswerable)
    assert answer.why.code is code
