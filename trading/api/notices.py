"""Notices of accounts at risk: what happened, and what to do. An addition that no client knows."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, UtcText, WireBoolean
from accounts.api.paging import SortedPageInput, page_of, paged
from accounts.api.views import SignedView, access_from, validated
from trading import notice_board
from trading.notices import KINDS

NUMBER_MAX = 2**63 - 1


class NoticesView(SignedView):
    """Return the account's notices, newest first."""

    instructions: ClassVar = {"GET": "xNoticeQueryAll"}

    class Input(SortedPageInput):
        unread = WireBoolean(required=False, help_text="true: those that are not read yet.")

    class Output(serializers.Serializer[Any]):
        advice = serializers.CharField()
        amount = DecimalText(allow_null=True)
        asset = serializers.CharField(allow_null=True)
        deposit = DecimalText(
            allow_null=True, help_text="What deposited, in USD, ends the status at these prices."
        )
        engineSequence = serializers.IntegerField(source="sequence")
        equity = DecimalText(allow_null=True)
        id = serializers.IntegerField()
        kind = serializers.ChoiceField(choices=list(KINDS))
        maintenanceMargin = DecimalText(source="margin", allow_null=True)
        message = serializers.CharField()
        price = DecimalText(allow_null=True)
        quantity = DecimalText(allow_null=True)
        read = serializers.BooleanField(source="is_read")
        severity = serializers.ChoiceField(choices=sorted(set(KINDS.values())))
        side = serializers.CharField(allow_null=True)
        symbol = serializers.CharField(allow_null=True)
        timestamp = UtcText(source="at")
        title = serializers.CharField()

    @extend_schema(operation_id="getNotices", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = notice_board.notice_page(
            access_from(request).account, page=page, unread=query.get("unread", False)
        )
        return paged(rows, page=page, output=self.Output)


class ReadNoticesView(SignedView):
    """Mark the account's notices as read, up to one of them."""

    instructions: ClassVar = {"POST": "xNoticeRead"}

    class Input(serializers.Serializer[Any]):
        id = serializers.IntegerField(min_value=0, max_value=NUMBER_MAX)

    class Output(serializers.Serializer[Any]):
        unread = serializers.IntegerField(help_text="How many are left; 100 for more.")

    @extend_schema(operation_id="readNotices", request=Input, responses=Output)
    def post(self, request: Request) -> Response:
        asked = validated(self.Input, request)
        left = notice_board.mark_read(access_from(request).account, asked["id"])
        return Response(self.Output({"unread": left}).data)
