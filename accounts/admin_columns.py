"""Columns of the console which show atoms as amounts."""

from typing import Any

from django.contrib import admin

from accounts.assets import decimals_of
from gateway.decimals import format_decimal


def amount(field: str, title: str) -> Any:
    """Return a column which shows atoms as an amount of the row's asset."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> str | None:
        value = getattr(row, field)
        return None if value is None else format_decimal(int(value), decimals_of(row.asset))

    show.__name__ = field
    return show
