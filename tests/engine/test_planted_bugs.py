"""Do the invariants have teeth? Each known bug, planted, must be found by the state machine."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from engine import (
    account_states,
    allowances,
    clock,
    cover,
    danger,
    deals,
    funding,
    gate,
    maintenance,
    market_states,
    matching,
    member_limits,
    orders,
    outlook,
    pending,
    rehearsal,
    resting,
    snapshot,
    snapshot_risk,
    snapshot_waiting,
    strategies,
    trades,
    transfers,
)
from engine import engine as engine_module
from engine.book import BookSide
from engine.catalog import OPEN
from engine.ledger import Ledger
from engine.listed_market import ListedMarket
from engine.pools import Pool
from engine.positions import Position
from engine.quotes import Rfq
from engine.schedule import Work
from engine.units import PPB, RAY
from tests.engine.machine import ExchangeMachine

SEARCH = settings(
    # It stops at the first find: what it takes on the way is the only cost of many.
    max_examples=2_000,
    stateful_step_count=60,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
Patch = pytest.MonkeyPatch
# What a broken engine goes through says nothing of what is covered, and counting doubles the time.
pytestmark = pytest.mark.no_cover


def price_improvement_is_never_released(patch: Patch) -> None:
    release = resting.release

    def forgetful(state: Any, account: Any, listed: Any, order: Any, *, keep: int) -> None:
        if order.level is not None or not order.executed_lots:
            release(state, account, listed, order, keep=keep)

    patch.setattr(resting, "release", forgetful)


def a_cancel_keeps_what_the_order_held(patch: Patch) -> None:
    patch.setattr(resting, "release", lambda *args, **kwargs: None)


def fees_are_minted(patch: Patch) -> None:
    transfer = Ledger.transfer

    def minting(self: Ledger, debit: Any, credit: Any, amount: int, *, kind: str) -> None:
        transfer(self, debit, credit, amount, kind=kind)
        if kind == "fee":
            debit.atoms += amount

    patch.setattr(Ledger, "transfer", minting)


def the_pool_drops_its_remainder(patch: Patch) -> None:
    def lend(self: Pool, amount_atoms: int, bucket: int = 0) -> int:
        scaled = amount_atoms * RAY // self.buckets[bucket].index
        self._change_lends(self.buckets[bucket], scaled)
        return self._moved(scaled)

    patch.setattr(Pool, "lend", lend)


def debts_are_rounded_for_the_borrower(patch: Patch) -> None:
    def borrow(self: Pool, amount_atoms: int) -> int:
        scaled = amount_atoms * RAY // self.debt_index
        self.reserve += scaled * self.debt_index - amount_atoms * RAY
        self.debt_scaled += scaled
        return self._moved(scaled)

    patch.setattr(Pool, "borrow", borrow)


def the_sellers_position_is_not_mirrored(patch: Patch) -> None:
    trade = Position.trade

    def one_sided(self: Position, lots: int, quote_atoms: int, **rest: Any) -> None:
        trade(self, lots, quote_atoms if lots > 0 else quote_atoms - 1, **rest)

    patch.setattr(Position, "trade", one_sided)


def a_partial_fill_leaves_the_level_as_it_was(patch: Patch) -> None:
    reduce = BookSide.reduce

    def lazy(self: BookSide, order: Any, lots: int) -> None:
        if lots < 0 or lots == order.lots_open:
            reduce(self, order, lots)

    patch.setattr(BookSide, "reduce", lazy)


def reduce_only_orders_do_not_shrink(patch: Patch) -> None:
    patch.setattr(matching, "shrink_reduce_only", lambda *args: None)


def exits_outlive_their_position(patch: Patch) -> None:
    patch.setattr(pending, "expire_orphans", lambda *args: None)


def a_met_price_is_forgotten(patch: Patch) -> None:
    def enter_due(state: Any, met: list[Any]) -> None:
        for order_id in met:
            state.triggers[order_id].is_due = True

    patch.setattr(pending, "_enter_due", enter_due)


def an_exit_grows_unseen(patch: Patch) -> None:
    def resize(state: Any, order: Any, lots: int) -> None:
        order.lots_open += lots

    patch.setattr(pending, "_resize", resize)


def a_snapshot_forgets_which_exit_belongs_to_which(patch: Patch) -> None:
    patch.setattr(snapshot_waiting, "_id", lambda state, linked: None)


def margin_is_not_asked(patch: Patch) -> None:
    patch.setattr(orders, "perp_refusal", lambda *args, **kwargs: ())


def margin_does_not_notice_a_settlement(patch: Patch) -> None:
    def move_quote(self: Position, amount_atoms: int) -> None:
        self.quote += amount_atoms

    patch.setattr(Position, "move_quote", move_quote)


def command_ids_are_forgotten(patch: Patch) -> None:
    patch.setattr(engine_module, "_remember", lambda *args: None)


def a_snapshot_forgets_what_an_order_has_done(patch: Patch) -> None:
    fields = tuple(name for name in snapshot.ORDER_FIELDS if name != "executed_lots")
    patch.setattr(snapshot, "ORDER_FIELDS", fields)


def a_strategy_that_ends_leaves_its_order(patch: Patch) -> None:
    patch.setattr(strategies, "_withdraw_child", lambda state, strategy: None)


def makers_are_not_asked_for_margin(patch: Patch) -> None:
    refusal_of = deals.refusal_of

    def trusting(state: Any, deal: Any, party: Any) -> Any:
        if party is deal.maker and deal.listed.is_perp:
            return ()
        return refusal_of(state, deal, party)

    patch.setattr(deals, "refusal_of", trusting)


def a_refresh_drops_quotes_in_silence(patch: Patch) -> None:
    refresh = Rfq.refresh

    def dropping(self: Rfq, at_ns: int) -> None:
        refresh(self, at_ns)
        for quote in list(self.quotes.values()):
            del self.quotes[quote.terms.account]

    patch.setattr(Rfq, "refresh", dropping)


def a_limit_order_walks_through_every_band(patch: Patch) -> None:
    patch.setattr(orders, "reach_of", lambda state, listed, order: order.price)


def open_interest_has_no_limit(patch: Patch) -> None:
    patch.setattr(cover, "_limit_refusal", lambda *args, **more: ())


def a_breaker_is_never_lifted(patch: Patch) -> None:
    patch.setitem(clock.RUNNERS, Work.BREAKER, lambda state, number: None)


def a_market_forgets_what_its_prices_order(patch: Patch) -> None:
    patch.setattr(market_states, "ordered_by_prices", lambda state, listed: OPEN)


def an_owner_meets_itself_in_an_auction(patch: Patch) -> None:
    patch.setattr(matching, "own_across", lambda listed, order: [])


def a_snapshot_forgets_an_auction(patch: Patch) -> None:
    dump = snapshot._dump_orders_to_it
    patch.setattr(snapshot, "_dump_orders_to_it", lambda listed: [*dump(listed)[:-1], 0])


def funding_is_rounded_for_who_gets_it(patch: Patch) -> None:
    def rounded_down(self: ListedMarket, lots: int, *, rate_ppb: int, mark_e8: int) -> int:
        paid = lots * self.market.lot_atoms * mark_e8 * rate_ppb
        return paid // (self.notional_divisor * PPB)

    patch.setattr(ListedMarket, "funding_atoms", rounded_down)


def a_trade_forgets_the_funding_before_it(patch: Patch) -> None:
    forgetful = SimpleNamespace(close_hours=funding.close_hours, pay=lambda *args: None)
    patch.setattr(trades, "funding", forgetful)


def margin_forgets_what_is_owed(patch: Patch) -> None:
    patch.setattr(ListedMarket, "owed_funding", lambda *args: 0)


def margin_does_not_notice_the_end_of_an_hour(patch: Patch) -> None:
    close_hours = funding.close_hours

    def quiet(state: Any, listed: Any) -> None:
        version = state.price_version
        close_hours(state, listed)
        state.price_version = version

    patch.setattr(funding, "close_hours", quiet)


def a_snapshot_forgets_who_has_paid(patch: Patch) -> None:
    fields = tuple(name for name in snapshot.POSITION_FIELDS if name != "funded_hour")
    patch.setattr(snapshot, "POSITION_FIELDS", fields)


def bounds_of_prices_are_too_wide(patch: Patch) -> None:
    def wide(found: Any, **terms: Any) -> Any:
        bounds = maintenance.guards(found, **terms)
        return {key: (low // 2, 2 * high) for key, (low, high) in bounds.items()}

    patch.setattr(danger, "guards", wide)


def changed_accounts_are_not_looked_at(patch: Patch) -> None:
    look_on = danger._look_on

    def careless(state: Any) -> None:
        state.guards.changed.clear()
        look_on(state)

    patch.setattr(danger, "_look_on", careless)


def a_preview_sees_half_of_the_book(patch: Patch) -> None:
    most_lots = rehearsal._most_lots
    patch.setattr(rehearsal, "_most_lots", lambda *args: most_lots(*args) // 2)


def a_liquidation_price_is_a_unit_too_far(patch: Patch) -> None:
    end = outlook._end

    def far(spare: Any, safe: int, unsafe: int) -> int | None:
        found = end(spare, safe, unsafe)
        return None if found is None else found + (1 if unsafe > safe else -1)

    patch.setattr(outlook, "_end", far)


def what_a_member_trades_is_not_counted(patch: Patch) -> None:
    patch.setattr(allowances, "count_fill", lambda *args: None)


def a_snapshot_forgets_what_a_member_has_spent(patch: Patch) -> None:
    fields = tuple(name for name in snapshot_risk.ALLOWANCE_FIELDS if name != "spent_micros")
    patch.setattr(snapshot_risk, "ALLOWANCE_FIELDS", fields)


def prices_stop_no_member(patch: Patch) -> None:
    patch.setattr(member_limits, "_look_at", lambda *args: None)


def a_basket_leaves_what_came_before_the_leg_that_failed(patch: Patch) -> None:
    def one_by_one(state: Any, pair: Any, amounts: dict[str, int], actor: int) -> Any:
        told: Any = ()
        for asset, amount in amounts.items():
            refusal = transfers.transfer_refusal(state, pair, {asset: amount}, actor)
            if refusal:
                return refusal
            gifts = transfers._gifts(state, pair, {asset: amount})
            told += transfers._moved(state, pair, gifts, actor)
        return told

    patch.setattr(transfers, "_move", one_by_one)


def closing_forgets_what_is_in_flight(patch: Patch) -> None:
    left_in = account_states.left_in

    def forgetful(state: Any, account: Any) -> list[str]:
        return [words for words in left_in(state, account) if "in flight" not in words]

    patch.setattr(account_states, "left_in", forgetful)


def who_is_frozen_may_still_open(patch: Patch) -> None:
    patch.setattr(gate, "_opens", lambda command: False)


def a_sweep_takes_what_is_to_be_kept(patch: Patch) -> None:
    largest_move = transfers._largest_move

    def greedy(state: Any, pair: Any, asset: str, most: int, *, actor: int) -> int:
        return largest_move(state, pair, asset, 2 * most, actor=actor)

    patch.setattr(transfers, "_largest_move", greedy)


BUGS: tuple[Callable[[Patch], None], ...] = (
    price_improvement_is_never_released,
    a_cancel_keeps_what_the_order_held,
    fees_are_minted,
    the_pool_drops_its_remainder,
    debts_are_rounded_for_the_borrower,
    the_sellers_position_is_not_mirrored,
    a_partial_fill_leaves_the_level_as_it_was,
    reduce_only_orders_do_not_shrink,
    exits_outlive_their_position,
    a_met_price_is_forgotten,
    an_exit_grows_unseen,
    a_snapshot_forgets_which_exit_belongs_to_which,
    margin_is_not_asked,
    margin_does_not_notice_a_settlement,
    command_ids_are_forgotten,
    a_snapshot_forgets_what_an_order_has_done,
    a_strategy_that_ends_leaves_its_order,
    makers_are_not_asked_for_margin,
    a_refresh_drops_quotes_in_silence,
    a_limit_order_walks_through_every_band,
    open_interest_has_no_limit,
    a_breaker_is_never_lifted,
    a_market_forgets_what_its_prices_order,
    an_owner_meets_itself_in_an_auction,
    a_snapshot_forgets_an_auction,
    funding_is_rounded_for_who_gets_it,
    a_trade_forgets_the_funding_before_it,
    margin_forgets_what_is_owed,
    margin_does_not_notice_the_end_of_an_hour,
    a_snapshot_forgets_who_has_paid,
    bounds_of_prices_are_too_wide,
    changed_accounts_are_not_looked_at,
    a_preview_sees_half_of_the_book,
    a_liquidation_price_is_a_unit_too_far,
    what_a_member_trades_is_not_counted,
    a_snapshot_forgets_what_a_member_has_spent,
    prices_stop_no_member,
    a_basket_leaves_what_came_before_the_leg_that_failed,
    closing_forgets_what_is_in_flight,
    who_is_frozen_may_still_open,
    a_sweep_takes_what_is_to_be_kept,
)


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_the_state_machine_finds_the_bug(
    plant: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, KeyError, AttributeError)):
        run_state_machine_as_test(ExchangeMachine, settings=SEARCH)
