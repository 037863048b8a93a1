"""Vaults, which this venue does not have: lists are empty, and no number names one."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Refused
from accounts.api.fields import DecimalText, UnixMillis, UtcText, WireBoolean
from accounts.api.paging import PageInput
from accounts.api.views import (
    PublicView,
    SignedView,
    validated,
)
from trading.api.unlisted import CACHE, empty_page

VAULT_ID_MAX = 2**32 - 1
INTERVALS = ("1d", "1w", "1month", "1year")


class VaultName(serializers.Serializer[Any]):
    """Which vault."""

    vaultId = serializers.IntegerField(min_value=0, max_value=VAULT_ID_MAX)


class VaultsView(PublicView):
    """Return the vaults."""

    cache_control: ClassVar = CACHE

    class Output(serializers.Serializer[Any]):
        id = serializers.IntegerField()
        minMintQuantity = DecimalText()
        minRedeemTokens = DecimalText()
        mintsEnabled = serializers.BooleanField()
        redeemDelayMs = serializers.IntegerField()
        redeemsEnabled = serializers.BooleanField()
        remainingMintQuantity = DecimalText(allow_null=True)
        symbol = serializers.CharField()
        tokenStepSize = DecimalText()
        vaultToken = serializers.CharField()

    @extend_schema(operation_id="getVaults", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return Response([])


class VaultsHistoryView(PublicView):
    """Return what vaults were worth over time."""

    cache_control: ClassVar = CACHE

    class Input(serializers.Serializer[Any]):
        interval = serializers.ChoiceField(choices=INTERVALS)
        vaultId = serializers.IntegerField(required=False, min_value=0, max_value=VAULT_ID_MAX)

    class Output(serializers.Serializer[Any]):
        nav = DecimalText(allow_null=True)
        timestamp = UtcText(with_zone=True)
        tokenCirculatingSupply = DecimalText(allow_null=True)
        vaultEquity = DecimalText(allow_null=True)
        vaultId = serializers.IntegerField()

    @extend_schema(operation_id="getVaultsHistory", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        validated(self.Input, request)
        return Response([])


class VaultMintView(SignedView):
    """Pay into a vault."""

    instructions: ClassVar = {"POST": "vaultMint"}

    class Input(VaultName):
        autoBorrow = WireBoolean(required=False)
        autoLendRedeem = WireBoolean(required=False)
        quantity = DecimalText()
        symbol = serializers.CharField()

    @extend_schema(operation_id="mintVaultTokens", request=Input, responses={200: None})
    def post(self, request: Request) -> Response:
        raise _no_vault(validated(self.Input, request))


class VaultRedeemView(SignedView):
    """Ask for money back from a vault, or withdraw that request."""

    instructions: ClassVar = {"POST": "vaultRedeemRequest", "DELETE": "vaultRedeemCancel"}

    class Input(VaultName):
        vaultTokenQuantity = DecimalText(required=False)

    @extend_schema(operation_id="requestVaultRedeem", request=Input, responses={200: None})
    def post(self, request: Request) -> Response:
        raise _no_vault(validated(self.Input, request))

    @extend_schema(operation_id="cancelVaultRedeem", request=VaultName, responses={200: None})
    def delete(self, request: Request) -> Response:
        raise _no_vault(validated(VaultName, request))


class RedeemOutput(serializers.Serializer[Any]):
    """Money asked back from a vault."""

    id = serializers.CharField()
    nav = DecimalText(allow_null=True)
    quantity = DecimalText(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=("Requested", "Redeemed", "Cancelled"))
    symbol = serializers.CharField(allow_null=True)
    timestamp = UnixMillis()
    vaultId = serializers.IntegerField()
    vaultToken = serializers.CharField(allow_null=True)
    vaultTokenQuantity = DecimalText()


class PendingRedeemsView(SignedView):
    """Return what was asked back from a vault and is not paid yet, for its operator."""

    instructions: ClassVar = {"GET": "vaultPendingRedeemsQuery"}

    @extend_schema(
        operation_id="getPendingVaultRedeems",
        parameters=[VaultName],
        responses=RedeemOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        raise _no_vault(validated(VaultName, request))


class VaultNavView(SignedView):
    """Return what the vault that this account operates is worth."""

    instructions: ClassVar = {"GET": "vaultNavQuery"}

    class Output(serializers.Serializer[Any]):
        lastCrankTimestamp = UnixMillis(allow_null=True)
        mintNav = DecimalText()
        nav = DecimalText()
        netEquity = DecimalText()
        redeemNav = DecimalText()
        tokenCirculatingSupply = DecimalText()
        twapNav = DecimalText()
        vaultEquity = DecimalText()

    @extend_schema(operation_id="getVaultNav", responses={200: Output})
    def get(self, request: Request) -> Response:
        raise Refused(404, "RESOURCE_NOT_FOUND", "This account operates no vault")


class VaultPageInput(PageInput):
    """Which of the account's acts with vaults are asked for."""

    subaccountId = serializers.IntegerField(required=False)
    vaultId = serializers.IntegerField(required=False, min_value=0, max_value=VAULT_ID_MAX)


class VaultMintHistoryView(SignedView):
    """Return what the account paid into vaults."""

    instructions: ClassVar = {"GET": "vaultMintHistoryQueryAll"}

    class Output(serializers.Serializer[Any]):
        id = serializers.CharField()
        nav = DecimalText()
        quantity = DecimalText()
        symbol = serializers.CharField()
        timestamp = UnixMillis()
        vaultId = serializers.IntegerField()
        vaultToken = serializers.CharField()
        vaultTokensMinted = DecimalText()

    @extend_schema(
        operation_id="getVaultMints", parameters=[VaultPageInput], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        return empty_page(request, form=VaultPageInput, output=self.Output)


class VaultRedeemHistoryView(SignedView):
    """Return what the account asked back from vaults."""

    instructions: ClassVar = {"GET": "vaultRedeemHistoryQueryAll"}

    @extend_schema(
        operation_id="getVaultRedeems",
        parameters=[VaultPageInput],
        responses=RedeemOutput(many=True),
    )
    def get(self, request: Request) -> Response:
        return empty_page(request, form=VaultPageInput, output=RedeemOutput)


def _no_vault(query: dict[str, Any]) -> Refused:
    message = f"There is no vault {query['vaultId']}: this venue has none"
    return Refused(404, "RESOURCE_NOT_FOUND", message)
