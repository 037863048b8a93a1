"""Spans of whole days (UTC) over which a portfolio is looked at."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

DAYS = (7, 30, 90)
DAYS_MAX = 3_660
DAY = timedelta(days=1)


class SpanWrong(ValueError):
    """The dates make no span; the message says what to do."""


class Span(NamedTuple):
    """Whole days from `first` to `last`, both in it; of today, what there is of it."""

    first: date
    last: date
    is_current: bool

    @property
    def start(self) -> datetime:
        return _midnight(self.first)

    @property
    def end(self) -> datetime | None:
        """Return the end of the last day; None is now."""
        return None if self.is_current else _midnight(self.last) + DAY

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def last_days(count: int, *, today: date) -> Span:
    """Return the last days, today in them."""
    return Span(today - (count - 1) * DAY, today, is_current=True)


def span_of(words: dict[str, str], *, today: date) -> Span:
    """Return the span that a request names: `days`, or `from` and `to`; else the shortest.

    Raises SpanWrong.
    """
    first, last, days = words.get("from", ""), words.get("to", ""), words.get("days", "")
    if not first and not last:
        if days and days not in map(str, DAYS):
            choices = ", ".join(map(str, DAYS))
            raise SpanWrong(f"days must be one of {choices}; or name dates: from and to")
        return last_days(int(days or DAYS[0]), today=today)
    if days:
        raise SpanWrong("name days, or the dates from and to, not both")
    begin = _date(first, "from")
    end = _date(last, "to") if last else today
    if begin > end:
        raise SpanWrong("from must not be later than to")
    if end > today:
        raise SpanWrong(f"to must not be later than today, {today} (UTC)")
    if (end - begin).days >= DAYS_MAX:
        raise SpanWrong(f"a span may have {DAYS_MAX} days at most: name a later from")
    return Span(begin, end, is_current=end == today)


def _date(text: str, name: str) -> date:
    # The one spelling: `fromisoformat` takes others too.
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise SpanWrong(f"{name} must be a day such as 2026-11-26") from error
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
