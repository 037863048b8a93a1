"""Whatever a member does, what is spent in a day stays within the limit; bugs planted are found.

Spent is what fills of orders that do not just reduce come to, with loans and money that goes out:
counted by tests/engine/team_books.py from what happened, not from what the engine has counted.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from msgspec.structs import replace

from engine import allowances, auctions, cover, deals, member_limits, resting, strategies
from engine import commands as c
from engine import events as e
from engine import order_events as oe
from engine import vocabulary as v
from engine.catalog import MarketState
from engine.engine import Engine
from engine.invariants import check_allowances
from engine.snapshot import digest, dump_state, load_state
from engine.units import DAY_NS, MICROS, AccountId
from tests.engine.driver import ALICE, ASK, BID, BOB, CAROL, Exchange
from tests.engine.listings import SOL_PERP, SOL_USDC
from tests.engine.team_books import TeamBooks

MAX, SUB = 7, AccountId(2_001)
SPOT, PERP = "SOL_USDC", "SOL_USDC_PERP"
MARKETS = st.sampled_from([PERP, PERP, SPOT])
SIDES = st.sampled_from(v.Side)
# Near the market, and so far that what is got is much better than what was asked.
EDGES = st.sampled_from([-3_000, 0, 3_000])
OFFSETS = st.one_of(st.integers(min_value=-60, max_value=60), EDGES)
LOTS = st.integers(min_value=1, max_value=1_400)
KINDS = st.sampled_from(["limit", "limit", "ioc", "market", "quote", "reduce", "trigger", "exits"])


class TeamMachine(RuleBasedStateMachine):
    """Max acts for Alice with 1,000 USD a day; Bob and Carol trade with whatever he leaves."""

    def __init__(self) -> None:
        super().__init__()
        auctioned = tuple(replace(one, auction_ms=1_000) for one in (SOL_USDC, SOL_PERP))
        self.exchange = exchange = Exchange(markets=auctioned)
        self.team = TeamBooks()
        self.withdrawals = 0
        exchange.accept(c.OpenAccount(account=SUB, owner=ALICE))
        for account in (ALICE, BOB, CAROL):
            exchange.deposit(account, "USDC", 1_000_000 * 10**6)
            exchange.deposit(account, "SOL", 10_000 * 10**9)
        for asset, atoms in (("USDC", 500_000 * 10**6), ("SOL", 5_000 * 10**9)):
            exchange.accept(c.Lend(account=CAROL, asset=asset, amount_atoms=atoms))
        for market in (SPOT, PERP):
            exchange.limit(BOB, ASK, 3_000, 10_010, market)
            exchange.limit(BOB, BID, 3_000, 9_990, market)
        self.do(c.UpdatePrices(prices_e8={"USDC": 10**8, "SOL": 100 * 10**8}))
        self.set_allowance(spend=1_000, loss=None)

    def do(self, command: c.AnyCommand) -> e.Event:
        """Apply a command and what it makes due."""
        exchange = self.exchange
        answer: e.Event | None = None
        while answer is None or (exchange.engine.due_ns or 2**63) <= exchange.at_ns:
            events = exchange.apply(command)
            self.team.read(command, events, exchange.at_ns)
            self.team.check(command, exchange.engine.state)
            answer = answer or events[0]
            command = c.AdvanceTime()
        check_allowances(exchange.engine.state)
        return answer

    @rule(market=MARKETS, side=SIDES, offset=OFFSETS, lots=LOTS, kind=KINDS)
    def member_orders(self, market: str, side: v.Side, offset: int, lots: int, kind: str) -> None:
        price = 10_000 + offset
        order = c.PlaceOrder(
            account=ALICE, market=market, side=side, price_ticks=price, lots=lots, actor=MAX
        )
        trigger = v.Conditions(trigger=v.Trigger(price, v.TriggerBy.INDEX))
        exits = v.Conditions(stop_loss=v.Exit(9_000 if side is BID else 11_000))
        changes: dict[str, dict[str, Any]] = {
            "ioc": {"time_in_force": v.TimeInForce.IOC},
            "market": {"type": v.OrderType.MARKET, "price_ticks": None},
            "quote": {
                "type": v.OrderType.MARKET,
                "price_ticks": None,
                "lots": None,
                "quote_atoms": lots * 10**6,
            },
            "reduce": {"reduce_only": True},
            "trigger": {"conditions": trigger},
            "exits": {"conditions": exits},
        }
        self.do(replace(order, **changes.get(kind, {})))

    @rule(market=MARKETS, side=SIDES, offset=st.one_of(st.none(), OFFSETS), lots=LOTS)
    def member_runs(self, market: str, side: v.Side, offset: int | None, lots: int) -> None:
        self.do(
            c.CreateStrategy(
                account=ALICE,
                market=market,
                side=side,
                lots=lots,
                duration_ms=3_000,
                interval_ms=1_000,
                price_ticks=None if offset is None else 10_000 + offset,
                actor=MAX,
            )
        )

    @rule(market=MARKETS, side=SIDES, offset=OFFSETS, lots=LOTS)
    def others_trade(self, market: str, side: v.Side, offset: int, lots: int) -> None:
        self.do(
            c.PlaceOrder(
                account=CAROL,
                market=market,
                side=side,
                price_ticks=10_000 + offset,
                lots=lots,
                self_trade_prevention=v.SelfTradePrevention.REJECT_MAKER,
            )
        )

    @rule(
        kind=st.sampled_from(["borrow", "transfer", "withdraw", "lend"]),
        asset=st.sampled_from(["USDC", "SOL"]),
        dollars=st.sampled_from([1, 100, 400, 900]),
    )
    def member_moves_money(self, kind: str, asset: str, dollars: int) -> None:
        atoms = dollars * (10**6 if asset == "USDC" else 10**7)
        terms: dict[str, Any] = {"asset": asset, "amount_atoms": atoms, "actor": MAX}
        self.withdrawals += 1
        commands: dict[str, c.AnyCommand] = {
            "borrow": c.Borrow(account=ALICE, **terms),
            "transfer": c.TransferFunds(source=ALICE, destination=SUB, **terms),
            "withdraw": c.RequestWithdrawal(account=ALICE, withdrawal=self.withdrawals, **terms),
            "lend": c.Lend(account=ALICE, **terms),
        }
        self.do(commands[kind])

    @rule(market=MARKETS, side=SIDES, lots=LOTS, is_maker=st.booleans(), at_once=st.booleans())
    def member_trades_by_quote(
        self, market: str, side: v.Side, lots: int, is_maker: bool, at_once: bool
    ) -> None:
        asks, quotes = (BOB, ALICE) if is_maker else (ALICE, BOB)
        asked = c.RequestQuote(
            account=asks,
            market=market,
            side=side,
            lots=lots,
            price_ticks=10_000,
            mode=v.ExecutionMode.IMMEDIATE if at_once else v.ExecutionMode.AWAIT_ACCEPT,
            actor=0 if is_maker else MAX,
        )
        submitted = self.do(asked)
        if not isinstance(submitted, oe.RfqSubmitted):
            return
        rfq = submitted.terms.rfq
        offer = c.SubmitQuote(
            account=quotes,
            rfq=rfq,
            bid_ticks=10_000,
            ask_ticks=10_000,
            actor=MAX if is_maker else 0,
        )
        quoted = self.do(offer)
        if isinstance(quoted, oe.QuoteSubmitted) and not at_once:
            accept = c.AcceptQuote(account=asks, rfq=rfq, quote=quoted.terms.quote)
            self.do(accept if is_maker else replace(accept, actor=MAX))

    @rule(
        market=MARKETS,
        orders=st.lists(st.tuples(SIDES, EDGES, LOTS), min_size=2, max_size=4),
    )
    def an_auction_opens(self, market: str, orders: list[tuple[v.Side, int, int]]) -> None:
        for state in (MarketState.CLOSED, MarketState.OPEN):
            self.do(c.SetMarketState(market=market, state=state))
        for number, (side, offset, lots) in enumerate(orders):
            if number % 2:
                self.member_orders(market, side, offset, lots, "limit")
            else:
                self.others_trade(market, side, offset, lots)
        self.passes(seconds=1)

    @rule(seconds=st.sampled_from([0, 1, 1, 2, DAY_NS // 10**9]))
    def passes(self, seconds: int) -> None:
        self.exchange.wait(seconds)
        self.do(c.AdvanceTime())

    @rule(percent=st.integers(min_value=95, max_value=105))
    def move_price(self, percent: int) -> None:
        self.do(c.UpdatePrices(prices_e8={"SOL": percent * 10**8}))

    @rule()
    def member_cancels(self) -> None:
        self.do(c.CancelAllOrders(account=ALICE, actor=MAX))

    @rule(
        spend=st.sampled_from([100, 1_000, 1_000, 5_000]),
        loss=st.sampled_from([None, None, 1, 500]),
    )
    def set_allowance(self, spend: int, loss: int | None) -> None:
        self.do(
            c.SetAllowance(
                account=ALICE,
                member=MAX,
                spend_micros=spend * MICROS,
                loss_micros=None if loss is None else loss * MICROS,
            )
        )

    @rule()
    def restart(self) -> None:
        state = self.exchange.engine.state
        self.exchange.engine = Engine(load_state(dump_state(state)))
        assert digest(self.exchange.engine.state) == digest(state)


SEARCH = settings(
    # It stops at the first find.
    max_examples=2_000,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
Patch = pytest.MonkeyPatch
pytestmark = pytest.mark.no_cover
TestTeam = TeamMachine.TestCase
TestTeam.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def open_orders_are_not_counted(patch: Patch) -> None:
    patch.setattr(allowances, "open_micros", lambda *args, **kwargs: 0)


def a_fill_is_not_counted_for_a_maker(patch: Patch) -> None:
    count = allowances.count_fill

    def forgetful(state: Any, account: Any, listed: Any, terms: Any, quote: int) -> None:
        if terms.time_in_force is not v.TimeInForce.GTC:
            count(state, account, listed, terms, quote)

    patch.setattr(allowances, "count_fill", forgetful)


def what_is_taken_at_once_is_not_asked_about(patch: Patch) -> None:
    refusal = cover.member_refusal

    def careless(*args: Any, taken: Any, resting: int) -> Any:
        return refusal(*args, taken=None, resting=resting)

    patch.setattr(cover, "member_refusal", careless)


def an_auction_pays_what_it_wants(patch: Patch) -> None:
    patch.setattr(auctions, "exceeds", lambda *args, **kwargs: False)


def a_quoted_trade_is_nobodys(patch: Patch) -> None:
    make = deals.make

    def anonymous(state: Any, deal: Any) -> None:
        for party in (deal.requester, deal.maker):
            party.order.terms = replace(party.order.terms, actor=0)
        make(state, deal)

    patch.setattr(deals, "make", anonymous)


def orders_of_strategies_lose_their_member(patch: Patch) -> None:
    order = strategies._order
    patch.setattr(strategies, "_order", lambda *args: replace(order(*args), actor=0))


def a_lower_limit_leaves_orders_open(patch: Patch) -> None:
    patch.setattr(member_limits, "end_opening_of", lambda *args: None)


def what_is_cancelled_stays_open(patch: Patch) -> None:
    note_open = allowances.note_open

    def forgetful(account: Any, listed: Any, order: Any, lots: int) -> None:
        if lots > 0:
            note_open(account, listed, order, lots)

    patch.setattr(resting, "note_open", forgetful)


def a_day_never_ends(patch: Patch) -> None:
    patch.setattr(allowances, "day_of", lambda state: 0)


BUGS: tuple[Callable[[Patch], None], ...] = (
    open_orders_are_not_counted,
    a_fill_is_not_counted_for_a_maker,
    what_is_taken_at_once_is_not_asked_about,
    an_auction_pays_what_it_wants,
    a_quoted_trade_is_nobodys,
    orders_of_strategies_lose_their_member,
    a_lower_limit_leaves_orders_open,
    what_is_cancelled_stays_open,
    a_day_never_ends,
)


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_the_property_finds_the_bug(
    plant: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(TeamMachine, settings=SEARCH)
