"""Bring the desks' inventory home on our own book, slowly; only where HEDGE_UNWIND says so.

Each minute what is left of the last order is cancelled, and one is placed: reduce-only, at the mark
or better, for at most a twentieth of what was traded in the minute before. The hedge follows the
inventory as it always does.
"""

from datetime import datetime, timedelta
from typing import Final

from engine.commands import CancelAllOrders, Command, PlaceOrder
from engine.units import AccountId
from engine.vocabulary import Side
from gateway.period import Round, submit_each
from hedging.models import Desk
from trading.candle_models import Candle, PricePoint
from trading.catalog import market_named
from trading.models import Position

# One part in so many of a minute's volume.
VOLUME_PART: Final = 20


def unwind_all(now: datetime, *, every_seconds: int) -> Round:
    """Cancel the last orders of the running desks and place new ones; return how those went."""
    desks = list(Desk.objects.filter(state=Desk.State.RUNNING).order_by("market"))
    cancels: dict[str, Command] = {
        desk.market: CancelAllOrders(account=AccountId(desk.account_id), market=desk.market)
        for desk in desks
    }
    submit_each("unwind-cancel", cancels, every_seconds=every_seconds)
    orders = {desk.market: order for desk in desks if (order := _order(desk, now))}
    return submit_each("unwind", orders, every_seconds=every_seconds)


def _order(desk: Desk, now: datetime) -> PlaceOrder | None:
    held = Position.objects.filter(account_id=desk.account_id, market=desk.market).first()
    mark = PricePoint.objects.filter(symbol=desk.market, kind=PricePoint.Kind.MARK).first()
    minute = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
    traded = Candle.objects.filter(market=desk.market, start=minute).first()
    if held is None or mark is None or traded is None:
        return None
    market = market_named(desk.market).market
    lots = lots_to_unwind(held.lots, traded=int(traded.lots), least=market.min_lots)
    if not lots:
        return None
    side = Side.ASK if held.lots > 0 else Side.BID
    return PlaceOrder(
        account=AccountId(desk.account_id),
        market=desk.market,
        side=side,
        price_ticks=price_to_unwind(int(mark.price_e8), tick_e8=market.tick_e8, side=side),
        lots=lots,
        reduce_only=True,
    )


def lots_to_unwind(held: int, *, traded: int, least: int) -> int:
    """Return how much of a position may go in a minute, rounded down; 0 below the smallest order.

    >>> lots_to_unwind(-500, traded=219, least=1), lots_to_unwind(3, traded=10_000, least=1)
    (10, 3)
    >>> lots_to_unwind(500, traded=19, least=1)
    0
    """
    lots = min(abs(held), traded // VOLUME_PART)
    return lots if lots >= least else 0


def price_to_unwind(mark_e8: int, *, tick_e8: int, side: Side) -> int:
    """Return the tick at the mark or better for us: up for what we sell, down for what we buy.

    >>> price_to_unwind(1001, tick_e8=10, side=Side.ASK)
    101
    >>> price_to_unwind(1009, tick_e8=10, side=Side.BID)
    100
    """
    return -(-mark_e8 // tick_e8) if side is Side.ASK else mark_e8 // tick_e8
