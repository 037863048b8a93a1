"""The profit of a hedge, fill by fill, at average cost. Pure.

    opening   cost += quantity × price
    closing   realized = what came in − the closed part of the cost, the rest of which stays

The cost has the sign of the position. What a division leaves over stays in the cost.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

SMALLEST = Decimal("1e-12")
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)


class Holding(NamedTuple):
    """A position (above zero when long), what it cost, and what the last fill realized."""

    position: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)


class Trade(NamedTuple):
    """What was bought or sold, and at which price in USD."""

    is_buy: bool
    quantity: Decimal
    price: Decimal


def after_trade(holding: Holding, trade: Trade) -> Holding:
    """Return the holding after a trade.

    >>> long = after_trade(Holding(), Trade(True, Decimal(2), Decimal(100)))
    >>> after_trade(long, Trade(False, Decimal(3), Decimal(110)))
    Holding(position=Decimal('-1'), cost=Decimal('-110'), realized=Decimal('20'))
    """
    is_buy, quantity, price = trade
    held, cost, realized = holding.position, holding.cost, Decimal(0)
    closes = min(abs(held), quantity) if (held < 0) is is_buy else Decimal(0)
    if closes:
        closed_cost = cost if closes == abs(held) else _part(cost, closes, abs(held))
        came_in = -closes * price if is_buy else closes * price
        realized = came_in - closed_cost
        cost -= closed_cost
    opens = (quantity - closes) * price
    cost += opens if is_buy else -opens
    return Holding(held + (quantity if is_buy else -quantity), cost, realized)


def slippage(trade: Trade, mark: Decimal) -> Decimal:
    """Return what a trade cost against the mark; below zero where it was better.

    >>> slippage(Trade(False, Decimal(2), Decimal(99)), Decimal(100))
    Decimal('2')
    """
    worse = trade.price - mark if trade.is_buy else mark - trade.price
    return worse * trade.quantity


def _part(cost: Decimal, closes: Decimal, held: Decimal) -> Decimal:
    share = _WIDE.divide(_WIDE.multiply(cost, closes), held)
    return share.quantize(SMALLEST, context=_WIDE)
