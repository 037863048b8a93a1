"""Where money may come from, and how long it waits before it leaves. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import custody, withdrawal_delay
from accounts.addresses import BLOCKCHAINS
from accounts.api.capital import CODE_MAX
from accounts.api.errors import require
from accounts.api.fields import UtcText
from accounts.api.views import SignedView, access_from, validated
from accounts.scopes import WITHDRAW
from accounts.withdrawal_delay import Delay


class DepositAddressView(SignedView):
    """Return the account's own address on a chain; 409 while none can be issued."""

    instructions: ClassVar = {"GET": "depositAddressQuery"}

    class Input(serializers.Serializer[Any]):
        blockchain = serializers.ChoiceField(choices=BLOCKCHAINS)

    class Output(serializers.Serializer[Any]):
        address = serializers.CharField()

    @extend_schema(operation_id="getDepositAddress", parameters=[Input], responses={200: Output})
    def get(self, request: Request) -> Response:
        chain = validated(self.Input, request)["blockchain"]
        address = custody.deposit_address(access_from(request), chain)
        return Response(self.Output({"address": address}).data)


class WithdrawalDelayView(SignedView):
    """The time for which withdrawals wait. A shorter one holds after the present one has passed."""

    # The contract has these for its website only; clients sign them under names of their own.
    instructions: ClassVar = {
        "GET": "withdrawalDelayQuery",
        "POST": "withdrawalDelayCreate",
        "PATCH": "withdrawalDelayUpdate",
    }
    scopes: ClassVar = {"POST": WITHDRAW, "PATCH": WITHDRAW}

    class Input(serializers.Serializer[Any]):
        twoFactorToken = serializers.CharField(max_length=CODE_MAX)
        withdrawalDelayHours = serializers.IntegerField()

    class Output(serializers.Serializer[Any]):
        currentWithdrawalDelayHours = serializers.IntegerField(source="hours")
        pendingWithdrawalDelayHours = serializers.IntegerField(source="next_hours", allow_null=True)
        pendingWithdrawalDelayHoursEnabledAt = UtcText(source="next_at", allow_null=True)

    _UNSET = OpenApiResponse(description="There is no delay")
    _CREATED = OpenApiResponse(description="It holds from now on")

    @extend_schema(operation_id="getWithdrawalDelay", responses={200: Output, 204: _UNSET})
    def get(self, request: Request) -> Response:
        delay = withdrawal_delay.delay_of(access_from(request).user)
        return self._answer(delay) if delay.hours else Response(status=204)

    @extend_schema(operation_id="createWithdrawalDelay", request=Input, responses={200: _CREATED})
    def post(self, request: Request) -> Response:
        """Begin to delay withdrawals; 409 if there is a delay already."""
        hours, code = self._words(request)
        withdrawal_delay.create_delay(self._user(request), hours, code)
        return Response()

    @extend_schema(operation_id="updateWithdrawalDelay", request=Input, responses={200: Output})
    def patch(self, request: Request) -> Response:
        """Change the delay, or end it with 0."""
        hours, code = self._words(request)
        return self._answer(withdrawal_delay.update_delay(self._user(request), hours, code))

    def _user(self, request: Request) -> int:
        """Return the account's owner; nobody else changes how withdrawals are guarded."""
        access = access_from(request)
        require(access, "guard")
        return access.user

    def _words(self, request: Request) -> tuple[int, str]:
        body = validated(self.Input, request)
        return body["withdrawalDelayHours"], body["twoFactorToken"]

    def _answer(self, delay: Delay) -> Response:
        return Response(self.Output(delay).data)


class TwoFactorView(SignedView):
    """Issue nothing: codes are made by the authenticator app of the user, and none is ever sent.

    Answered like a token which was issued, so that clients go on to the request which needs a code;
    the same answer for everybody, so that it tells nothing of whoever owns an e-mail address.
    """

    instructions: ClassVar = {"POST": "issueTwoFactorToken"}

    class Input(serializers.Serializer[Any]):
        app = serializers.CharField(required=False)
        email = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        signature = serializers.CharField(allow_blank=True)

    @extend_schema(operation_id="requestTwoFactor", request=Input, responses={200: Output})
    def post(self, request: Request) -> Response:
        validated(self.Input, request)
        return Response(self.Output({"signature": ""}).data)
