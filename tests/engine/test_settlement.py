"""Settlement in both modes and in mixes of them, with numbers that can be checked by hand.

One SOL perpetual without fees; 1 SOL is 100 lots, so 100 SOL lose 100 dollars a dollar of price.
Borrowers pay 6 % a year at every utilization; lenders get it times utilization, without a fee.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine.catalog import MarketState, PoolLimits, PoolState, RateCurve, RealizeLimits
from engine.invariants import check
from engine.units import MAX_ATOMS, PPB, RAY, AccountId
from tests.engine.driver import ALICE, BOB, CAROL, DAVE, START_NS, Exchange
from tests.engine.interest_books import InterestBooks
from tests.engine.listings import ASSETS, BTC_USDC, SOL_PERP, SOL_USDC, USDC
from tests.engine.test_vectors import VECTORS

USD = 10**6
# Two more than the driver has: a lender and a borrower, who make the rates.
LENDER, BORROWER = AccountId(1_100), AccountId(1_101)
FLAT = RateCurve(optimal_ppb=850_000_000, slope1_ppb=0, slope2_ppb=0, base_ppb=60_000_000)
FREE = PoolLimits(max_utilization_ppb=PPB, throttle_threshold_ppb=PPB, throttle_bound_ppb=PPB)
DOLLAR = replace(USDC, curve=FLAT, fee_ppm=0, limits=FREE)
PERP = replace(SOL_PERP, maker_fee_ppm=0, taker_fee_ppm=0)
ON, OFF = True, False


class Settled(Exchange):
    """Carries the perpetual at 100 dollars; checks every truth after each command."""

    def __init__(self, *, lent: int = 150_000, borrowed: int = 100_000, **market: Any) -> None:
        self.books = InterestBooks()
        self.events: list[e.Event] = []
        super().__init__(
            assets=(DOLLAR, *ASSETS[1:]),
            markets=(replace(PERP, **market), SOL_USDC, BTC_USDC),
            accounts=(ALICE, BOB, CAROL, DAVE, LENDER, BORROWER),
        )
        # A whole hour, at which interest compounds.
        self.at_ns = START_NS // (3_600 * 10**9) * 3_600 * 10**9 + 3_600 * 10**9
        self.deposit(LENDER, "USDC", lent * USD)
        self.accept(c.Lend(account=LENDER, asset="USDC", amount_atoms=lent * USD))
        self.deposit(BORROWER, "BTC", 1_000 * 10**8)
        if borrowed:
            loan = c.Borrow(account=BORROWER, asset="USDC", amount_atoms=borrowed * USD)
            self.accept(loan)

    def apply(self, command: c.AnyCommand, *, command_id: str | None = None) -> Any:
        events = super().apply(command, command_id=command_id)
        check(self.engine.state)
        self.books.read(events)
        self.events += events
        return events

    def told(self, kind: type[Any]) -> list[Any]:
        """Return the events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def settings(self, account: AccountId, **settings: Any) -> None:
        self.accept(c.UpdateAccount(account=account, **settings))

    def trade(self, buyer: AccountId, seller: AccountId, sol: int, price: int) -> None:
        self.limit(seller, c.Side.ASK, sol * 100, price * 100, PERP.symbol)
        self.limit(buyer, c.Side.BID, sol * 100, price * 100, PERP.symbol)

    def realize(self, most: int = 500) -> e.MarketRealized:
        """Run one cycle to its end, in steps of `most`, and return the last answer."""
        while True:
            answer = self.accept(c.AutoRealize(market=PERP.symbol, positions_max=most))
            assert isinstance(answer, e.MarketRealized)
            if answer.done:
                return answer

    def profit(self, account: AccountId) -> int:
        lots, quote = self.position(account)
        return lots * self.mirror.mark_e8[PERP.symbol] // 10**4 + quote

    def interest(self, account: AccountId) -> int:
        """Return what has been posted and what still waits, in atoms × ray."""
        position = self.engine.state.accounts[account].positions[PERP.symbol]
        return position.interest * RAY + position.interest_ray

    @property
    def clearing(self) -> Any:
        return self.engine.state.markets[PERP.symbol].perp_clearing()

    @property
    def advanced(self) -> int:
        return self.engine.state.pools["USDC"].debt_atoms(self.clearing.debt_scaled)

    @property
    def surplus_ray(self) -> int:
        return int(self.clearing.house_ray(self.engine.state.pools["USDC"]))

    def grown(self) -> tuple[int, int]:
        """Return the indexes of debts and lends now."""
        self.accept(c.AccrueInterest(asset="USDC"))
        pool = self.engine.state.pools["USDC"]
        return pool.debt_index, pool.buckets[0].index


def positioned(*modes: bool, sizes: tuple[int, ...], rich: int = 100_000, **terms: Any) -> Settled:
    """Return an exchange on which Alice, Bob, ... hold so many SOL, bought and sold at 100."""
    exchange = Settled(**terms)
    names = (ALICE, BOB, CAROL, DAVE)
    for account, mode in zip(names, modes, strict=False):
        exchange.deposit(account, "USDC", rich * USD)
        exchange.settings(account, auto_realize_pnl=mode)
    shorts = [[account, -size] for account, size in zip(names, sizes, strict=False) if size < 0]
    for account, size in zip(names, sizes, strict=False):
        bought = 0
        while bought < size:
            seller, left = shorts[0]
            part = min(size - bought, left)
            exchange.trade(account, AccountId(seller), part, 100)
            bought += part
            shorts[0][1] -= part
            if part == left:
                shorts.pop(0)
    return exchange


def test_all_off_gains_earn_and_losses_pay() -> None:
    """Vector C12: +1,000 and +500 against −1,500 at 4 % and 6 %, for an hour."""
    exchange = positioned(OFF, OFF, OFF, sizes=(100, 50, -150))
    exchange.prices(SOL=110 * 10**8)
    answer = exchange.realize()
    assert (answer.owed_atoms, answer.due_atoms, answer.advanced_atoms) == (0, 0, 0)
    exchange.wait(3_600)
    exchange.realize()
    vector = VECTORS["C12"]
    accounts = {"a": ALICE, "b": BOB, "c": CAROL}
    found = {name: exchange.interest(account) for name, account in accounts.items()}
    found["reserve"] = exchange.surplus_ray
    for name, dollars in vector["expected"].items():
        error = Decimal(found[name]) / RAY / USD - Decimal(dollars)
        assert abs(error) < Decimal(vector["tolerance"]), f"{name} is off by {error}"
    # Whole atoms go into the quote with the next cycle, and nothing was realized.
    exchange.wait(10)
    exchange.realize()
    assert exchange.profit(ALICE) == 1_000 * USD + 4_566
    assert exchange.profit(BOB) == 500 * USD + 2_283
    assert exchange.profit(CAROL) == -1_500 * USD - 10_273
    assert {exchange.available(who, "USDC") for who in accounts.values()} == {100_000 * USD}


@pytest.mark.parametrize(
    ("modes", "sizes", "paid", "advanced", "paying", "earning"),
    [
        # Alice's and Bob's gains, Carol's loss at 110. A loan stays an atom below what carries it,
        # and shares of it are rounded down.
        ((ON, ON, ON), (100, 50, -150), 1_500 * USD, 0, 0, 0),
        ((ON, ON, OFF), (100, 50, -150), 1_500 * USD - 2, 1_500 * USD - 1, 1_500, 0),
        # N − P = 1,500 − 500.
        ((ON, OFF, OFF), (100, 50, -150), 1_000 * USD - 1, 1_000 * USD - 1, 1_500, 500),
        ((OFF, OFF, OFF), (100, 50, -150), 0, 0, 1_500, 1_500),
        # What the loser pays waits, lent, for whom it belongs to.
        ((OFF, ON, ON), (100, 50, -150), 500 * USD, 0, 0, 1_000),
        # The gains of one more than the losses of another: N < P, nothing is advanced.
        ((OFF, ON, OFF), (150, -50, -100), 0, 0, 1_000, 1_500),
    ],
    ids=["all-on", "loser-off", "mixed", "all-off", "winner-off", "more-gains"],
)
def test_who_pays_and_earns_in_a_mix_of_modes(
    modes: tuple[bool, ...],
    sizes: tuple[int, ...],
    paid: int,
    advanced: int,
    paying: int,
    earning: int,
) -> None:
    exchange = positioned(*modes, sizes=sizes)
    exchange.prices(SOL=110 * 10**8)
    answer = exchange.realize()
    assert answer.paid_atoms == paid
    assert answer.advanced_atoms == advanced
    assert exchange.advanced == min(paid, advanced)
    before = exchange.grown()
    exchange.wait(3_600)
    after = exchange.grown()
    debts, lends = (new - old for new, old in zip(after, before, strict=True))
    exchange.realize()
    accounts = (ALICE, BOB, CAROL)
    interest = {account: exchange.interest(account) for account in accounts}
    charged = -sum(ray for ray in interest.values() if ray < 0)
    earned = sum(ray for ray in interest.values() if ray > 0)
    # The indexes stand at one or close to it: what grows is the amount times their growth.
    index_debts, index_lends = before
    assert abs(charged - paying * USD * debts * RAY // index_debts) < RAY
    assert abs(earned - earning * USD * lends * RAY // index_lends) < RAY
    matched = min(paying, earning) * USD
    spread = matched * debts * RAY // index_debts - matched * lends * RAY // index_lends
    # What clearing has in hand of it has gone to the insurance fund.
    insured = exchange.mirror.ledger["USDC", "insurance:USDC"] * RAY
    assert abs(exchange.surplus_ray + insured - spread) < 2 * RAY


@pytest.mark.parametrize("steps", [[3_600] * 48, [600] * 288, [7_200, 10] * 23 + [6_970]])
def test_interest_accumulates_and_compounds(steps: list[int]) -> None:
    exchange = positioned(OFF, OFF, sizes=(100, -100))
    exchange.prices(SOL=110 * 10**8)
    exchange.realize()
    before = exchange.grown()
    for seconds in steps:
        exchange.wait(seconds)
        exchange.realize()
    after = exchange.grown()
    posted = [(event.account, event.hour_ns) for event in exchange.told(e.PositionInterestPosted)]
    assert len(set(posted)) == len(posted) <= 2 * 49, "once an hour"
    for account, sign, index in ((ALICE, 1, 1), (BOB, -1, 0)):
        # As if it had been lent, or borrowed, at the start; each sample rounds by an atom at most.
        expected = 1_000 * USD * (after[index] - before[index]) // before[index]
        assert expected > 200_000
        assert abs(sign * exchange.interest(account) // RAY - expected) <= len(steps) + 1


def _told(exchange: Settled) -> tuple[Any, ...]:
    accounts = (ALICE, BOB, CAROL, DAVE, LENDER)
    return tuple(
        (
            exchange.available(account, "USDC"),
            exchange.lent(account, "USDC"),
            exchange.owed(account, "USDC"),
            exchange.available(account, "SOL"),
            exchange.position(account),
        )
        for account in accounts
    )


@pytest.mark.parametrize("modes", [(ON, ON, ON, ON), (ON, OFF, OFF, ON), (OFF, ON, ON, OFF)])
def test_a_cycle_in_steps_is_the_cycle_in_one(modes: tuple[bool, ...]) -> None:
    ends = set()
    for most in (500, 3, 2, 1):
        exchange = positioned(*modes, sizes=(130, 20, -100, -50), rich=700)
        exchange.settings(ALICE, auto_lend=True)
        exchange.deposit(CAROL, "SOL", 10 * 10**9)
        for price in (109, 97, 104):
            exchange.prices(SOL=price * 10**8)
            exchange.realize(most)
            exchange.wait(1_800)
        ends.add(_told(exchange))
    assert len(ends) == 1


def test_trades_between_the_steps_of_a_cycle() -> None:
    """A winner who has sold at a loss meanwhile gets what is his by then."""
    exchange = positioned(ON, ON, ON, sizes=(100, 50, -150))
    exchange.prices(SOL=110 * 10**8)
    step = c.AutoRealize(market=PERP.symbol, positions_max=4)
    # Three have been asked for their losses, the samples are taken, and Alice is paid.
    answer = exchange.accept(step)
    assert (answer.due_atoms, answer.paid_atoms) == (1_500 * USD, 1_000 * USD)
    # Bob sells all at 102: of his 500 only 100 are left. Alice, who buys, makes 400 more.
    exchange.trade(ALICE, BOB, 50, 102)
    answer = exchange.accept(step)
    assert (answer.done, answer.paid_atoms) == (True, 1_100 * USD)
    assert exchange.available(BOB, "USDC") == 100_100 * USD
    profits = [exchange.profit(account) for account in (ALICE, BOB, CAROL)]
    assert profits == [400 * USD, 0, 0]
    # What was collected and is not paid waits for Alice.
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 101_400 * USD


@pytest.mark.parametrize("mode", [ON, OFF])
def test_the_entry_price_stays(mode: bool) -> None:
    exchange = positioned(mode, mode, sizes=(100, -100))
    for price in (110, 95, 140):
        exchange.prices(SOL=price * 10**8)
        exchange.realize()
        exchange.wait(3_600)
    entries = {p.account: p.entry_quote_atoms for p in exchange.mirror.positions.values()}
    assert entries == {ALICE: 10_000 * USD, BOB: -10_000 * USD}


@pytest.mark.parametrize(
    ("price", "limits", "kinds"),
    [
        # 100 of equity of 1,000 each: a tenth. Nothing is culled up to a quarter.
        (101, {}, set()),
        # +300 of 1,300 is below a quarter; −300 of 700 is above it.
        (103, {}, {("CulledRealizePnlAccountThreshold", BOB, -300)}),
        # +400 of 1,400 is above too.
        (
            104,
            {},
            {
                ("CulledRealizePnlAccountThreshold", BOB, -400),
                ("CulledRealizePnlAccountThreshold", ALICE, 400),
            },
        ),
        # The pool's utilization of two thirds is above the limit: losers pay, winners go on.
        (101, {"utilization_ppb": 600_000_000}, {("CulledRealizePnlBookUtilisation", BOB, -100)}),
    ],
)
def test_what_is_culled(
    price: int, limits: dict[str, int], kinds: set[tuple[str, AccountId, int]]
) -> None:
    exchange = positioned(OFF, OFF, sizes=(100, -100), rich=1_000, realize=RealizeLimits(**limits))
    exchange.prices(SOL=price * 10**8)
    exchange.realize()
    told = exchange.told(e.ProfitRealized)
    assert {(x.kind, x.account, x.amount_atoms // USD) for x in told} == kinds
    # A cull leaves nothing due, and says what it was once.
    exchange.realize()
    assert len(exchange.told(e.ProfitRealized)) == len(told)


def test_losers_pay_when_too_much_is_advanced() -> None:
    limits = RealizeLimits(advance_limit_atoms=100 * USD)
    exchange = positioned(ON, OFF, sizes=(100, -100), realize=limits)
    exchange.prices(SOL=110 * 10**8)
    # Of a profit of 1,000 a hundred are advanced: the rest waits.
    assert exchange.realize().paid_atoms == 100 * USD
    assert exchange.profit(ALICE) == 900 * USD
    # With the first interest the loan is above its limit.
    exchange.wait(60)
    answer = exchange.realize()
    assert answer.collected_atoms == 1_000 * USD
    (culled,) = [x for x in exchange.told(e.ProfitRealized) if x.account == BOB]
    assert culled.kind == "CulledRealizePnlSystemThreshold"
    # The pool has its loan back, but for a bit against interest that Bob is still to be charged.
    assert exchange.advanced <= 20
    # What the advance has cost, a minute of 6 % on 100 dollars, is charged to the one who owes it.
    exchange.wait(3_600)
    exchange.realize()
    exchange.realize()
    assert exchange.interest(BOB) < -11 * RAY


def test_at_full_utilization_lends_move_without_cash() -> None:
    exchange = Settled(lent=10_000, borrowed=10_000)
    for account in (ALICE, BOB):
        exchange.settings(account, auto_lend=True)
        exchange.deposit(account, "USDC", 5_000 * USD)
    exchange.trade(ALICE, BOB, 100, 100)
    borrowed = c.Borrow(account=BORROWER, asset="USDC", amount_atoms=10_000 * USD)
    exchange.accept(borrowed)
    pool = exchange.engine.state.pools["USDC"]
    assert (pool.cash.atoms, pool.utilization_ppb) == (0, PPB)
    exchange.prices(SOL=109 * 10**8)
    mark = len(exchange.events)
    assert exchange.realize().paid_atoms == 900 * USD
    assert not [x for x in exchange.events[mark:] if isinstance(x, e.LedgerPosted)]
    assert (exchange.lent(ALICE, "USDC"), exchange.lent(BOB, "USDC")) == (5_900 * USD, 4_100 * USD)
    # A winner who does not lend wants cash, of which there is as much as somebody brings.
    exchange.settings(BOB, auto_lend=False)
    exchange.prices(SOL=104 * 10**8)
    assert exchange.realize().paid_atoms == 0
    assert exchange.profit(BOB) == 500 * USD
    exchange.deposit(LENDER, "USDC", 30 * USD)
    exchange.accept(c.Lend(account=LENDER, asset="USDC", amount_atoms=30 * USD))
    assert exchange.realize().paid_atoms == 30 * USD
    assert exchange.available(BOB, "USDC") == 30 * USD
    assert exchange.profit(BOB) == 470 * USD


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
    exchange.limit(DAVE, c.Side.BID, 100_000, 500_000, "BTC_USDC")
    exchange.limit(DAVE, c.Side.BID, 10_000, 8_000, "SOL_USDC")
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
    assert moved.get((e.BorrowLendKind.REDEEM, "USDC"), 0) == paid.lend * USD
    assert moved.get((e.BorrowLendKind.BORROW, "USDC"), 0) == paid.loan * USD
    assert exchange.profit(ALICE) == -paid.open * USD
    sold = [x for x in told if isinstance(x, e.OrderFilled) and x.terms.account == ALICE]
    got = sum(x.quote_atoms - x.fee_atoms for x in sold)
    # So much is sold as brings it at the worst price allowed, 5 % below; a step is half a dollar.
    assert paid.converted * USD <= got <= paid.converted * USD * 100 // 95 + USD
    # BTC counts fullest: the least collateral value is lost by selling it first.
    assert {x.terms.market for x in sold} <= {"BTC_USDC"}
    assert {x.terms.system for x in sold} <= {e.SystemOrder.COLLATERAL_CONVERSION}
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
        for x in exchange.told(e.OrderFilled)
        if x.terms.account == ALICE and x.terms.system
    ]
    assert sold == [("BTC_USDC", 4_000), ("SOL_USDC", 1_320)]


def test_closing_a_position_posts_its_interest() -> None:
    exchange = positioned(OFF, OFF, sizes=(100, -100))
    exchange.prices(SOL=110 * 10**8)
    exchange.realize()
    exchange.wait(1_800)
    exchange.trade(BOB, ALICE, 100, 110)
    for _ in range(3):
        exchange.wait(1_800)
        exchange.realize()
    posted = {ALICE: 0, BOB: 0}
    for event in exchange.told(e.PositionInterestPosted):
        posted[event.account] += event.amount_atoms
    earned, charged = posted[ALICE], posted[BOB]
    # From the sample to the one after the trade, an hour, at 6 % and 4 % of 1,000; then nothing.
    assert (charged, earned) == (-6_850, 4_566)
    assert exchange.available(ALICE, "USDC") == 101_000 * USD + earned
    assert exchange.available(BOB, "USDC") == 99_000 * USD + charged
    state = exchange.engine.state
    for account in (ALICE, BOB):
        position = state.accounts[account].positions[PERP.symbol]
        assert (position.quote, position.interest_ray, position.sample) == (0, 0, 0)


@pytest.mark.parametrize("modes", [(ON, ON), (ON, OFF), (OFF, ON), (OFF, OFF)])
@pytest.mark.parametrize("prices", [(1_000, 100), (10, 100), (1_000, 10, 100), (99, 1, 101)])
def test_gaps_in_price(modes: tuple[bool, ...], prices: tuple[int, ...]) -> None:
    """Ten times up or down: nothing is paid that is not there, and what is there is paid."""
    exchange = positioned(*modes, sizes=(100, -100), rich=2_000)
    paid = there = 0
    for price in prices:
        exchange.prices(SOL=price * 10**8)
        for _ in range(3):
            answer = exchange.realize()
            paid += answer.paid_atoms
            there += answer.collected_atoms + answer.advanced_atoms
            # Interest that was posted is paid with the profit.
            posted = [x.amount_atoms for x in exchange.told(e.PositionInterestPosted)]
            assert paid <= there + sum(max(atoms, 0) for atoms in posted)
            exchange.wait(3_600)
    held = [
        exchange.available(account, "USDC")
        - exchange.owed(account, "USDC")
        + exchange.position(account)[0] * 10**4 * prices[-1]
        + exchange.position(account)[1]
        for account in (ALICE, BOB)
    ]
    # Back at 100, or at 101, both have what they had, but for interest between them and the pool.
    gain = (prices[-1] - 100) * 100 * USD
    assert abs(held[0] - 2_000 * USD - gain) < 200 * USD
    assert abs(held[1] - 2_000 * USD + gain) < 200 * USD
    assert held[0] + held[1] <= 4_000 * USD


@pytest.mark.parametrize("modes", [(ON, ON), (ON, OFF), (OFF, OFF)])
def test_huge_numbers(modes: tuple[bool, ...]) -> None:
    """Positions of a hundred billion dollars, in accounts as large as one command can make."""
    exchange = Settled()
    for account, mode in zip((ALICE, BOB), modes, strict=True):
        exchange.deposit(account, "USDC", MAX_ATOMS)
        exchange.settings(account, auto_realize_pnl=mode, auto_lend=True, leverage_limit=1)
    exchange.trade(ALICE, BOB, 10**9, 100)
    exchange.prices(SOL=123 * 10**8 + 1)
    exchange.realize()
    exchange.wait(86_400)
    exchange.realize()
    exchange.realize()
    profit = 23 * 10**9 * USD + 10 * USD
    if modes == (ON, ON):
        held = exchange.available(ALICE, "USDC") + exchange.lent(ALICE, "USDC")
        assert held >= MAX_ATOMS + profit
    else:
        assert exchange.interest(BOB) < -(10**6) * USD * RAY


def test_what_was_realized_whole_is_not_due_again() -> None:
    """Profit that settlement paid while Auto-Realize was on is no claim once it is off."""
    exchange = positioned(ON, ON, sizes=(100, -100))
    exchange.prices(SOL=115 * 10**8)
    exchange.realize()
    # Alice was paid 1,500; she closes at 140 and gets the other 2,500.
    exchange.prices(SOL=140 * 10**8)
    exchange.trade(BOB, ALICE, 100, 140)
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 104_000 * USD
    # A new position, with Auto-Realize off, starts with nothing due.
    exchange.settings(ALICE, auto_realize_pnl=False)
    exchange.trade(ALICE, BOB, 10, 140)
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 104_000 * USD
    # Reducing realizes what the closed part has made since.
    exchange.prices(SOL=150 * 10**8)
    exchange.trade(BOB, ALICE, 5, 150)
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 104_050 * USD
    assert exchange.profit(ALICE) == 50 * USD


def test_a_cull_takes_what_is_due_with_it() -> None:
    """Alice has realized 400 by reducing; then a loss of 1,000 in all is culled."""
    exchange = positioned(OFF, ON, sizes=(100, -100), rich=3_000)
    exchange.prices(SOL=104 * 10**8)
    exchange.trade(BOB, ALICE, 50, 108)
    exchange.prices(SOL=72 * 10**8)
    # 50 × 8 realized and 50 × −28 open: a third of what she has.
    exchange.realize()
    (culled,) = [x for x in exchange.told(e.ProfitRealized) if x.account == ALICE]
    assert (culled.kind, culled.amount_atoms) == ("CulledRealizePnlAccountThreshold", -1_000 * USD)
    exchange.realize()
    assert exchange.available(ALICE, "USDC") == 2_000 * USD
    assert exchange.profit(ALICE) == 0


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
    exchange.limit(BOB, c.Side.ASK, 10_000, 10_000, PERP.symbol)
    exchange.limit(ALICE, c.Side.BID, 10_000, 10_000, PERP.symbol)
    assert exchange.owed(ALICE, "USDC") == owed * USD
    assert exchange.position(ALICE)[1] == -(10_000 + 5 - owed) * USD
