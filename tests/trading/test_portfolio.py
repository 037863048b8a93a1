"""Margin from rows: the small state that the API computes with says what the engine says."""

import pytest

from engine.commands import Borrow, CancelAllOrders, Lend
from engine.margin import Health, MarginType, health
from engine.vocabulary import Side
from sequencer.inline import InlineEngine
from tests.api.house import Trader, accepted, open_house
from trading import account_states, portfolio


def both(live: InlineEngine, trader: Trader, margin_type: MarginType) -> tuple[Health, Health]:
    state, account = account_states.load(trader.id)
    true = live.engine.state
    return (
        health(state, account, margin_type),
        health(true, true.accounts[trader.id], margin_type),
    )


def test_health_from_rows_is_the_engines_own_in_a_busy_account(live_engine: InlineEngine) -> None:
    alice, bob = open_house()
    alice.deposit("BTC", 1)
    accepted(Lend(account=alice.id, asset="BTC", amount_atoms=100_000_000))
    accepted(Borrow(account=bob.id, asset="BTC", amount_atoms=30_000_000))
    alice.limit("SOL_USDC_PERP", Side.BID, ticks=10_100, lots=1_000)
    bob.limit("SOL_USDC_PERP", Side.ASK, ticks=10_050, lots=1_500)
    bob.limit("SOL_USDC_PERP", Side.BID, ticks=9_900, lots=2_000, reduce_only=True)
    bob.limit("BTC_USDC_PERP", Side.BID, ticks=501_000, lots=5_000)
    alice.limit("BTC_USDC_PERP", Side.ASK, ticks=502_000, lots=700)
    alice.limit("SOL_USDC", Side.BID, ticks=9_000, lots=500)
    # More SOL than he has: the rest would be borrowed from what alice lends.
    accepted(Lend(account=alice.id, asset="SOL", amount_atoms=100 * 10**9))
    bob.limit("SOL_USDC", Side.ASK, ticks=12_000, lots=12_000, auto_borrow=True)
    for trader in (alice, bob):
        for margin_type in MarginType:
            from_rows, true = both(live_engine, trader, margin_type)
            assert from_rows == true, (trader.user, margin_type)
    accepted(CancelAllOrders(account=bob.id))
    from_rows, true = both(live_engine, bob, MarginType.INITIAL)
    assert from_rows == true


@pytest.mark.parametrize("side", [Side.BID, Side.ASK])
def test_at_the_liquidation_price_maintenance_is_just_missed(
    live_engine: InlineEngine, side: Side
) -> None:
    alice, bob = open_house()
    other = Side.ASK if side is Side.BID else Side.BID
    # Some 2.5 times his money: in reach of a fall, or of a rise less what his own SOL gains.
    alice.deposit("USDC", 1_000_000)
    alice.limit("SOL_USDC_PERP", other, ticks=10_000, lots=250_000)
    bob.limit("SOL_USDC_PERP", side, ticks=10_000, lots=250_000)
    (row,) = portfolio.positions(bob.id, user=1, symbol="SOL_USDC_PERP")
    whole, _, cents = row.liquidation_price.partition(".")
    price_e8 = int(whole) * 10**8 + int(cents.ljust(8, "0") or 0)
    state, account = account_states.load(bob.id)
    index, mark = state.prices["SOL"], state.markets["SOL_USDC_PERP"].perp_mark().price
    step = 1 if side is Side.BID else -1

    def sound(mark_e8: int) -> bool:
        index.now_e8 = mark.now_e8 = mark_e8
        now = health(state, account, MarginType.MAINTENANCE)
        return now.equity >= now.margin

    assert not sound(price_e8)
    assert sound(price_e8 + step)
    assert (price_e8 < 100 * 10**8) is (side is Side.BID)
