"""Run one command with a PostgreSQL and a Valkey of its own, which vanish with it; for tests."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from launcher import programs
from launcher.environment import open_site
from launcher.failure import CannotRun
from launcher.processes import describe_exit
from launcher.run import say, supervise
from launcher.supervisor import STOP_SECONDS, TICK_SECONDS, Supervisor


def run_with_services(command: list[str]) -> int:
    """Return the exit code of `command`, run with DATABASE_URL, REDIS_URL and SECRET_KEY set."""
    with tempfile.TemporaryDirectory(prefix="satchel-services-") as name:
        Path(name).chmod(0o755)
        site = open_site(Path(name))
        supervisor = supervise(site, say)
        try:
            found = programs.services(site)
            supervisor.add(found.programs)
            supervisor.wait_until_all_answer()
            if supervisor.stopping:
                return 1
            environment = {
                "DEMO": "1",
                "SECURE_COOKIES": "0",
                "ENGINE_ADDRESS": site.engine_address,
                **found.environment,
            }
            return _run(command, environment, supervisor)
        finally:
            supervisor.stop(programs.STOP_ORDER)
            shutil.rmtree(site.sockets, ignore_errors=True)


def _run(command: list[str], environment: dict[str, str], supervisor: Supervisor) -> int:
    """Run `command` in our terminal's group, and keep the services up meanwhile."""
    try:
        process = subprocess.Popen(command, env=environment)
    except OSError as error:
        raise CannotRun(f"Cannot run {command[0]} ({error.strerror}).") from error
    try:
        while process.poll() is None:
            if supervisor.stopping:
                process.terminate()
                process.wait(STOP_SECONDS)
            supervisor.tick()
            time.sleep(TICK_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode < 0:
        say(f"{command[0]} {describe_exit(process.returncode)}.")
        return 1
    return process.returncode
