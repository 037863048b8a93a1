"""Where the line of equity and the bars of daily profit go, on the portfolio's page.

The numbers are for drawing only; floats are fine for that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.decimals import group_digits
from trading.consolidated import Portfolio
from trading.portfolio_tables import dollars

# In units of the drawing; the page scales it to the width that it has.
WIDTH, HEIGHT = 640, 210
LEFT, RIGHT, TOP, BOTTOM = 8, 572, 12, 184
MICROS = 1_000_000
MARKS = 4
GAP = 0.25
_INSTANT = timedelta(microseconds=1)


class Mark(NamedTuple):
    """A label of an axis, and where it stands."""

    at: str
    text: str


class Bar(NamedTuple):
    """A day's profit: up or down from the zero line; `words` tell it to who hovers or listens."""

    x: str
    y: str
    width: str
    height: str
    tone: str
    words: str


class EquityChart(NamedTuple):
    line: str
    area: str
    end_x: str
    end_y: str
    x_marks: list[Mark]
    y_marks: list[Mark]
    words: str


class ProfitChart(NamedTuple):
    bars: list[Bar]
    zero_y: str
    x_marks: list[Mark]
    y_marks: list[Mark]
    words: str


def equity_chart(found: Portfolio, *, at: datetime) -> EquityChart | None:
    """Return the equity over the span: by the hour of a short one, by the day of a long one."""
    points = _points(found, at)
    if len(points) < 2:
        return None
    start, end = points[0][0], points[-1][0]
    lowest, highest = min(value for _, value in points), max(value for _, value in points)
    scale = _Scale(lowest, highest)
    placed = [(_x((moment - start) / (end - start)), scale.y(value)) for moment, value in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    return EquityChart(
        line=line,
        area=f"{placed[0][0]:.1f},{BOTTOM} {line} {placed[-1][0]:.1f},{BOTTOM}",
        end_x=f"{placed[-1][0]:.1f}",
        end_y=f"{placed[-1][1]:.1f}",
        x_marks=_ends(start, end, found, at),
        y_marks=scale.marks(),
        words=f"Equity between {dollars(lowest).text} and {dollars(highest).text} USD.",
    )


def profit_chart(found: Portfolio, *, at: datetime) -> ProfitChart | None:
    """Return the profit of each day of the span as bars."""
    if not found.days:
        return None
    results = [day.change.result for day in found.days]
    scale = _Scale(min(0, *results), max(0, *results))
    zero, slots = scale.y(0), found.span.days
    bars = []
    for day, result in zip(found.days, results, strict=True):
        date = (day.at - _INSTANT).date()
        y, amount = scale.y(result), dollars(result)
        bars.append(
            Bar(
                x=f"{_x(((date - found.span.first).days + GAP / 2) / slots):.1f}",
                y=f"{min(y, zero):.1f}",
                width=f"{(RIGHT - LEFT) * (1 - GAP) / slots:.2f}",
                height=f"{max(abs(y - zero), 0.5):.1f}",
                tone=amount.tone or "none",
                words=f"{date}: {amount.text}",
            )
        )
    worst, best = min(results), max(results)
    first, last = found.span.first, found.span.last
    return ProfitChart(
        bars=bars,
        zero_y=f"{zero:.1f}",
        x_marks=[Mark(f"{LEFT}", f"{first:%d %b %Y}"), Mark(f"{RIGHT}", f"{last:%d %b %Y}")],
        y_marks=scale.marks(),
        words=f"Best day {dollars(best).text}, worst day {dollars(worst).text} USD.",
    )


def _points(found: Portfolio, at: datetime) -> Sequence[tuple[datetime, int]]:
    end = found.span.end or at
    points = list(found.hours)
    if not points:
        began = found.span.start
        points = [(began, found.change.opening)] if found.change.opening else []
        points += [(day.at, day.change.closing) for day in found.days if day.at < end]
    return [*points, (end, found.change.closing)] if points else points


def _ends(start: datetime, end: datetime, found: Portfolio, at: datetime) -> list[Mark]:
    last = f"now, {at:%H:%M} UTC" if found.span.is_current else f"{end - _INSTANT:%d %b %Y}"
    return [Mark(f"{LEFT}", f"{start:%d %b %Y %H:%M}"), Mark(f"{RIGHT}", last)]


class _Scale:
    """Dollars from the lowest to the highest, with round labels between."""

    def __init__(self, lowest: int, highest: int) -> None:
        step = _round_step(max(highest - lowest, MICROS // 10) / (MARKS - 1))
        self.step = step
        self.low = lowest // step * step
        self.high = max(-(-highest // step) * step, self.low + step)

    def y(self, value: int) -> float:
        return BOTTOM - (BOTTOM - TOP) * (value - self.low) / (self.high - self.low)

    def marks(self) -> list[Mark]:
        values = range(self.low, self.high + 1, self.step)
        return [Mark(f"{self.y(value):.1f}", _short(value)) for value in values]


def _round_step(least: float) -> int:
    """Return 1, 2 or 5 times a power of ten, in micros, not below `least`."""
    power = 1
    while power * 10 <= least:
        power *= 10
    return next(power * part for part in (1, 2, 5, 10) if power * part >= least)


def _short(micros: int) -> str:
    """Return dollars as short as a label has room: 1.2M, 250K, 12.50."""
    sign, amount = ("-" if micros < 0 else ""), abs(micros)
    for unit, letter in ((10**15, "B"), (10**12, "M"), (10**9, "K")):
        if amount >= 10 * unit or (amount >= unit and amount % (unit // 100) == 0):
            return f"{sign}{amount / unit:,.2f}".rstrip("0").rstrip(".") + letter
    text = group_digits(f"{amount // MICROS}")
    rest = amount % MICROS // 10_000
    return f"{sign}{text}.{rest:02d}" if rest else f"{sign}{text}"


def _x(part: float) -> float:
    return LEFT + (RIGHT - LEFT) * part
