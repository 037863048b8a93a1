"""Columns of the trading console: ticks, lots and atoms as a reader writes them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin

from trading.catalog import ListedMarket, catalog, refresh


def _market(symbol: str) -> ListedMarket:
    """Return a market from this process's catalog, read anew if it was listed since."""
    return catalog().markets.get(symbol) or refresh().markets[symbol]


def price(field: str, title: str) -> Any:
    """Return a column which shows ticks as a price."""
    return _column(field, title, lambda row, ticks: _market(row.market).price_text(ticks))


def quantity(field: str, title: str) -> Any:
    """Return a column which shows lots as a quantity of the base asset."""
    return _column(field, title, lambda row, lots: _market(row.market).quantity_text(int(lots)))


def quote(field: str, title: str) -> Any:
    """Return a column which shows atoms as an amount of the market's quote asset."""
    return _column(field, title, lambda row, atoms: _market(row.market).quote_text(int(atoms)))


def _column(field: str, title: str, write: Callable[[Any, Any], str]) -> Any:
    @admin.display(description=title, ordering=field)
    def show(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else write(row, value)

    show.__name__ = field
    return show
