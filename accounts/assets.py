"""The listed assets and the latest prices, for the apps below trading, which may not import it.

The rows belong to the trading app and are written by the engine's projections; like a foreign key
this names the model by its label.
"""

from functools import lru_cache
from typing import NamedTuple

import msgspec
from django.apps import apps

from accounts.api.errors import Refused
from engine.catalog import Asset, Fraction
from gateway.decimals import format_decimal, format_padded

PPB_DECIMALS = 9


class SqrtText(NamedTuple):
    """A margin fraction as text: max(base, factor × √notional in USD)."""

    base: str
    factor: str
    type: str = "sqrt"


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


def sqrt_text(fraction: Fraction) -> SqrtText:
    """Return a margin fraction as text."""
    return SqrtText(ppb_text(fraction.base_ppb), ppb_text(fraction.factor_ppb))


def ppb_text(value: int) -> str:
    """Return a fraction in parts of 1e9 as decimal text."""
    return format_decimal(value, PPB_DECIMALS)


def percent_text(value_ppb: int) -> str:
    """Return a fraction in parts of 1e9 as per cent with two decimals, rounded half up.

    >>> percent_text(43_149_999), percent_text(1_000_000_000)
    ('4.31%', '100.00%')
    """
    return f"{format_padded((value_ppb + 50_000) // 100_000, 2)}%"


@lru_cache(maxsize=1000)
def decimals_of(symbol: str) -> int:
    """Return the decimals of a listed asset; they are fixed when it is listed."""
    return assets()[symbol].decimals
