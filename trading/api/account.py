"""An account's settings, fees and limits, and its margin. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import settings
from accounts.api.fields import DecimalText, WireBoolean
from accounts.api.reach import access_named
from accounts.api.views import SignedView, access_from, validated
from trading import portfolio, selectors


class AccountView(SignedView):
    """Return the account's settings, fees (in basis points) and limits, or change the settings."""

    instructions: ClassVar = {"GET": "accountQuery", "PATCH": "accountUpdate"}

    class Input(serializers.Serializer[Any]):
        autoBorrowSettlements = WireBoolean(required=False)
        autoLend = WireBoolean(required=False)
        autoRepayBorrows = WireBoolean(required=False)
        leverageLimit = DecimalText(required=False)

    class Output(serializers.Serializer[Any]):
        autoBorrowSettlements = serializers.BooleanField(source="auto_borrow_settlements")
        autoLend = serializers.BooleanField(source="auto_lend")
        autoRealizePnl = serializers.BooleanField(source="auto_realize_pnl")
        autoRepayBorrows = serializers.BooleanField(source="auto_repay_borrows")
        borrowLimit = DecimalText(source="borrow_limit")
        futuresMakerFee = DecimalText(source="futures_maker_fee")
        futuresTakerFee = DecimalText(source="futures_taker_fee")
        leverageLimit = DecimalText(source="leverage_limit")
        limitOrders = serializers.IntegerField(source="limit_orders")
        liquidating = serializers.BooleanField()
        positionLimit = DecimalText(source="position_limit")
        spotMakerFee = DecimalText(source="spot_maker_fee")
        spotTakerFee = DecimalText(source="spot_taker_fee")
        triggerOrders = serializers.IntegerField(source="trigger_orders")

    @extend_schema(operation_id="getAccount", responses={200: Output})
    def get(self, request: Request) -> Response:
        return Response(self.Output(selectors.account_summary(access_from(request).account)).data)

    @extend_schema(operation_id="updateAccount", request=Input, responses={200: None})
    def patch(self, request: Request) -> Response:
        """Change the settings which are given; the answer has no body."""
        body = validated(self.Input, request)
        settings.update_settings(
            access_from(request),
            auto_lend=body.get("autoLend"),
            auto_repay_borrows=body.get("autoRepayBorrows"),
            auto_borrow_settlements=body.get("autoBorrowSettlements"),
            leverage_limit=settings.parse_leverage(body.get("leverageLimit")),
        )
        return Response()


class MarginView(SignedView):
    """Return the account's equity, margin and collateral, in USD."""

    instructions: ClassVar = {"GET": "collateralQuery"}

    class Input(serializers.Serializer[Any]):
        subaccountId = serializers.IntegerField(required=False, min_value=0, max_value=65535)

    class Output(serializers.Serializer[Any]):
        class Collateral(serializers.Serializer[Any]):
            assetMarkPrice = DecimalText(source="mark_price")
            availableQuantity = DecimalText(source="available_quantity")
            balanceNotional = DecimalText(source="balance_notional")
            collateralValue = DecimalText(source="value")
            collateralWeight = DecimalText(source="weight")
            lendQuantity = DecimalText(source="lend_quantity")
            openOrderQuantity = DecimalText(source="open_order_quantity")
            symbol = serializers.CharField()
            totalQuantity = DecimalText(source="total_quantity")

        assetsValue = DecimalText(source="assets_value")
        borrowLiability = DecimalText(source="liabilities")
        collateral = Collateral(many=True)
        imf = DecimalText()
        liabilitiesValue = DecimalText(source="liabilities")
        marginFraction = DecimalText(source="margin_fraction", allow_null=True)
        mmf = DecimalText()
        netEquity = DecimalText(source="net_equity")
        netEquityAvailable = DecimalText(source="net_equity_available")
        netEquityLocked = DecimalText(source="net_equity_locked")
        netExposureFutures = DecimalText(source="net_exposure_futures")
        pnlUnrealized = DecimalText(source="pnl_unrealized")
        unsettledEquity = DecimalText(source="unsettled_equity")

    @extend_schema(operation_id="getMargin", parameters=[Input], responses={200: Output})
    def get(self, request: Request) -> Response:
        access = access_from(request)
        access = access_named(access, validated(self.Input, request).get("subaccountId"))
        return Response(self.Output(portfolio.margin_summary(access.account)).data)
