"""Where in a long table a moment lies. Rows are written in order of time, so ids grow with it.

Indexes of accounts end in the row's number: with its bounds, a span of an account is read from the
index alone, however long the account's history is.
"""

from datetime import datetime
from typing import Any

from django.db.models import Max

MAX_ID = 2**63 - 1


def first_id_since(model: Any, moment: datetime | None) -> int:
    """Return a number that no row before `moment` reaches, and every row from it on does.

    None is the beginning. It takes as many look-ups as the number has binary digits.
    """
    if moment is None:
        return 0
    low, high = 0, (model.objects.aggregate(last=Max("id"))["last"] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = model.objects.filter(id__gte=middle).order_by("id").values_list("id", "at").first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return low
