"""Columns of the trading console: ticks, lots and atoms as a reader writes them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin

from accounts.assets import decimals_of
from gateway.decimals import format_decimal
from trading.catalog import ListedMarket, market_named

MICROS_DECIMALS = 6


def price(field: str, title: str) -> Any:
    """Return a column which shows ticks as a price."""
    return _column(field, title, lambda listed, ticks: listed.price_text(ticks))


def quantity(field: str, title: str) -> Any:
    """Return a column which shows lots as a quantity of the base asset."""
    return _column(field, title, lambda listed, lots: listed.quantity_text(int(lots)))


def quote(field: str, title: str) -> Any:
    """Return a column which shows atoms as an amount of the market's quote asset."""
    return _column(field, title, lambda listed, atoms: listed.quote_text(int(atoms)))


@admin.display(description="fee", ordering="fee_atoms")
def fee(row: Any) -> str:
    """Show the fee in its asset; a negative one is a rebate."""
    return f"{format_decimal(int(row.fee_atoms), decimals_of(row.fee_asset))} {row.fee_asset}"


def _column(field: str, title: str, write: Callable[[ListedMarket, Any], str]) -> Any:
    @admin.display(description=title, ordering=field)
    def show(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else write(market_named(row.market), value)

    show.__name__ = field
    return show


def usd(field: str, title: str) -> Any:
    """Return a column which shows USD × 1e6 as dollars."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else format_decimal(int(value), MICROS_DECIMALS)

    show.__name__ = field
    return show
