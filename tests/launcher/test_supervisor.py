"""The supervisor on stand-in programs: real processes, really killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.failure import CannotRun
from launcher.logs import LIMIT_BYTES, Log
from launcher.processes import Program, wait_until
from launcher.supervisor import FAILURES_LIMIT, Supervisor

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Stage:
    """A supervisor with what it said, and programs made of Python one-liners."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor = Supervisor(
            log_folder=folder, say=self.said.append, on_change=lambda: None
        )

    def program(
        self,
        name: str,
        code: str = SLEEP,
        *,
        needs: tuple[str, ...] = (),
        once: bool = False,
        answers: Callable[[], bool] = lambda: True,
    ) -> None:
        command = (sys.executable, "-c", code)
        self.supervisor.add(
            [
                Program(
                    name=name,
                    command=command,
                    environment=os.environ,
                    folder=self.folder,
                    needs=needs,
                    once=once,
                    answers=answers,
                )
            ]
        )

    def pid(self, name: str) -> int | None:
        return self.supervisor.children[name].pid

    def tick_until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        def ticked() -> bool:
            self.supervisor.tick()
            return condition()

        assert wait_until(ticked, seconds=seconds), self.said


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.supervisor.stop([tuple(made.supervisor.children)])


def test_a_program_starts_only_when_what_it_needs_answers(stage: Stage) -> None:
    flag = stage.folder / "ready"
    stage.program("below", answers=flag.exists)
    stage.program("above", needs=("below",))
    for _ in range(5):
        stage.supervisor.tick()
    assert stage.pid("below") is not None
    assert stage.pid("above") is None
    flag.touch()
    stage.supervisor.wait_until_all_answer()
    assert stage.pid("above") is not None


def test_a_job_runs_once_and_what_needs_it_waits_for_its_end(stage: Stage) -> None:
    stage.program(
        "job", "import time, pathlib; time.sleep(.3); pathlib.Path('done').touch()", once=True
    )
    done = stage.folder / "done"
    seen: list[bool] = []

    def note() -> bool:
        seen.append(done.exists())
        return True

    stage.program("after", needs=("job",), answers=note)
    stage.supervisor.wait_until_all_answer()
    assert seen == [True]
    assert stage.pid("job") is None


def test_a_job_that_fails_ends_the_run_and_quotes_its_log(stage: Stage) -> None:
    stage.program("migrate", "raise SystemExit('the table is missing')", once=True)
    with pytest.raises(CannotRun, match=r"(?s)migrate ended with exit code 1.*table is missing"):
        stage.supervisor.wait_until_all_answer()


def test_a_killed_program_starts_again_and_each_event_is_one_sentence(stage: Stage) -> None:
    stage.program("engine")
    stage.supervisor.wait_until_all_answer()
    first = stage.pid("engine")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    stage.tick_until(lambda: stage.pid("engine") not in (None, first))
    stage.tick_until(lambda: stage.supervisor.children["engine"].answered)
    assert stage.said[0] == "engine was killed by SIGKILL; it starts again in 0.2 s."
    assert stage.said[1].startswith("engine answers again")


def test_many_kills_in_a_row_do_not_end_the_run(stage: Stage) -> None:
    stage.program("engine")
    stage.supervisor.wait_until_all_answer()
    child = stage.supervisor.children["engine"]
    for _ in range(FAILURES_LIMIT + 2):
        stage.tick_until(lambda: child.pid is not None)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        stage.tick_until(lambda: child.pid is None)
        child.start_at = 0.0  # the growing pause is another test's subject
    stage.tick_until(lambda: child.answered)


def test_a_program_that_keeps_failing_ends_the_run_with_the_end_of_its_log(stage: Stage) -> None:
    stage.program(
        "edge", "print('no such table: orders'); raise SystemExit(3)", answers=lambda: False
    )
    with pytest.raises(CannotRun) as caught:
        stage.supervisor.wait_until_all_answer()
    sentence, quoted = str(caught.value).split("\n", 1)
    assert f"edge ended with exit code 3, {FAILURES_LIMIT} times in a row" in sentence
    assert "no such table: orders" in quoted
    pauses = [line.rsplit(" in ", 1)[1] for line in stage.said]
    assert pauses == ["0.2 s.", "0.4 s.", "0.8 s.", "1.6 s.", "3.2 s."]


def test_what_a_dead_program_left_in_its_group_is_killed_too(stage: Stage) -> None:
    code = (
        "import os, subprocess, sys, pathlib;"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]);"
        "pathlib.Path('child').write_text(str(child.pid)); os.kill(os.getpid(), 9)"
    )
    stage.program("edge", code, answers=lambda: False)
    stage.tick_until(lambda: len(stage.said) > 0)
    orphan = int((stage.folder / "child").read_text())
    assert wait_until(lambda: not _alive(orphan), seconds=5)


def test_a_program_which_does_not_stop_in_time_is_killed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launcher.supervisor.STOP_SECONDS", 0.5)
    stage.program("deaf", "print(1, flush=True);" + DEAF)
    stage.supervisor.wait_until_all_answer()
    assert wait_until(lambda: (stage.folder / "deaf.log").stat().st_size > 0, seconds=10)
    pid = stage.pid("deaf")
    assert pid is not None
    stage.supervisor.stop([("deaf",)])
    assert not _alive(pid)
    assert stage.said == ["deaf did not stop in time and was killed."]


def test_groups_stop_in_order_and_nothing_stops_before_its_users(stage: Stage) -> None:
    code = (
        "import signal, sys, time, pathlib\n"
        "def end(*_):\n"
        "    time.sleep({delay}); pathlib.Path('{name}').write_text(str(time.time())); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); pathlib.Path('{name}.up').touch(); time.sleep(600)"
    )
    for name, delay in (("asker", 0.3), ("keeper", 0.0)):
        up = stage.folder / f"{name}.up"
        stage.program(name, code.format(name=name, delay=delay), answers=up.exists)
    stage.supervisor.wait_until_all_answer()
    stage.supervisor.stop([("asker",), ("keeper",)])
    asker, keeper = (float((stage.folder / name).read_text()) for name in ("asker", "keeper"))
    assert asker < keeper


def test_kill_9_of_the_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path\n"
        "from launcher.supervisor import Supervisor; from launcher.processes import Program\n"
        "here = Path(sys.argv[1])\n"
        "s = Supervisor(log_folder=here, say=print, on_change=lambda: None)\n"
        f"command = (sys.executable, '-c', {DEAF!r})\n"
        "s.add([Program(name='deaf', command=command, environment=os.environ, folder=here)])\n"
        "s.wait_until_all_answer(); print(s.children['deaf'].pid, flush=True); time.sleep(600)"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "platform")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    assert _alive(child)
    supervisor.kill()
    supervisor.wait()
    assert wait_until(lambda: not _alive(child), seconds=5)


def test_a_log_is_cut_at_its_limit_while_its_program_goes_on_writing(tmp_path: Path) -> None:
    log = Log(tmp_path / "engine.log")
    with log.open() as writer:
        writer.write(b"old\n" * (LIMIT_BYTES // 4 + 1))
        log.bound()
        writer.write(b"new\n")
    assert log.path.read_bytes() == b"new\n"
    assert log.path.with_suffix(".log.1").stat().st_size > LIMIT_BYTES
    assert log.last_lines() == "    new"


def _alive(pid: int) -> bool:
    """A zombie that its new parent has not collected yet counts as dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
