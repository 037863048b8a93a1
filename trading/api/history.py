"""What an account has ordered, what was filled, and what was settled. Signed; paged."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, UtcText
from accounts.api.paging import SortedPageInput, SpanInput, between, page_of, paged
from accounts.api.views import SignedView, access_from, validated
from engine.kinds import RealizeKind, SystemOrder
from trading import position_history, selectors
from trading.api.markets import MARKET_KINDS
from trading.api.unlisted import empty_page

ORDER_ID_MAX = 2**63 - 1
_BOOK, _BACKSTOP = "LiquidatePositionOnBook", "LiquidatePositionOnBackstop"
_ADL, _CONVERSION = "LiquidatePositionOnAdl", SystemOrder.COLLATERAL_CONVERSION.value
# By what fills may be asked for, why the house placed their orders; `User` is none of the house's.
FILL_TYPES = {
    "User": (),
    "BookLiquidation": (_BOOK,),
    "Adl": (_ADL,),
    "Backstop": (_BACKSTOP,),
    "Liquidation": (_BOOK, _BACKSTOP),
    "AllLiquidation": (_BOOK, _BACKSTOP, _ADL),
    "CollateralConversion": (_CONVERSION,),
    "CollateralConversionAndSpotLiquidation": (_CONVERSION,),
}
# By what may be asked for, the sources which rows name. What is not paid here names itself.
SETTLEMENT_SOURCES = {
    "BackstopLiquidation": (
        *("BackstopProviderLiquidation", "BackstopAdlLiquidation"),
        "BackstopLiquidityFundProceeds",
    ),
    "CulledBorrowInterest": ("CulledBorrowInterest",),
    "CulledRealizePnl": (
        RealizeKind.CULLED_ACCOUNT.value,
        RealizeKind.CULLED_SYSTEM.value,
        RealizeKind.CULLED_UTILIZATION.value,
    ),
    "CulledRealizePnlBookUtilization": (RealizeKind.CULLED_UTILIZATION.value,),
    "FundingPayment": (RealizeKind.FUNDING.value,),
    "RealizePnl": (RealizeKind.AUTO.value,),
    "TradingFees": ("TradingFees",),
    "TradingFeesSystem": ("TradingFeesSystem",),
}


class ConditionText(serializers.CharField):
    """One of an order's conditions, by the field's own name; null if the order has none such."""

    def __init__(self, **more: Any) -> None:
        super().__init__(allow_null=True, read_only=True, **more)

    def get_attribute(self, instance: selectors.OrderRow) -> str | None:
        return instance.conditions[str(self.field_name)]


class OrdersInput(SortedPageInput):
    """What a list of orders or fills may be narrowed to."""

    marketType = serializers.ListField(
        child=serializers.ChoiceField(choices=MARKET_KINDS), default=[]
    )
    orderId = serializers.IntegerField(required=False, min_value=0, max_value=ORDER_ID_MAX)
    strategyId = serializers.IntegerField(required=False, min_value=0, max_value=ORDER_ID_MAX)
    symbol = serializers.CharField(required=False)


class OrderHistoryView(SignedView):
    """Return the account's orders, open and finished."""

    instructions: ClassVar = {"GET": "orderHistoryQueryAll"}

    class Output(serializers.Serializer[Any]):
        clientId = serializers.IntegerField(source="client_id", allow_null=True)
        createdAt = UtcText(source="created_at")
        executedQuantity = DecimalText(source="executed_quantity")
        executedQuoteQuantity = DecimalText(source="executed_quote_quantity")
        expiryReason = serializers.CharField(source="expiry_reason", allow_null=True)
        id = serializers.CharField()
        orderType = serializers.CharField(source="order_type")
        postOnly = serializers.BooleanField(source="post_only", allow_null=True)
        price = DecimalText(allow_null=True)
        quantity = DecimalText(allow_null=True)
        quoteQuantity = DecimalText(source="quote_quantity", allow_null=True)
        selfTradePrevention = serializers.CharField(source="self_trade_prevention")
        side = serializers.CharField()
        slippageTolerance = ConditionText()
        slippageToleranceType = ConditionText()
        status = serializers.CharField()
        stopLossLimitPrice = ConditionText()
        stopLossTriggerBy = ConditionText()
        stopLossTriggerPrice = ConditionText()
        strategyId = serializers.CharField(source="strategy_id", allow_null=True)
        symbol = serializers.CharField()
        systemOrderType = serializers.CharField(source="system", allow_null=True)
        takeProfitLimitPrice = ConditionText()
        takeProfitTriggerBy = ConditionText()
        takeProfitTriggerPrice = ConditionText()
        timeInForce = serializers.CharField(source="time_in_force")
        triggerBy = ConditionText()
        triggerPrice = ConditionText()
        triggerQuantity = serializers.CharField(source="trigger_quantity", allow_null=True)

    @extend_schema(
        operation_id="getOrderHistory", parameters=[OrdersInput], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(OrdersInput, request)
        page = page_of(query)
        rows = selectors.order_history(
            access_from(request).account, page=page, wanted=_wanted(query)
        )
        return paged(rows, page=page, output=self.Output)


class FillHistoryView(SignedView):
    """Return the account's fills."""

    instructions: ClassVar = {"GET": "fillHistoryQueryAll"}

    class Input(SpanInput, OrdersInput):
        fillType = serializers.ChoiceField(choices=list(FILL_TYPES), required=False)

    class Output(serializers.Serializer[Any]):
        clientId = serializers.CharField(source="client_id", allow_null=True)
        fee = DecimalText()
        feeSymbol = serializers.CharField(source="fee_symbol")
        isMaker = serializers.BooleanField(source="is_maker")
        orderId = serializers.CharField(source="order_id")
        price = DecimalText()
        quantity = DecimalText()
        side = serializers.CharField()
        symbol = serializers.CharField()
        systemOrderType = serializers.CharField(source="system", allow_null=True)
        timestamp = UtcText(source="at")
        tradeId = serializers.IntegerField(source="trade_id")

    @extend_schema(operation_id="getFills", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = selectors.fill_history(
            access_from(request).account,
            page=page,
            wanted=_wanted(query),
            span=between("at", since=query.get("since"), until=query.get("until")),
        )
        return paged(rows, page=page, output=self.Output)


class SettlementHistoryView(SignedView):
    """Return what the account was paid, or paid, for its positions."""

    instructions: ClassVar = {"GET": "settlementHistoryQueryAll"}

    class Input(SortedPageInput):
        source = serializers.ChoiceField(  # type: ignore[assignment]
            choices=list(SETTLEMENT_SOURCES), required=False
        )

    class Output(serializers.Serializer[Any]):
        engineSequence = serializers.IntegerField(source="engine_sequence")
        positionId = serializers.CharField(source="position_id", allow_null=True)
        quantity = DecimalText()
        source = serializers.CharField()  # type: ignore[assignment]
        subaccountId = serializers.IntegerField(source="subaccount", allow_null=True)
        timestamp = UtcText(source="at")
        userId = serializers.IntegerField(source="user")

    @extend_schema(operation_id="getSettlements", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        access, query = access_from(request), validated(self.Input, request)
        page = page_of(query)
        rows = selectors.settlement_history(
            access.account,
            user=access.user,
            page=page,
            sources=SETTLEMENT_SOURCES.get(query.get("source", ""), ()),
        )
        return paged(rows, page=page, output=self.Output)


class PositionHistoryView(SignedView):
    """Return the account's perpetual positions, open and closed, the latest opened first."""

    instructions: ClassVar = {"GET": "positionHistoryQueryAll"}

    class Input(SortedPageInput):
        marketType = serializers.ListField(
            child=serializers.ChoiceField(choices=MARKET_KINDS), default=[]
        )
        state = serializers.ChoiceField(
            choices=(position_history.OPEN, position_history.CLOSED), required=False
        )
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        accountLeverage = DecimalText(source="leverage", allow_null=True)
        closedAt = UtcText(source="closed_at", allow_null=True)
        closedVolume = DecimalText(source="closed_volume")
        closingPrice = DecimalText(source="closing_price", allow_null=True)
        cumulativePnlRealized = DecimalText(source="realized")
        entryPrice = DecimalText(source="entry_price")
        fees = DecimalText()
        fundingQuantity = DecimalText(source="funding")
        id = serializers.CharField()
        imf = DecimalText()
        interest = DecimalText()
        liquidated = DecimalText()
        liquidationFees = DecimalText(source="liquidation_fees")
        markPrice = DecimalText(source="mark_price")
        netCost = DecimalText(source="net_cost")
        netExposureNotional = DecimalText(source="net_exposure_notional")
        netExposureQuantity = DecimalText(source="net_exposure_quantity")
        netQuantity = DecimalText(source="net_quantity")
        openedAt = UtcText(source="opened_at")
        state = serializers.CharField()
        symbol = serializers.CharField()
        unrealizedPnl = DecimalText(source="unrealized")

    @extend_schema(
        operation_id="getPositionHistory", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = position_history.position_history(
            access_from(request).account,
            page=page,
            symbol=query.get("symbol"),
            kinds=query["marketType"],
            state=query.get("state"),
        )
        return paged(rows, page=page, output=self.Output)


class ProfitHistoryView(SignedView):
    """Return an empty page: the contract has given this row up, an old client still asks."""

    instructions: ClassVar = {"GET": "pnlHistoryQueryAll"}

    class Input(SortedPageInput):
        subaccountId = serializers.IntegerField(required=False)
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        pass

    @extend_schema(operation_id="getPnlHistory", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return empty_page(request, form=self.Input, output=self.Output)


def _wanted(query: dict[str, Any]) -> selectors.Wanted:
    """Return the filter of orders or fills."""
    fill_type = query.get("fillType")
    return selectors.Wanted(
        order_id=query.get("orderId"),
        strategy_id=query.get("strategyId"),
        symbol=query.get("symbol"),
        kinds=tuple(query["marketType"]),
        systems=None if fill_type is None else FILL_TYPES[fill_type],
    )
