"""A lender's own terms: the least rate asked, a cap, what stays available, no collateral."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import vocabulary as v
from engine.catalog import LEND_RATES_PPB, PoolState
from engine.invariants import check
from engine.rejects import Reject
from engine.units import MAX_ATOMS, PPB, AccountId
from tests.engine.driver import ALICE, BOB, CAROL, DAVE, Exchange
from tests.engine.listings import ASSETS, SOL_PERP, USDC

USD = 10**6
PERCENT = PPB // 100
HOUR_NS = 3_600 * 10**9


def lending(*lends: tuple[AccountId, int, int], borrowed: int = 0) -> Exchange:
    """Return an exchange with lends (account, dollars, least rate in percent) and Dave's loan."""
    exchange = Exchange(assets=(replace(USDC, fee_ppm=0), *ASSETS[1:]))
    # A whole hour, so that an hour's interest is simple.
    exchange.at_ns += HOUR_NS - exchange.at_ns % HOUR_NS
    for account, dollars, percent in lends:
        exchange.deposit(account, "USDC", dollars * USD)
        exchange.accept(terms(account, min_rate_ppb=percent * PERCENT))
        lend = c.Lend(account=account, asset="USDC", amount_atoms=dollars * USD)
        exchange.accept(lend)
    exchange.deposit(DAVE, "BTC", 10 * 10**8)
    if borrowed:
        loan = c.Borrow(account=DAVE, asset="USDC", amount_atoms=borrowed * USD)
        exchange.accept(loan)
    return exchange


def terms(account: AccountId = ALICE, asset: str = "USDC", **changes: Any) -> c.SetLendTerms:
    return c.SetLendTerms(account=account, asset=asset, **changes)


def pool_of(exchange: Exchange) -> Any:
    return exchange.engine.state.pools["USDC"]


# Without a fee lenders earn borrow rate × U: 4 % at U = 0.75277, where 6 % × U² / 0.85 is 4 %, and
# 25 % at U = 0.89393, where (6 % + 75 % × (U − 0.85) / 0.15) × U is 25 %.
@pytest.mark.parametrize(
    ("lends", "borrowed", "percent", "at_work"),
    [
        # A lone lender who asks for 25 % gets exactly that, for what is at work.
        ([(ALICE, 1_000, 25)], 100, 25, [111.865]),
        ([(ALICE, 1_000, 25)], 800, 25, [894.922]),
        # At 50 % there is no need of the dearer lend.
        ([(ALICE, 1_000, 0), (BOB, 1_000, 25)], 500, 1.764_706, [1_000, 0]),
        # Who asks for the same shares what is at work.
        ([(ALICE, 300, 25), (BOB, 900, 25)], 500, 25, [139.831, 419.495]),
        # The marginal rate is what all get.
        ([(ALICE, 1_000, 0), (BOB, 1_000, 4)], 900, 4, [1_000, 195.581]),
        (
            [(ALICE, 1_000, 0), (BOB, 1_000, 4), (CAROL, 1_000, 25)],
            1_950,
            25,
            [1_000, 1_000, 181.373],
        ),
    ],
)
def test_what_each_lender_earns(
    lends: list[tuple[AccountId, int, int]], borrowed: int, percent: float, at_work: list[float]
) -> None:
    exchange = lending(*lends, borrowed=borrowed)
    pool, debt = pool_of(exchange), exchange.owed(DAVE, "USDC")
    assert abs(pool.lend_rate_ppb - percent * PERCENT) < 1_000
    exchange.wait(3_600)
    exchange.accept(c.AccrueInterest(asset="USDC"))
    check(exchange.engine.state)
    interest = [exchange.lent(account, "USDC") - dollars * USD for account, dollars, _ in lends]
    for earned, working in zip(interest, at_work, strict=True):
        assert abs(earned - working * USD * percent / 100 / 8_760) < 2
    for (_, dollars, least), working in zip(lends, at_work, strict=True):
        bucket = LEND_RATES_PPB.index(least * PERCENT)
        told = {told.bucket: told.active_ppb for told in exchange.mirror.pools["USDC"].lends}
        same = sum(other for _, other, rate in lends if rate == least)
        part = sum(work for (_, _, rate), work in zip(lends, at_work, strict=True) if rate == least)
        assert abs(told[bucket] / PPB - part / same) < 2e-5
        assert working <= dollars
    assert 0 <= exchange.owed(DAVE, "USDC") - debt - sum(interest) <= len(lends) + 1


def test_a_lend_stays_where_the_pool_needs_it() -> None:
    """Carol and Bob lend 1,000 each, 1,000 are owed: at 95 % 1,053 must stay on offer."""
    exchange = lending((CAROL, 1_000, 0), (BOB, 1_000, 0), borrowed=1_000)
    # 25 % are earned below the hard cap of 98 %: such a lend stays on offer, and may move.
    exchange.accept(terms(CAROL, min_rate_ppb=25 * PERCENT))
    exchange.accept(terms(CAROL))
    asset = replace(USDC, lend_rates_ppb=(0, 25 * PERCENT, 90 * PERCENT), fee_ppm=0)
    exchange = Exchange(assets=(asset, *ASSETS[1:]))
    for account in (BOB, CAROL):
        exchange.deposit(account, "USDC", 1_000 * USD)
        exchange.accept(c.Lend(account=account, asset="USDC", amount_atoms=1_000 * USD))
    exchange.deposit(DAVE, "BTC", 10 * 10**8)
    exchange.accept(c.Borrow(account=DAVE, asset="USDC", amount_atoms=1_000 * USD))
    # 90 % are never earned below the hard cap: of what is on offer only 947 may go.
    assert exchange.refuse(terms(CAROL, min_rate_ppb=90 * PERCENT)) is Reject.UTILIZATION_LIMIT
    assert exchange.lent(CAROL, "USDC") == 1_000 * USD
    exchange.accept(c.Repay(account=DAVE, asset="USDC", amount_atoms=100 * USD))
    exchange.accept(terms(CAROL, min_rate_ppb=90 * PERCENT))
    # It can be taken back at any time, and nothing can be borrowed of it: 95 % of Bob's are 950.
    loan = c.Borrow(account=DAVE, asset="USDC", amount_atoms=50 * USD + 1)
    assert exchange.refuse(loan) is Reject.INSUFFICIENT_SUPPLY
    exchange.accept(replace(loan, amount_atoms=50 * USD))
    exchange.accept(c.Redeem(account=CAROL, asset="USDC", amount_atoms=1_000 * USD))
    check(exchange.engine.state)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (terms(AccountId(9_999), "XRP", min_rate_ppb=1), Reject.UNKNOWN_ACCOUNT),
        (terms(ALICE, "XRP", min_rate_ppb=1), Reject.UNKNOWN_ASSET),
        (terms(ALICE, "SOL", min_rate_ppb=1), Reject.NOT_LENDABLE),
        (terms(min_rate_ppb=1), Reject.INVALID_LEND_TERMS),
        (terms(min_rate_ppb=-PERCENT), Reject.INVALID_LEND_TERMS),
        (terms(min_rate_ppb=100 * PERCENT), Reject.INVALID_LEND_TERMS),
        (terms(cap_atoms=-1), Reject.INVALID_LEND_TERMS),
        (terms(cap_atoms=MAX_ATOMS + 1), Reject.INVALID_LEND_TERMS),
        (terms(keep_atoms=-1), Reject.INVALID_LEND_TERMS),
        (terms(keep_atoms=MAX_ATOMS + 1), Reject.INVALID_LEND_TERMS),
        (terms(as_collateral=False), Reject.INSUFFICIENT_MARGIN),
    ],
    ids=str,
)
def test_terms_that_are_refused(command: c.SetLendTerms, code: Reject) -> None:
    exchange = Exchange(assets=(*ASSETS[:2], replace(ASSETS[2], lendable=False)))
    for account in (ALICE, BOB):
        exchange.deposit(account, "USDC", 1_000 * USD)
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=900 * USD))
    # 5,000 at 20 times need 250 of margin: the lend backs it, what is left over does not.
    exchange.limit(BOB, v.Side.ASK, 5_000, 10_000, SOL_PERP.symbol)
    exchange.limit(ALICE, v.Side.BID, 5_000, 10_000, SOL_PERP.symbol)
    before = exchange.mirror.balance(ALICE, "USDC")
    assert exchange.refuse(command) is code
    assert exchange.mirror.balance(ALICE, "USDC") == before
    # The largest and the smallest are accepted.
    exchange.accept(terms(cap_atoms=0, keep_atoms=MAX_ATOMS))
    exchange.accept(terms(cap_atoms=MAX_ATOMS))


@pytest.mark.parametrize(
    ("auto_lend", "given", "available", "lent"),
    [
        # Alice has 1,000 and lends 600 of them, manually or not, before the terms change.
        (False, {}, 400, 600),
        (True, {}, 0, 1_000),
        (False, {"cap_atoms": 250 * USD}, 750, 250),
        (True, {"cap_atoms": 250 * USD}, 750, 250),
        (True, {"cap_atoms": 0}, 1_000, 0),
        (False, {"keep_atoms": 700 * USD}, 700, 300),
        (True, {"keep_atoms": 700 * USD}, 700, 300),
        (False, {"keep_atoms": 2_000 * USD}, 1_000, 0),
        (True, {"keep_atoms": 100 * USD}, 100, 900),
        (True, {"keep_atoms": 100 * USD, "cap_atoms": 500 * USD}, 500, 500),
        (True, {"min_rate_ppb": 10 * PERCENT, "keep_atoms": 100 * USD}, 100, 900),
        # Nothing is backed by it: then it may be lent, unprotected or not.
        (True, {"as_collateral": False}, 0, 1_000),
    ],
    ids=str,
)
def test_terms_act_at_once_and_are_kept(
    auto_lend: bool, given: dict[str, Any], available: int, lent: int
) -> None:
    exchange = Exchange()
    exchange.deposit(ALICE, "USDC", 1_000 * USD)
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=600 * USD))
    exchange.accept(c.UpdateAccount(account=ALICE, auto_lend=auto_lend))
    exchange.accept(terms(**given))
    check(exchange.engine.state)
    assert exchange.available(ALICE, "USDC") == available * USD
    assert exchange.lent(ALICE, "USDC") == lent * USD
    # What comes in goes the way of the terms: into the lend up to the cap, above what stays.
    exchange.deposit(ALICE, "USDC", 50 * USD)
    exchange.accept(c.AutoLend(asset="USDC"))
    room = given.get("cap_atoms", MAX_ATOMS) - lent * USD
    idle = (available + 50) * USD - given.get("keep_atoms", 0)
    more = max(0, min(room, idle)) if auto_lend else 0
    assert exchange.lent(ALICE, "USDC") == lent * USD + more
    # Lending more by hand is refused by the same terms.
    spare = exchange.available(ALICE, "USDC") - given.get("keep_atoms", 0)
    lend = c.Lend(account=ALICE, asset="USDC", amount_atoms=max(spare, 0) + 1)
    assert exchange.refuse(lend) is Reject.INSUFFICIENT_FUNDS
    cap = given.get("cap_atoms")
    if cap is not None and spare > 0:
        room = cap - exchange.lent(ALICE, "USDC")
        lend = c.Lend(account=ALICE, asset="USDC", amount_atoms=room + 1)
        assert exchange.refuse(lend) is Reject.LEND_CAP


def test_what_cannot_be_redeemed_yet_stays_lent_above_the_cap() -> None:
    exchange = lending((ALICE, 1_000, 0), borrowed=900)
    exchange.accept(terms(cap_atoms=0))
    # At 95 % 947.37 must stay.
    assert exchange.available(ALICE, "USDC") == 52_631_578
    exchange.accept(c.Repay(account=DAVE, asset="USDC", amount_atoms=MAX_ATOMS))
    exchange.accept(terms(cap_atoms=0))
    assert exchange.available(ALICE, "USDC") == 1_000 * USD


def test_a_lend_that_is_no_collateral_backs_nothing() -> None:
    exchange = Exchange()
    for account in (ALICE, BOB):
        exchange.deposit(account, "USDC", 1_000 * USD)
    exchange.accept(terms(as_collateral=False))
    exchange.accept(c.Lend(account=ALICE, asset="USDC", amount_atoms=800 * USD))
    # 200 carry 4,000, not 20,000; and Bob's, which do count, as much as if they were not lent.
    exchange.accept(c.Lend(account=BOB, asset="USDC", amount_atoms=1_000 * USD))
    for account, side, lots in ((ALICE, v.Side.BID, 4_200), (BOB, v.Side.ASK, 19_000)):
        order = c.PlaceOrder(
            account=account, market=SOL_PERP.symbol, side=side, lots=lots, price_ticks=10_000
        )
        answer = exchange.apply(order)[0]
        refused = isinstance(answer, e.CommandRejected)
        assert refused is (account == ALICE), answer
    # Lending more of what is needed as collateral is refused, by hand, and not done by itself.
    order = c.PlaceOrder(
        account=ALICE, market=SOL_PERP.symbol, side=v.Side.BID, lots=3_000, price_ticks=10_000
    )
    exchange.accept(order)
    lend = c.Lend(account=ALICE, asset="USDC", amount_atoms=100 * USD)
    assert exchange.refuse(lend) is Reject.INSUFFICIENT_MARGIN
    exchange.accept(c.UpdateAccount(account=ALICE, auto_lend=True))
    assert exchange.accept(c.AutoLend(asset="USDC")).amount_atoms == 0
    # A closed pool takes no lend at all.
    exchange.accept(c.SetPoolState(asset="USDC", state=PoolState.CLOSED))
    assert exchange.refuse(lend) is Reject.LENDING_CLOSED
