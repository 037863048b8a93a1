"""What an account holds, and what has come in and gone out."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, withdrawals
from accounts.addresses import ADDRESS_MAX, BLOCKCHAINS
from accounts.api.fields import NOTHING, DecimalText, UtcText, WireBoolean, parse_amount
from accounts.api.paging import PageInput, SpanInput, between, page_of
from accounts.api.views import PublicView, SignedView, access_from, validated
from accounts.assets import asset_named
from accounts.scopes import WITHDRAW
from accounts.withdrawals import WithdrawalRequest

CLIENT_ID_MAX = 255
CODE_MAX = 20


class CapitalView(SignedView):
    """Return what the account has available and locked, by asset. What is lent is not in it."""

    instructions: ClassVar = {"GET": "balanceQuery"}

    class Output(serializers.Serializer[Any]):
        available = DecimalText()
        locked = DecimalText()
        staked = DecimalText()

    @extend_schema(operation_id="getBalances", responses={200: {"type": "object"}})
    def get(self, request: Request) -> Response:
        held = selectors.balances(access_from(request).account)
        return Response({asset: self.Output(row).data for asset, row in held.items()})


class DepositsView(SignedView):
    """Return the account's deposits, newest first.

    `excludePlatform` leaves out what came from inside the exchange: `administrator`, `internal`.
    """

    instructions: ClassVar = {"GET": "depositQueryAll"}

    class Input(SpanInput, PageInput):
        excludePlatform = WireBoolean(default=False)

    class Output(serializers.Serializer[Any]):
        createdAt = UtcText(source="created_at")
        fiatAmount = serializers.FloatField(**NOTHING)
        fiatCurrency = serializers.CharField(**NOTHING)
        fromAddress = serializers.CharField(source="from_address", allow_null=True)
        id = serializers.IntegerField()
        institutionBic = serializers.CharField(**NOTHING)
        platformMemo = serializers.CharField(**NOTHING)
        quantity = DecimalText()
        source = serializers.CharField()  # type: ignore[assignment]
        status = serializers.CharField()
        symbol = serializers.CharField()
        toAddress = serializers.CharField(source="to_address", allow_null=True)
        transactionHash = serializers.CharField(source="transaction_hash", allow_null=True)

    @extend_schema(operation_id="getDeposits", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        rows = selectors.deposits(
            access_from(request).account,
            span=between("at", since=query.get("since"), until=query.get("until")),
            page=page_of(query),
            exclude_platform=query["excludePlatform"],
        )
        return Response(self.Output(rows, many=True).data)


class WithdrawalOutput(serializers.Serializer[Any]):
    """A withdrawal, wherever it stands. The fee is a part of the quantity."""

    accountIdentifier = serializers.CharField(**NOTHING)
    bankIdentifier = serializers.CharField(**NOTHING)
    bankName = serializers.CharField(**NOTHING)
    blockchain = serializers.CharField()
    clientId = serializers.CharField(source="client_id", allow_null=True)
    createdAt = UtcText(source="created_at")
    fee = DecimalText()
    fiatFee = DecimalText(**NOTHING)
    fiatState = serializers.CharField(**NOTHING)
    fiatSymbol = serializers.CharField(**NOTHING)
    id = serializers.IntegerField()
    identifier = serializers.CharField(**NOTHING)
    isInternal = serializers.BooleanField(source="is_internal")
    providerId = serializers.CharField(**NOTHING)
    quantity = DecimalText()
    status = serializers.CharField()
    subaccountId = serializers.IntegerField(source="subaccount", allow_null=True)
    symbol = serializers.CharField()
    toAddress = serializers.CharField(source="address")
    transactionHash = serializers.CharField(source="transaction_hash", allow_null=True)
    triggerAt = UtcText(source="trigger_at", allow_null=True)


class WithdrawalsView(SignedView):
    """Return the account's withdrawals, newest first, or ask for one."""

    instructions: ClassVar = {"GET": "withdrawalQueryAll", "POST": "withdraw"}
    scopes: ClassVar = {"POST": WITHDRAW}

    class Query(SpanInput, PageInput):
        clientId = serializers.CharField(required=False, max_length=CLIENT_ID_MAX)
        id = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)

    class Input(serializers.Serializer[Any]):
        address = serializers.CharField(max_length=ADDRESS_MAX)
        autoBorrow = WireBoolean(default=False)
        autoLendRedeem = WireBoolean(default=True)
        blockchain = serializers.ChoiceField(choices=BLOCKCHAINS)
        clientId = serializers.CharField(required=False, max_length=CLIENT_ID_MAX)
        quantity = DecimalText()
        symbol = serializers.CharField()
        twoFactorToken = serializers.CharField(required=False, max_length=CODE_MAX)

    @extend_schema(
        operation_id="getWithdrawals", parameters=[Query], responses=WithdrawalOutput(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Query, request)
        rows = selectors.withdrawals(
            access_from(request).account,
            number=query.get("id"),
            client_id=query.get("clientId"),
            span=between("requested_at", since=query.get("since"), until=query.get("until")),
            page=page_of(query),
        )
        return Response(WithdrawalOutput(rows, many=True).data)

    @extend_schema(
        operation_id="requestWithdrawal", request=Input, responses={200: WithdrawalOutput}
    )
    def post(self, request: Request) -> Response:
        """Put money in flight to an address; staff send it or give it back.

        `quantity` leaves the account, and the fee is taken out of it. With a withdrawal delay it
        waits until `triggerAt`, and can be cancelled on the website until then.
        """
        access, body = access_from(request), validated(self.Input, request)
        asset = asset_named(body["symbol"])
        number = withdrawals.request_withdrawal(
            access,
            WithdrawalRequest(
                asset=asset.symbol,
                amount_atoms=parse_amount(body["quantity"], asset),
                blockchain=body["blockchain"],
                address=body["address"],
                client_id=body.get("clientId"),
                signature=request.headers["X-Signature"],
                auto_lend_redeem=body["autoLendRedeem"],
                auto_borrow=body["autoBorrow"],
                code=body.get("twoFactorToken"),
            ),
        )
        return Response(WithdrawalOutput(selectors.withdrawal(access.account, number)).data)


class WalletsView(PublicView):
    """Return the exchange's own wallets on each chain."""

    class Output(serializers.Serializer[Any]):
        address = serializers.CharField()
        blockchain = serializers.CharField()

    @extend_schema(operation_id="getWallets", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return Response(self.Output(selectors.wallets(), many=True).data)
