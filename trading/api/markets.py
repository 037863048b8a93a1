"""What is listed: assets, collateral terms, markets, open interest. Public."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import invalid_request
from accounts.api.fields import NOTHING, DecimalText, UnixMillis, UtcText
from accounts.api.views import PublicView, validated
from trading import listings, selectors

MARKET_KINDS = ("SPOT", "PERP", "IPERP", "DATED", "PREDICTION", "RFQ")


class SqrtFunction(serializers.Serializer[Any]):
    """max(base, factor × √notional in USD)."""

    base = DecimalText()
    factor = DecimalText()
    type = serializers.CharField()


class AssetsView(PublicView):
    """Return every listed asset; `tokens` says over which chains it comes in and goes out."""

    cache_control: ClassVar = "s-maxage=300"

    class Output(serializers.Serializer[Any]):
        class Token(serializers.Serializer[Any]):
            """Terms of one chain. `contractAddress` is empty for a chain's own coin."""

            blockchain = serializers.CharField()
            contractAddress = serializers.CharField(source="contract_address")
            depositEnabled = serializers.BooleanField(source="deposit_enabled")
            displayName = serializers.CharField(source="name")
            maximumWithdrawal = DecimalText(source="maximum_withdrawal", allow_null=True)
            minimumDeposit = DecimalText(source="minimum_deposit")
            minimumWithdrawal = DecimalText(source="minimum_withdrawal")
            nativeDecimals = serializers.IntegerField(source="native_decimals")
            withdrawEnabled = serializers.BooleanField(source="withdraw_enabled")
            withdrawalFee = DecimalText(source="withdrawal_fee")

        coingeckoId = serializers.CharField(**NOTHING)
        displayName = serializers.CharField(source="name")
        symbol = serializers.CharField()
        tokens = Token(many=True, source="chains")

    @extend_schema(operation_id="getAssets", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return Response(self.Output(listings.asset_rows(), many=True).data)


class CollateralView(PublicView):
    """Return how much of each asset counts as collateral, and what borrowing it requires."""

    cache_control: ClassVar = "s-maxage=300"

    class Output(serializers.Serializer[Any]):
        class Haircut(serializers.Serializer[Any]):
            """The weight at any size (`identity`), or min(weight, base / (1 + penalty × √USD))."""

            kind = serializers.DictField()
            weight = DecimalText()

        haircutFunction = Haircut(source="haircut")
        imfFunction = SqrtFunction(source="imf")
        mmfFunction = SqrtFunction(source="mmf")
        symbol = serializers.CharField()

    @extend_schema(operation_id="getCollateral", responses=Output(many=True))
    def get(self, request: Request) -> Response:
        return Response(self.Output(listings.collateral_terms(), many=True).data)


class MeanMarkPriceBand(serializers.Serializer[Any]):
    """Takers trade within these multiples of the five-minute mean of the mark or index."""

    maxMultiplier = DecimalText()
    minMultiplier = DecimalText()


class MeanPremiumBand(serializers.Serializer[Any]):
    """Takers trade within index × (1 + five-minute mean premium ± this)."""

    tolerancePct = DecimalText()


class MarketOutput(serializers.Serializer[Any]):
    """A market: what may be ordered in it, and what positions in it require."""

    class Filters(serializers.Serializer[Any]):
        class Price(serializers.Serializer[Any]):
            borrowEntryFeeMaxMultiplier = DecimalText(**NOTHING)
            borrowEntryFeeMinMultiplier = DecimalText(**NOTHING)
            maxImpactMultiplier = DecimalText(source="max_impact")
            maxMultiplier = DecimalText(source="max_multiplier")
            maxPrice = DecimalText(source="max_price")
            maxPriceUpdateMultiplier = DecimalText(source="max_update", allow_null=True)
            meanMarkPriceBand = MeanMarkPriceBand(source="mean_mark_band", allow_null=True)
            meanPremiumBand = MeanPremiumBand(source="mean_premium_band", allow_null=True)
            minImpactMultiplier = DecimalText(source="min_impact")
            minMultiplier = DecimalText(source="min_multiplier")
            minPrice = DecimalText(source="tick_size")
            minPriceUpdateMultiplier = DecimalText(source="min_update", allow_null=True)
            tickSize = DecimalText(source="tick_size")

        class Quantity(serializers.Serializer[Any]):
            maxQuantity = DecimalText(source="max_quantity")
            minQuantity = DecimalText(source="min_quantity")
            stepSize = DecimalText(source="step_size")

        price = Price(source="*")
        quantity = Quantity(source="*")

    baseSymbol = serializers.CharField(source="base")
    createdAt = UtcText(source="created_at", timespec="microseconds")
    filters = Filters(source="*")
    fundingInterval = serializers.IntegerField(
        source="funding_interval", allow_null=True, help_text="Milliseconds; null for spot"
    )
    fundingRateLowerBound = DecimalText(source="funding_lowest", allow_null=True)
    fundingRateUpperBound = DecimalText(source="funding_highest", allow_null=True)
    imfFunction = SqrtFunction(source="imf", allow_null=True)
    marketType = serializers.ChoiceField(source="kind", choices=MARKET_KINDS)
    mmfFunction = SqrtFunction(source="mmf", allow_null=True)
    openInterestLimit = DecimalText(source="open_interest_limit", allow_null=True)
    orderBookState = serializers.CharField(source="state")
    positionLimitWeight = DecimalText(source="position_limit_weight", allow_null=True)
    quoteSymbol = serializers.CharField(source="quote")
    symbol = serializers.CharField()
    visible = serializers.BooleanField()


class MarketsView(PublicView):
    """Return every listed market, in the order of listing; those of kind RFQ only if asked for."""

    cache_control: ClassVar = "s-maxage=300"

    class Input(serializers.Serializer[Any]):
        marketType = serializers.ListField(
            child=serializers.ChoiceField(choices=MARKET_KINDS), default=[]
        )

    @extend_schema(operation_id="getMarkets", parameters=[Input], responses=MarketOutput(many=True))
    def get(self, request: Request) -> Response:
        query = validated(self.Input, request)
        rows = listings.market_rows(query["marketType"])
        return Response(MarketOutput(rows, many=True).data)


class MarketView(PublicView):
    """Return one market."""

    class Input(serializers.Serializer[Any]):
        symbol = serializers.CharField()

    @extend_schema(operation_id="getMarket", parameters=[Input], responses={200: MarketOutput})
    def get(self, request: Request) -> Response:
        symbol = validated(self.Input, request)["symbol"]
        for row in (*listings.market_rows(), *listings.market_rows([listings.RFQ])):
            if row.symbol == symbol:
                return Response(MarketOutput(row).data)
        raise invalid_request("Invalid market symbol")


class OpenInterestView(PublicView):
    """Return what is open in each perpetual market, or in the one that is asked for."""

    cache_control: ClassVar = "s-maxage=5"

    class Input(serializers.Serializer[Any]):
        symbol = serializers.CharField(required=False)

    class Output(serializers.Serializer[Any]):
        openInterest = DecimalText(source="quantity", allow_null=True)
        symbol = serializers.CharField()
        timestamp = UnixMillis(source="at")

    @extend_schema(operation_id="getOpenInterest", parameters=[Input], responses=Output(many=True))
    def get(self, request: Request) -> Response:
        symbol = validated(self.Input, request).get("symbol")
        rows = selectors.open_interest(symbol)
        if symbol is not None and not rows:
            raise invalid_request("Invalid market symbol")
        return Response(self.Output(rows, many=True).data)
