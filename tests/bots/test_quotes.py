"""What the maker wants in a book, and how it gets there."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.quotes import (
    ASK,
    BID,
    LEVELS,
    SPARE_LEVELS,
    Level,
    Resting,
    Rules,
    change,
    crosses,
    ladder,
)
from bots.taker import taking_order

BTC = Rules(
    symbol="BTC_USDC", tick=Decimal("0.1"), step=Decimal("0.00001"), minimum=Decimal("0.00001")
)
TETHER = Rules(
    symbol="USDT_USDC", tick=Decimal("0.0001"), step=Decimal("0.1"), minimum=Decimal("0.1")
)


def quotes(index: str, *, lean: str = "0", rules: Rules = BTC) -> dict[Level, int]:
    return ladder(rules, index=Decimal(index), size=Decimal("0.06"), lean=Decimal(lean))


def side(levels: dict[Level, int], name: str) -> list[int]:
    return [ticks for (of, ticks) in levels if of == name]


@pytest.mark.parametrize(("rules", "index"), [(BTC, "86712.34"), (TETHER, "0.9996")])
def test_bids_and_asks_surround_the_index_best_first_and_never_cross(
    rules: Rules, index: str
) -> None:
    levels = quotes(index, rules=rules)
    bids, asks = side(levels, BID), side(levels, ASK)
    assert len(bids) == len(asks) == LEVELS + SPARE_LEVELS
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] * rules.tick < Decimal(index) < asks[0] * rules.tick
    assert (asks[0] - bids[0]) * rules.tick < Decimal(index) * Decimal("0.001")
    assert all(steps > 0 for steps in levels.values())


def test_a_small_move_of_the_index_changes_nothing() -> None:
    assert quotes("86712.34") == quotes("86712.39")


def test_a_move_by_one_grid_step_exchanges_one_order_a_side() -> None:
    resting = {level: Resting("1", steps) for level, steps in quotes("86712.34").items()}
    moved = change(quotes("86717.34"), resting)
    # The ask nearest to the new index is in the way; the spare levels at the far ends may go too.
    assert sorted(level[0] for level in moved.cancel) == [ASK, BID]
    assert len(moved.place) == 1


def test_an_order_that_was_nearly_filled_is_replaced_by_a_full_one() -> None:
    wanted = quotes("86712.34")
    resting = {level: Resting("1", steps) for level, steps in wanted.items()}
    thin = next(iter(wanted))
    resting[thin] = Resting("1", wanted[thin] // 10)
    todo = change(wanted, resting)
    assert (todo.place, todo.cancel) == (((thin, wanted[thin]),), (thin,))


def test_after_a_jump_the_old_orders_in_the_way_go_when_others_stand_behind_them() -> None:
    resting = {level: Resting("1", steps) for level, steps in quotes("86700").items()}
    todo = change(quotes("87500"), resting)
    assert {level[0] for level, _ in todo.place} == {ASK}
    assert {level[0] for level in todo.clear} == {ASK}
    assert {level[0] for level, _ in todo.follow} == {BID}
    assert {level[0] for level in todo.cancel} == {BID}
    # The one nearest to the new prices goes first.
    assert todo.cancel[0][1] == max(side(dict.fromkeys(todo.cancel, 0), BID))


@given(
    before=st.integers(min_value=80_000, max_value=90_000),
    moved=st.integers(min_value=-3_000, max_value=3_000),
    lean=st.sampled_from(("-0.9", "0", "0.9")),
    filled=st.sets(st.integers(min_value=0, max_value=30)),
)
def test_on_the_way_no_side_is_empty_and_nothing_crosses(
    before: int, moved: int, lean: str, filled: set[int]
) -> None:
    book = {
        level: Resting("1", 1 if number in filled else steps)
        for number, (level, steps) in enumerate(quotes(str(before)).items())
    }
    wanted = quotes(str(before + moved), lean=lean)
    todo = change(wanted, book)
    resting = {(level, "old") for level in book}
    for placed, cancelled in ((todo.place, todo.clear), (todo.follow, todo.cancel)):
        for level, _ in placed:
            assert not any(crosses(level, other) for other, _ in resting)
            resting.add((level, "new"))
        for level in cancelled:
            resting.remove((level, "old"))
            assert {of for (of, _), _ in resting} == {BID, ASK}
    levels = [level for level, _ in resting]
    assert len(levels) == len(set(levels))
    assert set(levels) <= set(wanted)
    assert len(levels) >= 2 * LEVELS


def test_an_empty_book_gets_the_levels_without_the_spare_ones() -> None:
    todo = change(quotes("86712.34"), {})
    assert todo.cancel == ()
    assert len(todo.place) == 2 * LEVELS


def test_inventory_moves_the_quotes_and_at_its_limit_stops_one_side() -> None:
    even, long = quotes("86700"), quotes("86700", lean="0.5")
    assert side(long, BID)[0] < side(even, BID)[0]
    assert side(long, ASK)[0] < side(even, ASK)[0]
    assert side(quotes("86700", lean="1.2"), BID) == []
    assert side(quotes("86700", lean="-1"), ASK) == []
    assert side(quotes("86700", lean="-1"), BID) != []


def test_the_taker_does_not_follow_an_emptied_book() -> None:
    rules = Rules(
        symbol="SOL_USDC", tick=Decimal("0.01"), step=Decimal("0.01"), minimum=Decimal("0.01")
    )
    sell = taking_order(rules, "Ask", index=Decimal(150), quantity=Decimal("1.239"))
    assert (sell["timeInForce"], sell["price"], sell["quantity"]) == ("IOC", "149.40", "1.23")
    buy = taking_order(rules, "Bid", index=Decimal(150), quantity=Decimal("0.001"))
    assert (buy["price"], buy["quantity"]) == ("150.60", "0.01")
