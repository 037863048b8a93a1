"""Start one program so that it can never outlive us, and stop it with all its children.

Each program leads its own session, so Ctrl-C in the terminal reaches only the supervisor; and the
kernel kills it when the supervisor dies, even by `kill -9`.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>
POLL_SECONDS = 0.02

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The unprivileged user a program runs as, when we are root."""

    uid: int
    gid: int


def nothing() -> None:
    """Do nothing: the default of a program's `before`."""


def always() -> bool:
    """Say yes: the default of a program's `answers`."""
    return True


@dataclass(frozen=True, kw_only=True)
class Program:
    """One line of the supervisor's table.

    `needs` names what must answer before this may start. `once` marks a job: it answers by ending
    with exit code 0, and any other end is final. `before` runs just before each start.
    `death_signal` is what the kernel sends when the supervisor itself is killed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    needs: tuple[str, ...] = ()
    once: bool = False
    before: Callable[[], None] = nothing
    answers: Callable[[], bool] = always
    owner: Owner | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL


def spawn(program: Program, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start `program`, with its output in `log`. Call from the main thread only.

    The kernel ties the death signal to the thread which forked: if it ends, its children die.
    """
    identity: dict[str, object] = {}
    if program.owner is not None:
        identity = {"user": program.owner.uid, "group": program.owner.gid, "extra_groups": []}
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        program.command,
        cwd=program.folder,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=partial(_die_with_parent, program.death_signal, os.getpid()),
        **identity,
    )


def _die_with_parent(death_signal: int, parent: int) -> None:
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died between fork and prctl: no signal would come any more
        os._exit(1)


def signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Send a signal to a program and to what it started; a group which has gone is fine."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Return whether `condition` came true within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def describe_exit(code: int) -> str:
    """Say in words how a process ended, from its return code.

    >>> describe_exit(-9), describe_exit(3)
    ('was killed by SIGKILL', 'ended with exit code 3')
    """
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
