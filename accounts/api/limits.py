"""How much an account may withdraw now. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import withdrawals
from accounts.api.fields import DecimalText, WireBoolean
from accounts.api.views import SignedView, access_from, validated
from accounts.assets import asset_named
from gateway.decimals import format_decimal


class MaxWithdrawalView(SignedView):
    """Return the largest withdrawal that is accepted now: the smallest unit more is refused."""

    instructions: ClassVar = {"GET": "maxWithdrawalQuantity"}

    class Input(serializers.Serializer[Any]):
        autoBorrow = WireBoolean(required=False)
        autoLendRedeem = WireBoolean(required=False)
        symbol = serializers.CharField()

    class Output(serializers.Serializer[Any]):
        autoBorrow = WireBoolean(allow_null=True)
        autoLendRedeem = WireBoolean(allow_null=True)
        maxWithdrawalQuantity = DecimalText()
        symbol = serializers.CharField()

    @extend_schema(
        operation_id="getMaxWithdrawalQuantity", parameters=[Input], responses={200: Output}
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        asset = asset_named(query["symbol"])
        borrow, redeem = query.get("autoBorrow"), query.get("autoLendRedeem")
        atoms = withdrawals.max_withdrawal(
            access_from(request),
            asset.symbol,
            auto_lend_redeem=redeem is not False,
            auto_borrow=borrow is True,
        )
        found = {
            "autoBorrow": borrow,
            "autoLendRedeem": redeem,
            "maxWithdrawalQuantity": format_decimal(atoms, asset.decimals),
            "symbol": asset.symbol,
        }
        return Response(self.Output(found).data)
