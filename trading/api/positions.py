"""An account's open positions. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Refused, invalid_request
from accounts.api.fields import DecimalText
from accounts.api.views import SignedView, access_from, validated
from trading import portfolio
from trading.api.markets import MARKET_KINDS, SqrtFunction
from trading.listings import listed_markets


class PositionView(SignedView):
    """Return the open positions, or one with `symbol`, and the price which would liquidate each."""

    instructions: ClassVar = {"GET": "positionQuery"}

    class Input(serializers.Serializer[Any]):
        marketType = serializers.ChoiceField(choices=MARKET_KINDS, required=False)
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        breakEvenPrice = DecimalText(source="break_even_price")
        cumulativeFundingPayment = DecimalText(source="funding")
        cumulativeInterest = DecimalText(source="interest")
        entryPrice = DecimalText(source="entry_price")
        estLiquidationPrice = DecimalText(source="liquidation_price")
        imf = DecimalText()
        imfFunction = SqrtFunction(source="imf_function")
        markPrice = DecimalText(source="mark_price")
        mmf = DecimalText()
        mmfFunction = SqrtFunction(source="mmf_function")
        netCost = DecimalText(source="net_cost")
        netExposureNotional = DecimalText(source="net_exposure_notional")
        netExposureQuantity = DecimalText(source="net_exposure_quantity")
        netQuantity = DecimalText(source="net_quantity")
        pnlRealized = DecimalText(source="pnl_realized")
        pnlUnrealized = DecimalText(source="pnl_unrealized")
        positionId = serializers.CharField(source="position_id")
        subaccountId = serializers.IntegerField(source="subaccount", allow_null=True)
        symbol = serializers.CharField()
        userId = serializers.IntegerField(source="user")

    @extend_schema(operation_id="getPositions", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        access, query = access_from(request), validated(self.Input, request)
        symbol = query.get("symbol")
        if symbol is not None and symbol not in listed_markets():
            raise invalid_request("Invalid market symbol")
        if query.get("marketType", "PERP") != "PERP":
            # Only perpetuals have positions.
            return Response([])
        rows = portfolio.positions(access.account, user=access.user, symbol=symbol)
        if symbol is not None and not rows:
            raise Refused(404, "RESOURCE_NOT_FOUND", f"There is no open position in {symbol}")
        return Response(self.Output(rows, many=True).data)
