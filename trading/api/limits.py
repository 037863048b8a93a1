"""How large an order of an account may be now. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, WireBoolean
from accounts.api.views import SignedView, access_from, validated
from engine.vocabulary import OrderType, Side
from trading import services
from trading.services import OrderRequest


class MaxOrderView(SignedView):
    """Return the largest order that is accepted now: one step more is refused.

    Without a price it is a market order. A reduce-only order may be larger, but is cut to this.
    """

    instructions: ClassVar = {"GET": "maxOrderQuantity"}

    class Input(serializers.Serializer[Any]):
        autoBorrow = WireBoolean(required=False)
        autoBorrowRepay = WireBoolean(required=False)
        autoLendRedeem = WireBoolean(required=False)
        price = DecimalText(required=False)
        reduceOnly = WireBoolean(required=False)
        side = serializers.ChoiceField(choices=[side.value for side in Side])
        symbol = serializers.CharField()

    class Output(serializers.Serializer[Any]):
        autoBorrow = WireBoolean(allow_null=True)
        autoBorrowRepay = WireBoolean(allow_null=True)
        autoLendRedeem = WireBoolean(allow_null=True)
        maxOrderQuantity = DecimalText()
        price = DecimalText(allow_null=True)
        reduceOnly = WireBoolean(allow_null=True)
        side = serializers.CharField()
        symbol = serializers.CharField()

    @extend_schema(operation_id="getMaxOrderQuantity", parameters=[Input], responses={200: Output})
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        price = query.get("price")
        order = OrderRequest(
            symbol=query["symbol"],
            side=Side(query["side"]),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            price=price,
            reduce_only=query.get("reduceOnly") is True,
            auto_borrow=query.get("autoBorrow"),
            auto_borrow_repay=query.get("autoBorrowRepay"),
            auto_lend_redeem=query.get("autoLendRedeem"),
        )
        quantity = services.max_order(access_from(request), order)
        asked = dict.fromkeys(self.Output().fields) | query
        return Response(self.Output(asked | {"maxOrderQuantity": quantity}).data)
