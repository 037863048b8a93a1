"""Pages of a list: which rows a query asks for, and the headers which say where they stand."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet
from rest_framework import serializers
from rest_framework.response import Response

from accounts.api.fields import UnixMillis

SIZE_DEFAULT = 100
SIZE_MAX = 1000
# PostgreSQL walks over every skipped row: what lies deeper is asked for by time or by id.
OFFSET_MAX = 1_000_000
_HEADERS = "X-Page-Count, X-Current-Page, X-Page-Size, X-Total"

Record = TypeVar("Record", bound=Model)
Row = TypeVar("Row")


class Page(NamedTuple):
    """Which rows of a list are wanted."""

    limit: int = SIZE_DEFAULT
    offset: int = 0
    ascending: bool = False


class Listed(NamedTuple, Generic[Row]):
    """One page of rows, and how many there are in all."""

    rows: Sequence[Row]
    total: int


class PageInput(serializers.Serializer[Any]):
    """The part of a query which every paged list understands."""

    limit = serializers.IntegerField(min_value=1, max_value=SIZE_MAX, default=SIZE_DEFAULT)
    offset = serializers.IntegerField(min_value=0, max_value=OFFSET_MAX, default=0)


class SortedPageInput(PageInput):
    """Adds the direction in time; the newest come first unless asked otherwise."""

    sortDirection = serializers.ChoiceField(choices=("Asc", "Desc"), default="Desc")


class SpanInput(serializers.Serializer[Any]):
    """Adds `from` and `to`, which become `since` and `until`: `from` is a word of Python."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            **super().get_fields(),
            "from": UnixMillis(required=False, source="since"),
            "to": UnixMillis(required=False, source="until"),
        }


def page_of(query: dict[str, Any]) -> Page:
    """Take the page out of a validated query; what remains are filters."""
    return Page(
        limit=query.pop("limit"),
        offset=query.pop("offset"),
        ascending=query.pop("sortDirection", "Desc") == "Asc",
    )


def listed(
    rows: QuerySet[Record], *, page: Page, order: str, read: Callable[[Record], Row]
) -> Listed[Row]:
    """Read one page of `rows`, newest first unless the page says otherwise.

    Args:
        order: a column that no two rows share, so that no row is on two pages.
    """
    ordered = rows.order_by(order if page.ascending else f"-{order}")
    chosen = ordered[page.offset : page.offset + page.limit]
    return Listed([read(row) for row in chosen], rows.count())


def paged(rows: Listed[Any], *, page: Page, output: type[serializers.Serializer[Any]]) -> Response:
    """Answer a page with the headers of the contract."""
    return Response(
        output(rows.rows, many=True).data,
        headers={
            "X-Page-Count": str(-(-rows.total // page.limit)),
            "X-Current-Page": str(page.offset // page.limit + 1),
            "X-Page-Size": str(page.limit),
            "X-Total": str(rows.total),
            "Access-Control-Expose-Headers": _HEADERS,
        },
    )


def between(column: str, *, since: datetime | None, until: datetime | None) -> Q:
    """Return the condition that a column lies in a span of time, both ends included."""
    span = Q()
    if since is not None:
        span &= Q((f"{column}__gte", since))
    if until is not None:
        span &= Q((f"{column}__lte", until))
    return span
