"""Real engine processes on the test's database, for tests which kill them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings
from django.db import connection

from gateway.transport import parse_address

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0


class EngineProcess:
    """`manage.py run_engine` as a process of its own."""

    def __init__(self, address: str, log: Path) -> None:
        self.address = address
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "EngineProcess":
        """Start it; it may have to stand by."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run_engine"],
                cwd=ROOT,
                env={**os.environ, "DATABASE_URL": database_url(), "ENGINE_ADDRESS": self.address},
                stderr=log,
                stdout=log,
            )
        return self

    def wait_until_leading(self) -> "EngineProcess":
        """Return when it takes connections."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                parse_address(self.address).connect(1).close()
            except OSError:
                assert time.monotonic() < deadline, self.log.read_text()
                assert self.process is None or self.process.poll() is None, self.log.read_text()
                time.sleep(0.02)
            else:
                return self

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._signal(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        return self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


def database_url() -> str:
    """Return the URL of the test's database."""
    values = connection.settings_dict
    user, password = values["USER"], values["PASSWORD"]
    host, port = values["HOST"], values["PORT"]
    if host.startswith("/"):
        return f"postgresql://{user}:{password}@/{settings_name()}?host={host}"
    return f"postgresql://{user}:{password}@{host}:{port}/{settings_name()}"


def settings_name() -> str:
    """Return the name of the test's database."""
    return str(settings.DATABASES["default"]["NAME"])
