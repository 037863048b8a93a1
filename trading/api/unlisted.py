"""What the contract has and this venue does not list: securities and prediction markets. Public.

Clients ask for them at start-up; there are none, and that is what they are told. The pages of an
account that are always empty here are answered here too.
"""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, WireBoolean
from accounts.api.paging import Listed, PageInput, page_of, paged
from accounts.api.reach import access_named
from accounts.api.views import PublicView, access_from, validated

CACHE = "s-maxage=300"


def empty_page(
    request: Request,
    *,
    form: type[serializers.Serializer[Any]],
    output: type[serializers.Serializer[Any]],
) -> Response:
    """Answer a signed request for a page of what an account cannot have here.

    Args:
        form: reads the query; one which names a sub-account must name one that the key reaches.
    """
    query = validated(form, request)
    access_named(access_from(request), query.get("subaccountId"))
    return paged(Listed([], 0), page=page_of(query), output=output)


class MarketSessionsView(PublicView):
    """Return the trading sessions of stock markets."""

    cache_control: ClassVar = CACHE

    class Output(serializers.Serializer[Any]):
        description = serializers.CharField(allow_null=True)
        endTime = serializers.CharField(help_text="HH:MM:SS")
        endWeekday = serializers.IntegerField()
        name = serializers.CharField()
        startTime = serializers.CharField(help_text="HH:MM:SS")
        startWeekday = serializers.IntegerField()
        timezone = serializers.CharField()

    @extend_schema(operation_id="getMarketSessions", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return Response([])


class MarketHolidaysView(PublicView):
    """Return the days on which stock markets rest."""

    cache_control: ClassVar = CACHE

    class Output(serializers.Serializer[Any]):
        date = serializers.CharField()
        endTime = serializers.CharField(allow_null=True)
        market = serializers.CharField()
        name = serializers.CharField()
        startTime = serializers.CharField(allow_null=True)
        timezone = serializers.CharField()

    @extend_schema(operation_id="getMarketHolidays", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return Response([])


class SecuritiesView(PublicView):
    """Return the tradable securities, with how much of each may be ordered by session."""

    cache_control: ClassVar = CACHE

    class Output(serializers.Serializer[Any]):
        class Session(serializers.Serializer[Any]):
            """How much may be ordered."""

            maxQuantity = DecimalText(allow_null=True)
            minQuantity = DecimalText()
            name = serializers.CharField()
            stepSize = DecimalText()

        asset = serializers.CharField()
        cusip = serializers.CharField(allow_null=True)
        name = serializers.CharField()
        sessions = Session(many=True)

    @extend_schema(operation_id="getSecurities", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return Response([])


class Tag(serializers.Serializer[Any]):
    """What a prediction event is about."""

    slug = serializers.CharField()
    title = serializers.CharField()


class PredictionView(PublicView):
    """Return prediction events with their markets. Paged."""

    class Input(PageInput):
        eventSlug = serializers.CharField(required=False)
        resolved = WireBoolean(required=False)
        seriesSlug = serializers.CharField(required=False)
        symbol = serializers.CharField(required=False)
        tagSlug = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        description = serializers.CharField()
        imgUrl = serializers.CharField(allow_null=True)
        predictionMarkets = serializers.ListField(child=serializers.DictField())
        quoteVolume = DecimalText()
        resolution = serializers.DictField()
        resolutionDelaySecs = serializers.IntegerField()
        resolved = serializers.BooleanField()
        series = serializers.ListField(child=serializers.DictField())
        slug = serializers.CharField()
        tags = Tag(many=True)
        title = serializers.CharField()

    @extend_schema(
        operation_id="getPredictionMarkets", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        return paged(Listed([], 0), page=page_of(query), output=self.Output)


class PredictionTagsView(PublicView):
    """Return the tags of prediction events."""

    cache_control: ClassVar = CACHE

    @extend_schema(operation_id="getPredictionTags", responses=Tag(many=True))
    def get(self, request: Request) -> Response:
        return Response([])
