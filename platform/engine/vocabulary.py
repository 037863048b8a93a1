"""The words in which orders are asked for; spelled as on the wire."""

from enum import StrEnum

import msgspec


class Side(StrEnum):
    BID = "Bid"
    ASK = "Ask"


class OrderType(StrEnum):
    LIMIT = "Limit"
    MARKET = "Market"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTradePrevention(StrEnum):
    REJECT_TAKER = "RejectTaker"
    REJECT_MAKER = "RejectMaker"
    REJECT_BOTH = "RejectBoth"


class TriggerBy(StrEnum):
    """Which price a trigger watches."""

    LAST = "LastPrice"
    MARK = "MarkPrice"
    INDEX = "IndexPrice"


class CancelKind(StrEnum):
    """Which open orders to cancel."""

    RESTING = "RestingLimitOrder"
    CONDITIONAL = "ConditionalOrder"


class ExecutionMode(StrEnum):
    """Who picks the quote of a request: the requester, or the first at its price or better."""

    AWAIT_ACCEPT = "AwaitAccept"
    IMMEDIATE = "Immediate"


class Trigger(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Wait until a price is met. `share_ppb` of the position stands in for the order's lots."""

    price_ticks: int
    by: TriggerBy = TriggerBy.MARK
    share_ppb: int | None = None


class Exit(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Close what an order has opened once a price is met, at the market or at a limit."""

    price_ticks: int
    by: TriggerBy = TriggerBy.MARK
    limit_ticks: int | None = None


class Slippage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How much worse than the best opposite price a market order may get: one of the two."""

    ticks: int | None = None
    ppb: int | None = None


class Conditions(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What few orders ask for: to wait for a price, to be closed at one, to keep near one."""

    trigger: Trigger | None = None
    take_profit: Exit | None = None
    stop_loss: Exit | None = None
    slippage: Slippage | None = None


# To read a member through its enum costs more than a dictionary look-up. Where each order passes,
# it is read from here.
BID, ASK = Side.BID, Side.ASK
LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
REJECT_TAKER, REJECT_MAKER = SelfTradePrevention.REJECT_TAKER, SelfTradePrevention.REJECT_MAKER
