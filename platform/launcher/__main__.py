"""`python -m launcher run`, `... services -- COMMAND ...` and `... compile`."""

import argparse
import errno
import os
import sys
from pathlib import Path
from typing import NoReturn

from launcher import compiled
from launcher.environment import unwritable
from launcher.failure import CannotRun
from launcher.run import run
from launcher.services import run_with_services

INTERRUPTED = 130  # as a shell reports it: 128 + SIGINT


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    try:
        options = _parser().parse_args(arguments)
        if options.action == "services":
            return run_with_services(options.command)
        if options.action == "compile":
            compiled.build()
            return 0
        run(port=options.port, data=options.data, feed=options.feed)
    except KeyboardInterrupt:  # before there was anything to stop in order
        return INTERRUPTED
    except CannotRun as failure:
        print(failure, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}:
            raise
        print(unwritable(Path(error.filename or options.data), error), file=sys.stderr)
        return 1
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CannotRun(f"Cannot run this: {message}.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m launcher", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    demo = actions.add_parser("run", help="run a demo exchange until Ctrl-C")
    demo.add_argument("--port", type=int, default=os.environ.get("PORT", "8000"))
    demo.add_argument("--data", type=Path, default=os.environ.get("DATA", "var"))
    feeds = ("walk", "ccxt", "tape")
    demo.add_argument("--feed", choices=feeds, default=os.environ.get("FEED", "walk"))
    services = actions.add_parser("services", help="run a command with its own services")
    services.add_argument("command", nargs="+")
    actions.add_parser("compile", help="compile the engine, for COMPILED_ENGINE=1")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
