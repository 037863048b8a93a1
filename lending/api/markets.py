"""The lending pools as anyone may see them: rates, sizes, limits, and their history. Public."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, UtcText
from accounts.api.views import PublicView, validated
from lending import rates, selectors


class BorrowLendMarketsView(PublicView):
    """Return the pool of each asset. Rates are fractions per year."""

    class Output(serializers.Serializer[Any]):
        assetMarkPrice = DecimalText(source="mark_price")
        borrowInterestRate = DecimalText(source="borrow_rate")
        borrowedQuantity = DecimalText(source="borrowed")
        fee = DecimalText()
        lendInterestRate = DecimalText(source="lend_rate")
        lentQuantity = DecimalText(source="lent")
        maxUtilization = DecimalText(source="max_utilization")
        openBorrowLendLimit = DecimalText(source="size_limit")
        optimalUtilization = DecimalText(source="optimal_utilization")
        state = serializers.CharField()
        stepSize = DecimalText(source="step")
        symbol = serializers.CharField()
        throttleUpdateFraction = DecimalText(source="throttle_fraction")
        throttleUtilizationBound = DecimalText(source="throttle_bound")
        throttleUtilizationThreshold = DecimalText(source="throttle_threshold")
        timestamp = UtcText(source="at", with_zone=True)
        utilization = DecimalText()

    @extend_schema(operation_id="getBorrowLendMarkets", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return Response(self.Output(selectors.pool_rows(), many=True).data)


class BorrowLendMarketsHistoryView(PublicView):
    """Return how a pool's rates and sizes moved over a span of time, oldest first.

    Without `symbol` of every pool, one after the other. The longer the span, the wider the steps.
    """

    cache_control: ClassVar = "s-maxage=60"

    class Input(serializers.Serializer[Any]):
        interval = serializers.ChoiceField(choices=list(rates.SPANS))
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        borrowInterestRate = DecimalText(source="borrow_rate")
        borrowedQuantity = DecimalText(source="borrowed")
        lendInterestRate = DecimalText(source="lend_rate")
        lentQuantity = DecimalText(source="lent")
        timestamp = UtcText(source="at", with_zone=True)
        utilization = DecimalText()

    @extend_schema(
        operation_id="getBorrowLendMarketsHistory",
        parameters=[Input],
        responses=Output(many=True),
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        rows = rates.history(query["interval"], symbol=query.get("symbol"))
        return Response(self.Output(rows, many=True).data)


class ApyView(PublicView):
    """Return what a year at the rates of now comes to, compounded hourly as interest is.

    Rates are the same at every tier; nothing is staked here.
    """

    cache_control: ClassVar = "s-maxage=20"

    class Input(serializers.Serializer[Any]):
        tierId = serializers.IntegerField(required=False)

    class Output(serializers.Serializer[Any]):
        class BorrowLend(serializers.Serializer[Any]):
            borrowRate = DecimalText(source="borrow")
            lendRate = DecimalText(source="lend")
            symbol = serializers.CharField()

        class Staking(serializers.Serializer[Any]):
            dilutionFactor = DecimalText()
            stakingRate = DecimalText()
            symbol = serializers.CharField()

        borrowLend = BorrowLend(many=True)
        staking = Staking(many=True)

    @extend_schema(operation_id="getApy", parameters=[Input], responses={200: Output})
    def get(self, request: Request) -> Response:
        validated(self.Input, request)
        rows = {"borrowLend": rates.yearly(), "staking": []}
        return Response(self.Output(rows).data)
