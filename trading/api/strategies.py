"""Scheduled strategies: an order divided over time. Signed."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import ATOMS_MAX, DecimalText, UnixMillis, UtcText, WireBoolean
from accounts.api.paging import SortedPageInput, page_of, paged
from accounts.api.views import SignedView, access_from, validated
from engine.commands import SelfTradePrevention, Side, TimeInForce
from trading import strategies
from trading.api.described import SELF_TRADE_PREVENTIONS, SIDES, TIMES_IN_FORCE
from trading.api.markets import MARKET_KINDS
from trading.api.orders import MAX_CLIENT_ID
from trading.conditions import TOLERANCE_TYPES
from trading.listings import listed_markets
from trading.refusals import INVALID_MARKET, Refusal, Refused
from trading.services import OrderRequest
from trading.strategies import REASONS, StrategyName, StrategyRequest, StrategyRow

SCHEDULED = "Scheduled"
_TOLERANCE = ("slippageTolerance", "slippageToleranceType")


class _Kind(serializers.Serializer[Any]):
    strategyType = serializers.ChoiceField(choices=(SCHEDULED,), required=False)


class NameInput(serializers.Serializer[Any]):
    """Which running strategy is meant."""

    clientStrategyId = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_CLIENT_ID
    )
    strategyId = serializers.CharField(required=False)
    symbol = serializers.CharField()


class CancelAllInput(_Kind):
    symbol = serializers.CharField()


class _Output(serializers.Serializer[Any]):
    clientStrategyId = serializers.IntegerField(source="client_id", allow_null=True)
    duration = serializers.IntegerField()
    executedQuantity = DecimalText(source="executed_quantity")
    executedQuoteQuantity = DecimalText(source="executed_quote_quantity")
    id = serializers.CharField()
    interval = serializers.IntegerField()
    quantity = DecimalText()
    randomizedIntervalQuantity = serializers.BooleanField(source="randomized")
    selfTradePrevention = serializers.CharField(source="self_trade_prevention")
    side = serializers.CharField()
    slippageTolerance = DecimalText(source="slippage_tolerance", allow_null=True)
    slippageToleranceType = serializers.CharField(source="slippage_tolerance_type", allow_null=True)
    status = serializers.CharField()
    strategyType = serializers.SerializerMethodField()
    symbol = serializers.CharField()
    timeInForce = serializers.CharField(source="time_in_force")

    def get_strategyType(self, row: StrategyRow) -> str:  # noqa: N802 -- the name of the member
        return SCHEDULED


class StrategyOutput(_Output):
    """A strategy as it stands."""

    createdAt = UnixMillis(source="created_at")
    postOnly = serializers.BooleanField(source="post_only", allow_null=True)
    price = DecimalText(allow_null=True)
    reduceOnly = serializers.BooleanField(source="reduce_only", allow_null=True)


class StrategyView(SignedView):
    """Return a running strategy, create one, or cancel it."""

    instructions: ClassVar = {
        "GET": "strategyQuery",
        "POST": "strategyCreate",
        "DELETE": "strategyCancel",
    }

    class Input(serializers.Serializer[Any]):
        autoBorrow = WireBoolean(required=False)
        autoBorrowRepay = WireBoolean(required=False)
        autoLend = WireBoolean(required=False)
        autoLendRedeem = WireBoolean(required=False)
        brokerId = serializers.IntegerField(required=False, min_value=0, max_value=65535)
        clientStrategyId = serializers.IntegerField(
            required=False, min_value=0, max_value=MAX_CLIENT_ID
        )
        duration = serializers.IntegerField(
            min_value=0, max_value=ATOMS_MAX, help_text="Milliseconds"
        )
        interval = serializers.IntegerField(
            min_value=0, max_value=ATOMS_MAX, help_text="Milliseconds from one order to the next"
        )
        postOnly = WireBoolean(required=False)
        price = DecimalText(required=False)
        quantity = DecimalText()
        randomizedIntervalQuantity = WireBoolean(required=False)
        reduceOnly = WireBoolean(required=False)
        selfTradePrevention = serializers.ChoiceField(
            choices=SELF_TRADE_PREVENTIONS, required=False
        )
        side = serializers.ChoiceField(choices=SIDES)
        slippageTolerance = DecimalText(required=False)
        slippageToleranceType = serializers.ChoiceField(choices=TOLERANCE_TYPES, required=False)
        strategyType = serializers.ChoiceField(choices=(SCHEDULED,))
        symbol = serializers.CharField()
        timeInForce = serializers.ChoiceField(choices=TIMES_IN_FORCE, required=False)

    @extend_schema(operation_id="getStrategy", parameters=[NameInput], responses=StrategyOutput)
    def get(self, request: Request) -> Response:
        name = _name(validated(NameInput, request))
        return _told(strategies.running_strategy(access_from(request).account, name))

    @extend_schema(operation_id="createStrategy", request=Input, responses={200: StrategyOutput})
    def post(self, request: Request) -> Response:
        """Have an order placed in parts; the first may have traded when this answers."""
        asked = _request(validated(self.Input, request))
        return _told(strategies.create_strategy(access_from(request), asked))

    @extend_schema(operation_id="cancelStrategy", responses={200: StrategyOutput})
    def delete(self, request: Request) -> Response:
        """Cancel a running strategy, and its order in the book."""
        name = _name(validated(NameInput, request))
        return _told(strategies.cancel_strategy(access_from(request), name))


class StrategiesView(SignedView):
    """Return the running strategies, or cancel those of one market."""

    instructions: ClassVar = {"GET": "strategyQueryAll", "DELETE": "strategyCancelAll"}

    class Input(_Kind):
        marketType = serializers.ChoiceField(choices=MARKET_KINDS, required=False)
        symbol = serializers.CharField(required=False)

    @extend_schema(
        operation_id="getOpenStrategies", parameters=[Input], responses=StrategyOutput(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        symbol, kind = query.get("symbol"), query.get("marketType")
        if symbol is not None and symbol not in listed_markets():
            raise Refused(INVALID_MARKET)
        rows = strategies.running_strategies(
            access_from(request).account, symbol=symbol, kinds=() if kind is None else (kind,)
        )
        return Response(StrategyOutput(rows, many=True).data)

    @extend_schema(operation_id="cancelOpenStrategies", responses={200: StrategyOutput(many=True)})
    def delete(self, request: Request) -> Response:
        """Cancel all running strategies of a market, with their orders in the book."""
        body = validated(CancelAllInput, request)
        ended = strategies.cancel_all_strategies(access_from(request), body["symbol"])
        if isinstance(ended, Refusal):
            raise Refused(ended)
        return Response(StrategyOutput(ended, many=True).data)


class StrategyHistoryView(SignedView):
    """Return the account's strategies which have ended."""

    instructions: ClassVar = {"GET": "strategyHistoryQueryAll"}

    class Input(SortedPageInput):
        marketType = serializers.ListField(
            child=serializers.ChoiceField(choices=MARKET_KINDS), default=[]
        )
        strategyId = serializers.CharField(required=False)
        symbol = serializers.CharField(required=False)

    class Output(_Output):
        cancelReason = serializers.SerializerMethodField()
        createdAt = UtcText(source="created_at")

        def get_cancelReason(self, row: StrategyRow) -> str | None:  # noqa: N802 -- as above
            """Clients know fewer reasons than there are."""
            return row.reason if row.reason is None or row.reason in REASONS else REASONS[-1]

    @extend_schema(
        operation_id="getStrategyHistory", parameters=[Input], responses=Output(many=True)
    )
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        page = page_of(query)
        rows = strategies.strategy_history(
            access_from(request).account,
            page=page,
            strategy_id=query.get("strategyId"),
            symbol=query.get("symbol"),
            kinds=tuple(query["marketType"]),
        )
        return paged(rows, page=page, output=self.Output)


def _request(body: dict[str, Any]) -> StrategyRequest:
    price = body.get("price")
    prevention = body.get("selfTradePrevention", SelfTradePrevention.REJECT_TAKER.value)
    return StrategyRequest(
        order=OrderRequest(
            symbol=body["symbol"],
            side=Side(body["side"]),
            order_type=strategies.order_type(price),
            price=price,
            quantity=body["quantity"],
            time_in_force=TimeInForce(body.get("timeInForce", TimeInForce.GTC.value)),
            self_trade_prevention=SelfTradePrevention(prevention),
            post_only=body.get("postOnly") is True,
            reduce_only=body.get("reduceOnly") is True,
            client_id=body.get("clientStrategyId"),
            auto_lend=body.get("autoLend"),
            auto_lend_redeem=body.get("autoLendRedeem"),
            auto_borrow=body.get("autoBorrow"),
            auto_borrow_repay=body.get("autoBorrowRepay"),
            conditions={name: body[name] for name in _TOLERANCE if name in body},
        ),
        duration_ms=body["duration"],
        interval_ms=body["interval"],
        randomized=body.get("randomizedIntervalQuantity") is True,
    )


def _name(words: dict[str, Any]) -> StrategyName:
    return StrategyName(
        symbol=words["symbol"],
        strategy_id=words.get("strategyId"),
        client_id=words.get("clientStrategyId"),
    )


def _told(outcome: StrategyRow | Refusal) -> Response:
    if isinstance(outcome, Refusal):
        raise Refused(outcome)
    return Response(StrategyOutput(outcome).data)
