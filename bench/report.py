"""The table which every part of the benchmark prints into."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

WIDTHS = (56, 12, 12, 11)


@dataclass
class Timing:
    """Wall clock and own CPU time of a stretch, in seconds."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed() -> Iterator[Timing]:
    """Measure the body."""
    timing = Timing()
    wall, cpu = time.perf_counter(), time.process_time()
    yield timing
    timing.wall = time.perf_counter() - wall
    timing.cpu = time.process_time() - cpu


def header() -> None:
    """Print what was measured on, and the head of the table."""
    engine = "compiled" if os.environ.get("COMPILED_ENGINE") else "plain Python"
    print(
        f"Python {platform.python_version()} on {platform.machine()}, {_cores()} cores; "
        f"the engine is {engine}"
    )
    print(_row("what", "per second", "CPU µs each", "p50/p99 ms"), "includes")
    print("-" * 130)


def line(
    what: str,
    *,
    rate: float | None = None,
    cpu_us: float | None = None,
    latency: str = "",
    includes: str,
) -> None:
    """Print one line of the table."""
    shown = "" if rate is None else f"{rate:,.0f}"
    cpu = "" if cpu_us is None else f"{cpu_us:.1f}"
    print(_row(what, shown, cpu, latency), includes)
    sys.stdout.flush()


def percentiles(seconds: list[float]) -> str:
    """Return "p50/p99" in milliseconds."""
    ordered = sorted(seconds)
    p50 = ordered[len(ordered) // 2] * 1000
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000
    return f"{p50:.1f}/{p99:.1f}"


def _row(*cells: str) -> str:
    what, *numbers = cells
    aligned = [cell.rjust(width) for cell, width in zip(numbers, WIDTHS[1:], strict=True)]
    return " ".join([what.ljust(WIDTHS[0]), *aligned]) + " "


def _cores() -> int:
    return len(os.sched_getaffinity(0))
