"""Where the lines of the lending page's charts go: a pool's rate curve, and its rates over time.

The numbers are for drawing only; floats are fine for that.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from accounts.assets import percent_text
from engine.catalog import RateCurve
from engine.interest import RAY_PER_PPB, borrow_rate, lend_rate
from engine.pools import Pool
from engine.units import PPB, RAY
from gateway.decimals import parse_decimal
from lending.rates import RateRow

# In units of the drawing; the page scales it to the width that it has.
WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 350, 12, 164
CURVE_STEPS = 100
# A flat line of a small rate should not look like a high one.
LEAST_TOP_PPB = 10_000_000


class Mark(NamedTuple):
    """A label of an axis, and where it stands."""

    at: str
    text: str


class CurvePlot(NamedTuple):
    """The rate curve: lines as the points of a polyline, and where the pool stands on them."""

    borrow: str
    lend: str
    here_x: str
    here_borrow_y: str
    here_lend_y: str
    here_anchor: str
    kink_x: str
    x_marks: list[Mark]
    y_marks: list[Mark]
    words: str


class Line(NamedTuple):
    """A named line over time, and where it stands at its end."""

    name: str
    points: str
    end_y: str


class HistoryPlot(NamedTuple):
    """One or two lines over time."""

    lines: list[Line]
    x_marks: list[Mark]
    y_marks: list[Mark]
    words: str


def curve_plot(pool: Pool) -> CurvePlot:
    """Return the pool's curve with "you are here" at its utilization."""
    curve, fee_ppm = pool.asset.curve, pool.asset.fee_ppm
    top = _rate_at(curve, PPB)
    steps = {PPB * step // CURVE_STEPS for step in range(CURVE_STEPS + 1)} | {curve.optimal_ppb}
    used = min(pool.utilization_ppb, PPB)
    rates = [(step, _rate_at(curve, step)) for step in sorted(steps)]
    kink = _short(curve.optimal_ppb)
    return CurvePlot(
        borrow=_line((_x(step / PPB), _y(rate / top)) for step, rate in rates),
        lend=_line(
            (_x(step / PPB), _y(lend_rate(rate, step, fee_ppm) / top)) for step, rate in rates
        ),
        here_x=_text(_x(used / PPB)),
        here_borrow_y=_text(_y(min(pool.rate_ppb, top) / top)),
        here_lend_y=_text(_y(min(pool.lend_rate_ppb, top) / top)),
        here_anchor="end" if used > PPB // 2 else "start",
        kink_x=_text(_x(curve.optimal_ppb / PPB)),
        x_marks=[
            Mark(_text(_x(0)), "0%"),
            Mark(_text(_x(curve.optimal_ppb / PPB)), f"{kink} kink"),
            Mark(_text(_x(1)), "100%"),
        ],
        y_marks=_rate_marks(top),
        words=f"At {percent_text(used)} utilization borrowers pay {percent_text(pool.rate_ppb)} "
        f"and lenders earn {percent_text(pool.lend_rate_ppb)} a year.",
    )


def rates_plot(rows: Sequence[RateRow], *, length: timedelta, now: datetime) -> HistoryPlot:
    """Return the borrow and the lend rate over the last `length`, up to now."""
    borrow, lend = [_ppb(row.borrow_rate) for row in rows], [_ppb(row.lend_rate) for row in rows]
    words = f"Borrow rate between {_span(borrow)} a year." if rows else ""
    series = {"borrow": borrow, "lend": lend}
    top = max(LEAST_TOP_PPB, *borrow) if borrow else LEAST_TOP_PPB
    return _history(rows, series, top=top, length=length, now=now)._replace(words=words)


def utilization_plot(rows: Sequence[RateRow], *, length: timedelta, now: datetime) -> HistoryPlot:
    """Return the utilization over the last `length`, up to now."""
    used = [min(_ppb(row.utilization), PPB) for row in rows]
    words = f"Utilization between {_span(used)}." if rows else ""
    plot = _history(rows, {"used": used}, top=PPB, length=length, now=now)
    return plot._replace(words=words)


def _history(
    rows: Sequence[RateRow],
    series: Mapping[str, Sequence[int]],
    *,
    top: int,
    length: timedelta,
    now: datetime,
) -> HistoryPlot:
    start = now - length
    xs = [_x(min(1.0, max(0.0, (row.at - start) / length))) for row in rows]
    lines = []
    for name, values in series.items():
        ys = [_y(value / top) for value in values]
        # What was noted last still holds.
        points = [*zip(xs, ys, strict=True), *[(_x(1), y) for y in ys[-1:]]]
        lines.append(Line(name, _line(points), _text(ys[-1]) if ys else ""))
    form = "%H:%M" if length <= timedelta(days=1) else "%d %b %Y"
    x_marks = [Mark(_text(_x(0)), f"{start:{form}}"), Mark(_text(_x(1)), f"now, {now:%H:%M} UTC")]
    return HistoryPlot(lines, x_marks, _rate_marks(top), "")


def _span(values: Sequence[int]) -> str:
    return f"{percent_text(min(values))} and {percent_text(max(values))}"


def _rate_at(curve: RateCurve, used_ppb: int) -> int:
    return borrow_rate(curve, used_ppb * RAY // PPB) // RAY_PER_PPB


def _rate_marks(top_ppb: int) -> list[Mark]:
    return [Mark(_text(_y(part / 2)), _short(top_ppb * part // 2)) for part in range(3)]


def _short(value_ppb: int) -> str:
    return percent_text(value_ppb).replace(".00%", "%")


def _ppb(text: str) -> int:
    return parse_decimal(text, 9)


def _x(part: float) -> float:
    return LEFT + (RIGHT - LEFT) * part


def _y(part: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * part


def _line(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(value: float) -> str:
    return f"{value:.1f}"
