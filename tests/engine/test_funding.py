"""Funding of perpetuals: the sample, the rate of an hour, who pays what, when; numbers by hand."""

import random
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from engine import commands as c
from engine import events as e
from engine import settlement_events as se
from engine.catalog import FundingRules, MarketState, PriceState
from engine.engine import Engine
from engine.funding import impact_e8
from engine.funding_rates import hourly_ppb, premium_ppb
from engine.kinds import RealizeKind
from engine.margin import MarginType, health
from engine.questions import MaxLots, MaxOrder
from engine.rejects import Reject
from engine.snapshot import digest, dump_state, load_state
from engine.units import HOUR_NS, PPB, SECOND_NS, AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, DAVE, Exchange, limit
from tests.engine.listings import BTC_PERP, BTC_USDC, SOL_PERP, SOL_USDC
from tests.engine.settled import OFF, ON, PERP, USD, Settled, positioned
from tests.engine.test_vectors import VECTORS, scaled

MARKET = SOL_PERP.symbol
# One sample is enough, and it looks at a book of 1,000 dollars a side.
ONE_SAMPLE = FundingRules(samples_min=1, impact_micros=1_000 * USD)
MAKER = AccountId(1_102)
E8 = 10**8


# -- formulas, by the vectors ---------------------------------------------------------------------


def test_a_quiet_market_pays_the_interest_alone() -> None:
    vector = VECTORS["E2"]
    mean = scaled(vector["inputs"]["mean_premium"], PPB)
    assert hourly_ppb(mean, FundingRules()) == scaled(vector["expected"]["hourly_wire"], PPB)


def test_the_rate_follows_the_premium_within_its_clamp_and_cap() -> None:
    vector = VECTORS["E3"]
    uncapped = FundingRules(cap_ppb=PPB)
    capped = FundingRules(cap_ppb=scaled(vector["inputs"]["cap"], PPB))
    for row in vector["expected"]:
        mean = scaled(row["P"], PPB)
        assert hourly_ppb(mean, uncapped) == scaled(row["hourly"], PPB)
        assert hourly_ppb(mean, capped) == scaled(row["hourly_capped_1pct"], PPB)


def test_the_premium_is_how_far_impact_prices_are_beyond_the_index() -> None:
    vector = VECTORS["E5"]
    for row, expected in zip(vector["inputs"], vector["expected"], strict=True):
        bid, ask, index = (scaled(row[name], E8) for name in ("ib", "ia", "index"))
        assert premium_ppb(bid_e8=bid, ask_e8=ask, index_e8=index) == scaled(expected, PPB)


def test_an_impact_price_is_the_mean_of_what_would_be_filled() -> None:
    vector = VECTORS["E6"]
    rules = FundingRules(impact_micros=scaled(vector["inputs"]["impact_notional"], USD))
    exchange = Exchange(markets=(replace(SOL_PERP, funding=rules),))
    exchange.deposit(BOB, "USDC", 10**12)
    listed = exchange.engine.state.markets[MARKET]
    for price, size in vector["inputs"]["asks"]:
        assert impact_e8(listed, listed.book.asks) is None, "it is too thin"
        exchange.limit(BOB, ASK, scaled(size, 100), scaled(price, 100), MARKET)
    found = impact_e8(listed, listed.book.asks)
    assert found is not None
    error = abs(Decimal(found) / E8 - Decimal(vector["expected"]["impact_ask"]))
    assert error <= Decimal(vector["tolerance"])
    assert impact_e8(listed, listed.book.bids) is None


def test_the_impact_size_is_what_500_dollars_carry() -> None:
    exchange = Exchange()
    assert exchange.engine.state.markets[MARKET].impact_atoms == 25_000 * USD


# -- the rate of an hour --------------------------------------------------------------------------


class Funded(Settled):
    """Alice is long 100 SOL against Bob's short; a maker's book stands around 100 dollars."""

    def __init__(self, rules: FundingRules = ONE_SAMPLE, *, bid: int = 9_999, ask: int = 10_001):
        super().__init__(lent=150_000, borrowed=0, funding=rules)
        self.accept(c.OpenAccount(account=MAKER, owner=MAKER))
        for account in (ALICE, BOB, CAROL, DAVE, MAKER):
            self.deposit(account, "USDC", 100_000 * USD)
        self.trade(ALICE, BOB, 100, 100)
        self.quote(bid, ask)
        # The hour in which all this was made ready has ended: nobody saw it.
        self.advance()
        self.events.clear()

    def quote(self, bid: int, ask: int) -> None:
        """Have the maker quote 20 SOL on both sides, in place of what it quoted before."""
        self.accept(c.CancelAllOrders(account=MAKER))
        self.limit(MAKER, BID, 2_000, bid, PERP.symbol)
        self.limit(MAKER, ASK, 2_000, ask, PERP.symbol)

    def index(self, dollars: int = 100, **states: PriceState) -> None:
        """Set the index a second later: one sample."""
        self.wait(1)
        self.accept(c.UpdatePrices(prices_e8={"SOL": dollars * E8}, states=states))

    def end_hour(self) -> None:
        """Let the running hour end, and the engine notice by itself."""
        self.at_ns += HOUR_NS - self.at_ns % HOUR_NS
        self.advance()

    def hour(self) -> None:
        """Let an hour pass with one sample."""
        self.index()
        self.end_hour()

    def pay(self, most: int = 500) -> None:
        while not self.accept(c.PayFunding(market=PERP.symbol, positions_max=most)).done:
            pass

    @property
    def rates(self) -> list[int]:
        return [one.rate_ppb for one in self.told(se.FundingRateSet)]

    def paid(self, account: AccountId) -> list[int]:
        return [x.amount_atoms for x in self.told(se.FundingPaid) if x.account == account]


def test_a_quiet_hour_costs_longs_the_interest() -> None:
    exchange = Funded()
    exchange.hour()
    (rate,) = exchange.told(se.FundingRateSet)
    assert (rate.rate_ppb, rate.premium_ppb, rate.samples) == (12_500, 0, 1)
    assert (rate.mark_e8, rate.ends_ns) == (100 * E8, exchange.at_ns)
    assert exchange.told(se.FundingPaid) == [], "nobody was touched yet"
    exchange.pay()
    # 100 SOL at 100 dollars: 10,000 × 0.00125 %.
    assert (exchange.paid(ALICE), exchange.paid(BOB)) == ([-125_000], [125_000])
    exchange.pay()
    exchange.realize()
    assert len(exchange.told(se.FundingPaid)) == 2, "twice changes nothing"


@pytest.mark.parametrize(
    ("bid", "ask", "rate"),
    [
        # Bids 1 % above the index: (1 % − 0.05 %) / 8. Asks 1 % below: (−1 % + 0.05 %) / 8.
        (10_100, 10_110, 1_187_500),
        (9_890, 9_900, -1_187_500),
        # 20 % away: the cap.
        (12_000, 12_010, 15_000_000),
        (7_990, 8_000, -15_000_000),
        # The premium is within the clamp's reach: what it is pulled to is the interest.
        (10_004, 10_005, 12_500),
    ],
)
def test_the_book_sets_the_rate(bid: int, ask: int, rate: int) -> None:
    exchange = Funded(bid=bid, ask=ask)
    exchange.hour()
    assert exchange.rates == [rate]


def test_a_mean_counts_each_second_once() -> None:
    exchange = Funded(bid=10_100, ask=10_110)
    exchange.index()
    exchange.quote(10_300, 10_310)
    # The same second: not counted.
    exchange.accept(c.UpdatePrices(prices_e8={"SOL": 100 * E8}))
    exchange.index()
    exchange.end_hour()
    (rate,) = exchange.told(se.FundingRateSet)
    assert (rate.samples, rate.premium_ppb) == (2, 20_000_000)


def _thin(exchange: Funded) -> None:
    exchange.accept(c.CancelAllOrders(account=MAKER))
    exchange.limit(MAKER, BID, 2_000, 9_999, PERP.symbol)
    exchange.limit(MAKER, ASK, 999, 10_001, PERP.symbol)
    exchange.index()


def _post_only(exchange: Funded) -> None:
    exchange.accept(c.SetMarketState(market=PERP.symbol, state=MarketState.POST_ONLY))
    exchange.index()


def _stale(exchange: Funded) -> None:
    exchange.index(SOL=PriceState.STALE)


def _stale_at_the_hour(exchange: Funded) -> None:
    exchange.index()
    exchange.index(SOL=PriceState.HALT)


def _another_asset(exchange: Funded) -> None:
    exchange.wait(1)
    exchange.prices(BTC=50_000 * E8)


@pytest.mark.parametrize(
    ("happens", "samples"),
    [(_thin, 0), (_post_only, 0), (_stale, 0), (_stale_at_the_hour, 1), (_another_asset, 0)],
)
def test_an_hour_without_good_samples_costs_nothing(happens: Any, samples: int) -> None:
    exchange = Funded()
    happens(exchange)
    exchange.end_hour()
    (rate,) = exchange.told(se.FundingRateSet)
    assert (rate.rate_ppb, rate.samples) == (0, samples)
    exchange.pay()
    assert exchange.told(se.FundingPaid) == []


def test_limit_only_markets_and_degraded_prices_count() -> None:
    exchange = Funded()
    exchange.accept(c.SetMarketState(market=PERP.symbol, state=MarketState.LIMIT_ONLY))
    exchange.index(SOL=PriceState.DEGRADED)
    exchange.end_hour()
    assert exchange.rates == [12_500]


def test_half_an_hour_of_samples_is_asked_for() -> None:
    for samples, rate in ((1_799, 0), (1_800, 12_500)):
        exchange = Exchange(
            markets=(replace(SOL_PERP, funding=FundingRules(impact_micros=1_000 * USD)),),
        )
        exchange.deposit(BOB, "USDC", 10**12)
        exchange.limit(BOB, BID, 2_000, 9_999, MARKET)
        exchange.limit(BOB, ASK, 2_000, 10_001, MARKET)
        exchange.at_ns += HOUR_NS - exchange.at_ns % HOUR_NS
        for _ in range(samples):
            exchange.wait(1)
            exchange.prices(SOL=100 * E8)
        exchange.at_ns += HOUR_NS - exchange.at_ns % HOUR_NS
        exchange.advance()
        rates = list(exchange.mirror.rates.values())
        assert [(one.samples, one.rate_ppb) for one in rates[1:]] == [(samples, rate)]


def test_hours_that_nobody_saw_are_told_and_cost_nothing() -> None:
    exchange = Funded()
    exchange.index()
    exchange.wait(4 * 3_600)
    exchange.advance()
    assert exchange.rates == [12_500, 0, 0, 0]
    ends = [one.ends_ns for one in exchange.told(se.FundingRateSet)]
    assert [after - before for before, after in pairwise(ends)] == [HOUR_NS] * 3
    assert all(end % HOUR_NS == 0 for end in ends)


def test_the_rate_to_come_is_told_as_it_changes() -> None:
    exchange = Funded()
    for bid, ask in ((9_999, 10_001), (9_999, 10_001), (10_200, 10_210)):
        exchange.quote(bid, ask)
        exchange.index()
    exchange.end_hour()
    exchange.index()
    told = [one.funding_ppb for one in exchange.told(e.PricesUpdated)]
    name = PERP.symbol
    # 0, 0 and 2 % are 0.67 % in the mean; the next hour begins anew with 2 %.
    assert told == [{name: 12_500}, {}, {name: 770_833}, {name: 2_437_500}]


# -- who pays -------------------------------------------------------------------------------------


def test_closing_before_the_hour_pays_nothing_and_opening_after_it_neither() -> None:
    exchange = Funded()
    exchange.index()
    exchange.trade(BOB, ALICE, 100, 100)
    exchange.end_hour()
    exchange.trade(CAROL, DAVE, 5, 100)
    exchange.pay()
    assert exchange.rates == [12_500]
    assert exchange.told(se.FundingPaid) == []


def test_a_trade_after_the_hour_pays_for_what_was_held() -> None:
    """Nobody has noticed the hour yet: the trade is the first to come after it."""
    exchange = Funded()
    exchange.index()
    exchange.at_ns += HOUR_NS - exchange.at_ns % HOUR_NS
    exchange.trade(CAROL, ALICE, 100, 100)
    assert exchange.paid(ALICE) == [-125_000]
    assert exchange.paid(CAROL) == []
    closed = exchange.told(e.PositionClosed)
    assert [(one.account, one.funding_atoms) for one in closed] == [(ALICE, -125_000)]
    exchange.advance()
    exchange.pay()
    assert exchange.rates == [12_500]
    assert (exchange.paid(CAROL), exchange.paid(BOB)) == ([], [125_000])


def test_a_turn_pays_for_the_old_position_and_begins_the_new_one_at_nothing() -> None:
    exchange = Funded()
    exchange.hour()
    exchange.trade(CAROL, ALICE, 150, 100)
    closed = [one for one in exchange.told(e.PositionClosed) if one.account == ALICE]
    assert [one.funding_atoms for one in closed] == [-125_000]
    held = exchange.mirror.positions[ALICE, PERP.symbol]
    assert (held.lots, held.funding_atoms) == (-5_000, 0)
    exchange.hour()
    exchange.pay()
    assert exchange.paid(ALICE) == [-125_000, 62_500]
    assert exchange.mirror.positions[ALICE, PERP.symbol].funding_atoms == 62_500


def test_a_quoted_trade_pays_first() -> None:
    exchange = Funded()
    exchange.hour()
    asked = exchange.accept(
        c.RequestQuote(account=ALICE, market=PERP.symbol, side=ASK, lots=10_000)
    )
    rfq = asked.terms.rfq
    quoted = exchange.accept(
        c.SubmitQuote(account=BOB, rfq=rfq, bid_ticks=10_000, ask_ticks=10_010)
    )
    exchange.accept(c.AcceptQuote(account=ALICE, rfq=rfq, quote=quoted.terms.quote))
    assert (exchange.paid(ALICE), exchange.paid(BOB)) == ([-125_000], [125_000])
    assert exchange.position(ALICE)[0] == 0


def test_each_hour_is_paid_by_itself_however_late() -> None:
    """Three hours at other rates and marks: three payments each, the same as when paid at once."""
    told = []
    for prompt in (True, False):
        exchange = Funded()
        for dollars in (100, 101, 99):
            exchange.index(dollars)
            exchange.end_hour()
            if prompt:
                exchange.pay()
        exchange.pay()
        payments = exchange.told(se.FundingPaid)
        told.append(sorted((x.account, x.ends_ns, x.amount_atoms) for x in payments))
        assert len(payments) == 6
    assert told[0] == told[1]


def test_the_payer_pays_the_part_of_an_atom() -> None:
    """7 lots at 100.01 and 12,500 ppb are 87.50875 atoms; two who hold 3 and 4 pay 38 + 51."""
    exchange = Funded()
    exchange.trade(BOB, ALICE, 100, 100)
    for account, lots in ((CAROL, 3), (DAVE, 4)):
        exchange.limit(BOB, ASK, lots, 10_000, PERP.symbol)
        exchange.limit(account, BID, lots, 10_000, PERP.symbol)
    exchange.hour()
    dust = exchange.clearing.dust
    exchange.pay()
    payments = {x.account: x.amount_atoms for x in exchange.told(se.FundingPaid)}
    assert payments == {CAROL: -38, DAVE: -50, BOB: 87}
    assert exchange.clearing.dust - dust == 1
    assert exchange.clearing.funding == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_payments_of_an_hour_are_nothing_but_rounding(seed: int) -> None:
    """I7: per market and hour Σ payments is at least 0 and below one atom an account."""
    rng, exchange = random.Random(seed), Funded()
    traders = (ALICE, BOB, CAROL, DAVE)
    for _ in range(12):
        middle = 10_000 + rng.randint(-60, 60)
        exchange.quote(middle - 1, middle + 1)
        exchange.index()
        for _ in range(rng.randint(0, 6)):
            side, lots = rng.choice((BID, ASK)), rng.randint(1, 400)
            order = limit(
                rng.choice(traders), side, lots=lots, price_ticks=middle, market=PERP.symbol
            )
            exchange.apply(order)
        if rng.random() < 0.5:
            exchange.accept(c.PayFunding(market=PERP.symbol, positions_max=rng.randint(1, 3)))
        if rng.random() < 0.3:
            exchange.realize()
        exchange.end_hour()
    exchange.pay(2)
    sums: defaultdict[int, list[int]] = defaultdict(list)
    for one in exchange.told(se.FundingPaid):
        sums[one.ends_ns].append(one.amount_atoms)
    assert len(sums) == sum(rate != 0 for rate in exchange.rates) >= 6
    for payments in sums.values():
        assert 0 <= -sum(payments) < len(payments)
    assert exchange.clearing.funding == 0


# -- money and margin -----------------------------------------------------------------------------


def test_what_is_owed_counts_before_it_is_paid() -> None:
    exchange = Funded()
    state = exchange.engine.state
    before = health(state, state.accounts[ALICE], MarginType.MAINTENANCE).equity
    exchange.hour()
    assert health(state, state.accounts[ALICE], MarginType.MAINTENANCE).equity == before - 125_000
    exchange.pay()
    assert health(state, state.accounts[ALICE], MarginType.MAINTENANCE).equity == before - 125_000


def test_the_largest_order_is_the_same_before_and_after_the_payment() -> None:
    exchange = Funded(bid=10_100, ask=10_110)
    exchange.hour()
    question = MaxOrder(account=ALICE, market=PERP.symbol, side=BID)
    asked = exchange.engine.ask(question, at_ns=exchange.at_ns)
    assert isinstance(asked, MaxLots) and asked.lots > 1_000
    exchange.pay()
    assert exchange.engine.ask(question, at_ns=exchange.at_ns) == asked


def test_the_largest_order_beside_unpaid_funding_is_exact() -> None:
    """The order would grow the position: what is owed is still for the lots held at the hour."""
    exchange = Funded(bid=12_000, ask=12_010)
    # So little that the margin, not the book, is what limits her.
    exchange.accept(
        c.RequestWithdrawal(account=ALICE, asset="USDC", amount_atoms=96_000 * USD, withdrawal=1)
    )
    exchange.hour()
    question = MaxOrder(account=ALICE, market=PERP.symbol, side=BID, price_ticks=12_010)
    asked = exchange.engine.ask(question, at_ns=exchange.at_ns)
    assert isinstance(asked, MaxLots) and 0 < asked.lots < 100_000
    order = limit(ALICE, BID, lots=asked.lots + 1, price_ticks=12_010, market=PERP.symbol)
    assert exchange.refuse(order) is Reject.INSUFFICIENT_MARGIN
    exchange.accept(replace(order, lots=asked.lots))


@pytest.mark.parametrize("mode", [ON, OFF])
def test_funding_reaches_the_balance_as_funding(mode: bool) -> None:
    """Also where profit is not realized: funding is no open profit."""
    exchange = Funded(bid=10_300, ask=10_310)
    for account in (ALICE, BOB):
        exchange.settings(account, auto_realize_pnl=mode)
    exchange.hour()
    exchange.index(101)
    exchange.realize()
    # (3 % − 0.05 %) / 8 of 10,000 dollars; the profit is 100 dollars.
    assert exchange.rates == [3_687_500]
    assert (exchange.paid(ALICE), exchange.paid(BOB)) == ([-36_875_000], [36_875_000])
    told = exchange.told(se.ProfitRealized)
    funded = {x.account: x.amount_atoms for x in told if x.kind is RealizeKind.FUNDING}
    assert funded == {ALICE: -36_875_000, BOB: 36_875_000}
    profit = 100 * USD if mode else 0
    others: defaultdict[AccountId, int] = defaultdict(int)
    for one in told:
        if one.kind is not RealizeKind.FUNDING:
            others[one.account] += one.amount_atoms
    assert (others[ALICE], others[BOB]) == (profit, -profit)


# -- commands, snapshots --------------------------------------------------------------------------


def test_pay_funding_refuses_what_it_cannot_do() -> None:
    exchange = Funded()
    assert exchange.refuse(c.PayFunding(market="NO_PERP")) is Reject.UNKNOWN_MARKET
    assert exchange.refuse(c.PayFunding(market=SOL_USDC.symbol)) is Reject.UNKNOWN_MARKET
    command = c.PayFunding(market=PERP.symbol, positions_max=0)
    assert exchange.refuse(command) is Reject.INVALID_PARAMETER


@pytest.mark.parametrize(
    "rules",
    [
        FundingRules(cap_ppb=0),
        FundingRules(cap_ppb=2 * PPB),
        FundingRules(clamp_ppb=-1),
        FundingRules(samples_min=3_601),
        FundingRules(impact_micros=0),
    ],
)
def test_rules_that_make_no_sense_are_not_listed(rules: FundingRules) -> None:
    exchange = Exchange(markets=())
    command = c.ListMarket(market=replace(SOL_PERP, funding=rules))
    assert exchange.refuse(command) is Reject.INVALID_PARAMETER


def test_portions_visit_everybody_once() -> None:
    exchange = Funded()
    exchange.trade(CAROL, DAVE, 7, 100)
    exchange.hour()
    answers: list[se.MarketFunded] = []
    while not answers or not answers[-1].done:
        answers.append(exchange.accept(c.PayFunding(market=PERP.symbol, positions_max=2)))
    assert [one.positions for one in answers] == [2, 2, 1]
    assert len(exchange.told(se.FundingPaid)) == 4, "the maker holds nothing"


def test_an_hour_that_ends_between_two_portions_is_paid_too() -> None:
    exchange = Funded()
    exchange.hour()
    exchange.accept(c.PayFunding(market=PERP.symbol, positions_max=1))
    exchange.hour()
    exchange.pay(1)
    assert exchange.paid(ALICE) == [-125_000] * 2
    assert exchange.paid(BOB) == [125_000] * 2
    assert exchange.clearing.funding == 0
    assert not exchange.engine.state.markets[PERP.symbol].perp_funding().unpaid


def test_a_snapshot_in_the_middle_of_everything_goes_on_the_same() -> None:
    exchange = Funded(bid=10_050, ask=10_060)
    exchange.hour()
    exchange.accept(c.PayFunding(market=PERP.symbol, positions_max=1))
    exchange.index()
    state = exchange.engine.state
    twin = Engine(load_state(dump_state(state)))
    assert digest(twin.state) == digest(state)
    begun = len(exchange.journal)
    exchange.index()
    exchange.end_hour()
    exchange.trade(CAROL, ALICE, 40, 100)
    exchange.pay(1)
    for sequence, at_ns, command_id, command in exchange.journal[begun:]:
        twin.apply(sequence=sequence, at_ns=at_ns, command_id=command_id, command=command)
    assert digest(twin.state) == digest(exchange.engine.state)
    assert exchange.rates == [562_500, 562_500]


def test_the_schedule_has_one_hour_for_all_perpetuals() -> None:
    exchange = Exchange(markets=(BTC_USDC, SOL_PERP, BTC_PERP))
    assert len(exchange.engine.state.schedule.live()) == 1
    exchange.wait(3_600)
    exchange.advance()
    assert {market for market, _ in exchange.mirror.rates} == {SOL_PERP.symbol, BTC_PERP.symbol}
    assert exchange.engine.due_ns == (exchange.at_ns // HOUR_NS + 1) * HOUR_NS
    assert exchange.at_ns % SECOND_NS == 0


def test_settled_positions_of_all_modes_stay_exact() -> None:
    """Every truth is checked after each command; here with funding in each mode of settlement."""
    for modes in ((ON, ON, ON), (OFF, ON, OFF), (OFF, OFF, OFF)):
        exchange = positioned(*modes, sizes=(100, 50, -150), funding=ONE_SAMPLE)
        for account, side, price in ((DAVE, BID, 9_950), (DAVE, ASK, 10_050)):
            exchange.deposit(account, "USDC", 50_000 * USD)
            exchange.limit(account, side, 2_000, price, PERP.symbol)
        for dollars in (99, 101, 98, 103):
            exchange.wait(60)
            exchange.prices(SOL=dollars * E8)
            exchange.wait(3_600)
            exchange.advance()
            exchange.realize(2)
        exchange.accept(c.PayFunding(market=PERP.symbol))
        assert any(one.rate_ppb for one in exchange.told(se.FundingRateSet))
        assert exchange.told(se.FundingPaid)
