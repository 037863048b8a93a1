"""How much an account may borrow now. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText
from accounts.api.views import SignedView, access_from, validated
from accounts.assets import asset_named
from gateway.decimals import format_decimal
from lending import services


class MaxBorrowView(SignedView):
    """Return the largest loan that is accepted now: the smallest unit more is refused."""

    instructions: ClassVar = {"GET": "maxBorrowQuantity"}

    class Input(serializers.Serializer[Any]):
        symbol = serializers.CharField()

    class Output(serializers.Serializer[Any]):
        maxBorrowQuantity = DecimalText()
        symbol = serializers.CharField()

    @extend_schema(operation_id="getMaxBorrowQuantity", parameters=[Input], responses={200: Output})
    def get(self, request: Request) -> Response:
        asset = asset_named(validated(self.Input, request)["symbol"])
        atoms = services.max_borrow(access_from(request), asset.symbol)
        found = {
            "maxBorrowQuantity": format_decimal(atoms, asset.decimals),
            "symbol": asset.symbol,
        }
        return Response(self.Output(found).data)
