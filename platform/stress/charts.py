"""Where the lines of a report's chart go: each index in per cent of where it began.

The numbers are for drawing only; floats are fine for that.
"""

from typing import NamedTuple

from stress.report import Report

LEFT, RIGHT, TOP, BOTTOM = 44, 350, 12, 164
# More lines than these cannot be told apart: those that moved most are drawn.
MOST_LINES = 8


class Line(NamedTuple):
    """An asset's index; names stand beside the chart, where those of equal lines do not overlap."""

    asset: str
    points: str


class Plot(NamedTuple):
    """The chart: lines, and what stands at its axes as (place, text)."""

    lines: list[Line]
    x_marks: list[tuple[str, str]]
    y_marks: list[tuple[str, str]]


def price_plot(report: Report) -> Plot | None:
    """Return the chart of the indexes that moved; None if there is nothing to draw."""
    first, last = report.path[0], report.path[-1]
    if not last.second:
        return None
    moved: dict[str, list[float]] = {}
    for asset, began in first.index_e8.items():
        shares = [point.index_e8[asset] / began - 1 for point in report.path]
        if max(shares) != min(shares):
            moved[asset] = shares
    chosen = sorted(moved, key=lambda asset: -max(map(abs, moved[asset])))[:MOST_LINES]
    if not chosen:
        return None
    low = min(0.0, *(min(moved[asset]) for asset in chosen))
    high = max(0.0, *(max(moved[asset]) for asset in chosen))
    span = (high - low) or 1.0
    lines = [
        Line(
            asset,
            " ".join(
                f"{_x(point.second / last.second):.1f},{_y((share - low) / span):.1f}"
                for point, share in zip(report.path, moved[asset], strict=True)
            ),
        )
        for asset in sorted(chosen)
    ]
    marks = sorted({low, 0.0, high} if low and high else {low, high, (low + high) / 2})
    return Plot(
        lines=lines,
        x_marks=[(f"{_x(part):.1f}", f"{last.second * part:,.0f} s") for part in (0, 0.5, 1)],
        y_marks=[(f"{_y((mark - low) / span):.1f}", _percent(mark)) for mark in marks],
    )


def _percent(share: float) -> str:
    return f"{share * 100:+.0f} %" if share else "0 %"


def _x(part: float) -> float:
    return LEFT + (RIGHT - LEFT) * part


def _y(part: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * part
