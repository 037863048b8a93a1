"""Candles of trades and of prices, by the minute and, for long spans, by the hour.

Minutes are written by the projections, hours by a job from the minutes (trading.candles).
"""

from typing import ClassVar

from django.db import models

from accounts.models.ledger import atoms_field


class TradeCandle(models.Model):
    """What was traded in a market from `start` on; prices in ticks."""

    market = models.TextField()
    start = models.DateTimeField()
    open_ticks = models.BigIntegerField()
    high_ticks = models.BigIntegerField()
    low_ticks = models.BigIntegerField()
    close_ticks = models.BigIntegerField()
    lots = atoms_field()
    quote_atoms = atoms_field()
    trades = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"candle {self.market} {self.start}"


class Candle(TradeCandle):
    """One minute of a market's trades."""

    class Meta:
        constraints: ClassVar = [
            # Serves klines of a market over a span of time, and the upsert of each commit.
            models.UniqueConstraint(fields=["market", "start"], name="candle_of_market"),
        ]


class HourCandle(TradeCandle):
    """One hour of a market's trades, once it is over."""

    class Meta:
        constraints: ClassVar = [
            # Serves klines of an hour and longer.
            models.UniqueConstraint(fields=["market", "start"], name="hour_of_market"),
        ]


class PricePoint(models.Model):
    """The latest index price of an asset, or mark price of a perpetual market, in USD × 1e8."""

    class Kind(models.TextChoices):
        INDEX = "index"
        MARK = "mark"

    symbol = models.TextField(primary_key=True)
    kind = models.TextField(choices=Kind.choices)
    price_e8 = atoms_field()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} of {self.symbol}"


class ReferenceCandle(models.Model):
    """An asset's index or a perpetual market's mark from `start` on, in USD × 1e8.

    A span without an update has no row.
    """

    symbol = models.TextField()
    kind = models.TextField(choices=PricePoint.Kind.choices)
    start = models.DateTimeField()
    open_e8 = atoms_field()
    high_e8 = atoms_field()
    low_e8 = atoms_field()
    close_e8 = atoms_field()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kind} candle of {self.symbol} {self.start}"


class PriceCandle(ReferenceCandle):
    """One minute of an index or a mark."""

    class Meta:
        constraints: ClassVar = [
            # Serves klines of a price over a span of time, and the upsert of each update.
            models.UniqueConstraint(fields=["symbol", "kind", "start"], name="candle_of_price"),
        ]


class HourPriceCandle(ReferenceCandle):
    """One hour of an index or a mark, once it is over."""

    class Meta:
        constraints: ClassVar = [
            # Serves klines of an hour and longer.
            models.UniqueConstraint(fields=["symbol", "kind", "start"], name="hour_of_price"),
        ]
