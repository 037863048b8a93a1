"""The paper venue: it fills whole orders at our own mark ± half a spread, and takes a fee.

It has a memory of its own, as a real venue has: what it took is known by the order's id, whatever
became of its answer. No money is anywhere.
"""

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Case, F, QuerySet, Sum, When
from django.utils import timezone

from hedging import inventory
from hedging.decision import MILLION, Attempt, Rules, Sighting
from hedging.models import PaperOrder
from hedging.venue import VenueAway, VenueFill, VenueRefused
from trading.catalog import market_named

HALF_SPREAD_PPM: Final = 100
FEE_PPM: Final = 450
FEE_ASSET: Final = "USDC"
_SMALLEST: Final = Decimal("1e-12")


class PaperVenue:
    """One of our markets on paper; its steps and ticks are the market's own."""

    def __init__(self, market: str, symbol: str) -> None:
        self._market = market
        self._symbol = symbol

    def rules(self) -> Rules:
        """Return the market's own step, smallest quantity and tick."""
        listed = market_named(self._market)
        return Rules(
            step=inventory.in_units(self._market, 1),
            minimum=inventory.in_units(self._market, listed.market.min_lots),
            tick=Decimal(listed.market.tick_e8).scaleb(-inventory.PRICE_DECIMALS),
        )

    def position(self) -> Decimal:
        """Return what all orders taken so far come to."""
        signed = Sum(Case(When(is_buy=True, then=F("filled")), default=-F("filled")))
        total: Decimal | None = self._orders().aggregate(total=signed)["total"]
        return total or Decimal(0)

    def open_orders(self) -> list[Sighting]:
        """Return nothing: every order is IOC."""
        return []

    def find(self, attempt: Attempt) -> Sighting | None:
        """Return the order under the attempt's id."""
        row = self._orders().filter(client_id=attempt.client_id).first()
        if row is None:
            return None
        return Sighting(
            order_id=str(row.pk),
            client_id=row.client_id,
            is_buy=row.is_buy,
            quantity=row.quantity,
            filled=row.filled,
            is_open=False,
        )

    def fills(self, since: datetime) -> list[VenueFill]:
        """Return one trade for each order that was filled."""
        return [
            VenueFill(
                trade_id=str(row.pk),
                order_id=str(row.pk),
                is_buy=row.is_buy,
                quantity=row.filled,
                price=row.fill_price,
                fee=row.fee,
                fee_asset=FEE_ASSET,
                at=row.at,
            )
            for row in self._orders().filter(at__gte=since, filled__gt=0).order_by("pk")
        ]

    def place(self, attempt: Attempt) -> None:
        """Fill an order at once, or not at all if its price does not reach."""
        mark = inventory.mark_of(self._market)
        if mark is None:
            raise VenueRefused("there is no mark to trade at")
        half = mark.price * HALF_SPREAD_PPM / MILLION
        price = mark.price + half if attempt.is_buy else mark.price - half
        reaches = attempt.price >= price if attempt.is_buy else attempt.price <= price
        filled = attempt.quantity if reaches else Decimal(0)
        try:
            with transaction.atomic():
                PaperOrder.objects.create(
                    client_id=attempt.client_id,
                    symbol=self._symbol,
                    is_buy=attempt.is_buy,
                    quantity=attempt.quantity,
                    price=attempt.price,
                    filled=filled,
                    fill_price=price.quantize(_SMALLEST, ROUND_HALF_EVEN),
                    fee=(filled * price * FEE_PPM / MILLION).quantize(_SMALLEST, ROUND_CEILING),
                    at=timezone.now(),
                )
        except IntegrityError as error:
            raise VenueAway("this id was used before") from error

    def cancel(self, order_id: str) -> None:
        """Do nothing: nothing rests."""

    def _orders(self) -> QuerySet[PaperOrder]:
        return PaperOrder.objects.filter(symbol=self._symbol)
