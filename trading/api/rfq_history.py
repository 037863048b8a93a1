"""What an account has asked for and quoted, and what was traded so. Signed; paged."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import NOTHING, DecimalText, UtcText, WireBoolean
from accounts.api.paging import SortedPageInput, page_of, paged
from accounts.api.views import SignedView, access_from, validated
from engine.kinds import OrderStatus
from trading import rfq_selectors
from trading.api.described import SIDES
from trading.api.rfqs import MODES, NUMBER_MAX, RFQ_STATUSES
from trading.rfq_selectors import RfqWanted

STATUSES = tuple(status.value for status in OrderStatus)
RFQ_FILL_TYPES = ("User", "CollateralConversion")


class NarrowedInput(SortedPageInput):
    """No trade with a quote is settled later here: asked for those, the list is empty."""

    deferredSettlement = WireBoolean(required=False)
    symbol = serializers.CharField(required=False)


class RfqHistoryView(SignedView):
    """Return the account's requests for quote, open and ended."""

    instructions: ClassVar = {"GET": "rfqHistoryQueryAll"}

    class Input(NarrowedInput):
        rfqId = serializers.IntegerField(required=False, min_value=0, max_value=NUMBER_MAX)
        side = serializers.ChoiceField(choices=SIDES, required=False)
        status = serializers.ChoiceField(choices=STATUSES, required=False)

    class Output(serializers.Serializer[Any]):
        clientId = serializers.IntegerField(source="client_id", allow_null=True)
        createdAt = UtcText(source="created_at")
        deferredSettlementQuoteId = serializers.CharField(**NOTHING)
        executionMode = serializers.ChoiceField(source="mode", choices=MODES)
        expiryTime = UtcText(source="expires_at")
        price = DecimalText(allow_null=True)
        quantity = DecimalText(allow_null=True)
        quoteQuantity = DecimalText(source="quote_quantity", allow_null=True)
        rfqId = serializers.CharField(source="rfq_id")
        side = serializers.ChoiceField(choices=SIDES)
        status = serializers.ChoiceField(choices=RFQ_STATUSES)
        submissionTime = UtcText(source="submission_at")
        symbol = serializers.CharField()

    @extend_schema(operation_id="getRfqHistory", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = rfq_selectors.rfq_history(
            access_from(request).account, page=page, wanted=_wanted(query, query.get("rfqId"))
        )
        return paged(rows, page=page, output=self.Output)


class QuoteHistoryView(SignedView):
    """Return the quotes which the account has made."""

    instructions: ClassVar = {"GET": "quoteHistoryQueryAll"}

    class Input(NarrowedInput):
        quoteId = serializers.IntegerField(required=False, min_value=0, max_value=NUMBER_MAX)
        status = serializers.ChoiceField(choices=STATUSES, required=False)

    class Output(serializers.Serializer[Any]):
        askPrice = DecimalText(source="ask_price")
        bidPrice = DecimalText(source="bid_price")
        clientId = serializers.IntegerField(source="client_id", allow_null=True)
        createdAt = UtcText(source="created_at")
        deferredSettlement = serializers.BooleanField(source="is_deferred")
        quoteId = serializers.CharField(source="quote_id")
        rfqId = serializers.CharField(source="rfq_id")
        status = serializers.ChoiceField(choices=RFQ_STATUSES)

    @extend_schema(operation_id="getQuoteHistory", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = rfq_selectors.quote_history(
            access_from(request).account, page=page, wanted=_wanted(query, query.get("quoteId"))
        )
        return paged(rows, page=page, output=self.Output)


class RfqFillHistoryView(SignedView):
    """Return what the account has traded by accepting quotes."""

    instructions: ClassVar = {"GET": "rfqFillHistoryQueryAll"}

    class Input(NarrowedInput):
        fillType = serializers.ChoiceField(choices=RFQ_FILL_TYPES, required=False)
        quoteId = serializers.IntegerField(required=False, min_value=0, max_value=NUMBER_MAX)
        side = serializers.ChoiceField(choices=SIDES, required=False)

    class Output(serializers.Serializer[Any]):
        clientId = serializers.IntegerField(source="client_id", allow_null=True)
        createdAt = UtcText(source="created_at")
        fillPrice = DecimalText(source="fill_price")
        filledAt = UtcText(source="filled_at")
        quantity = DecimalText()
        quoteId = serializers.CharField(source="quote_id")
        quoteQuantity = DecimalText(source="quote_quantity")
        rfqId = serializers.CharField(source="rfq_id")
        side = serializers.ChoiceField(choices=SIDES)
        symbol = serializers.CharField()
        systemOrderType = serializers.CharField(**NOTHING)

    @extend_schema(
        operation_id="getRfqFillHistory", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = rfq_selectors.rfq_fills(
            access_from(request).account,
            page=page,
            wanted=_wanted(query, query.get("quoteId")),
            is_maker=False,
        )
        return paged(rows, page=page, output=self.Output)


class QuoteFillHistoryView(SignedView):
    """Return what the account has traded because its quotes were accepted."""

    instructions: ClassVar = {"GET": "quoteFillHistoryQueryAll"}

    class Input(NarrowedInput):
        quoteId = serializers.IntegerField(required=False, min_value=0, max_value=NUMBER_MAX)
        side = serializers.ChoiceField(choices=SIDES, required=False)

    class Output(serializers.Serializer[Any]):
        clientId = serializers.IntegerField(source="client_id", allow_null=True)
        createdAt = UtcText(source="created_at")
        fee = DecimalText()
        feeSymbol = serializers.CharField(source="fee_symbol")
        fillPrice = DecimalText(source="fill_price")
        filledAt = UtcText(source="filled_at")
        quantity = DecimalText()
        quoteId = serializers.CharField(source="quote_id")
        rfqId = serializers.CharField(source="rfq_id")
        side = serializers.ChoiceField(choices=SIDES)
        symbol = serializers.CharField()

    @extend_schema(
        operation_id="getQuoteFillHistory", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = rfq_selectors.rfq_fills(
            access_from(request).account,
            page=page,
            wanted=_wanted(query, query.get("quoteId")),
            is_maker=True,
        )
        return paged(rows, page=page, output=self.Output)


def _wanted(query: dict[str, Any], number: int | None) -> RfqWanted:
    """Return the filter; the house asks for no quotes, and settles all trades at once."""
    return RfqWanted(
        number=number,
        symbol=query.get("symbol"),
        status=query.get("status"),
        side=query.get("side"),
        nothing=query.get("deferredSettlement") is True
        or query.get("fillType") == "CollateralConversion",
    )
