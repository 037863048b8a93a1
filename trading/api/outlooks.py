"""How far an account is from liquidation, and what an order would make of that. Signed.

Additions of this exchange that no client knows. They ask the live engine and change nothing.
"""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, by_asset
from accounts.api.views import SignedView, access_from, validated
from engine.kinds import MarginStatus
from engine.rejects import ExpiryReason
from trading import outlooks
from trading.api.described import STATUSES, OrderInput
from trading.api.orders import order_request
from trading.refusals import Refusal, Refused


class _Figures(serializers.Serializer[Any]):
    """In USD. `leverage` is exposure over equity; null without equity."""

    closingMargin = DecimalText(source="closing_margin")
    equity = DecimalText()
    exposure = DecimalText()
    feeReserve = DecimalText(source="fee_reserve")
    freeMargin = DecimalText(source="free_margin")
    initialEquity = DecimalText(source="initial_equity")
    initialMargin = DecimalText(source="initial_margin")
    leverage = DecimalText(allow_null=True)
    maintenanceMargin = DecimalText(source="maintenance_margin")
    marginMet = serializers.BooleanField(source="margin_met")
    openLoss = DecimalText(source="open_loss")
    realEquity = DecimalText(source="real_equity")


class _AssetRisk(serializers.Serializer[Any]):
    """`lowerPrice`, `upperPrice`: where the account is no longer safe; null if nowhere there."""

    indexPrice = DecimalText(source="index_price")
    lowerPrice = DecimalText(source="lower_price", allow_null=True)
    owed = DecimalText()
    owned = DecimalText()
    symbol = serializers.CharField()
    upperPrice = DecimalText(source="upper_price", allow_null=True)


class _PositionRisk(serializers.Serializer[Any]):
    liquidationPrice = DecimalText(source="liquidation_price", allow_null=True)
    maintenanceMargin = DecimalText(source="maintenance_margin")
    markPrice = DecimalText(source="mark_price")
    netQuantity = DecimalText(source="net_quantity")
    notional = DecimalText()
    pnlUnrealized = DecimalText(source="pnl_unrealized")
    symbol = serializers.CharField()


class RiskOutput(serializers.Serializer[Any]):
    """How an account stands, and what would liquidate it."""

    assets = _AssetRisk(many=True)
    figures = _Figures()
    positions = _PositionRisk(many=True)
    status = serializers.ChoiceField(choices=[one.value for one in MarginStatus])


class _Outlook(serializers.Serializer[Any]):
    """How an account stands, with its position in the market of an order."""

    entryPrice = DecimalText(source="entry_price", allow_null=True)
    figures = _Figures()
    liquidationPrice = DecimalText(source="liquidation_price", allow_null=True)
    lowerPrice = DecimalText(source="lower_price", allow_null=True)
    netQuantity = DecimalText(source="net_quantity")
    upperPrice = DecimalText(source="upper_price", allow_null=True)


class _Amount(serializers.Serializer[Any]):
    quantity = DecimalText()
    symbol = serializers.CharField()


class _Refusal(serializers.Serializer[Any]):
    """What POST /api/v1/order would answer; `rejectCode` is the engine's own code."""

    code = serializers.CharField()
    message = serializers.CharField()
    rejectCode = serializers.CharField(source="reject", allow_null=True)


class PreviewOutput(serializers.Serializer[Any]):
    """What would become of an order, and of its account: `before`, right `after`, and once all that
    rests has `filled` at its price."""

    after = _Outlook(allow_null=True)
    averagePrice = DecimalText(source="average_price", allow_null=True)
    before = _Outlook()
    borrowed = _Amount(many=True)
    executedQuantity = DecimalText(source="executed_quantity")
    executedQuoteQuantity = DecimalText(source="executed_quote_quantity")
    fee = DecimalText()
    feeSymbol = serializers.CharField(source="fee_symbol", allow_null=True)
    filled = _Outlook(allow_null=True)
    reason = serializers.ChoiceField(choices=[one.value for one in ExpiryReason], allow_null=True)
    referencePrice = DecimalText(source="reference_price")
    refusal = _Refusal(allow_null=True)
    repaid = _Amount(many=True)
    restingQuantity = DecimalText(source="resting_quantity")
    slippage = DecimalText(
        allow_null=True, help_text="A fraction of the reference; below 0: better"
    )
    status = serializers.ChoiceField(choices=STATUSES, allow_null=True)
    symbol = serializers.CharField()
    toBorrow = _Amount(source="to_borrow", allow_null=True)
    worstPrice = DecimalText(source="worst_price", allow_null=True)


class AccountRiskView(SignedView):
    """Return how the account stands, and the prices at which it would be liquidated: exact."""

    instructions: ClassVar = {"GET": "xAccountRiskQuery"}

    @extend_schema(operation_id="getAccountRisk", responses={200: RiskOutput})
    def get(self, request: Request) -> Response:
        return Response(RiskOutput(outlooks.account_risk(access_from(request))).data)


class WhatIfView(SignedView):
    """Return how the account would stand if prices were others; what is not named stays."""

    instructions: ClassVar = {"GET": "xWhatIfQuery"}

    class Input(serializers.Serializer[Any]):
        moves = serializers.CharField(
            required=False, max_length=2_000, help_text="SOL:-0.1,BTC:0.05, as fractions"
        )
        prices = serializers.CharField(
            required=False, max_length=2_000, help_text="SOL:91.2,BTC:45000, in USD"
        )

    @extend_schema(operation_id="getWhatIf", parameters=[Input], responses={200: RiskOutput})
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        found = outlooks.suppose_prices(
            access_from(request),
            prices=by_asset(query.get("prices", ""), "prices"),
            moves=by_asset(query.get("moves", ""), "moves"),
        )
        return Response(RiskOutput(found).data)


class OrderPreviewView(SignedView):
    """Return what would become of an order which `POST /api/v1/order` takes; it is not placed."""

    instructions: ClassVar = {"GET": "xOrderPreviewQuery"}

    @extend_schema(
        operation_id="getOrderPreview", parameters=[OrderInput], responses={200: PreviewOutput}
    )
    def get(self, request: Request) -> Response:
        words = {name: str(value) for name, value in request.query_params.items()}
        asked = order_request(words)
        if isinstance(asked, Refusal):
            raise Refused(asked)
        return Response(PreviewOutput(outlooks.preview_order(access_from(request), asked)).data)
