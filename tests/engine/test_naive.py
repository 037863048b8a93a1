"""The engine's book and the naive book agree, trade by trade."""

from hypothesis import given
from hypothesis import strategies as st

from engine import events as e
from engine import order_events as oe
from engine.commands import CancelOrder
from engine.units import AccountId, OrderId
from engine.vocabulary import Side, TimeInForce
from tests.engine.driver import ALICE, BOB, Exchange, limit
from tests.engine.naive import NaiveBook

PLACE = st.tuples(
    st.sampled_from(Side),
    st.integers(min_value=9_990, max_value=10_010),
    st.integers(min_value=1, max_value=30),
    st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC]),
)
CANCEL = st.integers(min_value=0, max_value=30)


@given(st.lists(st.one_of(PLACE, PLACE, CANCEL), max_size=60))
def test_the_book_agrees_with_the_naive_book_trade_by_trade(
    steps: list[tuple[Side, int, int, TimeInForce] | int],
) -> None:
    exchange, naive = Exchange(), NaiveBook()
    placed: list[tuple[OrderId, AccountId]] = []
    for account in (ALICE, BOB):
        exchange.deposit(account, "USDC", 10**13)
        exchange.deposit(account, "SOL", 10**14)
    for step in steps:
        if isinstance(step, int):
            if not placed:
                continue
            order_id, account = placed[step % len(placed)]
            exchange.apply(CancelOrder(account=account, market="SOL_USDC", order_id=order_id))
            naive.cancel(order_id)
        else:
            side, price_ticks, lots, time_in_force = step
            # Bids come from one customer and asks from the other, or prevention would interfere.
            account = ALICE if side is Side.BID else BOB
            events = exchange.apply(
                limit(
                    account, side, lots=lots, price_ticks=price_ticks, time_in_force=time_in_force
                )
            )
            answer = events[0]
            assert isinstance(answer, oe.OrderPlaced), answer
            order_id = OrderId(answer.terms.order_id)
            placed.append((order_id, account))
            expected = naive.place(
                order_id=order_id,
                side=side,
                price_ticks=price_ticks,
                lots=lots,
                rest=time_in_force is TimeInForce.GTC,
            )
            assert _trades(events) == expected
        depth = exchange.engine.depth("SOL_USDC")
        assert tuple(depth.bids) == naive.levels(Side.BID)
        assert tuple(depth.asks) == naive.levels(Side.ASK)


def _trades(events: tuple[e.Event, ...]) -> list[tuple[int, int, int, int]]:
    return [
        (
            trade.seller_order if trade.buyer_is_maker else trade.buyer_order,
            trade.buyer_order if trade.buyer_is_maker else trade.seller_order,
            trade.price_ticks,
            trade.lots,
        )
        for trade in events
        if isinstance(trade, oe.TradeExecuted)
    ]
