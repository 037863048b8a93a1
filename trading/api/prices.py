"""How index prices came about. Public; an addition of this exchange that no client knows."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Refused
from accounts.api.fields import DecimalText, UnixMillis
from accounts.api.views import PublicView, validated
from accounts.assets import asset_named
from engine.catalog import PriceState
from gateway.explained import Exclusion, Explained, Explanation, Why
from trading.price_records import at_second, latest
from trading.price_words import price_text


class ExplainedPricesView(PublicView):
    """Return how each asset's index came about: which sources counted, and which did not, why."""

    cache_control: ClassVar = "s-maxage=1"

    class Input(serializers.Serializer[Any]):
        symbol = serializers.CharField(required=False, help_text="An asset; without it, all.")
        timestamp = UnixMillis(
            required=False, help_text="A moment; without it, the latest second that is explained."
        )

    class Output(serializers.Serializer[Any]):
        class Source(serializers.Serializer[Any]):
            """What one source said. `excluded` says why it did not count; null if it did."""

            excluded = serializers.ChoiceField(
                choices=[one.value for one in Exclusion], allow_null=True
            )
            price = DecimalText(allow_null=True)
            venue = serializers.CharField()
            weight = serializers.IntegerField()

        capped = serializers.BooleanField()
        indexPrice = DecimalText(allow_null=True)
        perpPrice = DecimalText(allow_null=True)
        rawPrice = DecimalText(allow_null=True)
        sequence = serializers.IntegerField(allow_null=True)
        since = UnixMillis()
        sources = Source(many=True)
        state = serializers.ChoiceField(choices=[one.value for one in PriceState])
        symbol = serializers.CharField()
        timestamp = UnixMillis()
        why = serializers.ChoiceField(choices=[one.value for one in Why])

    @extend_schema(
        operation_id="getExplainedPrices", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        symbol = query.get("symbol")
        if symbol is not None:
            asset_named(symbol)
        moment = query.get("timestamp")
        told = latest() if moment is None else at_second(int(moment.timestamp()))
        if told is None:
            raise Refused(
                404, "RESOURCE_NOT_FOUND", "No explanation of prices is kept of that time"
            )
        found = [
            _fields(one, told.assets[one], told)
            for one in told.assets
            if symbol is None or one == symbol
        ]
        return Response(self.Output(found, many=True).data)


def _fields(symbol: str, one: Explained, told: Explanation) -> dict[str, object]:
    return {
        "capped": one.is_capped,
        "indexPrice": _text(one.index_e8),
        "perpPrice": _text(one.perp_e8),
        "rawPrice": _text(one.raw_e8),
        "sequence": told.sequence,
        "since": datetime.fromtimestamp(one.since, UTC),
        "sources": [
            {
                "excluded": source.excluded.value if source.excluded else None,
                "price": _text(source.price_e8),
                "venue": source.venue,
                "weight": source.weight,
            }
            for source in one.sources
        ],
        "state": one.state.value,
        "symbol": symbol,
        "timestamp": datetime.fromtimestamp(told.second, UTC),
        "why": one.why.value,
    }


def _text(price_e8: int | None) -> str | None:
    return None if price_e8 is None else price_text(price_e8)
