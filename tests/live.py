"""A whole live demo exchange, as `make run` starts it, for tests to trade on and to break."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from launcher.environment import open_site
from launcher.postgres import NAME

ROOT = Path(__file__).resolve().parents[1]
LAUNCHER = (sys.executable, "-m", "launcher")
START_SECONDS = 180.0
STOP_SECONDS = 60.0
# These would send the exchange to the services of the test run.
OTHERS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "CACHE_URL", "ENGINE_ADDRESS", "DATA")


# Fewer are a book that is still being filled.
QUOTED_LEVELS = 5


class LiveExchange:
    """A running exchange. `facts` is its demo.json, and `exchange["rest"]` reads from it."""

    def __init__(self, data: Path, *, port: int | None = None) -> None:
        self.data = data
        self.port = port or free_port()
        self.facts: dict[str, Any] = {}
        self.output = data.with_name(data.name + ".out")
        self._process: subprocess.Popen[bytes] | None = None

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]

    def start(self) -> float:
        """Start, wait until demo.json is written, and return how many seconds that took."""
        began = time.monotonic()
        facts = self.data / "demo.json"
        facts.unlink(missing_ok=True)
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [*LAUNCHER, "run", "--port", str(self.port), "--data", str(self.data)],
                cwd=ROOT,
                env=exchange_environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not facts.exists():
            ended = self._process.poll() is not None
            if ended or time.monotonic() - began > START_SECONDS:
                raise AssertionError(f"the exchange did not start; it said:\n{self.said()}")
            time.sleep(0.05)
        self.facts = json.loads(facts.read_text(encoding="utf-8"))
        return time.monotonic() - began

    def wait_until_alive(self, *, seconds: float = 90.0) -> None:
        """Return when the market makers quote both sides of every market and all have traded."""
        deadline = time.monotonic() + seconds
        waiting = [market["symbol"] for market in self._read("/api/v1/markets")]
        while waiting := [symbol for symbol in waiting if not self._is_alive(symbol)]:
            assert time.monotonic() < deadline, f"nobody trades in {waiting}: {self.said()}"
            time.sleep(0.2)

    def _is_alive(self, symbol: str) -> bool:
        depth = self._read(f"/api/v1/depth?symbol={symbol}")
        sides = min(len(depth["bids"]), len(depth["asks"]))
        return sides >= QUOTED_LEVELS and bool(self._read(f"/api/v1/trades?symbol={symbol}"))

    def _read(self, path: str) -> Any:
        answer = requests.get(self["rest"] + path, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def database_url(self) -> str:
        """Return where its PostgreSQL listens."""
        site = open_site(self.data)
        password, sockets = quote(site.postgres_password), quote(str(site.sockets / "postgres"))
        return f"postgresql://{NAME}:{password}@/{NAME}?host={sockets}"

    def stop(self) -> int:
        """Stop as Ctrl-C does and return the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def said(self) -> str:
        """Return what the launcher has printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def pid(self, name: str) -> int:
        """Return the process id of one of its programs: engine, edge, postgres, valkey, ..."""
        if name == "launcher":
            assert self._process is not None
            return self._process.pid
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            running = json.loads((self.data / "processes.json").read_text(encoding="utf-8"))
            if name in running:
                return int(running[name])
            time.sleep(0.05)
        raise AssertionError(f"{name} is not running; the launcher said:\n{self.said()}")

    def kill(self, name: str) -> int:
        """kill -9 one of its programs and return the process id it had."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_restart(self, name: str, old_pid: int, *, seconds: float = 30.0) -> int:
        """Return the new process id of a program which was killed."""
        end = time.monotonic() + seconds
        while (pid := self.pid(name)) == old_pid:
            assert time.monotonic() < end, f"{name} was not restarted:\n{self.said()}"
            time.sleep(0.02)
        return pid


@contextmanager
def running(folder: Path) -> Iterator[LiveExchange]:
    """Yield a live demo exchange with its data in `folder`: its markets are quoted and traded."""
    exchange = LiveExchange(folder / "data")
    try:
        exchange.start()
        exchange.wait_until_alive()
        yield exchange
    finally:
        exchange.stop()


def exchange_environment() -> dict[str, str]:
    """Return our environment without what would bind an exchange to this test run."""
    # Empty, not absent: what stands in a developer's .env would fill the gap.
    own = {**os.environ, **dict.fromkeys(OTHERS, ""), "PYTHONPATH": str(ROOT / "platform")}
    # The tests ask more in a minute than a bot may; the limit itself has tests of its own.
    return own | {"SIGNED_REQUESTS_PER_MINUTE": "100000", "UNSIGNED_REQUESTS_PER_MINUTE": "100000"}


def free_port() -> int:
    """Return a TCP port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
