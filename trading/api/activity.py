"""Who did what with the accounts which a key reaches. An addition that no client knows."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import require
from accounts.api.fields import UtcText
from accounts.api.reach import accounts_within
from accounts.api.views import SignedView, access_from, validated
from accounts.models import Act
from accounts.scopes import MANAGE
from trading.activity import acts


class ActivityView(SignedView):
    """Return acts, refusals and denials, newest first; `before` is an id to go on from."""

    instructions: ClassVar = {"GET": "xActivityQueryAll"}
    scopes: ClassVar = {"GET": MANAGE}

    class Input(serializers.Serializer[Any]):
        before = serializers.IntegerField(min_value=0, max_value=2**62, required=False)
        limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
        outcome = serializers.ChoiceField(choices=Act.Outcome.values, required=False)

    class Output(serializers.Serializer[Any]):
        act = serializers.CharField(source="what")
        count = serializers.IntegerField(source="times")
        id = serializers.IntegerField()
        outcome = serializers.CharField()
        person = serializers.CharField()
        reason = serializers.CharField(allow_blank=True)
        subaccountId = serializers.IntegerField(source="number")
        timestamp = UtcText(source="at")

    @extend_schema(
        operation_id="getActivity", parameters=[Input], responses={200: Output(many=True)}
    )
    def get(self, request: Request) -> Response:
        access, query = access_from(request), validated(self.Input, request)
        require(access, "manage_members")
        numbers = {account.pk: account.number for account in accounts_within(access)}
        rows = acts(
            list(numbers),
            outcome=query.get("outcome"),
            before=query.get("before"),
            limit=query["limit"],
        )
        shown = [{**row._asdict(), "number": numbers[row.account]} for row in rows]
        return Response(self.Output(shown, many=True).data)
