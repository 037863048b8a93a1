"""Requests for quote: ask, quote, accept, refresh, cancel, and the open ones. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import NOTHING, DecimalText, UnixMillis, WireBoolean
from accounts.api.reach import access_named
from accounts.api.views import SignedView, access_from, validated
from engine.vocabulary import ExecutionMode, Side
from trading import rfq_selectors, rfq_services
from trading.api.described import SIDES
from trading.rfq_selectors import RfqWanted
from trading.rfq_services import Flags, QuoteOffer, QuoteRequest

MODES = tuple(mode.value for mode in ExecutionMode)
RFQ_STATUSES = ("New", "Filled", "Cancelled", "Expired")
NUMBER_MAX = 2**63 - 1
CLIENT_ID_MAX = 2**32 - 1
SUBACCOUNT_MAX = 2**16 - 1


class ClientIdInput(serializers.Serializer[Any]):
    clientId = serializers.IntegerField(required=False, min_value=0, max_value=CLIENT_ID_MAX)


class FlagsInput(serializers.Serializer[Any]):
    """How the trade is paid for, and what becomes of what it brings; as in orders."""

    autoBorrow = WireBoolean(required=False)
    autoBorrowRepay = WireBoolean(required=False)
    autoLend = WireBoolean(required=False)
    autoLendRedeem = WireBoolean(required=False)


class RfqOutput(serializers.Serializer[Any]):
    """A request for quote. Makers may quote it until `submissionTime`."""

    clientId = serializers.IntegerField(source="client_id", allow_null=True)
    createdAt = UnixMillis(source="created_at")
    executionMode = serializers.ChoiceField(source="mode", choices=MODES)
    expiryTime = UnixMillis(source="expires_at")
    price = DecimalText(allow_null=True)
    quantity = DecimalText(allow_null=True)
    quoteQuantity = DecimalText(source="quote_quantity", allow_null=True)
    rfqId = serializers.CharField(source="rfq_id")
    side = serializers.ChoiceField(choices=SIDES)
    status = serializers.ChoiceField(choices=RFQ_STATUSES)
    submissionTime = UnixMillis(source="submission_at")
    symbol = serializers.CharField()
    systemOrderType = serializers.CharField(**NOTHING)


class QuoteOutput(serializers.Serializer[Any]):
    """A quote. `clientId` is the maker's, and null for others."""

    askPrice = DecimalText(source="ask_price")
    bidPrice = DecimalText(source="bid_price")
    clientId = serializers.IntegerField(source="client_id", allow_null=True)
    createdAt = UnixMillis(source="created_at")
    quoteId = serializers.CharField(source="quote_id")
    rfqId = serializers.CharField(source="rfq_id")
    status = serializers.ChoiceField(choices=RFQ_STATUSES)


class RfqsView(SignedView):
    """Return the account's open requests with their quotes."""

    instructions: ClassVar = {"GET": "rfqQuery"}

    class Input(serializers.Serializer[Any]):
        deferredSettlement = WireBoolean(required=False)
        rfqId = serializers.IntegerField(required=False, min_value=0, max_value=NUMBER_MAX)
        subaccountId = serializers.IntegerField(
            required=False, min_value=0, max_value=SUBACCOUNT_MAX
        )
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        quotes = QuoteOutput(many=True)
        rfq = RfqOutput()

    @extend_schema(operation_id="getOpenRfqs", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        access, query = access_from(request), validated(self.Input, request)
        access = access_named(access, query.get("subaccountId"))
        wanted = RfqWanted(
            number=query.get("rfqId"),
            symbol=query.get("symbol"),
            nothing=query.get("deferredSettlement") is True,
        )
        rows = rfq_selectors.open_rfqs(access.account, wanted)
        return Response(self.Output(rows, many=True).data)


class RfqView(SignedView):
    """Ask for quotes of one of the quantities."""

    instructions: ClassVar = {"POST": "rfqSubmit"}
    # ccxt has no name for it.
    also_signed_as: ClassVar = ("",)

    class Input(FlagsInput, ClientIdInput):
        executionMode = serializers.ChoiceField(choices=MODES, default=MODES[0])
        price = DecimalText(required=False)
        quantity = DecimalText(required=False)
        quoteQuantity = DecimalText(required=False)
        side = serializers.ChoiceField(choices=SIDES)
        symbol = serializers.CharField()

    @extend_schema(operation_id="submitRfq", request=Input, responses={200: RfqOutput})
    def post(self, request: Request) -> Response:
        """Open a request; makers are told of it, but not whose it is, nor its side."""
        body = validated(self.Input, request)
        number = rfq_services.request_quote(
            access_from(request),
            QuoteRequest(
                symbol=body["symbol"],
                side=Side(body["side"]),
                quantity=body.get("quantity"),
                quote_quantity=body.get("quoteQuantity"),
                price=body.get("price"),
                mode=ExecutionMode(body["executionMode"]),
                client_id=body.get("clientId"),
                flags=_flags(body),
            ),
        )
        return _rfq(number)


class AcceptQuoteView(SignedView):
    """Trade with a quote."""

    instructions: ClassVar = {"POST": "quoteAccept"}
    # ccxt has no name for it.
    also_signed_as: ClassVar = ("",)

    class Input(ClientIdInput):
        quoteId = serializers.CharField()
        rfqId = serializers.CharField(required=False)

    @extend_schema(operation_id="acceptQuote", request=Input, responses={200: RfqOutput})
    def post(self, request: Request) -> Response:
        """Trade at the quote's price; name the request by one of its two ids."""
        body = validated(self.Input, request)
        number = rfq_services.accept_quote(
            access_from(request),
            body["quoteId"],
            rfq_id=body.get("rfqId"),
            client_id=body.get("clientId"),
        )
        return _rfq(number)


class RefreshRfqView(SignedView):
    """Have a request live on."""

    instructions: ClassVar = {"POST": "rfqRefresh"}
    # ccxt has no name for it.
    also_signed_as: ClassVar = ("",)

    class Input(serializers.Serializer[Any]):
        rfqId = serializers.CharField()

    @extend_schema(operation_id="refreshRfq", request=Input, responses={200: RfqOutput})
    def post(self, request: Request) -> Response:
        """Have it live as long as a new one; quotes still end when their makers were told."""
        body = validated(self.Input, request)
        return _rfq(rfq_services.refresh_quote_request(access_from(request), body["rfqId"]))


class CancelRfqView(SignedView):
    """End a request."""

    instructions: ClassVar = {"POST": "rfqCancel"}
    # ccxt has no name for it.
    also_signed_as: ClassVar = ("",)

    class Input(ClientIdInput):
        rfqId = serializers.CharField(required=False)

    @extend_schema(operation_id="cancelRfq", request=Input, responses={200: RfqOutput})
    def post(self, request: Request) -> Response:
        """End it with its quotes; name it by one of its two ids."""
        body = validated(self.Input, request)
        number = rfq_services.cancel_quote_request(
            access_from(request), rfq_id=body.get("rfqId"), client_id=body.get("clientId")
        )
        return _rfq(number)


class QuoteView(SignedView):
    """Quote a request."""

    instructions: ClassVar = {"POST": "quoteSubmit"}

    class Input(FlagsInput, ClientIdInput):
        askPrice = DecimalText()
        bidPrice = DecimalText()
        rfqId = serializers.CharField()

    @extend_schema(operation_id="submitQuote", request=Input, responses={200: QuoteOutput})
    def post(self, request: Request) -> Response:
        """Offer to buy and to sell; it replaces the account's quote before."""
        body = validated(self.Input, request)
        number = rfq_services.submit_quote(
            access_from(request),
            QuoteOffer(
                rfq_id=body["rfqId"],
                bid_price=body["bidPrice"],
                ask_price=body["askPrice"],
                client_id=body.get("clientId"),
                flags=_flags(body),
            ),
        )
        return Response(QuoteOutput(rfq_selectors.quote_row(number)).data)


def _flags(body: dict[str, Any]) -> Flags:
    return Flags(
        auto_lend=body.get("autoLend"),
        auto_lend_redeem=body.get("autoLendRedeem", True),
        auto_borrow=body.get("autoBorrow", False),
        auto_borrow_repay=body.get("autoBorrowRepay"),
    )


def _rfq(number: int) -> Response:
    return Response(RfqOutput(rfq_selectors.rfq_row(number)).data)
