"""Read-only tables with very many rows: nothing in the console counts or sorts all of them."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from compliance.staff import ReadOnlyAdmin

# Whoever looks for something older searches by id.
ROWS_COUNTED = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Count no further than the console pages; the newest rows come first."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or the cap if there are more."""
        if isinstance(self.object_list, QuerySet):
            return self.object_list.order_by()[:ROWS_COUNTED].count()
        return len(self.object_list)


class LargeTableAdmin(ReadOnlyAdmin):
    """A table of the engine, newest first."""

    paginator = CappedPaginator
    ordering = ("-pk",)
