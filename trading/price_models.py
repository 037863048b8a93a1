"""How each second's index prices came about, and which of them staff have halted.

Both belong to the shell, not to the engine: records are written beside the feed (price_records),
halts by staff. A price is what it is without them.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class PriceRecord(models.Model):
    """One second of all assets.

    `assets` is gateway.explained.Explained by asset, as JSON arrays. `sequence` is the number of
    the command which published them; null if the engine did not take it. `troubles` are words to
    search for, such as `Degraded`, `SOL:Outlier` or `SOL:kraken:Old`; empty in a quiet second.
    """

    # Unix seconds: finds an asset's price by time, as every row has all assets.
    second = models.BigIntegerField(primary_key=True)
    sequence = models.BigIntegerField(null=True)
    assets = models.JSONField()
    troubles = ArrayField(models.TextField())

    class Meta:
        indexes: ClassVar = [
            # Serves the console's filters by state, reason, asset and venue.
            GinIndex(fields=["troubles"], name="troubles_of_prices"),
        ]

    def __str__(self) -> str:
        return f"prices of second {self.second}"


class PriceHalt(models.Model):
    """An asset whose index staff have taken out of use; the trail says who and why."""

    symbol = models.TextField(primary_key=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"halt of {self.symbol}"
