"""Keep a table of programs running: start in order of need, restart what dies, stop all cleanly.

Single-threaded: everything happens in `tick`, in the main thread. Each event is one sentence.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from launcher.failure import CannotRun
from launcher.logs import Log
from launcher.processes import Program, describe_exit, signal_group, spawn, wait_until

TICK_SECONDS = 0.05
PROBE_SECONDS = 0.1
BACKOFF_FIRST_SECONDS = 0.2
BACKOFF_LIMIT_SECONDS = 5.0
# A program which lived this long was well: its next death starts the count anew.
WELL_AFTER_SECONDS = 10.0
# Ending by itself over and over is a fault which restarting does not heal ...
FAILURES_LIMIT = 6
# ... being killed from outside usually is not, so it may happen more often.
KILLS_LIMIT = 40
STOP_SECONDS = 10.0
ANSWER_SECONDS = 90.0

Say = Callable[[str], None]


class Supervised:
    """One program of the table with what is known of its process."""

    def __init__(self, program: Program, log: Log) -> None:
        self.program = program
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.answered = False
        self.done = False
        self.deaths = 0
        self.start_at = 0.0
        self.started_at = 0.0
        self.probe_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid if self.process is not None else None


class Supervisor:
    """Runs programs until told to stop; `on_change` is called after each start and death."""

    def __init__(self, *, log_folder: Path, say: Say, on_change: Callable[[], None]) -> None:
        self.children: dict[str, Supervised] = {}
        self.stopping = False
        self._log_folder = log_folder
        self._say = say
        self._on_change = on_change

    def add(self, programs: Iterable[Program]) -> None:
        """Put programs on the table; each starts with a tick, when what it needs answers."""
        for program in programs:
            log = Log(self._log_folder / f"{program.name}.log")
            self.children[program.name] = Supervised(program, log)

    def wait_until_all_answer(self) -> None:
        """Tick until each program answers and each job is done, or until told to stop."""
        end = time.monotonic() + ANSWER_SECONDS
        while not self.stopping:
            self.tick()
            silent = [name for name, child in self.children.items() if not child.answered]
            if not silent:
                return
            if time.monotonic() > end:
                child = self.children[silent[0]]
                raise CannotRun(
                    f"{silent[0]} does not answer after {ANSWER_SECONDS:.0f} seconds; "
                    f"the end of its log {child.log.path}:\n{child.log.last_lines()}"
                )
            time.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Look at each program once: reap, start, ask whether it answers."""
        for child in self.children.values():
            if child.process is not None and child.process.poll() is not None:
                self._reap(child)
            elif child.process is None and not child.done:
                self._start_if_due(child)
            elif not child.answered and time.monotonic() >= child.probe_at:
                self._probe(child)

    def bound_logs(self) -> None:
        """Cut logs which have grown too large."""
        for child in self.children.values():
            child.log.bound()

    def stop(self, order: Iterable[tuple[str, ...]]) -> None:
        """Stop programs group by group; one which does not end in time is killed."""
        for group in order:
            running = [
                child for name in group if (child := self.children.get(name)) and child.process
            ]
            for child in running:
                self._signal(child, child.program.stop_signal)
            if not wait_until(lambda r=running: _all_ended(r), seconds=STOP_SECONDS):  # type: ignore[misc]
                for child in running:
                    if child.process is not None and child.process.poll() is None:
                        self._say(f"{child.program.name} did not stop in time and was killed.")
            for child in running:
                self._signal(child, signal.SIGKILL)
                if child.process is not None:
                    child.process.wait()
                    child.process = None
        self._on_change()

    def _start_if_due(self, child: Supervised) -> None:
        needs = (self.children[name] for name in child.program.needs)
        if time.monotonic() < child.start_at or not all(need.answered for need in needs):
            return
        child.program.before()
        with child.log.open() as log:
            child.process = spawn(child.program, log)
        child.started_at = child.probe_at = time.monotonic()
        self._on_change()

    def _probe(self, child: Supervised) -> None:
        if child.program.once:
            return
        child.answered = child.program.answers()
        child.probe_at = time.monotonic() + PROBE_SECONDS
        if child.answered and child.deaths:
            waited = time.monotonic() - child.started_at
            self._say(f"{child.program.name} answers again ({waited:.1f} s after its restart).")

    def _reap(self, child: Supervised) -> None:
        assert child.process is not None
        code = child.process.wait()
        signal_group(child.process, signal.SIGKILL)  # what it left behind in its group
        lived = time.monotonic() - child.started_at
        child.process = None
        child.answered = False
        if child.program.once:
            self._end_job(child, code)
        else:
            self._plan_restart(child, code, lived)
        self._on_change()

    def _end_job(self, child: Supervised, code: int) -> None:
        if code != 0:
            raise CannotRun(
                f"{child.program.name} {describe_exit(code)}; "
                f"the end of its log {child.log.path}:\n{child.log.last_lines()}"
            )
        child.done = child.answered = True

    def _plan_restart(self, child: Supervised, code: int, lived: float) -> None:
        child.deaths = 1 if lived >= WELL_AFTER_SECONDS else child.deaths + 1
        how = describe_exit(code)
        killed = code == -signal.SIGKILL
        limit = KILLS_LIMIT if killed else FAILURES_LIMIT
        if child.deaths >= limit:
            raise CannotRun(
                f"{child.program.name} {how}, {child.deaths} times in a row, so the run ends; "
                f"the end of its log {child.log.path}:\n{child.log.last_lines()}"
            )
        # Waiting longer heals a fault of its own at times; it never helps against a kill.
        doublings = 0 if killed else child.deaths - 1
        pause = min(BACKOFF_FIRST_SECONDS * 2**doublings, BACKOFF_LIMIT_SECONDS)
        child.start_at = time.monotonic() + pause
        self._say(f"{child.program.name} {how}; it starts again in {pause:.1f} s.")

    def _signal(self, child: Supervised, number: signal.Signals) -> None:
        if child.process is not None:
            signal_group(child.process, number)


def _all_ended(children: list[Supervised]) -> bool:
    return all(child.process is None or child.process.poll() is not None for child in children)
