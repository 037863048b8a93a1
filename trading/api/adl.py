"""How near positions are to being reduced (ADL). An addition that no client knows."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import invalid_request
from accounts.api.views import SignedView, access_from, validated
from trading import adl_queue
from trading.listings import listed_markets


class AdlQueueView(SignedView):
    """Return in which fifth of its side each open position would be reduced: 5 is the first."""

    instructions: ClassVar = {"GET": "xAdlQuery"}

    class Input(serializers.Serializer[Any]):
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        lights = serializers.IntegerField(
            allow_null=True, min_value=1, max_value=adl_queue.LIGHTS, help_text="Null: not yet."
        )
        message = serializers.CharField()
        side = serializers.ChoiceField(choices=("Long", "Short"))
        symbol = serializers.CharField()

    @extend_schema(operation_id="getAdlQueue", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        symbol = validated(self.Input, request).get("symbol")
        if symbol is not None and symbol not in listed_markets():
            raise invalid_request("Invalid market symbol")
        rows = adl_queue.queue_rows(access_from(request).account, symbol=symbol)
        told = [{**row._asdict(), "side": "Long" if row.is_long else "Short"} for row in rows]
        return Response(self.Output(told, many=True).data)
