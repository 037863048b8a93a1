"""Funding: the rates of perpetual markets, and what an account got and paid. Paged."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import invalid_request
from accounts.api.fields import DecimalText, UtcText
from accounts.api.paging import SIZE_DEFAULT, PageInput, SortedPageInput, page_of, paged
from accounts.api.reach import access_named
from accounts.api.views import (
    PublicView,
    SignedView,
    access_from,
    validated,
)
from trading.funding_history import funding_payments, funding_rates
from trading.listings import listed_markets

RATES_MAX = 10_000


class FundingRatesView(PublicView):
    """Return the funding rates of a market by interval, newest first.

    The first is that of the running hour: what it comes to if it goes on so.
    """

    class Input(PageInput):
        limit = serializers.IntegerField(min_value=1, max_value=RATES_MAX, default=SIZE_DEFAULT)
        symbol = serializers.CharField()

    class Output(serializers.Serializer[Any]):
        fundingRate = DecimalText(source="rate")
        intervalEndTimestamp = UtcText(source="ends_at", timespec="seconds")
        symbol = serializers.CharField()

    @extend_schema(
        operation_id="getFundingIntervalRates", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        if query["symbol"] not in listed_markets():
            raise invalid_request("Invalid market symbol")
        page = page_of(query)
        return paged(funding_rates(query["symbol"], page=page), page=page, output=self.Output)


class FundingHistoryView(SignedView):
    """Return the funding which the account received (positive) and paid."""

    instructions: ClassVar = {"GET": "fundingHistoryQueryAll"}

    class Input(SortedPageInput):
        subaccountId = serializers.IntegerField(required=False)
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        fundingRate = DecimalText(source="rate")
        intervalEndTimestamp = UtcText(source="ends_at", timespec="seconds")
        quantity = DecimalText()
        subaccountId = serializers.IntegerField(source="subaccount", allow_null=True)
        symbol = serializers.CharField()
        userId = serializers.IntegerField(source="user")

    @extend_schema(
        operation_id="getFundingPayments", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        access, query = access_from(request), validated(self.Input, request)
        access = access_named(access, query.get("subaccountId"))
        page = page_of(query)
        rows = funding_payments(
            access.account, user=access.user, page=page, symbol=query.get("symbol")
        )
        return paged(rows, page=page, output=self.Output)
