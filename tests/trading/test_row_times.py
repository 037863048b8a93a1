"""The number of the first row of a span, in tables with gaps in numbers and in time."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from trading.row_times import first_id_since
from trading.settlement_models import Settlement

pytestmark = pytest.mark.django_db


def test_the_first_row_since_any_moment_is_found() -> None:
    assert first_id_since(Settlement, timezone.now()) == 0
    start = datetime(2026, 7, 1, tzinfo=timezone.get_current_timezone())
    minutes = (0, 0, 3, 3, 3, 10, 50, 51, 51)
    numbers = (5, 6, 9, 10, 11, 400, 402, 403, 999)
    terms = {"account_id": 1, "market": "X", "source": "RealizePnl", "amount_atoms": 1}
    Settlement.objects.bulk_create(
        Settlement(pk=number, sequence=number, at=start + timedelta(minutes=minute), **terms)
        for number, minute in zip(numbers, minutes, strict=True)
    )
    assert first_id_since(Settlement, None) == 0
    for minute in range(-1, 53):
        moment = start + timedelta(minutes=minute)
        found = first_id_since(Settlement, moment)
        later = [number for number, at in zip(numbers, minutes, strict=True) if at >= minute]
        before = [number for number, at in zip(numbers, minutes, strict=True) if at < minute]
        # Any number in the gap before the first row divides the rows as well.
        assert max(before, default=-1) < found <= min(later, default=1_000), minute
