"""What a loan or a lend that is not made yet would lead to. Signed."""

import binascii
from base64 import b64decode
from typing import Any, ClassVar

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import invalid_request
from accounts.api.fields import DecimalText, parse_amount
from accounts.api.reach import access_named
from accounts.api.views import SignedView, access_from, validated
from accounts.assets import asset_named
from trading import estimates


class _Payload(msgspec.Struct):
    quantity: str
    side: str
    symbol: str


class LoanLiquidationPriceView(SignedView):
    """Return the price at which the account would be liquidated after a borrow or a lend."""

    instructions: ClassVar = {"GET": "borrowLendPositionLiquidationPrice"}

    class Input(serializers.Serializer[Any]):
        borrow = serializers.CharField(
            max_length=1000, help_text="Base64 of the JSON that POST /api/v1/borrowLend takes"
        )
        subaccountId = serializers.IntegerField(required=False, min_value=0, max_value=65535)

    class Output(serializers.Serializer[Any]):
        liquidationPrice = DecimalText(source="price")
        markPrice = DecimalText(source="mark")

    @extend_schema(
        operation_id="getBorrowLendLiquidationPrice", parameters=[Input], responses={200: Output}
    )
    def get(self, request: Request) -> Response:
        query, access = validated(self.Input, request), access_from(request)
        access = access_named(access, query.get("subaccountId"))
        payload = _payload(query["borrow"])
        asset = asset_named(payload.symbol)
        estimate = estimates.estimate_loan(
            access.account,
            asset=asset,
            is_borrow=payload.side == "Borrow",
            amount_atoms=parse_amount(payload.quantity, asset),
        )
        return Response(self.Output(estimate).data)


def _payload(encoded: str) -> _Payload:
    try:
        payload = msgspec.json.decode(b64decode(encoded, validate=True), type=_Payload)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        message = "borrow must be base64 of JSON with quantity, side and symbol as texts"
        raise invalid_request(message) from error
    if payload.side not in ("Borrow", "Lend"):
        raise invalid_request("side must be Borrow or Lend")
    return payload
