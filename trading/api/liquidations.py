"""Liquidations of the account, and what those of others did to it. An addition of this exchange."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, UtcText
from accounts.api.paging import SortedPageInput, page_of, paged
from accounts.api.views import SignedView, access_from, validated
from trading import liquidation_history as history

# Each liquidation brings its steps.
CASES_MAX = 50


class Step(serializers.Serializer[Any]):
    """A trade (side, price, quantity), or a payment; what the account lost is negative."""

    amount = DecimalText(allow_null=True)
    asset = serializers.CharField(allow_null=True)
    engineSequence = serializers.IntegerField(source="sequence")
    kind = serializers.ChoiceField(choices=history.STEP_KINDS)
    price = DecimalText(allow_null=True)
    quantity = DecimalText(allow_null=True)
    side = serializers.CharField(allow_null=True)
    symbol = serializers.CharField(allow_null=True)
    timestamp = UtcText(source="at")


class LiquidationsView(SignedView):
    """Return the account's liquidations, the latest first, each with its steps."""

    instructions: ClassVar = {"GET": "xLiquidationQueryAll"}

    class Input(SortedPageInput):
        limit = serializers.IntegerField(min_value=1, max_value=CASES_MAX, default=20)

    class Output(serializers.Serializer[Any]):
        end = serializers.ChoiceField(choices=("Recovered", "Bankrupt"), allow_null=True)
        endedAt = UtcText(source="ended_at", allow_null=True)
        equityAfter = DecimalText(source="end_equity", allow_null=True)
        equityBefore = DecimalText(source="equity")
        fees = serializers.DictField(child=DecimalText(), help_text="By asset.")
        id = serializers.IntegerField()
        maintenanceMarginAfter = DecimalText(source="end_margin", allow_null=True)
        maintenanceMarginBefore = DecimalText(source="margin")
        startedAt = UtcText(source="started_at")
        steps = Step(many=True)

    @extend_schema(operation_id="getLiquidations", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        page = page_of(validated(self.Input, request))
        rows = history.liquidations(access_from(request).account, page=page)
        return paged(rows, page=page, output=self.Output)


class SharesView(SignedView):
    """Return what others' liquidations did to the account: takeovers, ADL, shared losses."""

    instructions: ClassVar = {"GET": "xLiquidationShareQueryAll"}

    class Output(Step):
        kind = serializers.ChoiceField(choices=history.SHARE_KINDS)

    @extend_schema(
        operation_id="getLiquidationShares",
        parameters=[SortedPageInput],
        responses=Output(many=True),
    )
    def get(self, request: Request) -> Response:
        page = page_of(validated(SortedPageInput, request))
        rows = history.shares(access_from(request).account, page=page)
        return paged(rows, page=page, output=self.Output)
