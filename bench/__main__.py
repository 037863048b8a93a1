"""Run the benchmark, whole or one part of it."""

import sys
from importlib import import_module

from bench import report
from launcher.compiled import use_if_asked

# Each part's module and function. A module is imported when its turn comes: the engine alone needs
# no database and no Django, and must not be measured beside them.
PARTS = {
    "engine": ("bench.engine", "measure"),
    "looks": ("bench.looks", "measure"),
    "recovery": ("bench.recovery", "measure"),
    "settlement": ("bench.settlement", "measure"),
    "cascade": ("bench.cascade", "measure"),
    "commit": ("bench.commit", "measure"),
    "rest": ("bench.live", "measure_rest"),
    "market-data": ("bench.market_data", "measure"),
    "ws": ("bench.live_sockets", "measure"),
}
# These need a database to themselves; all but the last leave it empty.
ALONE = ("recovery", "settlement", "cascade", "commit")


def main(names: list[str]) -> int:
    """Run the named parts, or all; return the exit status."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"unknown part {unknown[0]}; choose from: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    use_if_asked()
    report.header()
    for name in names or PARTS:
        module, function = PARTS[name]
        if name in ALONE:
            import_module("bench.database").prepare()
        getattr(import_module(module), function)()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
