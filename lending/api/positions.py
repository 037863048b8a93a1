"""What an account lends and owes, how it came about, and how to change it. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import NOTHING, DecimalText, UtcText, parse_amount
from accounts.api.paging import SortedPageInput, page_of, paged
from accounts.api.views import SignedView, access_from, validated
from accounts.assets import asset_named
from engine.events import BorrowLendKind
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


class BorrowLendHistoryView(SignedView):
    """Return the account's borrows, repayments, lends and redemptions."""

    instructions: ClassVar = {"GET": "borrowHistoryQueryAll"}

    class Input(SortedPageInput):
        positionId = serializers.CharField(required=False)
        sources = serializers.CharField(required=False, help_text="Several, joined by commas")
        symbol = serializers.CharField(required=False)
        type = serializers.ChoiceField(
            choices=[kind.value for kind in BorrowLendKind], required=False
        )

    class Output(serializers.Serializer[Any]):
        eventType = serializers.CharField(source="kind")
        positionId = serializers.CharField(source="position_id")
        positionQuantity = DecimalText(**NOTHING)
        quantity = DecimalText()
        source = serializers.CharField()  # type: ignore[assignment]
        spotMarginOrderId = serializers.CharField(**NOTHING)
        symbol = serializers.CharField()
        timestamp = UtcText(source="at")

    @extend_schema(
        operation_id="getBorrowLendHistory", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = selectors.movements(
            access_from(request).account,
            page=page,
            wanted=selectors.Wanted(
                kind=query.get("type"),
                sources=tuple(filter(None, query.get("sources", "").split(","))),
                symbol=query.get("symbol"),
                position=query.get("positionId"),
            ),
        )
        return paged(rows, page=page, output=self.Output)
