"""What became of an account's lends and debts, its interest, its dust. Signed; paged."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Refused
from accounts.api.fields import NOTHING, DecimalText, UtcText
from accounts.api.paging import SortedPageInput, page_of, paged
from accounts.api.views import SignedView, access_from, validated
from engine.kinds import BorrowLendKind
from lending import history

ID_MAX = 2**63 - 1
# All that the contract knows; not every one comes about here.
SOURCES = (
    *("AdlProvider", "AutoBorrowRepay", "AutoLend", "BackstopProvider", "DustConversion"),
    *("Interest", "Liquidation", "LiquidationAdl", "LiquidationBackstop", "Manual"),
    *("Reconciliation", "Rfq", "SpotMargin", "Withdrawal"),
)


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
        rows = history.movements(
            access_from(request).account,
            page=page,
            wanted=history.Wanted(
                kind=query.get("type"),
                sources=_sources(query.get("sources", "")),
                symbol=query.get("symbol"),
                position=query.get("positionId"),
            ),
        )
        return paged(rows, page=page, output=self.Output)


def _sources(joined: str) -> tuple[str, ...]:
    """Return the sources which a text names. Raises Refused for one that there is not."""
    named = tuple(filter(None, joined.split(",")))
    for name in named:
        if name not in SOURCES:
            message = f"`sources` must be some of {', '.join(SOURCES)}, joined by commas"
            raise Refused(400, "INVALID_SOURCE", message)
    return named


class BorrowLendPositionHistoryView(SignedView):
    """Return what the account lent and owed, open and closed."""

    instructions: ClassVar = {"GET": "borrowPositionHistoryQueryAll"}

    class Input(SortedPageInput):
        side = serializers.ChoiceField(choices=("Borrow", "Lend"), required=False)
        state = serializers.ChoiceField(choices=("Open", "Closed"), required=False)
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        avgInterestRate = DecimalText(source="rate")
        createdAt = UtcText(source="at")
        cumulativeInterest = DecimalText(source="interest")
        positionId = serializers.CharField(source="id")
        quantity = DecimalText()
        side = serializers.CharField()
        source = serializers.CharField()  # type: ignore[assignment]
        symbol = serializers.CharField()

    @extend_schema(
        operation_id="getBorrowLendPositionHistory",
        parameters=[Input],
        responses=Output(many=True),
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page, state = page_of(query), query.get("state")
        rows = history.positions(
            access_from(request).account,
            page=page,
            symbol=query.get("symbol"),
            side=query.get("side"),
            closed=None if state is None else state == "Closed",
        )
        return paged(rows, page=page, output=self.Output)


class InterestHistoryView(SignedView):
    """Return the interest which the account earned (positive) and paid, by hour and source."""

    instructions: ClassVar = {"GET": "interestHistoryQueryAll"}

    class Input(SortedPageInput):
        asset = serializers.CharField(required=False)
        positionId = serializers.CharField(required=False)
        source = serializers.ChoiceField(  # type: ignore[assignment]
            choices=list(history.INTEREST_SOURCES), required=False
        )
        symbol = serializers.CharField(required=False, help_text="A market")

    class Output(serializers.Serializer[Any]):
        interestRate = DecimalText(source="rate")
        interval = serializers.IntegerField(source="interval_ms")
        marketSymbol = serializers.CharField(source="market")
        paymentType = serializers.CharField(source="kind")
        positionId = serializers.CharField(source="position_id")
        quantity = DecimalText()
        symbol = serializers.CharField()
        timestamp = UtcText(source="at")

    @extend_schema(
        operation_id="getInterestHistory", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = history.interest(
            access_from(request).account,
            page=page,
            asset=query.get("asset"),
            market=query.get("symbol"),
            position=query.get("positionId"),
            source=query.get("source"),
        )
        return paged(rows, page=page, output=self.Output)


class DustHistoryView(SignedView):
    """Return the small balances which the account sold to the house."""

    instructions: ClassVar = {"GET": "dustHistoryQueryAll"}

    class Input(SortedPageInput):
        id = serializers.IntegerField(required=False, min_value=0, max_value=ID_MAX)
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        id = serializers.IntegerField()
        quantity = DecimalText()
        symbol = serializers.CharField()
        timestamp = UtcText(source="at")
        usdcReceived = DecimalText(source="received")

    @extend_schema(operation_id="getDustHistory", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = history.dust(
            access_from(request).account,
            page=page,
            number=query.get("id"),
            symbol=query.get("symbol"),
        )
        return paged(rows, page=page, output=self.Output)
