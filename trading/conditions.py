"""The conditions of an order in the words of the API: triggers, exits, slippage tolerance.

They are read in one place and told in one place; percentages are exact to a billionth.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.rejects import Reject
from engine.vocabulary import Conditions, Exit, OrderType, Slippage, Trigger, TriggerBy
from gateway.decimals import DecimalError, format_decimal, parse_decimal
from trading.catalog import ListedMarket
from trading.refusals import Refusal, Refused, invalid_request, refusal

PERCENT: Final = "Percent"
TICK_SIZE: Final = "TickSize"
TOLERANCE_TYPES: Final = (TICK_SIZE, PERCENT)
# One per cent is 10^7 billionths.
_PERCENT_DECIMALS: Final = 7
_ALL_PPB: Final = 10**9
# What an order without conditions shows: every name of the contract, empty.
NOTHING: Final[Mapping[str, str | None]] = dict.fromkeys(
    (
        *("slippageTolerance", "slippageToleranceType"),
        *("stopLossLimitPrice", "stopLossTriggerBy", "stopLossTriggerPrice"),
        *("takeProfitLimitPrice", "takeProfitTriggerBy", "takeProfitTriggerPrice"),
        *("triggerBy", "triggerPrice", "triggerQuantity"),
    )
)
NAMES: Final = frozenset(NOTHING)


class Asked(msgspec.Struct, frozen=True):
    """The conditions of a request. `lots` are those of a trigger; None for a share, or without."""

    conditions: Conditions
    lots: int | None = None


def read(words: Mapping[str, str], listed: ListedMarket, order_type: OrderType) -> Asked | None:
    """Return the conditions that `words` name, or None if they name none. Raises Refused."""
    slippage = _slippage(words)
    if slippage is not None and order_type is OrderType.LIMIT:
        raise Refused(_invalid("`slippageTolerance` is for market orders: send it without"))
    trigger, lots = _trigger(words, listed)
    conditions = Conditions(
        trigger=trigger,
        take_profit=_exit(words, listed, "takeProfit"),
        stop_loss=_exit(words, listed, "stopLoss"),
        slippage=slippage,
    )
    return None if conditions == Conditions() else Asked(conditions, lots)


def texts(
    listed: ListedMarket, conditions: Conditions | None, *, padded: bool = False
) -> Mapping[str, str | None]:
    """Return the conditions by their names in the API, less the quantity of a trigger.

    Args:
        padded: prices with all decimals of their tick, as the streams write them.
    """
    if conditions is None:
        return NOTHING
    price_text = listed.padded_price if padded else listed.price_text
    told = dict(NOTHING)
    trigger, slippage = conditions.trigger, conditions.slippage
    if trigger is not None:
        told["triggerBy"] = trigger.by.value
        told["triggerPrice"] = price_text(trigger.price_ticks)
    for name, one in (
        ("takeProfit", conditions.take_profit),
        ("stopLoss", conditions.stop_loss),
    ):
        if one is not None:
            told[f"{name}TriggerPrice"] = price_text(one.price_ticks)
            told[f"{name}TriggerBy"] = one.by.value
            if one.limit_ticks is not None:
                told[f"{name}LimitPrice"] = price_text(one.limit_ticks)
    if slippage is not None and slippage.ticks is not None:
        told["slippageTolerance"], told["slippageToleranceType"] = str(slippage.ticks), TICK_SIZE
    elif slippage is not None:
        percent = format_decimal(slippage.ppb or 0, _PERCENT_DECIMALS)
        told["slippageTolerance"], told["slippageToleranceType"] = percent, PERCENT
    return told


def _trigger(words: Mapping[str, str], listed: ListedMarket) -> tuple[Trigger | None, int | None]:
    price, quantity = words.get("triggerPrice"), words.get("triggerQuantity")
    if price is None and quantity is None:
        if "triggerBy" in words:
            raise Refused(invalid_request("`triggerBy` needs `triggerPrice` and `triggerQuantity`"))
        return None, None
    if price is None or quantity is None:
        message = "Must specify both `triggerPrice` and `triggerQuantity` or neither"
        raise Refused(invalid_request(message))
    # bpx-py spells it so.
    name = "triggeredBy" if "triggerBy" not in words and "triggeredBy" in words else "triggerBy"
    by, ticks = _by(words, name), _price(words, listed, "triggerPrice")
    if not quantity.endswith("%"):
        return Trigger(ticks, by), listed.parse_quantity(quantity)
    share = _percent(quantity[:-1], "triggerQuantity")
    if not 0 < share <= _ALL_PPB or not listed.is_perp:
        message = "`triggerQuantity` in percent is of a perpetual position: above 0% and up to 100%"
        raise Refused(refusal(Reject.INVALID_TRIGGER, message))
    return Trigger(ticks, by, share), None


def _exit(words: Mapping[str, str], listed: ListedMarket, name: str) -> Exit | None:
    price, limit = f"{name}TriggerPrice", f"{name}LimitPrice"
    if price not in words:
        if limit in words or f"{name}TriggerBy" in words:
            raise Refused(invalid_request(f"`{price}` is required beside the others"))
        return None
    return Exit(
        _price(words, listed, price),
        _by(words, f"{name}TriggerBy"),
        _price(words, listed, limit) if limit in words else None,
    )


def _price(words: Mapping[str, str], listed: ListedMarket, name: str) -> int:
    """Return a price in ticks; of several in one request, a refusal names the one it means."""
    try:
        return listed.parse_price(words[name])
    except Refused as refused:
        message = f"`{name}`: {refused.refusal.message}"
        raise Refused(msgspec.structs.replace(refused.refusal, message=message)) from None


def _by(words: Mapping[str, str], name: str) -> TriggerBy:
    value = words.get(name, TriggerBy.MARK.value)
    try:
        return TriggerBy(value)
    except ValueError:
        choices = ", ".join(by.value for by in TriggerBy)
        raise Refused(invalid_request(f"`{name}` must be one of {choices}")) from None


def _slippage(words: Mapping[str, str]) -> Slippage | None:
    value, kind = words.get("slippageTolerance"), words.get("slippageToleranceType")
    if value is None and kind is None:
        return None
    if value is None or kind not in TOLERANCE_TYPES:
        message = (
            "Must specify both `slippageTolerance` and `slippageToleranceType` "
            f"({' or '.join(TOLERANCE_TYPES)}) or neither"
        )
        raise Refused(invalid_request(message))
    if kind == PERCENT:
        share = _percent(value, "slippageTolerance")
        if share < _ALL_PPB:
            return Slippage(ppb=share)
    elif value.isascii() and value.isdigit() and len(value) <= 15:
        return Slippage(ticks=int(value))
    message = "`slippageTolerance` is a whole number of ticks, or a percentage below 100"
    raise Refused(_invalid(message))


def _percent(text: str, name: str) -> int:
    """Return a percentage in billionths of the whole."""
    try:
        return parse_decimal(text, _PERCENT_DECIMALS)
    except DecimalError:
        message = f"`{name}` must be a plain decimal number of at most {_PERCENT_DECIMALS} decimals"
        raise Refused(_invalid(message)) from None


def _invalid(message: str) -> Refusal:
    return refusal(Reject.INVALID_ORDER, message)
