"""The listed assets and the latest prices, for the apps below trading, which may not import it.

The rows belong to the trading app and are written by the engine's projections; like a foreign key
this names the model by its label.
"""

import msgspec
from django.apps import apps

from accounts.api.errors import Refused
from engine.catalog import Asset


def assets() -> dict[str, Asset]:
    """Return every listed asset by symbol, in the order of listing."""
    rows = apps.get_model("trading", "Asset").objects.order_by("listed_at", "symbol")
    specs = (msgspec.convert(spec, Asset) for spec in rows.values_list("spec", flat=True))
    return {asset.symbol: asset for asset in specs}


def asset_named(symbol: str) -> Asset:
    """Return a listed asset. Raises Refused for an unknown symbol."""
    asset = assets().get(symbol)
    if asset is None:
        raise Refused(400, "INVALID_ASSET", f"Invalid asset: {symbol[:40]!r} is not listed")
    return asset


def prices_e8() -> dict[str, int]:
    """Return the latest index of each asset and mark of each perpetual market, in USD × 1e8."""
    points = apps.get_model("trading", "PricePoint").objects.values_list("symbol", "price_e8")
    return {symbol: int(price) for symbol, price in points}
