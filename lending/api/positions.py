"""What an account lends and owes, on which terms, and how to change it. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import DecimalText, WireBoolean, parse_amount, parse_limit, parse_rate
from accounts.api.views import SignedView, access_from, validated
from accounts.assets import asset_named
from lending import selectors, services


class BorrowLendView(SignedView):
    """Lend, borrow, redeem or repay."""

    instructions: ClassVar = {"POST": "borrowLendExecute"}

    class Input(serializers.Serializer[Any]):
        quantity = DecimalText()
        side = serializers.ChoiceField(choices=("Borrow", "Lend"))
        symbol = serializers.CharField()

    @extend_schema(operation_id="executeBorrowLend", request=Input, responses={200: None})
    def post(self, request: Request) -> Response:
        """Borrow (or redeem what is lent), or lend (or repay what is owed)."""
        body = validated(self.Input, request)
        asset = asset_named(body["symbol"])
        services.borrow_or_lend(
            access_from(request),
            asset=asset,
            is_borrow=body["side"] == "Borrow",
            amount_atoms=parse_amount(body["quantity"], asset),
        )
        return Response()


class LoanFunction(serializers.Serializer[Any]):
    """max(base, factor × √notional in USD)."""

    base = DecimalText()
    factor = DecimalText()
    type = serializers.CharField()


class BorrowLendPositionsView(SignedView):
    """Return what the account lends (positive) and owes (negative)."""

    instructions: ClassVar = {"GET": "borrowLendPositionQuery"}

    class Output(serializers.Serializer[Any]):
        cumulativeInterest = DecimalText(source="cumulative_interest")
        estLiquidationPrice = DecimalText(source="liquidation_price")
        id = serializers.CharField()
        imf = DecimalText()
        imfFunction = LoanFunction(source="imf_function")
        markPrice = DecimalText(source="mark_price")
        mmf = DecimalText()
        mmfFunction = LoanFunction(source="mmf_function")
        netExposureNotional = DecimalText(source="exposure_notional")
        netExposureQuantity = DecimalText(source="exposure_quantity")
        netQuantity = DecimalText(source="quantity")
        symbol = serializers.CharField()

    @extend_schema(operation_id="getBorrowLendPositions", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        rows = selectors.loans(access_from(request).account)
        return Response(self.Output(rows, many=True).data)


class LendTermsView(SignedView):
    """Return on which terms the account lends each asset, or change those of one.

    An addition of this exchange: no client of the contract knows it.
    """

    instructions: ClassVar = {"GET": "xLendTermsQuery", "PUT": "xLendTermsUpdate"}

    class Input(serializers.Serializer[Any]):
        asCollateral = WireBoolean(default=True)
        cap = DecimalText(required=False)
        keep = DecimalText(default="0")
        minRate = DecimalText(default="0")
        symbol = serializers.CharField()

    class Output(serializers.Serializer[Any]):
        asCollateral = serializers.BooleanField(source="as_collateral")
        cap = DecimalText(allow_null=True)
        keep = DecimalText()
        lendRate = DecimalText(source="lend_rate")
        lentQuantity = DecimalText(source="lent")
        minRate = DecimalText(source="min_rate")
        rates = serializers.ListField(child=DecimalText())
        symbol = serializers.CharField()

    @extend_schema(operation_id="getLendTerms", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        rows = selectors.terms_rows(access_from(request).account)
        return Response(self.Output(rows, many=True).data)

    @extend_schema(operation_id="setLendTerms", request=Input, responses={200: None})
    def put(self, request: Request) -> Response:
        """Set all terms of one asset; what is left out is as without terms."""
        body = validated(self.Input, request)
        asset = asset_named(body["symbol"])
        cap = body.get("cap")
        services.set_lend_terms(
            access_from(request),
            asset.symbol,
            services.Terms(
                min_rate_ppb=parse_rate(body["minRate"], name="minRate"),
                cap_atoms=None if cap is None else parse_limit(cap, asset, name="cap"),
                keep_atoms=parse_limit(body["keep"], asset, name="keep"),
                as_collateral=body["asCollateral"],
            ),
        )
        return Response()


class ConvertDustView(SignedView):
    """Sell small balances to the house for dollars: of one asset, or of all."""

    instructions: ClassVar = {"POST": "convertDust"}
    # ccxt has no name for it.
    also_signed_as: ClassVar = ("",)

    class Input(serializers.Serializer[Any]):
        symbol = serializers.CharField(required=False)

    @extend_schema(operation_id="convertDust", request=Input, responses={200: None})
    def post(self, request: Request) -> Response:
        """Sell them; the answer has no body."""
        symbol = validated(self.Input, request).get("symbol")
        if symbol is not None:
            asset_named(symbol)
        services.convert_dust(access_from(request), symbol)
        return Response()
