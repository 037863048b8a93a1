"""The lending pools as anyone may see them: rates, sizes, limits. Public."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, UtcText
from accounts.api.views import PublicView
from lending import selectors


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
