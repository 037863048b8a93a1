"""Run the benchmark, whole or one part of it."""

import sys

from bench import report

PARTS = ("engine", "commit", "rest", "ws")


def main(names: list[str]) -> int:
    """Run the named parts, or all; return the exit status."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"unknown part {unknown[0]}; choose from: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    report.header()
    for part in names or PARTS:
        if part == "engine":
            from bench.engine import measure
        elif part == "commit":
            from bench.commit import measure
        else:
            from bench.live import measure_rest, measure_ws

            measure = measure_rest if part == "rest" else measure_ws
        measure()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
