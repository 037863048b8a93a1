"""Backstops by their owners. An addition that no client knows."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText
from accounts.api.views import SignedView, access_from, validated
from trading import backstops


class EndInput(serializers.Serializer[Any]):
    """In which market the offer ends."""

    symbol = serializers.CharField()


class OfferInput(EndInput):
    """The most notional at the mark, in USD, that the account takes over."""

    notionalPerHour = DecimalText()
    notionalPerMinute = DecimalText()


class OfferOutput(serializers.Serializer[Any]):
    """What is offered in a market; what was taken of it is in USD at the mark."""

    notionalPerHour = DecimalText(source="hour")
    notionalPerMinute = DecimalText(source="minute")
    symbol = serializers.CharField()
    taken = DecimalText()
    takenLastHour = DecimalText(source="taken_hour")
    takenLastMinute = DecimalText(source="taken_minute")
    takeovers = serializers.IntegerField()


class BackstopView(SignedView):
    """Return, offer, change and end what the account takes over of positions in liquidation."""

    instructions: ClassVar = {
        "GET": "xBackstopQuery",
        "POST": "xBackstopOffer",
        "DELETE": "xBackstopEnd",
    }

    @extend_schema(operation_id="getBackstops", responses=OfferOutput(many=True))
    def get(self, request: Request) -> Response:
        rows = backstops.offers(access_from(request).account)
        return Response(OfferOutput(rows, many=True).data)

    @extend_schema(
        operation_id="offerBackstop", request=OfferInput, responses=OfferOutput(many=True)
    )
    def post(self, request: Request) -> Response:
        access, asked = access_from(request), validated(OfferInput, request)
        backstops.offer_backstop(
            access,
            symbol=asked["symbol"],
            minute=asked["notionalPerMinute"],
            hour=asked["notionalPerHour"],
        )
        return Response(OfferOutput(backstops.offers(access.account), many=True).data)

    @extend_schema(operation_id="endBackstop", request=EndInput, responses=OfferOutput(many=True))
    def delete(self, request: Request) -> Response:
        access, asked = access_from(request), validated(EndInput, request)
        backstops.end_backstop(access, symbol=asked["symbol"])
        return Response(OfferOutput(backstops.offers(access.account), many=True).data)
