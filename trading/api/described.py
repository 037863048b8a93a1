"""What the fast paths read and answer, described for the OpenAPI document; the edge serves them."""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from accounts.api.fields import NOTHING, DecimalText, UnixMillis
from engine.catalog import MarketState, PriceState, StateReason
from trading.api.markets import MARKET_KINDS

SIDES = ("Bid", "Ask")
ORDER_TYPES = ("Limit", "Market")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")
SELF_TRADE_PREVENTIONS = ("RejectTaker", "RejectMaker", "RejectBoth")
STATUSES = (
    *("New", "PartiallyFilled", "Filled", "Cancelled", "Expired"),
    *("TriggerPending", "TriggerFailed"),
)
TRIGGERS = ("LastPrice", "MarkPrice", "IndexPrice")
TOLERANCES = ("TickSize", "Percent")
INTERVALS = (
    *("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h"),
    *("1d", "3d", "1w", "1month"),
)
DEPTH_LIMITS = ("5", "10", "20", "50", "100", "500", "1000")


class SymbolQuery(serializers.Serializer[Any]):
    symbol = serializers.CharField()


class DepthQuery(SymbolQuery):
    limit = serializers.ChoiceField(choices=DEPTH_LIMITS, required=False)


class TradesQuery(SymbolQuery):
    limit = serializers.IntegerField(required=False)


class TradeHistoryQuery(TradesQuery):
    offset = serializers.IntegerField(required=False)


class TickersQuery(serializers.Serializer[Any]):
    interval = serializers.ChoiceField(choices=("1d", "1w"), required=False)


class TickerQuery(TickersQuery, SymbolQuery):
    pass


class KlinesQuery(SymbolQuery):
    endTime = serializers.IntegerField(required=False, help_text="Unix seconds")
    interval = serializers.ChoiceField(choices=INTERVALS)
    priceType = serializers.ChoiceField(choices=("Last", "Index", "Mark"), required=False)
    startTime = serializers.IntegerField(help_text="Unix seconds")


class MarkPricesQuery(serializers.Serializer[Any]):
    marketType = serializers.ChoiceField(choices=MARKET_KINDS, required=False)
    symbol = serializers.CharField(required=False)


class OpenOrdersQuery(MarkPricesQuery):
    pass


class OrderName(SymbolQuery):
    """Which order: exactly one of the two ids."""

    clientId = serializers.IntegerField(required=False)
    orderId = serializers.CharField(required=False)


class CancelAll(SymbolQuery):
    orderType = serializers.ChoiceField(
        choices=("RestingLimitOrder", "ConditionalOrder"), required=False
    )


class OrderInput(serializers.Serializer[Any]):
    """An order. A limit order needs price and quantity; a market order one of the quantities.

    With triggerPrice and triggerQuantity (an amount, or a percentage of the position) it waits.
    """

    autoBorrow = serializers.BooleanField(required=False)
    autoBorrowRepay = serializers.BooleanField(required=False)
    autoLend = serializers.BooleanField(required=False)
    autoLendRedeem = serializers.BooleanField(required=False)
    clientId = serializers.IntegerField(required=False, min_value=0, max_value=2**32 - 1)
    orderType = serializers.ChoiceField(choices=ORDER_TYPES)
    postOnly = serializers.BooleanField(required=False)
    price = DecimalText(required=False)
    quantity = DecimalText(required=False)
    quoteQuantity = DecimalText(required=False)
    reduceOnly = serializers.BooleanField(required=False)
    selfTradePrevention = serializers.ChoiceField(choices=SELF_TRADE_PREVENTIONS, required=False)
    side = serializers.ChoiceField(choices=SIDES)
    slippageTolerance = DecimalText(required=False)
    slippageToleranceType = serializers.ChoiceField(choices=TOLERANCES, required=False)
    stopLossLimitPrice = DecimalText(required=False)
    stopLossTriggerBy = serializers.ChoiceField(choices=TRIGGERS, required=False)
    stopLossTriggerPrice = DecimalText(required=False)
    symbol = serializers.CharField()
    takeProfitLimitPrice = DecimalText(required=False)
    takeProfitTriggerBy = serializers.ChoiceField(choices=TRIGGERS, required=False)
    takeProfitTriggerPrice = DecimalText(required=False)
    timeInForce = serializers.ChoiceField(choices=TIMES_IN_FORCE, required=False)
    triggerBy = serializers.ChoiceField(choices=TRIGGERS, required=False)
    triggerPrice = DecimalText(required=False)
    triggerQuantity = serializers.CharField(required=False)


class OrderOutput(serializers.Serializer[Any]):
    """An order as it stands after the request. Market orders have no price and no postOnly."""

    clientId = serializers.IntegerField(allow_null=True)
    createdAt = UnixMillis()
    executedQuantity = DecimalText()
    executedQuoteQuantity = DecimalText()
    id = serializers.CharField()
    orderType = serializers.ChoiceField(choices=ORDER_TYPES)
    postOnly = serializers.BooleanField(required=False)
    price = DecimalText(required=False)
    quantity = DecimalText(allow_null=True)
    quoteQuantity = DecimalText(required=False, allow_null=True)
    reduceOnly = serializers.BooleanField(allow_null=True)
    relatedOrderId = serializers.CharField(**NOTHING)
    selfTradePrevention = serializers.ChoiceField(choices=SELF_TRADE_PREVENTIONS)
    side = serializers.ChoiceField(choices=SIDES)
    slippageTolerance = DecimalText(required=False, allow_null=True)
    slippageToleranceType = serializers.CharField(required=False, allow_null=True)
    status = serializers.ChoiceField(choices=STATUSES)
    stopLossLimitPrice = DecimalText(**NOTHING)
    stopLossTriggerBy = serializers.CharField(**NOTHING)
    stopLossTriggerPrice = serializers.CharField(**NOTHING)
    strategyId = serializers.CharField(**NOTHING)
    symbol = serializers.CharField()
    takeProfitLimitPrice = DecimalText(**NOTHING)
    takeProfitTriggerBy = serializers.CharField(**NOTHING)
    takeProfitTriggerPrice = serializers.CharField(**NOTHING)
    timeInForce = serializers.ChoiceField(choices=TIMES_IN_FORCE)
    triggerBy = serializers.CharField(**NOTHING)
    triggerPrice = serializers.CharField(**NOTHING)
    triggerQuantity = serializers.CharField(**NOTHING)
    triggeredAt = serializers.IntegerField(**NOTHING)


class BatchOrder(OrderOutput):
    """An order of a batch which was taken."""

    operation = serializers.ChoiceField(choices=("Ok",))


class BatchRefusal(serializers.Serializer[Any]):
    """An order of a batch which was refused."""

    code = serializers.CharField()
    message = serializers.CharField()
    operation = serializers.ChoiceField(choices=("Err",))


# One for each order of a batch, in order.
BATCH_RESULTS = PolymorphicProxySerializer(
    component_name="BatchResult",
    serializers=[BatchOrder, BatchRefusal],
    resource_type_field_name=None,
    many=True,
)


class Level(serializers.ListField):
    """Price and quantity."""

    child = DecimalText()


class DepthOutput(serializers.Serializer[Any]):
    """A book; both sides by rising price, so the best bid is the last."""

    asks = serializers.ListField(child=Level())
    bids = serializers.ListField(child=Level())
    lastUpdateId = serializers.CharField()
    timestamp = serializers.IntegerField(help_text="Unix microseconds")


class TradeOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    isBuyerMaker = serializers.BooleanField()
    price = DecimalText()
    quantity = DecimalText()
    quoteQuantity = DecimalText()
    timestamp = UnixMillis()


class TickerOutput(serializers.Serializer[Any]):
    """Statistics of a rolling day or week; priceChangePercent is a fraction."""

    firstPrice = DecimalText()
    high = DecimalText()
    lastPrice = DecimalText()
    low = DecimalText()
    priceChange = DecimalText()
    priceChangePercent = DecimalText()
    quoteVolume = DecimalText()
    symbol = serializers.CharField()
    trades = serializers.CharField()
    volume = DecimalText()


class KlineOutput(serializers.Serializer[Any]):
    """A candle; prices are null where nothing was traded."""

    close = DecimalText(allow_null=True)
    end = serializers.CharField()
    high = DecimalText(allow_null=True)
    low = DecimalText(allow_null=True)
    open = DecimalText(allow_null=True)
    quoteVolume = DecimalText()
    start = serializers.CharField()
    trades = serializers.CharField()
    volume = DecimalText()


class MarkPriceOutput(serializers.Serializer[Any]):
    fundingRate = DecimalText(allow_null=True)
    indexPrice = DecimalText(allow_null=True)
    markPrice = DecimalText()
    nextFundingTimestamp = serializers.IntegerField(allow_null=True)
    symbol = serializers.CharField()


class MarketStatesQuery(serializers.Serializer[Any]):
    symbol = serializers.CharField(required=False)


class MarketStateOutput(serializers.Serializer[Any]):
    """What a market takes now. `reason` says who ordered it; null while it is open."""

    class Auction(serializers.Serializer[Any]):
        """What all that cross would trade at now; a positive imbalance is of bids."""

        imbalance = DecimalText()
        price = DecimalText(allow_null=True)
        quantity = DecimalText()

    advice = serializers.CharField()
    auction = Auction(allow_null=True)
    indexes = serializers.DictField(
        child=serializers.ChoiceField(choices=[one.value for one in PriceState])
    )
    message = serializers.CharField()
    reason = serializers.ChoiceField(choices=[one.value for one in StateReason], allow_null=True)
    state = serializers.ChoiceField(choices=[one.value for one in MarketState])
    symbol = serializers.CharField()
    title = serializers.CharField()
    until = UnixMillis(allow_null=True)


class StatusOutput(serializers.Serializer[Any]):
    message = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=("Ok", "Maintenance"))
