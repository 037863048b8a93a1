"""The messages of private streams: an account's orders, positions, balances, lends and debts.

Absent values are left out, except `t` (the trade), which is null. `E` and `T` are added on sending.
"""

from typing import Final

from engine.catalog import Fraction
from engine.events import BalanceChanged, BorrowLendMoved, PositionChanged
from engine.kinds import OrderStatus
from engine.margin import fraction_ppb
from engine.order_events import (
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderModified,
    OrderPlaced,
    OrderTriggered,
    TriggerFailed,
    TriggerPlaced,
)
from engine.units import PRICE_SCALE, div_floor
from engine.vocabulary import OrderType
from gateway.decimals import format_decimal, format_padded
from lending.history import WIRE_SOURCES
from lending.selectors import position_id
from trading.catalog import ListedMarket, catalog
from trading.conditions import texts
from trading.live import LiveMarket

OrderEvent = (
    OrderPlaced
    | OrderFilled
    | OrderCancelled
    | OrderExpired
    | OrderModified
    | TriggerPlaced
    | OrderTriggered
    | TriggerFailed
)
# Of these no fill is told with the event itself.
_UNFILLED: Final = (OrderPlaced, TriggerPlaced, OrderTriggered, TriggerFailed)
_PPB_DECIMALS: Final = 9
# The keys of conditions, and what they are called in REST.
_CONDITION_KEYS: Final = {
    "P": "triggerPrice",
    "B": "triggerBy",
    "a": "takeProfitTriggerPrice",
    "j": "takeProfitLimitPrice",
    "d": "takeProfitTriggerBy",
    "b": "stopLossTriggerPrice",
    "k": "stopLossLimitPrice",
    "g": "stopLossTriggerBy",
}
# Who placed an order, by the kind of the house's order as REST names it.
ORIGINS: Final = {
    "CollateralConversion": "COLLATERAL_CONVERSION",
    "FutureExpiry": "SETTLEMENT_AUTOCLOSE",
    "LiquidatePositionOnAdl": "ADL_AUTOCLOSE",
    "LiquidatePositionOnBackstop": "BACKSTOP_LIQUIDITY_PROVIDER",
    "LiquidatePositionOnBook": "LIQUIDATION_AUTOCLOSE",
    "OrderBookClosed": "SETTLEMENT_AUTOCLOSE",
}


def order_fields(event: OrderEvent, listed: ListedMarket) -> dict[str, object]:
    """Return an order update, without its times."""
    terms = event.terms
    # A new order is told as it entered; its fills follow, each with what it made of the order.
    executed_lots = executed_quote = 0
    if not isinstance(event, _UNFILLED):
        executed_lots, executed_quote = event.executed_lots, event.executed_quote_atoms
    quote = terms.quote_atoms
    if terms.lots is not None and terms.price_ticks is not None:
        quote = terms.lots * terms.price_ticks * listed.quote_atoms_per_tick
    data: dict[str, object] = {
        "O": "USER" if terms.system is None else ORIGINS[terms.system],
        "S": terms.side,
        "V": terms.self_trade_prevention,
        "Z": _quote(listed, executed_quote),
        "f": terms.time_in_force,
        "i": str(terms.order_id),
        "o": terms.type.value.upper(),
        "q": "0" if terms.lots is None else listed.padded_quantity(terms.lots),
        "r": terms.reduce_only,
        "s": terms.market,
        "t": None,
        "z": listed.padded_quantity(executed_lots) if executed_lots else "0",
    }
    if quote is not None:
        data["Q"] = _quote(listed, quote)
    if terms.type is OrderType.LIMIT and terms.price_ticks is not None:
        data["p"] = listed.padded_price(terms.price_ticks)
        data["y"] = terms.post_only
    if terms.client_id is not None:
        data["c"] = terms.client_id
    if terms.related is not None:
        data["I"] = terms.related
    if terms.strategy is not None:
        data["H"] = terms.strategy
    if terms.conditions is not None:
        data |= _conditions(event, listed)
    return data | _what_happened(event, listed)


def _conditions(event: OrderEvent, listed: ListedMarket) -> dict[str, object]:
    terms = event.terms
    told = texts(listed, terms.conditions, padded=True)
    data: dict[str, object] = {
        key: told[name] for key, name in _CONDITION_KEYS.items() if told[name] is not None
    }
    if "P" in data:
        waits = isinstance(event, TriggerPlaced)
        lots = event.lots_open if isinstance(event, TriggerPlaced) else terms.lots
        data["Y"] = listed.padded_quantity(lots or 0)
        if waits:
            data["q"] = "0"
    return data


def _what_happened(event: OrderEvent, listed: ListedMarket) -> dict[str, object]:
    if isinstance(event, TriggerPlaced):
        return {"e": "triggerPlaced", "X": OrderStatus.TRIGGER_PENDING}
    if isinstance(event, TriggerFailed):
        return {"e": "triggerFailed", "X": OrderStatus.TRIGGER_FAILED, "R": event.reason}
    if isinstance(event, OrderPlaced | OrderTriggered):
        return {"e": "orderAccepted", "X": OrderStatus.NEW}
    if isinstance(event, OrderFilled):
        fee_decimals = catalog().assets[event.fee_asset].decimals
        return {
            "e": "orderFill",
            "X": event.status,
            "L": listed.padded_price(event.price_ticks),
            "N": event.fee_asset,
            "l": listed.padded_quantity(event.lots),
            "m": event.is_maker,
            "n": format_decimal(event.fee_atoms, fee_decimals),
            "t": event.trade_id,
        }
    if isinstance(event, OrderCancelled):
        return {"e": "orderCancelled", "X": OrderStatus.CANCELLED}
    if isinstance(event, OrderExpired):
        return {"e": "orderExpired", "X": OrderStatus.EXPIRED, "R": event.reason}
    return {"e": "orderModified", "X": event.status}


def position_fields(event: PositionChanged, market: LiveMarket, at_ns: int) -> dict[str, object]:
    """Return a position update, without its times. The exposure leaves open orders out."""
    listed = market.listed
    mark_e8 = market.mark_e8 or 0
    value = _value_atoms(listed, lots=event.lots, mark_e8=mark_e8)
    notional = abs(value)
    return {
        "e": _position_event(event, at_ns),
        "s": event.market,
        "b": _price(listed, _break_even_atoms(event), event.lots),
        "B": _price(listed, event.entry_quote_atoms, event.lots),
        "f": _fraction(listed.market.imf, notional),
        "M": listed.mark_text(mark_e8),
        "m": _fraction(listed.market.mmf, notional),
        "q": listed.quantity_text(event.lots),
        "Q": listed.quantity_text(abs(event.lots)),
        "n": listed.quote_text(notional),
        "i": event.position_id,
        "p": listed.quote_text(event.realized_atoms),
        "P": listed.quote_text(value - event.entry_quote_atoms),
        "l": "0",
    }


def balance_fields(event: BalanceChanged) -> dict[str, object]:
    """Return a balance update, without its times."""
    decimals = catalog().assets[event.asset].decimals
    return {
        "e": "balanceUpdate",
        "a": event.asset,
        "A": format_decimal(event.available_atoms, decimals),
        "L": format_decimal(event.locked_atoms, decimals),
        "S": "0",
    }


def movement_fields(event: BorrowLendMoved) -> dict[str, object]:
    """Return a movement of a lend or debt, in the words of its history, without its times."""
    return {
        "e": "borrowLend",
        "eventType": event.kind,
        "positionId": position_id(event.account, event.asset),
        "quantity": format_decimal(event.amount_atoms, catalog().assets[event.asset].decimals),
        "source": WIRE_SOURCES.get(event.source, event.source),
        "symbol": event.asset,
    }


def _position_event(event: PositionChanged, at_ns: int) -> str:
    if not event.lots:
        return "positionClosed"
    return "positionOpened" if event.opened_at_ns == at_ns else "positionAdjusted"


def _value_atoms(listed: ListedMarket, *, lots: int, mark_e8: int) -> int:
    """Return what `lots` are worth at the mark, in quote atoms; negative for a short."""
    base_atoms = lots * listed.market.lot_atoms
    numerator = base_atoms * mark_e8 * 10**listed.quote.decimals
    return div_floor(numerator, PRICE_SCALE * 10**listed.base.decimals)


def _break_even_atoms(event: PositionChanged) -> int:
    """Return for how much a position must be closed to have cost nothing."""
    return event.entry_quote_atoms + event.fees_atoms - event.funding_atoms


def _price(listed: ListedMarket, quote_atoms: int, lots: int) -> str:
    return listed.mean_price(quote_atoms, lots) if lots else "0"


def _fraction(fraction: Fraction | None, notional: int) -> str:
    if fraction is None:
        return "0"
    return format_decimal(fraction_ppb(fraction, notional), _PPB_DECIMALS)


def _quote(listed: ListedMarket, atoms: int) -> str:
    """Return a quote amount with as many decimals as price times quantity has."""
    if not atoms:
        return "0"
    decimals = min(listed.price_decimals + listed.quantity_decimals, listed.quote.decimals)
    whole, rest = divmod(atoms, 10 ** (listed.quote.decimals - decimals))
    return listed.quote_text(atoms) if rest else format_padded(whole, decimals)
