"""Columns of the console of the desk."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from hedging.words import plain


def number(field: str, title: str) -> Any:
    """Return a column which shows a number without trailing zeros."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else plain(value)

    show.__name__ = field
    return show


def moment(field: str, title: str) -> Any:
    """Return a column which shows a time to the second."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else f"{value:%m-%d %H:%M:%S}"

    show.__name__ = field
    return show


@admin.display(description="side", ordering="is_buy")
def side(row: Any) -> str:
    """Show the side of an order or a trade."""
    return "buy" if row.is_buy else "sell"


def lines(texts: tuple[str, ...]) -> SafeString:
    """Return texts one under the other, each unbroken: a desk must fit on one screen."""
    return format_html(
        '<div class="stacked">{}</div>',
        format_html_join("", '<div class="whitespace-nowrap">{}</div>', zip(texts)),
    )
